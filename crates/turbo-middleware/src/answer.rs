//! The short responses that layers give in place of the service.
//!
//! Every one of them carries an [`Answered`] in its extensions, so that a server can tell them from responses
//! of its application: they lack what the application puts on its own.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

/// Marks a response that a layer made; holds the layer's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answered(pub &'static str);

pin_project! {
    /// The body of the service, or the text of a layer.
    #[derive(Debug)]
    pub struct AnswerBody<C> {
        #[pin]
        kind: Kind<C>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = Projection]
    enum Kind<C> {
        Inner { #[pin] body: C },
        // Until it is taken.
        Text { text: Option<Bytes> },
    }
}

impl<C> AnswerBody<C> {
    /// Passes the response of a service on.
    pub fn pass(response: Response<C>) -> Response<Self> {
        response.map(|body| Self { kind: Kind::Inner { body } })
    }

    /// A layer's own body.
    pub fn full(text: impl Into<Bytes>) -> Self {
        Self { kind: Kind::Text { text: Some(text.into()) } }
    }
}

/// A response in plain text, made by the layer `by`.
pub fn text<C>(by: &'static str, status: StatusCode, text: &'static str) -> Response<AnswerBody<C>> {
    let mut response = Response::new(AnswerBody::full(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CONTENT_LENGTH, HeaderValue::from(text.len()));
    response.extensions_mut().insert(Answered(by));
    response
}

impl<C: Body<Data = Bytes>> Body for AnswerBody<C> {
    type Data = Bytes;
    type Error = C::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, C::Error>>> {
        match self.project().kind.project() {
            Projection::Inner { body } => body.poll_frame(cx),
            Projection::Text { text } => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Text { text } => text.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Text { text } => SizeHint::with_exact(text.as_ref().map_or(0, |text| text.len() as u64)),
        }
    }
}
