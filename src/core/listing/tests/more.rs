//! Providers that say whether there is more, with or without a count.

use super::*;

/// Lists a collection; no page is longer than `most`, whatever is asked for, and each says whether there is more.
fn list_with_more(model: &mut Model, most: u64, counted: bool, acts: &[Vec<Act>]) -> Listed<Remote> {
    let mut assembler = Assembler::new(PAGE);
    let mut acts = acts.iter();
    while let Step::Page { offset, limit } = assembler.next() {
        let (items, total) = model.page(offset, limit.min(most));
        let more = (offset + items.len() as u64) < model.now.len() as u64;
        assembler.page(items, total.filter(|_| counted), Some(more));
        for act in acts.next().into_iter().flatten() {
            model.act(*act, &mut assembler);
        }
    }
    assembler.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn short_pages_and_no_count_hide_nothing_from_a_complete_listing(
        order in order(),
        size in 0_usize..70,
        most in 1_u64..22,
        counted in any::<bool>(),
        acts in prop::collection::vec(prop::collection::vec(act(), 0..4), 0..30),
    ) {
        let mut model = Model::new(order, size);
        let listed = list_with_more(&mut model, most, counted, &acts);
        if listed.proof.is_complete() {
            prop_assert_eq!(missing(&model, &listed), Vec::<String>::new());
        }
    }

    #[test]
    fn without_a_count_our_own_calls_do_not_keep_a_listing_from_being_complete(
        order in prop_oneof![Just(Order::NewestFirst), Just(Order::OldestFirst)],
        size in 0_usize..200,
        most in 10_u64..21,
        acts in prop::collection::vec(
            prop::collection::vec(prop_oneof![3 => any::<u16>().prop_map(Act::OwnCreate), 1 => any::<u16>().prop_map(Act::OwnDelete)], 0..4),
            0..60,
        ),
    ) {
        let mut model = Model::new(order, size);
        let listed = list_with_more(&mut model, most, false, &acts);
        prop_assert_eq!(listed.proof, Proof::Complete);
        prop_assert_eq!(missing(&model, &listed), Vec::<String>::new());
    }

    #[test]
    fn no_provider_can_keep_a_listing_going_by_claiming_more(
        pages in prop::collection::vec((prop::collection::vec(0_u16..400, 0..24), prop::option::of(any::<u64>()), prop::option::of(any::<bool>())), 1..20),
        page_size in 0_u64..22,
    ) {
        let mut assembler = Assembler::new(page_size);
        let mut asked = 0_u64;
        let mut pages = pages.iter().cycle();
        while assembler.next() != Step::Finished {
            let (ids, total, more) = pages.next().cloned().unwrap_or_default();
            assembler.page(ids.iter().map(|id| remote(&id.to_string())).collect(), total, more);
            asked += 1;
            prop_assert!(asked < 4000, "it does not end");
        }
    }
}

#[test]
fn a_listing_ends_where_the_provider_says_so() {
    // How many there are, the longest page, whether it counts → pages, and whether all that is complete.
    let table = [
        ("nothing, and nothing more", 0, 20, false, 1, true),
        ("a short page", 5, 20, false, 1, true),
        ("a full page with nothing behind it", 20, 20, false, 1, true),
        ("short pages with more behind them, and the first once more", 15, 10, false, 3, true),
        ("with a count that is not needed", 15, 10, true, 2, true),
    ];
    for (sentence, size, most, counted, pages, complete) in table {
        let listed = list_with_more(&mut Model::new(Order::OldestFirst, size), most, counted, &[]);
        assert_eq!(
            (listed.pages, listed.proof.is_complete(), listed.items.len()),
            (pages, complete, size),
            "{sentence}: {:?}",
            listed.proof
        );
    }
}

#[test]
fn an_empty_page_is_the_end_though_more_was_promised() {
    let model = Model::new(Order::OldestFirst, 5);
    let mut assembler = Assembler::new(PAGE);
    while let Step::Page { offset, limit } = assembler.next() {
        assembler.page(model.page(offset, limit).0, None, Some(true));
    }
    let listed = assembler.finish();
    assert_eq!((listed.proof, listed.items.len()), (Proof::Complete, 5));
}

#[test]
fn an_order_that_changes_is_found_out_without_a_count() {
    let mut seed = 1_u64;
    for _ in 0..200 {
        let mut model = Model::new(Order::OldestFirst, 60);
        let mut assembler = Assembler::new(PAGE);
        while let Step::Page { offset, limit } = assembler.next() {
            for left in (1..model.now.len()).rev() {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                model.now.swap(left, (seed >> 33) as usize % (left + 1));
            }
            let items = model.page(offset, limit).0;
            let more = offset + limit < 60;
            assembler.page(items, None, Some(more));
        }
        let listed = assembler.finish();
        assert!(!listed.proof.is_complete() || missing(&model, &listed).is_empty());
    }
}
