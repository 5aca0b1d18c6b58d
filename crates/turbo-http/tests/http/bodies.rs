//! Bodies in both directions: framing, backpressure, and what happens when one side has had enough.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Channel};
use tokio::task::yield_now;
use turbo_http::{BoxError, Connection, RequestBody};

use crate::support::{Answer, Fixture, full, patiently, text};

/// Answers with the request's body, chunk by chunk as it comes.
fn echo() -> impl Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static {
    |request, _| {
        Box::pin(async move {
            let body = request.into_body();
            Ok(Response::new(body.map_err(BoxError::from).boxed()))
        })
    }
}

/// A body of some chunks whose number is not known beforehand.
struct Chunks(std::ops::Range<usize>);

impl http_body::Body for Chunks {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let chunk = |number| Ok(Frame::data(Bytes::from(format!("chunk {number};"))));
        Poll::Ready(self.0.next().map(chunk))
    }
}

#[test]
fn bodies_are_framed_by_length_or_chunks() {
    Fixture::new(echo()).run(async |server| {
        let mut client = server.connect().await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello").await;
        let response = client.response().await;
        assert_eq!((response.header("content-length"), response.body()), (Some("5"), "hello"));
        client.send("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
        assert!(client.until("\r\n\r\n").await.contains("transfer-encoding: chunked"));
        // The first chunk is echoed before the last has been sent.
        assert_eq!(client.until("abc\r\n").await, "3\r\nabc\r\n");
        client.send("2\r\nde\r\n0\r\n\r\n").await;
        assert_eq!(client.until("0\r\n\r\n").await, "2\r\nde\r\n0\r\n\r\n");
    });
}

#[test]
fn a_stream_to_http_1_0_ends_with_the_connection() {
    Fixture::new(|_, _| -> Answer { Box::pin(async { Ok(Response::new(Chunks(0..2).boxed())) }) }).run(
        async |server| {
            let mut client = server.connect().await;
            client.send("GET / HTTP/1.0\r\n\r\n").await;
            let response = client.response().await;
            assert_eq!((response.header("transfer-encoding"), response.body()), (None, "chunk 0;chunk 1;"));
        },
    );
}

/// Trap 18: no body and no chunks where there must be none.
#[test]
fn head_204_and_304_have_no_body() {
    let handler = |request: Request<RequestBody>, _: Connection| -> Answer {
        let status = request.uri().path()[1..].parse::<StatusCode>().unwrap();
        Box::pin(async move { Ok(Response::builder().status(status).body(full("text")).unwrap()) })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        for (method, status, length) in
            [("HEAD", 200, Some("4")), ("GET", 204, None), ("GET", 304, None), ("GET", 200, Some("4"))]
        {
            client.send(format!("{method} /{status} HTTP/1.1\r\nhost: a\r\n\r\n")).await;
            let response = client.response_to(method).await;
            assert_eq!(response.status, status);
            assert_eq!(response.header("content-length"), length, "{method} {status}");
            assert_eq!(response.header("transfer-encoding"), None, "{method} {status}");
        }
        assert!(client.buffer.is_empty());
    });
}

/// Trap 25: `100 Continue` when the body is first wanted, and never after the final response.
#[test]
fn continue_is_sent_when_the_body_is_polled() {
    let wanted = Rc::new(Cell::new(false));
    let gate = Rc::clone(&wanted);
    let handler = move |request: Request<RequestBody>, _: Connection| -> Answer {
        let gate = Rc::clone(&gate);
        Box::pin(async move {
            while !gate.get() {
                yield_now().await;
            }
            let bytes = request.into_body().collect().await?.to_bytes();
            Ok(Response::new(full(bytes)))
        })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n").await;
        server.settle().await;
        assert!(client.stream.try_read_buf(&mut client.buffer).is_err(), "sent too early");
        wanted.set(true);
        assert_eq!(client.until("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
        client.send("hi").await;
        assert_eq!(client.response().await.body(), "hi");
    });
}

#[test]
fn no_continue_when_the_response_comes_first() {
    Fixture::new(text("no need")).run(async |server| {
        let mut client = server.connect().await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n").await;
        let response = client.response().await;
        assert_eq!((response.status, response.body()), (200, "no need"));
    });
}

/// Trap 26: a final response before the body has come must reach the client, however much it still sends.
#[test]
fn an_early_response_is_not_lost_to_the_rest_of_the_body() {
    Fixture::new(text("too large")).run(async |server| {
        let mut client = server.connect().await;
        let length = 512 * 1024;
        client.send(format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")).await;
        // The response is there before the client goes on, and must survive that it does.
        client.until("\r\n\r\n").await;
        for _ in 0..32 {
            client.send(vec![b'x'; length / 32]).await;
            server.settle().await;
        }
        assert_eq!(client.rest().await, "too large");
    });
}

#[test]
fn a_short_unread_body_does_not_cost_the_connection() {
    Fixture::new(text("fine")).run(async |server| {
        let mut client = server.connect().await;
        for _ in 0..2 {
            client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello").await;
            assert_eq!(client.response().await.body(), "fine");
        }
    });
}

/// Trap 29: what the service does not read stays with the client.
#[test]
fn an_unread_body_holds_the_client_back() {
    let handler = |request: Request<RequestBody>, _: Connection| -> Answer {
        Box::pin(async move {
            let mut body = request.into_body();
            body.frame().await;
            std::future::pending::<()>().await;
            drop(body);
            unreachable!("the request never completes")
        })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000000\r\n\r\n").await;
        let chunk = vec![b'x'; 64 * 1024];
        let mut sent = 0;
        // All tasks are on this thread: after some turns without progress there will be none.
        let mut quiet = 0;
        while quiet < 100 {
            if let Ok(length) = client.stream.try_write(&chunk) {
                sent += length;
                quiet = 0;
            }
            quiet += 1;
            yield_now().await;
            assert!(sent < 64 * 1024 * 1024, "the server swallows the body");
        }
    });
}

/// Trap 29, the other way: a client that does not read holds the service back.
#[test]
fn an_unread_response_holds_the_service_back() {
    let produced = Rc::new(Cell::new(0_usize));
    let counter = Rc::clone(&produced);
    let handler = move |_: Request<RequestBody>, _: Connection| -> Answer {
        let counter = Rc::clone(&counter);
        Box::pin(async move {
            let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
            tokio::task::spawn_local(async move {
                while sender.send_data(Bytes::from(vec![b'x'; 64 * 1024])).await.is_ok() {
                    counter.set(counter.get() + 64 * 1024);
                }
            });
            Ok(Response::new(BodyExt::boxed(body)))
        })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        // A second request in the buffer is where hyper's `pipeline_flush` would stop to hold back.
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let mut last = 0;
        let mut quiet = 0;
        while quiet < 100 {
            quiet = if produced.get() == last { quiet + 1 } else { 0 };
            last = produced.get();
            yield_now().await;
            assert!(last < 64 * 1024 * 1024, "the response is buffered without bound");
        }
        assert!(last > 0);
        // And goes on when the client reads.
        patiently(async {
            while produced.get() == last {
                client.fill().await;
                client.buffer.clear();
            }
        })
        .await;
    });
}

/// Tells that it has been dropped.
struct Flag(Rc<Cell<bool>>);

impl Drop for Flag {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

#[test]
fn a_client_that_leaves_ends_the_request() {
    let dropped = Rc::new(Cell::new(false));
    let watched = Rc::clone(&dropped);
    let handler = move |_: Request<RequestBody>, _: Connection| -> Answer {
        let flag = Flag(Rc::clone(&watched));
        Box::pin(async move {
            let _flag = flag;
            std::future::pending().await
        })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        server.open_connections(1).await;
        server.settle().await;
        drop(client);
        server.open_connections(0).await;
        assert!(dropped.get());
    });
}

#[test]
fn a_client_that_leaves_in_the_middle_of_its_body_is_reported() {
    let seen = Rc::new(Cell::new(None));
    let result = Rc::clone(&seen);
    let handler = move |request: Request<RequestBody>, _: Connection| -> Answer {
        let result = Rc::clone(&result);
        Box::pin(async move {
            let body = tokio::task::spawn_local(request.into_body().collect());
            result.set(Some(body.await?.is_err_and(|error| error.is_disconnected())));
            Ok(Response::new(full("nobody reads this")))
        })
    };
    // The service's own future ends with the connection, so the body is read in a task of its own.
    let watched = Rc::clone(&seen);
    let outer = move |request: Request<RequestBody>, connection: Connection| -> Answer {
        let task = tokio::task::spawn_local(handler(request, connection));
        Box::pin(async move { task.await? })
    };
    Fixture::new(outer).run(async |server| {
        let mut client = server.connect().await;
        client.send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nhel").await;
        server.open_connections(1).await;
        server.settle().await;
        drop(client);
        patiently(async {
            while watched.get().is_none() {
                yield_now().await;
            }
        })
        .await;
    });
    assert_eq!(seen.get(), Some(true));
}

#[test]
fn the_length_of_a_body_is_known_before_it_is_read() {
    let handler = |request: Request<RequestBody>, _: Connection| -> Answer {
        Box::pin(async move {
            let body = request.body();
            Ok(Response::new(full(format!("{:?} {}", body.size_hint().exact(), body.is_end_stream()))))
        })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        for (framing, expected) in [
            ("\r\n", "Some(0) true"),
            ("content-length: 2\r\n\r\nhi", "Some(2) false"),
            ("transfer-encoding: chunked\r\n\r\n0\r\n\r\n", "None false"),
        ] {
            client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{framing}")).await;
            assert_eq!(client.response().await.body(), expected);
        }
    });
}

/// Bytes of a body that come after the response are not taken for the next header section, whose line ends are
/// looked at. The body is read on in a task, skipped by hyper, or both.
#[test]
fn a_body_behind_its_response_is_not_taken_for_a_request() {
    let gate = Rc::new(tokio::sync::Notify::new());
    let opened = Rc::clone(&gate);
    let handler = move |request: Request<RequestBody>, _: Connection| -> Answer {
        let opened = Rc::clone(&opened);
        Box::pin(async move {
            match request.uri().path() {
                "/read-on" => drop(tokio::task::spawn_local(request.into_body().collect())),
                "/skip" => opened.notified().await,
                _ => {}
            }
            Ok(Response::new(full("answered")))
        })
    };
    let expecting = "expect: 100-continue\r\n";
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        for (path, header) in [("/read-on", ""), ("/read-on", expecting), ("/skip", "")] {
            client
                .send(format!("POST {path} HTTP/1.1\r\nhost: a\r\n{header}content-length: 4\r\n\r\n"))
                .await;
            server.settle().await;
            if path == "/read-on" {
                assert_eq!(client.until("answered").await.matches("200 OK").count(), 1);
            }
            for piece in ["a", "b\nc"] {
                client.send(piece).await;
                server.settle().await;
            }
            if path == "/skip" {
                gate.notify_one();
                client.until("answered").await;
            }
            server.settle().await;
            client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
            assert_eq!(client.response().await.body(), "answered", "behind {path} {header}");
        }
    });
}
