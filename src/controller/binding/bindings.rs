//! Which live PhoneNumberBindings want which number, and which follow or lead to which SipEndpoint.

use std::collections::BTreeSet;

use kube::Resource;

use crate::api::condition::{ConditionType, Reason};
use crate::api::phone_number_binding::{PhoneNumberBinding, Placed, Previous};
use crate::api::refs::EndpointRef;
use crate::controller::context::Context;
use crate::controller::index::{Base, Index, Indexed};
use crate::core::key::ObjectKey;

/// What one live binding says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What every object says.
    pub base: Base,
    /// `spec.number`.
    pub number: String,
    /// The SipEndpoint whose application answers the number, if it follows one.
    pub follows: Option<ObjectKey>,
    /// The SipEndpoint that answers the number itself, by a trunk group, if it leads to one.
    pub leads_to: Option<ObjectKey>,
    /// It is being deleted.
    pub deleting: bool,
    /// Our finalizer is on it.
    pub finalizer: bool,
    /// What its number showed before it was bound.
    pub previous: Option<Previous>,
    /// What it has written to the number, or has taken over from those that have.
    pub placed: Vec<Placed>,
    /// Another binding owns the number.
    pub conflict: bool,
}

/// What an entry is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// The number that it wants.
    Number(String),
    /// The SipEndpoint that it follows, or leads to.
    Target(ObjectKey),
    /// A trunk group that it has put its number to, or may have.
    TrunkGroup(String),
}

/// All watched bindings.
pub type Bindings = Index<Entry>;

impl Index<Entry> {
    /// The bindings, live or on their way out, whose target names this SipEndpoint by `endpointRef`, whether they can lead there or not. The
    /// endpoint is woken when that changes.
    pub fn leading_to(&self, endpoint: &ObjectKey) -> Vec<Entry> {
        let all = self.named(&Name::Target(endpoint.clone())).into_iter();
        all.filter(|entry| entry.leads_to.as_ref() == Some(endpoint)).collect()
    }

    /// The bindings whose numbers lead to this trunk group as far as they know, or may come to, whatever their targets are by now. The
    /// SipEndpoint to which it belongs is woken when one of them has moved its number away.
    pub fn holding(&self, trunk_group_sid: &str) -> Vec<Entry> {
        self.named(&Name::TrunkGroup(trunk_group_sid.to_owned()))
    }
}

impl Entry {
    /// Of an object.
    pub fn of(object: &PhoneNumberBinding) -> Self {
        let mut entry = Self {
            base: Base::of(object),
            number: object.spec.number.clone(),
            follows: None,
            leads_to: None,
            deleting: false,
            finalizer: false,
            previous: None,
            placed: Vec::new(),
            conflict: false,
        };
        entry.read(object);
        entry
    }

    fn number_name(&self) -> Name {
        Name::Number(self.number.clone())
    }

    /// It is on its way out, and has to find out where its number leads, if it has changed it: its status was lost.
    pub fn forgot(&self) -> bool {
        self.deleting && self.finalizer && self.placed.is_empty()
    }

    /// The trunk groups that it has put its number to. Before our finalizer is on it nothing was written, and what the status of one in
    /// conflict shows is what the owner has written.
    fn holds(&self) -> BTreeSet<&str> {
        let wrote = self.finalizer && !self.conflict;
        let placed = self.placed.iter().filter(|_| wrote);
        placed.filter_map(|placed| placed.trunk_group_sid.as_deref()).filter(|sid| !sid.is_empty()).collect()
    }

    /// The SipEndpoints that have to look again because of this change: their trunk groups may be wanted, or not any more.
    fn leads_anew(before: Option<&Self>, after: Option<&Self>) -> BTreeSet<ObjectKey> {
        let led = |entry: &Self| (entry.leads_to.clone(), entry.base.uid.clone(), entry.base.account.clone(), entry.deleting);
        match before.map(led) == after.map(led) {
            true => BTreeSet::new(),
            false => before.into_iter().chain(after).filter_map(|entry| entry.leads_to.clone()).collect(),
        }
    }

    /// The trunk groups that it does not hold any more.
    fn let_go<'a>(before: Option<&'a Self>, after: Option<&Self>) -> BTreeSet<&'a str> {
        let held = before.map(Self::holds).unwrap_or_default();
        let still = after.map(Self::holds).unwrap_or_default();
        held.into_iter().filter(|sid| !still.contains(sid)).collect()
    }
}

impl Indexed for Entry {
    type Object = PhoneNumberBinding;
    type Name = Name;

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn read(&mut self, object: &PhoneNumberBinding) {
        let status = object.status.as_ref();
        let namespace = &self.base.key.namespace;
        let endpoint = |target: &EndpointRef| ObjectKey::endpoint(namespace, &target.name);
        self.follows = object.spec.target.application_of.as_ref().map(endpoint);
        self.leads_to = object.spec.target.endpoint_ref.as_ref().map(endpoint);
        self.deleting = object.meta().deletion_timestamp.is_some();
        self.finalizer = object.meta().finalizers.iter().flatten().any(|finalizer| finalizer == crate::api::FINALIZER_BINDING);
        self.base.pinned = status.and_then(|status| status.account.clone());
        self.previous = status.and_then(|status| status.previous.clone());
        self.placed = status.map(|status| status.placed.clone()).unwrap_or_default();
        let ready = status.and_then(|status| status.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str()));
        self.conflict = ready.is_some_and(|ready| ready.reason == Reason::Conflict.as_str());
    }

    fn names(&self) -> Vec<Name> {
        let targets = self.follows.iter().chain(&self.leads_to).cloned().map(Name::Target);
        let groups = self.holds().into_iter().map(|sid| Name::TrunkGroup(sid.to_owned()));
        targets.chain(groups).chain([self.number_name()]).collect()
    }

    fn concerns(before: Option<&Self>, after: Option<&Self>) -> Vec<Name> {
        // Everything of it that a rival looks at; what it follows concerns nobody else.
        let seen = |entry: &Self| {
            let mut seen = Self { follows: None, leads_to: None, conflict: false, ..entry.clone() };
            seen.base.forget_versions();
            seen
        };
        match before.map(seen) == after.map(seen) {
            true => Vec::new(),
            false => before.into_iter().chain(after).map(Self::number_name).collect(),
        }
    }

    fn changed(ctx: &Context, before: Option<&Self>, after: Option<&Self>) {
        Self::leads_anew(before, after).iter().for_each(|endpoint| ctx.wakers.wake(endpoint));
        let left = Self::let_go(before, after).into_iter().flat_map(|sid| ctx.claims.led_to(sid));
        left.for_each(|entry| ctx.wakers.wake(&entry.base.key));
    }

    fn complete(ctx: &Context) {
        // Whether their trunk groups are wanted is known now.
        let led = ctx.bindings.keys().into_iter().filter_map(|key| ctx.bindings.get(&key)?.leads_to);
        let grouped = ctx.claims.keys().into_iter().filter(|key| ctx.claims.get(key).is_some_and(|entry| entry.trunk_group.is_some()));
        led.chain(grouped).collect::<BTreeSet<ObjectKey>>().iter().for_each(|key| ctx.wakers.wake(key));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::controller::index::{Change, Shell, Tracker};
    use crate::controller::wake::Wakers;
    use crate::controller::watch::Track;

    fn object(name: &str, version: u64, target: Value, status: Value) -> PhoneNumberBinding {
        serde_json::from_value(json!({
            "apiVersion": "switchboard.dev/v1alpha1",
            "kind": "PhoneNumberBinding",
            "metadata": {"name": name, "namespace": "voice", "uid": format!("uid-{name}"), "resourceVersion": version.to_string()},
            "spec": {"accountRef": {"name": "plivo"}, "number": "+14155550100", "target": target},
            "status": status,
        }))
        .expect("an object")
    }

    fn plain(name: &str, version: u64) -> Entry {
        Entry::of(&object(name, version, json!({"app_id": "7"}), json!({})))
    }

    fn of_number(bindings: &Bindings) -> Vec<String> {
        bindings.named(&Name::Number("+14155550100".into())).into_iter().map(|entry| entry.base.key.name).collect()
    }

    fn told(change: &Change<Entry>) -> Vec<&str> {
        change.concerned.iter().map(|key| key.name.as_str()).collect()
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::binding("voice", name)
    }

    #[test]
    fn bindings_are_found_by_their_number_and_by_whom_they_follow_at_present() {
        let bindings = Bindings::new(1);
        let target = |name: &str| Name::Target(ObjectKey::endpoint("voice", name));
        let following = |version, name: &str| Entry::of(&object("main", version, json!({"applicationOf": {"name": name}}), json!({})));
        bindings.put(following(1, "alice"));
        assert_eq!((of_number(&bindings), bindings.named(&target("alice")).len()), (vec!["main".to_owned()], 1));
        bindings.put(following(2, "bob"));
        assert_eq!((bindings.named(&target("alice")).len(), bindings.named(&target("bob")).len()), (0, 1));
        bindings.remove(&key("main"), "uid-main");
        assert!(bindings.names().is_empty());
    }

    /// Leads to that SipEndpoint, and has put its number to these trunk groups.
    fn leading(name: &str, version: u64, endpoint: &str, groups: &[&str]) -> Entry {
        let placed: Vec<Value> = groups.iter().map(|sid| json!({"trunk_group_sid": sid})).collect();
        let mut object = object(name, version, json!({"endpointRef": {"name": endpoint}}), json!({"placed": placed}));
        object.metadata.finalizers = Some(vec![crate::api::FINALIZER_BINDING.to_owned()]);
        Entry::of(&object)
    }

    fn names(all: Vec<Entry>) -> Vec<(String, bool)> {
        all.into_iter().map(|one| (one.base.key.name, one.deleting)).collect()
    }

    #[test]
    fn an_endpoint_is_led_to_by_those_that_name_it_itself_until_they_are_gone() {
        let bindings = Bindings::new(1);
        let at = |name: &str| bindings.leading_to(&ObjectKey::endpoint("voice", name));
        bindings.put(Entry::of(&object("follows", 1, json!({"applicationOf": {"name": "pbx"}}), json!({}))));
        assert_eq!(at("pbx"), [], "its application answers, not itself");
        bindings.put(leading("main", 2, "pbx", &[]));
        let mut going = object("next", 3, json!({"endpointRef": {"name": "pbx"}}), json!({}));
        going.metadata.deletion_timestamp =
            Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(k8s_openapi::jiff::Timestamp::UNIX_EPOCH));
        bindings.put(Entry::of(&going));
        assert_eq!(names(at("pbx")), [("main".to_owned(), false), ("next".to_owned(), true)]);
        bindings.put(leading("main", 4, "other", &[]));
        assert_eq!((names(at("pbx")).len(), names(at("other"))), (1, vec![("main".to_owned(), false)]));
        bindings.remove(&key("next"), "uid-next");
        assert_eq!(at("pbx"), []);
        assert_eq!(bindings.leading_to(&ObjectKey::endpoint("elsewhere", "other")), [], "names do not reach over namespaces");
    }

    #[test]
    fn a_trunk_group_is_held_until_the_number_has_moved_whatever_its_target_is_by_then() {
        let bindings = Bindings::new(1);
        let held = |sid: &str| names(bindings.holding(sid)).len();
        bindings.put(leading("main", 1, "pbx", &["g1"]));
        bindings.put(leading("main", 2, "other", &["g1", "g2"]));
        assert_eq!((held("g1"), held("g2")), (1, 1));
        bindings.put(leading("main", 3, "other", &["g2"]));
        assert_eq!((held("g1"), held("g2")), (0, 1));
        let copy = Entry { finalizer: false, ..leading("copy", 4, "other", &["g2"]) };
        bindings.put(copy);
        assert_eq!(held("g2"), 1, "nothing is written before our finalizer is there");
        bindings.put(Entry::of(&object("plain", 4, json!({"app_id": ""}), json!({"placed": [{"app_id": "7"}, {"trunk_group_sid": ""}]}))));
        assert_eq!((held("7"), held("")), (0, 0), "an application is no trunk group, nor is none");
    }

    #[test]
    fn an_endpoint_hears_of_who_leads_to_it_and_a_trunk_group_of_who_has_left_it() {
        let now = |endpoint, groups| leading("main", 1, endpoint, groups);
        let going = || Entry { deleting: true, ..now("pbx", &["g1"]) };
        let again = || {
            let mut again = now("pbx", &[]);
            again.base.uid = "uid-again".into();
            again
        };
        type Case = (&'static str, Option<Entry>, Option<Entry>, &'static [&'static str], &'static [&'static str]);
        let placed = json!({"placed": [{"trunk_group_sid": "g1"}], "conditions": [{
            "type": "Ready", "status": "False", "reason": "Conflict", "message": "", "lastTransitionTime": "1970-01-01T00:00:00Z"
        }]});
        let in_conflict = Entry::of(&object("main", 1, json!({"endpointRef": {"name": "pbx"}}), placed));
        assert!(in_conflict.conflict);
        let in_conflict = || Entry { finalizer: true, ..in_conflict.clone() };
        let table: [Case; 11] = [
            ("another one owns its number", Some(now("pbx", &["g1"])), Some(in_conflict()), &[], &["g1"]),
            ("and has let it go", Some(in_conflict()), None, &["pbx"], &[]),
            ("it has not written yet", Some(Entry { finalizer: false, ..now("other", &["g1"]) }), None, &["other"], &[]),
            ("it appears", None, Some(now("pbx", &[])), &["pbx"], &[]),
            ("it writes", Some(now("pbx", &[])), Some(now("pbx", &["g1"])), &[], &[]),
            ("nothing", Some(now("pbx", &["g1"])), Some(now("pbx", &["g1"])), &[], &[]),
            ("its target changes", Some(now("pbx", &["g1"])), Some(now("other", &["g1"])), &["other", "pbx"], &[]),
            ("its number has moved", Some(now("other", &["g1", "g2"])), Some(now("other", &["g2"])), &[], &["g1"]),
            ("it is deleted", Some(now("pbx", &["g1"])), Some(going()), &["pbx"], &[]),
            ("it is gone", Some(going()), None, &["pbx"], &["g1"]),
            ("another one of its name is there", Some(now("pbx", &[])), Some(again()), &["pbx"], &[]),
        ];
        for (sentence, before, after, endpoints, groups) in table {
            let told: Vec<String> = Entry::leads_anew(before.as_ref(), after.as_ref()).into_iter().map(|key| key.name).collect();
            assert_eq!(told, endpoints, "{sentence}");
            assert_eq!(Entry::let_go(before.as_ref(), after.as_ref()).into_iter().collect::<Vec<_>>(), groups, "{sentence}");
        }
    }

    #[test]
    fn rivals_hear_of_what_they_look_at_and_of_nothing_else() {
        let bindings = Bindings::new(1);
        bindings.put(plain("main", 1));
        let next = |version, target: Value, status: Value| Entry::of(&object("next", version, target, status));
        let application = || json!({"app_id": "9"});
        let steps: [(&str, Entry, bool); 6] = [
            ("it appears", next(2, application(), json!({})), true),
            ("it reports", next(3, application(), json!({"observedGeneration": 1})), false),
            ("it follows somebody", next(4, json!({"applicationOf": {"name": "alice"}}), json!({})), false),
            ("it knows what was there before", next(5, application(), json!({"previous": {"app_id": "1"}})), true),
            ("it has written", next(6, application(), json!({"previous": {"app_id": "1"}, "placed": [{"app_id": "9"}]})), true),
            ("nothing", next(7, application(), json!({"previous": {"app_id": "1"}, "placed": [{"app_id": "9"}]})), false),
        ];
        for (sentence, entry, heard) in steps {
            assert_eq!(told(&bindings.put(entry)), if heard { vec!["main"] } else { vec![] }, "{sentence}");
        }
        assert_eq!(told(&bindings.remove(&key("next"), "uid-next")), ["main"], "it goes");
    }

    #[test]
    fn a_list_of_our_own_tells_what_the_watch_has_not_told_yet_and_undoes_nothing_that_it_has() {
        let bindings = Arc::new(Bindings::new(1));
        let tracker = Tracker::new(&bindings, Entry::of, &Wakers::new(&[]).0, &Shell::default());
        let seen = |name: &str, version| tracker.seen(&object(name, version, json!({"app_id": "7"}), json!({})));
        seen("main", 5);
        let previous = json!({"previous": {"app_id": "1"}});
        bindings.learn(Entry::of(&object("main", 4, json!({"app_id": "7"}), previous.clone())));
        let known = || bindings.get(&key("main")).is_some_and(|entry| entry.previous.is_some());
        assert!(!known(), "older than what the watch told");
        bindings.learn(Entry::of(&object("main", 6, json!({"app_id": "7"}), previous)));
        assert!(known());
        seen("main", 5);
        assert!(known(), "an event that was on its way does not undo it");

        bindings.learn(plain("next", 7));
        assert_eq!(of_number(&bindings), ["main", "next"]);
        seen("next", 7);
        tracker.removed(&(key("next"), "uid-next".into()));
        bindings.learn(plain("next", 7));
        assert_eq!(of_number(&bindings), ["main"], "the list was older than its end");

        bindings.learn(plain("third", 9));
        tracker.listed();
        assert_eq!(of_number(&bindings), ["main"], "the watch has listed all, and it was not there");
    }

    #[test]
    fn what_a_list_of_our_own_does_not_show_any_more_is_gone_unless_the_watch_knows_better() {
        let name = Name::Number("+14155550100".into());
        let bindings = Bindings::new(1);
        for (name, version) in [("main", 5), ("next", 6), ("third", 12)] {
            bindings.put(plain(name, version));
        }
        let mut elsewhere = plain("apart", 7);
        elsewhere.base.key.namespace = "other".into();
        bindings.put(elsewhere);
        let listed = BTreeSet::from(["uid-next".to_owned()]);
        let forget = |scope, at| bindings.forget_absent(&name, scope, &listed, at);
        assert_eq!(forget(Some("voice"), 4), [], "all of them are newer than the list");
        let changes = forget(Some("voice"), 10);
        assert_eq!(changes.iter().map(told).collect::<Vec<_>>(), [["apart", "next", "third"]], "rivals hear of it");
        assert_eq!(of_number(&bindings), ["apart", "next", "third"], "one was made after the list, one was not in its scope");
        bindings.learn(plain("main", 5));
        assert_eq!(of_number(&bindings), ["apart", "next", "third"], "an older list does not bring it back");
        forget(None, 10);
        assert_eq!(of_number(&bindings), ["next", "third"]);
        let other = Name::Number("+14155550101".into());
        assert_eq!(bindings.forget_absent(&other, None, &BTreeSet::new(), 99), [], "a list of one number tells nothing of others");
    }

    #[test]
    fn the_end_of_an_object_is_not_that_of_the_next_one_of_its_name() {
        let bindings = Arc::new(Bindings::new(1));
        let tracker = Tracker::new(&bindings, Entry::of, &Wakers::new(&[]).0, &Shell::default());
        let former = tracker.seen(&object("main", 5, json!({"app_id": "7"}), json!({})));
        let mut next = plain("main", 8);
        next.base.uid = "uid-again".into();
        bindings.learn(next);
        tracker.removed(&former);
        assert_eq!(bindings.get(&key("main")).map(|entry| entry.base.uid), Some("uid-again".to_owned()));
    }
}
