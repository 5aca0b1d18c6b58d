use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Request, Response, StatusCode, header};
use tower_service::Service;

use super::NAME;
use super::future::ResponseFuture;
use super::layer::Settings;
use crate::answer::{self, AnswerBody};

/// Refuses requests beyond a number at once; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct ConcurrencyLimit<S> {
    pub(super) inner: S,
    pub(super) settings: Option<Arc<Settings>>,
}

impl<S, B, C> Service<Request<B>> for ConcurrencyLimit<S>
where
    S: Service<Request<B>, Response = Response<C>>,
{
    type Response = Response<AnswerBody<C>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let settings = self.settings.as_deref().filter(|settings| !settings.exempts(request.uri().path()));
        let permit = match settings.map(|settings| settings.gate.enter().ok_or(settings)) {
            None => None,
            Some(Ok(permit)) => Some(permit),
            Some(Err(settings)) => return ResponseFuture::refused(settings.refusal()),
        };
        ResponseFuture::running(self.inner.call(request), permit)
    }
}

impl Settings {
    fn exempts(&self, path: &str) -> bool {
        self.exempt.iter().any(|exempt| exempt == path)
    }

    fn refusal<C>(&self) -> Response<AnswerBody<C>> {
        let mut response = answer::text(NAME, StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable");
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(self.retry_after));
        response
    }
}
