//! The shortest way through: one request over a real socket.

use crate::support::{Fixture, text};

#[test]
fn a_request_is_answered_and_the_connection_stays_open() {
    Fixture::new(text("hello")).run(async |server| {
        let mut client = server.connect().await;
        for _ in 0..3 {
            client.send("GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
            let response = client.response().await;
            assert_eq!((response.status, response.body()), (200, "hello"));
        }
    });
}
