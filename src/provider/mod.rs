//! REST behind one trait. A provider turns one call into one [`Outcome`] of the closed set; it never retries what mutates, never
//! follows a redirect, never lets a secret into an error, and knows nothing of Kubernetes or of other calls (budget and listings
//! are the account's).

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::api::ENDPOINT_REF_ON_PLIVO;
use crate::api::condition::Reason;
use crate::api::phone_number_binding::PhoneNumberBindingSpec;
use crate::api::policy::ManagementPolicy;
use crate::api::provider_account::ProviderAccountSpec;
use crate::api::refs::{ProviderKind, SecretKeyRef};
use crate::api::sip_endpoint::SipEndpointSpec;
use crate::core::binding::view as binding;
use crate::core::fields::{Application, Fields, Number, Remote, Secret};
use crate::core::mark::base_from_name;
use crate::core::outcome::Outcome;
use crate::core::view::{Desired, Password, Problem};
use crate::provider::transport::{BaseUrl, TransportOptions};

pub mod plivo;
pub mod transport;

/// One account at one provider, reached with one set of credentials. Every method is one request, bounded in time and size.
pub trait Provider: Send + Sync + 'static {
    /// What the protocol must know of this provider.
    fn capabilities(&self) -> Capabilities;
    /// The account id that the credentials lead to: the cheapest call that proves them.
    fn identify(&self) -> BoxFuture<'_, Outcome<String>>;
    /// Creates an endpoint. Sent at most once, on a connection of its own. `username` is what we ask for; the provider may append
    /// to it, and an answer with another beginning is [`Outcome::Unknown`].
    fn create_endpoint<'a>(&'a self, username: &'a str, fields: &'a Fields) -> BoxFuture<'a, Outcome<Created>>;
    /// Reads one endpoint.
    fn get_endpoint<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Remote>>;
    /// One page of the listing of all endpoints.
    fn list_endpoints(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Remote>>>;
    /// Changes the given fields. The caller includes what [`Capabilities::always_sent`] names.
    fn update_endpoint<'a>(&'a self, id: &'a str, change: &'a Fields) -> BoxFuture<'a, Outcome<()>>;
    /// Deletes by id. Not found is [`Outcome::NotFound`], not success.
    fn delete_endpoint<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<()>>;
    /// Reads one phone number that the account holds, written as the provider does. There is no call that gets one or gives one up.
    fn get_number<'a>(&'a self, number: &'a str) -> BoxFuture<'a, Outcome<Number>>;
    /// One page of the listing of all numbers that the account holds.
    fn list_numbers(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Number>>>;
    /// Changes the given fields of a number. The caller includes what [`Capabilities::always_sent`] names; `""` is none. Done proves
    /// nothing but that it was taken: read it back. Not found may be the number or the application: read the number to know.
    fn update_number<'a>(&'a self, number: &'a str, change: &'a Fields) -> BoxFuture<'a, Outcome<()>>;
    /// One page of the listing of all applications.
    fn list_applications(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Application>>>;
    /// Whether the endpoint has this password; `None` where the answer says nothing about it. In memory only.
    fn password_matches(&self, remote: &Remote, password: &Secret) -> Option<bool>;
}

/// What a create answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The new endpoint's id.
    pub id: String,
    /// The full username.
    pub username: String,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What was listed, in the provider's order.
    pub items: Vec<T>,
    /// How many there are in all, if the answer says so.
    pub total: Option<u64>,
}

/// How a provider differs from others in what the protocol cares about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Shown to people and stored in `status.account.provider`.
    pub provider: ProviderKind,
    /// Largest page of a listing.
    pub page_size: u64,
    /// Fields that an update must always carry, because the provider resets what is left out.
    pub always_sent: &'static [&'static str],
    /// Calls per 5 seconds used by default.
    pub default_budget: u32,
    /// Calls per 5 seconds that the provider allows the whole account; 0 where that is not known.
    pub provider_limit: u32,
}

/// Where the providers are and how they are reached: settings of the process.
#[derive(Clone, Debug)]
pub struct Places {
    /// Plivo's origin.
    pub plivo: BaseUrl,
    /// Deadlines and roots of all calls.
    pub transport: TransportOptions,
}

/// The way into an account.
#[derive(Clone)]
pub struct Connection {
    /// The account id that the credentials claim; [`Provider::identify`] proves it.
    pub id: String,
    /// Calls with these credentials.
    pub provider: Arc<dyn Provider>,
}

/// The Secret of an account's credentials; `None` if the spec names no provider of this version.
pub fn credentials_secret(spec: &ProviderAccountSpec) -> Option<&str> {
    spec.plivo.as_ref().map(|plivo| plivo.credentials_secret_ref.name.as_str())
}

/// A connection from the values of the credentials' Secret, judged before anything is called.
///
/// # Errors
/// What is wrong with the Secret, without a value of it.
pub fn connect<'s>(
    spec: &ProviderAccountSpec,
    places: &Places,
    value: impl Fn(&str) -> Result<&'s [u8], Problem>,
) -> Result<Connection, Problem> {
    match &spec.plivo {
        Some(account) => plivo::connect(&account.credentials_secret_ref.name, places, value),
        None => Err(unknown_provider()),
    }
}

/// The Secret of an endpoint's password; `None` if the spec names none.
pub fn password_secret(spec: &SipEndpointSpec) -> Option<&SecretKeyRef> {
    spec.plivo.as_ref().and_then(|plivo| plivo.password_secret_ref.as_ref())
}

/// Whether the password is generated, and lives in the connection Secret.
pub fn generates_password(spec: &SipEndpointSpec) -> bool {
    spec.plivo.as_ref().is_some_and(|plivo| plivo.generate_password && plivo.password_secret_ref.is_none())
}

/// What the endpoint's username begins with, before the mark.
pub fn base_username(spec: &SipEndpointSpec, name: &str) -> String {
    spec.plivo.as_ref().and_then(|plivo| plivo.username.clone()).unwrap_or_else(|| base_from_name(name))
}

/// The application that an endpoint's spec names instead of giving its id: what the account is to resolve.
pub fn app_name(spec: &SipEndpointSpec) -> Option<&str> {
    spec.plivo.as_ref().and_then(|plivo| plivo.app_name.as_deref())
}

/// The binding's number as the provider writes it: digits without a plus (`contracts/plivo.md` 2).
pub fn number(spec: &PhoneNumberBindingSpec) -> &str {
    spec.number.strip_prefix('+').unwrap_or(&spec.number)
}

/// What the name of an application in a spec stands for: its id, or why it stands for none. `None`: nobody has asked, which is right only
/// where [`app_name`] names none.
pub type NamedApplication = Option<Result<String, Problem>>;

/// What the spec wants, in the provider's own terms.
pub fn desired(spec: &SipEndpointSpec, name: &str, password: Password, application: NamedApplication) -> Desired {
    match &spec.plivo {
        Some(_) if spec.adopt.is_none() && password == Ok(None) => Desired::Blocked(Problem {
            reason: Reason::InvalidSpec,
            message:
                "no password is given, and without one no endpoint can be created; nothing is done. Name its Secret in passwordSecretRef, or set generatePassword and connectionSecret"
                    .into(),
        }),
        // The schema refuses this; a decision that creates must not rest on the schema alone.
        Some(_) if spec.adopt.is_none() && spec.management_policy == ManagementPolicy::Observe => Desired::Blocked(Problem {
            reason: Reason::InvalidSpec,
            message: "managementPolicy: Observe needs adopt, which says what to observe; nothing is done. Add adopt in a new object, or use Manage"
                .into(),
        }),
        Some(endpoint) => plivo::desired::desired(endpoint, name, password, application),
        None => Desired::Blocked(unknown_provider()),
    }
}

/// What is to answer a number, as its binding names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The application with this id; `""` is none at all.
    Id(&'a str),
    /// The only application of this name.
    Name(&'a str),
    /// The application of this SipEndpoint.
    Of(&'a str),
}

/// What is to answer the number.
///
/// # Errors
/// The provider cannot do that, or nothing or too much is named. The schema refuses all of it; what is written to a number must not rest
/// on the schema alone.
pub fn target(spec: &PhoneNumberBindingSpec) -> Result<Target<'_>, Problem> {
    let invalid =
        |message: &str| Problem { reason: Reason::InvalidSpec, message: format!("spec.target: {message}; the number is left as it is") };
    let target = &spec.target;
    if target.endpoint_ref.is_some() {
        return Err(invalid(ENDPOINT_REF_ON_PLIVO));
    }
    let id = target.app_id.as_deref().map(Target::Id);
    let name = target.app_name.as_deref().map(Target::Name);
    let of = target.application_of.as_ref().map(|endpoint| Target::Of(&endpoint.name));
    match (id, name, of) {
        (Some(target), None, None) | (None, Some(target), None) | (None, None, Some(target)) => Ok(target),
        _ => Err(invalid("exactly one of app_id, app_name and applicationOf says what answers the number")),
    }
}

/// What the spec wants of a number that this application is to answer.
pub fn binding_desired(spec: &PhoneNumberBindingSpec, application: Result<String, Problem>) -> binding::Desired {
    match application {
        Ok(app_id) => binding::Desired::Wanted(plivo::binding::desired(spec, app_id)),
        Err(problem) => binding::Desired::Blocked(problem),
    }
}

/// What to say of a spec whose provider this version does not know.
pub fn unknown_provider() -> Problem {
    Problem {
        reason: Reason::InvalidSpec,
        message: "spec names no provider that this version knows (plivo); nothing is done. Upgrade Switchboard, or use one it knows".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ledger::SecretVersion;
    use crate::api::phone_number_binding as api;
    use crate::api::refs::EndpointRef;
    use crate::api::sip_endpoint::{Adopt, PlivoEndpoint};

    #[test]
    fn a_number_has_exactly_one_target_and_no_endpoint_answers_one() {
        let reference = || Some(EndpointRef { name: "alice".into() });
        let nothing = api::Target::default;
        let table: [(&str, api::Target, Result<Target<'_>, &str>); 7] = [
            ("an application", api::Target { app_id: Some("7".into()), ..nothing() }, Ok(Target::Id("7"))),
            ("explicitly none", api::Target { app_id: Some(String::new()), ..nothing() }, Ok(Target::Id(""))),
            ("one by name", api::Target { app_name: Some("ivr".into()), ..nothing() }, Ok(Target::Name("ivr"))),
            ("that of an endpoint", api::Target { application_of: reference(), ..nothing() }, Ok(Target::Of("alice"))),
            ("an endpoint", api::Target { endpoint_ref: reference(), ..nothing() }, Err("never by an endpoint")),
            ("nothing", nothing(), Err("exactly one")),
            ("two", api::Target { app_id: Some("7".into()), application_of: reference(), ..nothing() }, Err("exactly one")),
        ];
        for (sentence, given, expected) in table {
            let spec = PhoneNumberBindingSpec { target: given, ..PhoneNumberBindingSpec::default() };
            match (target(&spec), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{sentence}"),
                (Err(problem), Err(words)) => {
                    assert_eq!(problem.reason, Reason::InvalidSpec);
                    assert!(problem.message.contains(words), "{sentence}: {}", problem.message);
                }
                (found, _) => panic!("{sentence}: {found:?}"),
            }
        }
    }

    #[test]
    fn what_the_schema_refuses_is_not_created_either() {
        let given = || Ok(Some((Secret::new("hunter22".into()), SecretVersion::default())));
        let adopt = || Some(Adopt { endpoint_id: "1".into(), from_installation: None });
        let (manage, observe) = (ManagementPolicy::Manage, ManagementPolicy::Observe);
        let table: [(&str, ManagementPolicy, Option<Adopt>, Password, bool); 5] = [
            ("a password", manage, None, given(), true),
            ("no password", manage, None, Ok(None), false),
            ("no password is needed to adopt", manage, adopt(), Ok(None), true),
            ("observe what is adopted", observe, adopt(), Ok(None), true),
            ("observe nothing", observe, None, given(), false),
        ];
        for (sentence, management_policy, adopt, password, wanted) in table {
            let spec = SipEndpointSpec { plivo: Some(PlivoEndpoint::default()), adopt, management_policy, ..SipEndpointSpec::default() };
            assert_eq!(matches!(desired(&spec, "alice", password, None), Desired::Wanted(_)), wanted, "{sentence}");
        }
    }
}
