use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::Response;
use pin_project_lite::pin_project;

use super::entry::Entry;
use super::layer::Sink;

pin_project! {
    /// The future of [`AccessLog`](super::AccessLog).
    pub struct ResponseFuture<F> {
        #[pin]
        pub(super) inner: F,
        pub(super) pending: Option<Box<Pending>>,
    }
}

/// An entry that waits for its status.
pub(super) struct Pending {
    pub(super) entry: Entry,
    pub(super) begun: Instant,
    pub(super) sink: Arc<Sink>,
}

impl<F, C, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<C>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.inner.poll(cx))?;
        if let Some(pending) = this.pending.take() {
            let Pending { mut entry, begun, sink } = *pending;
            entry.status = response.status();
            entry.elapsed = begun.elapsed();
            sink(entry);
        }
        Poll::Ready(Ok(response))
    }
}
