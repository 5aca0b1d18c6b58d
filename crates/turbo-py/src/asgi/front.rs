//! The service of a connection as the transport sees it: the app's own, or that behind the engine's layers.
//!
//! Without layers nothing is added to a request. With them, what they answer by themselves gets what the app's
//! responses have (default headers, a line in the access log, a place in the count), and the access log is
//! written out here, because a layer may replace what the app has answered.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, Uri, Version, header};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use turbo_http::{BoxError, Connection};
use turbo_middleware::answer::Answered;
use turbo_middleware::forwarded::Protocol;
use turbo_middleware::request_id;
use turbo_middleware::stack::Stacked;

use super::access::Row;
use super::http::ResponseBody;
use super::responding::{Aborted, Responding};
use super::scope;
use super::server::Server;
use super::service::{AppService, ConnectionContext};

type Transported = Request<turbo_http::RequestBody>;
type Layered = Stacked<AppService>;
type LayeredFuture = <Layered as Service<Transported>>::Future;
type LayeredBody = <Layered as HasBody>::Body;

/// Names the body of a service's responses.
trait HasBody {
    type Body;
}

impl<S: Service<Transported, Response = Response<B>>, B> HasBody for S {
    type Body = B;
}

/// Serves the requests of one connection.
pub(crate) enum Front {
    Bare(AppService),
    Layered { service: Box<Layered>, context: Rc<ConnectionContext> },
}

impl Front {
    pub(crate) fn new(server: &Arc<Server>, connection: Connection) -> Self {
        let app = AppService::new(Arc::clone(server), connection);
        match &server.stack {
            None => Self::Bare(app),
            Some(stack) => {
                let context = app.context();
                Self::Layered { service: Box::new(stack.layer(app)), context }
            }
        }
    }
}

impl Service<Transported> for Front {
    type Response = Response<FrontBody>;
    type Error = Aborted;
    type Future = FrontFuture;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Aborted>> {
        match self {
            Self::Bare(_) => Poll::Ready(Ok(())),
            Self::Layered { service, .. } => Service::<Transported>::poll_ready(&mut **service, cx),
        }
    }

    #[inline]
    fn call(&mut self, mut request: Transported) -> FrontFuture {
        match self {
            Self::Bare(app) => FrontFuture::Bare { future: app.respond(request) },
            Self::Layered { service, context } => {
                let facts = Facts::new(context, &mut request);
                FrontFuture::Layered {
                    layered: Box::pin(LayeredRequest { future: service.call(request), facts }),
                }
            }
        }
    }
}

pin_project! {
    /// A response in the making.
    #[project = FrontFutureProjection]
    pub(crate) enum FrontFuture {
        Bare { #[pin] future: Responding },
        Layered { layered: Pin<Box<LayeredRequest>> },
    }
}

impl Future for FrontFuture {
    type Output = Result<Response<FrontBody>, Aborted>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            FrontFutureProjection::Bare { future } => {
                let response = ready!(future.poll(cx))?;
                Poll::Ready(Ok(response.map(|body| FrontBody::Bare { body })))
            }
            FrontFutureProjection::Layered { layered } => layered.as_mut().poll(cx),
        }
    }
}

pin_project! {
    /// A request in the layers.
    pub(crate) struct LayeredRequest {
        #[pin]
        future: LayeredFuture,
        facts: Facts,
    }
}

impl Future for LayeredRequest {
    type Output = Result<Response<FrontBody>, Aborted>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx))?;
        Poll::Ready(Ok(this.facts.complete(response).map(|body| FrontBody::Layered { body: Box::pin(body) })))
    }
}

/// What is kept of a request until its response goes out.
struct Facts {
    context: Rc<ConnectionContext>,
    version: Version,
    is_upgrade: bool,
    /// For the access log, if there is one.
    row: Option<(Arc<str>, Method, Uri)>,
}

impl Facts {
    /// Tells the layers who the client is, and keeps what the log will say.
    fn new(context: &Rc<ConnectionContext>, request: &mut Transported) -> Self {
        let server = &context.server;
        let is_upgrade = server.options.websockets.enabled && turbo_http::websocket::is_upgrade(request);
        let protocol = if is_upgrade { Protocol::WebSocket } else { Protocol::Http };
        let mut name = None;
        if let Ok(peer) = context.peer() {
            let origin = scope::origin(server, peer, request.headers(), protocol);
            if let Some(client) = origin.client {
                request.extensions_mut().insert(client);
            }
            request.extensions_mut().insert(origin.scheme);
            name = Some(origin.name);
        }
        let row = server
            .access
            .is_some()
            .then(|| (name.unwrap_or_default(), request.method().clone(), request.uri().clone()));
        Self { context: Rc::clone(context), version: request.version(), is_upgrade, row }
    }

    /// Dresses what a layer answered as the app's responses are, and writes the line of the access log.
    fn complete<B>(&mut self, mut response: Response<B>) -> Response<B> {
        let server = &self.context.server;
        let answered = response.extensions().get::<Answered>().is_some();
        if answered {
            server.response_completed();
            *response.version_mut() = self.version;
            let headers = response.headers_mut();
            for (name, value) in &server.default_headers {
                headers.append(name, value.clone());
            }
            if let Some(product) = &server.product {
                headers.entry(header::SERVER).or_insert_with(|| product.clone());
            }
            if self.version == Version::HTTP_10 {
                headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            server.reasons.apply(&mut response);
        }
        // A handshake that the app answers is told of by the error log, as in uvicorn.
        if let (Some(access), Some((client, method, uri))) = (&server.access, self.row.take())
            && (answered || !self.is_upgrade)
        {
            access.push(Row {
                client,
                method,
                root_path: Arc::clone(&server.root_path_text),
                uri,
                version: self.version,
                status: response.status(),
                request_id: response.extensions().get::<request_id::Id>().cloned(),
            });
        }
        response
    }
}

pin_project! {
    /// The body of a response.
    #[project = FrontBodyProjection]
    pub(crate) enum FrontBody {
        Bare { #[pin] body: ResponseBody },
        // Boxed for being rare: it would be most of what is moved for every request.
        Layered { body: Pin<Box<LayeredBody>> },
    }
}

impl Body for FrontBody {
    type Data = Bytes;
    type Error = BoxError;

    #[inline]
    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match self.project() {
            FrontBodyProjection::Bare { body } => {
                body.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(Into::into)))
            }
            FrontBodyProjection::Layered { body } => body.as_mut().poll_frame(cx),
        }
    }

    #[inline]
    fn is_end_stream(&self) -> bool {
        match self {
            Self::Bare { body } => body.is_end_stream(),
            Self::Layered { body } => body.is_end_stream(),
        }
    }

    #[inline]
    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Bare { body } => body.size_hint(),
            Self::Layered { body } => body.size_hint(),
        }
    }
}
