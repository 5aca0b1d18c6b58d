//! The texts whose value needs no validator: for fields that are exactly `str`, `int`, `float` or `bool`.
//!
//! Each is a part of what pydantic takes in lax mode, chosen so that the value is beyond doubt; every other text
//! goes to the field's validator.

use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt};

use super::text::Text;

/// A type whose plain texts are converted here.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Literal {
    Str,
    Int,
    Float,
    Bool,
}

impl Literal {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "str" => Self::Str,
            "int" => Self::Int,
            "float" => Self::Float,
            "bool" => Self::Bool,
            _ => return None,
        })
    }

    /// The value of `text`, if it is plain.
    pub(super) fn value<'py>(self, py: Python<'py>, text: &Text<'_>) -> Option<Bound<'py, PyAny>> {
        if self == Self::Str {
            return text.object(py);
        }
        let text = text.as_str()?;
        match self {
            Self::Str => None,
            Self::Int => integer(text).map(|value| PyInt::new(py, value).into_any()),
            Self::Float => float(text).map(|value| PyFloat::new(py, value).into_any()),
            Self::Bool => boolean(text).map(|value| PyBool::new(py, value).to_owned().into_any()),
        }
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
