//! Several requests on one connection, and how long it may wait for them.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::BodyExt;
use tokio::time::Instant;
use turbo_http::{Config, Connection, RequestBody};

use crate::support::{Answer, Fixture, full, text};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Answers with the path, after the whole body and as many turns of the runtime as the path says.
fn path() -> impl Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static {
    |request, _| {
        Box::pin(async move {
            let path = request.uri().path().to_owned();
            request.into_body().collect().await?;
            for _ in 0..path[1..].parse().unwrap_or(0) {
                tokio::task::yield_now().await;
            }
            Ok(Response::new(full(path)))
        })
    }
}

#[test]
fn a_request_is_answered_and_the_connection_stays_open() {
    Fixture::new(text("hello")).run(async |server| {
        let mut client = server.connect().await;
        for _ in 0..3 {
            client.send(GET).await;
            let response = client.response().await;
            assert_eq!((response.status, response.body()), (200, "hello"));
            assert!(response.header("date").is_some());
        }
    });
}

#[test]
fn the_date_header_can_be_left_out() {
    let config = Config::builder().date_header(false).build().unwrap();
    Fixture::new(text("hello")).config(config).run(async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        assert_eq!(client.response().await.header("date"), None);
    });
}

/// Trap 27: the next request may be there before the response; answers keep the order of the requests.
#[test]
fn pipelined_requests_are_answered_in_order() {
    Fixture::new(path()).run(async |server| {
        let mut client = server.connect().await;
        let paths: Vec<String> = (0..50).map(|number| format!("/{}", (50 - number) % 7)).collect();
        let requests: Vec<String> =
            paths.iter().map(|path| format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")).collect();
        client.send(requests.concat()).await;
        for path in paths {
            assert_eq!(client.response().await.body(), path);
        }
    });
}

/// With hyper's `pipeline_flush` the first response would wait for the second request's handler.
#[test]
fn a_pipelined_response_does_not_wait_for_the_next_one() {
    let handler = |request: Request<RequestBody>, _: Connection| -> Answer {
        Box::pin(async move {
            if request.uri().path() == "/stuck" {
                std::future::pending::<()>().await;
            }
            Ok(Response::new(full("quick")))
        })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        client.send(format!("{GET}GET /stuck HTTP/1.1\r\nhost: a\r\n\r\n")).await;
        assert_eq!(client.response().await.body(), "quick");
    });
}

/// Trap 28: a request line may come in any number of packets.
#[test]
fn a_request_may_come_byte_by_byte() {
    Fixture::new(path()).run(async |server| {
        let mut client = server.connect().await;
        for _ in 0..2 {
            for byte in "POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi".bytes() {
                client.send([byte]).await;
                server.settle().await;
            }
            assert_eq!(client.response().await.body(), "/1");
        }
    });
}

/// Trap 27: what comes behind a request with `connection: close` is not looked at.
#[test]
fn requests_behind_close_are_ignored() {
    let calls = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&calls);
    let handler = move |request: Request<RequestBody>, _: Connection| -> Answer {
        seen.borrow_mut().push(request.uri().path().to_owned());
        Box::pin(async { Ok(Response::new(full("done"))) })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        client.send(format!("GET /1 HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n{GET}")).await;
        let response = client.response().await;
        assert_eq!((response.body(), response.header("connection")), ("done", Some("close")));
        assert_eq!(client.rest().await, "");
    });
    assert_eq!(*calls.borrow(), ["/1"]);
}

#[test]
fn http_1_0_closes_unless_asked_to_keep_alive() {
    Fixture::new(text("old")).run(async |server| {
        let mut client = server.connect().await;
        for _ in 0..2 {
            client.send("GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n").await;
            let response = client.response().await;
            assert_eq!((response.body(), response.header("connection")), ("old", Some("keep-alive")));
        }
        client.send("GET / HTTP/1.0\r\n\r\n").await;
        assert_eq!(client.response().await.body(), "old");
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn a_client_that_leaves_while_idle_is_gone() {
    Fixture::new(text("hello")).run(async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        client.response().await;
        server.open_connections(1).await;
        drop(client);
        server.open_connections(0).await;
    });
}

fn timeouts(keep_alive: u64, header_read: u64) -> Config {
    let (keep_alive, header_read) = (Duration::from_secs(keep_alive), Duration::from_secs(header_read));
    Config::builder().keep_alive_timeout(keep_alive).header_read_timeout(header_read).build().unwrap()
}

fn assert_about(elapsed: Duration, seconds: u64) {
    let expected = Duration::from_secs(seconds);
    assert!(
        elapsed >= expected && elapsed < expected + Duration::from_secs(2),
        "{elapsed:?}, not {expected:?}"
    );
}

#[test]
fn an_idle_connection_is_closed_after_the_keep_alive_timeout() {
    Fixture::new(text("hello")).config(timeouts(4, 15)).paused().run(async |server| {
        let mut client = server.connect().await;
        for _ in 0..3 {
            client.send(GET).await;
            client.response().await;
            // Less than the timeout since the last response, more than it in all.
            tokio::time::sleep(Duration::from_secs(3)).await;
        }
        client.send(GET).await;
        client.response().await;
        let begin = Instant::now();
        assert_eq!(client.rest().await, "");
        assert_about(begin.elapsed(), 4);
    });
}

/// The slow loris: a header section that never ends, here or at its first byte.
#[test]
fn a_header_section_has_to_come_in_time() {
    Fixture::new(text("hello")).config(timeouts(2, 8)).paused().run(async |server| {
        for start in ["", "G", "GET / HTTP/1.1\r\nhost: a\r\n"] {
            let mut client = server.connect().await;
            client.send(start).await;
            let begin = Instant::now();
            assert_eq!(client.rest().await, "");
            assert_about(begin.elapsed(), 8);
        }
        // Drops of further bytes do not start the time anew.
        let mut client = server.connect().await;
        client.send("GET / HTTP/1.1\r\n").await;
        let begin = Instant::now();
        for _ in 0..7 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            client.send("x: y\r\n").await;
        }
        assert_eq!(client.rest().await, "");
        assert_about(begin.elapsed(), 8);
    });
}

#[test]
fn a_request_in_progress_has_no_deadline() {
    let handler = |_: Request<RequestBody>, _: Connection| -> Answer {
        Box::pin(async {
            tokio::time::sleep(Duration::from_secs(15)).await;
            Ok(Response::new(full("late")))
        })
    };
    Fixture::new(handler).config(timeouts(1, 1)).paused().run(async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        assert_eq!(client.response().await.body(), "late");
    });
}
