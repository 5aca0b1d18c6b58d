use std::convert::Infallible;
use std::io::Read;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use http_body::Body;
use http_body_util::channel::Channel;
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::accept::best;
use super::{Coding, CompressionLayer, ResponseBody};

const ALL: &[Coding] = &[
    Coding::Gzip,
    #[cfg(feature = "brotli")]
    Coding::Brotli,
    #[cfg(feature = "zstd")]
    Coding::Zstd,
];

/// Asks, accepting this, for a response of this body and these headers.
async fn ask<C: Body>(
    layer: CompressionLayer,
    accept: &str,
    body: C,
    headers: &[(&'static str, &'static str)],
) -> Response<ResponseBody<C>> {
    ask_for(layer, accept, StatusCode::OK, body, headers).await
}

async fn ask_for<C: Body>(
    layer: CompressionLayer,
    accept: &str,
    status: StatusCode,
    body: C,
    headers: &[(&'static str, &'static str)],
) -> Response<ResponseBody<C>> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    for (name, value) in headers {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    let mut response = Some(response);
    let service = layer.layer(service_fn(move |_: Request<()>| {
        std::future::ready(Ok::<_, Infallible>(response.take().unwrap()))
    }));
    let request = Request::builder().header(ACCEPT_ENCODING, accept).body(()).unwrap();
    service.oneshot(request).await.unwrap()
}

fn long() -> Bytes {
    "0123456789 and again ".repeat(5000).into()
}

fn decode(coding: &str, data: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match coding {
        "gzip" => flate2::read::GzDecoder::new(data).read_to_end(&mut plain).map(drop).unwrap(),
        #[cfg(feature = "brotli")]
        "br" => brotli::Decompressor::new(data, 4096).read_to_end(&mut plain).map(drop).unwrap(),
        #[cfg(feature = "zstd")]
        "zstd" => plain = zstd::decode_all(data).unwrap(),
        other => panic!("{other} is unknown"),
    }
    plain
}

async fn bytes<C>(response: Response<ResponseBody<C>>) -> Bytes
where
    C: Body,
    C::Error: Into<crate::BoxError>,
{
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn every_coding_comes_out_as_it_went_in() {
    for coding in ALL {
        let layer = CompressionLayer::new().codings([*coding]);
        let response = ask(layer, coding.name(), Full::new(long()), &[("content-length", "105000")]).await;
        assert_eq!(response.headers()[CONTENT_ENCODING], coding.name());
        assert_eq!(response.headers()[VARY], "accept-encoding");
        assert!(!response.headers().contains_key("content-length"));
        let packed = bytes(response).await;
        assert!(packed.len() < 5000, "{coding:?} made {} bytes", packed.len());
        assert_eq!(decode(coding.name(), &packed), long());
    }
}

/// What is and what is not compressed, and the `Vary` that either gets.
#[tokio::test]
async fn only_what_is_worth_it_is_compressed() {
    type Row = (u16, &'static [(&'static str, &'static str)], bool);
    let table: &[Row] = &[
        (200, &[], true),
        (404, &[], true),
        (200, &[("content-type", "application/json")], true),
        (200, &[("content-type", "Application/JSON; charset=utf-8")], true),
        (200, &[("content-type", "application/problem+json")], true),
        (200, &[("content-type", "image/svg+xml")], true),
        (200, &[("content-type", "image/png")], false),
        (200, &[("content-type", "application/octet-stream")], false),
        (200, &[("content-type", "text/event-stream")], false),
        (200, &[("content-type", "text/event-stream; charset=utf-8")], false),
        (200, &[("content-type", "")], false),
        (200, &[("content-encoding", "br")], false),
        (200, &[("content-encoding", "identity")], false),
        (200, &[("content-range", "bytes 0-9/100")], false),
        (200, &[("cache-control", "max-age=1, No-Transform")], false),
        (200, &[("cache-control", "max-age=1")], true),
        (204, &[], false),
        (304, &[], false),
        (101, &[], false),
    ];
    for (status, headers, compressed) in table {
        let status = StatusCode::from_u16(*status).unwrap();
        for accept in ["gzip", "br;q=0"] {
            let layer = CompressionLayer::new();
            let response = ask_for(layer, accept, status, Full::new(long()), headers).await;
            let own = headers.iter().find(|(name, _)| *name == "content-encoding").map(|(_, value)| *value);
            let coding = if *compressed && accept == "gzip" { Some("gzip") } else { own };
            let got = response.headers().get(CONTENT_ENCODING).map(|value| value.to_str().unwrap());
            assert_eq!(got, coding, "{status} {headers:?}");
            assert_eq!(response.headers().contains_key(VARY), *compressed, "{status} {headers:?}");
        }
    }
}

#[tokio::test]
async fn small_bodies_stay_as_they_are() {
    for (length, minimum, compressed) in
        [(499, None, false), (500, None, true), (9, Some(10), false), (0, Some(0), true)]
    {
        let mut layer = CompressionLayer::new();
        if let Some(minimum) = minimum {
            layer = layer.minimum_size(minimum);
        }
        let response = ask(layer, "gzip", Full::<Bytes>::from(vec![b'x'; length]), &[]).await;
        assert_eq!(response.headers().contains_key(CONTENT_ENCODING), compressed, "{length}");
    }
    // An answer to HEAD has the headers that GET would get.
    let headers = &[("content-length", "5000")];
    let response = ask(CompressionLayer::new(), "gzip", http_body_util::Empty::<Bytes>::new(), headers).await;
    assert_eq!(response.headers()[CONTENT_ENCODING], "gzip");
}

#[tokio::test]
async fn validators_and_vary_are_kept_right() {
    for (tag, expected) in [("\"a\"", "W/\"a\""), ("W/\"a\"", "W/\"a\"")] {
        let headers = &[("etag", tag), ("vary", "origin"), ("accept-ranges", "bytes")];
        let response = ask(CompressionLayer::new(), "gzip", Full::new(long()), headers).await;
        assert_eq!(response.headers()["etag"], expected);
        assert!(!response.headers().contains_key("accept-ranges"));
        let vary: Vec<_> = response.headers().get_all(VARY).iter().collect();
        assert_eq!(vary, ["origin", "accept-encoding"]);
        let response = ask(CompressionLayer::new(), "identity", Full::new(long()), headers).await;
        assert_eq!(response.headers()["etag"], tag);
    }
    for vary in ["*", "Accept-Encoding", "origin, accept-encoding"] {
        let response = ask(CompressionLayer::new(), "gzip", Full::new(long()), &[("vary", vary)]).await;
        assert_eq!(response.headers().get_all(VARY).iter().collect::<Vec<_>>(), [vary]);
    }
}

/// A stream that makes its client wait has sent what it had: everything up to then can be unpacked.
#[tokio::test]
async fn a_stream_keeps_its_pace() {
    for coding in ALL {
        let (mut sender, body) = Channel::<Bytes>::new(1);
        let layer = CompressionLayer::new().codings([*coding]);
        let mut body = ask(layer, coding.name(), body, &[]).await.into_body();
        let mut packed = Vec::new();
        for text in ["first", "second"] {
            sender.send_data(Bytes::from_static(text.as_bytes())).await.unwrap();
            let frame = body.frame().await.unwrap().unwrap();
            let before = packed.len();
            packed.extend_from_slice(&frame.into_data().unwrap());
            assert!(packed.len() > before);
            let mut next = tokio_test::task::spawn(body.frame());
            while let std::task::Poll::Ready(frame) = next.poll() {
                packed.extend_from_slice(&frame.unwrap().unwrap().into_data().unwrap());
                drop(next);
                next = tokio_test::task::spawn(body.frame());
            }
        }
        drop(sender);
        while let Some(frame) = body.frame().await {
            packed.extend_from_slice(&frame.unwrap().into_data().unwrap());
        }
        assert!(body.is_end_stream());
        assert_eq!(decode(coding.name(), &packed), b"firstsecond");
    }
}

#[tokio::test]
async fn trailers_follow_the_data() {
    let (mut sender, body) = Channel::<Bytes>::new(2);
    sender.send_data(long()).await.unwrap();
    let mut trailers = HeaderMap::new();
    trailers.insert("checksum", HeaderValue::from_static("1"));
    sender.send_trailers(trailers.clone()).await.unwrap();
    drop(sender);
    let body = ask(CompressionLayer::new(), "gzip", body, &[]).await.into_body().collect().await.unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    assert_eq!(decode("gzip", &body.to_bytes()), long());
}

#[tokio::test]
async fn a_body_that_fails_fails() {
    let (sender, body) = Channel::<Bytes, std::io::Error>::new(1);
    sender.abort(std::io::Error::other("lost"));
    let response = ask(CompressionLayer::new(), "gzip", body, &[]).await;
    assert_eq!(response.into_body().collect().await.unwrap_err().to_string(), "lost");
}

#[tokio::test]
async fn switched_off_nothing_changes() {
    let response = ask(CompressionLayer::off(), "gzip", Full::new(long()), &[]).await;
    assert!(!response.headers().contains_key(VARY));
    assert_eq!(bytes(response).await, long());
}

#[cfg(all(feature = "brotli", feature = "zstd"))]
#[test]
fn the_clients_first_choice_is_taken() {
    use Coding::{Brotli, Gzip, Zstd};
    let table: &[(&str, Option<Coding>)] = &[
        ("", None),
        ("gzip", Some(Gzip)),
        ("GZIP", Some(Gzip)),
        ("x-gzip", Some(Gzip)),
        ("deflate", None),
        ("gzip, deflate, br, zstd", Some(Zstd)),
        ("gzip;q=1.0, br;q=0.9", Some(Gzip)),
        ("gzip ; q=0.5 , br; q=0.501", Some(Brotli)),
        ("gzip;Q=0.5", Some(Gzip)),
        ("*", Some(Zstd)),
        ("*;q=0", None),
        ("*;q=0, gzip", Some(Gzip)),
        ("*, zstd;q=0", Some(Brotli)),
        ("gzip;q=0", None),
        ("gzip;q=0.000", None),
        ("identity", None),
        ("identity;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("identity;q=0.5, gzip", Some(Gzip)),
        // What is malformed does not count.
        ("gzip;q=2", None),
        ("gzip;q=1.001", None),
        ("gzip;q=0.0001", None),
        ("gzip;q=", None),
        ("gzip;x=1", None),
        ("gzip;q=1;x", None),
        (",,gzip,", Some(Gzip)),
    ];
    for (accept, coding) in table {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static(accept));
        assert_eq!(best(&headers, &[Zstd, Brotli, Gzip]), *coding, "{accept}");
    }
    let mut headers = HeaderMap::new();
    headers.append(ACCEPT_ENCODING, HeaderValue::from_static("gzip;q=0.1"));
    headers.append(ACCEPT_ENCODING, HeaderValue::from_static("br"));
    assert_eq!(best(&headers, &[Gzip, Brotli]), Some(Brotli));
    assert_eq!(best(&HeaderMap::new(), &[Gzip]), None);
}

proptest! {
    #[test]
    fn anything_can_be_sent_as_accept_encoding(value in "[ -~\u{e9}]{0,40}|((gzip|\\*|identity)(;q=[01](\\.[0-9]{0,4})?)?,? ?){0,4}") {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        let chosen = best(&headers, &[Coding::Gzip]);
        // A coding is never sent that the client has not named, with a star at least.
        let named = value.to_ascii_lowercase().contains("gzip") || value.contains('*');
        prop_assert!(chosen.is_none() || named);
    }

    #[test]
    fn pieces_come_out_as_they_went_in(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut sender, body) = Channel::<Bytes>::new(pieces.len().max(1));
            for piece in &pieces {
                sender.send_data(piece.clone().into()).await.unwrap();
            }
            drop(sender);
            let response = ask(CompressionLayer::new(), "gzip", body, &[]).await;
            assert_eq!(decode("gzip", &bytes(response).await), pieces.concat());
        });
    }
}
