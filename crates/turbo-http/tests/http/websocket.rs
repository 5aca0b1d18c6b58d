//! WebSocket connections between this server and another implementation's client.

use futures_core::Stream;
use futures_sink::Sink;
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async};
use turbo_http::websocket::{Handshake, WebSocket, is_upgrade};
use turbo_http::{Address, Connection, RequestBody};

use crate::support::{Answer, Fixture, Server, full, patiently};

async fn next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    patiently(std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_next(cx))).await
}

async fn send<S: Sink<Message> + Unpin>(sink: &mut S, message: Message) -> Result<(), S::Error> {
    use std::pin::Pin;
    patiently(async {
        std::future::poll_fn(|cx| Pin::new(&mut *sink).poll_ready(cx)).await?;
        Pin::new(&mut *sink).start_send(message)?;
        std::future::poll_fn(|cx| Pin::new(&mut *sink).poll_flush(cx)).await
    })
    .await
}

async fn echo(mut socket: WebSocket) {
    while let Some(Ok(message)) = next(&mut socket).await {
        if matches!(message, Message::Text(_) | Message::Binary(_))
            && send(&mut socket, message).await.is_err()
        {
            break;
        }
    }
}

/// Echoes messages of up to 64 KiB over the last offered subprotocol.
fn echoing() -> impl Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static {
    |mut request, _| {
        if !is_upgrade(&request) {
            return Box::pin(async { Ok(Response::new(full("no WebSocket"))) });
        }
        let handshake = match Handshake::from_request(&mut request) {
            Ok(handshake) => handshake.max_message_size(Some(64 * 1024)),
            Err(error) => {
                let response = Response::builder().status(error.status()).body(full(error.text()));
                return Box::pin(async { Ok(response?) });
            }
        };
        let last = handshake.subprotocols().last().cloned();
        let mut headers = HeaderMap::new();
        headers.append("set-cookie", HeaderValue::from_static("a=1"));
        headers.append("set-cookie", HeaderValue::from_static("b=2"));
        let (response, upgrade) = handshake.accept(headers, last.as_deref());
        tokio::task::spawn_local(async move {
            if let Ok(socket) = upgrade.open().await {
                echo(socket).await;
            }
        });
        Box::pin(async { Ok(response.map(|()| full(""))) })
    }
}

async fn connect(server: &Server) -> (WebSocketStream<TcpStream>, Response<Option<Vec<u8>>>) {
    let Address::Tcp(address) = server.address else { unreachable!() };
    let mut request = format!("ws://{address}/").into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static("one, two"));
    let stream = TcpStream::connect(address).await.unwrap();
    patiently(client_async(request, stream)).await.unwrap()
}

#[test]
fn messages_travel_both_ways_and_the_close_is_answered() {
    Fixture::new(echoing()).run(async |server| {
        let (mut socket, response) = connect(server).await;
        assert_eq!(response.headers()["sec-websocket-protocol"], "two");
        assert_eq!(response.headers().get_all("set-cookie").iter().count(), 2);
        for message in [Message::text("hello"), Message::binary(vec![0; 60_000]), Message::text("")] {
            send(&mut socket, message.clone()).await.unwrap();
            assert_eq!(next(&mut socket).await.unwrap().unwrap(), message);
        }
        send(&mut socket, Message::Ping("are you there".into())).await.unwrap();
        assert_eq!(next(&mut socket).await.unwrap().unwrap(), Message::Pong("are you there".into()));
        let goodbye = tungstenite::protocol::CloseFrame { code: 1001.into(), reason: "going away".into() };
        send(&mut socket, Message::Close(Some(goodbye.clone()))).await.unwrap();
        assert_eq!(next(&mut socket).await.unwrap().unwrap(), Message::Close(Some(goodbye)));
        assert!(next(&mut socket).await.is_none());
        server.open_connections(0).await;
    });
}

#[test]
fn a_message_over_the_limit_ends_the_connection() {
    Fixture::new(echoing()).run(async |server| {
        let (mut socket, _) = connect(server).await;
        send(&mut socket, Message::binary(vec![0; 64 * 1024 + 1])).await.unwrap();
        assert!(!matches!(next(&mut socket).await, Some(Ok(Message::Binary(_)))));
        server.open_connections(0).await;
    });
}

#[test]
fn a_faulty_handshake_is_answered_over_http() {
    Fixture::new(echoing()).run(async |server| {
        let mut client = server.connect().await;
        for (lines, status) in [
            ("upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 8\r\n", 426),
            ("upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n", 400),
            ("upgrade: h2c\r\nconnection: upgrade\r\n", 200),
        ] {
            client.send(format!("GET / HTTP/1.1\r\nhost: a\r\n{lines}\r\n")).await;
            assert_eq!(client.response().await.status, status, "{lines:?}");
        }
    });
}
