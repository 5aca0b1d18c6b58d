//! The three phases of stopping, and the handle that moves a server through them.

use tokio::sync::watch;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    Running,
    Draining,
    Closed,
}

/// Asks every [`serve`](crate::serve()) call that holds the matching [`Shutdown`] to stop. `Send`, cheap to clone.
///
/// Dropping all handles asks for nothing: the servers go on.
#[derive(Clone, Debug)]
pub struct ShutdownHandle {
    sender: watch::Sender<Stage>,
}

impl ShutdownHandle {
    /// Stops accepting and lets what runs finish.
    ///
    /// Connections that wait in the backlog are still accepted, then the listener is closed. Bytes that have
    /// arrived are processed; a connection that is idle after that is closed, but one that has only just been made has
    /// a second or two to send its request. A busy one answers with
    /// `connection: close` and ends after its response.
    pub fn drain(&self) {
        self.advance(Stage::Draining);
    }

    /// Drops every connection that is still open, finished or not. Implies [`drain`](Self::drain).
    pub fn close(&self) {
        self.advance(Stage::Closed);
    }

    fn advance(&self, to: Stage) {
        self.sender.send_if_modified(|stage| {
            let forward = *stage < to;
            if forward {
                *stage = to;
            }
            forward
        });
    }
}

/// The receiving end of a [`ShutdownHandle`]; clone it for each [`serve`](crate::serve()) call.
#[derive(Clone, Debug)]
pub struct Shutdown {
    receiver: watch::Receiver<Stage>,
}

impl Shutdown {
    /// A new handle and its signal.
    #[must_use]
    pub fn new() -> (ShutdownHandle, Self) {
        let (sender, receiver) = watch::channel(Stage::Running);
        (ShutdownHandle { sender }, Self { receiver })
    }

    pub(crate) fn stage(&self) -> Stage {
        *self.receiver.borrow()
    }

    /// Completes once the stage is `at_least` or later; never when every handle is gone before that.
    pub(crate) async fn reached(&mut self, at_least: Stage) {
        if self.receiver.wait_for(|stage| *stage >= at_least).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_only_go_forward() {
        let (handle, shutdown) = Shutdown::new();
        assert_eq!(shutdown.stage(), Stage::Running);
        handle.close();
        handle.drain();
        assert_eq!(shutdown.stage(), Stage::Closed);
    }

    #[tokio::test]
    async fn a_later_stage_satisfies_an_earlier_wait() {
        let (handle, mut shutdown) = Shutdown::new();
        handle.close();
        shutdown.reached(Stage::Draining).await;
    }
}
