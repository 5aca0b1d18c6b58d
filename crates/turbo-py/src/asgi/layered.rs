//! The service of a connection behind the engine's layers.
//!
//! What a layer answers by itself gets what the app's responses have (default headers, a line in the access log, a
//! place in the count), and the access log is written out here, because a layer may replace what the app has
//! answered. A server without layers does not come here: its connections have the app's own service.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderValue, Method, Request, Response, Uri, Version, header};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;
use turbo_middleware::Stack;
use turbo_middleware::answer::Answered;
use turbo_middleware::forwarded::Protocol;
use turbo_middleware::request_id;
use turbo_middleware::stack::Stacked;

use super::access::Row;
use super::arrival::Arrival;
use super::responding::Aborted;
use super::scope;
use super::service::{AppService, ConnectionContext};

type Transported = Request<turbo_http::RequestBody>;
type Answer = <Stacked<AppService> as Service<Transported>>::Response;

/// Serves the requests of one connection.
pub(crate) struct Layered {
    service: Stacked<AppService>,
    context: Rc<ConnectionContext>,
}

impl Layered {
    pub(crate) fn new(stack: &Stack, app: AppService) -> Self {
        let context = app.context();
        Self { service: stack.layer(app), context }
    }
}

impl Service<Transported> for Layered {
    type Response = Answer;
    type Error = Aborted;
    type Future = Pin<Box<LayeredRequest>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Aborted>> {
        Service::<Transported>::poll_ready(&mut self.service, cx)
    }

    fn call(&mut self, mut request: Transported) -> Self::Future {
        let facts = Facts::new(&self.context, &mut request);
        // Boxed, because it is large and hyper moves it.
        Box::pin(LayeredRequest { future: self.service.call(request), facts })
    }
}

pin_project! {
    /// A request in the layers.
    pub(crate) struct LayeredRequest {
        #[pin]
        future: <Stacked<AppService> as Service<Transported>>::Future,
        facts: Facts,
    }
}

impl Future for LayeredRequest {
    type Output = Result<Answer, Aborted>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = ready!(this.future.poll(cx))?;
        Poll::Ready(Ok(this.facts.complete(response)))
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
            if let Some(arrival) = Arrival::of(request.headers(), &peer.connection) {
                request.extensions_mut().insert(arrival);
            }
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
