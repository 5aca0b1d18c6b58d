use tower_layer::Layer;

use super::service::HttpsRedirect;

/// Adds [`HttpsRedirect`] to a service; see the [module docs](super).
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpsRedirectLayer;

impl<S> Layer<S> for HttpsRedirectLayer {
    type Service = HttpsRedirect<S>;

    fn layer(&self, inner: S) -> HttpsRedirect<S> {
        HttpsRedirect { inner }
    }
}
