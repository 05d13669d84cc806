//! The server as a process: started by a shell that prepares it, limited, stopped, waited for.

use crate::app::App;
use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

impl App {
    /// A first start by this shell script, which ends with `exec "$@"`.
    pub(crate) fn start_through(script: &'static str, settings: &[(&str, &str)]) -> Self {
        Self::begin(Some(script), settings, &[])
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(self.child.as_ref().expect("a server"))
    }

    /// Asks the server to stop.
    pub(crate) fn terminate(&self) {
        kill_process(self.pid(), Signal::TERM).expect("a signal");
    }

    /// Waits until the server ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.take().expect("a server").wait().expect("the end")
    }

    /// The same, but not for ever.
    pub(crate) fn wait_at_most(&mut self, patience: Duration) -> Option<ExitStatus> {
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(status) = self.child.as_mut().expect("a server").try_wait().expect("it") {
                self.child = None;
                return Some(status);
            }
            std::thread::yield_now();
        }
        None
    }

    /// No file of the server's grows beyond this from now on; none lifts the limit.
    pub(crate) fn limit_files(&self, bytes: Option<u64>) {
        let limit = Rlimit { current: bytes, maximum: None };
        prlimit(Some(self.pid()), Resource::Fsize, limit).expect("a limit");
    }
}
