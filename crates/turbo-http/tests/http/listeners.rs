//! Every kind of listening socket, and how many connections it may have.

use std::os::fd::OwnedFd;

use http::{Request, Response};
use tokio::net::UnixStream;
use turbo_http::{Address, Config, Connection, ListenOptions, Listener, RequestBody};

use crate::support::{Answer, Client, Fixture, full, text};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Answers with both ends of the connection.
fn ends() -> impl Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static {
    |_, connection| {
        let ends = format!("{} to {}", connection.peer(), connection.local());
        Box::pin(async move { Ok(Response::new(full(ends))) })
    }
}

#[test]
fn a_tcp_connection_knows_its_ends() {
    for address in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = Listener::tcp(address.parse().unwrap(), &ListenOptions::default()) else {
            assert!(address.starts_with('['), "no IPv4");
            continue;
        };
        Fixture::new(ends()).run_on(listener, async |server| {
            let mut client = server.connect().await;
            client.send(GET).await;
            let expected = format!("{} to {}", client.stream.local_addr().unwrap(), server.address);
            assert_eq!(client.response().await.body(), expected);
        });
    }
}

#[test]
fn a_unix_socket_is_served() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = Listener::unix(&path, &ListenOptions::default()).unwrap();
    assert_eq!(listener.address().unwrap(), Address::Unix(Some(path.clone())));
    Fixture::new(ends()).run_on(listener, async |_| {
        let mut client = Client::new(UnixStream::connect(&path).await.unwrap());
        client.send(GET).await;
        assert_eq!(client.response().await.body(), format!("unix to {}", path.display()));
    });
}

#[test]
fn a_socket_file_is_replaced_when_nobody_listens_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let options = ListenOptions::default();
    drop(Listener::unix(&path, &options).unwrap());
    let listener = Listener::unix(&path, &options).unwrap();
    let error = Listener::unix(&path, &options).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
    drop(listener);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    assert!(Listener::unix(&path, &options).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn inherited_descriptors_are_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let unix = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    Fixture::new(text("tcp")).run_on(Listener::from_fd(tcp.into()).unwrap(), async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        assert_eq!(client.response().await.body(), "tcp");
    });
    Fixture::new(text("unix")).run_on(Listener::from_fd(unix.into()).unwrap(), async |_| {
        let mut client = Client::new(UnixStream::connect(&path).await.unwrap());
        client.send(GET).await;
        assert_eq!(client.response().await.body(), "unix");
    });
}

/// A supervisor may bind in the parent and leave listening to the workers.
#[test]
fn a_bound_socket_is_put_to_listen() {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    Fixture::new(text("hello")).run_on(Listener::from_fd(socket.into()).unwrap(), async |server| {
        let mut client = server.connect().await;
        client.send(GET).await;
        assert_eq!(client.response().await.body(), "hello");
    });
}

#[test]
fn other_descriptors_are_refused() {
    let datagram: OwnedFd = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().into();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let connected: OwnedFd = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap().into();
    let file: OwnedFd = tempfile::tempfile().unwrap().into();
    for fd in [datagram, connected, file] {
        assert!(Listener::from_fd(fd).is_err());
    }
}

#[test]
fn reuse_port_lets_two_listeners_share_and_does_not_apply_to_unix() {
    let options = ListenOptions { reuse_port: true, ..ListenOptions::default() };
    let first = Listener::tcp("127.0.0.1:0".parse().unwrap(), &options).unwrap();
    let Address::Tcp(address) = first.address().unwrap() else { unreachable!() };
    assert!(Listener::tcp(address, &options).is_ok());
    assert!(Listener::tcp(address, &ListenOptions::default()).is_err());
    let folder = tempfile::tempdir().unwrap();
    assert!(Listener::unix(&folder.path().join("socket"), &options).is_err());
}

#[test]
fn connections_over_the_limit_wait_for_their_turn() {
    let config = Config::builder().max_connections(Some(2)).build().unwrap();
    Fixture::new(text("hello")).config(config).run(async |server| {
        let mut clients = Vec::new();
        for _ in 0..3 {
            let mut client = server.connect().await;
            client.send(GET).await;
            clients.push(client);
        }
        let mut third = clients.pop().unwrap();
        for client in &mut clients {
            assert_eq!(client.response().await.body(), "hello");
        }
        server.settle().await;
        assert!(third.stream.try_read_buf(&mut third.buffer).is_err(), "answered over the limit");
        assert_eq!(server.config.stats().open_connections(), 2);
        clients.pop();
        assert_eq!(third.response().await.body(), "hello");
        assert_eq!(server.config.stats().accepted_connections(), 3);
    });
}
