"""Requests that are wrong, or that HTTP/1.1 servers disagree on."""

from __future__ import annotations

from ..harness.case import Case, Eof, Expect, HalfClose, Probe, Send
from ._build import chunked, exchange, refused

GET = b"GET /plain HTTP/1.1\r\n"
HOST = b"Host: example.test\r\n"
POST = b"POST /echo HTTP/1.1\r\n" + HOST
P = "protocol"


def bad(id: str, data: bytes) -> Case:
    """A request to the protocol app that should be refused; the warning is compared too."""
    return Case(id, P, (Send(data), Expect(), Probe()), logs=True)


def either(id: str, data: bytes) -> Case:
    """A request of which it is open whether it is refused."""
    return exchange(id, P, data)


CASES = [
    bad("invalid-garbage", b"garbage\r\n\r\n"),
    bad("invalid-binary", b"\x00\x01\x02\x03\r\n\r\n"),
    bad("invalid-tls-client-hello", b"\x16\x03\x01\x00\xf8\x01\x00\x00\xf4\x03\x03" + b"\x00" * 64),
    bad("invalid-http2-preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    bad("invalid-version-2", b"GET / HTTP/2.0\r\n" + HOST + b"\r\n"),
    bad("invalid-version-1-2", b"GET / HTTP/1.2\r\n" + HOST + b"\r\n"),
    bad("invalid-version-9-9", b"GET / HTTP/9.9\r\n" + HOST + b"\r\n"),
    bad("invalid-version-lower-case", b"GET / http/1.1\r\n" + HOST + b"\r\n"),
    bad("invalid-version-missing", b"GET /\r\n" + HOST + b"\r\n"),
    bad("invalid-version-other-protocol", b"GET / FTP/1.1\r\n" + HOST + b"\r\n"),
    bad("invalid-version-cut", b"GET / HTTP/1\r\n" + HOST + b"\r\n"),
    bad("invalid-target-missing", b"GET HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("invalid-method-space-first", b" GET / HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("invalid-method-brackets", b"G[E]T / HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("invalid-method-latin-1", b"G\xcbT / HTTP/1.1\r\n" + HOST + b"\r\n"),
    bad("trap21-space-before-colon", GET + HOST + b"X-A : 1\r\n\r\n"),
    bad("trap21-tab-before-colon", GET + HOST + b"X-A\t: 1\r\n\r\n"),
    bad("invalid-header-no-colon", GET + HOST + b"no colon here\r\n\r\n"),
    bad("invalid-header-empty-name", GET + HOST + b": 1\r\n\r\n"),
    bad("invalid-header-space-in-name", GET + HOST + b"X A: 1\r\n\r\n"),
    bad("invalid-header-latin-1-name", GET + HOST + b"X-\xc4: 1\r\n\r\n"),
    bad("invalid-header-bracket-name", GET + HOST + b"X[A]: 1\r\n\r\n"),
    bad("invalid-header-nul-in-value", GET + HOST + b"X-A: a\x00b\r\n\r\n"),
    bad("invalid-header-control-in-value", GET + HOST + b"X-A: a\x01b\r\n\r\n"),
    bad("invalid-header-del-in-value", GET + HOST + b"X-A: a\x7fb\r\n\r\n"),
    bad("trap23-bare-cr-in-value", GET + HOST + b"X-A: a\rb\r\n\r\n"),
    bad("invalid-header-folded", GET + HOST + b"X-A: one\r\n two\r\n\r\n"),
    bad("invalid-header-folded-tab", GET + HOST + b"X-A: one\r\n\ttwo\r\n\r\n"),
    bad("invalid-header-first-line-folded", GET + b" X-A: 1\r\n" + HOST + b"\r\n"),
    bad("trap21-bare-lf-request-line", b"GET /plain HTTP/1.1\n" + HOST + b"\r\n"),
    bad("trap21-bare-lf-header", GET + b"Host: example.test\nX-A: 1\r\n\r\n"),
    bad("trap21-bare-lf-end", GET + HOST + b"\n"),
    bad("trap21-bare-lf-everywhere", b"GET /plain HTTP/1.1\nHost: example.test\n\n"),
    bad("trap22-host-missing", GET + b"\r\n"),
    bad("trap22-host-missing-other-headers", GET + b"X-A: 1\r\n\r\n"),
    bad("trap22-host-twice-equal", GET + HOST + HOST + b"\r\n"),
    bad("trap22-host-twice-different", GET + HOST + b"Host: other.test\r\n\r\n"),
    bad("trap22-host-twice-apart", GET + HOST + b"X-A: 1\r\nhost: other.test\r\n\r\n"),
    bad(
        "trap20-length-and-chunked",
        POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello"),
    ),
    bad(
        "trap20-chunked-and-length",
        POST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n" + chunked(b"hello"),
    ),
    bad(
        "trap20-length-zero-and-chunked",
        POST + b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hi"),
    ),
    bad("trap20-length-twice-different", POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"),
    bad("trap20-length-twice-equal", POST + b"Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
    bad("trap20-length-list-equal", POST + b"Content-Length: 5, 5\r\n\r\nhello"),
    bad("trap20-length-list-different", POST + b"Content-Length: 5, 6\r\n\r\nhello"),
    bad("trap21-length-plus", POST + b"Content-Length: +5\r\n\r\nhello"),
    bad("trap21-length-minus", POST + b"Content-Length: -5\r\n\r\nhello"),
    bad("trap21-length-underscore", POST + b"Content-Length: 0_5\r\n\r\nhello"),
    bad("trap21-length-hex", POST + b"Content-Length: 0x5\r\n\r\nhello"),
    bad("trap21-length-empty", POST + b"Content-Length:\r\n\r\n"),
    bad("trap21-length-word", POST + b"Content-Length: five\r\n\r\nhello"),
    bad("trap21-length-float", POST + b"Content-Length: 5.0\r\n\r\nhello"),
    bad("trap21-length-inner-space", POST + b"Content-Length: 0 5\r\n\r\nhello"),
    bad("trap21-length-overflow", POST + b"Content-Length: 99999999999999999999999\r\n\r\nhello"),
    either("length-leading-zeros", POST + b"Content-Length: 0005\r\n\r\nhello"),
    either("length-spaces-around", POST + b"Content-Length:   5   \r\n\r\nhello"),
    bad("trap21-te-vertical-tab", POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n" + chunked(b"hello")),
    bad("trap21-te-form-feed", POST + b"Transfer-Encoding: chunked\x0c\r\n\r\n" + chunked(b"hello")),
    bad("trap21-te-nel", POST + b"Transfer-Encoding: \x85chunked\r\n\r\n" + chunked(b"hello")),
    bad("trap21-te-nbsp", POST + b"Transfer-Encoding: chunked\xa0\r\n\r\n" + chunked(b"hello")),
    bad("trap23-te-gzip-chunked", POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + chunked(b"hello")),
    bad("trap23-te-chunked-gzip", POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n" + chunked(b"hello")),
    bad("trap23-te-chunked-twice", POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n" + chunked(b"hello")),
    bad(
        "trap23-te-two-fields",
        POST + b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello"),
    ),
    bad("trap23-te-identity", POST + b"Transfer-Encoding: identity\r\nContent-Length: 5\r\n\r\nhello"),
    bad("trap23-te-unknown", POST + b"Transfer-Encoding: foo\r\n\r\nhello"),
    bad("trap23-te-empty", POST + b"Transfer-Encoding:\r\nContent-Length: 5\r\n\r\nhello"),
    bad("trap23-te-quoted", POST + b'Transfer-Encoding: "chunked"\r\n\r\n' + chunked(b"hello")),
    bad("trap23-te-parameter", POST + b"Transfer-Encoding: chunked;q=1\r\n\r\n" + chunked(b"hello")),
    either("te-chunked-upper", POST + b"Transfer-Encoding: CHUNKED\r\n\r\n" + chunked(b"hello")),
    bad(
        "trap23-chunked-on-http-1-0",
        b"POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(b"hello"),
    ),
    bad("trap21-chunk-size-empty", POST + b"Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n"),
    bad("trap21-chunk-size-plus", POST + b"Transfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n"),
    bad("trap21-chunk-size-0x", POST + b"Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n"),
    bad(
        "trap21-chunk-size-underscore", POST + b"Transfer-Encoding: chunked\r\n\r\n0_5\r\nhello\r\n0\r\n\r\n"
    ),
    bad("trap21-chunk-size-minus", POST + b"Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n"),
    bad(
        "trap21-chunk-size-leading-space",
        POST + b"Transfer-Encoding: chunked\r\n\r\n 5\r\nhello\r\n0\r\n\r\n",
    ),
    bad(
        "trap21-chunk-size-overflow",
        POST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    ),
    either("chunk-size-trailing-space", POST + b"Transfer-Encoding: chunked\r\n\r\n5 \r\nhello\r\n0\r\n\r\n"),
    bad("trap24-chunk-end-not-crlf", POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n"),
    bad("trap24-chunk-end-missing", POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello0\r\n\r\n"),
    bad("trap21-chunk-bare-lf", POST + b"Transfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n"),
    bad("trap21-chunk-bare-lf-after-data", POST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\n0\r\n\r\n"),
    bad(
        "trap23-chunk-extension-bare-cr",
        POST + b"Transfer-Encoding: chunked\r\n\r\n5;a\rb\r\nhello\r\n0\r\n\r\n",
    ),
    bad(
        "trap21-chunk-extension-bare-lf", POST + b"Transfer-Encoding: chunked\r\n\r\n5;a\nhello\r\n0\r\n\r\n"
    ),
    bad("chunk-extension-nul", POST + b"Transfer-Encoding: chunked\r\n\r\n5;a\x00\r\nhello\r\n0\r\n\r\n"),
    bad("chunk-trailer-no-colon", POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nno colon\r\n\r\n"),
    bad("headers-64-kib-value", GET + HOST + b"X-A: " + b"v" * 70000 + b"\r\n\r\n"),
    bad("headers-1000-fields", GET + HOST + b"".join(b"X-%d: 1\r\n" % n for n in range(1000)) + b"\r\n"),
    bad("target-70000-bytes", b"GET /" + b"a" * 70000 + b" HTTP/1.1\r\n" + HOST + b"\r\n"),
    Case("cut-before-any-byte", P, (HalfClose(), Eof()), logs=True),
    Case("cut-in-request-line", P, (Send(b"GET /pl"), HalfClose(), Eof()), logs=True),
    Case("cut-in-headers", P, (Send(GET + HOST), HalfClose(), Eof()), logs=True),
    Case("cut-only-crlf", P, (Send(b"\r\n"), HalfClose(), Eof()), logs=True),
    refused("invalid-after-valid-pipelined", P, GET + HOST + b"\r\n" + b"garbage\r\n\r\n"),
]
