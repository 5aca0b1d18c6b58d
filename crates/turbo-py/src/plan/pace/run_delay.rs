//! The time that a thread was ready to run and had no core: a busy machine or a container's CPU quota.
//!
//! A call that was interrupted for 20 milliseconds looks as slow as one that blocks, and to move it to a thread
//! would only cost more of the CPU time that is short. Linux counts this time for each thread
//! (`/proc/thread-self/schedstat`, the second number; `Documentation/scheduler/sched-stats.rst`). Reading it takes
//! 2.5 microseconds, so it is read once in [`INTERVAL`] while there are calls, and after a slow one.

#[cfg(target_os = "linux")]
pub(crate) use self::linux::{before, since};

/// Elsewhere every slow call is taken for one that blocks.
#[cfg(not(target_os = "linux"))]
pub(crate) fn before(_now: u64) {}

#[cfg(not(target_os = "linux"))]
pub(crate) fn since() -> u64 {
    0
}

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::RefCell;
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    /// The oldest that the reading before a call may be, in nanoseconds: what a call may be forgiven too much.
    const INTERVAL: u64 = 2_000_000;

    struct Meter {
        /// The process that the file tells about; a fork has a thread of its own.
        process: u32,
        file: Option<File>,
        read_at: u64,
        delay: u64,
    }

    thread_local! {
        static METER: RefCell<Meter> =
            const { RefCell::new(Meter { process: 0, file: None, read_at: 0, delay: 0 }) };
    }

    /// To be called before a call, with the time.
    #[inline]
    pub(crate) fn before(now: u64) {
        METER.with_borrow_mut(|meter| {
            if now.saturating_sub(meter.read_at) > INTERVAL {
                meter.refresh(now);
            }
        });
    }

    /// Nanoseconds without a core since the call began, or up to [`INTERVAL`] before; 0 where nobody knows.
    #[cold]
    pub(crate) fn since() -> u64 {
        METER.with_borrow_mut(|meter| {
            let delay = meter.read().unwrap_or(meter.delay);
            // The next call starts with a fresh reading.
            meter.read_at = 0;
            delay.saturating_sub(meter.delay)
        })
    }

    impl Meter {
        #[cold]
        fn refresh(&mut self, now: u64) {
            let process = std::process::id();
            if self.process != process {
                self.process = process;
                self.file = File::open("/proc/thread-self/schedstat").ok();
            }
            self.delay = self.read().unwrap_or(0);
            self.read_at = now;
        }

        fn read(&self) -> Option<u64> {
            let mut text = [0; 96];
            let length = self.file.as_ref()?.read_at(&mut text, 0).ok()?;
            str::from_utf8(text.get(..length)?).ok()?.split_ascii_whitespace().nth(1)?.parse().ok()
        }
    }
}
