//! JSON text of trees of exact builtins.
//!
//! Equal, byte for byte, to `json.dumps(tree, ensure_ascii=False, allow_nan=False, separators=(",", ":"))` as
//! Starlette's `JSONResponse.render` calls it, with or without FastAPI's `jsonable_encoder` in front. No Python code
//! runs: whatever would need some, or would raise, has no text here.

use std::cell::Cell;
use std::ffi::c_int;
use std::ptr;

use bytes::Bytes;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

/// Deeper trees are left to Python, which counts frames: a cycle ends here too.
const DEPTH_LIMIT: u32 = 100;
/// Longer texts keep the buffer they were written into.
const COPY_LIMIT: usize = 16 * 1024;

/// What becomes of dictionary keys that start with `_sa`: `jsonable_encoder` takes them for an ORM's own state and
/// leaves them out, with their values unseen, at every level; `json.dumps` knows nothing of them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum PrivateKeys {
    /// As `jsonable_encoder` does.
    Dropped,
    /// As `json.dumps` alone does.
    Kept,
}

thread_local! {
    /// The text of small answers is written here and copied once its length is known.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// The text of `value`, if it has one.
pub(crate) fn encode(value: &Bound<'_, PyAny>, private_keys: PrivateKeys) -> Option<Bytes> {
    encode_between(b"", value, b"", private_keys)
}

/// The text of `value` between two pieces of text.
pub(crate) fn encode_between(
    before: &[u8],
    value: &Bound<'_, PyAny>,
    behind: &[u8],
    private_keys: PrivateKeys,
) -> Option<Bytes> {
    let mut text = SCRATCH.take();
    text.clear();
    text.extend_from_slice(before);
    let mut writer = Writer { text, drops_private_keys: private_keys == PrivateKeys::Dropped, depth: 0 };
    let written = writer.value(value);
    let mut text = writer.text;
    text.extend_from_slice(behind);
    if written.is_ok() && text.len() > COPY_LIMIT {
        return Some(Bytes::from(text));
    }
    let copy = written.ok().map(|()| Bytes::copy_from_slice(&text));
    if text.capacity() <= 2 * COPY_LIMIT {
        SCRATCH.set(text);
    }
    copy
}

/// Whether `value` is of one of the types that may have a text.
pub(super) fn is_builtin(value: &Bound<'_, PyAny>) -> bool {
    !matches!(Kind::of(value), Kind::Other)
}

/// There is something that has no text, or none that can be made without Python.
struct Unsupported;

struct Writer {
    text: Vec<u8>,
    drops_private_keys: bool,
    depth: u32,
}

impl Writer {
    fn value(&mut self, value: &Bound<'_, PyAny>) -> Result<(), Unsupported> {
        match Kind::of(value) {
            Kind::String(string) => self.string(string),
            Kind::Integer(integer) => self.integer(integer),
            Kind::Float(float) => self.float(float),
            Kind::Constant(text) => {
                self.text.extend_from_slice(text);
                Ok(())
            }
            Kind::Dict(dict) => self.nested(|writer| writer.dict(dict)),
            Kind::List(list) => self.nested(|writer| writer.sequence(list.iter())),
            Kind::Tuple(tuple) => self.nested(|writer| writer.sequence(tuple.iter())),
            Kind::Other => Err(Unsupported),
        }
    }

    fn nested(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), Unsupported>,
    ) -> Result<(), Unsupported> {
        if self.depth == DEPTH_LIMIT {
            return Err(Unsupported);
        }
        self.depth += 1;
        write(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn sequence<'py>(&mut self, items: impl Iterator<Item = Bound<'py, PyAny>>) -> Result<(), Unsupported> {
        self.text.push(b'[');
        let mut first = true;
        for item in items {
            if !first {
                self.text.push(b',');
            }
            first = false;
            self.value(&item)?;
        }
        self.text.push(b']');
        Ok(())
    }

    fn dict(&mut self, dict: &Bound<'_, PyDict>) -> Result<(), Unsupported> {
        self.text.push(b'{');
        with_critical_section(dict.as_any(), || self.items(dict))?;
        self.text.push(b'}');
        Ok(())
    }

    fn items(&mut self, dict: &Bound<'_, PyDict>) -> Result<(), Unsupported> {
        let py = dict.py();
        let mut position = 0;
        let mut first = true;
        loop {
            let (mut key, mut value) = (ptr::null_mut(), ptr::null_mut());
            // SAFETY: `dict` is an exact dict that the caller keeps alive and locked; `position` is only ever changed
            // by this function, and the two receive borrowed references when there is a next item.
            if unsafe { ffi::PyDict_Next(dict.as_ptr(), &raw mut position, &raw mut key, &raw mut value) }
                == 0
            {
                return Ok(());
            }
            // SAFETY: both are alive, as the dict has not been touched since. Own references keep them so while a
            // nested lock lets other threads at the dict.
            let (key, value) =
                unsafe { (Bound::from_borrowed_ptr(py, key), Bound::from_borrowed_ptr(py, value)) };
            let start = self.text.len();
            if !first {
                self.text.push(b',');
            }
            if !self.key(&key)? {
                self.text.truncate(start);
                continue;
            }
            first = false;
            self.text.push(b':');
            self.value(&value)?;
        }
    }

    /// Writes a key, always as a string (`json.encoder`, `_iterencode_dict`); false when its item is left out.
    fn key(&mut self, key: &Bound<'_, PyAny>) -> Result<bool, Unsupported> {
        let kind = Kind::of(key);
        if let Kind::String(string) = kind {
            let text = utf8(string)?;
            if self.drops_private_keys && matches!(text.as_bytes(), [b'_', b's', b'a', ..]) {
                return Ok(false);
            }
            turbo_json::push_string(&mut self.text, text);
            return Ok(true);
        }
        self.text.push(b'"');
        match kind {
            Kind::Integer(integer) => self.integer(integer)?,
            Kind::Float(float) => self.float(float)?,
            Kind::Constant(text) => self.text.extend_from_slice(text),
            _ => return Err(Unsupported),
        }
        self.text.push(b'"');
        Ok(true)
    }

    fn string(&mut self, string: &Bound<'_, PyString>) -> Result<(), Unsupported> {
        turbo_json::push_string(&mut self.text, utf8(string)?);
        Ok(())
    }

    fn integer(&mut self, integer: &Bound<'_, PyInt>) -> Result<(), Unsupported> {
        let mut overflow: c_int = 0;
        // SAFETY: `integer` is an exact int, for which no error can occur.
        let value = unsafe { ffi::PyLong_AsLongLongAndOverflow(integer.as_ptr(), &raw mut overflow) };
        if overflow == 0 {
            turbo_json::push_integer(&mut self.text, value);
            return Ok(());
        }
        // Fails above `sys.get_int_max_str_digits()`, as it does in json.dumps.
        let digits = integer.repr().map_err(|_| Unsupported)?;
        self.text.extend_from_slice(utf8(&digits)?.as_bytes());
        Ok(())
    }

    fn float(&mut self, value: f64) -> Result<(), Unsupported> {
        if turbo_json::push_float(&mut self.text, value) { Ok(()) } else { Err(Unsupported) }
    }
}

/// What a value is, by its exact type.
enum Kind<'a, 'py> {
    String(&'a Bound<'py, PyString>),
    Integer(&'a Bound<'py, PyInt>),
    Float(f64),
    /// None or a bool: its text.
    Constant(&'static [u8]),
    Dict(&'a Bound<'py, PyDict>),
    List(&'a Bound<'py, PyList>),
    Tuple(&'a Bound<'py, PyTuple>),
    Other,
}

impl<'a, 'py> Kind<'a, 'py> {
    fn of(value: &'a Bound<'py, PyAny>) -> Self {
        let class = value.get_type_ptr();
        // SAFETY: each cast follows the comparison with the type it casts to.
        unsafe {
            if class == &raw mut ffi::PyUnicode_Type {
                Self::String(value.cast_unchecked())
            } else if class == &raw mut ffi::PyLong_Type {
                Self::Integer(value.cast_unchecked())
            } else if class == &raw mut ffi::PyDict_Type {
                Self::Dict(value.cast_unchecked())
            } else if class == &raw mut ffi::PyList_Type {
                Self::List(value.cast_unchecked())
            } else if class == &raw mut ffi::PyFloat_Type {
                Self::Float(value.cast_unchecked::<PyFloat>().value())
            } else if class == &raw mut ffi::PyBool_Type {
                let flag = value.cast_unchecked::<PyBool>().is_true();
                Self::Constant(if flag { b"true" } else { b"false" })
            } else if value.is_none() {
                Self::Constant(b"null")
            } else if class == &raw mut ffi::PyTuple_Type {
                Self::Tuple(value.cast_unchecked())
            } else {
                Self::Other
            }
        }
    }
}

/// The text of a string; a lone surrogate has no UTF-8.
fn utf8<'a>(string: &'a Bound<'_, PyString>) -> Result<&'a str, Unsupported> {
    string.to_str().map_err(|_| Unsupported)
}
