//! The audit line: one for each request that was sent to change something at a provider, and one for each use of an annotation that
//! switches a safeguard off. Names, ids and counts; never a value of a field, and never a word of a provider but an id of the right form.

use std::sync::Arc;

use tokio::time::Instant;

/// The target of all audit lines. They are written whatever the log filter says.
pub const TARGET: &str = "switchboard::audit";

/// Whose doing it is, and what is to be done; as far as it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The object's kind.
    pub kind: String,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// `metadata.generation` of what was decided on.
    pub generation: i64,
    /// The account object: `namespace/name`, or `name` of a ClusterProviderAccount.
    pub account: String,
    /// What at the provider: an endpoint, a trunk group, a number.
    pub thing: &'static str,
    /// The verb.
    pub action: &'static str,
    /// Its id at the provider, where it has one before the call.
    pub id: Option<String>,
    /// Names of the fields that are sent, separated by commas; never a value.
    pub fields: Option<String>,
    /// Why, in one word.
    pub why: Option<&'static str>,
    /// Of a create: the number of the attempt, as in the object's ledger.
    pub epoch: Option<i64>,
    /// Of a create: what ties it to the announcement in the object's ledger.
    pub nonce: Option<String>,
    /// The process.
    pub writer: String,
}

tokio::task_local! {
    static SUBJECT: Arc<Subject>;
}

/// Does the work; requests that it sends from this task are told as this subject's.
pub async fn about<T>(subject: Subject, work: impl Future<Output = T>) -> T {
    SUBJECT.scope(Arc::new(subject), work).await
}

/// How a request ended.
#[derive(Clone, Debug, Default)]
pub struct End<'a> {
    /// The HTTP status, if there was an answer.
    pub status: Option<u16>,
    /// The provider's id of the request, if the answer has one. Of a form that cannot hold anything else.
    pub request_id: Option<&'a str>,
    /// The id of what was made, if that is what was asked for.
    pub made: Option<&'a str>,
    /// The outcome's class.
    pub outcome: &'static str,
    /// The kind of a refusal or a doubt.
    pub reason: Option<&'a str>,
}

/// A request on its way. What becomes of it is told once: also if nobody waits for the answer any more.
#[derive(Debug)]
pub struct Request {
    subject: Option<Arc<Subject>>,
    op: &'static str,
    path: String,
    began: Instant,
    told: bool,
}

impl Request {
    /// It is about to be sent. `op`: the provider's operation; `path`: as it may be shown.
    pub fn begins(op: &'static str, path: String) -> Self {
        let subject = SUBJECT.try_with(Arc::clone).ok();
        Self { subject, op, path, began: Instant::now(), told: false }
    }

    /// Certainly nothing was sent: there is nothing to tell.
    pub fn not_sent(mut self) {
        self.told = true;
    }

    /// It has ended so.
    pub fn ended(mut self, end: &End<'_>) {
        self.tell(end);
    }

    fn tell(&mut self, end: &End<'_>) {
        self.told = true;
        let (Self { op, path, began, .. }, End { status, request_id, made, outcome, reason }) = (&*self, end);
        let about = self.subject.as_deref();
        tracing::info!(
            target: TARGET,
            action = about.map(|about| about.action),
            thing = about.map(|about| about.thing),
            kind = about.map(|about| about.kind.as_str()),
            namespace = about.map(|about| about.namespace.as_str()),
            name = about.map(|about| about.name.as_str()),
            uid = about.map(|about| about.uid.as_str()),
            generation = about.map(|about| about.generation),
            why = about.and_then(|about| about.why),
            fields = about.and_then(|about| about.fields.as_deref()),
            epoch = about.and_then(|about| about.epoch),
            nonce = about.and_then(|about| about.nonce.as_deref()),
            account = about.map(|about| about.account.as_str()),
            id = about.and_then(|about| about.id.as_deref()).or(*made),
            op,
            path,
            request_id,
            status,
            outcome,
            reason,
            duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            writer = about.map(|about| about.writer.as_str()),
            "provider call"
        );
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.told {
            self.tell(&End { outcome: "unknown", reason: Some("Abandoned"), ..End::default() });
        }
    }
}

/// Something of this subject may be left at the provider, and nothing looks after it any more: the object is let go. The subject's `why`
/// says why.
pub fn left(subject: &Subject) {
    let Subject { kind, namespace, name, uid, generation, account, thing, action, id, why, writer, .. } = subject;
    let id = id.as_deref();
    tracing::info!(target: TARGET, action, thing, kind, namespace, name, uid, generation, why, account, id, writer, "left at the provider");
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// The lines that the work writes, as JSON.
    async fn lines(work: impl Future<Output = ()>) -> Vec<serde_json::Value> {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(move || writer.clone()).finish();
        let guard = tracing::subscriber::set_default(subscriber);
        work.await;
        drop(guard);
        let bytes = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let text = String::from_utf8(bytes).expect("text");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn subject() -> Subject {
        Subject { kind: "SipEndpoint".into(), name: "alice".into(), action: "update", id: Some("e1".into()), ..Subject::default() }
    }

    #[tokio::test]
    async fn a_request_is_told_once_whatever_becomes_of_it() {
        let told = lines(about(subject(), async {
            Request::begins("update_endpoint", "/a".into()).ended(&End { outcome: "done", made: Some("e2"), ..End::default() });
            Request::begins("update_endpoint", "/b".into()).not_sent();
            drop(Request::begins("update_endpoint", "/c".into()));
        }))
        .await;
        let seen: Vec<_> = told.iter().map(|line| [&line["path"], &line["outcome"], &line["reason"], &line["id"]]).collect();
        let null = &serde_json::Value::Null;
        assert_eq!(
            seen,
            [[&"/a".into(), &"done".into(), null, &"e1".into()], [&"/c".into(), &"unknown".into(), &"Abandoned".into(), &"e1".into()]]
        );
        for line in &told {
            assert_eq!([&line["target"], &line["name"], &line["message"]], [TARGET, "alice", "provider call"], "{line}");
        }
    }

    #[tokio::test]
    async fn what_is_given_up_half_way_is_told_as_the_same_subjects() {
        let told = lines(async {
            let mut work = Box::pin(about(subject(), async {
                let request = Request::begins("update_endpoint", "/a".into());
                std::future::pending::<()>().await;
                request.not_sent();
            }));
            assert!(futures::poll!(&mut work).is_pending());
            drop(work);
        })
        .await;
        assert_eq!((told.len(), &told[0]["name"], &told[0]["outcome"]), (1, &"alice".into(), &"unknown".into()));
    }

    #[tokio::test]
    async fn a_request_of_nobody_is_told_with_what_was_made() {
        let told = lines(async {
            Request::begins("create_endpoint", "/a".into()).ended(&End { made: Some("e2"), outcome: "done", ..End::default() });
        })
        .await;
        assert_eq!((told.len(), &told[0]["id"], told[0].get("kind")), (1, &"e2".into(), None));
    }
}
