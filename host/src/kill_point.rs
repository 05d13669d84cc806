//! Named points at which a test kills the process, to prove what a crash leaves behind, or holds it, to do something meanwhile.
//! Refuses to exist in a release: without the feature `kill-points` reaching one is nothing at all.

#[cfg(feature = "kill-points")]
use rustix::process::Signal;
#[cfg(feature = "kill-points")]
use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// The environment variable that names the point to die at: `point`, or `point:N` for the time it is reached the Nth time.
#[cfg(feature = "kill-points")]
pub const VARIABLE: &str = "ENLIST_KILL_AT";

/// The same for the point to be held at, until somebody sends SIGCONT.
#[cfg(feature = "kill-points")]
pub const HOLD_VARIABLE: &str = "ENLIST_HOLD_AT";

/// A point, how often it is still to be reached, and what happens there.
#[cfg(feature = "kill-points")]
struct Wanted {
    point: String,
    left: AtomicU64,
    signal: Signal,
}

/// Kills the process with SIGKILL, as a power cut would, if `ENLIST_KILL_AT` names this point; stops it if `ENLIST_HOLD_AT` does.
#[cfg(feature = "kill-points")]
pub fn reach(point: &str) {
    use rustix::process::{getpid, kill_process};
    static WANTED: OnceLock<Option<Wanted>> = OnceLock::new();
    let Some(wanted) = WANTED.get_or_init(wanted) else { return };
    if wanted.point == point && wanted.left.fetch_sub(1, Ordering::Relaxed) == 1 {
        // Does not return before it has come; an error would mean that the kernel does not know us.
        let _ = kill_process(getpid(), wanted.signal);
    }
}

/// A number that is none names a point that is never reached: the test that wanted it sees the server live.
#[cfg(feature = "kill-points")]
fn wanted() -> Option<Wanted> {
    let said = |variable| std::env::var(variable).ok();
    let kill = said(VARIABLE).map(|text| (text, Signal::KILL));
    let (text, signal) = kill.or_else(|| Some((said(HOLD_VARIABLE)?, Signal::STOP)))?;
    let (point, left) = match text.split_once(':') {
        Some((point, times)) => (point, times.parse().ok()?),
        None => (&*text, 1),
    };
    Some(Wanted { point: point.to_owned(), left: AtomicU64::new(left), signal })
}

/// Nothing.
#[cfg(not(feature = "kill-points"))]
#[inline(always)]
pub fn reach(_point: &str) {}
