//! What `switchboard run` is told about leader election.

use std::time::Duration;

use clap::Args;

use super::shared::{duration, namespace};
use crate::controller::leader::Settings;
use crate::core::lease::Terms;
use crate::provider::transport::Deadlines;

/// The settings of leader election.
#[derive(Args, Clone, Debug)]
pub struct LeaseArgs {
    /// Work without a lease. Only where it is certain that no second process does: two are safe, but they do everything twice.
    #[arg(long, env = "SWITCHBOARD_NO_LEADER_ELECTION")]
    pub no_leader_election: bool,

    /// The name of the Lease. Processes that work on the same objects must agree on it, others must differ in it or in the namespace. With
    /// another name the Role switchboard-leader needs it too.
    #[arg(long, env = "SWITCHBOARD_LEASE_NAME", default_value = "switchboard", value_parser = object_name, value_name = "NAME")]
    pub lease_name: String,

    /// The namespace of the Lease; without it the operator's own.
    #[arg(long, env = "SWITCHBOARD_LEASE_NAMESPACE", value_parser = namespace, value_name = "NAME")]
    pub lease_namespace: Option<String>,

    /// How long a leader that is not heard of any more still counts as one. Without it 30s, or one and a half times the longest call that
    /// changes something at a provider, if that is more: such a call is not begun unless it ends while the lease lasts. Replicas should
    /// agree on it.
    #[arg(long, env = "SWITCHBOARD_LEASE_DURATION", value_parser = duration, value_name = "DURATION")]
    pub lease_duration: Option<Duration>,

    /// How often the leader renews the Lease; without it each third of its duration. Leading ends after two thirds without success.
    #[arg(long, env = "SWITCHBOARD_LEASE_RENEW", value_parser = duration, value_name = "DURATION")]
    pub lease_renew: Option<Duration>,

    /// Who this process is in the Lease: one that is started again under the same identity takes its own lease back at once, so no two may
    /// have the same at a time. Without it the uid of the Pod after its name (POD_UID and POD_NAME, which the chart sets), else something unique.
    #[arg(long, env = "SWITCHBOARD_IDENTITY", value_name = "TEXT")]
    pub identity: Option<String>,
}

impl LeaseArgs {
    /// Judged before anything is contacted. `None` without election.
    ///
    /// # Errors
    /// Durations that do not go together, or an identity of no use.
    pub fn election(&self, operator_namespace: &str, deadlines: Deadlines) -> anyhow::Result<Option<Settings>> {
        if self.no_leader_election {
            return Ok(None);
        }
        let longest = deadlines.create.max(deadlines.write);
        let terms = Terms::new(self.lease_duration, self.lease_renew, longest).map_err(anyhow::Error::msg)?;
        let identity = self.identity.clone().unwrap_or_else(|| identity(|name| std::env::var(name).ok()));
        anyhow::ensure!((1..=300).contains(&identity.len()), "--identity must have 1 to 300 characters");
        let namespace = self.lease_namespace.clone().unwrap_or_else(|| operator_namespace.to_owned());
        Ok(Some(Settings { namespace, name: self.lease_name.clone(), identity, terms }))
    }
}

/// The Pod, which outlives its containers; else something that nobody else has.
fn identity(variable: impl Fn(&str) -> Option<String>) -> String {
    let variable = |name| variable(name).filter(|text| !text.is_empty());
    let name = variable("POD_NAME").or_else(|| variable("HOSTNAME")).unwrap_or_else(|| "switchboard".to_owned());
    let uid = variable("POD_UID").unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    format!("{}_{uid}", name.chars().take(200).collect::<String>())
}

/// A name that an object can have.
fn object_name(text: &str) -> Result<String, String> {
    let within = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let formed = bytes.len() <= 253 && bytes.iter().copied().all(within) && ends(bytes.first()) && ends(bytes.last());
    if formed { Ok(text.to_owned()) } else { Err(format!("{text:?} is no name of an object (1 to 253 of a-z, 0-9, - and .)")) }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        lease: LeaseArgs,
    }

    fn election(arguments: &[&str], longest: Duration) -> anyhow::Result<Option<Settings>> {
        let line = Line::try_parse_from(["run"].iter().chain(arguments))?;
        line.lease.election("switchboard-system", Deadlines::with_create(longest))
    }

    #[test]
    fn a_lease_is_asked_for_unless_it_is_switched_off() {
        let usual = election(&["--identity", "me"], Duration::from_secs(20)).expect("settings").expect("an election");
        assert_eq!((usual.namespace.as_str(), usual.name.as_str(), usual.identity.as_str()), ("switchboard-system", "switchboard", "me"));
        assert_eq!(usual.terms.duration, Duration::from_secs(30));
        let other = ["--lease-namespace", "voice", "--lease-name", "other", "--lease-duration", "60s", "--lease-renew", "15s"];
        let other = election(&other, Duration::from_secs(20)).expect("settings").expect("an election");
        assert_eq!((other.namespace.as_str(), other.name.as_str()), ("voice", "other"));
        assert_eq!((other.terms.duration, other.terms.renew), (Duration::from_secs(60), Duration::from_secs(15)));
        assert!(election(&["--no-leader-election"], Duration::from_secs(20)).expect("settings").is_none());
    }

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_contacted() {
        let table: [(&[&str], u64, &str); 6] = [
            (&["--lease-duration", "25s"], 20, "--lease-duration 25s is too short"),
            (&["--lease-duration", "30s"], 40, "must be at least 57.1"),
            (&["--lease-renew", "20s"], 20, "--lease-renew 20s is too long"),
            (&["--identity", ""], 20, "--identity must have 1 to 300 characters"),
            (&["--lease-name", "Upper"], 20, "no name of an object"),
            (&["--lease-namespace", ""], 20, "no name of a namespace"),
        ];
        for (arguments, create, expected) in table {
            let error = election(arguments, Duration::from_secs(create)).expect_err("refused").to_string();
            assert!(error.contains(expected), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn a_pod_is_the_same_one_after_a_restart_of_its_container_and_two_processes_are_two() {
        let pod = |name: &str| match name {
            "POD_NAME" => Some("switchboard-0".to_owned()),
            "POD_UID" => Some("1234".to_owned()),
            _ => None,
        };
        assert_eq!((identity(pod), identity(pod)), ("switchboard-0_1234".to_owned(), "switchboard-0_1234".to_owned()));
        let nowhere = |_: &str| None;
        assert_ne!(identity(nowhere), identity(nowhere));
        assert!(identity(|name: &str| (name == "HOSTNAME").then(|| "host".to_owned())).starts_with("host_"));
    }
}
