//! A client that sends requests and checks the answers.

use std::io;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::run::{Left, Run};
use crate::response::Parser;

const BUFFER: usize = 16 * 1024;

/// Uses one connection for as long as it is to be used. `sent` goes up with every request, to `last` at most.
///
/// # Errors
/// If the connection breaks, or what comes is not HTTP.
pub async fn talk(run: &Run, mut stream: TcpStream, sent: &mut u64, last: Option<u64>) -> io::Result<Left> {
    let plan = run.plan;
    let (mut input, mut batch) = (BytesMut::with_capacity(BUFFER), Vec::new());
    let mut parser = Parser::default();
    let mut on_this = 0;
    loop {
        if run.over() || last.is_some_and(|last| *sent >= last) {
            return Ok(Left::Done);
        }
        if plan.reconnect_after.is_some_and(|limit| on_this >= limit) {
            return Ok(Left::Again);
        }
        let due = run.turn.wait().await;
        if run.over() {
            return Ok(Left::Done);
        }
        let first = *sent;
        if plan.pipeline == 1 {
            stream.write_all(&run.cases[case(run, first)].request).await?;
        } else {
            batch.clear();
            for number in first..first + plan.pipeline as u64 {
                batch.extend_from_slice(&run.cases[case(run, number)].request);
            }
            stream.write_all(&batch).await?;
        }
        for number in first..first + plan.pipeline as u64 {
            let (head, body) = loop {
                if let Some(response) = parser.take(&mut input)? {
                    break response;
                }
                if input.capacity() == input.len() {
                    input.reserve(BUFFER);
                }
                if stream.read_buf(&mut input).await? == 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "closed before the answer"));
                }
            };
            let right = run.checkers[case(run, number)].response(&head, &body);
            run.totals.borrow_mut().answered(due, right, &body);
            (*sent, on_this) = (*sent + 1, on_this + 1);
            if head.close {
                return Ok(Left::Again);
            }
        }
        if !input.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "bytes after the answer"));
        }
    }
}

fn case(run: &Run, number: u64) -> usize {
    usize::try_from(number).unwrap_or(0) % run.cases.len()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::process::Command;
    use std::sync::{Arc, Mutex};
    use std::thread;

    use serde_json::{Value, json};
    use tokio::runtime::{Builder, LocalOptions};

    use crate::load::{plan::Plan, run::run};

    /// Answers every request of six bytes with `answer`, on one connection after the other.
    fn serve(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for stream in listener.incoming() {
                self::answer(stream.unwrap(), answer);
            }
        });
        address
    }

    fn answer(mut stream: TcpStream, answer: &str) {
        let mut request = [0; 6];
        while stream.read_exact(&mut request).is_ok() && stream.write_all(answer.as_bytes()).is_ok() {}
    }

    fn load(plan: Value) -> Value {
        results(plan).remove(0)
    }

    fn results(plan: Value) -> Vec<Value> {
        let plan: &'static Plan = Box::leak(Box::new(serde_json::from_value(plan).unwrap()));
        let runtime =
            Builder::new_current_thread().enable_all().build_local(LocalOptions::default()).unwrap();
        runtime.block_on(run(plan))
    }

    const RIGHT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

    #[test]
    fn answers_are_counted() {
        for (more, answer, requests, wrong, connects) in [
            (json!({"each": 5}), RIGHT, 5, 0, 0),
            (json!({"each": 6, "pipeline": 3}), RIGHT, 6, 0, 0),
            (json!({"each": 6, "reconnect_after": 2}), RIGHT, 6, 0, 2),
            (json!({"each": 2}), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", 0, 2, 0),
            (json!({"each": 2}), "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nok", 0, 2, 0),
        ] {
            let mut plan = json!({
                "servers": [{"address": serve(answer)}], "connections": 1, "seconds": 20, "sleep": true,
                "cases": [{"request": "GET /a", "check": {"exact": "ok"}}],
            });
            plan.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let result = load(plan.clone());
            assert_eq!(
                (&result["requests"], &result["wrong"], &result["connects"], &result["failed"]),
                (&json!(requests), &json!(wrong), &json!(connects), &json!(0)),
                "{plan} {result}"
            );
        }
    }

    #[test]
    fn an_open_loop_sends_at_its_rate() {
        let result = load(json!({
            "servers": [{"address": serve(RIGHT)}], "connections": 1, "seconds": 0.2, "rate": 100, "sleep": true,
            "cases": [{"request": "GET /a", "check": {"exact": "ok"}}],
        }));
        let sent = result["requests"].as_u64().unwrap() + result["unsent"].as_u64().unwrap();
        assert!((18..=22).contains(&sent), "{result}");
    }

    #[test]
    fn servers_take_turns() {
        let order = Arc::new(Mutex::new(Vec::new()));
        let servers: Vec<_> = (0..2)
            .map(|number| {
                let listener = TcpListener::bind("127.0.0.1:0").unwrap();
                let address = listener.local_addr().unwrap().to_string();
                let order = Arc::clone(&order);
                thread::spawn(move || {
                    for stream in listener.incoming() {
                        order.lock().unwrap().push(number);
                        answer(stream.unwrap(), RIGHT);
                    }
                });
                json!({"address": address, "watch": [std::process::id()]})
            })
            .collect();
        let plan = json!({
            "servers": servers, "turns": 3, "connections": 1, "seconds": 20, "each": 4, "sleep": true,
            "cases": [{"request": "GET /a", "check": {"exact": "ok"}}],
        });
        let results = results(plan);
        assert_eq!(results.iter().map(|each| each["requests"].as_u64()).collect::<Vec<_>>(), [Some(12); 2]);
        assert_eq!(*order.lock().unwrap(), [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn a_process_that_is_gone_ends_its_server_only() {
        let mut process = Command::new("true").spawn().unwrap();
        process.wait().unwrap();
        let gone = json!({"address": serve(RIGHT), "watch": [process.id()]});
        let results = results(json!({
            "servers": [gone, {"address": serve(RIGHT)}], "connections": 1, "seconds": 20, "each": 4,
            "sleep": true, "cases": [{"request": "GET /a", "check": {"exact": "ok"}}],
        }));
        assert!(results[0]["error"].is_string(), "{results:?}");
        assert_eq!(results[1]["requests"], 4);
    }

    #[test]
    fn broken_connections_are_counted() {
        let result = load(json!({
            "servers": [{"address": serve("x")}], "connections": 1, "seconds": 20, "each": 1, "sleep": true,
            "cases": [{"request": "GET /a", "check": {"exact": "ok"}}],
        }));
        assert_eq!(result["failed"], 20);
    }
}
