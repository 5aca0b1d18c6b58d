//! What only attached threads touch, so that the interpreter's own lock guards it.
//!
//! On a build with a GIL that saves the atomic operations of a mutex, five to eight nanoseconds each, of which a
//! request had dozens. A free-threaded build has a mutex in the lock's place.

use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::Python;

pub(crate) use self::imp::Attached;

#[cfg(not(Py_GIL_DISABLED))]
mod imp {
    use std::cell::UnsafeCell;

    use super::Python;

    /// A value that attached threads exchange for another one.
    pub(crate) struct Attached<T>(UnsafeCell<T>);

    // SAFETY: only `replace` and `look` reach the value. Their callers hold the interpreter's lock, and neither runs
    // anything that could let go of it.
    unsafe impl<T: Send> Sync for Attached<T> {}

    impl<T> Attached<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(UnsafeCell::new(value))
        }

        /// Puts `value` there and returns what was there.
        #[inline]
        pub(crate) fn replace(&self, _py: Python<'_>, value: T) -> T {
            // SAFETY: nobody else reads or writes it meanwhile, as said above, and no reference to it outlives this.
            unsafe { std::mem::replace(&mut *self.0.get(), value) }
        }

        /// Looks at the value.
        ///
        /// # Safety
        ///
        /// `look` runs no Python code and does not reach this object.
        #[inline]
        pub(crate) unsafe fn look<R>(&self, _py: Python<'_>, look: impl FnOnce(&T) -> R) -> R {
            // SAFETY: as the caller promises, nothing replaces the value meanwhile.
            look(unsafe { &*self.0.get() })
        }
    }
}

#[cfg(Py_GIL_DISABLED)]
mod imp {
    use std::sync::{Mutex, PoisonError};

    use super::Python;

    /// A value that attached threads exchange for another one.
    pub(crate) struct Attached<T>(Mutex<T>);

    impl<T> Attached<T> {
        pub(crate) const fn new(value: T) -> Self {
            Self(Mutex::new(value))
        }

        /// Puts `value` there and returns what was there.
        #[inline]
        pub(crate) fn replace(&self, _py: Python<'_>, value: T) -> T {
            std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), value)
        }

        /// Looks at the value.
        ///
        /// # Safety
        ///
        /// `look` runs no Python code and does not reach this object.
        #[inline]
        pub(crate) unsafe fn look<R>(&self, _py: Python<'_>, look: impl FnOnce(&T) -> R) -> R {
            look(&*self.0.lock().unwrap_or_else(PoisonError::into_inner))
        }
    }
}

/// A count that attached threads change and anybody reads.
pub(crate) struct Count(AtomicUsize);

impl Count {
    pub(crate) const fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    #[inline]
    pub(crate) fn increment(&self, py: Python<'_>) {
        self.add(py, 1);
    }

    #[inline]
    pub(crate) fn decrement(&self, py: Python<'_>) {
        self.add(py, 1_usize.wrapping_neg());
    }

    /// Adds, around the end of the numbers as atomics do.
    #[inline]
    fn add(&self, _py: Python<'_>, number: usize) {
        if cfg!(Py_GIL_DISABLED) {
            self.0.fetch_add(number, Ordering::Relaxed);
        } else {
            self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(number), Ordering::Relaxed);
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}
