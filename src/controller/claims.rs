//! Which live SipEndpoints claim which endpoints at the provider.

use kube::Resource;

use crate::api::condition::Reason;
use crate::api::refs::AccountIdentity;
use crate::api::sip_endpoint::{SipEndpoint, TrunkGroupStatus};
use crate::controller::binding::bindings::Name as BindingName;
use crate::controller::context::Context;
use crate::controller::endpoint::gather::mark_of;
use crate::controller::index::{Base, Index, Indexed};
use crate::core::key::ObjectKey;
use crate::core::mark::Installation;
use crate::core::ownership::{Claim, Right};

/// What one live object says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What every object says.
    pub base: Base,
    /// The endpoint that it has recorded.
    pub recorded: Option<String>,
    /// The endpoint that it adopts.
    pub adopts: Option<String>,
    /// What its mark is found by ([`Mark::key`]); `None` if it adopts, and so owns nothing by its mark.
    pub mark: Option<String>,
    /// It is being deleted.
    pub deleting: bool,
    /// The application of its endpoint as the provider showed it last, `""` for none; `None` before it was read.
    pub app_id: Option<String>,
    /// What leads numbers to its endpoint, where they cannot point to it themselves; `None` if nothing is known of one.
    pub trunk_group: Option<TrunkGroup>,
}

/// The trunk group of an endpoint, as its object tells of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrunkGroup {
    /// The provider's id of it; `None` until there is one.
    pub sid: Option<String>,
    /// Whether a number may be led to it.
    pub fitness: Fitness,
    /// What is said of it, if anything, as long as it cannot be led to.
    pub message: Option<String>,
}

/// Whether a number may be led to a trunk group that its object has recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fitness {
    /// Nothing is known against it.
    #[default]
    Leads,
    /// It is being removed: in a moment it leads nowhere.
    Leaving,
    /// A read has not found it.
    Doubtful,
    /// It is, or has become, somebody else's.
    Foreign,
}

impl Fitness {
    fn of(reason: Option<Reason>) -> Self {
        match reason {
            // What the provider refused to delete is asked for again, until it is wanted.
            Some(Reason::Deleting | Reason::DeletionRefused) => Self::Leaving,
            // One that many others are missing with is not looked for.
            Some(Reason::AwaitingEvidence | Reason::Braked) => Self::Doubtful,
            Some(Reason::OwnershipLost | Reason::InstallationMismatch | Reason::AlreadyOwned) => Self::Foreign,
            _ => Self::Leads,
        }
    }
}

impl TrunkGroup {
    /// Its id, unless it belongs to somebody else: such a one stays when the endpoint goes.
    pub fn own(self) -> Option<String> {
        self.sid.filter(|_| self.fitness != Fitness::Foreign)
    }

    fn of(status: &TrunkGroupStatus) -> Self {
        let fitness = Fitness::of(status.reason.as_deref().and_then(|reason| reason.parse().ok()));
        let sid = status.trunk_group_sid.clone().filter(|sid| !sid.is_empty());
        let message = status.message.clone().filter(|message| !message.is_empty() && (fitness != Fitness::Leads || sid.is_none()));
        Self { sid, fitness, message }
    }
}

/// What a binding that follows an endpoint depends on.
#[derive(PartialEq)]
struct Followed<'a> {
    uid: &'a str,
    account: &'a ObjectKey,
    pinned: Option<&'a AccountIdentity>,
    recorded: bool,
    deleting: bool,
    app_id: Option<&'a str>,
    trunk_group: Option<&'a TrunkGroup>,
}

/// What an entry is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// An endpoint that it has recorded or adopts.
    Id(String),
    /// Its mark.
    Mark(String),
    /// The trunk group that leads to it.
    TrunkGroup(String),
}

impl Entry {
    /// Of an object.
    pub fn of(object: &SipEndpoint, installation: &Installation) -> Self {
        let adopts = object.spec.adopt.as_ref().map(|adopt| adopt.endpoint_id.clone());
        let mark = adopts.is_none().then(|| mark_of(installation, object).key().to_owned());
        let mut entry = Self { base: Base::of(object), recorded: None, adopts, mark, deleting: false, app_id: None, trunk_group: None };
        entry.read(object);
        entry
    }

    /// Its claim on this endpoint, which may carry its mark.
    pub fn claim(&self, id: &str) -> Claim {
        let right = match () {
            () if self.recorded.as_deref() == Some(id) => Right::Recorded,
            () if self.adopts.as_deref() == Some(id) => Right::Adopts,
            () => Right::Mark,
        };
        Claim { right, created: self.base.created, uid: self.base.uid.clone() }
    }

    fn ids(&self) -> impl Iterator<Item = Name> {
        self.recorded.iter().chain(&self.adopts).cloned().map(Name::Id)
    }

    /// What a binding that follows it depends on.
    fn followed(&self) -> Followed<'_> {
        let base = &self.base;
        Followed {
            uid: &base.uid,
            account: &base.account,
            pinned: base.pinned.as_ref(),
            recorded: self.recorded.is_some(),
            deleting: self.deleting,
            app_id: self.app_id.as_deref(),
            trunk_group: self.trunk_group.as_ref(),
        }
    }
}

impl Indexed for Entry {
    type Object = SipEndpoint;
    type Name = Name;

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn read(&mut self, object: &SipEndpoint) {
        let status = object.status.as_ref();
        self.recorded = status.and_then(|status| status.endpoint_id.clone()).filter(|id| !id.is_empty());
        self.base.pinned = status.and_then(|status| status.account.clone());
        self.deleting = object.meta().deletion_timestamp.is_some();
        self.app_id = status.and_then(|status| status.app_id.clone());
        self.trunk_group = status.and_then(|status| status.trunk_group.as_ref()).map(TrunkGroup::of);
    }

    fn names(&self) -> Vec<Name> {
        let group = self.trunk_group.iter().filter_map(|group| group.sid.clone()).map(Name::TrunkGroup);
        self.ids().chain(self.mark.clone().map(Name::Mark)).chain(group).collect()
    }

    fn concerns(before: Option<&Self>, after: Option<&Self>) -> Vec<Name> {
        let claimed = |entry: Option<&Self>| entry.map(|entry| (entry.base.uid.clone(), entry.recorded.clone(), entry.adopts.clone()));
        match claimed(before) == claimed(after) {
            true => Vec::new(),
            false => before.into_iter().chain(after).flat_map(Entry::ids).collect(),
        }
    }

    fn changed(ctx: &Context, before: Option<&Self>, after: Option<&Self>) {
        let Some(entry) = after.or(before) else { return };
        if before.map(Self::followed) != after.map(Self::followed) {
            let followers = ctx.bindings.named(&BindingName::Target(entry.base.key.clone()));
            followers.iter().for_each(|follower| ctx.wakers.wake(&follower.base.key));
        }
    }

    fn complete(ctx: &Context) {
        // Whether their targets exist is known now.
        ctx.bindings.keys().iter().for_each(|key| ctx.wakers.wake(key));
    }
}

/// The claims of all watched objects.
pub type Claims = Index<Entry>;

impl Index<Entry> {
    /// The objects that have recorded or adopt this endpoint.
    pub fn of(&self, id: &str) -> Vec<Entry> {
        self.named(&Name::Id(id.to_owned()))
    }

    /// The objects to whose endpoint this trunk group leads.
    pub fn led_to(&self, trunk_group_sid: &str) -> Vec<Entry> {
        self.named(&Name::TrunkGroup(trunk_group_sid.to_owned()))
    }

    /// The live objects, none of them adopting, whose mark this is.
    pub fn marked(&self, mark: &str) -> Vec<Entry> {
        self.named(&Name::Mark(mark.to_owned()))
    }

    /// This object is about to record the endpoint: of several that adopt it in one moment only one goes on. A rival is another object of
    /// the same account.
    pub fn record(&self, key: &ObjectKey, id: &str, rival: impl Fn(&Entry) -> bool) -> bool {
        // Not watched any more: the version check of the write decides.
        self.take(key, &Name::Id(id.to_owned()), |own, others| {
            let claim = own.claim(id);
            let lost = others.iter().filter(|other| rival(other)).any(|other| other.claim(id).prevails_over(&claim));
            (!lost).then(|| Entry { recorded: Some(id.to_owned()), ..own.clone() })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::index::{Change, Shell, Tracker};
    use crate::controller::wake::Wakers;
    use crate::controller::watch::Track;
    use serde_json::json;
    use std::sync::Arc;

    fn object(name: &str, version: u64, adopts: Option<&str>, recorded: Option<&str>) -> SipEndpoint {
        serde_json::from_value(json!({
            "apiVersion": "switchboard.dev/v1alpha1",
            "kind": "SipEndpoint",
            "metadata": {"name": name, "namespace": "voice", "uid": format!("uid-{name}"), "resourceVersion": version.to_string()},
            "spec": {
                "accountRef": {"name": "plivo"},
                "plivo": {},
                "adopt": adopts.map(|id| json!({"endpoint_id": id})),
            },
            "status": {"endpoint_id": recorded},
        }))
        .expect("an object")
    }

    fn entry(object: &SipEndpoint) -> Entry {
        Entry::of(object, &Installation::new("cluster-a"))
    }

    fn tracker() -> (Arc<Claims>, Tracker<Entry>) {
        let claims = Arc::new(Claims::new(1));
        let tracker = Tracker::new(&claims, entry, &Wakers::new(&[]).0, &Shell::default());
        (claims, tracker)
    }

    fn count(claims: &Claims) -> (usize, usize) {
        let (ids, prefixes): (Vec<_>, Vec<_>) = claims.names().into_iter().partition(|name| matches!(name, Name::Id(_)));
        (prefixes.len(), ids.len())
    }

    fn claimants(claims: &Claims, id: &str) -> Vec<String> {
        claims.of(id).into_iter().map(|entry| entry.base.key.name).collect()
    }

    #[test]
    fn claims_follow_the_objects_through_their_lives() {
        let (claims, tracker) = tracker();
        tracker.seen(&object("alice", 1, None, Some("e1")));
        tracker.seen(&object("bob", 2, Some("e1"), None));
        assert_eq!(claimants(&claims, "e1"), ["alice", "bob"]);
        assert_eq!(count(&claims), (1, 1));

        tracker.seen(&object("alice", 3, None, Some("e2")));
        assert_eq!((claimants(&claims, "e1"), claimants(&claims, "e2")), (vec!["bob".into()], vec!["alice".into()]));
        let mark = claims.get(&ObjectKey::endpoint("voice", "alice")).and_then(|entry| entry.mark).expect("it does not adopt");
        assert_eq!(claims.marked(&mark).first().map(|entry| entry.base.key.name.clone()), Some("alice".into()));

        tracker.removed(&(ObjectKey::endpoint("voice", "alice"), "uid-alice".into()));
        tracker.removed(&(ObjectKey::endpoint("voice", "bob"), "uid-bob".into()));
        assert_eq!(count(&claims), (0, 0));
    }

    #[test]
    fn our_own_write_counts_before_its_event_and_is_not_undone_by_an_older_one() {
        let (claims, tracker) = tracker();
        claims.note(&object("alice", 5, None, Some("e1")));
        assert!(claims.get(&ObjectKey::endpoint("voice", "alice")).is_none(), "one that is not watched, or gone");
        tracker.seen(&object("alice", 1, None, None));
        claims.note(&object("alice", 5, None, Some("e1")));
        tracker.seen(&object("alice", 3, None, None));
        assert_eq!(claimants(&claims, "e1"), ["alice"]);
        tracker.seen(&object("alice", 6, None, None));
        assert_eq!(claimants(&claims, "e1"), Vec::<String>::new());
        // The API server was restored to an older state.
        claims.note(&object("alice", 9, None, Some("e2")));
        tracker.seen(&object("alice", 4, None, Some("e1")));
        assert_eq!((claimants(&claims, "e1"), claimants(&claims, "e2")), (vec!["alice".into()], vec![]));
    }

    #[test]
    fn who_else_claims_an_endpoint_is_told_when_a_claim_changes_and_only_then() {
        let (claims, tracker) = tracker();
        let told = |change: Change<Entry>| change.concerned.into_iter().map(|key| key.name).collect::<Vec<_>>();
        tracker.seen(&object("bob", 1, Some("e1"), None));
        assert_eq!(told(claims.put(entry(&object("alice", 2, None, Some("e1"))))), ["bob"]);
        assert_eq!(told(claims.note(&object("alice", 3, None, Some("e1")))), Vec::<String>::new());
        assert_eq!(told(claims.note(&object("alice", 4, None, Some("e2")))), ["bob"]);
        assert_eq!(told(claims.remove(&ObjectKey::endpoint("voice", "alice"), "uid-alice")), Vec::<String>::new());
    }

    #[test]
    fn who_leads_numbers_to_an_endpoint_hears_when_its_trunk_group_comes_goes_and_is_another_one() {
        let with = |version, group: serde_json::Value| {
            let mut object = object("alice", version, None, Some("e1"));
            let status = object.status.as_mut().expect("a status");
            status.trunk_group = serde_json::from_value(group).expect("a trunk group");
            entry(&object)
        };
        let steps = [
            ("nothing is known of one", with(1, json!(null)), None, false),
            ("it is being made", with(2, json!({"reason": "Progressing", "message": "creating it"})), None, true),
            ("it is there", with(3, json!({"trunk_group_sid": "g1", "reason": "Available", "message": "all is well"})), Some("g1"), true),
            (
                "it says something else",
                with(4, json!({"trunk_group_sid": "g1", "reason": "Drifted", "message": "changed"})),
                Some("g1"),
                false,
            ),
            ("a read has not found it", with(5, json!({"trunk_group_sid": "g1", "reason": "AwaitingEvidence"})), Some("g1"), true),
            ("it is there after all", with(5, json!({"trunk_group_sid": "g1", "reason": "Available"})), Some("g1"), true),
            ("it is being removed", with(5, json!({"trunk_group_sid": "g1", "reason": "Deleting", "message": "going"})), Some("g1"), true),
            ("it is gone", with(6, json!({"reason": "Progressing", "message": "creating it"})), None, true),
            ("there is another one", with(7, json!({"trunk_group_sid": "g2"})), Some("g2"), true),
        ];
        let claims = Claims::new(1);
        for pair in steps.windows(2) {
            let [(_, before, ..), (sentence, after, sid, told)] = pair else { unreachable!("two of them") };
            assert_eq!(before.followed() != after.followed(), *told, "{sentence}");
            claims.put(after.clone());
            let found = |sid: &str| claims.led_to(sid).len();
            assert_eq!((found("g1"), found("g2")), (usize::from(*sid == Some("g1")), usize::from(*sid == Some("g2"))), "{sentence}");
        }
    }

    #[test]
    fn of_two_that_adopt_in_one_moment_one_goes_on() {
        let (claims, tracker) = tracker();
        let at = |name: &str| ObjectKey::endpoint("voice", name);
        for name in ["alice", "bob"] {
            tracker.seen(&object(name, 1, Some("e1"), None));
        }
        // Made in the same second, so the uid decides.
        assert!(!claims.record(&at("bob"), "e1", |_| true));
        assert!(claims.record(&at("bob"), "e1", |_| false), "in another account there is no rival");
        assert!(!claims.record(&at("alice"), "e1", |_| true), "bob is about to record it");
        claims.note(&object("bob", 1, Some("e1"), None));
        assert!(claims.record(&at("alice"), "e1", |_| true), "bob's write has failed");
    }

    #[test]
    fn nothing_is_complete_before_every_watch_has_listed() {
        let claims = Arc::new(Claims::new(2));
        let trackers = [(); 2].map(|()| Tracker::new(&claims, entry, &Wakers::new(&[]).0, &Shell::default()));
        for _ in 0..2 {
            trackers[0].listed();
            assert!(!claims.is_complete(), "a watch that lists again does not stand for another one");
        }
        trackers[1].listed();
        assert!(claims.is_complete());
    }
}
