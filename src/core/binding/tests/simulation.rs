//! Thousands of small histories of one number with two bindings, a console user, crashes, lost answers and stale views.

use std::collections::BTreeSet;
use std::time::Duration;

use super::laws;
use super::make::{APPLICATIONS, TRUNK_GROUPS, at_provider, record, target, text};
use super::world::{NAMES, Unbinding, World};
use crate::api::condition::Reason;
use crate::api::policy::{BindingDeletionPolicy, DriftPolicy};
use crate::core::action::{Action, Release, Source};
use crate::core::binding::view::{Desired, Policy, View};
use crate::core::capabilities::Capabilities;
use crate::core::fields::Fields;

/// What may happen in a history.
#[derive(Clone, Copy, PartialEq)]
enum Weather {
    /// Faults of the network and of the operator; nobody else touches the number or the objects' statuses.
    Faulty,
    /// Besides: the console, wiped statuses, finalizers forced off, numbers taken away, applications deleted.
    Wild,
}

const FIRST: &str = "first";
const TARGETS: [[&str; 2]; NAMES] = [["a0", "a1"], ["b0", "b1"]];

struct History {
    world: World,
    weather: Weather,
    /// Values of ours that a binding left there when it went: they are what is there now.
    left: BTreeSet<String>,
}

fn shown() -> Fields {
    Fields::from([(target(), text(FIRST)), ("alias", text("old")), ("subaccount", text(""))])
}

impl History {
    fn new(seed: u64, weather: Weather) -> Self {
        let mut world = World::new(seed, 1 + (seed % 2) as usize, shown());
        world.faults = true;
        world.provider.proxy = weather == Weather::Wild && seed.is_multiple_of(3);
        if record().number_must_answer {
            world.provider.unbinding = [Unbinding::Taken, Unbinding::Refused, Unbinding::Ignored][(seed / 2 % 3) as usize];
            world.provider.unselected = seed.is_multiple_of(5);
        }
        Self { world, weather, left: BTreeSet::new() }
    }

    fn wanted(&mut self, name: usize) -> Fields {
        let answer = TARGETS[name][self.world.rng.below(2) as usize];
        let mut wanted = Fields::from([(target(), text(answer))]);
        if self.world.rng.percent(30) {
            wanted.insert("alias", text(answer));
        }
        wanted
    }

    fn happen(&mut self) {
        let name = self.world.rng.below(NAMES as u64) as usize;
        let process = self.world.rng.below(self.world.processes.len() as u64) as usize;
        let dice = self.world.rng.below(100);
        let wanted = self.wanted(name);
        match dice {
            0..6 => self.world.crash(process),
            6..30 => self.world.watch(process),
            30..36 if self.world.stored[name].is_none() => {
                let deletion = match self.weather {
                    Weather::Faulty => BindingDeletionPolicy::Restore,
                    Weather::Wild => BindingDeletionPolicy::ALL[self.world.rng.below(3) as usize],
                };
                let drift = if self.world.rng.percent(20) { DriftPolicy::Report } else { DriftPolicy::Correct };
                self.world.apply(name, wanted, Policy { deletion, drift });
            }
            36..40 => self.world.change(name, "is edited", |stored| {
                stored.desired = Desired::Wanted(wanted);
                stored.object.generation += 1;
            }),
            40..42 => self.world.change(name, "follows", |stored| {
                if let (Desired::Wanted(now), Some(answer)) = (&mut stored.desired, wanted.get(target())) {
                    now.insert(target(), answer.clone());
                }
            }),
            42..45 => self.world.delete(name),
            45..47 => self.world.change(name, "is paused or not", |stored| stored.object.paused = !stored.object.paused),
            47..52 => self.world.sweep(process),
            52..55 if self.weather == Weather::Wild => {
                let change = Fields::from([(target(), text(["console", ""][self.world.rng.below(2) as usize]))]);
                self.world.log.push(format!("{} console: {change:?}", self.world.now));
                self.world.execute(&change, Duration::ZERO);
            }
            55 if self.weather == Weather::Wild => {
                self.world.change(name, "loses its status", |stored| stored.status = Default::default());
            }
            56 if self.weather == Weather::Wild => {
                self.world.change(name, "loses its finalizer", |stored| stored.object.finalizer = false);
            }
            57 if self.weather == Weather::Wild => {
                let log = format!("{} the number is taken away or comes back", self.world.now);
                self.world.log.push(log);
                let fields = &mut self.world.provider.fields;
                *fields = if fields.is_some() { None } else { Some(shown()) };
            }
            58 if self.weather == Weather::Wild => {
                self.world.log.push(format!("{} the first application is deleted, or is there again", self.world.now));
                self.world.provider.missing = if self.world.provider.missing.is_empty() { vec![FIRST] } else { Vec::new() };
            }
            _ => {}
        }
    }

    fn check(&mut self, view: &View, action: &Action) {
        laws::check(view, action);
        if let Action::WritePlaced(ahead) = action
            && ahead.source == Source::Observed
            && self.weather == Weather::Faulty
            && let Some(previous) = &ahead.previous
        {
            let ours = TARGETS.concat().contains(&previous.target()) && !self.left.iter().any(|left| left == previous.target());
            assert!(!ours, "{} passes for what was there before", previous.target());
        }
        if let Action::RemoveFinalizer(release) = action
            && !matches!(release, Release::HandedOver)
        {
            self.left.extend(self.world.app_id().map(ToOwned::to_owned));
        }
    }

    fn fault_phase(&mut self) {
        for _ in 0..160 {
            self.happen();
            let process = self.world.rng.below(self.world.processes.len() as u64) as usize;
            let name = self.world.rng.below(NAMES as u64) as usize;
            // A pass that is interrupted at any point; what comes next is another one, or goes on.
            if self.world.rng.percent(70) {
                self.world.processes[process].learnt[name].memory.pass_began = self.world.now;
            }
            let steps = self.world.rng.below(6);
            let mut step = 0;
            loop {
                let Some((view, action)) = self.world.decide(process, name) else { break };
                // A process stands still at any point, but not between its last look at the bindings and what it sends then: that is left
                // over, as for creates.
                let looked = view.surveyed().is_some();
                if step >= steps && !looked {
                    break;
                }
                step += 1;
                self.check(&view, &action);
                if !self.world.perform(process, name, &view, &action) {
                    break;
                }
                if !looked && self.world.rng.percent(20) {
                    self.world.advance(Duration::from_secs(1));
                }
            }
            let seconds = self.world.rng.below(20);
            self.world.advance(Duration::from_secs(seconds));
        }
    }

    /// Faults stop, everybody sees the newest objects. It has to come to rest, and then nothing is written any more.
    fn quiet_phase(&mut self) {
        self.world.faults = false;
        self.world.log.push(format!("{} faults stop", self.world.now));
        for name in 0..NAMES {
            self.world.change(name, "is not paused", |stored| stored.object.paused = false);
        }
        let mut at_rest = 0;
        for _ in 0..300 {
            let versions = |world: &World| world.stored.each_ref().map(|stored| stored.as_ref().map(|stored| stored.version));
            let before = (self.world.writes, versions(&self.world));
            let mut busy = !self.world.provider.flights.is_empty();
            for process in 0..self.world.processes.len() {
                self.world.sweep(process);
                for name in 0..NAMES {
                    self.world.watch(process);
                    let last = self.world.pass(process, name, |_, view, action| laws::check(view, action));
                    if let Some(Action::Wait { until: Some(until), .. }) = last {
                        assert!(until > self.world.now, "a wait that is over already");
                    }
                    busy |= !matches!(last, None | Some(Action::Done(_) | Action::Wait { .. }));
                }
            }
            at_rest = if !busy && before == (self.world.writes, versions(&self.world)) { at_rest + 1 } else { 0 };
            if at_rest == 8 {
                return;
            }
            self.world.advance(Duration::from_secs(30));
        }
        panic!("it does not come to rest");
    }

    fn check_goal(&self) {
        let world = &self.world;
        let live = |name: &usize| world.stored[*name].as_ref().is_some_and(|stored| !stored.object.deleting);
        let owner = (0..NAMES).filter(live).min_by_key(|name| world.stored[*name].as_ref().map(|stored| stored.created));
        for name in 0..NAMES {
            let Some(stored) = &world.stored[name] else { continue };
            if stored.object.deleting && self.kept(name) {
                continue;
            }
            assert!(!stored.object.deleting, "{name} hangs");
            let reason = self.reason(name);
            let Desired::Wanted(wanted) = &stored.desired else { continue };
            let expected: &[&str] = match () {
                () if Some(name) != owner => &["Conflict"],
                () if world.provider.fields.is_none() => &["NumberNotInAccount"],
                () if self.weather == Weather::Faulty => &["Available"],
                () => &["Available", "Drifted", "Contested", "ProviderNormalisedValue"],
            };
            assert!(expected.contains(&reason), "{name} says {reason}");
            if reason == "Available" {
                let fields = world.provider.fields.as_ref().expect("the number");
                assert!(wanted.iter().all(|(field, value)| fields.get(field) == Some(value)), "{fields:?}");
            }
        }
    }

    fn reason(&self, name: usize) -> &str {
        let stored = self.world.stored[name].as_ref();
        stored.and_then(|stored| stored.status.conditions.first()).map_or("none", |ready| ready.reason.as_str())
    }

    /// It cannot give its number back, and says so: the provider does not take that nothing answers it.
    fn kept(&self, name: usize) -> bool {
        let provider = &self.world.provider;
        self.weather == Weather::Wild && provider.unbinding != Unbinding::Taken && self.reason(name) == Reason::DeletionRefused.as_str()
    }

    fn run(&mut self) {
        self.fault_phase();
        self.quiet_phase();
        self.check_goal();
        for name in 0..NAMES {
            self.world.delete(name);
        }
        self.quiet_phase();
        for name in 0..NAMES {
            if self.world.stored[name].is_some() && self.kept(name) {
                assert!(!self.world.app_id().unwrap_or_default().is_empty(), "kept for nothing");
                self.world.change(name, "may leave the number as it is", |stored| stored.policy.deletion = BindingDeletionPolicy::Retain);
            }
        }
        self.quiet_phase();
        assert!(self.world.stored.iter().all(Option::is_none), "something does not go");
        if self.weather == Weather::Faulty {
            assert_eq!(self.world.provider.fields, Some(shown()), "it does not show what it showed first");
        }
    }
}

/// One pass after another, with a listing before each.
fn rest(world: &mut World, name: usize) {
    for _ in 0..12 {
        world.sweep(0);
        world.watch(0);
        world.pass(0, name, |_, view, action| laws::check(view, action));
        world.advance(Duration::from_secs(30));
    }
}

fn plain(wanted: &str) -> World {
    let mut world = World::new(1, 1, shown());
    let policy = Policy { deletion: BindingDeletionPolicy::Restore, drift: DriftPolicy::Correct };
    world.apply(0, Fields::from([(target(), text(wanted))]), policy);
    rest(&mut world, 0);
    world
}

#[test]
fn what_somebody_puts_there_later_is_never_what_was_there_before() {
    let mut world = plain(FIRST);
    assert_eq!(world.writes.0, 0, "it showed what is wanted from the start");
    world.execute(&Fields::from([(target(), text("console"))]), Duration::ZERO);
    rest(&mut world, 0);
    assert_eq!((world.app_id(), world.writes.0), (Some(FIRST), 1), "put back");
    world.delete(0);
    rest(&mut world, 0);
    assert_eq!((world.app_id(), world.writes.0), (Some(FIRST), 1));
    assert_eq!(world.releases, [Release::Restored]);
}

/// A number that a binding of trunk groups has bound, at a provider which does not take that nothing answers it, and which has forgotten what
/// did; the binding is deleted.
fn stuck(unbinding: Unbinding) -> World {
    at_provider(TRUNK_GROUPS);
    let mut world = plain("a0");
    world.provider.unbinding = unbinding;
    world.provider.missing = vec![FIRST];
    world.delete(0);
    rest(&mut world, 0);
    world
}

fn says(world: &World) -> Option<&str> {
    Some(world.stored[0].as_ref()?.status.conditions.first()?.reason.as_str())
}

#[test]
fn a_number_that_has_to_be_answered_keeps_its_binding_quietly_until_it_is_taken_or_led_elsewhere() {
    for unbinding in [Unbinding::Refused, Unbinding::Ignored] {
        let mut world = stuck(unbinding);
        assert_eq!((world.app_id(), says(&world)), (Some("a0"), Some("DeletionRefused")));
        let writes = world.writes;
        rest(&mut world, 0);
        assert_eq!(world.writes, writes, "nothing is written while it is kept");
        world.advance(Duration::from_secs(6 * 3600));
        rest(&mut world, 0);
        assert!(world.writes.0 > writes.0 && world.writes.0 <= writes.0 + 3, "tried again: {} and {}", world.writes.0, writes.0);
        assert_eq!(says(&world), Some("DeletionRefused"), "and again it is not taken");
        world.advance(Duration::from_secs(6 * 3600));
        world.provider.unbinding = Unbinding::Taken;
        rest(&mut world, 0);
        assert_eq!((world.app_id(), world.releases.as_slice()), (Some(""), &[Release::PreviousGone][..]), "then it is");

        let mut world = stuck(unbinding);
        world.execute(&Fields::from([(target(), text("console"))]), Duration::ZERO);
        rest(&mut world, 0);
        assert_eq!((world.app_id(), world.releases.as_slice()), (Some("console"), &[Release::NotOurs][..]), "somebody led it elsewhere");
    }
}

#[test]
fn a_number_that_the_provider_cannot_select_is_bound_and_given_back_by_its_id_in_the_listing() {
    at_provider(TRUNK_GROUPS);
    let policy = || Policy { deletion: BindingDeletionPolicy::Restore, drift: DriftPolicy::Correct };
    let mut world = World::new(1, 1, shown());
    world.provider.unselected = true;
    world.apply(0, Fields::from([(target(), text("a0"))]), policy());
    rest(&mut world, 0);
    assert_eq!((world.app_id(), says(&world)), (Some("a0"), Some("Available")));
    world.crash(0);
    world.delete(0);
    rest(&mut world, 0);
    assert_eq!((world.app_id(), world.releases.as_slice()), (Some(FIRST), &[Release::Restored][..]));

    let mut world = World::new(1, 1, shown());
    (world.provider.unselected, world.provider.fields) = (true, None);
    world.apply(0, Fields::from([(target(), text("a0"))]), policy());
    rest(&mut world, 0);
    assert_eq!((says(&world), world.writes.0), (Some("NumberNotInAccount"), 0));
}

#[test]
fn a_number_that_only_a_proxy_says_is_gone_lets_its_binding_go_after_one_listing() {
    let mut world = plain("a0");
    world.provider.proxy = true;
    world.provider.fields = None;
    world.delete(0);
    rest(&mut world, 0);
    assert_eq!(world.releases, [Release::NumberGone]);
}

fn histories(record: Capabilities, seeds: std::ops::Range<u64>, weather: Weather) {
    at_provider(record);
    for seed in seeds {
        let mut history = History::new(seed, weather);
        let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| history.run()));
        assert!(run.is_ok(), "seed {seed}:\n{}", history.world.log.join("\n"));
    }
}

#[test]
fn a_number_ends_where_its_owner_wants_it_and_shows_in_the_end_what_it_showed_first() {
    histories(APPLICATIONS, 0..700, Weather::Faulty);
}

#[test]
fn so_does_one_that_trunk_groups_answer() {
    histories(TRUNK_GROUPS, 0..300, Weather::Faulty);
}

#[test]
fn whatever_people_do_meanwhile_it_comes_to_rest_and_lets_everything_go() {
    histories(APPLICATIONS, 0..500, Weather::Wild);
}

#[test]
fn where_trunk_groups_answer_numbers_it_keeps_only_what_the_provider_does_not_take() {
    histories(TRUNK_GROUPS, 0..300, Weather::Wild);
}
