//! Why a message did not arrive: what a status means, or that none came.
//! Refuses to say what the endpoint wrote, or more of its URL than the host.

use crate::downstream::Forbidden;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderValue, RETRY_AFTER};
use std::error::Error;
use std::fmt;
use std::io;
use std::time::{Duration, SystemTime};

/// No more than this is waited because an endpoint asks for it.
const WAIT_LIMIT: Duration = Duration::from_secs(60 * 60);

/// Why a message did not arrive.
#[derive(Debug)]
pub struct Missed {
    /// In one word.
    pub why: Why,
    /// For whoever runs the server: never what the endpoint wrote, nor more of the URL than its host.
    pub detail: String,
    /// How long the endpoint wants to be left alone.
    pub wait: Option<Duration>,
}

/// Why, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It answered with another status than 200 to 299.
    Status,
    /// It answered that it is gone for good.
    Gone,
    /// The address is not one that may be sent to.
    Forbidden,
    /// The name leads nowhere.
    Unresolved,
    /// Nobody answered there, or it broke.
    Unreachable,
    /// It could not show a certificate that is trusted, for its name.
    Tls,
    /// It took too long.
    TimedOut,
}

impl Why {
    /// As answers and the outbox spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Gone => "gone",
            Self::Forbidden => "address_not_public",
            Self::Unresolved => "name_unresolved",
            Self::Unreachable => "unreachable",
            Self::Tls => "tls_failed",
            Self::TimedOut => "timed_out",
        }
    }
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.why.as_str(), self.detail)
    }
}

impl Missed {
    pub(super) fn new(why: Why, detail: &str) -> Self {
        Self { why, detail: detail.to_owned(), wait: None }
    }
}

/// What a status means that is not one of arrival.
pub(super) fn missed(status: StatusCode, headers: &HeaderMap) -> Option<Missed> {
    let (why, wait) = match status {
        success if success.is_success() => return None,
        StatusCode::GONE => (Why::Gone, None),
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
            (Why::Status, headers.get(RETRY_AFTER).and_then(wait))
        }
        _ => (Why::Status, None),
    };
    Some(Missed { why, detail: status.as_u16().to_string(), wait })
}

/// `Retry-After`: seconds, or a moment.
fn wait(value: &HeaderValue) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = httpdate::parse_http_date(text).ok()?;
            until.duration_since(SystemTime::now()).unwrap_or_default()
        }
    };
    Some(wait.min(WAIT_LIMIT))
}

/// Why no answer came.
pub(super) fn why(error: reqwest::Error) -> Missed {
    let error = error.without_url();
    let mut why = match () {
        () if error.is_timeout() => Why::TimedOut,
        () if error.is_dns() => Why::Unresolved,
        () => Why::Unreachable,
    };
    let mut detail = error.to_string();
    let mut cause = Error::source(&error);
    while let Some(one) = cause {
        if let Some(forbidden) = one.downcast_ref::<Forbidden>() {
            return Missed::new(Why::Forbidden, &forbidden.to_string());
        }
        if one.is::<rustls::Error>() {
            why = Why::Tls;
        }
        detail = one.to_string();
        // What stands within an I/O error is not its source.
        let within = one.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        cause = within.map(|within| within as &dyn Error).or_else(|| one.source());
    }
    Missed::new(why, &detail)
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, HeaderValue, RETRY_AFTER, StatusCode, WAIT_LIMIT, Why, missed, wait};
    use std::time::{Duration, SystemTime};

    #[test]
    fn two_hundreds_arrive_and_nothing_else_does() {
        let none = HeaderMap::new();
        for status in 200..600 {
            let missed = missed(StatusCode::from_u16(status).expect("a status"), &none);
            assert_eq!(missed.is_none(), status < 300, "{status}");
            assert_eq!(missed.is_some_and(|missed| missed.why == Why::Gone), status == 410);
        }
    }

    #[test]
    fn an_endpoint_is_left_alone_as_long_as_it_asks_and_an_hour_at_most() {
        let read = |text: &str| wait(&HeaderValue::from_str(text).expect("a value"));
        assert_eq!(read("120"), Some(Duration::from_secs(120)));
        assert_eq!(read("99999999999"), Some(WAIT_LIMIT));
        assert_eq!(read("soon"), None);
        let date = |at: SystemTime| httpdate::fmt_http_date(at);
        assert_eq!(read(&date(SystemTime::UNIX_EPOCH)), Some(Duration::ZERO));
        let later = read(&date(SystemTime::now() + Duration::from_secs(600))).expect("a time");
        assert!((590..=600).contains(&later.as_secs()), "{later:?}");
        assert_eq!(read(&date(SystemTime::now() + Duration::from_secs(86_400))), Some(WAIT_LIMIT));
        let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static("7"))]);
        for (status, waits) in [(429, true), (503, true), (500, false), (404, false)] {
            let missed = missed(StatusCode::from_u16(status).expect("a status"), &headers);
            assert_eq!(missed.expect("a no").wait.is_some(), waits, "{status}");
        }
    }
}
