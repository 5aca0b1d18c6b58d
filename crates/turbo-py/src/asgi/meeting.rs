//! Where the task of a plan and the connection that waits for its answer meet.

use std::task::{Context, Poll, Waker};

use pyo3::prelude::*;
use turbo_middleware::concurrency_limit::Permit;

use super::http::{HttpCycle, Inbound};
use super::kept::Kept;
use crate::attached::Attached;
use crate::plan;
use crate::reactor::wake_soon;

/// What a task hands to the connection.
pub(crate) type Answer = plan::Answer<Py<HttpCycle>>;

/// What the task and the connection share of one request.
pub(crate) struct Meeting {
    pub(crate) kept: Kept,
    /// Until the task is over, or an exchange has it.
    request: Attached<Option<Inbound>>,
    answer: Attached<Waiting>,
    /// Its place among the requests that wait for the app.
    pub(crate) permit: Attached<Option<Permit>>,
}

enum Waiting {
    Nobody,
    Connection(Waker),
    Answered(Answer),
}

impl Meeting {
    pub(crate) fn new(request: Inbound) -> Self {
        Self {
            kept: Kept::new(),
            request: Attached::new(Some(request)),
            answer: Attached::new(Waiting::Nobody),
            permit: Attached::new(None),
        }
    }

    pub(crate) fn take_request(&self, py: Python<'_>) -> Option<Inbound> {
        self.request.replace(py, None)
    }

    pub(crate) fn put(&self, py: Python<'_>, answer: Answer) {
        if let Waiting::Connection(waker) = self.answer.replace(py, Waiting::Answered(answer)) {
            wake_soon(waker);
        }
    }

    /// The answer, if it is there already.
    pub(crate) fn take(&self, py: Python<'_>) -> Option<Answer> {
        match self.answer.replace(py, Waiting::Nobody) {
            Waiting::Answered(answer) => Some(answer),
            Waiting::Nobody | Waiting::Connection(_) => None,
        }
    }

    pub(crate) fn poll(&self, py: Python<'_>, cx: &mut Context<'_>) -> Poll<Answer> {
        if let Some(answer) = self.take(py) {
            return Poll::Ready(answer);
        }
        match self.answer.replace(py, Waiting::Connection(cx.waker().clone())) {
            // It came between the two looks, which only a free-threaded build lets happen.
            Waiting::Answered(answer) => Poll::Ready(answer),
            Waiting::Nobody | Waiting::Connection(_) => Poll::Pending,
        }
    }
}
