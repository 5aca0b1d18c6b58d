//! Services and bodies that fail, and connections ended on purpose.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Channel};
use turbo_http::{BoxError, Config, Connection, RequestBody};

use crate::support::{Answer, Fixture, Server, full};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// A response of one chunk, and what the test does with its connection and body after that.
type Started = (Connection, http_body_util::channel::Sender<Bytes, BoxError>);

fn streaming(
    started: &Rc<RefCell<Option<Started>>>,
) -> impl Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static {
    let started = Rc::clone(started);
    move |_, connection| {
        let started = Rc::clone(&started);
        Box::pin(async move {
            let (mut sender, body) = Channel::new(1);
            sender.send_data(Bytes::from_static(b"first")).await?;
            *started.borrow_mut() = Some((connection, sender));
            Ok(Response::new(BodyExt::boxed(body)))
        })
    }
}

async fn stream(server: &Server) -> crate::support::Client {
    let mut client = server.connect().await;
    client.send(GET).await;
    client.until("5\r\nfirst\r\n").await;
    client
}

/// Trap 54: the client must see that the response is cut off.
#[test]
fn a_failing_body_ends_the_connection_without_a_last_chunk() {
    let started = Rc::default();
    Fixture::new(streaming(&started)).run(async |server| {
        let mut client = stream(server).await;
        let (_, sender) = started.take().unwrap();
        sender.abort("the generator failed".into());
        assert_eq!(client.rest().await, "");
    });
}

#[test]
fn what_was_produced_before_the_failure_is_sent() {
    let handler = |_: Request<RequestBody>, _: Connection| -> Answer {
        Box::pin(async {
            let (mut sender, body) = Channel::<Bytes, BoxError>::new(1);
            sender.send_data(Bytes::from_static(b"first")).await?;
            sender.abort("at once".into());
            Ok(Response::new(BodyExt::boxed(body)))
        })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer:?}");
        assert!(answer.ends_with("\r\n\r\n5\r\nfirst\r\n"), "{answer:?}");
    });
}

#[test]
fn a_failing_service_ends_the_connection_behind_earlier_responses() {
    let handler = |request: Request<RequestBody>, _: Connection| -> Answer {
        Box::pin(async move {
            if request.uri().path() == "/fail" {
                return Err("the service failed".into());
            }
            Ok(Response::new(full("fine")))
        })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        client.send(format!("{GET}GET /fail HTTP/1.1\r\nhost: a\r\n\r\n{GET}")).await;
        assert_eq!(client.response().await.body(), "fine");
        assert_eq!(client.rest().await, "");
        // Only that connection has ended.
        let mut client = server.connect().await;
        client.send(GET).await;
        assert_eq!(client.response().await.body(), "fine");
    });
}

#[test]
fn a_panicking_service_ends_only_its_connection() {
    let handler = |request: Request<RequestBody>, _: Connection| -> Answer {
        Box::pin(async move {
            assert!(request.uri().path() != "/panic", "asked to");
            Ok(Response::new(full("fine")))
        })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        client.send("GET /panic HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(client.rest().await, "");
        let mut client = server.connect().await;
        client.send(GET).await;
        assert_eq!(client.response().await.body(), "fine");
        drop(client);
        server.open_connections(0).await;
    });
}

#[test]
fn abort_drops_the_socket_in_the_middle_of_a_response() {
    let started = Rc::default();
    Fixture::new(streaming(&started)).run(async |server| {
        let mut client = stream(server).await;
        let (connection, mut sender) = started.take().unwrap();
        connection.abort();
        assert_eq!(client.rest().await, "");
        assert!(sender.send_data(Bytes::new()).await.is_err(), "the body is still there");
    });
}

#[test]
fn close_after_response_completes_the_response_first() {
    let started = Rc::default();
    Fixture::new(streaming(&started)).run(async |server| {
        let mut client = stream(server).await;
        let (connection, mut sender) = started.take().unwrap();
        connection.close_after_response();
        server.settle().await;
        sender.send_data(Bytes::from_static(b"second")).await.unwrap();
        drop(sender);
        assert_eq!(client.rest().await, "6\r\nsecond\r\n0\r\n\r\n");
    });
}

#[test]
fn close_after_response_is_announced_while_there_is_a_head_to_do_so() {
    for turns in [0, 1] {
        let handler = move |_: Request<RequestBody>, connection: Connection| -> Answer {
            connection.close_after_response();
            Box::pin(async move {
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                Ok(Response::new(full("last")))
            })
        };
        Fixture::new(handler).run(async |server| {
            let mut client = server.connect().await;
            client.send(format!("{GET}{GET}")).await;
            let response = client.response().await;
            assert_eq!((response.body(), response.header("connection")), ("last", Some("close")));
            assert_eq!(client.rest().await, "");
        });
    }
}

#[test]
fn close_after_response_closes_an_idle_connection() {
    let seen = Rc::new(RefCell::new(None));
    let connection = Rc::clone(&seen);
    let handler = move |_: Request<RequestBody>, connection: Connection| -> Answer {
        *seen.borrow_mut() = Some(connection);
        Box::pin(async { Ok(Response::new(full("hello"))) })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        client.response().await;
        connection.take().unwrap().close_after_response();
        assert_eq!(client.rest().await, "");
    });
}

/// A reader that stops altogether is given up when there is a deadline for it.
#[test]
fn a_stalled_reader_is_dropped_in_time() {
    let handler = |_: Request<RequestBody>, _: Connection| -> Answer {
        Box::pin(async { Ok(Response::new(full(vec![b'x'; 64 * 1024 * 1024]))) })
    };
    let timeout = std::time::Duration::from_secs(3);
    let config = Config::builder().write_stall_timeout(Some(timeout)).build().unwrap();
    Fixture::new(handler).config(config).paused().run(async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        server.open_connections(1).await;
        let begin = tokio::time::Instant::now();
        tokio::time::sleep(timeout).await;
        server.open_connections(0).await;
        assert!(begin.elapsed() < timeout * 2);
    });
}
