//! Requests that are refused before the service sees them.

use crate::support::{Fixture, text};

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
            for pieces in [vec![request.as_str()], vec![early, late]] {
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
