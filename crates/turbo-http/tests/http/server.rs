//! The server with worker threads of its own, and the example that shows it.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::num::NonZeroUsize;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use turbo_http::{Address, ConnectionInfo, Listener, RequestBody, Server};

use crate::support::PATIENCE;

async fn whoami(request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    let peer = request.extensions().get::<ConnectionInfo>().map(|info| info.peer().to_string());
    Ok(Response::new(format!("{thread} {}", peer.unwrap_or_default()).into()))
}

fn tcp(address: &Address) -> SocketAddr {
    let Address::Tcp(address) = address else { panic!("not a TCP address: {address}") };
    *address
}

fn ask(mut stream: impl Read + Write) -> String {
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert!(response.starts_with("HTTP/1.1 200 OK\r\n"), "{response:?}");
    response.rsplit_once("\r\n\r\n").unwrap().1.to_owned()
}

fn workers(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

#[test]
fn every_address_is_served_by_every_worker() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let inherited = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Server::builder()
        .tcp(SocketAddr::from(([127, 0, 0, 1], 0)))
        .unix(&path)
        .listener(Listener::from_fd(OwnedFd::from(inherited)).unwrap())
        .workers(workers(2))
        .start(tower::service_fn(whoami))
        .unwrap();
    let [first, unix, third] = server.addresses() else { panic!("three addresses") };
    assert_eq!(*unix, Address::Unix(Some(path.clone())));
    for address in [first, third] {
        // The kernel spreads connections by a hash of their ports, so a few are enough to meet both threads.
        let mut seen = std::collections::BTreeSet::new();
        let deadline = std::time::Instant::now() + PATIENCE;
        while seen.len() < 2 && std::time::Instant::now() < deadline && *address == *first {
            seen.insert(ask(TcpStream::connect(tcp(address)).unwrap()));
        }
        if address == first {
            assert_eq!(seen.into_iter().collect::<Vec<_>>(), ["turbo-http-0 ", "turbo-http-1 "]);
        } else {
            assert!(ask(TcpStream::connect(tcp(address)).unwrap()).starts_with("turbo-http-"));
        }
    }
    assert!(ask(UnixStream::connect(&path).unwrap()).starts_with("turbo-http-"));
    server.shutdown().unwrap();
    assert!(!path.exists());
}

#[test]
fn requests_carry_their_connection_when_asked_to() {
    let server = Server::builder()
        .tcp(SocketAddr::from(([127, 0, 0, 1], 0)))
        .workers(workers(1))
        .connection_info(true)
        .start(tower::service_fn(whoami))
        .unwrap();
    let stream = TcpStream::connect(tcp(&server.addresses()[0])).unwrap();
    let ours = stream.local_addr().unwrap();
    assert_eq!(ask(stream), format!("turbo-http-0 {ours}"));
    server.shutdown().unwrap();
}

#[test]
fn an_address_in_use_is_an_error_for_any_number_of_workers() {
    let server = Server::builder()
        .tcp(SocketAddr::from(([127, 0, 0, 1], 0)))
        .workers(workers(2))
        .start(tower::service_fn(whoami))
        .unwrap();
    let address = tcp(&server.addresses()[0]);
    for count in [1, 2] {
        let second = Server::builder().tcp(address).workers(workers(count)).start(tower::service_fn(whoami));
        assert_eq!(second.unwrap_err().kind(), std::io::ErrorKind::AddrInUse);
    }
    server.shutdown().unwrap();
}

#[test]
fn a_server_needs_an_address() {
    let error = Server::builder().start(tower::service_fn(whoami)).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn what_does_not_finish_in_time_is_cut_off() {
    async fn stuck(_: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
        std::future::pending().await
    }
    let server = Server::builder()
        .tcp(SocketAddr::from(([127, 0, 0, 1], 0)))
        .workers(workers(1))
        .graceful_timeout(Duration::from_millis(50))
        .start(tower::service_fn(stuck))
        .unwrap();
    let mut stream = TcpStream::connect(tcp(&server.addresses()[0])).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").unwrap();
    let begin = std::time::Instant::now();
    server.shutdown().unwrap();
    assert!(begin.elapsed() >= Duration::from_millis(50));
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    assert_eq!(response, "");
}

/// Ends the process with the test, however that ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    /// Starts the example on a free port and reads where that is.
    fn start(mut command: Command) -> (Self, SocketAddr) {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = child.stdout.take().unwrap();
        let running = Self(child);
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        (running, line.trim().strip_prefix("http://").unwrap().parse().unwrap())
    }
}

/// Cargo builds examples together with the tests and puts them next to each other.
fn example() -> std::path::PathBuf {
    std::env::current_exe().unwrap().with_file_name("../examples/hello")
}

#[test]
fn the_example_serves_and_stops_at_a_signal() {
    let mut command = Command::new(example());
    command.arg("127.0.0.1:0");
    let (mut running, address) = Running::start(command);
    assert_eq!(ask(TcpStream::connect(address).unwrap()), "hello from /\n");
    let id = running.0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert!(running.0.wait().unwrap().success());
}

/// Running out of descriptors delays connections and loses none. It takes a process of its own, for the limit
/// to hold only there.
#[cfg(target_os = "linux")]
#[test]
fn a_server_without_descriptors_accepts_later() {
    let mut command = Command::new("sh");
    let script = format!("ulimit -n 48; exec {} 127.0.0.1:0", example().display());
    command.args(["-c", &script]);
    let (running, address) = Running::start(command);
    let mut streams: Vec<TcpStream> = (0..60).map(|_| TcpStream::connect(address).unwrap()).collect();
    let descriptors = format!("/proc/{}/fd", running.0.id());
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::fs::read_dir(&descriptors).unwrap().count() < 48 {
        assert!(std::time::Instant::now() < deadline, "the limit is never reached");
        std::thread::yield_now();
    }
    let last = streams.pop().unwrap();
    drop(streams);
    last.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(ask(last), "hello from /\n");
}
