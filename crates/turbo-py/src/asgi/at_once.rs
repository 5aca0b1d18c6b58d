//! Calls of a plan that need a task, made without one of their own if they do not suspend.

use http::request::Parts;
use pyo3::prelude::*;

use super::service::ConnectionContext;
use super::spare::Spare;
use crate::plan::{Begin, Chosen, FirstStep, Outcome, Payload, Place, Run};

/// How the first step of the calls ended.
pub(super) enum AtOnce<'py> {
    /// With the answer.
    Answered(Payload),
    /// A task has to go on.
    GoesOn(Box<BegunTask<'py>>),
}

/// Calls that go on in a task.
pub(super) struct BegunTask<'py> {
    pub(super) chosen: Chosen,
    pub(super) begin: Begin,
    /// The task, if it has been current already.
    pub(super) spare: Option<Spare>,
    /// What is awaited, and what that has yielded.
    pub(super) suspended: Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)>,
}

impl BegunTask<'_> {
    fn without_spare<'py>(chosen: Chosen, begin: Begin) -> AtOnce<'py> {
        AtOnce::GoesOn(Box::new(BegunTask { chosen, begin, spare: None, suspended: None }))
    }
}

/// Requests after one whose calls have suspended that get a task of their own.
const AFTER_SUSPENSION: u8 = 8;
/// The same after one that has left something behind, which it will most likely do every time.
const AFTER_TRACES: u8 = u8::MAX;

impl ConnectionContext {
    /// The answer, if the calls of a task end before one suspends and leave nothing behind.
    pub(super) fn at_once<'py>(
        &self,
        py: Python<'py>,
        chosen: Chosen,
        run: Run,
        parts: &Parts,
    ) -> AtOnce<'py> {
        let server = &self.server;
        let spares = &server.spares;
        let context = server.context(py).filter(|_| chosen.route.at_once.is_likely());
        let Some(spare) = context.and_then(|context| spares.take(py, context)) else {
            return BegunTask::without_spare(chosen, Begin::Calls(run));
        };
        let place = Place { method: parts.method.as_str(), root_path: &server.root_path_text };
        let entered = match spares.enter(py, &spare) {
            Ok(entered) => entered,
            Err(error) => {
                server.log_exception(py, error);
                return BegunTask::without_spare(chosen, Begin::Calls(run));
            }
        };
        let step = chosen.first_step(py, run, place, |awaited| spare.awaits(awaited));
        drop(entered);
        let untouched = spare.is_untouched(py);
        let (begin, suspended) = match step {
            FirstStep::Over(Outcome::Ready(payload)) if untouched => {
                spares.keep(py, spare);
                return AtOnce::Answered(payload);
            }
            FirstStep::Over(outcome) => {
                if !untouched {
                    chosen.route.at_once.was_wrong(AFTER_TRACES);
                }
                (Begin::Settling(outcome), None)
            }
            FirstStep::Suspended { run, awaited, yielded } => {
                chosen.route.at_once.was_wrong(AFTER_SUSPENSION);
                (Begin::Awaiting(run), Some((awaited, yielded)))
            }
        };
        AtOnce::GoesOn(Box::new(BegunTask { chosen, begin, spare: Some(spare), suspended }))
    }
}
