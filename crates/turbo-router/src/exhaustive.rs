//! Matches a path against one template in time linear in the length of the path, whatever the template.
//!
//! Backtracking tries some positions again and again: `/{a}{b}{c}x` takes cubic time on a long segment. Here it is
//! noted for each part and each position whether the path can match from there on, from the last part to
//! the first. Then no choice is tried in vain.

use crate::matcher::{Spans, uuid};
use crate::template::{Convertor, Part};

/// As the matcher's backtracking: whether the whole path matches, and then the range of each parameter.
pub(crate) fn matches(parts: &[Part], path: &str, spans: &mut Spans) -> bool {
    let table = Table::new(parts, path);
    spans.clear();
    let mut at = 0;
    if !table.reaches_end(0, at) {
        return false;
    }
    for (number, part) in parts.iter().enumerate() {
        let start = at;
        match part {
            Part::Text(text) => at += text.len(),
            Part::Param(convertor) => {
                convertor.try_lengths(&path[start..], |length| {
                    at = start + length;
                    table.reaches_end(number + 1, at)
                });
                spans.push((start, at));
            }
        }
    }
    true
}

/// For each part a row with one entry for each position of the path, and one for its end.
struct Table {
    rows: Vec<bool>,
    width: usize,
}

impl Table {
    fn new(parts: &[Part], path: &str) -> Self {
        let width = path.len() + 1;
        let mut rows = vec![false; (parts.len() + 1) * width];
        let (before, mut after) = rows.split_at_mut(parts.len() * width);
        after[path.len()] = true;
        if path.ends_with('\n') {
            after[path.len() - 1] = true;
        }
        for (part, row) in parts.iter().zip(before.chunks_exact_mut(width)).rev() {
            fill(part, path, row, after);
            after = row;
        }
        Self { rows, width }
    }

    /// Whether the path from `at` on matches the parts from `part` on.
    fn reaches_end(&self, part: usize, at: usize) -> bool {
        self.rows[part * self.width + at]
    }
}

/// Fills the row of a part from the row of the part after it.
fn fill(part: &Part, path: &str, row: &mut [bool], after: &[bool]) {
    let bytes = path.as_bytes();
    // Whether the part after can begin at a position; characters are not cut.
    let next = |at: usize| after[at] && path.is_char_boundary(at);
    match part {
        Part::Text(text) => {
            for (at, cell) in row.iter_mut().enumerate() {
                *cell = bytes[at..].starts_with(text.as_bytes()) && after[at + text.len()];
            }
        }
        Part::Param(Convertor::Uuid) => {
            for (at, cell) in row.iter_mut().enumerate() {
                *cell = uuid(&bytes[at..]).is_some_and(|length| after[at + length]);
            }
        }
        Part::Param(Convertor::Path) => {
            for at in (0..row.len()).rev() {
                row[at] = next(at) || bytes.get(at).is_some_and(|byte| *byte != b'\n' && row[at + 1]);
            }
        }
        Part::Param(Convertor::Str) => one_or_more(row, next, |at| bytes[at] != b'/'),
        Part::Param(Convertor::Int) => one_or_more(row, next, |at| bytes[at].is_ascii_digit()),
        Part::Param(Convertor::Float) => {
            let mut fraction = vec![false; row.len()];
            one_or_more(&mut fraction, next, |at| bytes[at].is_ascii_digit());
            let point = |at: usize| bytes.get(at) == Some(&b'.') && fraction[at + 1];
            one_or_more(row, |at| next(at) || point(at), |at| bytes[at].is_ascii_digit());
        }
    }
}

/// The row of a parameter that takes at least one of the bytes that `takes` names, and then goes on with `next`.
fn one_or_more(row: &mut [bool], next: impl Fn(usize) -> bool, takes: impl Fn(usize) -> bool) {
    for at in (0..row.len() - 1).rev() {
        row[at] = takes(at) && (next(at + 1) || row[at + 1]);
    }
}
