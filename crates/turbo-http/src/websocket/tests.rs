use http::{HeaderMap, Request};

use super::{Handshake, HandshakeError, is_upgrade};

fn request(headers: &[(&str, &str)]) -> Request<()> {
    let mut request = Request::new(());
    for (name, value) in headers {
        let name = http::HeaderName::from_bytes(name.as_bytes()).unwrap();
        request.headers_mut().append(name, value.parse().unwrap());
    }
    request
}

#[test]
fn an_upgrade_is_recognised_by_tokens_in_any_case_and_place() {
    for (upgrade, connection, expected) in [
        ("websocket", "Upgrade", true),
        ("WebSocket", "keep-alive, upgrade", true),
        ("h2c, websocket", "Upgrade", true),
        ("h2c", "Upgrade", false),
        ("websocket", "keep-alive", false),
        ("websockets", "Upgrade", false),
    ] {
        let request = request(&[("upgrade", upgrade), ("connection", connection)]);
        assert_eq!(is_upgrade(&request), expected, "{upgrade} / {connection}");
    }
    assert!(!is_upgrade(&request(&[])));
}

#[test]
fn faulty_handshakes_are_named() {
    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    const VERSION: (&str, &str) = ("sec-websocket-version", "13");
    for (headers, expected) in [
        (vec![], HandshakeError::MissingVersion),
        (vec![VERSION], HandshakeError::MissingKey),
        (vec![VERSION, VERSION, KEY], HandshakeError::RepeatedVersion),
        (vec![VERSION, ("sec-websocket-key", "short")], HandshakeError::InvalidKey),
        (vec![VERSION, KEY, KEY], HandshakeError::InvalidKey),
        (vec![("sec-websocket-version", "8"), KEY], HandshakeError::UnsupportedVersion),
        (vec![VERSION, KEY], HandshakeError::NotUpgradable),
    ] {
        let error = Handshake::from_request(&mut request(&headers)).unwrap_err();
        assert_eq!(error, expected, "{headers:?}");
    }
}

#[test]
fn the_key_of_the_specification_is_accepted_with_its_answer() {
    let (_sender, upgrade) = crate::upgrade::OnUpgrade::channel();
    let mut request = request(&[
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-protocol", "chat, superchat"),
        ("sec-websocket-protocol", "third"),
    ]);
    request.extensions_mut().insert(upgrade);
    let handshake = Handshake::from_request(&mut request).unwrap();
    assert_eq!(handshake.subprotocols(), ["chat", "superchat", "third"]);
    let (response, _) = handshake.accept(HeaderMap::new(), Some("chat"));
    assert_eq!(response.status(), 101);
    // The example of RFC 6455 section 1.3.
    assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    assert_eq!(response.headers()["sec-websocket-protocol"], "chat");
}
