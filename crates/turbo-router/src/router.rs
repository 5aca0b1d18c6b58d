//! The router: insertion and lookup.

use std::ops::Range;

use http::Method;

use crate::index::Index;
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
    template: Template,
    methods: Methods,
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

/// The values of a matched route's parameters, as text of the path.
#[derive(Debug)]
pub struct Params<'r, 'p> {
    template: &'r Template,
    path: &'p str,
    spans: Vec<Range<usize>>,
}

impl<'p> Params<'_, 'p> {
    /// The value of the parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'p str> {
        self.iter().find_map(|(candidate, _, value)| (candidate == name).then_some(value))
    }

    /// Name, convertor and value of each parameter, in the order of the template.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Convertor, &'p str)> {
        self.template
            .names()
            .zip(&self.spans)
            .map(|((name, convertor), span)| (name, convertor, &self.path[span.clone()]))
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
        self.index.insert(&template);
        self.routes.push(Route { template, methods, value });
        Ok(())
    }

    /// Finds the route for a method and a percent-decoded path.
    pub fn at<'r, 'p>(&'r self, method: &Method, path: &'p str) -> Outcome<'r, 'p, T> {
        let mut partial = None;
        let mut spans = Vec::new();
        let full = self.index.search(path, |number| {
            let route = &self.routes[number];
            let served = route.methods.contains(method);
            if (!served && partial.is_some()) || !route.template.matches(path, &mut spans) {
                return None;
            }
            let found = route.found(path, std::mem::take(&mut spans));
            if served {
                return Some(found);
            }
            partial = Some(found);
            None
        });
        match (full, partial) {
            (Some(found), _) => Outcome::Full(found),
            (None, Some(found)) => Outcome::Partial(found),
            (None, None) => Outcome::None,
        }
    }
}

impl<T> Route<T> {
    fn found<'r, 'p>(&'r self, path: &'p str, spans: Vec<Range<usize>>) -> Match<'r, 'p, T> {
        let params = Params { template: &self.template, path, spans };
        Match { value: &self.value, methods: &self.methods, params }
    }
}
