//! Finds, for a path, the few routes that can match it.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::methods::Methods;
use crate::template::{Convertor, Segment, Template};

/// A tree of segments. Each node is reached in one way, so a lookup visits a node at most once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Routes of the template `""`, which has not even the segment before the first slash.
    empty: Routes,
    root: Node,
}

#[derive(Clone, Debug, Default)]
struct Node {
    texts: Texts,
    /// The branch of segments with a parameter; an empty segment never takes it.
    param: Option<Box<Node>>,
    /// Routes whose template ends here.
    ends: Routes,
    /// Routes whose next segment has a `path` parameter: they may match however the path goes on.
    open: Routes,
}

impl Index {
    /// Adds a route; `number` is larger than those before.
    pub(crate) fn insert(&mut self, number: usize, template: &Template, methods: &Methods) {
        if template.parts.is_empty() {
            return self.empty.push(number, methods, true);
        }
        let (segments, open) = template.segments();
        let mut node = &mut self.root;
        let mut certain = !open;
        // The first is the empty one before the first slash.
        for segment in segments.iter().skip(1) {
            certain &= matches!(segment, Segment::Text(_) | Segment::Whole(Convertor::Str));
            node = match segment {
                Segment::Text(text) => node.texts.entry(text),
                Segment::Whole(_) | Segment::Mixed => node.param.get_or_insert_default(),
            };
        }
        let routes = if open { &mut node.open } else { &mut node.ends };
        routes.push(number, methods, certain);
    }

    /// The routes that may match `path`; no other does, nor could one of them be hidden by another.
    ///
    /// Those without a `path` parameter have the number of segments that the path has, or the path without
    /// the line feed at its end, and where they have segments of text alone, it has the same text.
    pub(crate) fn candidates<'i>(&'i self, path: &str) -> Candidates<'i> {
        let mut candidates = Candidates(SmallVec::new());
        self.collect(path, &mut candidates);
        if let Some(shorter) = path.strip_suffix('\n') {
            self.collect(shorter, &mut candidates);
        }
        candidates
    }

    fn collect<'i>(&'i self, path: &str, candidates: &mut Candidates<'i>) {
        match path.strip_prefix('/') {
            Some(rest) => self.root.collect(rest, candidates),
            None if path.is_empty() => candidates.add(&self.empty),
            None => {}
        }
    }
}

impl Node {
    /// `rest` begins with the segment below this node.
    fn collect<'i>(&'i self, mut rest: &str, candidates: &mut Candidates<'i>) {
        let mut node = self;
        loop {
            candidates.add(&node.open);
            let slash = rest.bytes().position(|byte| byte == b'/');
            let segment = &rest[..slash.unwrap_or(rest.len())];
            let text = node.texts.get(segment);
            let param = node.param.as_deref().filter(|_| !segment.is_empty());
            let Some(slash) = slash else {
                for end in [text, param].into_iter().flatten() {
                    candidates.add(&end.ends);
                }
                return;
            };
            rest = &rest[slash + 1..];
            node = match (text, param) {
                (Some(text), Some(param)) => {
                    text.collect(rest, candidates);
                    param
                }
                (Some(only), None) | (None, Some(only)) => only,
                (None, None) => return,
            };
        }
    }
}

/// Routes in declaration order, without those that others of the list hide.
#[derive(Clone, Debug)]
struct Routes {
    numbers: Vec<usize>,
    /// What the routes serve that match every path which leads to this list. A later route that serves nothing
    /// else can be neither the first full match of such a path nor the first partial match.
    served: Methods,
}

impl Default for Routes {
    fn default() -> Self {
        Self { numbers: Vec::new(), served: Methods::none() }
    }
}

impl Routes {
    fn push(&mut self, number: usize, methods: &Methods, certain: bool) {
        if !self.served.includes(methods) {
            self.numbers.push(number);
        }
        if certain {
            self.served.add(methods);
        }
    }
}

/// An iterator over lists of routes, in declaration order and each route once.
#[derive(Debug)]
pub(crate) struct Candidates<'i>(SmallVec<[&'i [usize]; 4]>);

impl<'i> Candidates<'i> {
    fn add(&mut self, routes: &'i Routes) {
        if !routes.numbers.is_empty() {
            self.0.push(&routes.numbers);
        }
    }
}

impl Iterator for Candidates<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        if let [only] = self.0.as_mut_slice() {
            let (first, others) = only.split_first()?;
            *only = others;
            return Some(*first);
        }
        let next = self.0.iter().filter_map(|list| list.first()).min().copied()?;
        for list in &mut self.0 {
            if list.first() == Some(&next) {
                *list = &list[1..];
            }
        }
        Some(next)
    }
}

/// The branches of a node that are text.
#[derive(Clone, Debug)]
enum Texts {
    Few(Vec<(Box<str>, Node)>),
    Many(FxHashMap<Box<str>, Node>),
}

/// How many texts are compared one by one sooner than one is hashed.
const FEW: usize = 4;

impl Default for Texts {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Texts {
    fn get(&self, segment: &str) -> Option<&Node> {
        match self {
            Self::Few(list) => list.iter().find_map(|(text, node)| (**text == *segment).then_some(node)),
            Self::Many(map) => map.get(segment),
        }
    }

    /// The branch of `segment`, made if there is none.
    fn entry(&mut self, segment: &str) -> &mut Node {
        if let Self::Few(list) = self
            && list.len() == FEW
            && list.iter().all(|(text, _)| **text != *segment)
        {
            *self = Self::Many(list.drain(..).collect());
        }
        match self {
            Self::Many(map) => map.entry(segment.into()).or_default(),
            Self::Few(list) => {
                let at = list.iter().position(|(text, _)| **text == *segment).unwrap_or_else(|| {
                    list.push((segment.into(), Node::default()));
                    list.len() - 1
                });
                &mut list[at].1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::Index;
    use crate::methods::Methods;
    use crate::template::Template;

    fn index(templates: impl IntoIterator<Item = String>) -> Index {
        let mut index = Index::default();
        for (number, template) in templates.into_iter().enumerate() {
            let Ok(template) = Template::parse(&template) else { panic!("{template:?}") };
            index.insert(number, &template, &Methods::only([Method::GET]));
        }
        index
    }

    #[test]
    fn only_routes_that_overlap_on_the_path_are_tried() {
        let templates = (0..999).map(|number| match number % 3 {
            0 => format!("/{{tenant}}/r{number}/{{id:int}}"),
            1 => format!("/t{number}/{{collection}}/{{id}}"),
            _ => format!("/{{tenant}}/r{number}/{{rest:path}}"),
        });
        let index = index(templates);
        for (path, want) in [
            ("/acme/r3/7", &[3][..]),
            ("/t4/r3/7", &[3, 4]),
            ("/t4/r5/a", &[4, 5]),
            ("/acme/r5/a/b", &[5]),
            ("/acme/r5", &[]),
            ("/t4/none/x", &[4]),
        ] {
            assert_eq!(index.candidates(path).collect::<Vec<_>>(), want, "{path}");
        }
    }

    #[test]
    fn routes_that_others_hide_are_not_tried() {
        let index = index(
            ["/a/{x}", "/a/{y}", "/a/{z:int}", "/{q}/{r:int}", "/{q}/{r}", "/{s}/{t:int}"].map(Into::into),
        );
        assert_eq!(index.candidates("/a/1").collect::<Vec<_>>(), [0, 3, 4]);
    }
}
