//! Named points on the way from decision to answer at which a test kills the process, to prove what a crash leaves behind.
//! Refuses to exist in a release: without the feature `kill-points` reaching one is nothing at all.

#[cfg(feature = "kill-points")]
use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// The environment variable that names the point to die at: `point`, or `point:N` for the time it is reached the Nth time.
#[cfg(feature = "kill-points")]
pub const VARIABLE: &str = "ENLIST_KILL_AT";

/// A point, and how often it is still to be reached.
#[cfg(feature = "kill-points")]
struct Wanted {
    point: String,
    left: AtomicU64,
}

/// Kills the process with SIGKILL, as a power cut would, if `ENLIST_KILL_AT` names this point.
#[cfg(feature = "kill-points")]
pub fn reach(point: &str) {
    use rustix::process::{Signal, getpid, kill_process};
    static WANTED: OnceLock<Option<Wanted>> = OnceLock::new();
    let Some(wanted) = WANTED.get_or_init(wanted) else { return };
    if wanted.point == point && wanted.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        // SIGKILL to oneself does not return; an error would mean that the kernel does not know us.
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

/// A number that is none names a point that is never reached: the test that wanted it sees the server live.
#[cfg(feature = "kill-points")]
fn wanted() -> Option<Wanted> {
    let text = std::env::var(VARIABLE).ok()?;
    let (point, left) = match text.split_once(':') {
        Some((point, times)) => (point, times.parse().ok()?),
        None => (&*text, 1),
    };
    Some(Wanted { point: point.to_owned(), left: AtomicU64::new(left) })
}

/// Nothing.
#[cfg(not(feature = "kill-points"))]
#[inline(always)]
pub fn reach(_point: &str) {}
