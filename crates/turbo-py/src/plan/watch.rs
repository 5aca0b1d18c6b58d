//! Noticing that what a plan was compiled from has changed.

use pyo3::exceptions::PyValueError;
use pyo3::ffi;

use super::dictionaries::Dictionaries;
use super::member::Member;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::critical_section::with_critical_section;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

/// What has to be as it was; looked at for every request, so a look is a few pointer comparisons.
pub(crate) struct Watches {
    dictionaries: Dictionaries,
    /// Compared only when one of the dictionaries has changed.
    in_dictionaries: Box<[Watch]>,
    others: Box<[Watch]>,
}

enum Watch {
    /// A dictionary has this object under the key, or nothing.
    Item { dict: Py<PyDict>, key: Py<PyString>, expected: Option<Py<PyAny>> },
    /// A list holds exactly these objects.
    List { list: Py<PyList>, objects: Box<[Py<PyAny>]> },
    /// A dictionary holds exactly these pairs of objects.
    Dict { dict: Py<PyDict>, pairs: Box<[(Py<PyAny>, Py<PyAny>)]> },
    /// An object has this attribute.
    Attribute { object: Py<PyAny>, name: Py<PyString>, expected: Py<PyAny>, member: Option<Member> },
}

impl Watches {
    /// From tuples: `("item", dict, key)`, `("list", list)`, `("dict", dict)` and
    /// `("attribute", object, name, expected)`.
    pub(crate) fn new(specification: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = specification.py();
        let entries = specification.try_iter()?.collect::<PyResult<Vec<_>>>()?;
        let mut dicts: Vec<Bound<'_, PyDict>> = Vec::new();
        for entry in &entries {
            if let Ok(dict) = entry.get_item(1)?.cast_into::<PyDict>()
                && !dicts.iter().any(|known| known.is(&dict))
            {
                dicts.push(dict);
            }
        }
        // Before anything is read from them: a change in between is seen by the next look.
        let dictionaries = Dictionaries::new(py, dicts.into_iter());
        let mut in_dictionaries = Vec::new();
        let mut others = Vec::new();
        for entry in &entries {
            match Watch::new(entry.cast::<PyTuple>()?)? {
                watch @ (Watch::Item { .. } | Watch::Dict { .. }) => in_dictionaries.push(watch),
                watch => others.push(watch),
            }
        }
        Ok(Self { dictionaries, in_dictionaries: in_dictionaries.into(), others: others.into() })
    }

    /// Shows the garbage collector what this holds.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.dictionaries.traverse(visit)?;
        self.in_dictionaries.iter().chain(&self.others).try_for_each(|watch| watch.traverse(visit))
    }

    /// Whether everything is as it was.
    pub(crate) fn hold(&self, py: Python<'_>) -> bool {
        if let Some(began) = self.dictionaries.look() {
            if !self.in_dictionaries.iter().all(|watch| watch.holds(py)) {
                return false;
            }
            self.dictionaries.looked(began);
        }
        self.others.iter().all(|watch| watch.holds(py))
    }
}

impl Watch {
    fn new(entry: &Bound<'_, PyTuple>) -> PyResult<Self> {
        let kind: String = entry.get_item(0)?.extract()?;
        let subject = entry.get_item(1)?;
        Ok(match kind.as_str() {
            "item" => {
                let dict = subject.cast_into::<PyDict>()?;
                let key = entry.get_item(2)?.cast_into::<PyString>()?;
                let expected = dict.get_item(&key)?.map(Bound::unbind);
                Self::Item { dict: dict.unbind(), key: key.unbind(), expected }
            }
            "list" => {
                let list = subject.cast_into::<PyList>()?;
                let objects = list.iter().map(Bound::unbind).collect();
                Self::List { list: list.unbind(), objects }
            }
            "dict" => {
                let dict = subject.cast_into::<PyDict>()?;
                let pairs = dict.iter().map(|(key, value)| (key.unbind(), value.unbind())).collect();
                Self::Dict { dict: dict.unbind(), pairs }
            }
            "attribute" => {
                let name = entry.get_item(2)?.cast_into::<PyString>()?;
                let expected = entry.get_item(3)?;
                let member = Member::find(&subject, &name, &expected);
                Self::Attribute {
                    object: subject.unbind(),
                    name: name.unbind(),
                    expected: expected.unbind(),
                    member,
                }
            }
            _ => return Err(PyValueError::new_err(format!("unknown kind of watch {kind:?}"))),
        })
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self {
            Self::Item { dict, key: _, expected } => {
                visit.call(dict)?;
                visit.call(expected)
            }
            Self::List { list, objects } => {
                visit.call(list)?;
                objects.iter().try_for_each(|object| visit.call(object))
            }
            Self::Dict { dict, pairs } => {
                visit.call(dict)?;
                pairs.iter().try_for_each(|(key, value)| {
                    visit.call(key)?;
                    visit.call(value)
                })
            }
            Self::Attribute { object, expected, .. } => {
                visit.call(object)?;
                visit.call(expected)
            }
        }
    }

    fn holds(&self, py: Python<'_>) -> bool {
        match self {
            Self::Item { dict, key, expected } => {
                let found = dict.bind(py).get_item(key).ok().flatten();
                match (found, expected) {
                    (Some(found), Some(expected)) => found.is(expected),
                    (None, None) => true,
                    _ => false,
                }
            }
            Self::List { list, objects } => list_holds(list.bind(py), objects),
            Self::Dict { dict, pairs } => dict_holds(dict.bind(py), pairs),
            Self::Attribute { object, name, expected, member } => {
                let object = object.bind(py);
                let seen = member.as_ref().and_then(|member| member.is(object, expected));
                seen.unwrap_or_else(|| object.getattr(name).is_ok_and(|found| found.is(expected)))
            }
        }
    }
}

fn list_holds(list: &Bound<'_, PyList>, objects: &[Py<PyAny>]) -> bool {
    with_critical_section(list, || {
        if list.len() != objects.len() {
            return false;
        }
        if objects.is_empty() {
            return true;
        }
        let list = list.as_ptr().cast::<ffi::PyListObject>();
        // As integers the addresses are compared by the block: an application may have a thousand routes.
        // SAFETY: the object is a live list that no other thread changes during the critical section,
        // and `ob_item` holds as many pointers as its length, which was compared just now.
        let present = unsafe { std::slice::from_raw_parts((*list).ob_item.cast::<usize>(), objects.len()) };
        // SAFETY: a `Py` is a pointer and nothing else (`repr(transparent)`).
        let expected = unsafe { std::slice::from_raw_parts(objects.as_ptr().cast::<usize>(), objects.len()) };
        present == expected
    })
}

fn dict_holds(dict: &Bound<'_, PyDict>, pairs: &[(Py<PyAny>, Py<PyAny>)]) -> bool {
    if dict.len() != pairs.len() {
        return false;
    }
    if pairs.is_empty() {
        return true;
    }
    let mut left = pairs.iter();
    dict.iter().all(|(key, value)| left.next().is_some_and(|pair| key.is(&pair.0) && value.is(&pair.1)))
}
