//! Counts and times, and the page that shows them.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::{prometheus_text, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::labels::{
    CLASS_COUNT, METHOD_COUNT, OTHER, RequestLabels, RouteLabels, UNMATCHED, class_index, method_index,
};
use super::sample::{Sample, Sampled, Source};

/// Upper bounds of the latency histogram's buckets, in seconds.
const BUCKETS: [f64; 15] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// A text format of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus text format 0.0.4, which everything reads.
    Prometheus,
    /// `OpenMetrics` 1.0.
    OpenMetrics,
}

impl Format {
    /// The better of the formats that an `Accept` header names.
    #[must_use]
    pub fn accepted(accept: Option<&http::HeaderValue>) -> Self {
        let open = accept.is_some_and(|value| {
            value.to_str().is_ok_and(|text| text.contains("application/openmetrics-text"))
        });
        if open { Self::OpenMetrics } else { Self::Prometheus }
    }

    /// The value of `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The metrics of a service. Clones share them.
///
/// | metric | labels | |
/// |---|---|---|
/// | `http_requests_total` | `method`, `route`, `status` (`2xx`) | answered requests |
/// | `http_request_duration_seconds` | `method`, `route` | time from the request's head to the response's |
/// | `http_requests_in_flight` | | requests without an answer so far |
/// | `http_request_body_bytes_total` | | request bodies as read, without their framing |
/// | `http_response_body_bytes_total` | | response bodies as handed over, without their framing |
///
/// Labels are bounded: ten methods, six classes of status, and so many routes ([`with_routes`](Self::with_routes));
/// routes beyond that are `other`, requests without one `unmatched`.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Inner>,
}

struct Inner {
    registry: Mutex<Registry>,
    sources: Mutex<Vec<Source>>,
    /// By route. Label sets are hashed once; from then on the handles are here.
    series: RwLock<HashMap<Arc<str>, Arc<RouteSeries>>>,
    max_routes: usize,
    requests: Family<RequestLabels, Counter>,
    durations: Family<RouteLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    received: Counter,
    sent: Counter,
}

#[derive(Default)]
struct RouteSeries {
    by_method: [OnceLock<MethodSeries>; METHOD_COUNT],
}

struct MethodSeries {
    duration: Histogram,
    by_class: [OnceLock<Counter>; CLASS_COUNT],
}

impl Recorder {
    /// Routes that [`new`](Self::new) keeps apart.
    pub const ROUTES: usize = 500;

    /// No metrics but the table's.
    #[must_use]
    pub fn new() -> Self {
        Self::with_routes(Self::ROUTES)
    }

    /// Keeps `max_routes` routes apart.
    #[must_use]
    pub fn with_routes(max_routes: usize) -> Self {
        let inner = Inner {
            registry: Mutex::default(),
            sources: Mutex::default(),
            series: RwLock::default(),
            max_routes,
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
            received: Counter::default(),
            sent: Counter::default(),
        };
        inner.register();
        Self { inner: Arc::new(inner) }
    }

    /// Adds metrics that are looked up for each page. Names must differ from all others, and the samples of
    /// one metric must follow each other.
    pub fn add_source(&self, source: impl Fn() -> Vec<Sample> + Send + Sync + 'static) {
        self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(source));
    }

    /// Records an answer, or that the client left without one.
    pub fn record(&self, method: &Method, route: Option<&str>, status: Option<StatusCode>, time: Duration) {
        let inner = &*self.inner;
        let (method, class) = (method_index(method), class_index(status));
        let route = route.unwrap_or(UNMATCHED);
        let known = inner.series.read().unwrap_or_else(PoisonError::into_inner).get(route).cloned();
        let (name, routes) = match known {
            Some(routes) => (route, routes),
            None => inner.new_route(route),
        };
        let labels = || RouteLabels { method, route: name.into() };
        let series = routes.by_method[method].get_or_init(|| MethodSeries {
            duration: inner.durations.get_or_create_owned(&labels()),
            by_class: Default::default(),
        });
        let requests = series.by_class[class]
            .get_or_init(|| inner.requests.get_or_create_owned(&RequestLabels { of: labels(), class }));
        requests.inc();
        series.duration.observe(time.as_secs_f64());
    }

    /// The metrics as text.
    #[must_use]
    pub fn page(&self, format: Format) -> String {
        // Sources may wait for what another thread holds, so they are asked without a lock.
        let sources = self.inner.sources.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let samples = sources.iter().flat_map(|source| source()).collect();
        let mut second = Registry::default();
        second.register_collector(Box::new(Sampled(samples)));
        let registry = self.inner.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut page = String::with_capacity(4096);
        // Writing to a string does not fail.
        let _ = match format {
            Format::Prometheus => prometheus_text::encode(&mut page, &registry)
                .and_then(|()| prometheus_text::encode(&mut page, &second)),
            Format::OpenMetrics => {
                text::encode_registry(&mut page, &registry).and_then(|()| text::encode(&mut page, &second))
            }
        };
        page
    }

    pub(super) fn began(&self) {
        self.inner.in_flight.inc();
    }

    pub(super) fn ended(&self) {
        self.inner.in_flight.dec();
    }

    pub(super) fn received(&self, bytes: usize) {
        self.inner.received.inc_by(bytes as u64);
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.inner.sent.inc_by(bytes as u64);
    }
}

impl Inner {
    fn register(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register("http_requests", "Answered requests", self.requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from the head of a request to the head of its response",
            Unit::Seconds,
            self.durations.clone(),
        );
        registry.register(
            "http_requests_in_flight",
            "Requests without an answer so far",
            self.in_flight.clone(),
        );
        registry.register("http_request_body_bytes", "Bytes of request bodies", self.received.clone());
        registry.register("http_response_body_bytes", "Bytes of response bodies", self.sent.clone());
    }

    /// The series of a route that is not known, and its label.
    fn new_route<'a>(&self, route: &'a str) -> (&'a str, Arc<RouteSeries>) {
        let mut series = self.series.write().unwrap_or_else(PoisonError::into_inner);
        let name = if series.len() < self.max_routes || route == UNMATCHED { route } else { OTHER };
        let routes = series.entry(name.into()).or_default();
        (name, Arc::clone(routes))
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Recorder")
    }
}
