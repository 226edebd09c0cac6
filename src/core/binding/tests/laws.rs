//! Laws that hold for every view of a binding, however odd.

use proptest::prelude::*;

use super::make::{
    APPLICATIONS, Start, TRUNK_GROUPS, applied, at, at_provider, bound, describe, number, problem, ready, refused, rival, unknown,
};
use crate::api::condition::Reason;
use crate::api::policy::BindingDeletionPolicy;
use crate::core::action::{Action, Cause, Release, Source};
use crate::core::binding::next;
use crate::core::binding::view::View;
use crate::core::fields::Value;
use crate::core::outcome::RefusalKind;
use crate::core::shared::Viewed;
use crate::core::view::{AccountView, TroubleKind};

/// What may never be answered, for whatever view.
pub fn check(view: &View, action: &Action) {
    let wrong = |what: &str| panic!("{what}: {} for {view:#?}", describe(action));
    match action {
        Action::Update { id, change, cause, .. } => {
            if change.get(view.target()).and_then(Value::text).is_none() {
                wrong("an update that does not say what answers the number");
            }
            if !matches!(view.account, AccountView::Ready { suspended: false, .. }) || view.account_mismatch().is_some() {
                wrong("a write in an account that is not usable or not the pinned one");
            }
            if view.object.paused || view.stopping {
                wrong("a write while paused or shutting down");
            }
            if view.owner().is_some() || !view.object.finalizer || view.object.gone {
                wrong("a write of a binding that does not own the number, or cannot give it back");
            }
            let read = view.evidence.observed().filter(|seen| seen.by_id && seen.began >= view.memory.pass_began);
            let Some(seen) = read else { return wrong("a write on top of what was not read in this pass") };
            if seen.number.number != view.number || seen.number.id != *id {
                wrong("an update of another number");
            }
            if seen.number.obstacle.is_some() && !view.object.deleting {
                wrong("a change of a number that cannot be bound");
            }
            if view.surveyed().is_none_or(|survey| survey.reads == view.memory.reads) {
                wrong("a write of a binding that was not read in this pass, or of a number that was not read since");
            }
            match view.wanted().filter(|_| !view.object.deleting) {
                Some(wanted) => {
                    if matches!(cause, Cause::Restored | Cause::Unassigned)
                        || change.iter().any(|(field, value)| wanted.get(field) != Some(value))
                    {
                        wrong("an update to what is not wanted, or of what is not managed");
                    }
                    if !view.written_ahead() || view.status.account.is_none() {
                        wrong("an update that was not written ahead");
                    }
                    if view.status.previous.is_none() && !view.lost() {
                        wrong("an update before what was there is stored");
                    }
                }
                None if !view.object.deleting => wrong("an update to nobody knows what"),
                None => {
                    let target = change.get(view.target()).and_then(Value::text).unwrap_or_default();
                    if !view.placed(view.answering(seen)) && view.answering(seen) != target {
                        wrong("what is not ours is given back");
                    }
                    if !target.is_empty() && view.status.previous.as_ref().is_none_or(|previous| previous.target() != target) {
                        wrong("something else than what was there before comes back");
                    }
                }
            }
        }
        Action::WritePlaced(ahead) => {
            if view.status.previous.is_some() && view.status.previous != ahead.previous && view.outdated() != Some(true) {
                wrong("what was there before is overwritten");
            }
            if ahead.previous.is_some() && view.status.previous.is_none() && ahead.source != Source::Inherited {
                let others = view.rivals.iter().any(|rival| rival.previous.is_some() || rival.finalizer);
                let seen = view.evidence.observed().map(|seen| view.answering(seen).to_owned());
                if others || view.lost() || ahead.previous.as_ref().map(|previous| previous.target().to_owned()) != seen {
                    wrong("what another binding wrote, or what was not read, passes for what was there before");
                }
            }
            if ahead.placed.len() > super::super::ownership::MAX_PLACED {
                wrong("more than fits into the status");
            }
        }
        Action::RemoveFinalizer(release) => {
            if !view.object.deleting || !view.object.finalizer {
                wrong("a live binding is let go");
            }
            let settled = view.now >= view.memory.settles(view.timing.settle);
            if matches!(release, Release::Restored | Release::Unassigned | Release::PreviousGone | Release::NotOurs | Release::NotGivenBack)
                && !settled
            {
                wrong("let go while an update may be on its way");
            }
            if *release == Release::HandedOver && !settled {
                wrong("handed over while an update may be on its way");
            }
            if *release == Release::NotGivenBack && view.must_answer() {
                wrong("let go where nobody looks after it");
            }
            if *release == Release::NumberGone && view.evidence.missing() != Some(true) {
                wrong("called gone without proof");
            }
            let live = view.rivals.iter().any(|rival| !rival.deleting && rival.finalizer);
            if *release == Release::HandedOver && (!live || view.surveyed().is_none()) {
                wrong("handed over to nobody, or to one that could go");
            }
        }
        Action::AddFinalizer if view.object.deleting => wrong("a finalizer on what is being deleted"),
        Action::AddFinalizer if !matches!(view.account, AccountView::Ready { .. }) && !view.lost_elsewhere() => {
            wrong("a finalizer while nobody knows who owns the number");
        }
        Action::Wait { until: Some(until), .. } if *until <= view.now => wrong("a wait that is over already"),
        Action::Done(finding) | Action::Wait { finding: Some(finding), .. } => {
            if finding.reason == Reason::Available
                && view.evidence.observed().is_none_or(|seen| {
                    view.wanted().is_none_or(|wanted| {
                        wanted.iter().any(|(field, value)| seen.number.fields.get(field).is_some_and(|shown| shown != value))
                    })
                })
            {
                wrong("it is called available and is not");
            }
            if finding.reason == Reason::DeletionRefused {
                let ours = view.evidence.observed().is_some_and(|seen| view.placed(view.answering(seen)));
                if !view.object.deleting || !view.must_answer() || !ours || view.policy.deletion == BindingDeletionPolicy::Retain {
                    wrong("kept for nothing");
                }
            }
            if finding.reason == Reason::Available && view.evidence.observed().is_some_and(|seen| seen.number.obstacle.is_some()) {
                wrong("it is called available and takes no calls");
            }
            if view.owner().is_some() && finding.reason == Reason::Available {
                wrong("it is called available and is another one's");
            }
        }
        Action::Get(asked, _)
            if *asked != view.number
                && Some(asked) != view.memory.id.as_ref()
                && view.evidence.observed().is_none_or(|seen| seen.number.id != *asked) =>
        {
            wrong("a read of something else");
        }
        Action::Create { .. } | Action::DeleteEndpoint(..) | Action::WriteIntent(_) | Action::Record(_) | Action::Forget => {
            wrong("numbers are never rented and never released");
        }
        _ => {}
    }
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

    fn moment(&mut self) -> u64 {
        match self.below(3) {
            0 => 1000 - self.below(12),
            1 => 1000 - self.below(160),
            _ => self.below(250) * 4,
        }
    }

    fn app(&mut self) -> &'static str {
        ["app1", "app0", "app2", ""][self.below(4) as usize]
    }
}

fn any_start(tape: &mut Tape<'_>) -> Start {
    at_provider([APPLICATIONS, TRUNK_GROUPS][tape.below(2) as usize]);
    let mut start = if tape.one_in(2) { bound() } else { applied() };
    let choices: [fn(Start) -> Start; 12] = [
        Start::finalizer,
        Start::without_finalizer,
        Start::paused,
        Start::stopping,
        Start::suspended,
        Start::deletions_only,
        Start::pinned,
        Start::report_drift,
        Start::wiped,
        |start| start.contested(900),
        |start| start.edited("app2"),
        |start| start.wanting("alias", "desk"),
    ];
    for choice in choices {
        if tape.one_in(5) {
            start = choice(start);
        }
    }
    if tape.one_in(3) {
        let apps: Vec<&str> = (0..tape.below(4)).map(|_| tape.app()).collect();
        start = start.placed(&apps);
    }
    if tape.one_in(3) {
        start = start.previous(tape.app());
    }
    start = match tape.below(3) {
        0 => start,
        1 => start.policy(BindingDeletionPolicy::Unassign),
        _ => start.policy(BindingDeletionPolicy::Retain),
    };
    start = match tape.below(12) {
        8 => start.blocked(Reason::TargetNotFound),
        9 => start.account(AccountView::Unknown),
        10 => start.account(AccountView::NotReady(problem(Reason::AccountNotReady))),
        11 => start.account(ready("MA2")).pinned(),
        _ => start,
    };
    for _ in 0..tape.below(3) {
        let mut other = rival([1, 9][tape.below(2) as usize]);
        other.deleting = tape.one_in(2);
        other.finalizer = tape.one_in(2);
        other.previous = tape.one_in(2).then(|| super::make::previous("app0"));
        other.placed = (0..tape.below(3)).map(|_| super::make::placed(tape.app())).collect();
        start = start.rival(other);
    }
    start = evidence(tape, start);
    match tape.below(8) {
        4..7 => start.deleting(),
        7 => start.gone(),
        _ => start,
    }
}

fn evidence(tape: &mut Tape<'_>, mut start: Start) -> Start {
    for _ in 0..tape.below(3) {
        let moment = tape.moment();
        start = match tape.below(4) {
            0 => start.missing(moment, tape.one_in(2)),
            _ => start.read_as(moment, Some(number(tape.app(), ["old", "desk"][tape.below(2) as usize])), true),
        };
        if tape.one_in(2) {
            start = start.surveyed(tape.moment(), tape.app());
        }
    }
    if tape.one_in(2) {
        let found = if tape.one_in(3) { None } else { Some(tape.app()) };
        start = start.listed(tape.moment(), !tape.one_in(3), found);
    }
    if tape.one_in(4) {
        start = start.listing_wanted(tape.moment());
    }
    if tape.one_in(3) {
        start = start.updated(tape.app(), tape.moment(), tape.below(4) as u32);
    }
    if tape.one_in(4) {
        start = start.corrected(&[tape.moment(), 998, 999][..1 + tape.below(3) as usize]);
    }
    if tape.one_in(4) {
        let kind = [TroubleKind::Unknown, TroubleKind::Foreign, TroubleKind::Refused(RefusalKind::Invalid)][tape.below(3) as usize];
        start = start.trouble(kind, tape.moment());
    }
    if tape.one_in(4) {
        let outcome = if tape.one_in(2) { unknown() } else { refused(RefusalKind::Invalid) };
        let cause = [Cause::Edited, Cause::Drifted, Cause::Restored][tape.below(3) as usize];
        start = start.answered(tape.app(), cause, outcome, tape.moment());
    }
    if tape.one_in(8) {
        start = start.obstructed();
    }
    if tape.one_in(8) {
        start = start.got(tape.moment(), if tape.one_in(2) { unknown() } else { refused(RefusalKind::Invalid) });
    }
    if tape.one_in(4) {
        start.view.memory.leaving = Some(at(tape.moment()));
    }
    if tape.one_in(4) {
        start.view.memory.foreign = Some(at(tape.moment()));
    }
    start
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_view_makes_it_do_what_it_must_never_do(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
        let view = any_start(&mut Tape(bytes.iter())).build();
        check(&view, &next(&view));
    }

    #[test]
    fn no_status_is_written_twice_for_the_same_view(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
        let mut view = any_start(&mut Tape(bytes.iter())).build();
        if let Action::Done(finding) | Action::Wait { finding: Some(finding), .. } = next(&view) {
            view.status = crate::core::binding::status::report(&view, &finding);
            let again = crate::core::binding::status::report(&view, &finding);
            prop_assert!(!crate::core::binding::status::worth_writing(&view.status, &again));
        }
    }
}
