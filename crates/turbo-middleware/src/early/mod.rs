//! Answers that need no handler.

mod future;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header};

pub use self::future::AnswerFuture;
use crate::answer::{AnswerBody, Answered};
use crate::forwarded::Scheme;

/// What a layer looks at of a request, before a handler sees it.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The request target as it came.
    pub uri: &'a Uri,
    /// The header fields.
    pub headers: &'a HeaderMap,
    /// `http` or `https`, as the client used it: behind a proxy, what the proxy reports.
    pub scheme: &'a str,
    /// The prefix under which a proxy serves the application, which its URLs have to carry.
    pub root_path: &'a str,
}

impl<'a> RequestHead<'a> {
    /// Of a whole request, whose scheme is what its extension [`Scheme`] says, or its target, or `http`.
    #[must_use]
    pub fn of<B>(request: &'a Request<B>) -> Self {
        let scheme = match request.extensions().get::<Scheme>() {
            Some(Scheme(scheme)) => scheme,
            None => request.uri().scheme_str().unwrap_or("http"),
        };
        let (method, uri, headers) = (request.method(), request.uri(), request.headers());
        Self { method, uri, headers, scheme, root_path: "" }
    }
}

/// What a layer says of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Before {
    /// The request goes on, unchanged.
    Pass,
    /// This is the answer; the request goes no further.
    Answer(Answer),
    /// Starlette treats such a request in a way that is its own to know.
    InDoubt,
}

/// A whole response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The fields, in Starlette's order.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// Starlette's `PlainTextResponse`: `headers`, then the length and the type.
    pub(crate) fn plain_text(
        status: StatusCode,
        text: impl Into<Bytes>,
        mut headers: Vec<(HeaderName, HeaderValue)>,
    ) -> Self {
        let body = text.into();
        headers.push((header::CONTENT_LENGTH, HeaderValue::from(body.len())));
        headers.push((header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")));
        Self { status, headers, body }
    }

    /// Starlette's `RedirectResponse` with its own status, 307.
    pub(crate) fn redirect(location: HeaderValue) -> Self {
        let headers =
            vec![(header::CONTENT_LENGTH, HeaderValue::from_static("0")), (header::LOCATION, location)];
        Self { status: StatusCode::TEMPORARY_REDIRECT, headers, body: Bytes::new() }
    }
}

impl Answer {
    /// The response that the layer `by` gives.
    pub(crate) fn respond<C>(self, by: &'static str) -> Response<AnswerBody<C>> {
        let mut response = Response::new(AnswerBody::full(self.body));
        *response.status_mut() = self.status;
        for (name, value) in self.headers {
            response.headers_mut().append(name, value);
        }
        response.extensions_mut().insert(Answered(by));
        response
    }
}
