//! Where a request without TLS is sent.

use http::StatusCode;

use crate::early::{Answer, Before, RequestHead};
use crate::host::{Host, host, location, push_target, push_target_as_sent};

/// The rules of a `HTTPSRedirectMiddleware` (`starlette/middleware/httpsredirect.py`); there is nothing to set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy;

impl Policy {
    /// Redirects a request whose scheme is `http`, where Starlette's answer is known to the byte.
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

    /// The same without a doubt: the redirect leads to the URL as it was sent, and a request without a valid `Host` is
    /// refused, as Starlette does that knows no address of the server.
    #[must_use]
    pub fn answer(self, head: RequestHead<'_>) -> Option<Answer> {
        let mut url = match head.scheme {
            "http" => String::from("https://"),
            "ws" => String::from("wss://"),
            _ => return None,
        };
        let refused = || Answer::plain_text(StatusCode::BAD_REQUEST, "Invalid host header", Vec::new());
        let Some(host) = host(head.headers) else { return Some(refused()) };
        push_host(host, &mut url);
        push_target_as_sent(&head, &mut url);
        Some(location(url).map_or_else(refused, Answer::redirect))
    }
}

fn redirect(head: &RequestHead<'_>) -> Option<Answer> {
    let host = host(head.headers).filter(Host::is_plain)?;
    let mut url = String::from("https://");
    push_host(host, &mut url);
    push_target(head, &mut url)?;
    Some(Answer::redirect(location(url)?))
}

/// The host without the ports that stand for a scheme; only then Starlette takes it apart, and so lowers its case.
fn push_host(host: Host<'_>, url: &mut String) {
    if matches!(host.port_number(), Some(80 | 443)) {
        url.push_str(&host.name.to_ascii_lowercase());
    } else {
        host.push_to(url);
    }
}
