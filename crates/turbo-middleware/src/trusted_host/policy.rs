//! Which hosts may be asked for.

use http::StatusCode;

use crate::early::{Answer, Before, RequestHead};
use crate::host::{Host, host, is_literal, location, push_target, push_target_as_sent};

/// The rules of a `TrustedHostMiddleware` (`starlette/middleware/trustedhost.py`).
#[derive(Clone, Debug)]
pub struct Policy {
    allowed: Vec<String>,
    allow_any: bool,
    www_redirect: bool,
}

/// A pattern that is neither a host, nor `*`, nor `*.` and a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidPattern(
    /// The pattern.
    pub String,
);

impl std::fmt::Display for InvalidPattern {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "domain wildcard patterns must be like '*.example.com', not {:?}", self.0)
    }
}

impl std::error::Error for InvalidPattern {}

impl Policy {
    /// Allows hosts, `*.example.org` for all below a domain, `*` for all; case does not count. A host that lacks
    /// only the `www.` of an allowed one is redirected there.
    pub fn new<T: AsRef<str>>(allowed: impl IntoIterator<Item = T>) -> Result<Self, InvalidPattern> {
        let allowed: Vec<String> = allowed.into_iter().map(|one| one.as_ref().to_lowercase()).collect();
        for pattern in &allowed {
            let wild = pattern == "*" || pattern.strip_prefix("*.").is_some_and(|rest| !rest.contains('*'));
            if pattern.contains('*') && !wild {
                return Err(InvalidPattern(pattern.clone()));
            }
        }
        let allow_any = allowed.iter().any(|pattern| pattern == "*");
        Ok(Self::from_parts(allowed, allow_any, true))
    }

    /// From the attributes of a built `TrustedHostMiddleware`.
    #[must_use]
    pub fn from_parts(allowed: Vec<String>, allow_any: bool, www_redirect: bool) -> Self {
        Self { allowed, allow_any, www_redirect }
    }

    /// Whether a host without `www.` is redirected to the allowed one with it. Default: it is.
    #[must_use]
    pub fn www_redirect(mut self, redirect: bool) -> Self {
        self.www_redirect = redirect;
        self
    }

    /// Refuses a host that is not allowed, or redirects it, where Starlette's answer is known to the byte.
    ///
    /// In doubt are redirects of URLs that need quoting, and IP literals, unless every host is allowed.
    #[must_use]
    pub fn before(&self, head: RequestHead<'_>) -> Before {
        if !self.allow_any && is_literal(head.headers) {
            return Before::InDoubt;
        }
        match self.judge(head) {
            Judgement::Allowed => Before::Pass,
            Judgement::Refused => Before::Answer(refused()),
            Judgement::LacksWww(host) => {
                let mut url = with_www(head, host);
                let target = host.is_plain().then_some(()).and_then(|()| push_target(&head, &mut url));
                let target = target.and_then(|()| location(url));
                target.map_or(Before::InDoubt, |target| Before::Answer(Answer::redirect(target)))
            }
        }
    }

    /// The same without a doubt: IP literals are those of `std`, and a redirect leads to the URL as it was sent.
    #[must_use]
    pub fn answer(&self, head: RequestHead<'_>) -> Option<Answer> {
        match self.judge(head) {
            Judgement::Allowed => None,
            Judgement::Refused => Some(refused()),
            Judgement::LacksWww(host) => {
                let mut url = with_www(head, host);
                push_target_as_sent(&head, &mut url);
                Some(location(url).map_or_else(refused, Answer::redirect))
            }
        }
    }

    fn judge<'a>(&self, head: RequestHead<'a>) -> Judgement<'a> {
        if self.allow_any {
            return Judgement::Allowed;
        }
        let Some(host) = host(head.headers) else { return Judgement::Refused };
        let name = host.name;
        let mut lacks_www = false;
        for pattern in &self.allowed {
            let matches = match pattern.strip_prefix('*') {
                Some(suffix) => ends_with(name, suffix),
                None => name.eq_ignore_ascii_case(pattern),
            };
            if matches {
                return Judgement::Allowed;
            }
            lacks_www |= pattern.strip_prefix("www.").is_some_and(|rest| name.eq_ignore_ascii_case(rest));
        }
        if lacks_www && self.www_redirect { Judgement::LacksWww(host) } else { Judgement::Refused }
    }
}

/// What comes of a host.
enum Judgement<'a> {
    Allowed,
    Refused,
    LacksWww(Host<'a>),
}

fn with_www(head: RequestHead<'_>, host: Host<'_>) -> String {
    let mut url = format!("{}://www.", head.scheme);
    host.push_to(&mut url);
    url
}

fn refused() -> Answer {
    Answer::plain_text(StatusCode::BAD_REQUEST, "Invalid host header", Vec::new())
}

fn ends_with(name: &str, suffix: &str) -> bool {
    let from = name.len().checked_sub(suffix.len());
    from.and_then(|from| name.get(from..)).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}
