//! Calling Python inline so that it looks to the callee as on a worker thread.

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyTuple;

/// Calls `callable` in a copy of `context`, or of the current one, and with no event loop running.
///
/// That is what `anyio.to_thread.run_sync` shows a function: variables that it sets are gone afterwards
/// (`contextvars.copy_context().run`), `asyncio.get_running_loop()` and `asyncio.current_task()` raise,
/// `asyncio.run()` works, and a `StopIteration` comes out as a `RuntimeError`. The thread is still the loop's
/// own: `anyio.from_thread` does not work.
///
/// `arguments` are the positional ones followed by those that `names` names.
///
/// # Safety
///
/// Each pointer in `arguments` is an object that lives until the call returns, and `names` has no
/// more names than there are arguments.
pub(crate) unsafe fn call_outside_loop<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: &[*mut ffi::PyObject],
    names: Option<&Bound<'py, PyTuple>>,
    context: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = callable.py();
    let keywords = names.map_or(0, PyTupleMethods::len);
    debug_assert!(keywords <= arguments.len());
    let names = names.map_or(std::ptr::null_mut(), Bound::as_ptr);
    let _outside = OutsideLoop::enter(py)?;
    let _context = ContextCopy::enter(py, context)?;
    // SAFETY: the caller vouches for the arguments; the call returns a new reference or sets an exception,
    // which is taken before the guards above call into Python again.
    let outcome = unsafe {
        Bound::from_owned_ptr_or_err(
            py,
            ffi::PyObject_Vectorcall(
                callable.as_ptr(),
                arguments.as_ptr(),
                arguments.len() - keywords,
                names,
            ),
        )
    };
    outcome
        .map_err(|error| if error.is_instance_of::<PyStopIteration>(py) { stopped(py, error) } else { error })
}

/// What becomes of a `StopIteration` on its way from a worker thread (anyio, `_backends/_asyncio.py`,
/// `WorkerThread._report_result`) and out of any coroutine.
#[cold]
fn stopped(py: Python<'_>, error: PyErr) -> PyErr {
    let visible = PyRuntimeError::new_err("coroutine raised StopIteration");
    visible.set_cause(py, Some(error));
    visible
}

/// A copy of a context, entered until it is dropped.
struct ContextCopy<'py>(Bound<'py, PyAny>);

impl<'py> ContextCopy<'py> {
    fn enter(py: Python<'py>, of: Option<&Bound<'py, PyAny>>) -> PyResult<Self> {
        let context = match of {
            Some(context) => crate::python::copy_context(context)?,
            None => crate::python::current_context(py)?,
        };
        // SAFETY: `context` is a context object that nobody else has, so nobody has entered it.
        if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 {
            return Err(PyErr::fetch(py));
        }
        Ok(Self(context))
    }
}

impl Drop for ContextCopy<'_> {
    fn drop(&mut self) {
        // SAFETY: `enter` entered it on this thread; if the callee left another one behind, this fails with an error.
        if unsafe { ffi::PyContext_Exit(self.0.as_ptr()) } < 0 {
            PyErr::fetch(self.0.py()).write_unraisable(self.0.py(), Some(&self.0));
        }
    }
}

/// The functions of asyncio by which its own loops say who runs.
struct Asyncio {
    get_running_loop: Py<PyAny>,
    set_running_loop: Py<PyAny>,
    /// From 3.14 a thread has one current task whatever the loop, so `asyncio.run()` needs it put aside.
    swap_current_task: Option<Py<PyAny>>,
}

impl Asyncio {
    fn get(py: Python<'_>) -> PyResult<&'static Self> {
        static FUNCTIONS: PyOnceLock<Asyncio> = PyOnceLock::new();
        FUNCTIONS.get_or_try_init(py, || {
            let events = py.import("asyncio.events")?;
            let tasks = py.import("asyncio.tasks")?;
            let one_task_a_thread = py.version_info() >= (3, 14);
            Ok(Self {
                get_running_loop: events.getattr("_get_running_loop")?.unbind(),
                set_running_loop: events.getattr("_set_running_loop")?.unbind(),
                swap_current_task: one_task_a_thread
                    .then(|| tasks.getattr("_swap_current_task").map(Bound::unbind))
                    .transpose()?,
            })
        })
    }
}

/// Hides the running loop and its current task until it is dropped.
struct OutsideLoop<'py> {
    functions: &'static Asyncio,
    running: Bound<'py, PyAny>,
    task: Option<Bound<'py, PyAny>>,
}

impl<'py> OutsideLoop<'py> {
    fn enter(py: Python<'py>) -> PyResult<Self> {
        let functions = Asyncio::get(py)?;
        let running = functions.get_running_loop.bind(py).call0()?;
        let mut outside = Self { functions, running, task: None };
        if !outside.running.is_none() {
            let none = py.None().into_bound(py);
            if let Some(swap) = &functions.swap_current_task {
                let task = vectorcall(swap.bind(py), [outside.running.as_ptr(), none.as_ptr()])?;
                outside.task = (!task.is_none()).then_some(task);
            }
            vectorcall(functions.set_running_loop.bind(py), [none.as_ptr()])?;
        }
        Ok(outside)
    }

    fn restore(&self) -> PyResult<()> {
        let py = self.running.py();
        vectorcall(self.functions.set_running_loop.bind(py), [self.running.as_ptr()])?;
        if let (Some(task), Some(swap)) = (&self.task, &self.functions.swap_current_task) {
            vectorcall(swap.bind(py), [self.running.as_ptr(), task.as_ptr()])?;
        }
        Ok(())
    }
}

impl Drop for OutsideLoop<'_> {
    fn drop(&mut self) {
        if !self.running.is_none()
            && let Err(error) = self.restore()
        {
            error.write_unraisable(self.running.py(), Some(&self.running));
        }
    }
}

/// Calls with positional arguments that are alive.
fn vectorcall<'py, const N: usize>(
    callable: &Bound<'py, PyAny>,
    arguments: [*mut ffi::PyObject; N],
) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the callers, all in this module, pass pointers of objects that they hold; a new reference comes back.
    unsafe {
        Bound::from_owned_ptr_or_err(
            callable.py(),
            ffi::PyObject_Vectorcall(callable.as_ptr(), arguments.as_ptr(), N, std::ptr::null_mut()),
        )
    }
}
