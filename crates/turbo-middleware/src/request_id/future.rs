use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{HeaderName, Response};
use pin_project_lite::pin_project;

use super::id::Id;

pin_project! {
    /// The future of [`RequestId`](super::RequestId).
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        pub(super) inner: F,
        pub(super) mark: Option<Mark>,
    }
}

/// What the response is to be marked with.
#[derive(Debug)]
pub(super) struct Mark {
    pub(super) header: HeaderName,
    pub(super) id: Id,
}

impl<F, C, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        if let Some(Mark { header, id }) = this.mark.take() {
            response.headers_mut().entry(header).or_insert_with(|| id.header_value().clone());
            response.extensions_mut().insert(id);
        }
        Poll::Ready(Ok(response))
    }
}
