//! Requests that are refused before the service sees them.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use turbo_http::{Config, Connection, RequestBody};

use crate::support::{Answer, Fixture, full, text};

/// Trap 22: HTTP/1.1 needs exactly one `Host`; hyper and httptools accept none and several.
#[test]
fn http_1_1_needs_exactly_one_host() {
    Fixture::new(text("seen")).run(async |server| {
        for (lines, status) in [
            ("host: a\r\n", 200),
            ("", 400),
            ("host: a\r\nhost: a\r\n", 400),
            ("Host: a\r\nhost: b\r\n", 400),
            ("host:\r\n", 200),
        ] {
            let mut client = server.connect().await;
            client.send(format!("GET / HTTP/1.1\r\n{lines}\r\n")).await;
            let response = client.response().await;
            assert_eq!(response.status, status, "{lines:?}");
            if status == 400 {
                assert_eq!(response.header("connection"), Some("close"));
                assert_eq!(client.rest().await, "");
            }
        }
    });
}

#[test]
fn http_1_0_needs_no_host_but_at_most_one() {
    Fixture::new(text("seen")).run(async |server| {
        for (lines, status) in [("", 200), ("host: a\r\n", 200), ("host: a\r\nhost: a\r\n", 400)] {
            let mut client = server.connect().await;
            client.send(format!("GET / HTTP/1.0\r\n{lines}\r\n")).await;
            assert_eq!(client.response().await.status, status, "{lines:?}");
        }
    });
}

/// Trap 20: a request with two kinds of framing is how requests are smuggled past a proxy.
#[test]
fn content_length_with_transfer_encoding_is_refused() {
    Fixture::new(text("seen")).run(async |server| {
        for lines in [
            "content-length: 5\r\ntransfer-encoding: chunked\r\n",
            "transfer-encoding: chunked\r\ncontent-length: 5\r\n",
            "Transfer-Encoding: chunked\r\nCONTENT-LENGTH: 5\r\n",
        ] {
            let request = format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n0\r\n\r\n");
            let (early, late) = request.split_at(request.len() - 20);
            let large = format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}\r\n1800\r\n{}", "x".repeat(6144));
            for pieces in [vec![request.as_str()], vec![early, late], vec![large.as_str()]] {
                let mut client = server.connect().await;
                for (index, piece) in pieces.iter().enumerate() {
                    client.send(piece).await;
                    if index + 1 < pieces.len() {
                        // The server has to see two reads for the header section to be in pieces.
                        server.settle().await;
                    }
                }
                assert_eq!(client.response().await.status, 400, "{pieces:?}");
                assert_eq!(client.rest().await, "", "{pieces:?}");
            }
        }
    });
}

#[test]
fn one_kind_of_framing_is_served() {
    Fixture::new(text("seen")).run(async |server| {
        let mut client = server.connect().await;
        for lines in ["content-length: 5\r\n\r\nhello", "transfer-encoding: chunked\r\n\r\n0\r\n\r\n"] {
            client.send(format!("POST / HTTP/1.1\r\nhost: a\r\n{lines}")).await;
            assert_eq!(client.response().await.status, 200, "{lines:?}");
        }
    });
}

/// Traps 21 to 24: framing that another parser could read differently. The body is read here, so that an
/// error in it is seen: the service answers with what it got.
#[test]
fn malformed_requests_are_refused() {
    const HOST: &str = "host: a\r\n";
    let chunked = |body: &str| format!("POST / HTTP/1.1\r\n{HOST}transfer-encoding: chunked\r\n\r\n{body}");
    let length = |value: &str| format!("POST / HTTP/1.1\r\n{HOST}content-length:{value}\r\n\r\nhello");
    let coding = |value: &str| format!("POST / HTTP/1.1\r\n{HOST}transfer-encoding:{value}\r\n\r\n0\r\n\r\n");
    let line = |line: &str| format!("GET / HTTP/1.1\r\n{HOST}{line}\r\n\r\n");
    let cases: Vec<(&str, String, &str)> = vec![
        ("bare LF", "GET / HTTP/1.1\nhost: a\n\n".into(), "400"),
        ("bare LF behind the request line", "GET / HTTP/1.1\nhost: a\r\n\r\n".into(), "400"),
        ("bare LF behind a header", line("x: y\nz: a"), "400"),
        ("bare LF at the end", "GET / HTTP/1.1\r\nhost: a\r\n\n".into(), "400"),
        ("bare CR in a value", line("x: a\rb"), "400"),
        ("NUL in a value", line("x: a\0b"), "400"),
        ("space before the colon", line("x : y"), "400"),
        ("no colon", line("x"), "400"),
        ("empty name", line(": y"), "400"),
        ("folded line", line("x: y\r\n z"), "400"),
        ("unknown version", format!("GET / HTTP/1.2\r\n{HOST}\r\n"), "400"),
        ("target that is not ASCII", format!("GET /\u{e9} HTTP/1.1\r\n{HOST}\r\n"), "400"),
        ("TLS to a plain port", "\u{16}\u{3}\u{1}\r\n\r\n".into(), "400"),
        ("signed length", length(" +5"), "400"),
        ("negative length", length(" -1"), "400"),
        ("length with an underscore", length(" 0_5"), "400"),
        ("list of lengths", length(" 5, 5"), "400"),
        ("empty length", length(""), "400"),
        ("length over u64", length(" 99999999999999999999"), "400"),
        ("differing lengths", length(" 5\r\ncontent-length: 6"), "400"),
        (
            "chunked on HTTP/1.0",
            "POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".into(),
            "400",
        ),
        ("vertical tab before chunked", coding(" \u{b}chunked"), "400"),
        ("form feed behind chunked", coding(" chunked\u{c}"), "400"),
        ("NEL behind chunked", coding(" chunked\u{85}"), "400"),
        ("chunked twice", coding(" chunked, chunked"), "400"),
        ("chunked in two lines", coding(" chunked\r\ntransfer-encoding: chunked"), "400"),
        ("stacked codings", coding(" gzip, chunked"), "400"),
        ("chunked not last", coding(" chunked, gzip"), "400"),
        ("identity", coding(" identity"), "400"),
        ("unknown coding", coding(" xchunked"), "400"),
        ("empty chunk size", chunked("\r\n0\r\n\r\n"), "malformed"),
        ("signed chunk size", chunked("+5\r\nhello\r\n0\r\n\r\n"), "malformed"),
        ("chunk size with 0x", chunked("0x5\r\nhello\r\n0\r\n\r\n"), "malformed"),
        ("chunk size with an underscore", chunked("0_5\r\nhello\r\n0\r\n\r\n"), "malformed"),
        ("bare LF behind a chunk size", chunked("5\nhello\r\n0\r\n\r\n"), "malformed"),
        ("bare CR in a chunk extension", chunked("5;a\rb\r\nhello\r\n0\r\n\r\n"), "malformed"),
        ("bare LF in a chunk extension", chunked("5;a\nb\r\nhello\r\n0\r\n\r\n"), "malformed"),
        ("any two bytes behind a chunk", chunked("5\r\nhelloXX0\r\n\r\n"), "malformed"),
        ("chunk size over u64", chunked("FFFFFFFFFFFFFFFFF\r\nhello"), "malformed"),
    ];
    Fixture::new(verdict_on_the_body()).run(async |server| {
        for (story, request, expected) in cases {
            let mut client = server.connect().await;
            client.send(&request).await;
            let answer = client.rest().await;
            let verdict = answer
                .get(9..12)
                .filter(|status| *status == "400")
                .unwrap_or_else(|| answer.rsplit('\n').next().unwrap());
            assert_eq!(verdict, expected, "{story}: {answer:?}");
        }
    });
}

/// What is odd but has one meaning only is served, and the connection with it.
#[test]
fn unusual_requests_are_served() {
    Fixture::new(verdict_on_the_body()).run(async |server| {
        for (story, request) in [
            ("empty lines first", "\r\n\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n"),
            ("empty host", "GET / HTTP/1.1\r\nhost:\r\n\r\n"),
            ("own method", "FOO-BAR / HTTP/1.1\r\nhost: a\r\n\r\n"),
            ("absolute form", "GET http://b/c HTTP/1.1\r\nhost: a\r\n\r\n"),
            ("asterisk form", "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n"),
            ("unknown upgrade", "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"),
            (
                "chunk extension",
                "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n",
            ),
            ("trailers", "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n"),
            ("line feeds in a body", "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\n\r\na\nb\n"),
        ] {
            let mut client = server.connect().await;
            client.send(request).await;
            let response = client.response().await;
            assert_eq!((response.status, response.body()), (200, "complete"), "{story}");
            assert_eq!(response.header("connection"), None, "{story}");
        }
    });
}

/// Reads the body to its end and says in the response whether that was possible.
fn verdict_on_the_body() -> impl Fn(Request<RequestBody>, Connection) -> Answer + Clone + 'static {
    |request, _| {
        Box::pin(async move {
            let verdict = match request.into_body().collect().await {
                Ok(_) => "complete",
                Err(turbo_http::Error::Malformed(_)) => "malformed",
                Err(_) => "disconnected",
            };
            Ok(Response::new(full(verdict)))
        })
    }
}

/// Header sections over the limits are told so.
#[test]
fn oversized_heads_are_answered_with_their_status() {
    let config = Config::builder().max_header_bytes(8192).build().unwrap();
    Fixture::new(text("seen")).config(config).run(async |server| {
        for (story, head, status) in [
            ("large value", format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(9000)), 431),
            ("endless", format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "y".repeat(9000)), 431),
            ("many lines", format!("GET / HTTP/1.1\r\nhost: a\r\n{}\r\n", "x: y\r\n".repeat(100)), 431),
            ("within", format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(7000)), 200),
        ] {
            let mut client = server.connect().await;
            client.send(head).await;
            assert_eq!(client.response().await.status, status, "{story}");
        }
    });
}

/// hyper's own refusals and ours are worded in one place.
#[test]
fn refusals_have_the_words_of_the_configuration() {
    let respond = |status: StatusCode| {
        let text = Bytes::from(format!("refused: {}", status.as_u16()));
        Response::builder().status(StatusCode::BAD_REQUEST).header("x-why", "rules").body(text).unwrap()
    };
    let config = Config::builder().refusal(respond).max_header_bytes(8192).build().unwrap();
    Fixture::new(text("seen")).config(config).run(async |server| {
        let large = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n", "y".repeat(9000));
        for (request, why) in [
            ("GET / HTTP/1.1\r\n\r\n", "refused: 400"),
            ("not HTTP at all\r\n\r\n", "refused: 400"),
            ("GET / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n", "refused: 400"),
            (large.as_str(), "refused: 431"),
        ] {
            for before in ["", "GET / HTTP/1.1\r\nhost: a\r\n\r\n"] {
                let mut client = server.connect().await;
                client.send(format!("{before}{request}")).await;
                if !before.is_empty() {
                    assert_eq!(client.response().await.body(), "seen");
                }
                let response = client.response().await;
                assert_eq!((response.status, response.body()), (400, why), "{request:?}");
                assert_eq!(response.header("x-why"), Some("rules"));
                assert_eq!(response.header("connection"), Some("close"));
                assert!(response.header("date").is_some());
                assert_eq!(client.rest().await, "");
            }
        }
    });
}

#[test]
fn every_request_of_a_connection_is_looked_at() {
    Fixture::new(verdict_on_the_body()).run(async |server| {
        for before in [
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nhi",
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        ] {
            let mut client = server.connect().await;
            client.send(before).await;
            assert_eq!(client.response().await.body(), "complete");
            client.send("GET / HTTP/1.1\nhost: a\r\n\r\n").await;
            assert_eq!(client.response().await.status, 400, "behind {before:?}");
        }
    });
}
