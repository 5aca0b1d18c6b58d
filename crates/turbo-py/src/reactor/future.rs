//! Rust futures for Python: run on this thread's runtime, awaited by asyncio.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyRuntimeError;
use pyo3::intern;
use pyo3::prelude::*;
use tokio::task::AbortHandle;

use super::awaitable::{Awaitable, Pollable, Step};
use super::core::{Core, after_python};
use super::notice::resolve_all;

/// Runs `future` on the reactor and returns an awaitable for its result.
///
/// The wake-up stays on this thread: no other thread, no `call_soon_threadsafe`. Cancelling the
/// awaiting task drops the future; a future whose runtime closes raises `RuntimeError`.
pub(crate) fn into_awaitable<F>(
    py: Python<'_>,
    core: &Core,
    event_loop: Py<PyAny>,
    future: F,
) -> PyResult<Py<Awaitable>>
where
    F: Future<Output = PyResult<Py<PyAny>>> + 'static,
{
    let shared = Arc::new(Shared {
        event_loop,
        state: Mutex::new(State::Running { waiters: Vec::new(), abort: None }),
    });
    let completion = Completion(Arc::clone(&shared));
    let task = core.spawn_task(async move {
        let result = future.await;
        completion.complete(result);
    })?;
    if let State::Running { abort, .. } = &mut *shared.lock() {
        *abort = Some(task);
    }
    Py::new(py, Awaitable::new(Handle(shared)))
}

struct Shared {
    event_loop: Py<PyAny>,
    state: Mutex<State>,
}

enum State {
    Running { waiters: Vec<Py<PyAny>>, abort: Option<AbortHandle> },
    Finished(PyResult<Py<PyAny>>),
    Taken,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn finish(&self, result: PyResult<Py<PyAny>>) {
        Python::attach(|py| {
            let before = std::mem::replace(&mut *self.lock(), State::Finished(result));
            if let State::Running { waiters, .. } = before {
                resolve_all(py, waiters);
                after_python(py);
            }
        });
    }
}

/// The task's end of the result; telling is its duty even when the task is dropped.
struct Completion(Arc<Shared>);

impl Completion {
    fn complete(self, result: PyResult<Py<PyAny>>) {
        self.0.finish(result);
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let unfinished = matches!(&*self.0.lock(), State::Running { .. });
        if unfinished {
            self.0.finish(Err(PyRuntimeError::new_err("the engine closed before this completed")));
        }
    }
}

struct Handle(Arc<Shared>);

impl Pollable for Handle {
    fn poll(&self, py: Python<'_>) -> PyResult<Step> {
        let finished = {
            let mut state = self.0.lock();
            match &*state {
                State::Running { .. } => None,
                State::Finished(_) => Some(std::mem::replace(&mut *state, State::Taken)),
                State::Taken => {
                    return Err(PyRuntimeError::new_err("cannot reuse an already awaited result"));
                }
            }
        };
        if let Some(State::Finished(result)) = finished {
            return result.map(Step::Value);
        }
        let waiter = self.0.event_loop.call_method0(py, intern!(py, "create_future"))?;
        if let State::Running { waiters, .. } = &mut *self.0.lock() {
            waiters.push(waiter.clone_ref(py));
        }
        Ok(Step::Wait(waiter))
    }

    fn cancel(&self) {
        let abort = match &mut *self.0.lock() {
            State::Running { abort, .. } => abort.take(),
            _ => None,
        };
        if let Some(abort) = abort {
            abort.abort();
        }
    }
}
