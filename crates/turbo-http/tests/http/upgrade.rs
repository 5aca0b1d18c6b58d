//! Connections that change to another protocol.

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderValue, Request, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use turbo_http::{Config, Connection, OnUpgrade, RequestBody};

use crate::support::{Answer, Fixture, Server, full};

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: shout\r\n\r\n";

/// Agrees to every upgrade, and then sends back what it gets in capitals.
fn shout() -> impl Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static {
    |mut request, _| {
        let Some(upgrade) = OnUpgrade::take(&mut request) else {
            return Box::pin(async { Ok(Response::new(full("no upgrade"))) });
        };
        tokio::task::spawn_local(async move {
            let mut socket = upgrade.await?;
            let mut buffer = [0; 64];
            loop {
                let length = socket.read(&mut buffer).await.unwrap_or(0);
                if length == 0 {
                    return Ok::<_, turbo_http::Error>(());
                }
                if socket.write_all(&buffer[..length].to_ascii_uppercase()).await.is_err() {
                    return Ok(());
                }
            }
        });
        let mut response = Response::new(full(""));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("upgrade"));
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("shout"));
        Box::pin(async { Ok(response) })
    }
}

async fn upgraded(server: &Server) -> crate::support::Client {
    let mut client = server.connect().await;
    // The first bytes of the new protocol may come right behind the request.
    client.send(format!("{REQUEST}early")).await;
    assert_eq!(client.response().await.status, 101);
    assert_eq!(client.exactly(5).await, b"EARLY");
    client
}

#[test]
fn the_service_gets_the_socket_and_what_was_read_ahead() {
    Fixture::new(shout()).run(async |server| {
        let mut client = upgraded(server).await;
        client.send("late").await;
        assert_eq!(client.exactly(4).await, b"LATE");
        drop(client);
        server.open_connections(0).await;
    });
}

#[test]
fn no_timeout_applies_to_an_upgraded_connection() {
    let second = std::time::Duration::from_secs(1);
    let config = Config::builder().keep_alive_timeout(second).header_read_timeout(second).build().unwrap();
    Fixture::new(shout()).config(config).paused().run(async |server| {
        let mut client = upgraded(server).await;
        tokio::time::sleep(second * 10).await;
        client.send("still there").await;
        assert_eq!(client.exactly(11).await, b"STILL THERE");
    });
}

#[test]
fn drain_waits_for_an_upgraded_connection_and_close_ends_it() {
    Fixture::new(shout()).run(async |server| {
        let mut client = upgraded(server).await;
        server.handle.drain();
        server.settle().await;
        client.send("still there").await;
        assert_eq!(client.exactly(11).await, b"STILL THERE");
        assert_eq!(server.config.stats().open_connections(), 1);
        server.handle.close();
        assert_eq!(client.rest().await, "");
        server.open_connections(0).await;
    });
}

#[test]
fn another_answer_keeps_the_connection() {
    let handler = |request: Request<RequestBody>, _: Connection| -> Answer {
        let offered = request.extensions().get::<OnUpgrade>().is_some();
        Box::pin(async move { Ok(Response::new(full(offered.to_string()))) })
    };
    Fixture::new(handler).run(async |server| {
        let mut client = server.connect().await;
        for (request, offered) in
            [(REQUEST, "true"), ("GET / HTTP/1.1\r\nhost: a\r\n\r\n", "false"), (REQUEST, "true")]
        {
            client.send(request).await;
            assert_eq!(client.response().await.body(), offered);
        }
    });
}
