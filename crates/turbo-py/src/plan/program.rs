//! The calls of a route, as `turboapi.plans.dependencies` listed them.

use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use pyo3::{ffi, intern};

use super::encode::{Encoder, Place};
use super::extract::Extractor;
use super::pace::Pace;
use crate::python;

/// What a route calls, in order, and where the arguments come from.
pub(crate) struct Program {
    pub(crate) extractor: Option<Py<Extractor>>,
    /// How many slots the extractor fills.
    extracted: usize,
    /// Whether a call takes the `Request`.
    pub(crate) takes_request: bool,
    /// Whether a call takes the `Response` whose status and headers are merged into the answer.
    pub(crate) takes_response: bool,
    /// Whether a call takes `BackgroundTasks`.
    pub(crate) takes_background: bool,
    makers: Box<[Py<PyAny>]>,
    calls: Box<[Call]>,
}

struct Call {
    callable: Py<PyAny>,
    kind: Kind,
    /// The slots of the arguments, in the order of `names`.
    slots: Box<[usize]>,
    /// `None` when there are no arguments.
    names: Option<Py<PyTuple>>,
}

enum Kind {
    Async,
    /// Inline or in a thread, as its pace says.
    Sync(Py<Pace>),
    /// A coroutine function of ours: its one argument, the method and the root path give this many values.
    Validation(usize),
}

/// What is in the slots before the calls, aside from what the extractor found.
pub(crate) struct Given {
    pub(crate) request: Option<Py<PyAny>>,
    pub(crate) response: Option<Py<PyAny>>,
    pub(crate) background: Option<Py<PyAny>>,
}

impl Given {
    pub(crate) const NOTHING: Self = Self { request: None, response: None, background: None };
}

impl Program {
    /// From the attributes of a `turboapi.plans.native.NativePlan`.
    pub(crate) fn new(plan: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = plan.py();
        let makers: Vec<Py<PyAny>> = plan.getattr(intern!(py, "makers"))?.extract()?;
        let mut calls = Vec::new();
        for call in plan.getattr(intern!(py, "calls"))?.try_iter()? {
            calls.push(Call::new(&call?)?);
        }
        let program = Self {
            extractor: plan.getattr(intern!(py, "extractor"))?.extract()?,
            extracted: plan.getattr(intern!(py, "extracted"))?.extract()?,
            takes_request: plan.getattr(intern!(py, "takes_request"))?.extract()?,
            takes_response: plan.getattr(intern!(py, "takes_response"))?.extract()?,
            takes_background: plan.getattr(intern!(py, "takes_background"))?.extract()?,
            makers: makers.into(),
            calls: calls.into(),
        };
        program.check()?;
        Ok(program)
    }

    /// Shows the garbage collector what this holds.
    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.extractor)?;
        for maker in &self.makers {
            visit.call(maker)?;
        }
        for call in &self.calls {
            visit.call(&call.callable)?;
            if let Kind::Sync(pace) = &call.kind {
                visit.call(pace)?;
            }
        }
        Ok(())
    }

    /// Every argument lies in a slot that is filled when its call is made.
    fn check(&self) -> PyResult<()> {
        let mut filled = self.extracted + 3 + self.makers.len();
        for call in &self.calls {
            if call.slots.iter().any(|slot| *slot >= filled) {
                return Err(PyValueError::new_err("a call takes a value that does not exist yet"));
            }
            filled += match call.kind {
                Kind::Validation(values) if call.slots.len() == 1 => values,
                Kind::Validation(_) => return Err(PyValueError::new_err("a validation takes one body")),
                _ => 1,
            };
        }
        if self.calls.is_empty() { Err(PyValueError::new_err("a program calls nothing")) } else { Ok(()) }
    }

    /// The first slots of a run, from the extractor's values.
    pub(crate) fn begin(&self, py: Python<'_>, values: Vec<Py<PyAny>>, given: Given) -> PyResult<Run> {
        let mut slots = values;
        if slots.len() != self.extracted {
            return Err(PyRuntimeError::new_err("the extractor found another number of values"));
        }
        slots.reserve(3 + self.makers.len() + self.calls.len());
        slots.push(given.request.unwrap_or_else(|| py.None()));
        slots.push(given.response.unwrap_or_else(|| py.None()));
        slots.push(given.background.unwrap_or_else(|| py.None()));
        for maker in &self.makers {
            slots.push(maker.call0(py)?);
        }
        Ok(Run { validated: false, slots, next: 0, spread: None })
    }

    /// The number of slots that are filled before the first call and belong to the `Given`.
    pub(crate) fn response_slot(&self) -> usize {
        self.extracted + 1
    }

    pub(crate) fn background_slot(&self) -> usize {
        self.extracted + 2
    }
}

impl Call {
    fn new(call: &Bound<'_, PyAny>) -> PyResult<Self> {
        type Fields = (Py<PyAny>, Option<Py<Pace>>, Py<PyTuple>, Vec<usize>, Option<usize>);
        let (callable, pace, names, slots, validates): Fields = call.extract()?;
        let names = names.into_bound(call.py());
        if names.len() != slots.len() && validates.is_none() {
            return Err(PyValueError::new_err("a call has other names than arguments"));
        }
        let kind = match (pace, validates) {
            (Some(pace), None) => Kind::Sync(pace),
            (None, None) => Kind::Async,
            (_, Some(values)) => Kind::Validation(values),
        };
        Ok(Self { callable, kind, slots: slots.into(), names: (!names.is_empty()).then(|| names.unbind()) })
    }
}

/// A program on its way through the calls of one request.
pub(crate) struct Run {
    /// What the endpoint returned was validated as its response already.
    pub(crate) validated: bool,
    slots: Vec<Py<PyAny>>,
    /// The call that is next, or the one that is being awaited.
    next: usize,
    /// How many values the awaited call gives, if it is a validation.
    spread: Option<usize>,
}

/// How far [`Run::advance`] came.
pub(crate) enum Progress<'py> {
    /// The endpoint returned this.
    Returned(Bound<'py, PyAny>),
    /// This has to be awaited; [`Run::resume`] takes what it returns.
    Await(Bound<'py, PyAny>),
    /// The next call has to be made by a task.
    NeedsTask,
    /// A call raised.
    Raised(PyErr),
}

impl Run {
    /// Makes calls until one has to be awaited or the endpoint has returned.
    ///
    /// Inline calls run in a copy of `context`, or of the current context of the task.
    pub(crate) fn advance<'py>(
        &mut self,
        py: Python<'py>,
        program: &Program,
        context: Option<&Bound<'py, PyAny>>,
        in_thread: &Py<PyAny>,
        asked: Place<'_>,
    ) -> Progress<'py> {
        while let Some(call) = program.calls.get(self.next) {
            let returned = match &call.kind {
                Kind::Async | Kind::Validation(_) if context.is_some() => return Progress::NeedsTask,
                Kind::Validation(values) => {
                    self.spread = Some(*values);
                    return begun(self.validate(py, call, asked));
                }
                Kind::Async => return begun(self.call(py, call)),
                Kind::Sync(pace) if pace.get().is_inline() => self.call_inline(py, call, pace, context),
                Kind::Sync(_) if context.is_some() => return Progress::NeedsTask,
                Kind::Sync(pace) => return begun(self.call_in_thread(py, call, pace, in_thread)),
            };
            if let Err(error) = returned.and_then(|value| self.resume(&value)) {
                return Progress::Raised(error);
            }
        }
        match self.slots.last() {
            Some(value) => Progress::Returned(value.bind(py).clone()),
            None => Progress::Raised(PyRuntimeError::new_err("a program ended without a value")),
        }
    }

    /// Has what the endpoint returned validated on a worker thread, as FastAPI does for every `def` endpoint; to be
    /// awaited by a task.
    pub(crate) fn validate_in_thread<'py>(
        &mut self,
        encoder: &Bound<'py, Encoder>,
        returned: &Bound<'py, PyAny>,
        place: Place<'_>,
        in_thread: &Py<PyAny>,
    ) -> Progress<'py> {
        self.validated = true;
        let py = encoder.py();
        let validated = encoder.getattr(intern!(py, "validate")).and_then(|validate| {
            in_thread.bind(py).call1((validate, returned, place.method, place.root_path))
        });
        begun(validated)
    }

    /// Takes the result of the call that was made last.
    pub(crate) fn resume(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.next += 1;
        let Some(expected) = self.spread.take() else {
            self.slots.push(value.clone().unbind());
            return Ok(());
        };
        let values = value.cast::<PyTuple>()?;
        if values.len() != expected {
            return Err(PyRuntimeError::new_err("a validation gave another number of values"));
        }
        self.slots.extend(values.iter().map(Bound::unbind));
        Ok(())
    }

    fn validate<'py>(&self, py: Python<'py>, call: &Call, place: Place<'_>) -> PyResult<Bound<'py, PyAny>> {
        let body = call.slots.first().and_then(|slot| self.slots.get(*slot));
        call.callable.bind(py).call1((body, place.method, place.root_path))
    }

    pub(crate) fn slot<'py>(&self, py: Python<'py>, slot: usize) -> Option<&Bound<'py, PyAny>> {
        self.slots.get(slot).map(|value| value.bind(py))
    }

    /// The arguments of `call`, borrowed from the slots.
    fn arguments(&self, call: &Call) -> [*mut ffi::PyObject; MAX_INLINE_ARGUMENTS] {
        let mut pointers = [std::ptr::null_mut(); MAX_INLINE_ARGUMENTS];
        for (pointer, slot) in pointers.iter_mut().zip(&call.slots) {
            *pointer = self.slots[*slot].as_ptr();
        }
        pointers
    }

    fn call<'py>(&self, py: Python<'py>, call: &Call) -> PyResult<Bound<'py, PyAny>> {
        if call.slots.len() > MAX_INLINE_ARGUMENTS {
            return call.callable.bind(py).call((), Some(&self.keywords(py, call)?));
        }
        let arguments = self.arguments(call);
        let names = call.names.as_ref().map_or(std::ptr::null_mut(), Py::as_ptr);
        // SAFETY: as many arguments as names, all kept alive by `slots`; the call returns a new reference.
        unsafe {
            Bound::from_owned_ptr_or_err(
                py,
                ffi::PyObject_Vectorcall(call.callable.as_ptr(), arguments.as_ptr(), 0, names),
            )
        }
    }

    fn call_inline<'py>(
        &self,
        py: Python<'py>,
        call: &Call,
        pace: &Py<Pace>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let callable = call.callable.bind(py);
        if call.slots.len() > MAX_INLINE_ARGUMENTS {
            let keywords = self.keywords(py, call)?;
            let bound = partial(callable, &keywords)?;
            // SAFETY: there are no arguments.
            return unsafe { pace.get().call(&bound, &[], None, context) };
        }
        let arguments = self.arguments(call);
        let names = call.names.as_ref().map(|names| names.bind(py));
        // SAFETY: as many arguments as names, all kept alive by `slots`.
        unsafe { pace.get().call(callable, &arguments[..call.slots.len()], names, context) }
    }

    fn call_in_thread<'py>(
        &self,
        py: Python<'py>,
        call: &Call,
        pace: &Py<Pace>,
        in_thread: &Py<PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let timed = Py::new(py, Pace::timed(pace.clone_ref(py), call.callable.clone_ref(py)))?;
        in_thread.bind(py).call((timed,), Some(&self.keywords(py, call)?))
    }

    fn keywords<'py>(&self, py: Python<'py>, call: &Call) -> PyResult<Bound<'py, PyDict>> {
        let keywords = PyDict::new(py);
        if let Some(names) = &call.names {
            for (name, slot) in names.bind(py).iter().zip(&call.slots) {
                keywords.set_item(name, &self.slots[*slot])?;
            }
        }
        Ok(keywords)
    }
}

/// Calls with more arguments go through a dictionary.
const MAX_INLINE_ARGUMENTS: usize = 24;

/// `functools.partial(callable, **keywords)`.
fn partial<'py>(callable: &Bound<'py, PyAny>, keywords: &Bound<'py, PyDict>) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    py.import(intern!(py, "functools"))?.getattr(intern!(py, "partial"))?.call((callable,), Some(keywords))
}

/// What follows from a call that gives an awaitable.
fn begun(called: PyResult<Bound<'_, PyAny>>) -> Progress<'_> {
    let iterator = called.and_then(|awaitable| {
        if python::is_coroutine(&awaitable) { Ok(awaitable) } else { python::awaited(&awaitable) }
    });
    iterator.map_or_else(Progress::Raised, Progress::Await)
}
