//! The router: insertion and lookup.

use http::Method;

use crate::index::Index;
use crate::matcher::{Matcher, Spans};
use crate::methods::Methods;
use crate::template::{Convertor, InsertError, Template};

/// Routes in declaration order; see the [crate documentation](crate).
#[derive(Clone, Debug)]
pub struct Router<T> {
    routes: Vec<Route<T>>,
    index: Index,
}

#[derive(Clone, Debug)]
struct Route<T> {
    matcher: Matcher,
    methods: Methods,
    params: Box<[(Box<str>, Convertor)]>,
    value: T,
}

/// What [`Router::at`] found.
#[derive(Debug)]
pub enum Outcome<'r, 'p, T> {
    /// The first route that serves the method and the path.
    Full(Match<'r, 'p, T>),
    /// No route serves both; the first that serves the path with other methods.
    Partial(Match<'r, 'p, T>),
    /// No route serves the path.
    None,
}

/// A route and the values of its parameters.
#[derive(Debug)]
pub struct Match<'r, 'p, T> {
    /// What was inserted with the route.
    pub value: &'r T,
    /// The route's methods.
    pub methods: &'r Methods,
    /// The parameters' values.
    pub params: Params<'r, 'p>,
}

/// The values of a matched route's parameters, as text of the path. Up to four need no allocation.
#[derive(Clone, Debug)]
pub struct Params<'r, 'p> {
    declared: &'r [(Box<str>, Convertor)],
    path: &'p str,
    spans: Spans,
}

impl<'r, 'p> Params<'r, 'p> {
    /// The value of the parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'p str> {
        self.get_index(self.declared.iter().position(|(candidate, _)| **candidate == *name)?)
    }

    /// The value of a parameter by its position in the template, from 0.
    #[must_use]
    pub fn get_index(&self, position: usize) -> Option<&'p str> {
        let (start, end) = *self.spans.get(position)?;
        self.path.get(start..end)
    }

    /// Name, convertor and value of each parameter, in the order of the template.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&'r str, Convertor, &'p str)> {
        let path = self.path;
        self.declared
            .iter()
            .zip(&self.spans)
            .map(move |((name, convertor), (start, end))| (&**name, *convertor, &path[*start..*end]))
    }

    /// How many parameters the template has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether the template has no parameter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }
}

impl<T> Default for Router<T> {
    fn default() -> Self {
        Self { routes: Vec::new(), index: Index::default() }
    }
}

impl<T> Router<T> {
    /// A router without routes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a route. The same template may be inserted again, for other methods.
    ///
    /// # Errors
    /// If `template` is not one; the router is then unchanged.
    pub fn insert(&mut self, methods: Methods, template: &str, value: T) -> Result<(), InsertError> {
        let template = Template::parse(template)?;
        self.index.insert(self.routes.len(), &template, &methods);
        self.routes.push(Route {
            matcher: Matcher::new(&template),
            methods,
            params: template.params.into(),
            value,
        });
        Ok(())
    }

    /// Appends a mount: a route for every method and every path below `prefix`, as `starlette.routing.Mount`.
    ///
    /// Slashes at the end of the prefix do not count; it may be empty. What comes after the prefix and a slash
    /// is the value of the last parameter, `path`. The prefix itself, without a slash, is not served.
    ///
    /// # Errors
    /// If `prefix` is no template, or has a parameter `path`; the router is then unchanged.
    pub fn mount(&mut self, prefix: &str, value: T) -> Result<(), InsertError> {
        self.insert(Methods::any(), &format!("{}/{{path:path}}", prefix.trim_end_matches('/')), value)
    }

    /// Finds the route for a method and a percent-decoded path.
    pub fn at<'r, 'p>(&'r self, method: &Method, path: &'p str) -> Outcome<'r, 'p, T> {
        let mut partial = None;
        let mut spans = Spans::new();
        for number in self.index.candidates(path) {
            let route = &self.routes[number];
            let served = route.methods.contains(method);
            if (!served && partial.is_some()) || !route.matcher.matches(path, &mut spans) {
                continue;
            }
            if served {
                return Outcome::Full(route.found(path, spans));
            }
            partial = Some(route.found(path, std::mem::take(&mut spans)));
        }
        partial.map_or(Outcome::None, Outcome::Partial)
    }
}

impl<T> Route<T> {
    fn found<'r, 'p>(&'r self, path: &'p str, spans: Spans) -> Match<'r, 'p, T> {
        Match {
            value: &self.value,
            methods: &self.methods,
            params: Params { declared: &self.params, path, spans },
        }
    }
}
