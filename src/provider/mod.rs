//! REST behind one trait. A provider turns one call into one [`Outcome`] of the closed set; it never retries what mutates, never
//! follows a redirect, never lets a secret into an error, and knows nothing of Kubernetes or of other calls (budget and listings
//! are the account's).
//!
//! A provider is a folder here with a [`Dialect`] (its member in the manifests) and a [`Provider`] (its REST API), and a line in
//! [`dialects`]. Nothing else names one.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use sha2::{Digest, Sha256};

use crate::api::condition::Reason;
use crate::api::ledger::SecretVersion;
use crate::api::phone_number_binding::PhoneNumberBindingSpec;
use crate::api::policy::ManagementPolicy;
use crate::api::provider_account::ProviderAccountSpec;
use crate::api::refs::{ProviderKind, SecretKeyRef};
use crate::api::sip_endpoint::SipEndpointSpec;
use crate::core::binding::view as binding;
use crate::core::capabilities::Capabilities;
use crate::core::fields::{Application, FieldName, Fields, Number, PASSWORD, Remote, Secret};
use crate::core::key::ObjectKey;
use crate::core::mark::{Mark, Place, base_from_name};
use crate::core::outcome::{Outcome, Refusal, RefusalKind};
use crate::core::view::{Desired, Password, Problem};
use crate::provider::manifest::Written;
use crate::provider::transport::{BaseUrl, TransportOptions};

mod answers;
pub mod carrierx;
mod credentials;
pub mod manifest;
pub mod plivo;
pub mod read_only;
pub mod transport;

/// Things of one kind that are made, read, changed and deleted at a provider: endpoints, or the trunk groups that lead numbers to them.
/// Every request is bounded in time and size. A method is one request but for these, where the provider needs several for one thing: at
/// CarrierX [`Remotes::references`] up to 11, where it does not select, and [`Remotes::update`] of a trunk group up to 6. They count as
/// one call of the account's budget.
pub trait Remotes: Send + Sync {
    /// Creates one. Sent at most once, on a connection of its own. `label` is what we ask for and carries our mark; the provider may append
    /// to it, and an answer with another beginning is [`Outcome::Unknown`].
    fn create<'a>(&'a self, label: &'a str, fields: &'a Fields) -> BoxFuture<'a, Outcome<Created>>;
    /// Reads one.
    fn get<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Remote>>;
    /// One page of the listing of all.
    fn list(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Remote>>>;
    /// All that carry the mark, in one call: what the provider selected, looked at again here. [`Page::more`] says whether there may be
    /// others. Only where [`Capabilities::list_filter`] says so.
    fn find<'a>(&'a self, mark: &'a Mark) -> BoxFuture<'a, Outcome<Page<Remote>>> {
        let _ = mark;
        Box::pin(async { not_offered("a search by mark") })
    }
    /// Changes the given fields, which [`Capabilities::updates`] lets go together. Answers the thing as it is now, where the provider does.
    fn update<'a>(&'a self, id: &'a str, change: &'a Fields) -> BoxFuture<'a, Outcome<Option<Remote>>>;
    /// Deletes by id. Not found is [`Outcome::NotFound`], not success.
    fn delete<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<()>>;
    /// What else at the provider points to it, in words for people, at most some of them; it would be torn apart, or keep the thing from
    /// being deleted. Only where [`Capabilities::referenced`] says so.
    fn references<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Outcome<Vec<String>>> {
        let _ = id;
        Box::pin(async { not_offered("a search for what points to it") })
    }
}

/// One account at one provider, reached with one set of credentials. Of these methods too each is one request, but at CarrierX, where
/// what is asked for by its digits may not be selected, [`Provider::identify`], [`Provider::get_number`] and
/// [`Provider::update_number`] are up to 3.
pub trait Provider: Send + Sync + 'static {
    /// What the protocol must know of this provider.
    fn capabilities(&self) -> Capabilities;
    /// The account id that the credentials lead to: the cheapest call that proves them.
    fn identify(&self) -> BoxFuture<'_, Outcome<String>>;
    /// Its endpoints.
    fn endpoints(&self) -> &dyn Remotes;
    /// What leads numbers to endpoints; `None` where a number points at something else.
    fn trunk_groups(&self) -> Option<&dyn Remotes> {
        None
    }
    /// Reads one phone number that the account holds, written as the provider does. `id`: [`Number::id`], if it is known from before. There
    /// is no call that gets one or gives one up.
    fn get_number<'a>(&'a self, number: &'a str, id: Option<&'a str>) -> BoxFuture<'a, Outcome<Number>>;
    /// One page of the listing of all numbers that the account holds.
    fn list_numbers(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Number>>>;
    /// Changes the given fields of a number that the account holds, written as the provider does; of the one with this [`Number::id`], if it
    /// is known. The caller includes what [`Capabilities::number_carried`] names;
    /// `""` is none. Done proves nothing but that it was taken: read it back. Not found may be the number or what it is to point at: read
    /// the number to know.
    fn update_number<'a>(&'a self, number: &'a str, id: Option<&'a str>, change: &'a Fields) -> BoxFuture<'a, Outcome<()>>;
    /// One page of the listing of all applications; empty where there are none.
    fn list_applications(&self, offset: u64, limit: u64) -> BoxFuture<'_, Outcome<Page<Application>>>;
    /// Whether the endpoint has this password; `None` where the answer says nothing about it. In memory only.
    fn password_matches(&self, remote: &Remote, password: &Secret) -> Option<bool>;
}

/// What a create answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// The new thing's id.
    pub id: String,
    /// Its full label.
    pub username: String,
    /// The whole of it, where the answer shows that.
    pub remote: Option<Box<Remote>>,
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// What was listed, in the provider's order.
    pub items: Vec<T>,
    /// How many there are in all, if the answer says so and can be relied on.
    pub total: Option<u64>,
    /// Whether there are others behind, if the answer says so: then a short page is not the last one.
    pub more: Option<bool>,
}

/// Where the providers are and how they are reached: settings of the process.
#[derive(Clone, Debug)]
pub struct Places {
    /// Their origins.
    pub urls: BTreeMap<ProviderKind, BaseUrl>,
    /// Deadlines and roots of all calls.
    pub transport: TransportOptions,
}

/// The way into an account.
#[derive(Clone)]
pub struct Connection {
    /// The account id that the credentials claim, which [`Provider::identify`] proves; `None`: they do not say, and only it knows.
    pub id: Option<String>,
    /// Calls with these credentials.
    pub provider: Arc<dyn Provider>,
}

/// The value of a key of a Secret, or what is wrong with it.
pub type Value<'v, 's> = &'v dyn Fn(&str) -> Result<&'s [u8], Problem>;

/// The values that an endpoint's spec refers to, as gathered.
#[derive(Clone, Debug, Default)]
pub struct Given {
    values: BTreeMap<SecretKeyRef, Secret>,
    versions: BTreeMap<String, SecretVersion>,
}

impl Given {
    /// One more value, of a Secret of this version.
    pub fn add(&mut self, at: SecretKeyRef, value: Secret, version: SecretVersion) {
        self.versions.insert(at.name.clone(), version);
        self.values.insert(at, value);
    }

    /// A value that was asked for.
    pub fn get(&self, at: &SecretKeyRef) -> Option<&Secret> {
        self.values.get(at)
    }

    /// Of all Secrets together: that of the only one, else what changes whenever one of theirs does.
    pub fn version(&self) -> SecretVersion {
        let mut versions = self.versions.iter();
        if let (Some((_, version)), None) = (versions.next(), versions.next()) {
            return version.clone();
        }
        let mut hash = Sha256::new();
        for (name, SecretVersion { uid, resource_version }) in &self.versions {
            hash.update(format!("{name}/{uid}/{resource_version}/"));
        }
        let digest = hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        SecretVersion { uid: String::new(), resource_version: digest }
    }
}

/// A provider's member in the manifests: what of a spec is its own, and what that amounts to.
pub trait Dialect: Sync {
    /// Whose it is.
    fn kind(&self) -> ProviderKind;
    /// Its origin, unless a flag says otherwise.
    fn default_url(&self) -> &'static str;
    /// The Secret of an account's credentials; `None` if the account is another provider's.
    fn credentials_secret<'s>(&self, spec: &'s ProviderAccountSpec) -> Option<&'s str>;
    /// A connection from the values of that Secret, judged before anything is called.
    ///
    /// # Errors
    /// What is wrong with the Secret, without a value of it.
    fn connect(&self, secret: &str, base: &BaseUrl, options: &TransportOptions, value: Value<'_, '_>) -> Result<Connection, Problem>;
    /// What the provider must let the credentials do, in a sentence for people without its full stop, where it grants that piece by piece:
    /// shown when it refuses them.
    fn permissions(&self) -> Option<&'static str> {
        None
    }
    /// Its member in the spec of an endpoint.
    fn member(&self) -> &'static str;
    /// The endpoint is this provider's.
    fn speaks(&self, spec: &SipEndpointSpec) -> bool;
    /// Where its mark stands, and what stands before it.
    fn label(&self, spec: &SipEndpointSpec, name: &str) -> (Place, String);
    /// The Secrets that it refers to.
    fn secrets(&self, spec: &SipEndpointSpec) -> Vec<SecretKeyRef>;
    /// Its password, out of these: one opaque value that only this provider's module reads. `Ok(None)`: it names none.
    ///
    /// # Errors
    /// What is wrong with one, without a value of it.
    fn password(&self, spec: &SipEndpointSpec, given: &Given) -> Password;
    /// Whether its password is generated, and lives in the connection Secret.
    fn generates_password(&self, _spec: &SipEndpointSpec) -> bool {
        false
    }
    /// No endpoint can be created without a password.
    fn needs_password(&self) -> bool;
    /// The application that it names instead of giving its id: what the account is to resolve.
    fn app_name<'s>(&self, _spec: &'s SipEndpointSpec) -> Option<&'s str> {
        None
    }
    /// What it wants, in the provider's own terms. `mark`: what is sent as its label.
    fn desired(&self, spec: &SipEndpointSpec, name: &str, mark: &Mark, password: Password, application: NamedApplication) -> Desired;
    /// What is to answer a number at this provider.
    ///
    /// # Errors
    /// It cannot do that, or nothing or too much is named.
    fn target<'s>(&self, spec: &'s PhoneNumberBindingSpec) -> Result<Target<'s>, Problem>;
    /// What a binding wants of a number that this (an application, a trunk group; `""` for none) is to answer.
    fn number(&self, spec: &PhoneNumberBindingSpec, answered_by: String) -> Fields;
    /// An endpoint as it is, as the member of a spec that takes it over and changes nothing: the inverse of [`Dialect::desired`]. It names only
    /// what the answer shows and what is not the default, and no Secret.
    ///
    /// # Errors
    /// Why there is no such spec, without a value that may be secret.
    fn describe(&self, remote: &Remote) -> Result<Written<SipEndpointSpec>, String>;
    /// A number as it is, as target and alias of a binding that changes nothing: the inverse of [`Dialect::number`].
    ///
    /// # Errors
    /// Why there is no such binding.
    fn describe_number(&self, number: &Number) -> Result<Written<PhoneNumberBindingSpec>, String>;
}

/// The providers that this version knows.
pub fn dialects() -> &'static [&'static dyn Dialect] {
    &[&plivo::Dialect, &carrierx::Dialect]
}

fn of_kind(kind: ProviderKind) -> Option<&'static dyn Dialect> {
    dialects().iter().find(|dialect| dialect.kind() == kind).copied()
}

fn of_endpoint(spec: &SipEndpointSpec) -> Option<&'static dyn Dialect> {
    dialects().iter().find(|dialect| dialect.speaks(spec)).copied()
}

/// The fields of all providers' things that a spec can manage.
pub fn fields() -> impl Iterator<Item = FieldName> {
    [PASSWORD].iter().chain(plivo::fields::ALL).chain(carrierx::fields::ALL).copied()
}

/// The Secret of an account's credentials; `None` if the spec names no provider of this version.
pub fn credentials_secret(spec: &ProviderAccountSpec) -> Option<&str> {
    dialects().iter().find_map(|dialect| dialect.credentials_secret(spec))
}

/// What the provider must let an account's credentials do, in a sentence for people, where it grants that piece by piece.
pub fn permissions(spec: &ProviderAccountSpec) -> Option<&'static str> {
    dialects().iter().find(|dialect| dialect.credentials_secret(spec).is_some())?.permissions()
}

/// A connection from the values of the credentials' Secret, judged before anything is called.
///
/// # Errors
/// What is wrong with the Secret, without a value of it.
pub fn connect(spec: &ProviderAccountSpec, places: &Places, value: Value<'_, '_>) -> Result<Connection, Problem> {
    let known = dialects().iter().find_map(|dialect| Some((dialect, dialect.credentials_secret(spec)?)));
    let known = known.and_then(|(dialect, secret)| Some((dialect, secret, places.urls.get(&dialect.kind())?)));
    let Some((dialect, secret, base)) = known else { return Err(unknown_provider()) };
    dialect.connect(secret, base, &places.transport, value)
}

/// The Secrets that an endpoint refers to.
pub fn secrets(spec: &SipEndpointSpec) -> Vec<SecretKeyRef> {
    of_endpoint(spec).map(|dialect| dialect.secrets(spec)).unwrap_or_default()
}

/// An endpoint's password, out of the values that it refers to.
///
/// # Errors
/// What is wrong with one.
pub fn password(spec: &SipEndpointSpec, given: &Given) -> Password {
    of_endpoint(spec).map_or(Ok(None), |dialect| dialect.password(spec, given))
}

/// Whether the password is generated, and lives in the connection Secret.
pub fn generates_password(spec: &SipEndpointSpec) -> bool {
    of_endpoint(spec).is_some_and(|dialect| dialect.generates_password(spec))
}

/// Where an endpoint's mark stands, and what stands before it.
pub fn label(spec: &SipEndpointSpec, name: &str) -> (Place, String) {
    of_endpoint(spec).map_or_else(|| (Place::Username, base_from_name(name)), |dialect| dialect.label(spec, name))
}

/// The application that an endpoint's spec names instead of giving its id: what the account is to resolve.
pub fn app_name(spec: &SipEndpointSpec) -> Option<&str> {
    of_endpoint(spec).and_then(|dialect| dialect.app_name(spec))
}

/// The binding's number as the providers write it: digits without a plus (`contracts/plivo.md` 2, `contracts/carrierx.md` 6).
pub fn number(spec: &PhoneNumberBindingSpec) -> &str {
    spec.number.strip_prefix('+').unwrap_or(&spec.number)
}

/// What the name of an application in a spec stands for: its id, or why it stands for none. `None`: nobody has asked, which is right only
/// where [`app_name`] names none.
pub type NamedApplication = Option<Result<String, Problem>>;

/// What the spec wants, in the provider's own terms. `account`: the one that it names and where that is, once it is known.
pub fn desired(
    spec: &SipEndpointSpec,
    account: Option<(&ObjectKey, ProviderKind)>,
    name: &str,
    mark: &Mark,
    password: Password,
    application: NamedApplication,
) -> Desired {
    let Some(dialect) = of_endpoint(spec) else { return Desired::Blocked(unknown_provider()) };
    let invalid = |message: &str| Desired::Blocked(Problem { reason: Reason::InvalidSpec, message: message.into() });
    // An account says where it is in an object of its own, so no schema can compare the two.
    if let Some((account, at)) = account.filter(|(_, at)| *at != dialect.kind()) {
        return invalid(&format!(
            "spec.{} is for {kind}, but account {account} is at {at}; nothing is done. Name an account at {kind} in the accountRef of a new SipEndpoint, and delete this one",
            dialect.member(),
            kind = dialect.kind()
        ));
    }
    // The schema refuses both; a decision that creates must not rest on the schema alone.
    if spec.adopt.is_none() && password == Ok(None) && dialect.needs_password() {
        return invalid(
            "no password is given, and without one no endpoint can be created; nothing is done. Name its Secret in passwordSecretRef, or set generatePassword and connectionSecret",
        );
    }
    if spec.adopt.is_none() && spec.management_policy == ManagementPolicy::Observe {
        return invalid(
            "managementPolicy: Observe needs adopt, which says what to observe; nothing is done. Add adopt in a new object, or use Manage",
        );
    }
    dialect.desired(spec, name, mark, password, application)
}

/// What is to answer a number, as its binding names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// What has this id; `""` is nothing at all.
    Id(&'a str),
    /// The only application of this name.
    Name(&'a str),
    /// The application of this SipEndpoint.
    Of(&'a str),
    /// This SipEndpoint itself, by the trunk group that leads to it.
    Endpoint(&'a str),
}

/// What is to answer the number, at the provider of its account.
///
/// # Errors
/// The provider cannot do that, or nothing or too much is named. The schema refuses most of it; what is written to a number must not rest
/// on the schema alone.
pub fn target(kind: ProviderKind, spec: &PhoneNumberBindingSpec) -> Result<Target<'_>, Problem> {
    of_kind(kind).ok_or_else(unknown_provider)?.target(spec)
}

/// A target that the provider does not have, or of which nothing or too much is named.
fn invalid_target(message: &str) -> Problem {
    Problem { reason: Reason::InvalidSpec, message: format!("spec.target: {message}; the number is left as it is") }
}

/// What the spec wants of a number that this is to answer.
pub fn binding_desired(kind: ProviderKind, spec: &PhoneNumberBindingSpec, answered_by: Result<String, Problem>) -> binding::Desired {
    let wanted = |answered_by| Ok(of_kind(kind).ok_or_else(unknown_provider)?.number(spec, answered_by));
    answered_by.and_then(wanted).map_or_else(binding::Desired::Blocked, binding::Desired::Wanted)
}

/// What to say of a spec whose provider this version does not know.
pub fn unknown_provider() -> Problem {
    let known: Vec<String> = dialects().iter().map(|dialect| dialect.kind().to_string()).collect();
    Problem {
        reason: Reason::InvalidSpec,
        message: format!(
            "spec names no provider that this version knows ({}); nothing is done. Upgrade Switchboard, or use one it knows",
            known.join(", ")
        ),
    }
}

fn not_offered<T>(what: &str) -> Outcome<T> {
    let message = format!("the provider does not offer {what}; nothing was sent");
    Outcome::Refused(Refusal { kind: RefusalKind::Invalid, message, retry_after: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ledger::SecretVersion;
    use crate::api::phone_number_binding as api;
    use crate::api::refs::EndpointRef;
    use crate::api::sip_endpoint::{Adopt, PlivoEndpoint};
    use crate::core::mark::Installation;

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
            match (target(ProviderKind::Plivo, &spec), expected) {
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
            let mark = Mark::new(Place::Username, &Installation::new("cluster-a"), "voice", "alice", "alice");
            assert_eq!(matches!(desired(&spec, None, "alice", &mark, password, None), Desired::Wanted(_)), wanted, "{sentence}");
        }
    }

    #[test]
    fn an_endpoint_of_one_provider_in_an_account_at_another_is_wanted_nowhere() {
        let (plivo, carrierx) = (ProviderKind::Plivo, ProviderKind::CarrierX);
        let adopt = || Some(Adopt { endpoint_id: "1".into(), from_installation: None });
        let table = [
            (plivo, None, None),
            (plivo, Some(plivo), None),
            (plivo, Some(carrierx), Some("spec.plivo is for Plivo, but account voice/main is at CarrierX; nothing is done")),
            (carrierx, None, None),
            (carrierx, Some(carrierx), None),
            (carrierx, Some(plivo), Some("spec.carrierx is for CarrierX, but account voice/main is at Plivo; nothing is done")),
        ];
        let account = ObjectKey { kind: crate::core::key::Kind::ProviderAccount, namespace: "voice".into(), name: "main".into() };
        for (of, at, expected) in table {
            for adopt in [None, adopt()] {
                let mut spec = SipEndpointSpec { adopt, ..SipEndpointSpec::default() };
                match of {
                    ProviderKind::Plivo => spec.plivo = Some(PlivoEndpoint::default()),
                    ProviderKind::CarrierX => spec.carrierx = Some(crate::api::carrierx_endpoint::CarrierxEndpoint::default()),
                }
                let (place, base) = label(&spec, "alice");
                let mark = Mark::new(place, &Installation::new("cluster-a"), "voice", "alice", &base);
                let password = Ok(Some((Secret::new("hunter22".into()), SecretVersion::default())));
                match (desired(&spec, at.map(|at| (&account, at)), "alice", &mark, password, None), expected) {
                    (Desired::Wanted(_), None) => {}
                    (Desired::Blocked(problem), Some(words)) => {
                        assert_eq!(problem.reason, Reason::InvalidSpec);
                        assert!(problem.message.starts_with(words) && problem.message.contains("a new SipEndpoint"), "{}", problem.message);
                    }
                    (other, _) => panic!("{of} at {at:?}: {other:?}"),
                }
            }
        }
    }
}
