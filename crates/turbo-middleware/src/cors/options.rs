//! Settings, by the names and defaults of Starlette's.

use std::collections::BTreeSet;

use http::header::InvalidHeaderValue;
use http::{HeaderName, HeaderValue};

use super::allowed::{Allowed, Predicate};
use super::policy::Policy;

/// What `*` stands for among the methods.
const ALL_METHODS: [&str; 8] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY"];
/// What a page may always send (<https://fetch.spec.whatwg.org/#cors-safelisted-request-header>).
const SAFELISTED: [&str; 4] = ["Accept", "Accept-Language", "Content-Language", "Content-Type"];

/// What [`Policy`] is made of; [`Options::default`] allows `GET` from nowhere.
#[derive(Default)]
pub struct Options {
    origins: Vec<String>,
    matching: Option<Predicate>,
    methods: Option<Vec<String>>,
    headers: Vec<String>,
    credentials: bool,
    private_network: bool,
    expose: Vec<String>,
    max_age: Option<u64>,
}

impl Options {
    /// The origins that may read responses, such as `https://example.org`; `*` for all.
    #[must_use]
    pub fn allow_origins<T: Into<String>>(mut self, origins: impl IntoIterator<Item = T>) -> Self {
        self.origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Also the origins that `matching` allows, for example by a regular expression.
    #[must_use]
    pub fn allow_origins_matching(
        mut self,
        matching: impl Fn(&HeaderValue) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.matching = Some(Box::new(move |origin| Some(matching(origin))));
        self
    }

    /// The methods; `*` for all that Starlette knows. Default: `GET`.
    #[must_use]
    pub fn allow_methods<T: Into<String>>(mut self, methods: impl IntoIterator<Item = T>) -> Self {
        self.methods = Some(methods.into_iter().map(Into::into).collect());
        self
    }

    /// The request headers beside the four that are always allowed; `*` for all.
    #[must_use]
    pub fn allow_headers<T: Into<String>>(mut self, headers: impl IntoIterator<Item = T>) -> Self {
        self.headers = headers.into_iter().map(Into::into).collect();
        self
    }

    /// Lets pages send cookies.
    #[must_use]
    pub fn allow_credentials(mut self, allow: bool) -> Self {
        self.credentials = allow;
        self
    }

    /// Lets pages on a public network ask.
    #[must_use]
    pub fn allow_private_network(mut self, allow: bool) -> Self {
        self.private_network = allow;
        self
    }

    /// The response headers that pages may read.
    #[must_use]
    pub fn expose_headers<T: Into<String>>(mut self, headers: impl IntoIterator<Item = T>) -> Self {
        self.expose = headers.into_iter().map(Into::into).collect();
        self
    }

    /// How long a browser may keep the answer to a preflight, in seconds. Default: 600.
    #[must_use]
    pub fn max_age(mut self, seconds: u64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// The policy; fails for what no header can carry.
    pub fn build(self) -> Result<Policy, InvalidHeaderValue> {
        let all_origins = self.origins.iter().any(|origin| origin == "*");
        let all_headers = self.headers.iter().any(|header| header == "*");
        let explicit = !all_origins || self.credentials;
        let mut methods = self.methods.unwrap_or_else(|| vec!["GET".to_owned()]);
        if methods.iter().any(|method| method == "*") {
            methods = ALL_METHODS.map(str::to_owned).to_vec();
        }
        let mut simple = Vec::new();
        let mut preflight = vec![field(
            "vary",
            "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, \
             Access-Control-Request-Private-Network",
        )?];
        if all_origins {
            simple.push(field("access-control-allow-origin", "*")?);
        }
        if self.credentials {
            simple.push(field("access-control-allow-credentials", "true")?);
        }
        if !self.expose.is_empty() {
            simple.push(field("access-control-expose-headers", &self.expose.join(", "))?);
        }
        if !explicit {
            preflight.push(field("access-control-allow-origin", "*")?);
        }
        preflight.push(field("access-control-allow-methods", &methods.join(", "))?);
        preflight.push(field("access-control-max-age", &self.max_age.unwrap_or(600).to_string())?);
        let headers: BTreeSet<&str> =
            SAFELISTED.into_iter().chain(self.headers.iter().map(String::as_str)).collect();
        let headers: Vec<&str> = headers.into_iter().collect();
        if !all_headers {
            preflight.push(field("access-control-allow-headers", &headers.join(", "))?);
        }
        if self.credentials {
            preflight.push(field("access-control-allow-credentials", "true")?);
        }
        let mut origins = Allowed::exact(self.origins);
        if let Some(matching) = self.matching {
            origins = origins.or(matching);
        }
        Ok(Policy {
            allow_origins: origins,
            allow_methods: Allowed::exact(methods),
            allow_headers: headers.iter().map(|header| header.to_lowercase()).collect(),
            allow_all_origins: all_origins,
            allow_all_headers: all_headers,
            allow_credentials: self.credentials,
            preflight_explicit_allow_origin: explicit,
            allow_private_network: self.private_network,
            simple_headers: simple,
            preflight_headers: preflight,
        })
    }
}

fn field(name: &'static str, value: &str) -> Result<(HeaderName, HeaderValue), InvalidHeaderValue> {
    Ok((HeaderName::from_static(name), HeaderValue::from_str(value)?))
}
