//! The connection Secret in the shell: what there is of it, and the writes that `next` decides on. Its content is in no log line, event
//! or status.

use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{Resource, ResourceExt};
use tracing::{info, warn};

use crate::api::ANNOTATION_CONNECTION;
use crate::api::condition::Reason;
use crate::api::sip_endpoint::SipEndpoint;
use crate::controller::context::Context;
use crate::controller::execute::{Pass, Step};
use crate::controller::managed::Managed;
use crate::controller::report;
use crate::controller::secrets::{Content, NotWritten, generated};
use crate::core::endpoint::connection::{ConnectionSecret, Entries, Held, KEYS, PASSWORD};
use crate::core::key::ObjectKey;
use crate::core::view::{Desired, Password, Problem, View};
use crate::failpoint;
use crate::provider;
use crate::telemetry::audit::TARGET;

/// The Secret that the spec names, as it is now. An object that is going does not look at it: it goes with the object by itself.
pub async fn secret(ctx: &Context, object: &SipEndpoint, key: &ObjectKey) -> Option<ConnectionSecret> {
    let name = object.spec.connection_secret.as_ref()?.name.clone();
    let held = match ctx.secrets.get(&key.namespace, &name, key.clone()).await {
        Ok(content) => held(object, key, &name, &content),
        Err(problem) if problem.reason == Reason::SecretNotFound => Held::Absent,
        Err(problem) => Held::Barred(problem),
    };
    Some(ConnectionSecret { name, generates: provider::generates_password(&object.spec), held })
}

fn held(object: &SipEndpoint, key: &ObjectKey, name: &str, content: &Content) -> Held {
    let owned = content.is_owned_by(&object.uid().unwrap_or_default());
    if !owned && !content.is_meant_for(&SipEndpoint::kind(&()), &key.name) {
        return Held::Barred(Problem {
            reason: Reason::Conflict,
            message: format!(
                "Secret {namespace}/{name} exists and does not belong to this object: it is neither used nor written. Name another one in connectionSecret, or delete it; if it is meant for this object, run: kubectl -n {namespace} annotate secret {name} {ANNOTATION_CONNECTION}={object}. This goes on by itself within a second",
                namespace = key.namespace,
                object = key.name
            ),
        });
    }
    let entries = KEYS.iter().filter_map(|entry| Some(((*entry).to_owned(), content.get(entry)?.clone()))).collect();
    Held::Own { version: content.version.clone(), owned, entries }
}

/// The generated password, from where it is kept.
pub fn password(connection: Option<&ConnectionSecret>, key: &ObjectKey) -> Password {
    let Some(connection) = connection else {
        // The schema refuses this.
        return Err(Problem {
            reason: Reason::InvalidSpec,
            message: "generatePassword needs connectionSecret: the password is kept there, and nowhere else; nothing is done. Name one"
                .into(),
        });
    };
    let (namespace, name) = (&key.namespace, &connection.name);
    let lost = |reason: Reason, what: String| Problem {
        reason,
        message: format!(
            "{what}. A password is not made anew for an endpoint that exists, and nothing is changed at the provider until it is back: restore the Secret ({PASSWORD} in it, and the annotation {ANNOTATION_CONNECTION}: {}), or give a password in passwordSecretRef instead of generatePassword, or delete this object (a new one gets a new endpoint)",
            key.name
        ),
    };
    match &connection.held {
        Held::Barred(problem) => Err(problem.clone()),
        Held::Absent => {
            Err(lost(Reason::SecretNotFound, format!("Secret {namespace}/{name}, which is to hold the generated password, does not exist")))
        }
        Held::Own { version, entries, .. } => match entries.get(PASSWORD).filter(|password| !password.expose().is_empty()) {
            Some(password) => Ok(Some((password.clone(), version.clone()))),
            None => Err(lost(
                Reason::SecretKeyMissing,
                format!("Secret {namespace}/{name} has no key {PASSWORD:?}, which is to hold the generated password"),
            )),
        },
    }
}

/// What is wanted, where a generated password that is nowhere may still be made.
pub fn unmade(connection: Option<&ConnectionSecret>, password: &Password, desired: Desired) -> Desired {
    let missing = match connection.map(|connection| (&connection.held, connection.generates)) {
        Some((Held::Absent, true)) => true,
        Some((Held::Own { entries, .. }, true)) => entries.get(PASSWORD).is_none_or(|password| password.expose().is_empty()),
        _ => false,
    };
    match (desired, password) {
        (Desired::Blocked(problem), Err(lost)) if missing && problem == *lost => Desired::Unmade(problem),
        (desired, _) => desired,
    }
}

impl Pass<'_, SipEndpoint> {
    /// L34: stored before it is used for anything; the next look reads it like any other.
    pub(super) async fn store_password(&mut self, view: &View) -> Step {
        // The Secret's own version says nothing about the object: who sees an old one might not know of an endpoint that exists.
        match report::read(self.ctx, &self.object).await {
            Ok(Some(object)) if object.metadata.resource_version == self.object.metadata.resource_version => {}
            Ok(Some(object)) => {
                self.object = object;
                SipEndpoint::note(self.ctx, &self.object);
                return Step::Again;
            }
            Ok(None) => return Step::Gone,
            Err(error) => {
                warn!(object = %self.key(), %error, "the API server cannot be read; trying again later");
                return Step::Stop(Some(view.now + Duration::from_secs(2)));
            }
        }
        match generated() {
            Ok(password) => self.write_connection(view, &Entries::from([(PASSWORD, Some(password))]), "store_password").await,
            Err(error) => {
                let problem = Problem {
                    reason: Reason::Progressing,
                    message: format!("no password could be generated: {error}; it is tried again by itself"),
                };
                self.unwritten(view, problem)
            }
        }
    }

    /// L35. The point is the name of its fail point.
    pub(super) async fn write_connection(&mut self, view: &View, entries: &Entries, point: &'static str) -> Step {
        let Some(secret) = &view.connection else { return Step::Stop(None) };
        let key = self.key();
        failpoint::at(point, "before").await;
        let answer = self.ctx.secrets.write(owner(&self.object), &key.namespace, secret, entries).await;
        failpoint::at(point, "after").await;
        match answer {
            Ok(version) => {
                let now = self.ctx.clock.now();
                info!(target: TARGET, action = "write_secret", kind = "SipEndpoint", namespace = key.namespace, name = key.name, secret = secret.name, fields = entries.keys().copied().collect::<Vec<_>>().join(","), writer = self.ctx.writer, "connection Secret written");
                self.slot.memory.learnt.connection_written(secret, entries, version, now);
                Step::Again
            }
            Err(NotWritten::Conflict) => Step::Again,
            Err(NotWritten::Refused(problem)) => {
                warn!(object = %key, secret = secret.name, problem = problem.message, "the connection Secret could not be written");
                self.unwritten(view, problem)
            }
        }
    }

    fn unwritten(&mut self, view: &View, problem: Problem) -> Step {
        let now = self.ctx.clock.now();
        if let Some(secret) = &view.connection {
            self.slot.memory.learnt.connection_refused(&secret.name, problem, now);
        }
        Step::Again
    }
}

/// The Secret goes with the object. Not `blockOwnerDeletion`: that would need rights on finalizers of others where an admission plugin
/// asks for them, and nobody waits for the Secret.
fn owner(object: &SipEndpoint) -> OwnerReference {
    OwnerReference {
        api_version: SipEndpoint::api_version(&()).into_owned(),
        kind: SipEndpoint::kind(&()).into_owned(),
        name: object.name_any(),
        uid: object.uid().unwrap_or_default(),
        controller: Some(true),
        block_owner_deletion: None,
    }
}
