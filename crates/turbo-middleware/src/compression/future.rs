use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::{ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, VARY};
use http::{HeaderMap, HeaderValue, Response};
use http_body::Body;
use pin_project_lite::pin_project;

use super::body::ResponseBody;
use super::coding::Coding;
use super::encoder::Encoder;
use super::layer::Settings;

pin_project! {
    /// The future of [`Compression`](super::Compression).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        pub(super) inner: F,
        pub(super) offer: Option<Offer>,
    }
}

/// What the client would get.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) coding: Option<Coding>,
    pub(super) settings: Arc<Settings>,
}

impl<F, C, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
    C: Body,
{
    type Output = Result<Response<ResponseBody<C>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        let Some(Offer { coding, settings }) =
            this.offer.take().filter(|offer| offer.settings.rules.apply_to(&response))
        else {
            return Poll::Ready(Ok(response.map(ResponseBody::plain)));
        };
        add_vary(response.headers_mut());
        let encoder = coding.and_then(|coding| Some((coding, Encoder::new(coding, settings.gzip_level)?)));
        let Some((coding, encoder)) = encoder else {
            return Poll::Ready(Ok(response.map(ResponseBody::plain)));
        };
        let headers = response.headers_mut();
        headers.insert(CONTENT_ENCODING, coding.header_value());
        headers.remove(CONTENT_LENGTH);
        headers.remove(ACCEPT_RANGES);
        weaken_etag(headers);
        Poll::Ready(Ok(response.map(|body| ResponseBody::compressed(body, encoder))))
    }
}

fn add_vary(headers: &mut HeaderMap) {
    let names = |value: &HeaderValue| {
        let mut names = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        names.any(|name| name == b"*" || name.eq_ignore_ascii_case(b"accept-encoding"))
    };
    if !headers.get_all(VARY).iter().any(names) {
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

fn weaken_etag(headers: &mut HeaderMap) {
    if let Some(tag) = headers.get_mut(ETAG)
        && tag.as_bytes().starts_with(b"\"")
        && let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat())
    {
        *tag = weak;
    }
}
