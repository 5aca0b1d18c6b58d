//! Path, query, header and cookie parameters.

use std::borrow::Cow;

use http::{HeaderName, header};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};
use turbo_http::syntax::cookie::{self, Found};
use turbo_http::syntax::query;
use turbo_router::Convertor;

use super::Path;
use super::literal::{Literal, digits_value};
use super::source::Source;
use super::spec::ParameterSpec;
use super::text::Text;
use super::validator::{DefaultValue, Validator, call1};

/// One parameter of a plan.
pub(super) struct Parameter {
    place: Place,
    literal: Option<Literal>,
    validator: Validator,
    /// FastAPI takes an empty string for nothing if the annotation is a sequence.
    empty_is_missing: bool,
    default: DefaultValue,
}

enum Place {
    Path {
        index: usize,
        name: Py<PyString>,
    },
    /// The last value of the first of these names that the query has.
    Query(Box<[Box<str>]>),
    /// All values of the first of these names that the query has.
    QueryList(Box<[Box<str>]>),
    Header(Box<[HeaderName]>),
    HeaderList(Box<[HeaderName]>),
    Cookie(Box<[Box<str>]>),
    /// A Python function of the query string.
    PythonQuery(Py<PyAny>),
    /// A Python function of the list of header lines.
    PythonHeaders(Py<PyAny>),
    /// A Python function of the list of `Cookie` header lines.
    PythonCookies(Py<PyAny>),
}

/// What a place holds.
enum Value<'a, 'py> {
    Missing,
    Text(Text<'a>),
    Object(Bound<'py, PyAny>),
    /// A value that needs no validation.
    Final(Bound<'py, PyAny>),
}

impl TryFrom<ParameterSpec<'_>> for Parameter {
    type Error = PyErr;

    fn try_from(spec: ParameterSpec<'_>) -> PyResult<Self> {
        let py = spec.validate.py();
        let place = place(py, &spec)?;
        let literal = match &spec.literal {
            None => None,
            Some(literal) => Some(Literal::new(literal).ok_or_else(|| invalid("literal", &literal.name))?),
        };
        Ok(Self {
            place,
            literal,
            validator: Validator::new(spec.validate),
            empty_is_missing: spec.empty_is_missing,
            default: DefaultValue::try_from(spec.default)?,
        })
    }
}

fn invalid(what: &str, value: &str) -> PyErr {
    PyValueError::new_err(format!("invalid {what} {value:?} of a parameter"))
}

fn place(py: Python<'_>, spec: &ParameterSpec<'_>) -> PyResult<Place> {
    let first = spec.keys.first().map_or("", String::as_str);
    let names = || spec.keys.iter().map(|key| key.as_str().into()).collect();
    let fields = || {
        let name = |key: &String| HeaderName::try_from(key).map_err(|_| invalid("header name", key));
        spec.keys.iter().map(name).collect::<PyResult<Box<[HeaderName]>>>()
    };
    Ok(match (spec.location.as_str(), spec.kind.as_str()) {
        ("path", "one") => {
            let index = spec.place.ok_or_else(|| invalid("place", first))?;
            Place::Path { index, name: PyString::new(py, first).unbind() }
        }
        ("query", "one") => Place::Query(names()),
        ("query", "list") => Place::QueryList(names()),
        ("header", "one") => Place::Header(fields()?),
        ("header", "list") => Place::HeaderList(fields()?),
        ("cookie", "one") => Place::Cookie(names()),
        ("query", "python") => Place::PythonQuery(spec.validate.clone().unbind()),
        ("header", "python") => Place::PythonHeaders(spec.validate.clone().unbind()),
        ("cookie", "python") => Place::PythonCookies(spec.validate.clone().unbind()),
        (location, kind) => return Err(invalid("location or kind", &format!("{location}/{kind}"))),
    })
}

impl Parameter {
    pub(super) fn reads_headers(&self) -> bool {
        !matches!(
            self.place,
            Place::Path { .. } | Place::Query(_) | Place::QueryList(_) | Place::PythonQuery(_)
        )
    }

    /// The validated value, or the default; `None` refuses.
    pub(super) fn value<'py>(
        &self,
        py: Python<'py>,
        source: &dyn Source,
        path: &Path<'_, 'py>,
    ) -> Option<Bound<'py, PyAny>> {
        match self.place.find(py, source, path, self.literal)? {
            Value::Missing => self.default.get(py, &self.validator),
            Value::Text(text) if self.empty_is_missing && text.is_empty() => {
                self.default.get(py, &self.validator)
            }
            Value::Text(text) => {
                if let Some(value) = self.literal.and_then(|literal| literal.value(py, &text)) {
                    return Some(value);
                }
                self.validator.validate(&text.object(py)?)
            }
            Value::Object(value) => self.validator.validate(&value),
            Value::Final(value) => Some(value),
        }
    }
}

impl Place {
    fn find<'a, 'py>(
        &self,
        py: Python<'py>,
        source: &'a dyn Source,
        path: &Path<'a, 'py>,
        literal: Option<Literal>,
    ) -> Option<Value<'a, 'py>> {
        Some(match self {
            Self::Path { index, name } => match path {
                Path::Matched(values) => {
                    let (convertor, text) = *values.get(*index)?;
                    matched(py, convertor, text, literal)?
                }
                Path::Converted(values) => converted(values, name.bind(py), literal)?,
            },
            Self::Query(names) => {
                let query = plain_query(source)?;
                match names.iter().find_map(|name| query::last(query, name)) {
                    Some(value) => Value::Text(Text::Utf8(query::decode(value)?)),
                    None => Value::Missing,
                }
            }
            Self::QueryList(names) => {
                let query = plain_query(source)?;
                let list = PyList::empty(py);
                for name in names {
                    for value in query::each(query, name) {
                        list.append(PyString::new(py, &query::decode(value)?)).ok()?;
                    }
                    if !list.is_empty() {
                        break;
                    }
                }
                listed(list)
            }
            Self::Header(names) => match names.iter().find_map(|name| source.first_header(name)) {
                Some(value) => Value::Text(Text::header(value)),
                None => Value::Missing,
            },
            Self::HeaderList(names) => {
                let list = PyList::empty(py);
                for name in names {
                    let mut failed = false;
                    source.each_header(name, &mut |value| {
                        let text = Text::header(value).object(py);
                        failed |= text.is_none_or(|text| list.append(text).is_err());
                    });
                    if failed {
                        return None;
                    }
                    if !list.is_empty() {
                        break;
                    }
                }
                listed(list)
            }
            Self::Cookie(names) => {
                for name in names {
                    match cookie(source, name) {
                        Found::Absent => {}
                        Found::Value(value) => return Some(Value::Text(Text::Utf8(Cow::Borrowed(value)))),
                        _ => return None,
                    }
                }
                Value::Missing
            }
            Self::PythonQuery(function) => {
                let query = PyBytes::new(py, plain_query(source)?);
                Value::Final(call1(function, query.as_any())?)
            }
            Self::PythonHeaders(function) => {
                let mut lines = Vec::new();
                source.every_header(&mut |name, value| {
                    lines.push((PyBytes::new(py, name), PyBytes::new(py, value)));
                });
                Value::Final(call1(function, PyList::new(py, lines).ok()?.as_any())?)
            }
            Self::PythonCookies(function) => {
                let mut lines = Vec::new();
                source.each_header(&header::COOKIE, &mut |value| {
                    lines.push((PyBytes::new(py, b"cookie"), PyBytes::new(py, value)));
                });
                Value::Final(call1(function, PyList::new(py, lines).ok()?.as_any())?)
            }
        })
    }
}

fn plain_query(source: &dyn Source) -> Option<&[u8]> {
    let query = source.query();
    query::is_plain(query).then_some(query)
}

fn listed<'a>(list: Bound<'_, PyList>) -> Value<'a, '_> {
    if list.is_empty() { Value::Missing } else { Value::Object(list.into_any()) }
}

/// The last cookie called `name` of all `Cookie` lines.
fn cookie<'a>(source: &'a dyn Source, name: &str) -> Found<'a> {
    let mut last = Found::Absent;
    source.each_header(&header::COOKIE, &mut |field| match (last, cookie::last(field, name)) {
        (Found::NotPlain, _) | (_, Found::Absent) => {}
        (_, found) => last = found,
    });
    last
}

/// What Starlette's convertor makes of the text (`starlette/convertors.py`).
fn matched<'a, 'py>(
    py: Python<'py>,
    convertor: Convertor,
    text: &'a str,
    literal: Option<Literal>,
) -> Option<Value<'a, 'py>> {
    Some(match convertor {
        Convertor::Str | Convertor::Path => Value::Text(Text::Utf8(Cow::Borrowed(text))),
        Convertor::Int => {
            let number = digits_value(text)?;
            match literal.and_then(|literal| literal.integer(py, number)) {
                Some(value) => Value::Final(value),
                None => Value::Object(PyInt::new(py, number).into_any()),
            }
        }
        Convertor::Float => kept(PyFloat::new(py, text.parse().ok()?).into_any(), literal),
        Convertor::Uuid => {
            let class = UUID.import(py, "uuid", "UUID").ok()?;
            Value::Object(call1(class.as_unbound(), PyString::new(py, text).as_any())?)
        }
        _ => return None,
    })
}

static UUID: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// The value that Starlette has converted.
fn converted<'a, 'py>(
    values: &Bound<'py, PyDict>,
    name: &Bound<'py, PyString>,
    literal: Option<Literal>,
) -> Option<Value<'a, 'py>> {
    let Some(value) = values.get_item(name).ok()?.filter(|value| !value.is_none()) else {
        return Some(Value::Missing);
    };
    Some(kept(value, literal))
}

fn kept<'a>(value: Bound<'_, PyAny>, literal: Option<Literal>) -> Value<'a, '_> {
    if literal.is_some_and(|literal| literal.keeps(&value)) {
        Value::Final(value)
    } else {
        Value::Object(value)
    }
}
