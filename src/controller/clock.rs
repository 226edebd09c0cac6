//! The two clocks: the process's monotonic one for every wait, and the API server's for what outlives the process. The wall clock
//! of this machine is never compared with anything.

use std::sync::{Arc, Mutex, PoisonError};

use http::HeaderMap;
use http::header::DATE;
use jiff::Timestamp;

use crate::account::Clock;
use crate::core::time::Moment;

/// Both clocks, shared.
#[derive(Clone, Debug)]
pub struct Clocks {
    monotonic: Clock,
    server: Arc<Mutex<Option<(Moment, Timestamp)>>>,
}

impl Clocks {
    /// With the monotonic clock that all evidence is dated by.
    pub fn new(monotonic: Clock) -> Self {
        Self { monotonic, server: Arc::default() }
    }

    /// Now, on the monotonic clock.
    pub fn now(&self) -> Moment {
        self.monotonic.now()
    }

    /// Learns the API server's time from the `Date` header of an answer.
    pub fn learn(&self, headers: &HeaderMap) {
        let date = headers.get(DATE).and_then(|value| value.to_str().ok());
        if let Some(time) = date.and_then(|text| jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()) {
            *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some((self.now(), time));
        }
    }

    /// Now, on the API server's clock: its last answer's `Date` plus what has passed since on ours. `None` before the first answer.
    pub fn server_now(&self) -> Option<Timestamp> {
        self.server_at(self.now())
    }

    /// A moment on the API server's clock. `None` before its first answer.
    pub fn server_at(&self, moment: Moment) -> Option<Timestamp> {
        let (at, time) = (*self.server.lock().unwrap_or_else(PoisonError::into_inner))?;
        let span = |span| jiff::SignedDuration::try_from(span).ok();
        // One of both is nothing.
        time.checked_add(span(moment.since(at))?).ok()?.checked_sub(span(at.since(moment))?).ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_servers_time_comes_from_its_date_header_and_goes_on_by_itself() {
        let clock = Clocks::new(Clock::start());
        assert_eq!(clock.server_now(), None);
        let mut headers = HeaderMap::new();
        headers.insert(DATE, "Tue, 15 Nov 1994 08:12:31 GMT".parse().expect("a header value"));
        clock.learn(&headers);
        let time = clock.server_now().expect("learnt");
        assert!(time >= "1994-11-15T08:12:31Z".parse().expect("a time"));
        let learnt = clock.now();
        assert!(clock.server_at(learnt).expect("learnt") >= clock.server_at(Moment::ZERO).expect("learnt"));
        let hour = Duration::from_secs(3600);
        let (earlier, later) = (clock.server_at(learnt).expect("learnt"), clock.server_at(learnt + hour).expect("learnt"));
        assert_eq!(later.duration_since(earlier), jiff::SignedDuration::from_hours(1));
        headers.insert(DATE, "yesterday".parse().expect("a header value"));
        clock.learn(&headers);
        assert!(clock.server_now().expect("still known") >= time);
    }
}
