//! JSON text of whole trees, with the scalars of `turbo-json`; `serde_json` beside it. Then decoding, by others only.
//!
//! The walker here visits a `serde_json::Value` where the engine visits Python objects, so `encode` shows what the
//! text itself costs. The engine has no decoder of its own: pydantic-core parses bodies. `decode` says what a decoder
//! in Rust costs before the first Python object is made; `benchmarks/json_encoding.py` and
//! `benchmarks/request_parts.py` have both with Python objects.
#![allow(clippy::unwrap_used, reason = "a benchmark stops when it is wrong")]

mod suite;

use std::hint::black_box;

use criterion::Throughput;
use serde_json::{Value, json};
use simd_json::prelude::Writable;
use suite::Suite;
use turbo_json::{push_float, push_integer, push_string};

fn write(text: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => text.extend_from_slice(b"null"),
        Value::Bool(true) => text.extend_from_slice(b"true"),
        Value::Bool(false) => text.extend_from_slice(b"false"),
        Value::Number(number) => match number.as_i64() {
            Some(integer) => push_integer(text, integer),
            None => assert!(push_float(text, number.as_f64().unwrap())),
        },
        Value::String(string) => push_string(text, string),
        Value::Array(items) => {
            text.push(b'[');
            for (number, item) in items.iter().enumerate() {
                if number > 0 {
                    text.push(b',');
                }
                write(text, item);
            }
            text.push(b']');
        }
        Value::Object(members) => {
            text.push(b'{');
            for (number, (name, member)) in members.iter().enumerate() {
                if number > 0 {
                    text.push(b',');
                }
                push_string(text, name);
                text.push(b':');
                write(text, member);
            }
            text.push(b'}');
        }
    }
}

/// The trees of `benchmarks/json_encoding.py`.
fn trees() -> [(&'static str, Value); 8] {
    let row =
        |id: usize| json!({"id": id, "name": "a name", "price": 12.5, "done": false, "tags": ["one", "two"]});
    [
        ("hello", json!({"message": "hello"})),
        ("row", row(12)),
        ("100-rows", (0..100).map(row).collect()),
        ("1000-floats", (0..1000).map(|number| f64::from(number) / 7.0).collect()),
        ("1000-integers", (0..1000).collect()),
        ("64KB-ascii", json!("text with spaces ".repeat(3855))),
        ("64KB-greek", json!("κείμενο ".repeat(4369))),
        ("16KB-escaped", json!("quote \" and\n".repeat(1365))),
    ]
}

fn encode(suite: &mut Suite) {
    let mut group = suite.group("json/encode");
    for (name, tree) in trees() {
        let want = tree.to_string().into_bytes();
        group.throughput(Throughput::Bytes(want.len() as u64));
        let mut text = Vec::new();
        write(&mut text, &tree);
        assert!(text == want, "{name}");
        group.case(name, || {
            text.clear();
            write(&mut text, black_box(&tree));
            assert_eq!(text.len(), want.len());
        });
        group.rival(&format!("{name}/serde_json"), None, || {
            text.clear();
            serde_json::to_writer(&mut text, black_box(&tree)).unwrap();
            assert_eq!(text.len(), want.len());
        });
    }
}

fn decode(suite: &mut Suite) {
    let mut group = suite.group("json/decode");
    for (name, tree) in trees() {
        let text = tree.to_string();
        group.throughput(Throughput::Bytes(text.len() as u64));
        assert!(serde_json::from_str::<Value>(&text).unwrap() == tree, "{name}");
        let by_simd = simd_json::to_owned_value(&mut text.clone().into_bytes()).unwrap();
        assert!(serde_json::from_str::<Value>(&by_simd.encode()).unwrap() == tree, "{name}");
        group.rival(&format!("{name}/serde_json"), None, || {
            serde_json::from_slice::<Value>(black_box(text.as_bytes())).unwrap()
        });
        // It decodes strings in place, so a copy of what came from the socket is part of its work.
        let mut copy = Vec::new();
        group.rival(&format!("{name}/simd-json"), None, || {
            copy.clear();
            copy.extend_from_slice(text.as_bytes());
            simd_json::to_owned_value(black_box(&mut copy)).unwrap()
        });
    }
}

fn main() {
    suite::run(&[encode, decode]);
}
