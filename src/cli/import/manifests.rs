//! What is listed → manifests, and what has none, with the reason. Pure: the same account and the same objects give the same manifests.

use std::collections::BTreeMap;

use kube::ResourceExt;
use serde::Serialize;
use serde_json::{Value, json};

use super::cluster::{Objects, place};
use super::listing::Listed;
use super::{names, yaml};
use crate::account::AccountId;
use crate::api::cluster_provider_account::AllowedNamespace;
use crate::api::phone_number_binding::{PhoneNumberBindingSpec, Target};
use crate::api::refs::{AccountRef, EndpointRef};
use crate::api::sip_endpoint::SipEndpointSpec;
use crate::api::{GROUP, VERSION};
use crate::core::fields::{Number, Remote, Role, Value as Field};
use crate::core::mark::recognise;
use crate::core::tenancy::{Tenants, Use, may};
use crate::provider::manifest::{self, Written, answered_by};

/// For which objects manifests are written.
pub(super) struct Wish<'a> {
    /// Where they are to live.
    pub(super) namespace: &'a str,
    /// The account that they name.
    pub(super) account: AccountRef,
    /// Whom that serves, if it says so.
    pub(super) allowed: Option<&'a [AllowedNamespace]>,
    /// The part of marks that stands for this installation, if it is known.
    pub(super) installation: Option<&'a str>,
    /// The other installation whose endpoints are taken over.
    pub(super) from_installation: Option<&'a str>,
    /// Only what is called so, in part.
    pub(super) filter: Option<&'a str>,
    /// Numbers that nothing answers as well.
    pub(super) unassigned: bool,
}

/// One manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    /// The name of its file.
    pub(super) file: String,
    /// A YAML document.
    pub(super) text: String,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// In the order of their files.
    pub(super) documents: Vec<Document>,
    /// What has no manifest: what, and why.
    pub(super) left_out: Vec<String>,
    /// Manifests that do not say something: which, what, and why.
    pub(super) partial: Vec<String>,
    /// Files of the folder that are of the same as one of the documents: which, and what to do.
    pub(super) leftovers: Vec<String>,
    /// How many were looked at.
    pub(super) endpoints: usize,
    pub(super) numbers: usize,
    /// How many objects have already.
    pub(super) managed: usize,
    /// How many endpoints are the provider's own.
    pub(super) gateways: usize,
    /// How many numbers nothing answers, and nobody asked for.
    pub(super) unassigned: usize,
    /// Calls to the provider that it took to see all this.
    pub(super) calls: u64,
}

/// Manifests of all that is listed, as far as it is wished.
pub(super) fn written(listed: &Listed, objects: &Objects, wish: &Wish<'_>) -> Plan {
    let mut plan = Plan { calls: listed.calls, ..Plan::default() };
    plan.of_endpoints(listed, objects, wish);
    plan.of_numbers(listed, objects, wish);
    plan.documents.sort_by(|one, other| one.file.cmp(&other.file));
    plan
}

impl Plan {
    fn of_endpoints(&mut self, listed: &Listed, objects: &Objects, wish: &Wish<'_>) {
        let own = listed.endpoints.iter().filter(|remote| remote.role == Role::Own);
        let wanted = own.map(|remote| {
            (remote.id.clone(), names::base([alias(remote), names::unmarked(&remote.username)]).unwrap_or_else(|| "endpoint".to_owned()))
        });
        let taken =
            objects.endpoints.iter().filter(|object| object.namespace().as_deref() == Some(wish.namespace)).map(ResourceExt::name_any);
        let names = names::unique(&wanted.collect(), &taken.collect());
        let holders = holders(objects, &listed.account);
        for remote in &listed.endpoints {
            if !wish.matches([alias(remote), &remote.username]) {
                continue;
            }
            if let Role::Gateway(_) = remote.role {
                self.gateways += 1;
                continue;
            }
            self.endpoints += 1;
            if holders.contains_key(remote.id.as_str()) {
                self.managed += 1;
                continue;
            }
            let called = format!("endpoint {} ({})", remote.id, yaml::one_line(shown_name(remote)));
            let written = wish
                .adoptable(remote, objects.everywhere)
                .and_then(|from| manifest::endpoint(listed.account.provider, remote, wish.account.clone(), from));
            match (written, names.get(&remote.id)) {
                (Ok(written), Some(name)) => {
                    let label = listed.capabilities.mark.as_str();
                    let alias =
                        Some(alias(remote)).filter(|alias| !alias.is_empty()).map(|alias| format!(", alias {}", yaml::one_line(alias)));
                    let head = format!(
                        "Endpoint {} at {}: {label} {}{}.",
                        remote.id,
                        listed.account.provider,
                        yaml::one_line(&remote.username),
                        alias.unwrap_or_default()
                    );
                    self.keep("SipEndpoint", name, &called, head, written.map(|spec| lean_endpoint(&spec)), wish);
                }
                (Ok(_), None) => self.left_out.push(format!("{called}: it belongs to another account of the provider")),
                (Err(why), _) => self.left_out.push(format!("{called}: {why}")),
            }
        }
    }

    fn of_numbers(&mut self, listed: &Listed, objects: &Objects, wish: &Wish<'_>) {
        let wanted = listed.numbers.iter().map(|number| {
            let base = names::base([alias_of(number)]).unwrap_or_else(|| format!("number-{}", number.number));
            (number.number.clone(), base)
        });
        let taken =
            objects.bindings.iter().filter(|object| object.namespace().as_deref() == Some(wish.namespace)).map(ResourceExt::name_any);
        let names = names::unique(&wanted.collect(), &taken.collect());
        let groups = groups(objects);
        for number in &listed.numbers {
            if !wish.matches([alias_of(number), &number.number]) {
                continue;
            }
            self.numbers += 1;
            if is_bound(objects, &listed.account, &number.number) {
                self.managed += 1;
                continue;
            }
            let answered = answered_by(number, listed.capabilities.number_target);
            if answered == Some("") && !wish.unassigned {
                self.unassigned += 1;
                continue;
            }
            let called = format!("number +{}", yaml::one_line(&number.number));
            let written = wish.bindable(number).and_then(|()| manifest::number(listed.account.provider, number, wish.account.clone()));
            let written = written.and_then(|written| match answered.and_then(|group| groups.get(group)) {
                None => Ok(written),
                // The object and the group of its own are one thing for the operator.
                Some((namespace, name)) if namespace == wish.namespace => {
                    let target = Target { endpoint_ref: Some(EndpointRef { name: name.clone() }), ..Target::default() };
                    Ok(written.map(|spec| PhoneNumberBindingSpec { target, ..spec }))
                }
                Some((namespace, name)) => Err(format!(
                    "it leads to the trunk group of SipEndpoint {namespace}/{name}, which a binding can name only in namespace {namespace}"
                )),
            });
            match (written, names.get(&number.number)) {
                (Ok(written), Some(name)) => {
                    let alias =
                        Some(alias_of(number)).filter(|alias| !alias.is_empty()).map(|alias| format!(", alias {}", yaml::one_line(alias)));
                    let head = format!("Number +{} at {}{}.", number.number, listed.account.provider, alias.unwrap_or_default());
                    self.keep("PhoneNumberBinding", name, &called, head, written.map(|spec| lean_binding(&spec)), wish);
                }
                (Err(why), _) => self.left_out.push(format!("{called}: {why}")),
                (Ok(_), None) => {}
            }
        }
    }

    fn keep(&mut self, kind: &str, name: &str, called: &str, head: String, written: Written<Value>, wish: &Wish<'_>) {
        let Written { spec, notes, left } = written;
        let mut comments = vec![[vec![head], notes].concat().join(" ")];
        comments.extend(left.iter().map(|why| format!("Left as it is, because no manifest can say it: {why}.")));
        let object = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": kind,
            "metadata": {"name": name, "namespace": wish.namespace},
            "spec": spec,
        });
        let file = format!("{}-{name}.yaml", kind.to_ascii_lowercase());
        self.partial.extend(left.into_iter().map(|why| format!("{called}, {file}: left as it is: {why}")));
        self.documents.push(Document { file, text: yaml::document(&comments, &object) });
    }
}

impl Wish<'_> {
    fn matches<const N: usize>(&self, texts: [&str; N]) -> bool {
        let filter = self.filter.map(str::to_lowercase);
        filter.is_none_or(|filter| texts.iter().any(|text| text.to_lowercase().contains(filter.trim_start_matches('+'))))
    }

    fn tenants(&self) -> Tenants<'_> {
        self.allowed.map_or(Tenants::Namespace(self.namespace), Tenants::Listed)
    }

    /// Whether an object may adopt it, and whose mark it then has to name. `everywhere`: the objects of all namespaces are known.
    fn adoptable(&self, remote: &Remote, everywhere: bool) -> Result<Option<String>, String> {
        let from = match recognise(&remote.username).map(|marked| marked.installation) {
            None => None,
            Some(mark) => Some(self.taken_over(mark, everywhere)?),
        };
        let what = Use::Adopt { id: &remote.id, username: Some(&remote.username) };
        may(self.tenants(), self.namespace, what).map_err(|_| {
            format!(
                "spec.allowedNamespaces of account {} does not let namespace {} adopt it; add its id to adopt there",
                self.account.name, self.namespace
            )
        })?;
        Ok(from)
    }

    fn taken_over(&self, mark: String, everywhere: bool) -> Result<String, String> {
        match self.installation {
            None => Err(format!(
                "it carries the mark of installation {mark}, and account {} does not say yet whether that is this one (status.installation); import it when the operator has looked at the account",
                self.account.name
            )),
            Some(own) if own == mark => {
                let who = if everywhere { "is gone" } else { "is gone, or in a namespace whose objects you may not list" };
                Err(format!(
                    "it carries the mark of this installation ({own}), so a SipEndpoint that {who} has made it. An object of the same namespace and name finds it again by itself; one of another name adopts it by its id, written by hand"
                ))
            }
            Some(_) if self.from_installation == Some(&mark) => Ok(mark),
            Some(_) => Err(format!(
                "it carries the mark of another installation. Make sure that that one has let it go (deletionPolicy: Retain), then import again with --from-installation {mark}"
            )),
        }
    }

    fn bindable(&self, number: &Number) -> Result<(), String> {
        let e164 = format!("+{}", number.number);
        may(self.tenants(), self.namespace, Use::Number(&e164)).map_err(|_| {
            format!(
                "spec.allowedNamespaces of account {} does not let namespace {} bind it; add a beginning of it to numbers there",
                self.account.name, self.namespace
            )
        })
    }
}

/// Which endpoints of this account objects have already: recorded, or adopted by their spec.
fn holders(objects: &Objects, account: &AccountId) -> BTreeMap<String, String> {
    let mut holders = BTreeMap::new();
    for object in &objects.endpoints {
        let status = object.status.as_ref();
        let elsewhere =
            status.and_then(|status| status.account.as_ref()).is_some_and(|at| (at.provider, &at.id) != (account.provider, &account.id));
        let recorded = status.and_then(|status| status.endpoint_id.clone()).filter(|_| !elsewhere);
        let adopted = object.spec.adopt.as_ref().map(|adopt| adopt.endpoint_id.clone()).filter(|_| !elsewhere);
        holders.extend(recorded.into_iter().chain(adopted).map(|id| (id, place(object))));
    }
    holders
}

/// The trunk groups that objects have, and whose they are: namespace and name.
fn groups(objects: &Objects) -> BTreeMap<String, (String, String)> {
    let group = |object: &crate::api::SipEndpoint| {
        let sid = object.status.as_ref()?.trunk_group.as_ref()?.trunk_group_sid.clone()?;
        Some((sid, (object.namespace()?, object.name_any())))
    };
    objects.endpoints.iter().filter_map(group).collect()
}

/// A binding of this account has the number.
fn is_bound(objects: &Objects, account: &AccountId, number: &str) -> bool {
    objects.bindings.iter().any(|object| {
        let at = object.status.as_ref().and_then(|status| status.account.as_ref());
        object.spec.number.strip_prefix('+') == Some(number) && at.is_none_or(|at| (at.provider, &at.id) == (account.provider, &account.id))
    })
}

/// What people call the endpoint, where it has a name beside its username.
fn alias(remote: &Remote) -> &str {
    remote.fields.get("alias").and_then(Field::text).unwrap_or_default()
}

fn shown_name(remote: &Remote) -> &str {
    Some(alias(remote)).filter(|alias| !alias.is_empty()).unwrap_or(&remote.username)
}

fn alias_of(number: &Number) -> &str {
    number.fields.get("alias").and_then(Field::text).unwrap_or_default()
}

/// The spec without what it would be anyway.
fn lean_endpoint(spec: &SipEndpointSpec) -> Value {
    let mut lean = lean(spec, &SipEndpointSpec::default());
    if let Some(plivo) = lean.get_mut("plivo") {
        without(plivo, "generatePassword", &json!(false));
    }
    lean
}

fn lean_binding(spec: &PhoneNumberBindingSpec) -> Value {
    lean(spec, &PhoneNumberBindingSpec::default())
}

fn lean<S: Serialize>(spec: &S, default: &S) -> Value {
    let (mut value, default) = (json!(spec), json!(default));
    for policy in ["managementPolicy", "driftPolicy", "externalDeletionPolicy"] {
        without(&mut value, policy, &default[policy]);
    }
    without(&mut value["accountRef"], "kind", &default["accountRef"]["kind"]);
    value
}

fn without(value: &mut Value, name: &str, default: &Value) {
    if let Some(members) = value.as_object_mut().filter(|members| members.get(name) == Some(default)) {
        members.remove(name);
    }
}

#[cfg(test)]
mod tests;
