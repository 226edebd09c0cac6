//! What a plan reads at a provider: through the account, within its budget, and all together within one deadline.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use crate::account::{Account, Health, Lane, NotStarted, ObjectKey, Thing, Waker};
use crate::core::fields::{Number, Remote};
use crate::core::outcome::Outcome;

/// A wake that is missed costs this.
const AGAIN: Duration = Duration::from_millis(200);

/// Reads for a plan.
pub struct Reader {
    woken: Arc<Notify>,
    until: Instant,
}

impl Reader {
    /// All reads end by then.
    pub fn new(patience: Duration) -> Self {
        Self { woken: Arc::default(), until: Instant::now() + patience }
    }

    /// What accounts wake: whoever waits here looks again.
    pub fn waker(&self) -> Waker {
        let woken = Arc::clone(&self.woken);
        Arc::new(move |_| woken.notify_one())
    }

    /// Waits until the account has come to know this.
    ///
    /// # Errors
    /// Why it does not, in words.
    pub async fn until<T>(&self, what: &str, account: &Account, mut known: impl FnMut() -> Option<T>) -> Result<T, String> {
        loop {
            if let Some(known) = known() {
                return Ok(known);
            }
            if let Health::Tripped { message, .. } = account.health() {
                return Err(format!("{what} of {} cannot be read: {message}", account.id()));
            }
            self.pause().await.map_err(|()| format!("{what} of {} could not be read in time", account.id()))?;
        }
    }

    /// What this comes to, if it does so in time.
    pub async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        timeout_at(self.until, work).await.ok()
    }

    async fn pause(&self) -> Result<(), ()> {
        let next = async {
            tokio::select! {
                () = self.woken.notified() => {}
                () = sleep(AGAIN) => {}
            }
        };
        timeout_at(self.until, next).await.map_err(drop)
    }

    /// The call, as soon as the budget has a permit for it.
    async fn call<T, F>(&self, what: &str, account: &Account, mut call: impl FnMut() -> F) -> Result<Option<T>, String>
    where
        F: Future<Output = Result<Outcome<T>, NotStarted>>,
    {
        loop {
            let answer = timeout_at(self.until, call()).await;
            let answer = answer.map_err(|_| format!("{what} of {} could not be read in time", account.id()))?;
            let why = match answer {
                Ok(Outcome::Done(found)) => return Ok(Some(found)),
                Ok(Outcome::NotFound { proven: true }) => return Ok(None),
                Ok(Outcome::NotFound { proven: false }) => "a page that is not the provider's says \"not found\"".to_owned(),
                Ok(Outcome::Refused(refusal)) => refusal.message,
                Ok(Outcome::Unknown(doubt)) => doubt.message,
                Err(NotStarted::NoPermit) => {
                    self.pause().await.map_err(|()| format!("no call was free for {what} of {}", account.id()))?;
                    continue;
                }
                Err(NotStarted::Tripped | NotStarted::Closed) => "its credentials are not accepted".to_owned(),
                // Said of what changes something only, and nothing here does.
                Err(NotStarted::NotLeading) => "the call is one that changes something".to_owned(),
            };
            return Err(format!("{what} of {} cannot be read: {why}", account.id()));
        }
    }

    /// The thing with this id, if there is one.
    ///
    /// # Errors
    /// Why that cannot be told, in words.
    pub async fn get(&self, account: &Account, thing: Thing, who: &ObjectKey, id: &str) -> Result<Option<Remote>, String> {
        let what = format!("{} {id}", thing.as_str());
        self.call(&what, account, || account.get(thing, Lane::Urgent, who, id)).await
    }

    /// What points to the thing with this id.
    ///
    /// # Errors
    /// Why that cannot be told, in words.
    pub async fn references(&self, account: &Account, thing: Thing, who: &ObjectKey, id: &str) -> Result<Vec<String>, String> {
        let what = format!("what points to {} {id}", thing.as_str());
        Ok(self.call(&what, account, || account.references(thing, Lane::Urgent, who, id)).await?.unwrap_or_default())
    }

    /// The number, if the account holds it.
    ///
    /// # Errors
    /// Why that cannot be told, in words.
    pub async fn number(&self, account: &Account, who: &ObjectKey, number: &str, id: Option<&str>) -> Result<Option<Number>, String> {
        let what = format!("number +{number}");
        self.call(&what, account, || account.get_number(Lane::Urgent, who, number, id)).await
    }
}
