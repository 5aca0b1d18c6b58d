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

#[cfg(test)]
mod tests {
    use super::matches;
    use crate::matcher::{Spans, backtracking_matches};
    use crate::template::{Convertor, Part};

    /// All sequences of up to `length` of the items.
    fn sequences<T: Clone>(items: &[T], length: usize) -> Vec<Vec<T>> {
        let mut all = vec![vec![]];
        let mut last = all.clone();
        for _ in 0..length {
            let longer = |short: &Vec<T>, item| [short.as_slice(), std::slice::from_ref(item)].concat();
            last = last.iter().flat_map(|short| items.iter().map(move |item| longer(short, item))).collect();
            all.extend_from_slice(&last);
        }
        all
    }

    #[test]
    fn results_are_those_of_backtracking() {
        let text = |text: &str| Part::Text(text.into());
        let params = [Convertor::Str, Convertor::Path, Convertor::Int, Convertor::Float].map(Part::Param);
        let parts = sequences(&[&params[..], &[text("1"), text("."), text("/")]].concat(), 3);
        let paths = sequences(&["1", ".", "/", "\u{e9}", "\n"], 4);
        for parts in parts {
            for path in &paths {
                let path = path.concat();
                let (mut quick, mut slow) = (Spans::new(), Spans::new());
                let want = backtracking_matches(&parts, &path, 0, &mut quick, &mut u32::MAX.clone());
                assert_eq!(matches(&parts, &path, &mut slow), want, "{path:?} {parts:?}");
                assert!(!want || slow == quick, "{path:?} {parts:?}: {slow:?}, not {quick:?}");
            }
        }
    }

    #[test]
    fn identifiers_among_parameters_are_found() {
        let parts = [Convertor::Str, Convertor::Uuid, Convertor::Int].map(Part::Param);
        let mut spans = Spans::new();
        assert!(matches(&parts, "00123e4567-e89b12d3-A4564266141740007", &mut spans));
        assert_eq!(spans.as_slice(), [(0, 2), (2, 36), (36, 37)]);
    }
}
