//! The connection Secret (L34, L35): what a phone needs to log in, kept right beside the object, and the place where a generated password
//! lives.
//!
//! It is not the provider: it is written for objects that only observe too, and it follows what is known while the object is paused or
//! its account suspended. What is not known is left as it is: a password that the provider has not accepted (or that nothing compares) is
//! never written over the one that the phone has. A generated password is never written here but once, before there is an endpoint; who
//! edits it rotates it. Who undoes our writes again and again is not answered without end (`rewrites.rs`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::adopt;
use crate::api::condition::Reason;
use crate::api::ledger::SecretVersion;
use crate::core::action::{Action, Finding};
use crate::core::fields::{Remote, Secret};
use crate::core::shared::Viewed;
use crate::core::time::Moment;
use crate::core::view::{Desired, Problem, View, Wanted};

/// The key of what the phone logs in as.
pub const USERNAME: &str = "username";
/// The key of the password. Absent where the password is unmanaged.
pub const PASSWORD: &str = "password";
/// The key of the host that the phone registers with.
pub const DOMAIN: &str = "domain";
/// The key of the endpoint's address.
pub const SIP_URI: &str = "sip_uri";
/// All keys that are ours; others in the same Secret are left alone.
pub const KEYS: [&str; 4] = [USERNAME, PASSWORD, DOMAIN, SIP_URI];

/// After a write that was refused: consent given by then is noticed without a restart, within a minute.
const AGAIN: Duration = Duration::from_secs(20);

/// What is to be written, by key; `None` takes the key away. What is not named stays.
pub type Entries = BTreeMap<&'static str, Option<Secret>>;

/// The Secret that the spec names in `connectionSecret`, as last read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionSecret {
    /// Its name.
    pub name: String,
    /// The password is generated and lives in it.
    pub generates: bool,
    /// What there is under that name.
    pub held: Held,
}

/// What there is under the name of a connection Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It may not or could not be read, or it is not this object's: it is not written; what to say.
    Barred(Problem),
    /// There is none.
    Absent,
    /// It is this object's.
    Own {
        /// Which version this is.
        version: SecretVersion,
        /// It goes with the object. One that was only put there for the object (restored, say) does not yet.
        owned: bool,
        /// What of [`KEYS`] it holds.
        entries: BTreeMap<String, Secret>,
    },
}

/// A write of a connection Secret that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unwritten {
    /// Of which Secret.
    pub name: String,
    /// Why, and what to do.
    pub problem: Problem,
    /// When.
    pub at: Moment,
}

/// L34: nothing exists and nothing is on its way; what has to be durable before a create may be announced.
pub(super) fn before_create(view: &View) -> Option<Action> {
    let connection = view.connection.as_ref().filter(|connection| connection.generates)?;
    match &connection.held {
        // Else it could still go with whom it belonged to before, and the password with it.
        Held::Own { owned: false, .. } => Some(turn(view, connection, Entries::new(), Action::WriteConnection)),
        _ if matches!(view.desired, Desired::Unmade(_)) => {
            // Which password is open until it is made.
            Some(turn(view, connection, Entries::from([(PASSWORD, None)]), |_| Action::StorePassword))
        }
        _ => None,
    }
}

/// L35: all that is to be done at the provider is done, with this finding; now the Secret.
pub(super) fn then(view: &View, wanted: &Wanted, remote: &Remote, finding: Finding) -> Action {
    match due(view, wanted, remote) {
        None => Action::Done(finding),
        // What is wrong at the provider is said first.
        Some(Action::Wait { until, finding: problem }) => {
            Action::Wait { until, finding: if finding.reason == Reason::Available { problem } else { Some(finding) } }
        }
        Some(write) => write,
    }
}

/// L35 while nothing may be written at the provider: by what is known of the endpoint, without asking.
pub(super) fn while_held(view: &View, wanted: &Wanted) -> Option<Action> {
    let id = view.recorded()?.id;
    if view.unusable().is_some() || adopt::belongs_to_another(view, id).is_some() || view.evidence.missing(id).is_some() {
        return None;
    }
    let observed = view.evidence.observed(id).filter(|seen| view.owns(seen.remote))?;
    due(view, wanted, observed.remote).filter(|action| matches!(action, Action::WriteConnection(_)))
}

/// What the provider is like where the finding is about the connection Secret alone.
pub fn apart_from_it(view: &View, finding: &Finding) -> Option<Finding> {
    view.connection.as_ref()?;
    let apart = View { connection: None, ..view.clone() };
    match super::next(&apart) {
        Action::Done(found) if found.reason == Reason::Available && found != *finding => Some(found),
        _ => None,
    }
}

fn due(view: &View, wanted: &Wanted, remote: &Remote) -> Option<Action> {
    let connection = view.connection.as_ref()?;
    let all = entries(view, wanted, remote);
    let change: Entries = match &connection.held {
        Held::Barred(problem) => {
            return Some(Action::Wait { until: None, finding: Some(Finding::new(problem.reason, problem.message.clone())) });
        }
        Held::Absent => all.into_iter().filter(|(_, value)| value.is_some()).collect(),
        Held::Own { entries, owned, .. } => {
            let change: Entries = all.into_iter().filter(|(key, value)| entries.get(*key) != value.as_ref()).collect();
            if change.is_empty() && *owned {
                return None;
            }
            change
        }
    };
    Some(turn(view, connection, change, Action::WriteConnection))
}

/// What is known of the endpoint, for its phone.
fn entries(view: &View, wanted: &Wanted, remote: &Remote) -> Entries {
    let mut entries = Entries::new();
    if view.registers() {
        entries.insert(USERNAME, Some(Secret::new(remote.username.clone())));
    }
    if let Some(uri) = remote.sip_uri.as_ref().filter(|_| view.registers()) {
        entries.insert(SIP_URI, Some(Secret::new(uri.clone())));
        entries.insert(DOMAIN, Some(Secret::new(domain(uri).to_owned())));
    }
    match &wanted.password {
        // Unmanaged: nobody knows it.
        None => drop(entries.insert(PASSWORD, None)),
        Some(password) => {
            let compared = view.evidence.password_matches;
            let accepted = compared == Some(true) || compared.is_none() && view.password_version() == Some(&password.version);
            if accepted {
                entries.insert(PASSWORD, Some(password.value.clone()));
            }
        }
    }
    entries
}

/// The host of a SIP URI.
fn domain(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let host = host.split([';', '?', '>']).next().unwrap_or_default();
    match host.strip_prefix('[').and_then(|literal| literal.split_once(']')) {
        Some((literal, _)) => host.get(..literal.len() + 2).unwrap_or(host),
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// The write, unless it was refused lately, or others undo it again and again.
fn turn(view: &View, connection: &ConnectionSecret, entries: Entries, write: impl FnOnce(Entries) -> Action) -> Action {
    let refused = view.memory.unwritten.as_ref().filter(|unwritten| unwritten.name == connection.name);
    if let Some((until, problem)) =
        refused.map(|unwritten| (unwritten.at + AGAIN, &unwritten.problem)).filter(|(until, _)| view.now < *until)
    {
        return Action::Wait { until: Some(until), finding: Some(Finding::new(problem.reason, problem.message.clone())) };
    }
    match view.memory.rewrites.contested(connection, &entries, view.now) {
        Some((until, keys)) => Action::Wait { until: Some(until), finding: Some(contested(view, connection, &keys)) },
        None => write(entries),
    }
}

fn contested(view: &View, connection: &ConnectionSecret, keys: &[&str]) -> Finding {
    let meanwhile = match view.recorded() {
        Some(_) => "and the phone may find a login in it that does not work",
        None => "and no endpoint is created until it stays",
    };
    Finding::new(
        Reason::Contested,
        format!(
            "Secret {} does not keep what is written into it ({}): others change or delete it again and again. Find out who does (a tool that brings Secrets from elsewhere or from a repository; its metadata.managedFields tell; or an admission webhook), and let them leave these alone, or name another Secret in connectionSecret. Meanwhile it is written once an hour, {meanwhile}",
            connection.name,
            keys.join(", ")
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::domain;

    #[test]
    fn the_domain_is_the_host_of_the_uri() {
        let table = [
            ("sip:alice3kf9x2mq7abhc131031145958@phone.plivo.com", "phone.plivo.com"),
            ("sips:a@phone.example:5061;transport=tls", "phone.example"),
            ("sip:a@[2001:db8::1]:5060", "[2001:db8::1]"),
            ("sip:phone.example", "phone.example"),
            ("<sip:a@phone.example>", "phone.example"),
            ("sip:a@b@phone.example?x=1", "phone.example"),
        ];
        for (uri, host) in table {
            assert_eq!(domain(uri), host, "{uri}");
        }
    }
}
