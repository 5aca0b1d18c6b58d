//! Finds, for a path, the few routes that can match it.

use std::fmt::Write;

use crate::template::{Convertor, Part, Template};

/// Routes by shape and by directory; numbers are positions in declaration order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    /// Templates without `path`.
    shapes: matchit::Router<usize>,
    shape_entries: Vec<Entry<Shape>>,
    /// Templates with `path`, by the static directory before the first parameter.
    directories: matchit::Router<usize>,
    directory_entries: Vec<Entry<String>>,
    /// Routes that `matchit` refused; tried for every path.
    everywhere: Vec<usize>,
    filed: Vec<Filed>,
}

#[derive(Clone, Debug)]
struct Entry<K> {
    key: K,
    routes: Vec<usize>,
}

#[derive(Clone, Debug)]
enum Filed {
    Shape(Shape),
    Directory(String),
}

/// The segments of a template: `None` stands for one that has a parameter.
type Shape = Vec<Option<Box<str>>>;

impl Index {
    /// Adds the route with the next number.
    pub(crate) fn insert(&mut self, template: &Template) {
        let number = self.filed.len();
        let filed = file(template);
        let accepted = match &filed {
            Filed::Shape(shape) => self.insert_shape(number, shape),
            Filed::Directory(directory) => self.insert_directory(number, directory),
        };
        if !accepted {
            self.everywhere.push(number);
        }
        self.filed.push(filed);
    }

    fn insert_shape(&mut self, number: usize, shape: &Shape) -> bool {
        if !self.shape_entries.iter().any(|entry| entry.key == *shape) {
            if self.shapes.insert(shape_pattern(shape), self.shape_entries.len()).is_err() {
                return false;
            }
            let routes = self.filed.iter().enumerate().filter_map(|(number, filed)| match filed {
                Filed::Shape(other) if overlap(shape, other) => Some(number),
                _ => None,
            });
            let routes = routes.filter(|number| !self.everywhere.contains(number)).collect();
            self.shape_entries.push(Entry { key: shape.clone(), routes });
        }
        for entry in self.shape_entries.iter_mut().filter(|entry| overlap(&entry.key, shape)) {
            entry.routes.push(number);
        }
        true
    }

    fn insert_directory(&mut self, number: usize, directory: &str) -> bool {
        if !self.directory_entries.iter().any(|entry| entry.key == directory) {
            let entry = self.directory_entries.len();
            let escaped = escape(directory);
            // A catch-all needs at least one character, `path` none.
            if self.directories.insert(format!("{escaped}{{*rest}}"), entry).is_err()
                || self.directories.insert(escaped, entry).is_err()
            {
                return false;
            }
            let routes = self.filed.iter().enumerate().filter_map(|(number, filed)| match filed {
                Filed::Directory(above) if directory.starts_with(above) => Some(number),
                _ => None,
            });
            let routes = routes.filter(|number| !self.everywhere.contains(number)).collect();
            self.directory_entries.push(Entry { key: directory.to_owned(), routes });
        }
        for entry in self.directory_entries.iter_mut().filter(|entry| entry.key.starts_with(directory)) {
            entry.routes.push(number);
        }
        true
    }

    /// Calls `visit` with the routes that may match, in declaration order, until it returns `Some`.
    pub(crate) fn search<R>(&self, path: &str, mut visit: impl FnMut(usize) -> Option<R>) -> Option<R> {
        // A template may match all but the last line feed, and then has the shape of the shorter path.
        let shorter = path.strip_suffix('\n').map_or(&[][..], |path| self.of_shape(path));
        let mut lists = [self.of_shape(path), self.in_directory(path), &self.everywhere, shorter];
        loop {
            let next = lists.iter().filter_map(|list| list.first()).min().copied()?;
            for list in &mut lists {
                if list.first() == Some(&next) {
                    *list = &list[1..];
                }
            }
            if let Some(result) = visit(next) {
                return Some(result);
            }
        }
    }

    fn of_shape(&self, path: &str) -> &[usize] {
        self.shapes.at(path).map_or(&[], |found| &self.shape_entries[*found.value].routes)
    }

    fn in_directory(&self, path: &str) -> &[usize] {
        self.directories.at(path).map_or(&[], |found| &self.directory_entries[*found.value].routes)
    }
}

fn file(template: &Template) -> Filed {
    if template.names().any(|(_, convertor)| convertor == Convertor::Path) {
        let text = match template.parts().first() {
            Some(Part::Text(text)) => text,
            _ => "/",
        };
        let directory = &text[..=text.rfind('/').unwrap_or(0)];
        return Filed::Directory(directory.to_owned());
    }
    // No other convertor takes a slash, so the slashes of the text separate the segments.
    let mut shape: Shape = Vec::new();
    let mut segment = Some(String::new());
    for part in template.parts() {
        match part {
            Part::Param(..) => segment = None,
            Part::Text(text) => {
                for (position, piece) in text.split('/').enumerate() {
                    if position > 0 {
                        shape.push(segment.map(String::into_boxed_str));
                        segment = Some(String::new());
                    }
                    if let Some(segment) = &mut segment {
                        segment.push_str(piece);
                    }
                }
            }
        }
    }
    shape.push(segment.map(String::into_boxed_str));
    Filed::Shape(shape)
}

/// Whether a path can have both shapes. A parameter never matches an empty segment.
fn overlap(a: &Shape, b: &Shape) -> bool {
    a.len() == b.len()
        && a.iter().zip(b).all(|pair| match pair {
            (Some(a), Some(b)) => a == b,
            (Some(text), None) | (None, Some(text)) => !text.is_empty(),
            (None, None) => true,
        })
}

fn shape_pattern(shape: &Shape) -> String {
    let mut pattern = String::new();
    for (position, segment) in shape.iter().enumerate() {
        if position > 0 {
            pattern.push('/');
        }
        match segment {
            Some(text) => pattern.push_str(&escape(text)),
            None => {
                let _ = write!(pattern, "{{p{position}}}");
            }
        }
    }
    pattern
}

fn escape(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}
