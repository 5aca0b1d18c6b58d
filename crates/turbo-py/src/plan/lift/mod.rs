//! Stock middleware that the engine runs in the application's place.
//!
//! `turboapi.plans.lifting` says which instances these are: the outermost of the user's middleware, as long as each is
//! exactly one of Starlette's four classes. What they decide is in `turbo_middleware`; here is what that takes of Python.
//!
//! Before Python sees a request, a layer may answer it. If all of the user's middleware is lifted, the layers also give the
//! answer of a native plan what Starlette's would give it. Everything else goes through Starlette's own instances, which
//! are still there, so a layer may be in doubt about anything.

mod gzip;
mod settings;

use http::{HeaderMap, HeaderValue, header};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use turbo_middleware::{Before, RequestHead, cors, gzip::Policy as GzipPolicy, https_redirect, trusted_host};

use self::gzip::Gzip;
use super::encode::Payload;
use super::watch::Watches;

/// The lifted layers, outermost first.
pub(crate) struct Lifted {
    layers: Box<[Layer]>,
    reads_scheme: bool,
    /// There is one CORS layer, and what it grants an origin does not depend on when it is asked.
    grants_early: bool,
    /// What the layers were read from.
    watches: Watches,
}

enum Layer {
    Cors(cors::Policy),
    Gzip(Gzip),
    TrustedHost(trusted_host::Policy),
    HttpsRedirect(https_redirect::Policy),
}

/// What the layers have to know of a request once its response is there.
#[derive(Clone, Default)]
pub(crate) struct Ask {
    /// What the CORS layer grants, if it [has said](Lifted::grants_early) so.
    grant: Option<cors::Grant>,
    origin: Option<Box<HeaderValue>>,
    accepts_gzip: bool,
}

/// What the layers say of a request.
pub(crate) enum Early {
    Pass,
    Answer(Payload),
    /// Starlette's own instances have to say.
    InDoubt,
}

impl Lifted {
    /// From the `lifted` of a `turboapi.plans.stacks.MiddlewareStack`.
    pub(crate) fn new(stack: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = stack.py();
        let entries = stack.getattr(intern!(py, "lifted"))?;
        let layers =
            entries.try_iter()?.map(|entry| settings::layer(&entry?)).collect::<PyResult<Box<[_]>>>()?;
        let reads_scheme = layers.iter().any(|layer| matches!(layer, Layer::HttpsRedirect(_)));
        let mut policies = layers.iter().filter_map(Layer::as_cors);
        let grants_early =
            matches!((policies.next(), policies.next()), (Some(one), None) if one.is_certain());
        let watches = Watches::new(&stack.getattr(intern!(py, "watches"))?)?;
        Ok(Self { layers, reads_scheme, grants_early, watches })
    }

    /// Shows the garbage collector what this holds, but for what refers to nothing: functions and patterns.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.watches.traverse(visit)
    }

    /// Whether the middleware is still what was compiled.
    pub(crate) fn hold(&self, py: Python<'_>) -> bool {
        self.watches.hold(py)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.layers.is_empty()
    }

    /// Whether the scheme of every request matters.
    pub(crate) fn reads_scheme(&self) -> bool {
        self.reads_scheme
    }

    pub(crate) fn ask(&self, headers: &HeaderMap) -> Ask {
        let mut ask = Ask::default();
        for layer in &self.layers {
            match layer {
                Layer::Cors(policy) if self.grants_early => {
                    ask.grant = policy.grant(headers.get(header::ORIGIN));
                }
                Layer::Cors(_) if ask.origin.is_none() => {
                    ask.origin = headers.get(header::ORIGIN).cloned().map(Box::new);
                }
                Layer::Gzip(_) => ask.accepts_gzip = GzipPolicy::accepts(headers),
                _ => {}
            }
        }
        ask
    }

    /// What comes of a request before Python sees it.
    ///
    /// `head` has the scheme if the layers [read it](Self::reads_scheme); a redirect, which is rare, asks for it.
    pub(crate) fn before(
        &self,
        py: Python<'_>,
        head: RequestHead<'_>,
        scheme: &dyn Fn() -> &'static str,
        ask: &Ask,
    ) -> Early {
        for (number, layer) in self.layers.iter().enumerate() {
            let before = match layer {
                Layer::Cors(policy) => policy.before(head),
                Layer::Gzip(_) => Before::Pass,
                Layer::TrustedHost(policy) => match policy.before(head) {
                    Before::Answer(answer) if answer.status.is_redirection() => {
                        policy.before(RequestHead { scheme: scheme(), ..head })
                    }
                    before => before,
                },
                Layer::HttpsRedirect(policy) => policy.before(head),
            };
            match before {
                Before::Pass => {}
                Before::InDoubt => return Early::InDoubt,
                Before::Answer(answer) => {
                    let payload =
                        Payload { status: answer.status, headers: answer.headers, body: answer.body };
                    // It passes the layers that are further out.
                    return match after(py, &self.layers[..number], ask, payload) {
                        Ok(payload) => Early::Answer(payload),
                        Err(_) => Early::InDoubt,
                    };
                }
            }
        }
        Early::Pass
    }

    /// What the layers make of an answer; in doubt it comes back as it was.
    pub(crate) fn after(&self, py: Python<'_>, ask: &Ask, payload: Payload) -> Result<Payload, Payload> {
        after(py, &self.layers, ask, payload)
    }
}

fn after(py: Python<'_>, layers: &[Layer], ask: &Ask, mut payload: Payload) -> Result<Payload, Payload> {
    let original = layers.iter().any(|layer| layer.may_doubt(ask)).then(|| payload.clone());
    for layer in layers.iter().rev() {
        let done = match layer {
            Layer::Cors(policy) => {
                let grant = ask.grant.clone().or_else(|| policy.grant(ask.origin.as_deref()));
                grant.map(|grant| policy.after(grant, &mut payload.headers))
            }
            Layer::Gzip(gzip) => gzip.after(py, ask.accepts_gzip, &mut payload),
            Layer::TrustedHost(_) | Layer::HttpsRedirect(_) => Some(()),
        };
        if done.is_none() {
            return Err(original.unwrap_or(payload));
        }
    }
    Ok(payload)
}

impl Layer {
    fn as_cors(&self) -> Option<&cors::Policy> {
        if let Self::Cors(policy) = self { Some(policy) } else { None }
    }

    /// Whether this may come to nothing when the answer is there.
    fn may_doubt(&self, ask: &Ask) -> bool {
        match self {
            Self::Cors(policy) => ask.origin.is_some() && !policy.is_certain(),
            Self::Gzip(_) => ask.accepts_gzip,
            Self::TrustedHost(_) | Self::HttpsRedirect(_) => false,
        }
    }
}
