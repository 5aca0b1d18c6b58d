//! Matches a path against one template, with the values that Starlette's regular expression gives.

use smallvec::SmallVec;

use crate::exhaustive;
use crate::template::{Convertor, Part, Segment, Template};

/// The start and the end of each parameter's value, in bytes of the path.
pub(crate) type Spans = SmallVec<[(usize, usize); 4]>;

/// Attempts to place a parameter after which a path is taken for hostile. Paths of real requests need a few.
const PATIENCE: u32 = 256;

/// A template, prepared for matching.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    parts: Box<[Part]>,
    /// For templates whose every segment is text or one parameter: nothing needs to be tried twice.
    direct: Option<Box<[Direct]>>,
}

/// A parameter that is a whole segment, `skip` bytes of text after the parameter before.
#[derive(Clone, Copy, Debug)]
struct Direct {
    skip: usize,
    convertor: Convertor,
}

impl Matcher {
    pub(crate) fn new(template: &Template) -> Self {
        Self { parts: template.parts.clone().into(), direct: direct(template) }
    }

    /// Whether the whole path matches; `spans` then holds the range of each parameter, in order.
    ///
    /// The index must have named the template's route for this path.
    pub(crate) fn matches(&self, path: &str, spans: &mut Spans) -> bool {
        spans.clear();
        match &self.direct {
            // A line feed at the end may be part of the last value or not.
            Some(params) if !path.ends_with('\n') => direct_matches(params, path, spans),
            _ => {
                let mut patience = PATIENCE;
                let matched = backtracking_matches(&self.parts, path, 0, spans, &mut patience);
                if patience > 0 { matched } else { exhaustive::matches(&self.parts, path, spans) }
            }
        }
    }
}

fn direct(template: &Template) -> Option<Box<[Direct]>> {
    let (segments, open) = template.segments();
    if open || segments.contains(&Segment::Mixed) {
        return None;
    }
    let mut skip = 0;
    let params = template.parts.iter().filter_map(|part| match part {
        Part::Text(text) => {
            skip = text.len();
            None
        }
        Part::Param(convertor) => Some(Direct { skip, convertor: *convertor }),
    });
    Some(params.collect())
}

/// The index has compared the text and counted the segments, so that only the values are left.
fn direct_matches(params: &[Direct], path: &str, spans: &mut Spans) -> bool {
    let bytes = path.as_bytes();
    let mut at = 0;
    for param in params {
        let start = at + param.skip;
        at = bytes[start..].iter().position(|byte| *byte == b'/').map_or(bytes.len(), |slash| start + slash);
        if !param.convertor.takes(&bytes[start..at]) {
            return false;
        }
        spans.push((start, at));
    }
    true
}

/// Matches `parts` from `at` on. `spans` is of no use unless the result is true and there is patience left.
pub(crate) fn backtracking_matches(
    parts: &[Part],
    path: &str,
    at: usize,
    spans: &mut Spans,
    patience: &mut u32,
) -> bool {
    let rest = &path[at..];
    match parts.split_first() {
        None => rest.is_empty() || rest == "\n",
        Some((Part::Text(text), after)) => {
            rest.starts_with(&**text) && backtracking_matches(after, path, at + text.len(), spans, patience)
        }
        Some((Part::Param(convertor), after)) => {
            let before = spans.len();
            convertor.try_lengths(rest, |length| {
                if *patience == 0 {
                    return true;
                }
                *patience -= 1;
                spans.truncate(before);
                spans.push((at, at + length));
                backtracking_matches(after, path, at + length, spans, patience)
            })
        }
    }
}

impl Convertor {
    /// Whether this convertor takes the whole of a segment, which has no slash in it and is not empty.
    fn takes(self, segment: &[u8]) -> bool {
        match self {
            Self::Str => true,
            Self::Path => !segment.contains(&b'\n'),
            Self::Int => segment.iter().all(u8::is_ascii_digit),
            Self::Float => {
                let whole = digits(segment);
                let fraction = segment[whole..].strip_prefix(b".");
                whole > 0
                    && match fraction {
                        None => whole == segment.len(),
                        Some(fraction) => !fraction.is_empty() && digits(fraction) == fraction.len(),
                    }
            }
            Self::Uuid => uuid(segment) == Some(segment.len()),
        }
    }

    /// Offers the lengths this convertor can take of `rest`, in the order of a backtracking regular
    /// expression, until one is accepted.
    pub(crate) fn try_lengths(self, rest: &str, mut accept: impl FnMut(usize) -> bool) -> bool {
        let bytes = rest.as_bytes();
        match self {
            Self::Str => {
                let longest = rest.find('/').unwrap_or(rest.len());
                (1..=longest).rev().any(|length| rest.is_char_boundary(length) && accept(length))
            }
            Self::Path => {
                let longest = rest.find('\n').unwrap_or(rest.len());
                (0..=longest).rev().any(|length| rest.is_char_boundary(length) && accept(length))
            }
            Self::Int => (1..=digits(bytes)).rev().any(accept),
            Self::Float => {
                let whole = digits(bytes);
                let fraction = bytes[whole..].strip_prefix(b".").map_or(0, digits);
                whole > 0
                    && ((1..=fraction).rev().any(|length| accept(whole + 1 + length))
                        || (1..=whole).rev().any(accept))
            }
            Self::Uuid => uuid(bytes).is_some_and(accept),
        }
    }
}

fn digits(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The length of the UUID at the start of `bytes`.
pub(crate) fn uuid(bytes: &[u8]) -> Option<usize> {
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
