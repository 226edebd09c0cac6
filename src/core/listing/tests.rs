use super::*;
use crate::core::fields::{Fields, Remote, Role};
use crate::core::time::Moment;
use proptest::prelude::*;
use std::time::Duration;

mod again;
mod more;

const PAGE: u64 = 20;

fn remote(id: &str) -> Remote {
    Remote {
        id: id.to_owned(),
        username: format!("user{id}"),
        sip_uri: None,
        registration: None,
        fields: Fields::new(),
        password_digest: None,
        role: Role::Own,
    }
}

/// Where a new endpoint stands.
#[derive(Clone, Copy, Debug)]
enum Order {
    NewestFirst,
    OldestFirst,
    /// Sorted by something else: anywhere.
    Anywhere,
}

/// What happens between two requests.
#[derive(Clone, Copy, Debug)]
enum Act {
    OwnCreate(u16),
    OthersCreate(u16),
    OwnDelete(u16),
    OthersDelete(u16),
}

/// A collection that changes between the pages of a listing.
struct Model {
    order: Order,
    now: Vec<String>,
    throughout: BTreeSet<String>,
    made: u32,
}

impl Model {
    fn new(order: Order, size: usize) -> Self {
        let now: Vec<String> = (0..size).map(|number| format!("e{number:04}")).collect();
        Self { order, throughout: now.iter().cloned().collect(), now, made: 0 }
    }

    fn create(&mut self, at: u16) -> String {
        self.made += 1;
        let id = format!("n{}", self.made);
        let place = match self.order {
            Order::NewestFirst => 0,
            Order::OldestFirst => self.now.len(),
            Order::Anywhere => usize::from(at) % (self.now.len() + 1),
        };
        self.now.insert(place, id.clone());
        id
    }

    fn pick(&self, at: u16) -> Option<String> {
        (!self.now.is_empty()).then(|| self.now[usize::from(at) % self.now.len()].clone())
    }

    fn delete(&mut self, id: &str) {
        self.now.retain(|other| other != id);
        self.throughout.remove(id);
    }

    fn act(&mut self, act: Act, assembler: &mut Assembler<Remote>) {
        match act {
            Act::OwnCreate(at) => {
                assembler.own_create_sent();
                let id = self.create(at);
                assembler.own_created(&id);
            }
            Act::OthersCreate(at) => {
                self.create(at);
            }
            Act::OwnDelete(at) => {
                if let Some(id) = self.pick(at) {
                    assembler.own_deleted(&id);
                    self.delete(&id);
                }
            }
            Act::OthersDelete(at) => {
                if let Some(id) = self.pick(at) {
                    self.delete(&id);
                }
            }
        }
    }

    fn page(&self, offset: u64, limit: u64) -> (Vec<Remote>, Option<u64>) {
        let items = self.now.iter().skip(offset as usize).take(limit as usize).map(|id| remote(id)).collect();
        (items, Some(self.now.len() as u64))
    }
}

/// Lists the model; `acts` happen one group after each page.
fn list(model: &mut Model, page_size: u64, acts: &[Vec<Act>]) -> Listed<Remote> {
    list_with_failures(model, page_size, acts, &[])
}

/// As [`list`]; `failing` says which requests are not answered, and after those something happens as well.
fn list_with_failures(model: &mut Model, page_size: u64, acts: &[Vec<Act>], failing: &[bool]) -> Listed<Remote> {
    let mut assembler = Assembler::new(page_size);
    let mut acts = acts.iter();
    let mut failing = failing.iter();
    while let Step::Page { offset, limit } = assembler.next() {
        if failing.next() == Some(&true) {
            if assembler.unanswered().is_some() {
                assert_eq!(assembler.next(), Step::Page { offset, limit }, "the same page is asked for again");
            }
        } else {
            let (items, total) = model.page(offset, limit);
            assembler.page(items, total, None);
        }
        for act in acts.next().into_iter().flatten() {
            model.act(*act, &mut assembler);
        }
    }
    assembler.finish()
}

/// Lists 60 endpoints, where `answer` may falsify the page (of this number, offset, limit).
fn list_falsified(size: usize, mut answer: impl FnMut(&mut Model, u64, u64, u64) -> (Vec<Remote>, Option<u64>)) -> Listed<Remote> {
    let mut model = Model::new(Order::NewestFirst, size);
    let mut assembler = Assembler::new(PAGE);
    let mut number = 0;
    while let Step::Page { offset, limit } = assembler.next() {
        let (items, total) = answer(&mut model, number, offset, limit);
        assembler.page(items, total, None);
        number += 1;
        assert!(number < 100, "a listing of {size} endpoints does not end");
    }
    assembler.finish()
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        any::<u16>().prop_map(Act::OwnCreate),
        any::<u16>().prop_map(Act::OthersCreate),
        any::<u16>().prop_map(Act::OwnDelete),
        any::<u16>().prop_map(Act::OthersDelete),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::NewestFirst), Just(Order::OldestFirst), Just(Order::Anywhere)]
}

fn missing(model: &Model, listed: &Listed<Remote>) -> Vec<String> {
    model.throughout.iter().filter(|id| !listed.items.contains_key(*id)).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_complete_listing_holds_everything_that_existed_throughout(
        order in order(),
        size in 0_usize..70,
        page_size in 2_u64..9,
        acts in prop::collection::vec(prop::collection::vec(act(), 0..6), 0..30),
    ) {
        let mut model = Model::new(order, size);
        let listed = list(&mut model, page_size, &acts);
        if listed.proof.is_complete() {
            prop_assert_eq!(missing(&model, &listed), Vec::<String>::new());
        }
    }

    #[test]
    fn our_own_creates_and_deletes_never_keep_a_listing_from_being_complete(
        order in prop_oneof![Just(Order::NewestFirst), Just(Order::OldestFirst)],
        size in 0_usize..200,
        acts in prop::collection::vec(
            prop::collection::vec(prop_oneof![3 => any::<u16>().prop_map(Act::OwnCreate), 1 => any::<u16>().prop_map(Act::OwnDelete)], 0..6),
            0..60,
        ),
    ) {
        let mut model = Model::new(order, size);
        let listed = list(&mut model, PAGE, &acts);
        prop_assert_eq!(listed.proof, Proof::Complete);
        prop_assert_eq!(missing(&model, &listed), Vec::<String>::new());
    }

    #[test]
    fn an_order_that_changes_between_requests_is_never_complete_by_mistake(
        size in 10_usize..60,
        page_size in 10_u64..21,
        acts in prop::collection::vec(prop::collection::vec(act(), 0..3), 0..8),
        seed in any::<u64>(),
    ) {
        let mut model = Model::new(Order::NewestFirst, size);
        let mut assembler = Assembler::new(page_size);
        let mut acts = acts.iter();
        let mut seed = seed;
        while let Step::Page { offset, limit } = assembler.next() {
            for left in (1..model.now.len()).rev() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                model.now.swap(left, (seed >> 33) as usize % (left + 1));
            }
            let (items, total) = model.page(offset, limit);
            assembler.page(items, total, None);
            for act in acts.next().into_iter().flatten() {
                model.act(*act, &mut assembler);
            }
        }
        let listed = assembler.finish();
        if listed.proof.is_complete() {
            prop_assert_eq!(missing(&model, &listed), Vec::<String>::new());
        }
    }

    #[test]
    fn no_provider_can_keep_a_listing_going(
        pages in prop::collection::vec((prop::collection::vec(0_u16..400, 0..24), prop::option::of(any::<u64>())), 1..20),
        page_size in 0_u64..22,
        failing in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let mut assembler = Assembler::new(page_size);
        let mut asked = 0_u64;
        let (mut pages, mut failing) = (pages.iter().cycle(), failing.iter().cycle());
        while assembler.next() != Step::Finished {
            asked += 1;
            // At most 400 distinct ids: four times the pages they fill, and a few more; then a twentieth of that, and three.
            let answered = 4 * 400 / page_size.max(2).saturating_sub(1) + 40;
            prop_assert!(asked < answered + answered / 20 + 4);
            if failing.next() == Some(&true) {
                assembler.unanswered();
                continue;
            }
            let (ids, total) = pages.next().cloned().unwrap_or_default();
            assembler.page(ids.iter().map(|id| remote(&id.to_string())).collect(), total, None);
        }
    }
}

#[test]
fn pages_overlap_by_one_and_end_with_a_short_or_empty_one() {
    let cases: [(usize, &[u64]); 7] =
        [(0, &[0]), (1, &[0]), (19, &[0]), (20, &[0, 19]), (21, &[0, 19, 0]), (39, &[0, 19, 38, 0]), (60, &[0, 19, 38, 57])];
    for (size, expected) in cases {
        let mut asked = Vec::new();
        let listed = list_falsified(size, |model, _, offset, limit| {
            asked.push(offset);
            model.page(offset, limit)
        });
        assert_eq!(asked, expected, "{size} endpoints");
        assert_eq!((listed.proof, listed.items.len()), (Proof::Complete, size));
    }
}

/// One way to falsify a page: given the model, the offset and the limit.
type Falsify = fn(&mut Model, u64, u64) -> (Vec<Remote>, Option<u64>);

#[test]
fn a_page_that_shifted_is_repaired_and_one_that_lies_proves_presence_only() {
    let cases: [(&str, Falsify, bool); 13] = [
        (
            "insert_shift",
            |model, offset, limit| {
                model.create(0);
                model.page(offset, limit)
            },
            true,
        ),
        (
            "delete_shift",
            |model, offset, limit| {
                model.delete(&model.now[0].clone());
                model.page(offset, limit)
            },
            true,
        ),
        (
            "the very element that overlaps is deleted",
            |model, offset, limit| {
                model.delete(&model.now[offset as usize].clone());
                model.page(offset, limit)
            },
            true,
        ),
        (
            "create and delete with equal count",
            |model, offset, limit| {
                model.delete(&model.now[1].clone());
                model.create(0);
                model.page(offset, limit)
            },
            true,
        ),
        ("wrong_count, too many", |model, offset, limit| (model.page(offset, limit).0, Some(model.now.len() as u64 + 3)), false),
        ("empty_middle_page", |model, _, _| (Vec::new(), Some(model.now.len() as u64)), false),
        ("repeated_page", |model, offset, limit| model.page(offset.saturating_sub(19), limit), false),
        (
            "changed_order for one page",
            |model, offset, limit| {
                model.now.reverse();
                let answer = model.page(offset, limit);
                model.now.reverse();
                answer
            },
            false,
        ),
        (
            "changed_order",
            |model, offset, limit| {
                model.now.reverse();
                model.page(offset, limit)
            },
            false,
        ),
        ("limit_ignored, longer", |model, offset, limit| model.page(offset, limit + 5), false),
        ("limit_ignored, shorter", |model, offset, _| model.page(offset, 10), false),
        ("offset_ignored", |model, _, limit| model.page(0, limit), false),
        ("no count", |model, offset, limit| (model.page(offset, limit).0, None), false),
    ];
    for (name, falsify, complete) in cases {
        for which in 0..3 {
            // Nothing can shift before the first page, and its offset is 0 anyway.
            if which == 0 && matches!(name, "repeated_page" | "offset_ignored" | "changed_order") {
                continue;
            }
            let mut model_size = 0;
            let listed = list_falsified(60, |model, number, offset, limit| {
                let answer = if number == which { falsify(model, offset, limit) } else { model.page(offset, limit) };
                model_size = model.now.len();
                answer
            });
            assert_eq!(listed.proof.is_complete(), complete, "{name} on page {which}: {:?}", listed.proof);
            assert!(!complete || listed.items.len() >= model_size - 1, "{name} on page {which}");
        }
    }
}

#[test]
fn a_steady_stream_of_our_own_creates_and_deletes_does_not_keep_listings_from_being_complete() {
    for order in [Order::NewestFirst, Order::OldestFirst] {
        for acts in [vec![Act::OwnCreate(0); 6], vec![Act::OwnDelete(0); 4], vec![Act::OwnCreate(0), Act::OwnDelete(7), Act::OwnCreate(1)]]
        {
            let mut model = Model::new(order, 1000);
            let listed = list(&mut model, PAGE, &vec![acts.clone(); 1000]);
            assert_eq!((listed.proof, missing(&model, &listed)), (Proof::Complete, vec![]), "{order:?} {acts:?}");
        }
    }
}

#[test]
fn a_page_that_is_not_answered_keeps_what_was_seen_as_presence() {
    let model = Model::new(Order::NewestFirst, 30);
    let mut assembler = Assembler::new(PAGE);
    let (items, total) = model.page(0, PAGE);
    assembler.page(items, total, None);
    assembler.failed();
    assert_eq!(assembler.next(), Step::Finished);
    let listed = assembler.finish();
    assert_eq!((listed.proof, listed.items.len()), (Proof::PresenceOnly(Spoiled::Failed), 20));
}

/// A listing whose count is `surplus` above what is there.
fn list_with_surplus(size: usize, surplus: u64) -> Listed<Remote> {
    list_falsified(size, |model, _, offset, limit| (model.page(offset, limit).0, Some(model.now.len() as u64 + surplus)))
}

#[test]
fn the_same_surplus_in_three_listings_over_the_settle_time_is_a_habit() {
    let settle = Duration::from_secs(150);
    let at = |seconds| Moment(Duration::from_secs(seconds));
    let judge = |habit: &mut SurplusHabit, surplus, seconds| {
        let mut listed = list_with_surplus(30, surplus);
        listed.judge_habit(habit, at(seconds), settle);
        listed.proof.is_complete()
    };
    let mut habit = SurplusHabit::default();
    let rows =
        [(2, 0, false), (2, 60, false), (2, 149, false), (2, 150, true), (2, 151, true), (3, 200, false), (0, 210, true), (2, 220, false)];
    for (surplus, seconds, complete) in rows {
        assert_eq!(judge(&mut habit, surplus, seconds), complete, "surplus {surplus} at {seconds} s");
    }
}

#[test]
fn pages_that_are_cut_short_are_no_habit_however_often() {
    let mut habit = SurplusHabit::default();
    for listing in 0..10 {
        // The provider never gives more than ten, whatever is asked for.
        let mut listed = list_falsified(25, |model, _, offset, _| model.page(offset, 10));
        listed.judge_habit(&mut habit, Moment(Duration::from_secs(100 * listing)), Duration::from_secs(150));
        assert_eq!(listed.proof, Proof::PresenceOnly(Spoiled::Count));
    }
    assert_eq!(habit.gap(), None);
}
