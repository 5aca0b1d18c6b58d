use std::sync::Arc;
use std::task::{Context, Poll};

use http::{HeaderValue, Method, Request, Response, header};
use tower_service::Service;

use super::NAME;
use super::body::{CountedBody, Direction};
use super::future::{ResponseFuture, Watch};
use super::layer::Settings;
use super::recorder::Format;
use crate::answer::{AnswerBody, Answered};

/// Records requests and answers; see the [module docs](super).
#[derive(Clone, Debug)]
pub struct Metrics<S> {
    pub(super) inner: S,
    pub(super) settings: Option<Arc<Settings>>,
}

impl<S, B, C> Service<Request<B>> for Metrics<S>
where
    S: Service<Request<CountedBody<B>>, Response = Response<C>>,
{
    type Response = Response<AnswerBody<CountedBody<C>>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, CountedBody<C>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let settings = self.settings.as_deref();
        if let Some(settings) = settings.filter(|settings| settings.asks_for_page(&request)) {
            return ResponseFuture::page(settings.page(request.headers().get(header::ACCEPT)));
        }
        let recorder = settings.map(|settings| settings.recorder.clone());
        let watch = recorder.clone().map(|recorder| Watch::new(recorder, request.method().clone()));
        let request = request.map(|body| CountedBody::new(body, recorder, Direction::In));
        ResponseFuture::running(self.inner.call(request), watch)
    }
}

impl Settings {
    fn asks_for_page<B>(&self, request: &Request<B>) -> bool {
        self.path.as_deref() == Some(request.uri().path()) && request.method() == Method::GET
    }

    fn page<C>(&self, accept: Option<&HeaderValue>) -> Response<AnswerBody<C>> {
        let format = Format::accepted(accept);
        let page = self.recorder.page(format);
        let length = HeaderValue::from(page.len());
        let mut response = Response::new(AnswerBody::full(page));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
        headers.insert(header::CONTENT_LENGTH, length);
        response.extensions_mut().insert(Answered(NAME));
        response
    }
}
