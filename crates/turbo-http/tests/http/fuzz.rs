//! Arbitrary bytes in arbitrary pieces: the server neither panics nor hangs, and goes on serving.

use std::cell::Cell;
use std::sync::Once;

use http::{Request, Response};
use http_body_util::BodyExt;
use proptest::prelude::*;
use proptest::test_runner::{Config as Cases, TestRunner};
use tokio::io::AsyncWriteExt;
use turbo_http::{Connection, RequestBody};

use crate::support::{Answer, Fixture, Server, full, patiently};

thread_local! {
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// Panics in tasks end only those, so they are counted where they happen: tests run on a thread each.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICS.with(|panics| panics.set(panics.get() + 1));
            print(info);
        }));
    });
}

/// Pieces of requests, whole and broken, so that random sequences of them get somewhere.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /a?b=c HTTP/1.1\r\n",
        "HEAD / HTTP/1.0\r\n",
        "CONNECT a:1 HTTP/1.1\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "GET / HTTP/1.1\n",
        "host: a\r\n",
        "host: a\r\n\r\n",
        "Content-Length: 5\r\n",
        "content-length: 99999999999999999999\r\n",
        "transfer-encoding: chunked\r\n",
        "Transfer-Encoding: gzip\r\n",
        "connection: close\r\n",
        "connection: upgrade\r\nupgrade: websocket\r\n",
        "expect: 100-continue\r\n",
        "\r\n",
        "\n",
        "\r\n\r\n",
        "5\r\nhello\r\n",
        "5;ext=1\r\nhello\r\n",
        "0\r\n\r\n",
        "0\r\ntrailer: x\r\n\r\n",
        "fffffffffffffffff\r\n",
        "hello",
        ": x\r\n",
        " folded\r\n",
    ]);
    prop_oneof![
        8 => known.prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (1..20_000_usize).prop_map(|length| vec![b'x'; length]),
    ]
}

/// Reads the body or not, waits or not, as the path and method have it.
fn moody() -> impl Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static {
    |request, connection| {
        Box::pin(async move {
            match *request.method() {
                http::Method::POST => {
                    let bytes = request.into_body().collect().await?.to_bytes();
                    Ok(Response::new(full(bytes)))
                }
                http::Method::HEAD => {
                    connection.close_after_response();
                    tokio::task::yield_now().await;
                    Ok(Response::new(full("closing")))
                }
                _ => Ok(Response::new(full("unread"))),
            }
        })
    }
}

async fn survives(server: &Server, pieces: &[Vec<u8>], turns: usize) {
    let mut client = server.connect().await;
    for piece in pieces {
        // The server may have hung up already, which is its right.
        if client.stream.write_all(piece).await.is_err() {
            break;
        }
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    }
    let _ = client.stream.shutdown().await;
    while client.fill().await {
        client.buffer.clear();
    }
    server.open_connections(0).await;
}

#[test]
fn arbitrary_bytes_neither_panic_nor_hang() {
    count_panics();
    let cases = prop::collection::vec((prop::collection::vec(piece(), 0..12), 0..4_usize), 20);
    let mut runner = TestRunner::new(Cases { cases: 40, failure_persistence: None, ..Cases::default() });
    let before = PANICS.get();
    let result = runner.run(&cases, |connections| {
        Fixture::new(moody()).run(async |server| {
            for (pieces, turns) in &connections {
                patiently(survives(server, pieces, *turns)).await;
            }
        });
        prop_assert_eq!(PANICS.get(), before, "a connection's task panicked");
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// The check above can fail.
#[test]
fn panics_in_connection_tasks_are_noticed() {
    count_panics();
    let before = PANICS.get();
    let handler = |_: Request<RequestBody>, _: Connection| -> Answer { panic!("asked to") };
    Fixture::new(handler).run(async |server| {
        survives(server, &[b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec()], 0).await;
    });
    assert_eq!(PANICS.get(), before + 1);
}
