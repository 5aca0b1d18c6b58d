//! Stopping in phases: accept what waits, finish what runs, close the rest.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use http::{Request, Response};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::Notify;
use turbo_http::{Address, Config, Connection, ListenOptions, Listener, RequestBody, Shutdown};

use crate::support::{Answer, Client, Fixture, full, patiently, text};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

fn waiting(gate: &Rc<Notify>) -> impl Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static {
    let gate = Rc::clone(gate);
    move |_, _| {
        let gate = Rc::clone(&gate);
        Box::pin(async move {
            gate.notified().await;
            Ok(Response::new(full("finished")))
        })
    }
}

#[test]
fn drain_closes_idle_connections() {
    Fixture::new(text("hello")).run(async |server| {
        let mut used = server.connect().await;
        used.send(GET).await;
        used.response().await;
        let mut fresh = server.connect().await;
        server.open_connections(2).await;
        server.handle.drain();
        assert_eq!(used.rest().await, "");
        assert_eq!(fresh.rest().await, "");
        server.open_connections(0).await;
        server.settle().await;
        assert!(server.task.is_finished());
    });
}

/// A worker that is replaced has accepted connections whose request is still on its way: closing them would lose
/// requests without a reason that the client could see.
#[test]
fn drain_waits_for_the_request_of_a_connection_just_made() {
    Fixture::new(text("hello")).run(async |server| {
        let mut fresh = server.connect().await;
        server.open_connections(1).await;
        server.handle.drain();
        server.settle().await;
        fresh.send(GET).await;
        let response = fresh.response().await;
        assert_eq!((response.body(), response.header("connection")), ("hello", Some("close")));
        assert_eq!(fresh.rest().await, "");
        server.open_connections(0).await;
    });
}

/// On a Unix socket, because a port that is free again may be another test's by now.
#[test]
fn drain_closes_the_listener_before_the_last_connection_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let gate = Rc::new(Notify::new());
    let listener = Listener::unix(&path, &ListenOptions::default()).unwrap();
    Fixture::new(waiting(&gate)).run_on(listener, async |server| {
        let mut client = Client::new(UnixStream::connect(&path).await.unwrap());
        client.send(GET).await;
        server.open_connections(1).await;
        server.handle.drain();
        patiently(async {
            while UnixStream::connect(&path).await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(!server.task.is_finished());
        gate.notify_waiters();
        assert_eq!(client.response().await.body(), "finished");
    });
}

#[test]
fn drain_lets_a_request_finish_and_says_close() {
    let gate = Rc::new(Notify::new());
    Fixture::new(waiting(&gate)).run(async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        server.open_connections(1).await;
        server.settle().await;
        server.handle.drain();
        server.settle().await;
        assert!(!server.task.is_finished());
        gate.notify_one();
        let response = client.response().await;
        assert_eq!((response.body(), response.header("connection")), ("finished", Some("close")));
        assert_eq!(client.rest().await, "");
    });
}

/// A client whose connection the kernel has accepted was promised an answer.
#[test]
fn drain_serves_what_waits_in_the_backlog() {
    let options = ListenOptions::default();
    let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    let Address::Tcp(address) = listener.address().unwrap() else { unreachable!() };
    let limit = Config::builder().max_connections(Some(1)).build().unwrap();
    Fixture::new(text("hello")).config(limit).run_on(listener, async |server| {
        // All of this happens before the server has run for the first time.
        let mut clients = Vec::new();
        for _ in 0..20 {
            let stream = std::net::TcpStream::connect(address).unwrap();
            std::io::Write::write_all(&mut &stream, GET.as_bytes()).unwrap();
            stream.set_nonblocking(true).unwrap();
            clients.push(Client::new(TcpStream::from_std(stream).unwrap()));
        }
        server.handle.drain();
        for client in &mut clients {
            let response = client.response().await;
            assert_eq!((response.body(), response.header("connection")), ("hello", Some("close")));
        }
    });
}

#[test]
fn drain_processes_what_has_arrived_on_an_idle_connection() {
    Fixture::new(text("hello")).run(async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        client.response().await;
        server.settle().await;
        client.stream.try_write(GET.as_bytes()).unwrap();
        server.handle.drain();
        let response = client.response().await;
        assert_eq!((response.body(), response.header("connection")), ("hello", Some("close")));
    });
}

#[test]
fn drain_waits_for_the_rest_of_a_header_section() {
    Fixture::new(text("hello")).run(async |server| {
        for before in ["", GET] {
            let mut client = server.connect().await;
            client.send(before).await;
            if !before.is_empty() {
                client.response().await;
            }
            client.send("GET / HTTP/1.1\r\nho").await;
            server.settle().await;
            if !before.is_empty() {
                server.handle.drain();
                server.settle().await;
            }
            client.send("st: a\r\n\r\n").await;
            assert_eq!(client.response().await.body(), "hello");
        }
    });
}

#[test]
fn close_drops_what_is_left() {
    let gate = Rc::new(Notify::new());
    Fixture::new(waiting(&gate)).run(async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        server.open_connections(1).await;
        server.handle.drain();
        server.settle().await;
        server.handle.close();
        assert_eq!(client.rest().await, "");
        server.open_connections(0).await;
    });
}

#[test]
fn dropping_serve_drops_its_connections() {
    let gate = Rc::new(Notify::new());
    crate::support::runtime(false).block_on(async {
        let listener = Listener::tcp("127.0.0.1:0".parse().unwrap(), &ListenOptions::default()).unwrap();
        let Address::Tcp(address) = listener.address().unwrap() else { unreachable!() };
        let function = waiting(&gate);
        let make = move |connection: &Connection| {
            let function = function.clone();
            let connection = connection.clone();
            tower::service_fn(move |request| function(request, connection.clone()))
        };
        let config = Arc::new(Config::default());
        let (_handle, shutdown) = Shutdown::new();
        let task = tokio::task::spawn_local(turbo_http::serve(listener, make, Arc::clone(&config), shutdown));
        let mut client = Client::new(TcpStream::connect(address).await.unwrap());
        client.send(GET).await;
        while config.stats().open_connections() == 0 {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert_eq!(client.rest().await, "");
        assert_eq!(config.stats().open_connections(), 0);
    });
}

/// Clients that send the next request as soon as they have an answer, and a stop in the middle: each request
/// is answered in full, or its connection was closed before a byte of an answer, which allows trying again
/// (RFC 9110 section 9.2.2).
#[test]
fn nothing_accepted_is_lost_under_load() {
    let made = Rc::new(Cell::new(0_u32));
    let counter = Rc::clone(&made);
    let handler = move |_: Request<RequestBody>, _: Connection| -> Answer {
        let counter = Rc::clone(&counter);
        Box::pin(async move {
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
            counter.set(counter.get() + 1);
            Ok(Response::new(full("hello")))
        })
    };
    Fixture::new(handler).run(async |server| {
        let answered = Rc::new(Cell::new(0_u32));
        let mut clients = Vec::new();
        for _ in 0..32 {
            let mut client = server.connect().await;
            let answered = Rc::clone(&answered);
            clients.push(tokio::task::spawn_local(async move {
                loop {
                    if client.stream.try_write(GET.as_bytes()).is_err() {
                        return;
                    }
                    while client.buffer.is_empty() {
                        if !client.fill().await {
                            return;
                        }
                    }
                    let response = client.response().await;
                    assert_eq!(response.body(), "hello");
                    answered.set(answered.get() + 1);
                    if response.header("connection") == Some("close") {
                        return;
                    }
                }
            }));
        }
        while answered.get() < 500 {
            tokio::task::yield_now().await;
        }
        server.handle.drain();
        for client in clients {
            patiently(client).await.unwrap();
        }
        assert_eq!(answered.get(), made.get(), "a response that was made did not arrive");
    });
}
