//! Path templates: what `starlette.routing.compile_path` makes of a text, in parts.

use std::fmt;

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

/// Why a text cannot be the template of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InsertError {
    /// The template is not empty and does not start with `/`; Starlette would take it for the name of a host.
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
    Param(Convertor),
}

/// What a template has between two slashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    /// Text alone, or nothing.
    Text(String),
    /// One parameter and nothing else.
    Whole(Convertor),
    /// Any other mixture.
    Mixed,
}

/// A parsed template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) parts: Vec<Part>,
    /// Name and convertor of the parameters, in order.
    pub(crate) params: Vec<(Box<str>, Convertor)>,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, InsertError> {
        if !(text.is_empty() || text.starts_with('/')) {
            return Err(InsertError::NoLeadingSlash(text.to_owned()));
        }
        let mut parts = Vec::new();
        let mut params: Vec<(Box<str>, Convertor)> = Vec::new();
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
            if params.iter().any(|(other, _)| **other == *name) {
                return Err(InsertError::DuplicateParameter {
                    template: text.to_owned(),
                    name: name.to_owned(),
                });
            }
            if literal < open {
                parts.push(Part::Text(text[literal..open].into()));
            }
            parts.push(Part::Param(convertor));
            params.push((name.into(), convertor));
            literal = end;
            from = end;
        }
        if literal < text.len() {
            parts.push(Part::Text(text[literal..].into()));
        }
        Ok(Self { parts, params })
    }

    /// The segments before the one with the first `path` parameter, and whether there is one.
    ///
    /// No other convertor takes a slash, so up to there the slashes of the template are those of the path.
    pub(crate) fn segments(&self) -> (Vec<Segment>, bool) {
        let mut segments = Vec::new();
        let mut segment = Segment::Text(String::new());
        for part in &self.parts {
            match part {
                Part::Param(Convertor::Path) => return (segments, true),
                Part::Param(convertor) => segment = segment.and_param(*convertor),
                Part::Text(text) => {
                    let mut pieces = text.split('/');
                    segment = segment.and_text(pieces.next().unwrap_or_default());
                    for piece in pieces {
                        segments.push(std::mem::replace(&mut segment, Segment::Text(piece.to_owned())));
                    }
                }
            }
        }
        segments.push(segment);
        (segments, false)
    }
}

impl Segment {
    fn and_param(self, convertor: Convertor) -> Self {
        match self {
            Self::Text(text) if text.is_empty() => Self::Whole(convertor),
            _ => Self::Mixed,
        }
    }

    fn and_text(self, more: &str) -> Self {
        match self {
            Self::Text(text) => Self::Text(text + more),
            whole if more.is_empty() => whole,
            _ => Self::Mixed,
        }
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
}
