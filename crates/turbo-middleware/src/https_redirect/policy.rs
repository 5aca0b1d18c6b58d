//! Where a request without TLS is sent.

use crate::early::{Answer, Before, RequestHead};
use crate::host::{Host, host, location, push_target};

/// The rules of a `HTTPSRedirectMiddleware` (`starlette/middleware/httpsredirect.py`); there is nothing to set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy;

impl Policy {
    /// Redirects a request whose scheme is `http`.
    ///
    /// In doubt are hosts that are no plain names (among them none and invalid ones, for which Starlette names the
    /// server's own address) and URLs that need quoting.
    #[must_use]
    pub fn before(self, head: RequestHead<'_>) -> Before {
        match head.scheme {
            "http" => redirect(&head).map_or(Before::InDoubt, Before::Answer),
            // A proxy can report it of a plain request.
            "ws" => Before::InDoubt,
            _ => Before::Pass,
        }
    }
}

fn redirect(head: &RequestHead<'_>) -> Option<Answer> {
    let host = host(head.headers).filter(Host::is_plain)?;
    let mut url = String::from("https://");
    if matches!(host.port_number(), Some(80 | 443)) {
        url.push_str(&host.name.to_ascii_lowercase());
    } else {
        host.push_to(&mut url);
    }
    push_target(head, &mut url)?;
    Some(Answer::redirect(location(url)?))
}
