//! A moment as answers say it: RFC 3339, UTC, to the second or the millisecond; and as callers do, in any zone or in Unix seconds.

use std::time::{Duration, UNIX_EPOCH};

/// The last second that has a year of four digits.
const LAST_MS: u64 = 253_402_300_799_000;

/// Milliseconds since 1970 as text; what lies before is 1970, what lies after the year 9999 its end.
pub fn moment(at_ms: i64) -> String {
    let since = Duration::from_millis(u64::try_from(at_ms).unwrap_or(0).min(LAST_MS));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string()
}

/// The same to the millisecond.
pub fn moment_ms(at_ms: i64) -> String {
    let since = Duration::from_millis(u64::try_from(at_ms).unwrap_or(0).min(LAST_MS));
    humantime::format_rfc3339_millis(UNIX_EPOCH + since).to_string()
}

/// Milliseconds since 1970 of a moment in RFC 3339, with any offset, or in whole Unix seconds.
pub fn read_moment(text: &str) -> Option<i64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok()?.checked_mul(1000);
    }
    let text = text.to_ascii_uppercase();
    let (local, offset_ms) = match text.strip_suffix('Z') {
        Some(local) => (local, 0),
        None => {
            let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
            (local, read_offset(offset)?)
        }
    };
    let at = humantime::parse_rfc3339(&format!("{local}Z")).ok()?;
    let at_ms = i64::try_from(at.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()?;
    Some(at_ms - offset_ms)
}

/// `+02:00` in milliseconds.
fn read_offset(text: &str) -> Option<i64> {
    let sign = match text.get(..1)? {
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let number = |digits: &str, most: i64| {
        let plain = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse().ok().filter(|number| plain && (0..=most).contains(number))
    };
    Some(sign * (number(hours, 23)? * 60 + number(minutes, 59)?) * 60_000)
}

#[cfg(test)]
mod tests {
    use super::{moment, moment_ms, read_moment};

    #[test]
    fn a_moment_is_text() {
        assert_eq!(moment(1_795_750_826_582), "2026-11-27T03:40:26Z");
        assert_eq!(moment(-1), "1970-01-01T00:00:00Z");
        assert_eq!(moment(i64::MAX), "9999-12-31T23:59:59Z");
    }
    #[test]
    fn a_moment_is_read_in_any_zone_and_in_seconds() {
        let at = 1_795_750_826_582;
        assert_eq!(read_moment(&moment_ms(at)), Some(at));
        for text in [
            "2026-11-27T05:40:26.582+02:00",
            "2026-11-26t22:10:26.582-05:30",
            "2026-11-27T03:40:26.582z",
        ] {
            assert_eq!(read_moment(text), Some(at), "{text}");
        }
        assert_eq!(read_moment("1795750826"), Some(1_795_750_826_000));
        for text in [
            "2h",
            "-1",
            "",
            "2026-11-27",
            "2026-11-27T03:40:26",
            "2026-11-27T03:40:26+2:00",
            "é",
            "x+02:00",
        ] {
            assert_eq!(read_moment(text), None, "{text}");
        }
    }
}
