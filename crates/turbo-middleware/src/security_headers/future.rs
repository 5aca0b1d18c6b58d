use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::STRICT_TRANSPORT_SECURITY;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use pin_project_lite::pin_project;

pin_project! {
    /// The future of [`SecurityHeaders`](super::SecurityHeaders).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        pub(super) inner: F,
        pub(super) headers: Arc<Vec<(HeaderName, HeaderValue)>>,
        // The client came without TLS.
        pub(super) in_the_open: bool,
    }
}

impl<F, C, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        // A switch of protocols has no page to protect.
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            for (name, value) in this.headers.iter() {
                if *this.in_the_open && *name == STRICT_TRANSPORT_SECURITY {
                    continue;
                }
                response.headers_mut().entry(name).or_insert_with(|| value.clone());
            }
        }
        Poll::Ready(Ok(response))
    }
}
