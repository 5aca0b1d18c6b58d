//! The named tuples of `turboapi.plans.specs`, as they come in.

use pyo3::prelude::*;

#[derive(FromPyObject)]
pub(super) struct ParameterSpec<'py> {
    pub(super) location: String,
    pub(super) kind: String,
    pub(super) keys: Vec<String>,
    pub(super) place: Option<usize>,
    pub(super) literal: Option<LiteralSpec>,
    pub(super) validate: Bound<'py, PyAny>,
    pub(super) empty_is_missing: bool,
    pub(super) default: DefaultSpec<'py>,
}

#[derive(FromPyObject)]
pub(super) struct LiteralSpec {
    pub(super) name: String,
    pub(super) minimum: Option<i64>,
    pub(super) maximum: Option<i64>,
}

#[derive(FromPyObject)]
pub(super) struct DefaultSpec<'py> {
    pub(super) kind: String,
    pub(super) value: Bound<'py, PyAny>,
    pub(super) validate: bool,
}

#[derive(FromPyObject)]
pub(super) struct BodySpec<'py> {
    pub(super) fields: Vec<BodyFieldSpec<'py>>,
    pub(super) strict_content_type: bool,
    pub(super) parse: Bound<'py, PyAny>,
    pub(super) max_digits: Bound<'py, PyAny>,
    pub(super) undefined: Bound<'py, PyAny>,
}

#[derive(FromPyObject)]
pub(super) struct BodyFieldSpec<'py> {
    pub(super) keys: Vec<String>,
    pub(super) embedded: bool,
    pub(super) validate: Bound<'py, PyAny>,
    pub(super) validate_json: Option<Bound<'py, PyAny>>,
    pub(super) default: DefaultSpec<'py>,
}
