//! A task that is made before it is needed.
//!
//! Most `async def` handlers never suspend. All that such a handler, or anybody else, can see of its task is that it
//! is the current one, and making it costs a fifth of what the engine does for the request. So one task is kept that
//! has not begun. A handler is called while that task is current, registered, and its context entered, which is
//! what `asyncio.Task(eager_start=True)` does. If the handler ends and has left nothing behind, the next one gets
//! the same task. Otherwise the task goes on as what it is: its first step, which asyncio had scheduled and which was
//! caught, is taken, with a coroutine that yields what the handler has yielded.
//!
//! What was left behind is found by comparing memory: all of the task and of its context, so reference counts, weak
//! references, attributes, callbacks, cancellations, a name that somebody asked for, and context variables; and the
//! reference count of the coroutine. No field has to be known for that, but two facts have: the tasks of `CPython`
//! 3.14 keep their own list and get a name when somebody asks. On a free-threaded build reference counts are in two
//! places, so there are no spare tasks.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use pyo3::{ffi, intern};

use crate::attached::Attached;
use crate::coroutine::{Body, Coroutine};
use crate::python::{self, Entered};

/// Makes spare tasks and keeps one.
pub(crate) struct Spares {
    /// `None` where there are none.
    functions: Option<Functions>,
    kept: Attached<Option<Spare>>,
    off: AtomicBool,
}

struct Functions {
    event_loop: Py<PyAny>,
    task_type: Py<PyAny>,
    register: Py<PyAny>,
    unregister: Py<PyAny>,
    swap_current: Py<PyAny>,
}

impl Spares {
    pub(crate) fn load(py: Python<'_>, event_loop: &Py<PyAny>) -> PyResult<Self> {
        let version = py.version_info();
        let known = !cfg!(Py_GIL_DISABLED) && (version.major, version.minor) == (3, 14);
        let functions = if known { Functions::load(py, event_loop)? } else { None };
        Ok(Self { functions, kept: Attached::new(None), off: AtomicBool::new(false) })
    }

    /// Says that every request is to have a task of its own making.
    pub(crate) fn turn_off(&self) {
        self.off.store(true, Ordering::Relaxed);
    }

    /// A spare task that starts from `context`, unless there are none.
    pub(crate) fn take(&self, py: Python<'_>, context: &Bound<'_, PyAny>) -> Option<Spare> {
        let functions = self.functions.as_ref().filter(|_| !self.off.load(Ordering::Relaxed))?;
        self.kept.replace(py, None).or_else(|| {
            let made = Spare::make(functions, context).ok().flatten();
            if made.is_none() {
                self.turn_off();
            }
            made
        })
    }

    /// Makes the task current, until what this returns is dropped, as it would be in its first step.
    ///
    /// # Errors
    /// If the loop does not run.
    pub(crate) fn enter<'a>(&'a self, py: Python<'a>, spare: &'a Spare) -> PyResult<FirstStep<'a>> {
        let functions = self.functions.as_ref().ok_or_else(gone)?;
        let current = Current::enter(functions, spare.task.bind(py))?;
        Ok(FirstStep { _context: Entered::new(spare.context.bind(py))?, _current: current })
    }

    /// Keeps a task that is untouched for the next request.
    pub(crate) fn keep(&self, py: Python<'_>, spare: Spare) {
        drop(self.kept.replace(py, Some(spare)));
    }

    /// Lets the task go on with `body`, or with what that awaits and what this has yielded.
    pub(crate) fn adopt<'py>(
        &self,
        py: Python<'py>,
        spare: Spare,
        body: impl Body + 'static,
        suspended: Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let functions = self.functions.as_ref().ok_or_else(gone)?;
        let Spare { task, step, coroutine, context, .. } = spare;
        coroutine.get().begin(py, body, suspended);
        task.setattr(py, intern!(py, "_log_destroy_pending"), true)?;
        functions.register.call1(py, (&task,))?;
        let _entered = Entered::new(context.bind(py))?;
        step.call0(py)?;
        Ok(task.into_bound(py))
    }
}

fn gone() -> PyErr {
    PyRuntimeError::new_err("there are no spare tasks")
}

impl Functions {
    fn load(py: Python<'_>, event_loop: &Py<PyAny>) -> PyResult<Option<Self>> {
        let (Ok(native), asyncio) = (py.import("_asyncio"), py.import("asyncio")?) else { return Ok(None) };
        let task_type = native.getattr("Task")?;
        if !asyncio.getattr("Task")?.is(&task_type) {
            return Ok(None);
        }
        Ok(Some(Self {
            event_loop: event_loop.clone_ref(py),
            task_type: task_type.unbind(),
            register: native.getattr("_register_task")?.unbind(),
            unregister: native.getattr("_unregister_task")?.unbind(),
            swap_current: native.getattr("_swap_current_task")?.unbind(),
        }))
    }
}

/// A task that has not begun, and is in no list.
pub(crate) struct Spare {
    task: Py<PyAny>,
    /// Takes its first step.
    step: Py<PyAny>,
    coroutine: Py<Coroutine>,
    context: Py<PyAny>,
    task_image: Image,
    context_image: Image,
    coroutine_references: isize,
}

impl Spare {
    /// `None` if asyncio does not do what is known of it.
    fn make(functions: &Functions, context: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        let py = context.py();
        let event_loop = functions.event_loop.bind(py);
        let ready = event_loop.getattr(intern!(py, "_ready"))?;
        let context = python::copy_context(context)?;
        let coroutine = Py::new(py, Coroutine::idle())?;
        let keywords = PyDict::new(py);
        keywords.set_item(intern!(py, "loop"), event_loop)?;
        keywords.set_item(intern!(py, "context"), &context)?;
        let task = functions.task_type.bind(py).call((&coroutine,), Some(&keywords))?;
        drop(keywords);
        let handle = ready.call_method0(intern!(py, "pop"))?;
        let step = handle.getattr(intern!(py, "_callback"))?;
        if !step.getattr(intern!(py, "__self__")).is_ok_and(|owner| owner.is(&task)) {
            ready.call_method1(intern!(py, "append"), (handle,))?;
            return Ok(None);
        }
        drop(handle);
        functions.unregister.call1(py, (&task,))?;
        task.setattr(intern!(py, "_log_destroy_pending"), false)?;
        let (task_image, context_image) = (Image::of(&task), Image::of(&context));
        let coroutine_references = references(coroutine.as_any().bind(py));
        Ok(Some(Self {
            task: task.unbind(),
            step: step.unbind(),
            coroutine,
            context: context.unbind(),
            task_image,
            context_image,
            coroutine_references,
        }))
    }

    /// Says that the call which the task makes awaits `awaited`.
    pub(crate) fn awaits(&self, awaited: &Bound<'_, PyAny>) {
        self.coroutine.get().runs(awaited);
    }

    /// Whether what has run in the task has left nothing behind.
    pub(crate) fn is_untouched(&self, py: Python<'_>) -> bool {
        self.coroutine.get().rest(py);
        self.task_image.is(self.task.bind(py))
            && self.context_image.is(self.context.bind(py))
            && references(self.coroutine.as_any().bind(py)) == self.coroutine_references
    }
}

/// The first step of a spare task.
pub(crate) struct FirstStep<'a> {
    _context: Entered<'a>,
    _current: Current<'a>,
}

/// A task is the current one, and among all tasks, until this is dropped.
struct Current<'a> {
    functions: &'a Functions,
    task: &'a Bound<'a, PyAny>,
    before: Bound<'a, PyAny>,
}

impl<'a> Current<'a> {
    fn enter(functions: &'a Functions, task: &'a Bound<'a, PyAny>) -> PyResult<Self> {
        let py = task.py();
        functions.register.bind(py).call1((task,))?;
        let before = functions.swap_current.bind(py).call1((&functions.event_loop, task))?;
        Ok(Self { functions, task, before })
    }
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        let py = self.task.py();
        // Neither fails: the loop runs, as it did before, and the task is one of asyncio's.
        let _ = self.functions.swap_current.bind(py).call1((&self.functions.event_loop, &self.before));
        let _ = self.functions.unregister.bind(py).call1((self.task,));
    }
}

/// How an object looked.
struct Image(Box<[u8]>);

/// A managed weak reference list and a managed dictionary lie before the header of the garbage collector, which
/// itself takes two words and changes when there is a collection. The flags are `Py_TPFLAGS_MANAGED_WEAKREF` (which
/// the bindings have for Python 3.12 and later only) and `Py_TPFLAGS_MANAGED_DICT`.
const HAS_MANAGED: std::ffi::c_ulong = 1 << 3 | 1 << 4;
const MANAGED: usize = 2 * size_of::<usize>();
const MANAGED_OFFSET: usize = 4 * size_of::<usize>();

impl Image {
    fn of(object: &Bound<'_, PyAny>) -> Self {
        let (managed, own) = Self::places(object);
        Self([managed, own].concat().into())
    }

    fn is(&self, object: &Bound<'_, PyAny>) -> bool {
        let (managed, own) = Self::places(object);
        let (managed_before, own_before) = self.0.split_at(managed.len());
        managed == managed_before && own == own_before
    }

    /// The memory of an object: what is managed for it, and what its type declares.
    fn places<'a>(object: &'a Bound<'_, PyAny>) -> (&'a [u8], &'a [u8]) {
        let start = object.as_ptr().cast::<u8>();
        let class = object.get_type();
        // SAFETY: the type is alive. Types declare what their objects take, which allocation has filled with zeros;
        // those that ask for it get the managed words in front. Nothing writes while the slices are compared or copied:
        // the interpreter's lock is held.
        unsafe {
            let flags = ffi::PyType_GetFlags(class.as_type_ptr());
            let is_managed = flags & HAS_MANAGED != 0;
            let managed = if is_managed { MANAGED } else { 0 };
            let size = usize::try_from((*class.as_type_ptr()).tp_basicsize).unwrap_or(0);
            (
                std::slice::from_raw_parts(start.sub(MANAGED_OFFSET * usize::from(is_managed)), managed),
                std::slice::from_raw_parts(start, size),
            )
        }
    }
}

fn references(object: &Bound<'_, PyAny>) -> isize {
    // SAFETY: the object is alive.
    unsafe { ffi::Py_REFCNT(object.as_ptr()) }
}
