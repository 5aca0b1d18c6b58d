use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Policy, Verdict};

fn headers(pairs: &[(&'static str, &'static str)]) -> Vec<(HeaderName, HeaderValue)> {
    pairs
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

#[test]
fn any_mention_of_gzip_is_acceptance() {
    for (value, accepts) in [
        (None, false),
        (Some("gzip"), true),
        (Some("br, gzip;q=0"), true),
        (Some("x-gzip"), true),
        (Some("GZIP"), false),
        (Some("identity"), false),
    ] {
        let mut headers = HeaderMap::new();
        if let Some(value) = value {
            headers.insert("accept-encoding", HeaderValue::from_static(value));
        }
        assert_eq!(Policy::accepts(&headers), accepts, "{value:?}");
    }
}

#[test]
fn what_is_compressed() {
    let policy = Policy::new(10, ["application/grpc", "audio/*", "Image/PNG; q=1", "/*"]);
    for (status, fields, length, verdict) in [
        (200, &[("content-type", "text/plain")][..], Some(9), Verdict::Untouched),
        (200, &[("content-type", "text/plain")], Some(10), Verdict::Compress),
        (200, &[("content-type", "text/plain")], None, Verdict::Compress),
        (206, &[("content-type", "text/plain")], Some(10), Verdict::Untouched),
        (200, &[("content-type", "text/plain"), ("content-encoding", "")], Some(10), Verdict::Untouched),
        (200, &[("content-type", " AUDIO/ogg ;x")], Some(10), Verdict::Untouched),
        (200, &[("content-type", "audio")], Some(10), Verdict::Untouched),
        (200, &[("content-type", "audios/x")], Some(10), Verdict::Compress),
        (200, &[("content-type", "image/png")], Some(10), Verdict::Untouched),
        (200, &[("content-type", "application/grpc+proto")], Some(10), Verdict::Untouched),
        (200, &[("content-type", "application/grpc-web")], Some(10), Verdict::Compress),
        (200, &[], Some(10), Verdict::Untouched),
    ] {
        let status = StatusCode::from_u16(status).expect("a status");
        let fields = headers(fields);
        assert_eq!(policy.verdict(true, status, &fields, length), verdict, "{fields:?}");
        let identity = if verdict == Verdict::Compress { Verdict::Identity } else { verdict };
        assert_eq!(policy.verdict(false, status, &fields, length), identity, "{fields:?}");
    }
}

#[test]
fn fields_are_replaced_where_they_are() {
    let mut fields = headers(&[("content-length", "900"), ("vary", "Cookie"), ("x", "y")]);
    Policy::compressed(&mut fields, 50);
    let expected = [
        ("content-length", "50"),
        ("vary", "Cookie, Accept-Encoding"),
        ("x", "y"),
        ("content-encoding", "gzip"),
    ];
    assert_eq!(fields, headers(&expected));
}
