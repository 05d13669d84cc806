//! A moment as answers say it: RFC 3339, UTC, to the second.

use std::time::{Duration, UNIX_EPOCH};

/// The last second that has a year of four digits.
const LAST_MS: u64 = 253_402_300_799_000;

/// Milliseconds since 1970 as text; what lies before is 1970, what lies after the year 9999 its end.
pub fn moment(at_ms: i64) -> String {
    let since = Duration::from_millis(u64::try_from(at_ms).unwrap_or(0).min(LAST_MS));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn a_moment_is_text() {
        assert_eq!(moment(1_795_750_826_582), "2026-11-27T03:40:26Z");
        assert_eq!(moment(-1), "1970-01-01T00:00:00Z");
        assert_eq!(moment(i64::MAX), "9999-12-31T23:59:59Z");
    }
}
