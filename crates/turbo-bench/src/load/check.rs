//! Is an answer right?

use std::cell::RefCell;
use std::io::Read;

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::Value;

use super::plan::{Case, bytes};
use crate::response::Head;

/// Rows of the table `world` have ids from 1 to this.
const WORLDS: u64 = 10_000;
/// Bodies of one case that have been found right and need no second look.
const REMEMBERED: usize = 16;
const LONGEST_REMEMBERED: usize = 64 * 1024;

/// What the body has to be.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Check {
    /// These bytes.
    Exact(#[serde(deserialize_with = "bytes")] Vec<u8>),
    /// One of these values, however it is written.
    Json(Vec<Value>),
    /// Rows of the table `world`.
    Worlds(Worlds),
    /// So many server-sent events whose data are consecutive numbers.
    Events(usize),
}

/// Rows `{"id": .., "randomNumber": ..}`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Worlds {
    /// A list of so many, or one row that is not in a list.
    count: Option<usize>,
    /// Nothing has been updated since the table was filled: the number follows from the id.
    fresh: bool,
}

/// Looks at answers, and remembers which have been right.
#[derive(Debug)]
pub struct Checker<'a> {
    case: &'a Case,
    right: RefCell<Vec<Vec<u8>>>,
}

impl<'a> Checker<'a> {
    /// A checker that has seen nothing.
    #[must_use]
    pub fn new(case: &'a Case) -> Self {
        Checker { case, right: RefCell::default() }
    }

    /// The status, the encoding and the body are what they have to be.
    #[must_use]
    pub fn response(&self, head: &Head, body: &[u8]) -> bool {
        let encoded = self.case.gzip.is_none_or(|gzip| gzip == head.gzip);
        head.status == self.case.status && encoded && self.body(body)
    }

    /// The body is what it has to be, for a message on a WebSocket too.
    #[must_use]
    pub fn body(&self, body: &[u8]) -> bool {
        let compressed = self.case.gzip == Some(true);
        if let (Check::Exact(expected), false) = (&self.case.check, compressed) {
            return expected == body;
        }
        if self.right.borrow().iter().any(|known| known == body) {
            return true;
        }
        let right = if compressed {
            let mut plain = Vec::new();
            GzDecoder::new(body).read_to_end(&mut plain).is_ok() && self.case.check.holds(&plain)
        } else {
            self.case.check.holds(body)
        };
        // Rows that are drawn by chance do not come again.
        if right && body.len() <= LONGEST_REMEMBERED && !matches!(self.case.check, Check::Worlds(_)) {
            let mut known = self.right.borrow_mut();
            if known.len() == REMEMBERED {
                known.remove(0);
            }
            known.push(body.to_vec());
        }
        right
    }
}

impl Check {
    fn holds(&self, body: &[u8]) -> bool {
        match self {
            Check::Exact(expected) => expected == body,
            Check::Json(expected) => {
                serde_json::from_slice::<Value>(body).is_ok_and(|value| expected.contains(&value))
            }
            Check::Worlds(worlds) => worlds.hold(body),
            Check::Events(count) => events(body).is_some_and(|numbers| {
                numbers.len() == *count && numbers.windows(2).all(|pair| pair[1] == pair[0] + 1)
            }),
        }
    }
}

impl Worlds {
    /// The number that a row has at first; `benchmarks/compare/database.py` fills the table with it.
    fn number(id: u64) -> u64 {
        id * 7_919 % WORLDS + 1
    }

    fn hold(self, body: &[u8]) -> bool {
        let right = |row: &Value| {
            let (Some(id), Some(number)) = (row["id"].as_u64(), row["randomNumber"].as_u64()) else {
                return false;
            };
            (1..=WORLDS).contains(&id)
                && (1..=WORLDS).contains(&number)
                && (!self.fresh || number == Self::number(id))
                && row.as_object().is_some_and(|row| row.len() == 2)
        };
        match (serde_json::from_slice(body), self.count) {
            (Ok(Value::Array(rows)), Some(count)) => rows.len() == count && rows.iter().all(right),
            (Ok(row), None) => right(&row),
            _ => false,
        }
    }
}

/// The numbers of an event stream that has nothing but `data` fields (the "Server-sent events" chapter of WHATWG HTML).
fn events(body: &[u8]) -> Option<Vec<u64>> {
    let text = std::str::from_utf8(body).ok()?.replace("\r\n", "\n");
    text.strip_suffix("\n\n")?.split("\n\n").map(|event| event.strip_prefix("data: ")?.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::{Check, Checker};
    use crate::load::plan::Case;

    fn holds(check: &str, body: &[u8]) -> bool {
        serde_json::from_str::<Check>(check).unwrap().holds(body)
    }

    #[test]
    fn bodies_are_right_or_wrong() {
        for (check, body, right) in [
            (r#"{"exact": "ok"}"#, &b"ok"[..], true),
            (r#"{"exact": "\u00ff"}"#, b"\xff", true),
            (r#"{"exact": "ok"}"#, b"ok ", false),
            (r#"{"json": [{"a": 1, "b": 2}]}"#, br#"{"b": 2, "a":1}"#, true),
            (r#"{"json": [{"a": 1}]}"#, br#"{"a": 2}"#, false),
            (r#"{"json": [1, 2]}"#, b"2", true),
            (r#"{"json": [1]}"#, b"", false),
            (r#"{"worlds": {"fresh": true}}"#, br#"{"id":1,"randomNumber":7920}"#, true),
            (r#"{"worlds": {"fresh": true}}"#, br#"{"id":1,"randomNumber":7921}"#, false),
            (r#"{"worlds": {"fresh": false}}"#, br#"{"id":1,"randomNumber":7921}"#, true),
            (r#"{"worlds": {"fresh": false}}"#, br#"{"id":0,"randomNumber":1}"#, false),
            (r#"{"worlds": {"fresh": false}}"#, br#"[{"id":1,"randomNumber":1}]"#, false),
            (r#"{"worlds": {"count": 1, "fresh": false}}"#, br#"[{"id":1,"randomNumber":1}]"#, true),
            (r#"{"worlds": {"count": 2, "fresh": false}}"#, br#"[{"id":1,"randomNumber":1}]"#, false),
            (r#"{"events": 2}"#, b"data: 4\n\ndata: 5\n\n", true),
            (r#"{"events": 2}"#, b"data: 4\r\n\r\ndata: 5\r\n\r\n", true),
            (r#"{"events": 2}"#, b"data: 4\n\ndata: 6\n\n", false),
            (r#"{"events": 2}"#, b"data: 4\n\n", false),
        ] {
            assert_eq!(holds(check, body), right, "{check} {body:?}");
        }
    }

    #[test]
    fn compressed_answers_are_unpacked() {
        let case = r#"{"request": "", "gzip": true, "check": {"json": [[1]]}}"#;
        let case: Case = serde_json::from_str(case).unwrap();
        let checker = Checker::new(&case);
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(b"[1]").unwrap();
        let packed = encoder.finish().unwrap();
        for _ in 0..2 {
            assert!(checker.body(&packed));
            assert!(!checker.body(b"[1]"));
        }
    }
}
