//! Named points on the way from decision to answer at which a test kills the process, to prove what a crash leaves behind.
//! Refuses to exist in a release: without the feature `kill-points` reaching one is nothing at all.

/// The environment variable that names the point to die at.
#[cfg(feature = "kill-points")]
pub const VARIABLE: &str = "ENLIST_KILL_AT";

/// Kills the process with SIGKILL, as a power cut would, if `ENLIST_KILL_AT` names this point.
#[cfg(feature = "kill-points")]
pub fn reach(point: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    if std::env::var(VARIABLE).is_ok_and(|wanted| wanted == point) {
        // SIGKILL to oneself does not return; an error would mean that the kernel does not know us.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

/// Nothing.
#[cfg(not(feature = "kill-points"))]
#[inline(always)]
pub fn reach(_point: &str) {}
