use std::convert::Infallible;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use tower::{ServiceExt, service_fn};
use tower_layer::Layer;

use super::{Hsts, SecurityHeadersLayer};
use crate::forwarded::Scheme;

/// The headers of a response that had these headers and this status.
async fn ask(
    layer: SecurityHeadersLayer,
    status: StatusCode,
    own: &[(&'static str, &'static str)],
) -> HeaderMap {
    let service = layer.layer(service_fn(move |_: Request<()>| {
        let mut response = Response::new(());
        *response.status_mut() = status;
        for (name, value) in own {
            response.headers_mut().append(*name, HeaderValue::from_static(value));
        }
        std::future::ready(Ok::<_, Infallible>(response))
    }));
    service.oneshot(Request::new(())).await.unwrap().headers().clone()
}

fn pairs(headers: &HeaderMap) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect()
}

#[tokio::test]
async fn only_what_is_asked_for_is_sent() {
    assert!(ask(SecurityHeadersLayer::off(), StatusCode::OK, &[]).await.is_empty());
    assert_eq!(
        pairs(&ask(SecurityHeadersLayer::recommended(), StatusCode::NOT_FOUND, &[]).await),
        [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "strict-origin-when-cross-origin"),
        ]
    );
    let layer = SecurityHeadersLayer::off()
        .content_security_policy(HeaderValue::from_static("default-src 'none'"))
        .header(HeaderName::from_static("permissions-policy"), HeaderValue::from_static("camera=()"));
    assert_eq!(
        pairs(&ask(layer, StatusCode::OK, &[]).await),
        [("content-security-policy", "default-src 'none'"), ("permissions-policy", "camera=()")]
    );
}

#[tokio::test]
async fn what_a_response_has_stays() {
    let own = &[("x-frame-options", "SAMEORIGIN"), ("referrer-policy", "no-referrer")];
    let headers = ask(SecurityHeadersLayer::recommended(), StatusCode::OK, own).await;
    assert_eq!(headers["x-frame-options"], "SAMEORIGIN");
    assert_eq!(headers["referrer-policy"], "no-referrer");
    assert_eq!(headers.len(), 3);
}

#[tokio::test]
async fn a_switch_of_protocols_is_left_alone() {
    let headers = ask(SecurityHeadersLayer::recommended(), StatusCode::SWITCHING_PROTOCOLS, &[]).await;
    assert!(headers.is_empty());
}

#[tokio::test]
async fn hsts_has_its_directives() {
    let table = [
        (300, false, false, "max-age=300"),
        (0, false, false, "max-age=0"),
        (31_536_000, true, false, "max-age=31536000; includeSubDomains"),
        (31_536_000, true, true, "max-age=31536000; includeSubDomains; preload"),
    ];
    for (seconds, include_subdomains, preload, value) in table {
        let hsts = Hsts { max_age: Duration::from_secs(seconds), include_subdomains, preload };
        // The second call replaces what the first has set.
        let layer = SecurityHeadersLayer::off()
            .hsts(Hsts { max_age: Duration::from_secs(1), include_subdomains: false, preload: false })
            .hsts(hsts);
        let headers = ask(layer, StatusCode::OK, &[]).await;
        assert_eq!(pairs(&headers), [("strict-transport-security", value)]);
    }
}

/// RFC 6797 section 7.2.
#[tokio::test]
async fn hsts_is_not_sent_in_the_open() {
    let hsts = Hsts { max_age: Duration::from_secs(1), include_subdomains: false, preload: false };
    let layer = SecurityHeadersLayer::recommended().hsts(hsts);
    for (scheme, sent) in [(None, true), (Some("https"), true), (Some("wss"), true), (Some("http"), false)] {
        let service =
            layer.layer(service_fn(|_: Request<()>| async { Ok::<_, Infallible>(Response::new(())) }));
        let mut request = Request::new(());
        if let Some(scheme) = scheme {
            request.extensions_mut().insert(Scheme(scheme));
        }
        let response = service.oneshot(request).await.unwrap();
        assert_eq!(response.headers().contains_key("strict-transport-security"), sent, "{scheme:?}");
        assert!(response.headers().contains_key("x-frame-options"));
    }
}
