//! Access log rows, collected on the hot path and fetched by a writer thread.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::{Method, StatusCode, Uri, Version};
use percent_encoding::percent_decode;
use turbo_middleware::request_id;

/// How long the writer waits for company before it takes a first row.
const BATCH: Duration = Duration::from_millis(5);
/// Rows kept while the writer is behind; beyond that the oldest burst is written first.
const EXPECTED_BURST: usize = 256;

/// One line of the access log.
pub(crate) struct Row {
    pub(crate) client: Arc<str>,
    pub(crate) method: Method,
    pub(crate) root_path: Arc<str>,
    pub(crate) uri: Uri,
    pub(crate) version: Version,
    pub(crate) status: StatusCode,
    pub(crate) request_id: Option<request_id::Id>,
}

impl Row {
    /// The path as `urllib.parse.quote` writes the decoded path, and the query as it came.
    pub(crate) fn full_path(&self) -> String {
        full_path(&self.root_path, &self.uri)
    }
}

/// `root_path` and the decoded path, quoted anew, with the query.
pub(crate) fn full_path(root_path: &str, uri: &Uri) -> String {
    let mut path = root_path.to_owned();
    path.push_str(&percent_decode(uri.path().as_bytes()).decode_utf8_lossy());
    let mut quoted = percent_encoding::utf8_percent_encode(&path, QUOTED).to_string();
    if let Some(query) = uri.query().filter(|query| !query.is_empty()) {
        quoted.push('?');
        quoted.push_str(query);
    }
    quoted
}

/// What `urllib.parse.quote` escapes: all but letters, digits, `_.-~` and `/`.
const QUOTED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~').remove(b'/');

/// The rows of one server that no one has fetched yet.
#[derive(Default)]
pub(crate) struct AccessLog {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Default)]
struct Queue {
    rows: Vec<Row>,
    closed: bool,
}

impl AccessLog {
    /// Adds a row; wakes the writer only when it may be waiting.
    pub(crate) fn push(&self, row: Row) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.rows.push(row);
        if queue.rows.len() == 1 {
            drop(queue);
            self.filled.notify_one();
        }
    }

    /// No more rows will come.
    pub(crate) fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
        self.filled.notify_all();
    }

    /// The rows so far, after a wait of at most `timeout`; `None` when closed and empty.
    pub(crate) fn take(&self, timeout: Duration) -> Option<Vec<Row>> {
        let deadline = Instant::now() + timeout;
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        while queue.rows.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if queue.closed {
                return None;
            }
            if left.is_zero() {
                return Some(Vec::new());
            }
            queue = self.filled.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        if !queue.closed {
            drop(queue);
            std::thread::sleep(BATCH);
            queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        }
        Some(std::mem::replace(&mut queue.rows, Vec::with_capacity(EXPECTED_BURST)))
    }
}
