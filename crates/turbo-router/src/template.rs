//! Path templates: parsing, and matching with the results of Starlette's regular expressions.

use std::fmt;
use std::ops::Range;

/// What a parameter matches; see the [crate documentation](crate#templates).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Convertor {
    /// `[^/]+`
    Str,
    /// `.*`
    Path,
    /// `[0-9]+`
    Int,
    /// `[0-9]+(\.[0-9]+)?`
    Float,
    /// Hexadecimal digits in groups of 8, 4, 4, 4, 12, each hyphen optional.
    Uuid,
}

/// Why a template cannot be a route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertError {
    /// The template does not start with `/`.
    NoLeadingSlash(String),
    /// `{name:convertor}` names a convertor that does not exist.
    UnknownConvertor {
        /// The template.
        template: String,
        /// The name that is not known.
        convertor: String,
    },
    /// A parameter name occurs twice.
    DuplicateParameter {
        /// The template.
        template: String,
        /// The name.
        name: String,
    },
}

impl fmt::Display for InsertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLeadingSlash(template) => write!(f, "route {template:?} does not start with '/'"),
            Self::UnknownConvertor { template, convertor } => {
                write!(f, "unknown convertor {convertor:?} in route {template:?}")
            }
            Self::DuplicateParameter { template, name } => {
                write!(f, "parameter {name:?} occurs twice in route {template:?}")
            }
        }
    }
}

impl std::error::Error for InsertError {}

#[derive(Clone, Debug)]
pub(crate) enum Part {
    Text(Box<str>),
    Param(Box<str>, Convertor),
}

/// A parsed template.
#[derive(Clone, Debug)]
pub(crate) struct Template(Vec<Part>);

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, InsertError> {
        if !text.starts_with('/') {
            return Err(InsertError::NoLeadingSlash(text.to_owned()));
        }
        let mut parts = Vec::new();
        let mut names: Vec<&str> = Vec::new();
        let mut literal = 0;
        let mut from = 0;
        while let Some(open) = text[from..].find('{').map(|at| from + at) {
            let Some((name, convertor, end)) = param(text, open) else {
                from = open + 1;
                continue;
            };
            let Some(convertor) = Convertor::named(convertor) else {
                return Err(InsertError::UnknownConvertor {
                    template: text.to_owned(),
                    convertor: convertor.to_owned(),
                });
            };
            if names.contains(&name) {
                return Err(InsertError::DuplicateParameter {
                    template: text.to_owned(),
                    name: name.to_owned(),
                });
            }
            names.push(name);
            if literal < open {
                parts.push(Part::Text(text[literal..open].into()));
            }
            parts.push(Part::Param(name.into(), convertor));
            literal = end;
            from = end;
        }
        if literal < text.len() {
            parts.push(Part::Text(text[literal..].into()));
        }
        Ok(Self(parts))
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.0
    }

    /// Parameter names in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, Convertor)> {
        self.0.iter().filter_map(|part| match part {
            Part::Param(name, convertor) => Some((&**name, *convertor)),
            Part::Text(_) => None,
        })
    }

    /// Whether the whole path matches; `spans` then holds the range of each parameter, in order.
    pub(crate) fn matches(&self, path: &str, spans: &mut Vec<Range<usize>>) -> bool {
        spans.clear();
        rest_matches(&self.0, path, 0, spans)
    }
}

/// The parameter that opens at `open`: name, convertor, and the index after its closing brace.
fn param(text: &str, open: usize) -> Option<(&str, &str, usize)> {
    let end = open + text[open..].find('}')?;
    let (name, convertor) = match text[open + 1..end].split_once(':') {
        Some((name, convertor)) => (name, convertor),
        None => (&text[open + 1..end], "str"),
    };
    (identifier(name) && identifier(convertor)).then_some((name, convertor, end + 1))
}

fn identifier(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn rest_matches(parts: &[Part], path: &str, at: usize, spans: &mut Vec<Range<usize>>) -> bool {
    let rest = &path[at..];
    match parts.split_first() {
        None => rest.is_empty() || rest == "\n",
        Some((Part::Text(text), after)) => {
            rest.starts_with(&**text) && rest_matches(after, path, at + text.len(), spans)
        }
        Some((Part::Param(_, convertor), after)) => convertor.try_lengths(rest, |length| {
            spans.push(at..at + length);
            let matched = rest_matches(after, path, at + length, spans);
            if !matched {
                spans.pop();
            }
            matched
        }),
    }
}

impl Convertor {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "str" => Self::Str,
            "path" => Self::Path,
            "int" => Self::Int,
            "float" => Self::Float,
            "uuid" => Self::Uuid,
            _ => return None,
        })
    }

    /// Offers the lengths this convertor can take of `rest`, in the order of a backtracking
    /// regular expression, until one is accepted.
    fn try_lengths(self, rest: &str, mut accept: impl FnMut(usize) -> bool) -> bool {
        match self {
            Self::Str => {
                let longest = rest.find('/').unwrap_or(rest.len());
                (1..=longest).rev().any(|length| rest.is_char_boundary(length) && accept(length))
            }
            Self::Path => {
                let longest = rest.find('\n').unwrap_or(rest.len());
                (0..=longest).rev().any(|length| rest.is_char_boundary(length) && accept(length))
            }
            Self::Int => (1..=digits(rest)).rev().any(accept),
            Self::Float => {
                let whole = digits(rest);
                let fraction = rest[whole..].strip_prefix('.').map_or(0, digits);
                whole > 0
                    && ((1..=fraction).rev().any(|length| accept(whole + 1 + length))
                        || (1..=whole).rev().any(accept))
            }
            Self::Uuid => uuid(rest.as_bytes()).is_some_and(accept),
        }
    }
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn uuid(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    for (group, size) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if group > 0 && bytes.get(at) == Some(&b'-') {
            at += 1;
        }
        let end = at + size;
        if !bytes.get(at..end)?.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        at = end;
    }
    Some(at)
}
