//! Plans of every kind of step, and the laws that hold for all: they end, they mask, and they are what the loop of the operator would do.

use std::collections::BTreeMap;

use super::*;
use crate::api::condition::Reason;
use crate::core::binding::tests::make as line;
use crate::core::endpoint::connection::{ConnectionSecret, Held};
use crate::core::endpoint::tests::make::{
    NAMED, PHONE, RECORDS, Start, adopting, applied, healthy, named, password, problem, recorded, remote, right, text, theirs, under,
    wanted,
};
use crate::core::fields::{Number, Value};
use crate::core::memory::Learnt;
use crate::core::sighting::Sightings;
use crate::core::view::{Desired, Thing};

/// A sentence, where it begins, what the provider holds, what is planned, how that ends.
type Row<'a, S, H> = (&'a str, S, H, Vec<&'a str>, &'a str);

fn things(remotes: Vec<Remote>) -> Things {
    Things::new(Sightings::new(remotes.into_iter().map(|remote| (remote.id.clone(), remote)).collect(), None))
}

/// What the console holds besides what is listed: reads by id answer the same.
fn unfolded(start: &Start, held: Vec<Remote>, references: &[(&str, &str)]) -> MadeCourse {
    let by_id: BTreeMap<String, Remote> = held.iter().map(|remote| (remote.id.clone(), remote.clone())).collect();
    let mut things = things(held);
    let generated = wanted("desk", 1);
    let generated = match generated {
        Desired::Wanted(mut wanted) => {
            wanted.password.as_mut().expect("a password").version = fresh_version();
            Desired::Wanted(wanted)
        }
        other => other,
    };
    for _ in 0..20 {
        let view = start.view.clone();
        let learnt = Learnt { memory: view.memory.clone(), ..Learnt::default() };
        let start = MadeStart {
            view,
            learnt,
            things: things.clone(),
            intent_age: Some(Duration::from_secs(86_400)),
            generated: Some(generated.clone()),
            matches: &|_, _| None,
        };
        match unfold_made(start) {
            Ok(course) => return course,
            Err(Ask::Get(id)) => things.answer(&id, by_id.get(&id).cloned()),
            Err(Ask::References(id)) => {
                let by = references.iter().filter(|(of, _)| *of == id).map(|(_, by)| (*by).to_owned()).collect();
                things.answer_references(&id, by);
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("it reads without end");
}

fn lines(steps: &[Step]) -> Vec<String> {
    steps
        .iter()
        .flat_map(|step| std::iter::once(step.what.clone()).chain(step.details.iter().map(|detail| format!("  {detail}"))))
        .collect()
}

fn ends(end: &End) -> String {
    match end {
        End::Rest(finding) => format!("rests: {}", finding.reason),
        End::Waits(Some(finding)) => format!("waits: {}", finding.reason),
        End::Waits(None) => "waits".to_owned(),
        End::Gone(release) => format!("gone: {release:?}"),
    }
}

fn edited(id: &str) -> Remote {
    let mut remote = remote(id);
    remote.fields.insert("alias", text("edited in the console"));
    remote
}

#[test]
fn what_is_planned_for_an_endpoint_reads_as_what_is_done() {
    let mark = crate::core::endpoint::tests::make::prefix();
    let known = |id: &str| remote(id).username;
    let absent = || Held::Absent;
    let create = format!("create endpoint in Plivo account MA1, username {mark}…");
    let found = format!("take over endpoint e7, username {}, which carries this object's mark", known("e7"));
    let table: Vec<Row<'_, Start, Vec<Remote>>> = vec![
        ("a new one", applied(), vec![], vec![&create, "  alias: \"desk\"", "  password: ***"], "rests: Available"),
        ("one that is as it should be", healthy(), vec![remote("e1")], vec![], "rests: Available"),
        (
            "one that was edited in the console",
            healthy(),
            vec![edited("e1")],
            vec!["change endpoint e1: it was changed outside Switchboard", "  alias: \"edited in the console\" → \"desk\""],
            "rests: Available",
        ),
        ("the same, only reported", healthy().report_drift(), vec![edited("e1")], vec![], "rests: Drifted"),
        (
            "one that was deleted in the console",
            healthy(),
            vec![],
            vec!["endpoint e1 was deleted outside Switchboard", &create, "  alias: \"desk\"", "  password: ***"],
            "rests: Available",
        ),
        (
            "one from a former life of the cluster",
            applied(),
            vec![remote("e7")],
            vec![&found, "change endpoint e7: the spec wants it so", "  password: set"],
            "rests: Available",
        ),
        (
            "a duplicate",
            healthy(),
            vec![remote("e1"), remote("e2")],
            vec!["delete endpoint e2: it is a second one of this object"],
            "rests: Available",
        ),
        (
            "one on its way out",
            healthy().deleting(),
            vec![remote("e1")],
            vec!["delete endpoint e1: its object is being deleted", "let the object go: nothing of it is left at the provider"],
            "gone: Clean",
        ),
        (
            "one on its way out that is to stay",
            healthy().retain().deleting(),
            vec![remote("e1")],
            vec!["let the object go: what it has at the provider stays"],
            "gone: Retained",
        ),
        ("paused", applied().paused(), vec![], vec![], "rests: Paused"),
        ("suspended", applied().suspended(), vec![], vec![], "rests: Suspended"),
        (
            "its Secret is missing",
            applied().with(|view| view.desired = Desired::Blocked(problem(Reason::SecretNotFound))),
            vec![],
            vec![],
            "waits: SecretNotFound",
        ),
        (
            "its password is generated",
            applied().phone(absent()).generates(),
            vec![],
            vec![
                "generate a password and keep it in Secret alice-phone",
                &create,
                "  alias: \"desk\"",
                "  password: ***",
                "write connection Secret alice-phone",
                "  domain: ***",
                "  sip_uri: ***",
                "  username: ***",
            ],
            "rests: Available",
        ),
        (
            "its connection Secret lacks something",
            healthy().phone_with(right(None)),
            vec![remote("e1")],
            vec!["write connection Secret alice-phone", "  password: ***"],
            "rests: Available",
        ),
        (
            "adopted",
            adopting(),
            vec![theirs("e1")],
            vec!["adopt endpoint e1, username reception131031145958", "change endpoint e1: the spec wants it so", "  password: set"],
            "rests: Available",
        ),
        ("adopted, and there is none", adopting(), vec![], vec![], "waits: AdoptNotFound"),
        (
            "observed",
            adopting().observe().no_password(),
            vec![theirs("e1")],
            vec!["observe endpoint e1, username reception131031145958; nothing is ever written there"],
            "rests: Available",
        ),
    ];
    for (sentence, start, held, expected, end) in table {
        let course = unfolded(&start, held, &[]);
        assert_eq!(
            (lines(&course.steps), ends(&course.end).as_str()),
            (expected.iter().map(|line| (*line).to_owned()).collect(), end),
            "{sentence}: {:?}",
            course.actions
        );
    }
}

#[test]
fn a_password_that_was_rotated_is_sent_and_never_shown() {
    let start = healthy().with(|view| view.desired = wanted("desk", 2));
    let course = unfolded(&start, vec![remote("e1")], &[]);
    assert_eq!(lines(&course.steps), ["change endpoint e1: the password was changed", "  password: changed"]);
    let all = format!("{:?} {:?} {:?}", course.steps, course.actions, course.end);
    assert!((1..9).all(|number| !all.contains(password(number).expose())), "{all}");
}

#[test]
fn what_points_to_a_thing_keeps_it_from_being_planned_away() {
    under(NAMED, || {
        let course = unfolded(&healthy().deleting(), vec![remote("e1")], &[("e1", "trunk t1")]);
        assert_eq!((lines(&course.steps), ends(&course.end)), (vec![], "waits: DeletionRefused".to_owned()));
    });
}

#[test]
fn a_trunk_group_is_planned_to_an_endpoint_that_does_not_exist_yet() {
    under(NAMED, || {
        let id = words::id_of(&crate::core::endpoint::tests::make::prefix());
        let start = applied().finalizer().with(|view| {
            view.thing = Thing::TrunkGroup;
            view.desired = crate::core::trunk_group::desired(&view.mark, Some(&id));
        });
        let course = unfolded(&start, vec![], &[]);
        let mark = &start.view.mark;
        assert_eq!(
            lines(&course.steps),
            [format!("create trunk group in CarrierX account MA1, name {mark}"), "  endpoint_sid: (known after apply)".to_owned()]
        );
        let told = crate::core::trunk_group::told(&course.view.status).expect("something is said of it");
        assert_eq!(told.trunk_group_sid, Some(id), "which is what leads to the next one that is planned");
    });
}

#[test]
fn every_plan_ends_and_the_plan_after_it_has_nothing_left_to_do() {
    for record in RECORDS {
        under(record, || {
            for start in [applied(), recorded(), healthy(), healthy().report_drift(), adopting(), applied().phone(Held::Absent)] {
                for held in
                    [vec![], vec![remote("e1")], vec![edited("e1")], vec![remote("e1"), remote("e2")], vec![named("e9", "somebody")]]
                {
                    let course = unfolded(&start, held, &[]);
                    assert!(course.actions.len() < MOST, "{:?}", course.actions);
                    // On paper it has happened: there is nothing left.
                    let again = MadeStart {
                        view: course.view.clone(),
                        learnt: course.learnt.clone(),
                        things: course.things.clone(),
                        intent_age: None,
                        generated: None,
                        matches: &|_, _| None,
                    };
                    let again = unfold_made(again).expect("all is known");
                    assert_eq!(lines(&again.steps), Vec::<String>::new(), "after {:?}", lines(&course.steps));
                }
            }
        });
    }
}

#[test]
fn a_barred_connection_secret_is_said_and_the_endpoint_made_all_the_same() {
    let barred = ConnectionSecret { name: PHONE.into(), generates: false, held: Held::Barred(problem(Reason::Conflict)) };
    let course = unfolded(&applied().with(|view| view.connection = Some(barred)), vec![], &[]);
    assert_eq!((course.steps.len(), course.steps[0].change, ends(&course.end)), (1, Change::Create, "waits: Conflict".to_owned()));
}

fn bound(start: &line::Start, held: Option<Number>) -> NumberCourse {
    let mut numbers = Numbers::default();
    for _ in 0..20 {
        let learnt = crate::core::binding::Learnt { memory: start.view.memory.clone(), ..Default::default() };
        match unfold_number(NumberStart { view: start.view.clone(), learnt, numbers: numbers.clone() }) {
            Ok(course) => return course,
            Err(Ask::Number(number, _)) => numbers.answer(&number, held.clone()),
            Err(Ask::Numbers) => {
                let all = held.iter().map(|held| (held.number.clone(), held.clone())).collect();
                numbers.answer_all(Listed::of(all, None));
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    panic!("it reads without end");
}

#[test]
fn what_is_planned_for_a_number_reads_as_what_is_done() {
    let number = |app: &str| Some(line::number(app, "old"));
    let table: Vec<Row<'_, line::Start, Option<Number>>> = vec![
        (
            "a new binding",
            line::applied(),
            number("app0"),
            vec!["point number +14155550123 to application app1 (now: application app0)"],
            "rests: Available",
        ),
        (
            "of a number that leads nowhere, with an alias",
            line::applied().wanting("alias", "main line"),
            number(""),
            vec!["point number +14155550123 to application app1 (now: no application)", "  alias: \"old\" → \"main line\""],
            "rests: Available",
        ),
        ("one that is as it should be", line::healthy(), number("app1"), vec![], "rests: Available"),
        (
            "drifted",
            line::healthy(),
            number("app9"),
            vec!["point number +14155550123 to application app1 (now: application app9)"],
            "rests: Available",
        ),
        ("drifted, and only reported", line::healthy().report_drift(), number("app9"), vec![], "rests: Drifted"),
        ("a number that the account does not hold", line::applied(), None, vec![], "rests: NumberNotInAccount"),
        (
            "given back",
            line::leaving(),
            number("app1"),
            vec![
                "give number +14155550123 back to application app0 (now: application app1)",
                "let the object go: the number shows again what it showed before",
            ],
            "gone: Restored",
        ),
        ("its target is not there", line::applied().blocked(Reason::TargetNotFound), number("app0"), vec![], "waits: TargetNotFound"),
        (
            "an alias that was edited",
            line::healthy().wanting("alias", "new"),
            number("app1"),
            vec!["change number +14155550123: it was changed outside Switchboard", "  alias: \"old\" → \"new\""],
            "rests: Available",
        ),
    ];
    for (sentence, start, held, expected, end) in table {
        let course = bound(&start, held);
        assert_eq!(
            (lines(&course.steps), ends(&course.end).as_str()),
            (expected.iter().map(|line| (*line).to_owned()).collect(), end),
            "{sentence}: {:?}",
            course.actions
        );
        assert!(course.actions.len() < MOST);
    }
}

#[test]
fn a_number_is_planned_to_a_trunk_group_that_does_not_exist_yet() {
    line::at_provider(line::TRUNK_GROUPS);
    let start = line::applied().with(|view| {
        let id = words::id_of(&crate::core::endpoint::tests::make::prefix());
        view.desired = crate::core::binding::Desired::Wanted(Fields::from([(line::target(), Value::Text(id))]));
    });
    let course = bound(&start, Some(line::number("g0", "")));
    assert_eq!(lines(&course.steps), ["point number +14155550123 to trunk group (known after apply) (now: trunk group g0)"]);
    assert_eq!((ends(&course.end).as_str(), course.left), ("rests: Available", vec!["g0".to_owned()]));
}
