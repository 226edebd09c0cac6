//! Credentials → a live account, proven by the cheapest call. Where the Secret cannot be read any more, what was proven before serves the
//! deletions that are due: from memory, or, after a restart, from escrow.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tracing::{info, warn};

use super::object::AccountObject;
use crate::account::{Account, AccountId, AccountSettings, Fingerprint, Standing, Told};
use crate::api::condition::Reason;
use crate::api::ledger::SecretVersion;
use crate::controller::context::{Context, Credentials};
use crate::controller::escrow;
use crate::controller::secrets::Content;
use crate::core::account::Access;
use crate::core::fields::Secret;
use crate::core::key::{Kind, ObjectKey};
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::view::Problem;
use crate::provider::{Connection, connect, credentials_secret, unknown_provider};

/// Proving credentials includes waiting for the budget; longer than this means that the provider does not answer.
const IDENTIFY: Duration = Duration::from_secs(60);

/// The way into the account, and the account if it may be called.
pub async fn establish(ctx: &Context, object: &AccountObject, used: bool) -> (Access, Option<Arc<Account>>) {
    let key = &object.key;
    let (credentials, kept) = match credentials(ctx, object).await {
        Ok(credentials) => (credentials, None),
        Err(problem) => match kept(ctx, object, &problem, used).await {
            Ok(credentials) => (credentials, Some(problem)),
            Err(access) => {
                // Credentials that are gone, or may not be read any more, are not used from memory; an API server that did not answer
                // says nothing about them.
                if problem.reason != Reason::Progressing {
                    super::leave(ctx, &object.owner());
                }
                if !used {
                    super::forget_proven(ctx, &object.key);
                }
                return (access, None);
            }
        },
    };
    let provider = credentials.connection.provider.capabilities().provider;
    let pinned = object.pinned();
    // Credentials that do not say whose they are lead to the account that they led to before, until the provider says otherwise.
    let before = || pinned.as_ref().filter(|pinned| pinned.provider == provider).map(|pinned| pinned.id.clone());
    let named = credentials.connection.id.clone().or_else(|| credentials.whose.clone()).or_else(before);
    let (claimed, credentials) = match named {
        Some(id) => (id, credentials),
        None => match introduced(ctx, object, credentials).await {
            Ok(known) => known,
            Err(access) => return (access, None),
        },
    };
    let id = AccountId { provider, id: claimed };
    if let Some(pinned) = pinned.filter(|pinned| *pinned != id) {
        // Whose they are was asked once, and is not to be asked at each look.
        match credentials.whose {
            Some(_) => {
                ctx.accounts.detach(&object.owner());
                remember(ctx, key, Credentials { proven: false, ..credentials });
            }
            None => super::leave(ctx, &object.owner()),
        }
        return (Access::Pinned { found: id.id, pinned: pinned.id }, None);
    }
    let settings = AccountSettings {
        budget: object.spec.budget.as_ref().and_then(|budget| u32::try_from(budget.requests_per_5_seconds).ok()),
        sweep_period: object.spec.sweep_period_seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
    };
    let (owner, provider) = (object.owner(), Arc::clone(&credentials.connection.provider));
    let account = match credentials.proven {
        true => ctx.accounts.attach(owner, provider, id, settings),
        false => ctx.accounts.attach_unproven(owner, provider, id, settings),
    };
    let access = match ctx.accounts.standing(key) {
        Some(Standing::Proven) => Access::Proven(account.id().to_string()),
        Some(Standing::Rejected { message, due }) if !due.is_zero() => Access::Rejected { message, due: Some(due) },
        Some(Standing::Unproven { due }) if !due.is_zero() => credentials.said.unwrap_or(Access::Waiting(due)),
        // They worked until now, and only an answer says that they do not any more.
        Some(Standing::Stale) => match prove(ctx, object, &account, credentials).await {
            Access::Unreachable { .. } => Access::Proven(account.id().to_string()),
            access => access,
        },
        Some(Standing::Unproven { .. } | Standing::Rejected { .. }) | None => prove(ctx, object, &account, credentials).await,
    };
    let access = match (access, kept) {
        (Access::Proven(_), Some(problem)) => Access::Kept(problem),
        (access, _) => access,
    };
    let usable = matches!(access, Access::Proven(_) | Access::Kept(_));
    (access, usable.then_some(account))
}

/// The Secret is gone or spoiled, or consent was withdrawn, perhaps because the namespace is going: what was proven last serves deletions as
/// long as there are objects that need it. (New credentials that the provider refuses are not among these: old ones are not used once they
/// were replaced.)
async fn kept(ctx: &Context, object: &AccountObject, problem: &Problem, used: bool) -> Result<Credentials, Access> {
    let missing = Access::Missing(problem.clone());
    let gone = matches!(problem.reason, Reason::SecretNotFound | Reason::SecretAccessDenied);
    if !used || !gone && !matches!(problem.reason, Reason::SecretInvalid | Reason::SecretKeyMissing) {
        return Err(missing);
    }
    let known = ctx.proven.lock().unwrap_or_else(PoisonError::into_inner).get(&object.key).cloned();
    if let Some(known) = known {
        return Ok(known);
    }
    if !gone || object.key.kind != Kind::ProviderAccount || !ctx.deletions_due(&object.key) {
        return Err(missing);
    }
    match escrow::read(ctx, object).await {
        Ok(content) => {
            let name = credentials_secret(&object.spec).ok_or(missing)?;
            connected(ctx, object, name, &content).map_err(Access::Missing)
        }
        Err(escrow) => Err(Access::Lost { found: problem.clone(), escrow }),
    }
}

/// Asks the provider whose credentials they are that do not say so, and of which it is not known from before: what they lead to, and that
/// they are proven. Nothing else is done with them until then, nor with those that the object had before.
async fn introduced(ctx: &Context, object: &AccountObject, credentials: Credentials) -> Result<(String, Credentials), Access> {
    let key = &object.key;
    ctx.accounts.detach(&object.owner());
    let told = ctx.contacts.whose(key, &credentials.connection.provider, fingerprint(ctx, &credentials), ctx.settings.waits()).await;
    let access = match told {
        Told::Account(id) => {
            info!(account = %key, provider_account = id, "credentials accepted");
            let known = Credentials { proven: true, unanswered: 0, said: None, whose: Some(id.clone()), ..credentials };
            remember(ctx, key, known.clone());
            return Ok((id, known));
        }
        Told::Refused { message, due } => {
            forget_if_proven(ctx, key, &credentials);
            Access::Rejected { message, due: Some(due) }
        }
        Told::Wait(due) => Access::Waiting(due),
        Told::Nothing { message, attempts } => Access::Unreachable { message, attempts },
    };
    warn!(account = %key, ?access, "credentials not proven");
    Err(access)
}

/// Asks the provider whether the credentials are of this account.
async fn prove(ctx: &Context, object: &AccountObject, account: &Arc<Account>, credentials: Credentials) -> Access {
    let key = &object.key;
    let due = || match ctx.accounts.standing(key) {
        Some(Standing::Rejected { due, .. }) => Some(due),
        Some(Standing::Unproven { .. } | Standing::Proven | Standing::Stale) | None => None,
    };
    let access = match ask(ctx, object, account, &credentials).await {
        Told::Account(id) if id == account.id().id => {
            info!(account = %key, provider_account = %account.id(), "credentials accepted");
            remember(ctx, key, Credentials { proven: true, unanswered: 0, said: None, whose: Some(id), ..credentials });
            return Access::Proven(account.id().to_string());
        }
        // They claim nothing: it is this object that leads elsewhere.
        Told::Account(found) if credentials.connection.id.is_none() => {
            forget_if_proven(ctx, key, &credentials);
            ctx.accounts.detach(&object.owner());
            remember(ctx, key, Credentials { proven: false, unanswered: 0, said: None, whose: Some(found.clone()), ..credentials });
            Access::Pinned { found, pinned: account.id().id.clone() }
        }
        Told::Account(found) => {
            let access = Access::Elsewhere { claimed: account.id().to_string(), found };
            forget_if_proven(ctx, key, &credentials);
            remember(ctx, key, Credentials { proven: false, unanswered: 0, said: Some(access.clone()), ..credentials });
            access
        }
        Told::Refused { message, due: at_most } => {
            // Neither kept for deletions nor put into escrow. That they are not tried again before it is due, the account knows.
            forget_if_proven(ctx, key, &credentials);
            remember(ctx, key, Credentials { proven: false, unanswered: 0, ..credentials });
            Access::Rejected { message, due: due().or(Some(at_most)) }
        }
        Told::Wait(due) => Access::Waiting(due),
        Told::Nothing { message, attempts } => {
            let access = Access::Unreachable { message, attempts };
            // What was accepted before still is.
            if !credentials.proven {
                remember(ctx, key, Credentials { unanswered: attempts, said: Some(access.clone()), ..credentials });
            }
            access
        }
    };
    warn!(account = %key, ?access, "credentials not proven");
    access
}

async fn ask(ctx: &Context, object: &AccountObject, account: &Account, credentials: &Credentials) -> Told {
    let identify = ctx.accounts.identify(&object.key);
    // Many objects may have the same, and each of them alone would be a failed login a minute.
    if credentials.connection.id.is_none() {
        return ctx.contacts.check(fingerprint(ctx, credentials), ctx.settings.waits(), identify).await;
    }
    let nothing = |message| Told::Nothing { message, attempts: credentials.unanswered.saturating_add(1) };
    match tokio::time::timeout(IDENTIFY, identify).await {
        Ok(Outcome::Done(id)) => Told::Account(id),
        Ok(Outcome::Refused(refusal)) if refusal.kind == RefusalKind::Credentials => {
            Told::Refused { message: refusal.message, due: ctx.settings.waits().retry }
        }
        Ok(Outcome::Refused(refusal)) => nothing(refusal.message),
        Ok(Outcome::Unknown(doubt)) => nothing(doubt.message),
        Ok(Outcome::NotFound { .. }) => nothing(format!("{} was not found at the provider", account.id())),
        Err(_) => nothing(format!("the provider did not answer within {IDENTIFY:?}")),
    }
}

fn fingerprint(ctx: &Context, credentials: &Credentials) -> Fingerprint {
    ctx.contacts.fingerprint(credentials.connection.provider.capabilities().provider, &credentials.values)
}

/// What these credentials are known to be. Proven ones are kept for deletions that are due when their Secret is gone.
fn remember(ctx: &Context, key: &ObjectKey, credentials: Credentials) {
    if credentials.proven {
        ctx.proven.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), credentials.clone());
    }
    ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), credentials);
}

/// The credentials are of no use, and were perhaps before.
fn forget_if_proven(ctx: &Context, key: &ObjectKey, credentials: &Credentials) {
    ctx.proven.lock().unwrap_or_else(PoisonError::into_inner).retain(|of, kept| of != key || !kept.connects_as(credentials));
}

/// The credentials in the Secret, parsed before anything is called.
async fn credentials(ctx: &Context, object: &AccountObject) -> Result<Credentials, Problem> {
    let name = credentials_secret(&object.spec).ok_or_else(unknown_provider)?;
    let content = ctx.secrets.get(object.home(ctx), name, object.key.clone()).await?;
    connected(ctx, object, name, &content)
}

/// The way into the account with these values; the same as before, if they are the same. They become known as unproven.
fn connected(ctx: &Context, object: &AccountObject, name: &str, content: &Content) -> Result<Credentials, Problem> {
    let mut all = ctx.credentials.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = all.get(&object.key).filter(|known| known.version == content.version) {
        return Ok(known.clone());
    }
    // Only the provider's part knows which values are credentials.
    let used: RefCell<BTreeMap<String, Secret>> = RefCell::default();
    let connection = connect(&object.spec, &ctx.settings.places, &|value| {
        let secret = content.value(name, value)?;
        used.borrow_mut().insert(value.to_owned(), secret.clone());
        Ok(secret.expose().as_bytes())
    })?;
    let next = renewed(all.get(&object.key), content.version.clone(), connection, used.into_inner());
    all.insert(object.key.clone(), next.clone());
    Ok(next)
}

/// What a new version of the Secret makes of what was known: nothing else if somebody only touched it and left its values as they were, and
/// unproven credentials otherwise.
fn renewed(known: Option<&Credentials>, version: SecretVersion, connection: Connection, values: BTreeMap<String, Secret>) -> Credentials {
    match known.filter(|known| *known.values == values && known.connection.id == connection.id) {
        Some(known) => Credentials { version, ..known.clone() },
        None => Credentials { version, connection, values: Arc::new(values), proven: false, unanswered: 0, said: None, whose: None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::provider_account::ProviderAccountSpec;
    use crate::api::refs::ProviderKind;
    use crate::provider::Places;
    use crate::provider::transport::{BaseUrl, TransportOptions};

    fn made(spec: &ProviderAccountSpec, version: &str, values: &[(&str, &str)], known: Option<&Credentials>) -> Credentials {
        let values: BTreeMap<String, Secret> =
            values.iter().map(|(key, value)| ((*key).to_owned(), Secret::new((*value).to_owned()))).collect();
        let plivo = BaseUrl::parse("http://127.0.0.1:9").expect("an address");
        let places = Places { urls: BTreeMap::from([(ProviderKind::Plivo, plivo)]), transport: TransportOptions::default() };
        let connection = connect(spec, &places, &|key| Ok(values.get(key).expect("a value").expose().as_bytes())).expect("a connection");
        let version = SecretVersion { resource_version: version.to_owned(), ..SecretVersion::default() };
        renewed(known, version, connection, values)
    }

    #[test]
    fn a_secret_that_was_only_touched_holds_the_same_credentials_and_one_with_another_value_holds_others() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let spec = serde_json::json!({"plivo": {"credentialsSecretRef": {"name": "c"}}});
        let spec: ProviderAccountSpec = serde_json::from_value(spec).expect("a spec");
        let values = |id: &'static str, token: &'static str| [("auth_id", id), ("auth_token", token)];
        let (id, token) = ("MA000000000000000001", "tokentokentokentokentokentokentokentoken");
        let said = Some(Access::Unreachable { message: "no route".into(), attempts: 3 });
        let known = made(&spec, "1", &values(id, token), None);
        assert!(!known.proven);
        for known in [Credentials { proven: true, ..known.clone() }, Credentials { unanswered: 3, said, ..known.clone() }] {
            let touched = made(&spec, "2", &values(id, token), Some(&known));
            assert!(touched.connects_as(&known), "so that the account does not have to be asked again");
            assert_eq!((touched.proven, touched.unanswered, &touched.said), (known.proven, known.unanswered, &known.said));
            assert_eq!(touched.version.resource_version, "2");
            for other in [values(id, "othertokenothertokenothertokenothertoken"), values("MA000000000000000002", token)] {
                let other = made(&spec, "2", &other, Some(&known));
                assert!(!other.connects_as(&known) && !other.proven && other.unanswered == 0 && other.said.is_none());
            }
        }
    }

    #[test]
    fn whose_a_token_is_that_does_not_say_so_is_known_as_long_as_its_secret_holds_it() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let spec = serde_json::json!({"plivo": {"credentialsSecretRef": {"name": "c"}}});
        let spec: ProviderAccountSpec = serde_json::from_value(spec).expect("a spec");
        let made = |version, token, known: Option<&Credentials>| {
            let made = made(&spec, version, &[("auth_id", "MA000000000000000001"), ("auth_token", token)], None);
            let anonymous = Connection { id: None, ..made.connection };
            renewed(known, made.version, anonymous, (*made.values).clone())
        };
        let (token, other) = ("tokentokentokentokentokentokentokentoken", "othertokenothertokenothertokenothertoken");
        let known = Credentials { proven: true, whose: Some("p-1".into()), ..made("1", token, None) };
        let touched = made("2", token, Some(&known));
        assert!(touched.connects_as(&known) && touched.proven && touched.whose == known.whose);
        let rotated = made("2", other, Some(&known));
        assert!(!rotated.connects_as(&known) && !rotated.proven && rotated.whose.is_none(), "it may be anybody's");
    }
}
