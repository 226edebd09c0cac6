//! Pages that were not answered and are asked for again.

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_complete_listing_holds_everything_that_existed_throughout_also_if_pages_had_to_be_asked_for_again(
        order in order(),
        size in 0_usize..70,
        page_size in 2_u64..9,
        acts in prop::collection::vec(prop::collection::vec(act(), 0..6), 0..40),
        failing in prop::collection::vec(prop::bool::weighted(0.2), 0..60),
    ) {
        let mut model = Model::new(order, size);
        let listed = list_with_failures(&mut model, page_size, &acts, &failing);
        if listed.proof.is_complete() {
            prop_assert_eq!(missing(&model, &listed), Vec::<String>::new());
        }
    }
}

proptest! {
    // Long listings: few of them.
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_page_in_a_hundred_that_is_not_answered_does_not_keep_a_listing_from_being_complete(
        order in prop_oneof![Just(Order::NewestFirst), Just(Order::OldestFirst)],
        size in 2000_usize..4000,
        first in 1_usize..100,
        acts in prop::collection::vec(prop::collection::vec(prop_oneof![any::<u16>().prop_map(Act::OwnCreate), any::<u16>().prop_map(Act::OwnDelete)], 0..3), 0..60),
    ) {
        let failing: Vec<bool> = (0..400).map(|request| request % 100 == first).collect();
        let mut model = Model::new(order, size);
        let listed = list_with_failures(&mut model, PAGE, &acts, &failing);
        prop_assert_eq!(listed.proof, Proof::Complete);
        prop_assert_eq!(missing(&model, &listed), Vec::<String>::new());
    }
}

#[test]
fn a_page_that_is_not_answered_is_asked_for_again_within_bounds_but_never_the_first() {
    // Pages answered before, failures in a row → what is said to each.
    let again = |pages: usize, failures: usize| {
        let model = Model::new(Order::NewestFirst, 2000);
        let mut assembler = Assembler::new(PAGE);
        for _ in 0..pages {
            let Step::Page { offset, limit } = assembler.next() else { panic!("finished") };
            let (items, total) = model.page(offset, limit);
            assembler.page(items, total, None);
        }
        (0..failures).map(|_| assembler.unanswered()).collect::<Vec<_>>()
    };
    assert_eq!(again(0, 1), [None], "nothing was learnt yet: a listing that begins later is worth more");
    assert_eq!(again(1, 4), [Some(1), Some(2), Some(3), None]);
    assert_eq!(again(80, 4), [Some(1), Some(2), Some(3), None], "in a row");

    // Spread over the pages: three, and one more for each twenty.
    let model = Model::new(Order::NewestFirst, 2000);
    let mut assembler = Assembler::new(PAGE);
    let mut granted = Vec::new();
    while let Step::Page { offset, limit } = assembler.next() {
        let (items, total) = model.page(offset, limit);
        assembler.page(items, total, None);
        if assembler.unanswered().is_some() {
            granted.push(assembler.pages);
        }
    }
    assert_eq!(granted, [1, 2, 3]);
    assert_eq!(assembler.finish().proof, Proof::PresenceOnly(Spoiled::Failed));
}
