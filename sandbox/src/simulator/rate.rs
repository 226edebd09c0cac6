//! The rate limit in the three models that a provider may mean by "300 requests per 5 seconds".

use std::collections::{BTreeMap, VecDeque};

use super::switches::RateModel;

/// So many calls per window of so many seconds; 0 calls are no limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) calls: u64,
    pub(crate) window_s: f64,
    pub(crate) model: RateModel,
}

/// Counts the calls of every account, or of every auth id.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    calls: BTreeMap<String, Calls>,
}

#[derive(Debug, Default)]
struct Calls {
    /// Times of the accepted calls of the last window (sliding).
    log: VecDeque<u64>,
    /// Number of the present window and accepted calls in it (fixed).
    window: (u64, u64),
    /// What is left in the bucket and when that was true.
    bucket: Option<(f64, u64)>,
}

impl Limiter {
    /// Counts a call of `key`. Refused calls do not count.
    ///
    /// # Errors
    /// The limit is reached; the milliseconds until a call would pass.
    pub(crate) fn call(&mut self, key: &str, now_ms: u64, allowed: Limit) -> Result<(), u64> {
        let limit = allowed.calls;
        if limit == 0 {
            return Ok(());
        }
        let window_ms = (allowed.window_s * 1000.0).max(1.0);
        let whole_ms = window_ms as u64;
        let calls = self.calls.entry(key.to_owned()).or_default();
        match allowed.model {
            RateModel::Sliding => {
                while calls.log.front().is_some_and(|&at| at + whole_ms <= now_ms) {
                    calls.log.pop_front();
                }
                if calls.log.len() as u64 >= limit {
                    // A limit that was lowered leaves more entries than it allows: the call passes when that many have left.
                    let blocking = calls.log[calls.log.len() - limit as usize];
                    return Err(blocking + whole_ms - now_ms);
                }
                calls.log.push_back(now_ms);
            }
            RateModel::Fixed => {
                let window = now_ms / whole_ms;
                if calls.window.0 != window {
                    calls.window = (window, 0);
                }
                if calls.window.1 >= limit {
                    return Err((window + 1) * whole_ms - now_ms);
                }
                calls.window.1 += 1;
            }
            RateModel::Bucket => {
                let per_ms = limit as f64 / window_ms;
                let (left, at) = calls.bucket.unwrap_or((limit as f64, now_ms));
                let left = (left + (now_ms - at) as f64 * per_ms).min(limit as f64);
                if left < 1.0 {
                    calls.bucket = Some((left, now_ms));
                    return Err(((1.0 - left) / per_ms).ceil() as u64);
                }
                calls.bucket = Some((left - 1.0, now_ms));
            }
        }
        Ok(())
    }

    pub(crate) fn reset(&mut self) {
        self.calls.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_counts_a_burst_at_a_window_border_in_its_own_way() {
        // 4 calls per 1000 ms: a burst at 900, then one call every 50 ms.
        let cases = [(RateModel::Sliding, 4), (RateModel::Fixed, 8), (RateModel::Bucket, 4 + 2)];
        for (model, passed) in cases {
            let limit = Limit { calls: 4, window_s: 1.0, model };
            let mut limiter = Limiter::default();
            let mut count = 0;
            for now in [900; 5].into_iter().chain((0..12).map(|n| 950 + 50 * n)) {
                count += u32::from(limiter.call("MA", now, limit).is_ok());
            }
            assert_eq!(count, passed, "{model:?}");
        }
    }

    #[test]
    fn a_refusal_says_when_a_call_passes_again_and_that_is_true() {
        for model in [RateModel::Sliding, RateModel::Fixed, RateModel::Bucket] {
            let limit = Limit { calls: 3, window_s: 2.0, model };
            let mut limiter = Limiter::default();
            for now in [100, 200, 300] {
                limiter.call("MA", now, limit).unwrap();
            }
            let wait = limiter.call("MA", 400, limit).unwrap_err();
            assert!(limiter.call("MA", 400 + wait - 1, limit).is_err(), "{model:?}: passes earlier than said");
            assert!(limiter.call("MA", 400 + wait, limit).is_ok(), "{model:?}: does not pass when said");
        }
    }
}
