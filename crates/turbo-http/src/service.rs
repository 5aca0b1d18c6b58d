//! Between hyper and the user's tower service: checks before it, bookkeeping around it.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::header::{CONNECTION, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body;
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tower_service::Service;

use crate::body::{RequestBody, ResponseBody};
use crate::connection::State;
use crate::error::BoxError;
use crate::upgrade::OnUpgrade;

/// The service of one connection.
pub(crate) struct Adapter<S> {
    shared: Rc<Shared<S>>,
}

struct Shared<S> {
    service: RefCell<S>,
    state: Rc<State>,
}

impl<S> Adapter<S> {
    pub(crate) fn new(service: S, state: Rc<State>) -> Self {
        Self { shared: Rc::new(Shared { service: RefCell::new(service), state }) }
    }
}

impl<S, B> hyper::service::Service<Request<Incoming>> for Adapter<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    B: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<B>>;
    type Error = Infallible;
    type Future = Responding<S, S::Future>;

    #[inline]
    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let shared = &self.shared;
        let step = if shared.refuses(&request) {
            shared.state.refuse();
            Step::Refused
        } else {
            let inbound = shared.state.begin(!request.body().is_end_stream());
            let mut request = request.map(|incoming| RequestBody::new(incoming, inbound));
            shared.offer_upgrade(&mut request);
            let mut service = shared.service.borrow_mut();
            // Most services are always ready; asking without a task to wake saves moving the request about.
            match service.poll_ready(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(Ok(())) => Step::Called { future: service.call(request) },
                Poll::Ready(Err(_)) => Step::Failed,
                Poll::Pending => Step::Waiting { request: Some(Box::new(request)) },
            }
        };
        Responding { step, shared: Rc::clone(shared) }
    }
}

impl<S> Shared<S> {
    /// Whether the request must be answered with 400 and the connection closed, because hyper and others may
    /// understand it differently.
    #[inline]
    fn refuses(&self, request: &Request<Incoming>) -> bool {
        let headers = request.headers();
        // RFC 9112 section 3.2: exactly one in HTTP/1.1, at most one before.
        let mut hosts = headers.get_all(HOST).iter();
        let host_is_wrong = match hosts.next() {
            Some(_) => hosts.next().is_some(),
            None => request.version() == Version::HTTP_11,
        };
        // RFC 3986 section 2: anything else must be percent-encoded.
        let target_is_wrong =
            request.uri().path_and_query().is_some_and(|target| !target.as_str().is_ascii());
        // RFC 9112 section 3.2.3: a target without a path is for proxies.
        let for_a_proxy = request.method() == Method::CONNECT
            || (request.uri().scheme().is_none() && request.uri().authority().is_some());
        let chunked = request.body().size_hint().exact().is_none();
        host_is_wrong
            || target_is_wrong
            || for_a_proxy
            || (chunked && !is_chunked_only(headers))
            || self.state.head_is_doubtful(chunked)
    }

    #[inline]
    fn offer_upgrade(&self, request: &mut Request<RequestBody>) {
        let extensions = request.extensions_mut();
        if extensions.remove::<hyper::upgrade::OnUpgrade>().is_some() {
            let (sender, receiver) = OnUpgrade::channel();
            self.state.upgrade.set(Some(sender));
            extensions.insert(receiver);
        }
    }

    #[inline]
    fn finish<B>(&self, response: Response<B>) -> Response<ResponseBody<B>> {
        let mut response = response.map(|body| ResponseBody::new(Some(body), Rc::clone(&self.state)));
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            self.state.switched.set(true);
        } else if self.state.is_closing() {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }

    fn refuse<B>(&self) -> Response<ResponseBody<B>> {
        let mut response = Response::new(ResponseBody::new(None, Rc::clone(&self.state)));
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// Whether the body is chunked once and nothing else: other codings are not understood here, and chunked must
/// not be applied twice (RFC 9112 section 6.1).
fn is_chunked_only(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let first = codings.next().is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"chunked"));
    first && codings.next().is_none()
}

pin_project! {
    /// One request in the service. It has no errors: a service that fails makes the socket fail, behind
    /// everything that was sent before.
    pub(crate) struct Responding<S, F>
    where
        S: Service<Request<RequestBody>, Future = F>,
    {
        #[pin]
        step: Step<F>,
        shared: Rc<Shared<S>>,
    }
}

pin_project! {
    #[project = StepProjection]
    enum Step<F> {
        // Boxed for being rare: it would be most of what is moved for every request.
        Waiting { request: Option<Box<Request<RequestBody>>> },
        Called { #[pin] future: F },
        Refused,
        Failed,
    }
}

impl<S, F, B> Future for Responding<S, F>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Future = F>,
    F: Future<Output = Result<Response<B>, S::Error>>,
{
    type Output = Result<Response<ResponseBody<B>>, Infallible>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            match this.step.as_mut().project() {
                StepProjection::Called { future } => match ready!(future.poll(cx)) {
                    Ok(response) => return Poll::Ready(Ok(this.shared.finish(response))),
                    Err(_) => this.step.set(Step::Failed),
                },
                StepProjection::Waiting { request } => {
                    let mut service = this.shared.service.borrow_mut();
                    let ready = ready!(service.poll_ready(cx));
                    let next = match (ready, request.take()) {
                        (Ok(()), Some(request)) => Step::Called { future: service.call(*request) },
                        _ => Step::Failed,
                    };
                    drop(service);
                    this.step.set(next);
                }
                StepProjection::Refused => return Poll::Ready(Ok(this.shared.refuse())),
                StepProjection::Failed => {
                    this.shared.state.fail();
                    return Poll::Pending;
                }
            }
        }
    }
}
