//! Adaptive sync: each `def` callable of an app runs where its calls have shown that it belongs.
//!
//! [`Policy`] decides (and documents the rules), [`Pace`] joins it with a clock and with Python.

mod clock;
mod garbage;
mod inline;
mod run_delay;

use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use turbo_pace::policy::SLOW;
use turbo_pace::{Mode, Policy, State};

/// Measures one call, without the garbage collections meanwhile.
struct Stopwatch {
    started: u64,
    collected: u64,
}

impl Stopwatch {
    fn start() -> Self {
        Self { started: clock::now(), collected: garbage::collected() }
    }

    /// The start, later by what the collections took, and the end.
    fn stop(self) -> (u64, u64) {
        let collected = garbage::collected().saturating_sub(self.collected);
        (self.started.saturating_add(collected), clock::now())
    }
}

/// How one sync callable runs: its mode, what was learned about it, and the two ways to call it.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct Pace {
    #[pyo3(get)]
    name: String,
    policy: Policy,
}

impl Pace {
    /// Whether the next call is to run inline.
    #[inline]
    pub(crate) fn is_inline(&self) -> bool {
        self.policy.is_inline()
    }

    /// Calls `callable` inline, as on a worker thread ([`inline::call_outside_loop`]), and takes note of the
    /// time; a call that raises counts too. It runs in a copy of `context`, or of the current one.
    ///
    /// `arguments` are the positional ones followed by those that `names` names.
    ///
    /// # Safety
    ///
    /// Each pointer in `arguments` is an object that lives until the call returns, and `names` has no
    /// more names than there are arguments.
    pub(crate) unsafe fn call<'py>(
        &self,
        callable: &Bound<'py, PyAny>,
        arguments: &[*mut ffi::PyObject],
        names: Option<&Bound<'py, PyTuple>>,
        context: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let watch = Stopwatch::start();
        run_delay::before(watch.started);
        // SAFETY: the caller vouches for the same.
        let outcome = unsafe { inline::call_outside_loop(callable, arguments, names, context) };
        let (started, ended) = watch.stop();
        let waited = if ended.saturating_sub(started) > SLOW { run_delay::since() } else { 0 };
        self.policy.inline_call(started.saturating_add(waited), ended);
        outcome
    }
}

#[pymethods]
impl Pace {
    #[new]
    fn new(py: Python<'_>, name: String, mode: &str) -> PyResult<Self> {
        let Some(mode) = Mode::parse(mode) else {
            let message = format!("mode is {mode:?}; use one of adaptive, inline, threads");
            return Err(PyValueError::new_err(message));
        };
        garbage::watch(py)?;
        Ok(Self { name, policy: Policy::new(mode) })
    }

    #[getter]
    fn mode(&self) -> &'static str {
        self.policy.mode().name()
    }

    #[getter]
    fn inline(&self) -> bool {
        self.is_inline()
    }

    #[pyo3(name = "call", signature = (callable, /, *args, **kwargs))]
    fn call_from_python<'py>(
        &self,
        callable: &Bound<'py, PyAny>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let mut arguments: Vec<_> = args.iter().collect();
        let names = match kwargs {
            Some(kwargs) => {
                arguments.extend(kwargs.values().iter());
                Some(kwargs.keys().to_tuple())
            }
            None => None,
        };
        let pointers: Vec<_> = arguments.iter().map(Bound::as_ptr).collect();
        // SAFETY: `arguments` holds the objects during the call, and each name came with a value.
        unsafe { self.call(callable, &pointers, names.as_ref(), None) }
    }

    pub(crate) fn timed(slf: Py<Self>, callable: Py<PyAny>) -> Timed {
        Timed { pace: slf, callable }
    }

    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let seen = self.policy.snapshot(clock::now());
        let (state, remaining) = match seen.state {
            State::Threads => ("threads", 0),
            State::Inline => ("inline", 0),
            State::Demoted(remaining) => ("demoted", remaining),
        };
        let result = PyDict::new(py);
        result.set_item("name", &self.name)?;
        result.set_item("mode", self.policy.mode().name())?;
        result.set_item("state", state)?;
        result.set_item("inline_calls", seen.inline_calls)?;
        result.set_item("threaded_calls", seen.threaded_calls)?;
        result.set_item("promotions", seen.promotions)?;
        result.set_item("demotions", seen.demotions)?;
        result.set_item("recent_max_ns", seen.recent_max)?;
        result.set_item("demoted_for", std::time::Duration::from_nanos(remaining).as_secs_f64())?;
        Ok(result)
    }

    fn __repr__(&self) -> String {
        format!("<Pace {} {}>", self.name, self.policy.mode().name())
    }
}

/// A callable for the thread pool: calls what it was made for and reports how long that took.
#[pyclass(frozen, module = "turboapi._engine")]
pub(crate) struct Timed {
    pace: Py<Pace>,
    callable: Py<PyAny>,
}

#[pymethods]
impl Timed {
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let watch = Stopwatch::start();
        let outcome = self.callable.bind(args.py()).call(args, kwargs);
        let (started, ended) = watch.stop();
        self.pace.get().policy.threaded_call(started, ended);
        outcome
    }
}
