//! Laws that hold for every view, however odd.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;

use super::make::{
    NAMED, RECORDS, Start, applied, at, describe, mark, named, password, prefix, problem, record, recorded, refused, remote, right, text,
    under, unknown,
};
use super::phone::Phone;
use super::world::{Process, Stored, World};
use crate::api::condition::Reason;
use crate::core::action::{Action, Closed, Release, Why};
use crate::core::capabilities::Together;
use crate::core::endpoint::connection::{Held, KEYS};
use crate::core::endpoint::next;
use crate::core::fields::{Fields, PASSWORD, Remote, Role, Value};
use crate::core::mark::Place;
use crate::core::outcome::{Outcome, RefusalKind};
use crate::core::shared::Viewed;
use crate::core::tenancy::Adoptable;
use crate::core::view::{AccountView, Desired, TroubleKind, View};

/// What may never be answered, for whatever view.
pub fn check(view: &View, action: &Action) {
    let wrong = |what: &str| panic!("{what}: {} for {view:#?}", describe(action));
    let ours = |id: &str| view.evidence.observed(id).map(|seen| view.owns(seen.remote));
    if action.mutates_provider() {
        if !matches!(view.account, AccountView::Ready { .. }) || view.account_mismatch().is_some() {
            wrong("a write in an account that is not usable or not the pinned one");
        }
        if view.observes() {
            wrong("a write for an object that only observes");
        }
        let finishing = matches!(action, Action::DeleteEndpoint(_, Why::JustReceived)) && (view.object.deleting || view.object.gone);
        if (view.object.paused || view.stopping) && !finishing {
            wrong("a new write while paused or shutting down");
        }
    }
    if let Some(adopt) = &view.adopt {
        let id = Some(adopt.id.as_str());
        let seen = view.evidence.observed(&adopt.id).map(|seen| seen.remote.username.as_str());
        match action {
            Action::Get(..) | Action::Record(_) | Action::Update { .. } if !view.object.deleting && !adopt.allowed.admits(seen) => {
                wrong("a use of what may not be adopted from here")
            }
            Action::Create { .. } | Action::WriteIntent(_) | Action::Reserve | Action::Forget | Action::WriteTombstone(_) => {
                wrong("an endpoint is made, or a second one looked for, beside an adopted one");
            }
            Action::Record(found) if Some(found.id.as_str()) != id => wrong("a record of what is not adopted"),
            Action::Update { id: other, .. } | Action::DeleteEndpoint(other, _) if Some(other.as_str()) != id => {
                wrong("a write to what is not adopted")
            }
            _ => {}
        }
    }
    match action {
        Action::StorePassword => {
            if view.open_intent().is_some() || view.recorded().is_some() || view.object.deleting || view.adopt.is_some() {
                wrong("a password is made for what exists, or may come to be");
            }
            if !view.looked_this_term() || view.held().is_some() || view.stopping {
                wrong("a password is made before anybody has looked, or while nothing may be created");
            }
            if view.connection.as_ref().is_none_or(|secret| !secret.generates || matches!(secret.held, Held::Barred(_))) {
                wrong("a password is made that nobody asked for, or into a Secret that is not ours");
            }
        }
        Action::WriteConnection(entries) => {
            let Some(secret) = &view.connection else { return wrong("a Secret that the spec does not name is written") };
            if matches!(secret.held, Held::Barred(_)) || view.object.deleting || view.object.gone {
                wrong("a Secret that is not ours, or of an object that goes");
            }
            let own = matches!(&secret.held, Held::Own { owned: true, .. });
            if own && entries.is_empty() || secret.generates && entries.get(PASSWORD).is_some_and(Option::is_none) {
                wrong("a write for nothing, or one that loses the generated password");
            }
        }
        Action::Create { fields, .. } => {
            if let Some(secret) = view.connection.as_ref().filter(|secret| secret.generates) {
                let Held::Own { entries, owned: true, .. } = &secret.held else {
                    return wrong("a create before its password is stored");
                };
                if fields.get(PASSWORD) != entries.get(PASSWORD).cloned().map(Value::Secret).as_ref() {
                    wrong("a create with another password than the one that is stored");
                }
            }
            let own = view.memory.own.as_ref().filter(|own| own.answer.is_none()).map(|own| own.nonce.as_str());
            if view.open_intent().map(|intent| intent.nonce.as_str()) != own || own.is_none() {
                wrong("a create without an own, open, unsent intent");
            }
            if view.object.deleting || view.object.gone || !view.object.finalizer {
                wrong("a create for an object that cannot be cleaned up after");
            }
            if view.recorded().is_some() || !view.memory.permit {
                wrong("a create that is not needed, or not allowed");
            }
        }
        Action::WriteIntent(_) if view.open_intent().is_some() || view.recorded().is_some() || view.object.deleting => {
            wrong("an intent beside another one, a record or a deletion");
        }
        Action::Update { id, .. } if ours(id) != Some(true) => wrong("an update of what is not known to be ours"),
        Action::Update { change, .. } if !goes_together(view, change) => wrong("an update of fields that do not go together"),
        Action::DeleteEndpoint(id, why) if *why != Why::JustReceived && view.referenced() && !unreferenced(view, id) => {
            wrong("a deletion of what something may point to")
        }
        Action::Find(..) if !view.selects() => wrong("a search at a provider that does not select"),
        Action::ReadReferences(..) if !view.referenced() => wrong("a question that the provider does not answer"),
        Action::DeleteEndpoint(id, why) => {
            let received = matches!(&view.memory.own, Some(own) if matches!(&own.answer, Some(Outcome::Done((own, _))) if own == id));
            match (ours(id), why) {
                (_, Why::JustReceived) if received => {}
                (Some(true), Why::Requested) if view.object.deleting => {}
                (Some(true), Why::Duplicate) if view.tombstones().contains(id) && view.status.endpoint_id.as_ref() != Some(id) => {}
                _ => wrong("a deletion of what is not known to be ours, or without a reason"),
            }
        }
        Action::Record(found) if view.claimant(&found.id).is_some() => wrong("a record of what another object has a better right to"),
        Action::Record(found)
            if view.object.deleting
                || view.adopt.is_none() && (!view.mark.owns(&found.username) || view.tombstones().contains(&found.id)) =>
        {
            wrong("a record of what is not ours, condemned, or too late");
        }
        Action::CloseEpoch(Closed::NotExecuted) => {
            let settled = view.settled().filter(|settled| view.evidence.listings.absent_twice.is_some_and(|began| began > *settled));
            if settled.is_none() {
                wrong("an intent is closed without proof");
            }
        }
        Action::Forget => {
            let settled = view.settled().filter(|settled| view.evidence.listings.absent_twice.is_some_and(|began| began > *settled));
            let read = view.recorded().and_then(|recorded| view.evidence.missing(recorded.id));
            if settled.is_none() || read.is_none() || view.open_intent().is_some() {
                wrong("a record is forgotten without proof");
            }
        }
        Action::RemoveFinalizer(Release::Clean) => {
            let listings = &view.evidence.listings;
            let unsure = view.open_intent().is_some() || view.ledger().is_none();
            let proof = if unsure { listings.absent_twice } else { listings.absent_once };
            if view.settled().is_none_or(|settled| proof.is_none_or(|began| began <= settled)) {
                wrong("let go without proof that nothing is left");
            }
        }
        Action::RemoveFinalizer(Release::NeverSent) if view.intent().is_some() || view.recorded().is_some() => {
            wrong("let go as if nothing had been sent")
        }
        Action::Wait { until: Some(until), .. } if *until <= view.now => wrong("a wait that is over already"),
        _ => {}
    }
}

fn goes_together(view: &View, change: &Fields) -> bool {
    let rank = |field: &str| view.capabilities().and_then(|capabilities| capabilities.rank(field));
    let mut ranks = change.keys().filter(|field| **field != PASSWORD).map(|field| rank(field));
    let first = ranks.next();
    ranks.all(|rank| Some(rank) == first)
}

/// It was asked in this very pass what points to it, and nothing did.
fn unreferenced(view: &View, id: &str) -> bool {
    view.evidence.references.get(id).is_some_and(|known| known.began >= view.memory.pass_began && known.by.is_empty())
}

/// Reads a tape of bytes as choices; zeros make the simplest start, which is what a failure shrinks to.
struct Tape<'a>(std::slice::Iter<'a, u8>);

impl Tape<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        u64::from(self.0.next().copied().unwrap_or(0)) % bound
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == chances - 1
    }

    /// Mostly lately, sometimes long ago.
    fn moment(&mut self) -> u64 {
        match self.below(4) {
            0 => 1000 - self.below(12),
            1 => 1000 - self.below(160),
            2 => 840 + self.below(40),
            _ => self.below(250) * 4,
        }
    }

    fn id(&mut self) -> &'static str {
        ["e1", "e2", "e3", "x4"][self.below(4) as usize]
    }

    /// Endpoints as they may be shown: ours, edited, with a readable password, or somebody else's.
    fn remote(&mut self, id: &str) -> Remote {
        let mut remote = if id.starts_with('x') || self.one_in(12) { named(id, "mallory77") } else { remote(id) };
        if named_here() && self.one_in(10) {
            let other = mark(["cluster-a", "cluster-b"][self.below(2) as usize], "bob").to_string();
            remote = named(id, &other);
        }
        if named_here() && self.one_in(12) {
            remote.role = Role::Elsewhere;
        }
        if named_here() && self.one_in(5) {
            remote.fields.insert("addresses", text("hacked"));
        }
        if self.one_in(5) {
            remote.fields.insert("alias", text("hacked"));
        }
        if self.one_in(4) {
            remote.fields.remove("app_id");
        }
        if self.one_in(3) {
            remote.password_digest = Some(password(1 + self.below(2) as u32));
        }
        remote
    }
}

/// Any start, and what is true at the provider meanwhile.
fn any_start(tape: &mut Tape<'_>) -> (Start, Vec<Remote>) {
    let mut start = if tape.one_in(2) { recorded() } else { applied() };
    if tape.one_in(2) {
        start = start.finalizer();
    }
    for round in 0..tape.below(3) {
        let since = tape.moment();
        start = start.intent(&format!("n{round}"), since);
        if tape.one_in(2) {
            start = start.closed();
        }
    }
    if tape.one_in(3) {
        let answer = match tape.below(6) {
            0 | 1 => None,
            2 | 3 => Some(Outcome::Done(tape.id()).map(|id| if id == "x4" { "e4" } else { id })),
            4 => Some(unknown()),
            _ => Some(refused([RefusalKind::Invalid, RefusalKind::Throttled][tape.below(2) as usize])),
        };
        start = start.own(answer);
    }
    if tape.one_in(4) {
        start = start.record(tape.id());
    }
    if tape.one_in(4) {
        start = start.unread();
    }
    for _ in 0..tape.below(3) {
        if tape.one_in(3) {
            start = start.tombstone(tape.id());
        }
    }
    start = adoption(tape, start);
    start = policies(tape, start);
    start = phone(tape, start);
    start = memories(tape, start);
    (evidence(tape, start), truth(tape))
}

/// Some adopt one, and some endpoints are another object's.
fn adoption(tape: &mut Tape<'_>, mut start: Start) -> Start {
    if tape.one_in(4) {
        let id = tape.id();
        start = start.adopt(id);
        // It has never created anything; a ledger that says so was put there by somebody.
        start.view.memory.own = None;
        start = start.label((!tape.one_in(4)).then(|| if tape.one_in(8) { "mallory77".into() } else { remote(id).username }));
        if tape.one_in(8) {
            start = start.allowed(if tape.one_in(2) { Adoptable::Unmarked } else { Adoptable::No });
        }
        if tape.one_in(4) {
            start = start.observe();
        }
        if tape.one_in(3) {
            start = start.no_password();
        }
    }
    if tape.one_in(8) {
        let id = tape.id();
        start = start.claimed(id);
    }
    start
}

/// Some have a connection Secret, in any condition, and some of them a generated password.
fn phone(tape: &mut Tape<'_>, mut start: Start) -> Start {
    // Who does not register has no login.
    if named_here() || tape.one_in(2) || start.view.object.deleting || start.view.object.gone {
        return start;
    }
    start = match tape.below(6) {
        0 => start.phone(Held::Barred(problem(Reason::Conflict))),
        1 | 2 => start.phone(Held::Absent),
        3 => start.phone_with(right(None)),
        4 => start.phone_with(right(Some(password(2)))),
        _ => start.phone_with(right(Some(password(1)))),
    };
    if tape.one_in(4) {
        start = start.given();
    }
    if tape.one_in(4) {
        let moment = tape.moment();
        start = start.unwritten(moment);
    }
    if tape.one_in(4) {
        let mut moments: Vec<u64> = (0..tape.below(6)).map(|_| tape.moment()).collect();
        moments.sort_unstable();
        let all = right(Some(password(1)));
        let some = KEYS.into_iter().filter(|_| !tape.one_in(3)).map(|key| (key, all.get(key).cloned())).collect();
        start = start.rewrote(&some, &moments);
    }
    let wanted = matches!(start.view.desired, Desired::Wanted(_)) && start.view.adopt.is_none();
    if wanted && tape.one_in(2) { start.generates() } else { start }
}

fn policies(tape: &mut Tape<'_>, mut start: Start) -> Start {
    let choices: [fn(Start) -> Start; 9] = [
        Start::paused,
        Start::stopping,
        Start::retain,
        Start::report_drift,
        Start::report_deletion,
        Start::not_listed_this_term,
        Start::permit,
        |start| start.edited("reception"),
        |start| start.rotated(2),
    ];
    for choice in choices {
        if tape.one_in(5) {
            start = choice(start);
        }
    }
    if named_here() {
        start = named_policies(tape, start);
    } else if tape.one_in(2) {
        start = start.updates(&[Together { fields: &[], carried: &["app_id"] }]);
    }
    match tape.below(14) {
        9 => start = start.blocked(),
        10 => start = start.no_account(),
        11 => start = start.account_not_ready(),
        12 => start = start.account(AccountView::NotReady(problem(Reason::CredentialsRejected))),
        13 => start = start.mismatch(),
        _ => {}
    }
    match tape.below(8) {
        5 | 6 => start.deleting(),
        7 => start.gone(),
        _ => start,
    }
}

/// The mark stands in a name.
fn named_here() -> bool {
    record().mark == Place::Name
}

fn named_policies(tape: &mut Tape<'_>, mut start: Start) -> Start {
    if tape.one_in(8) {
        start = start.unselective();
    }
    if tape.one_in(3) {
        start.view.term = at(tape.moment());
    }
    if tape.one_in(6) {
        start = start.trunk_group();
    }
    if tape.one_in(4)
        && let Desired::Wanted(wanted) = &mut start.view.desired
        && let Some(password) = &mut wanted.password
    {
        password.along = Some("addresses");
    }
    if tape.one_in(4) {
        let (moment, times) = (tape.moment(), 1 + tape.below(3) as u32);
        start = start.updated_before(&[("addresses", text("desk"))], moment, times);
    }
    if tape.one_in(3) {
        let change = [("alias", text("desk")), ("name", text(prefix().as_str())), (PASSWORD, Value::Secret(password(1)))];
        let moment = tape.moment();
        start = start.shown(&change[..1 + tape.below(3) as usize], moment);
    }
    if tape.one_in(4) {
        let (id, moment, attempts) = (tape.id(), tape.moment(), 1 + tape.below(12) as u32);
        start = start.undeleted(id, moment, attempts, tape.one_in(2));
    }
    start
}

fn named_evidence(tape: &mut Tape<'_>, mut start: Start) -> Start {
    if tape.one_in(2) {
        return start;
    }
    for _ in 0..tape.below(3) {
        let (id, moment) = (tape.id(), tape.moment());
        start = start.referenced(id, moment, if tape.one_in(3) { &["trunk t1"] } else { &[] });
    }
    let mut moments: Vec<u64> = (0..tape.below(4)).map(|_| tape.moment()).collect();
    moments.sort_unstable();
    for moment in moments {
        let found = ["e1", "e2", "e3"].into_iter().filter(|_| tape.one_in(3)).collect::<Vec<_>>();
        let found = found.into_iter().map(|id| tape.remote(id)).collect();
        let complete = !tape.one_in(4);
        start = start.searched_remotes(moment, complete, found);
    }
    start
}

fn memories(tape: &mut Tape<'_>, mut start: Start) -> Start {
    if tape.one_in(4) {
        let moment = tape.moment();
        start = start.settled_by_server(moment);
    }
    if tape.one_in(3) {
        let moment = tape.moment();
        start = start.blank_since(moment);
    }
    if tape.one_in(4) {
        let (id, moment, confirmed) = (tape.id(), tape.moment(), tape.one_in(2));
        start = start.deleted(id, moment, confirmed);
    }
    if tape.one_in(4) {
        let moment = tape.moment();
        start = start.listing_wanted(moment);
    }
    if tape.one_in(4) {
        let kind = [
            TroubleKind::Unknown,
            TroubleKind::Foreign,
            TroubleKind::Refused(RefusalKind::Throttled),
            TroubleKind::Refused(RefusalKind::Unreachable),
            TroubleKind::Refused(RefusalKind::Credentials),
            TroubleKind::Refused(RefusalKind::Invalid),
        ][tape.below(6) as usize];
        let (moment, attempts) = (tape.moment(), 1 + tape.below(12) as u32);
        start = start.trouble(kind, moment, attempts);
    }
    if tape.one_in(4) {
        let change = match tape.below(3) {
            0 => ("alias", text("desk")),
            1 => ("alias", text("reception")),
            _ => (PASSWORD, Value::Secret(password(1 + tape.below(2) as u32))),
        };
        let (moment, times) = (tape.moment(), 1 + tape.below(3) as u32);
        start = start.updated(&[change], moment, times);
    }
    let began = tape.moment();
    start.pass_began(began)
}

fn evidence(tape: &mut Tape<'_>, mut start: Start) -> Start {
    if named_here() {
        start = named_evidence(tape, start);
    }
    for _ in 0..tape.below(3) {
        let (id, moment) = (tape.id(), tape.moment());
        start = if tape.one_in(2) { start.missing(id, moment) } else { start.got_remote(moment, tape.remote(id)) };
    }
    let mut moments: Vec<u64> = (0..tape.below(4)).map(|_| tape.moment()).collect();
    moments.sort_unstable();
    for moment in moments {
        let mut remotes = Vec::new();
        for id in ["e1", "e2", "e3", "x4"] {
            if tape.one_in(3) {
                remotes.push(tape.remote(id));
            }
        }
        let complete = !tape.one_in(4);
        start = start.listed_remotes(moment, complete, remotes);
    }
    start
}

fn truth(tape: &mut Tape<'_>) -> Vec<Remote> {
    let mut truth = Vec::new();
    for id in ["e1", "e2", "e3", "x4"] {
        if tape.one_in(2) {
            truth.push(tape.remote(id));
        }
    }
    truth
}

/// Whether a rest with this action is one that only people can end.
fn waits_for_people(view: &View, action: &Action) -> bool {
    if let Action::Wait { until: Some(_), finding: Some(finding) } = action {
        return matches!(finding.reason, Reason::AlreadyOwned | Reason::AdoptNotFound);
    }
    let Action::Wait { until: None, .. } = action else { return matches!(action, Action::Done(_)) };
    let lost = view.recorded().is_some_and(|recorded| view.evidence.observed(recorded.id).is_some_and(|seen| !view.owns(seen.remote)));
    view.stopping
        || view.object.paused
        || matches!(view.desired, Desired::Blocked(_) | Desired::Unmade(_))
        || view.connection.as_ref().is_some_and(|secret| matches!(secret.held, Held::Barred(_)))
        || !matches!(view.account, AccountView::Ready { .. })
        || view.account_mismatch().is_some()
        || lost
}

/// The answer in words; when it looks again at what another object has is no part of it.
fn at_rest(action: &Action) -> String {
    match action {
        Action::Wait { finding: Some(finding), .. } if matches!(finding.reason, Reason::AlreadyOwned | Reason::AdoptNotFound) => {
            finding.message.clone()
        }
        _ => describe(action),
    }
}

/// Goes on from a start in a world where everything succeeds, until there is nothing left to do.
fn unfold(start: Start, truth: Vec<Remote>) -> (World, Action) {
    let stored = (!start.view.object.gone).then(|| Stored {
        version: 1,
        object: start.view.object.clone(),
        status: start.view.status.clone(),
        desired: start.view.desired.clone(),
    });
    let (object, status, desired) = (start.view.object.clone(), start.view.status.clone(), start.view.desired.clone());
    let mut world = World::new(1, Stored { version: 1, object, status, desired }, vec![Process::new(start)], at(1000));
    world.stored = stored;
    world.phone =
        world.processes[0].start.view.connection.as_ref().filter(|secret| !matches!(secret.held, Held::Barred(_))).map(|secret| {
            let mut phone = Phone { generates: secret.generates, ..Phone::default() };
            if let Held::Own { owned, entries, .. } = &secret.held {
                phone.put(entries.clone(), *owned);
            }
            phone
        });
    if let (Some(stored), Some(phone)) = (&mut world.stored, &world.phone)
        && phone.generates
    {
        // What is wanted but for the password, which comes from the Secret.
        stored.desired = super::make::wanted("desk", 1);
    }
    world.watch(0);
    world.provider.readable = true;
    for remote in truth {
        world.provider.endpoints.insert(remote.id.clone(), (remote, at(0)));
    }
    for round in 0..80 {
        if round == 40
            && let Some(stored) = &mut world.stored
        {
            // What keeps a paused object from coming to rest (a duplicate that must not be deleted) ends with the pause.
            stored.object.paused = false;
            stored.version += 1;
            world.watch(0);
        }
        let Some(last) = world.pass(0, |_, view, action| check(view, action)) else {
            world.advance(Duration::from_secs(1));
            continue;
        };
        let step = match &last {
            last if waits_for_people(&world.processes[0].start.view, last) => return (world, last.clone()),
            Action::Wait { until: Some(until), .. } => until.since(world.now).min(Duration::from_secs(100)),
            _ => Duration::from_secs(3),
        };
        let long = matches!(&last, Action::Wait { until: Some(until), .. } if until.since(world.now) > Duration::from_secs(400));
        world.advance(if long { Duration::from_secs(6 * 3600) } else { step });
    }
    panic!("it does not come to an end:\n{}", world.log.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_view_is_answered_with_what_is_forbidden_at_any_provider(bytes in proptest::collection::vec(any::<u8>(), 160)) {
        for capabilities in RECORDS {
            let view = under(capabilities, || any_start(&mut Tape(bytes.iter())).0.build());
            let action = next(&view);
            check(&view, &action);
            prop_assert_eq!(&action, &next(&view.clone()));
        }
    }

    #[test]
    fn every_start_ends_when_everything_succeeds(bytes in proptest::collection::vec(any::<u8>(), 120)) {
        comes_to_rest(&bytes)?;
    }

    #[test]
    fn every_start_ends_where_names_carry_the_mark_as_well(bytes in proptest::collection::vec(any::<u8>(), 160)) {
        under(NAMED, || comes_to_rest(&bytes))?;
    }
}

fn comes_to_rest(bytes: &[u8]) -> Result<(), TestCaseError> {
    let (start, truth) = any_start(&mut Tape(bytes.iter()));
    let (mut world, mut last) = unfold(start, truth);
    // At rest it stays at rest: the same answer, and nothing is written. Evidence that the start made up may first grow old and
    // be replaced by the truth.
    let mut quiet = 0;
    for _ in 0..30 {
        let before = world.writes;
        world.advance(Duration::from_secs(5));
        let again = world.pass(0, |_, view, action| check(view, action));
        quiet = if Some(at_rest(&last)) == again.as_ref().map(at_rest) && before == world.writes { quiet + 1 } else { 0 };
        if quiet == 3 {
            break;
        }
        last = again.unwrap_or(last);
    }
    prop_assert_eq!(quiet, 3, "{}: {}", describe(&last), world.log.join("\n"));
    Ok(())
}

/// Of so many arbitrary starts, the names of what is answered to them.
fn answers(length: usize) -> BTreeSet<&'static str> {
    let mut rng = super::provider::Rng(1);
    let mut seen = BTreeSet::new();
    for _ in 0..40_000 {
        let bytes: Vec<u8> = (0..length).map(|_| rng.below(256) as u8).collect();
        seen.insert(next(&any_start(&mut Tape(bytes.iter())).0.build()).name());
    }
    seen
}

#[test]
fn arbitrary_starts_reach_every_kind_of_answer() {
    let all = [
        "AddFinalizer",
        "ClearTombstone",
        "CloseEpoch",
        "Create",
        "DeleteEndpoint",
        "Done",
        "Forget",
        "Get",
        "List",
        "Record",
        "RemoveFinalizer",
        "Reserve",
        "StorePassword",
        "Update",
        "Wait",
        "WriteConnection",
        "WriteIntent",
        "WriteTombstone",
    ];
    let all = BTreeSet::from(all);
    assert_eq!(answers(120), all);
    let named = &(&all - &BTreeSet::from(["StorePassword", "WriteConnection"])) | &BTreeSet::from(["Find", "ReadReferences"]);
    assert_eq!(under(NAMED, || answers(160)), named);
}
