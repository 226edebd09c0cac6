//! Others undo what we do, and we answer: three times, and then once an hour. An answer at once each time would never end, whether the other
//! side is a script that writes a number or a tool that owns a Secret.

use std::time::Duration;

use crate::core::time::Moment;

/// Within this time three answers make a quarrel; then one a time.
pub const HOUR: Duration = Duration::from_secs(3600);
/// So many answers within an hour are enough.
pub const CONTESTED: usize = 3;

/// How often others were answered. In memory: a restart costs a few more answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarrel {
    /// When, the newest last, as many as are needed to tell whether it is a quarrel.
    answers: Vec<Moment>,
    goes_on: bool,
}

impl Quarrel {
    /// One that goes on, and was answered last then.
    pub fn going_on(last: Moment) -> Self {
        Self { answers: vec![last], goes_on: true }
    }

    /// Others were answered.
    pub fn answered(&mut self, now: Moment) {
        // A try an hour does not end the quarrel; two hours without one do.
        let goes_on = self.goes_on && self.answers.last().is_some_and(|last| now.since(*last) < HOUR * 2);
        self.answers.retain(|at| now.since(*at) < HOUR);
        self.answers.push(now);
        self.goes_on = goes_on || self.answers.len() >= CONTESTED;
        let surplus = self.answers.len().saturating_sub(CONTESTED);
        self.answers.drain(..surplus);
    }

    /// All is well: what lies more than an hour back is forgotten.
    pub fn calm(&mut self, now: Moment) {
        if self.answers.last().is_none_or(|last| now.since(*last) >= HOUR) {
            *self = Self::default();
        }
    }

    /// It is a quarrel, and was answered less than an hour ago; when it is answered again.
    pub fn until(&self, now: Moment) -> Option<Moment> {
        let last = *self.answers.last()?;
        (self.goes_on && now.since(last) < HOUR).then(|| last + HOUR)
    }
}
