//! The response as hyper sees it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use http_body::{Body, Frame, SizeHint};
use pyo3::prelude::*;

use super::super::reason::Reasons;
use super::cycle::HttpCycle;
use super::state::{Head, Length, Truncated};
use crate::reactor::{after_python, resolve_all};

/// A response body: whole, or flowing out of the app.
pub(crate) enum ResponseBody {
    /// Nothing, and hyper may say so.
    Empty,
    /// All of it. `sized` tells hyper the length; otherwise it is sent chunked, as uvicorn does
    /// for an app that gave no `content-length`.
    Whole { data: Option<Bytes>, sized: bool },
    /// Parts as the app sends them.
    Flow(FlowBody),
}

impl ResponseBody {
    pub(crate) fn whole(data: Bytes, length: Length) -> Self {
        match length {
            Length::None => Self::Empty,
            Length::Owed(_) => Self::Whole { data: Some(data), sized: true },
            Length::Open => Self::Whole { data: Some(data), sized: false },
        }
    }

    /// A whole body of known length.
    pub(crate) fn fixed(data: &'static [u8]) -> Self {
        Self::Whole { data: Some(Bytes::from_static(data)), sized: true }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Truncated;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Whole { data, .. } => {
                Poll::Ready(data.take().filter(|data| !data.is_empty()).map(|data| Ok(Frame::data(data))))
            }
            Self::Flow(flow) => flow.poll(cx),
        }
    }

    /// Only where there is no body by definition: hyper replaces the app's own `content-length: 0`
    /// for a body that is over before it began.
    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole { data, sized: true } => {
                SizeHint::with_exact(data.as_ref().map_or(0, |data| data.len() as u64))
            }
            _ => SizeHint::default(),
        }
    }
}

/// The engine's end of a streamed response; dropped early, it tells the app of the disconnect.
pub(crate) struct FlowBody {
    cycle: Py<HttpCycle>,
}

impl FlowBody {
    pub(crate) fn new(cycle: Py<HttpCycle>) -> Self {
        Self { cycle }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Truncated>>> {
        let cycle = self.cycle.get();
        let (polled, senders) = {
            let mut state = cycle.lock();
            let polled = state.poll_chunk(cx);
            let senders = if state.senders.is_empty() || !state.is_relieved() {
                Vec::new()
            } else {
                std::mem::take(&mut state.senders)
            };
            (polled, senders)
        };
        if !senders.is_empty() {
            Python::attach(|py| {
                resolve_all(py, senders);
                after_python(py);
            });
        }
        polled.map(|chunk| chunk.map(|chunk| chunk.map(Frame::data)))
    }
}

impl Drop for FlowBody {
    fn drop(&mut self) {
        if !self.cycle.get().lock().is_drained() {
            Python::attach(|py| self.cycle.get().disconnect(py));
        }
    }
}

/// The head of an answer in plain text that ends its connection, made by the engine itself.
pub(crate) fn plain_text(
    status: StatusCode,
    length: usize,
    default_headers: &[(HeaderName, HeaderValue)],
) -> Head {
    let mut headers = HeaderMap::new();
    headers.extend(default_headers.iter().cloned());
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    Head { status, headers }
}

/// Turns a head and its body into the response for hyper.
pub(crate) fn assemble(
    head: Head,
    version: Version,
    body: ResponseBody,
    server: Option<&http::HeaderValue>,
    reasons: &Reasons,
) -> http::Response<ResponseBody> {
    let mut response = http::Response::new(body);
    *response.status_mut() = head.status;
    // hyper answers with 1.0 and closes when it sees the version, and asks for keep-alive otherwise.
    *response.version_mut() = version;
    *response.headers_mut() = head.headers;
    if let Some(server) = server {
        response.headers_mut().entry(header::SERVER).or_insert_with(|| server.clone());
    }
    reasons.apply(&mut response);
    response
}
