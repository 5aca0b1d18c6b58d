//! The example `stack`, over a real socket.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code")]

#[path = "../examples/stack.rs"]
#[allow(dead_code, reason = "its main function")]
mod stack;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

/// The whole of what comes back for these bytes, on a connection of its own.
fn ask(address: SocketAddr, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(request).unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

#[test]
fn the_example_serves_with_the_whole_stack() {
    let (sender, lines) = mpsc::channel();
    let server =
        stack::start("127.0.0.1:0".parse().unwrap(), move |line| sender.send(line).unwrap()).unwrap();
    let turbo_http::Address::Tcp(address) = &server.addresses()[0] else { panic!("not a TCP address") };
    let fields =
        "host: test\r\nx-request-id: id-1\r\nx-forwarded-for: 203.0.113.9:7\r\nconnection: close\r\n";
    let chunked = format!("transfer-encoding: chunked\r\n\r\n11000\r\n{}\r\n0\r\n\r\n", "x".repeat(0x11000));
    let table = [
        ("GET / HTTP/1.1", "\r\n".to_owned(), "200 OK", "Hello, you are request id-1."),
        ("GET / HTTP/1.1", "accept-encoding: gzip\r\n\r\n".to_owned(), "200 OK", "content-encoding: gzip"),
        ("POST / HTTP/1.1", "content-length: 3\r\n\r\n123".to_owned(), "200 OK", "3 bytes"),
        ("POST / HTTP/1.1", "content-length: 65537\r\n\r\n".to_owned(), "413 Payload Too Large", "Too Large"),
        ("POST / HTTP/1.1", chunked, "413 Payload Too Large", "Content Too Large"),
        ("GET /slow HTTP/1.1", "\r\n".to_owned(), "503 Service Unavailable", "Request timed out"),
        ("GET /no HTTP/1.1", "\r\n".to_owned(), "404 Not Found", "x-frame-options: DENY"),
    ];
    for (line, rest, status, part) in table {
        let response = ask(*address, format!("{line}\r\n{fields}{rest}").as_bytes());
        assert!(response.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{line}: {response}");
        for expected in [part, "x-request-id: id-1", "x-content-type-options: nosniff"] {
            assert!(response.contains(expected), "{expected} is not in {response}");
        }
        let logged = lines.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(logged, format!("203.0.113.9:7 - \"{line}\" {} id-1", &status[..3]));
    }
    server.shutdown().unwrap();
}
