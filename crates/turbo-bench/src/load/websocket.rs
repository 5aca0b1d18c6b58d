//! A client that sends text messages and checks what comes back.

use std::io;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::run::{Left, Run};

/// Uses one connection for as long as it is to be used. `sent` goes up with every message, to `last` at most.
///
/// # Errors
/// If the connection breaks, or what comes is not a message.
pub async fn talk(run: &Run, stream: TcpStream, sent: &mut u64, last: Option<u64>) -> io::Result<Left> {
    let plan = run.plan;
    let path = plan.websocket.as_deref().unwrap_or("/");
    let messages: Vec<Utf8Bytes> =
        run.cases.iter().map(|case| String::from_utf8_lossy(&case.request).into_owned().into()).collect();
    let (mut socket, _) =
        client_async(format!("ws://{}{path}", run.server.address), stream).await.map_err(broken)?;
    loop {
        if run.over() || last.is_some_and(|last| *sent >= last) {
            let _ = socket.close(None).await;
            return Ok(Left::Done);
        }
        let due = run.turn.wait().await;
        let number = usize::try_from(*sent).unwrap_or(0) % messages.len();
        socket.send(Message::Text(messages[number].clone())).await.map_err(broken)?;
        let answer = loop {
            match socket.next().await {
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(answer) => break answer.map_err(broken)?,
                None => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        };
        let body = answer.into_data();
        let right = run.checkers[number].body(&body);
        run.totals.borrow_mut().answered(due, right, &body);
        *sent += 1;
    }
}

fn broken(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}
