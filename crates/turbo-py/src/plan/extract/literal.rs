//! The texts whose value needs no validator: for fields that are `str`, `int`, `float` or `bool`, with bounds at most.
//!
//! Each is a part of what pydantic takes in lax mode, chosen so that the value is beyond doubt; every other text
//! goes to the field's validator.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

use super::spec::LiteralSpec;
use super::text::Text;

/// A type whose plain texts are converted here.
#[derive(Clone, Copy)]
pub(super) struct Literal {
    kind: Kind,
    /// Bounds of an `int`, or of the length of a `str` in characters; both are allowed values.
    minimum: i64,
    maximum: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Str,
    Int,
    Float,
    Bool,
}

impl Literal {
    /// `None` if there is no such type.
    pub(super) fn new(spec: &LiteralSpec) -> Option<Self> {
        let kind = match spec.name.as_str() {
            "str" => Kind::Str,
            "int" => Kind::Int,
            "float" => Kind::Float,
            "bool" => Kind::Bool,
            _ => return None,
        };
        let (minimum, maximum) = (spec.minimum.unwrap_or(i64::MIN), spec.maximum.unwrap_or(i64::MAX));
        Some(Self { kind, minimum, maximum })
    }

    /// The value of `text`, if it is plain.
    pub(super) fn value<'py>(self, py: Python<'py>, text: &Text<'_>) -> Option<Bound<'py, PyAny>> {
        match self.kind {
            Kind::Str => self.allows_length(text.as_str()).then(|| text.object(py)).flatten(),
            Kind::Int => self.integer(py, integer(text.as_str()?)?),
            Kind::Float => float(text.as_str()?).map(|value| PyFloat::new(py, value).into_any()),
            Kind::Bool => boolean(text.as_str()?).map(|value| PyBool::new(py, value).to_owned().into_any()),
        }
    }

    /// `value` as an `int`, if this is the type for it.
    pub(super) fn integer(self, py: Python<'_>, value: i64) -> Option<Bound<'_, PyAny>> {
        (self.kind == Kind::Int && self.minimum <= value && value <= self.maximum)
            .then(|| PyInt::new(py, value).into_any())
    }

    /// Whether `value` is an object that the field's validator would hand back.
    pub(super) fn keeps(self, value: &Bound<'_, PyAny>) -> bool {
        match self.kind {
            Kind::Str => value
                .cast_exact::<PyString>()
                .is_ok_and(|text| text.to_str().is_ok_and(|text| self.allows_length(Some(text)))),
            Kind::Int => {
                value.is_exact_instance_of::<PyInt>()
                    && value.extract().is_ok_and(|value: i64| self.minimum <= value && value <= self.maximum)
            }
            Kind::Float => value.is_exact_instance_of::<PyFloat>(),
            Kind::Bool => false,
        }
    }

    /// Whether a text has an allowed length; without bounds nobody counts.
    fn allows_length(self, text: Option<&str>) -> bool {
        if self.minimum == i64::MIN && self.maximum == i64::MAX {
            return true;
        }
        text.is_some_and(|text| {
            i64::try_from(text.chars().count())
                .is_ok_and(|length| self.minimum <= length && length <= self.maximum)
        })
    }
}

/// `-?(0|[1-9][0-9]{0,17})`, which any 64-bit integer can hold.
fn integer(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let value = digits_value(digits)?;
    if digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some(if digits.len() < text.len() { -value } else { value })
}

/// `[0-9]{1,18}`.
pub(super) fn digits_value(digits: &str) -> Option<i64> {
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    digits
        .bytes()
        .try_fold(0_i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// `-?[0-9]{1,15}(\.[0-9]{1,15})?`; both Rust and Python round to the nearest.
fn float(text: &str) -> Option<f64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |part: &str| (1..=15).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit());
    (plain(whole) && plain(fraction)).then(|| text.parse().ok()).flatten()
}

/// The words of pydantic, any case: 1 0 t f true false y n yes no on off.
fn boolean(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["true", "1", "yes", "on", "t", "y"]) {
        Some(true)
    } else if is(&["false", "0", "no", "off", "f", "n"]) {
        Some(false)
    } else {
        None
    }
}
