//! JSON bodies.

use http::header;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};
use turbo_http::syntax::media_type;

use super::source::Source;
use super::spec::{BodyFieldSpec, BodySpec};
use super::validator::{DefaultValue, Validator, call1};

/// The longest text of digits that `int` takes whatever `sys.set_int_max_str_digits` was called with
/// (`sys.int_info.str_digits_check_threshold`).
const ANY_DIGITS: usize = 640;
/// Digits of the shortest integer that no `float` can hold: `2**1024 - 2**970` and more.
const MORE_THAN_A_FLOAT: usize = 309;
/// `sys.int_info.default_max_str_digits`, and what pydantic's JSON parser takes.
const DEFAULT_DIGITS: usize = 4300;

/// The body of a plan.
pub(super) struct Body {
    fields: Vec<Field>,
    strict_content_type: bool,
    /// `pydantic_core.from_json`
    parse: Py<PyAny>,
    /// `sys.get_int_max_str_digits`
    max_digits: Py<PyAny>,
    /// `pydantic_core.PydanticUndefined`
    undefined: Py<PyAny>,
}

struct Field {
    /// Keys of the body's object, in order of preference; without any, the field is the whole body.
    keys: Option<Box<[Py<PyString>]>>,
    validator: Validator,
    /// A bound `SchemaValidator.validate_json`, where it is known to give what `validate` gives.
    validate_json: Option<Py<PyAny>>,
    default: DefaultValue,
}

/// A body as it came.
pub(super) enum Received<'a, 'py> {
    /// The bytes of the request.
    Bytes(&'a [u8]),
    /// What FastAPI's handler has made of them.
    Parsed(Bound<'py, PyAny>),
}

impl TryFrom<BodySpec<'_>> for Body {
    type Error = PyErr;

    fn try_from(spec: BodySpec<'_>) -> PyResult<Self> {
        Ok(Self {
            fields: spec.fields.into_iter().map(Field::try_from).collect::<PyResult<_>>()?,
            strict_content_type: spec.strict_content_type,
            parse: spec.parse.unbind(),
            max_digits: spec.max_digits.unbind(),
            undefined: spec.undefined.unbind(),
        })
    }
}

impl TryFrom<BodyFieldSpec<'_>> for Field {
    type Error = PyErr;

    fn try_from(spec: BodyFieldSpec<'_>) -> PyResult<Self> {
        let py = spec.validate.py();
        let keys = || spec.keys.iter().map(|key| PyString::intern(py, key).unbind()).collect();
        Ok(Self {
            keys: spec.embedded.then(keys),
            validator: Validator::new(spec.validate),
            validate_json: spec.validate_json.map(Bound::unbind),
            default: DefaultValue::try_from(spec.default)?,
        })
    }
}

impl Body {
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// Appends the value of each field; `None` refuses.
    pub(super) fn values<'py>(
        &self,
        py: Python<'py>,
        source: &dyn Source,
        received: &Received<'_, 'py>,
        values: &mut Vec<Py<PyAny>>,
    ) -> Option<()> {
        let parsed = match received {
            Received::Parsed(body) => (!body.is(&self.undefined)).then(|| body.clone()),
            Received::Bytes([]) => None,
            Received::Bytes(bytes) => {
                if !self.is_json(source)? || !self.digits_are_allowed(py, bytes)? {
                    return None;
                }
                let text = PyBytes::new(py, bytes);
                if let [Field { validate_json: Some(validate), .. }] = self.fields.as_slice()
                    // A `float` takes such an integer for infinity there, and refuses Python's `int`.
                    && !has_digits_in_a_row(bytes, MORE_THAN_A_FLOAT)
                {
                    values.push(call1(validate, text.as_any())?.unbind());
                    return Some(());
                }
                Some(call1(&self.parse, text.as_any())?)
            }
        };
        for field in &self.fields {
            values.push(field.value(py, parsed.as_ref())?.unbind());
        }
        Some(())
    }

    /// Whether FastAPI parses the body (`fastapi/routing.py`, `get_request_handler`).
    fn is_json(&self, source: &dyn Source) -> Option<bool> {
        match source.first_header(&header::CONTENT_TYPE) {
            None | Some(b"") => Some(!self.strict_content_type),
            Some(value) => media_type::is_json(value),
        }
    }

    /// Whether `json.loads` takes an integer of as many digits as pydantic's parser does.
    fn digits_are_allowed(&self, py: Python<'_>, body: &[u8]) -> Option<bool> {
        if body.len() <= ANY_DIGITS {
            return Some(true);
        }
        let limit: usize = self.max_digits.bind(py).call0().ok()?.extract().ok()?;
        Some(limit == 0 || limit >= DEFAULT_DIGITS)
    }
}

impl Field {
    /// `body` is `None` if there is none (`fastapi/dependencies/utils.py`, `request_body_to_args`).
    fn value<'py>(&self, py: Python<'py>, body: Option<&Bound<'py, PyAny>>) -> Option<Bound<'py, PyAny>> {
        let value = match (&self.keys, body) {
            (_, None) => None,
            (None, Some(body)) => Some(body.clone()),
            // A body that is no JSON has no keys.
            (Some(_), Some(body)) if body.is_exact_instance_of::<PyBytes>() => None,
            (Some(keys), Some(body)) => {
                let body = body.cast_exact::<PyDict>().ok()?;
                let mut found = None;
                for key in keys {
                    found = body.get_item(key.bind(py)).ok()?;
                    if found.is_some() {
                        break;
                    }
                }
                found
            }
        };
        match value {
            Some(value) => self.validator.validate(&value),
            None => self.default.get(py, &self.validator),
        }
    }
}

/// Whether `text` has `count` digits without anything between them. Looks at one byte in `count` of a usual text.
fn has_digits_in_a_row(text: &[u8], count: usize) -> bool {
    let mut last = count - 1;
    while let Some(window) = text.get(last + 1 - count..=last) {
        match window.iter().rposition(|byte| !byte.is_ascii_digit()) {
            None => return true,
            // A row that ends within the window begins behind this byte.
            Some(position) => last += position + 1,
        }
    }
    false
}
