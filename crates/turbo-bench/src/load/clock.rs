//! CPU time of other processes.

use std::io;
use std::time::Duration;

use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// The CPU clocks of some processes.
#[derive(Debug)]
pub struct Clocks(Vec<ClockId>);

impl Clocks {
    /// The clocks of these processes; each counts all threads, and no children.
    ///
    /// # Errors
    /// If one of them does not exist.
    pub fn of(processes: &[i32]) -> io::Result<Self> {
        let clocks: Result<_, _> =
            processes.iter().map(|pid| clock_getcpuclockid(Pid::from_raw(*pid))).collect();
        Ok(Clocks(clocks?))
    }

    /// User and system time of all of them since they began.
    ///
    /// # Errors
    /// If one of them has ended.
    pub fn read(&self) -> io::Result<Duration> {
        let mut sum = Duration::ZERO;
        for clock in &self.0 {
            sum += Duration::from(clock_gettime(*clock)?);
        }
        Ok(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::Clocks;

    #[test]
    fn the_clock_of_this_process_runs() {
        let clocks = Clocks::of(&[i32::try_from(std::process::id()).unwrap()]).unwrap();
        let before = clocks.read().unwrap();
        while clocks.read().unwrap() == before {}
    }
}
