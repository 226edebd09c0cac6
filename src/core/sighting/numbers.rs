//! The phone numbers of one listing, and the question whether an object has anything to do because of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::fields::{Fields, Number, diff};
use crate::core::sighting::{Collection, shown};

/// Numbers as the provider writes them, with what it shows of each. Cloning shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    by_number: BTreeMap<String, Arc<Number>>,
}

impl Numbers {
    /// The number, written as the provider does.
    pub fn get(&self, number: &str) -> Option<&Number> {
        self.by_number.get(number).map(Arc::as_ref)
    }

    /// All, in the order of their digits.
    pub fn iter(&self) -> impl Iterator<Item = &Number> {
        self.by_number.values().map(Arc::as_ref)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.by_number.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }
}

/// An answered update of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberUpdated {
    /// Which number.
    pub number: String,
    /// What was changed.
    pub change: Fields,
}

impl Collection for Numbers {
    type Entry = Number;
    type Amendment = NumberUpdated;

    fn of(entries: BTreeMap<String, Number>, before: Option<&Self>) -> Self {
        let share = |(number, entry): (String, Number)| {
            let known = before.and_then(|before| before.by_number.get(&number)).filter(|known| ***known == entry);
            let entry = known.cloned().unwrap_or_else(|| Arc::new(entry));
            (number, entry)
        };
        Self { by_number: entries.into_iter().map(share).collect() }
    }

    fn amend(&mut self, amendment: &NumberUpdated) {
        if let Some(number) = self.by_number.get_mut(&amendment.number) {
            Arc::make_mut(number).fields.extend(shown(&amendment.change));
        }
    }
}

/// What an object expects a listing to show of its number. Where it does, the object has nothing to do and is not woken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumberExpectation {
    /// As the provider writes it.
    pub number: String,
    /// The desired managed fields.
    pub fields: Fields,
    /// It waits for evidence: every listing matters.
    pub open: bool,
}

/// Whether the object should look at this listing. `complete`: absence from it says something.
pub fn differs(expected: &NumberExpectation, seen: &Numbers, complete: bool) -> bool {
    contradicts(expected, seen.get(&expected.number), complete)
}

/// As [`differs`], where the listing shows the number so.
pub fn contradicts(expected: &NumberExpectation, seen: Option<&Number>, complete: bool) -> bool {
    expected.open
        || match seen {
            // That it cannot be bound any more is news, whatever else it shows. Listings may show less than a read does.
            Some(number) if number.obstacle.is_some() && !expected.fields.is_empty() => true,
            Some(number) => diff(&expected.fields, &number.fields).iter().any(|difference| difference.observed.is_some()),
            None => complete,
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::fields::Value;

    fn fields(app_id: &str) -> Fields {
        Fields::from([("app_id", Value::Text(app_id.into())), ("alias", Value::Text("main line".into()))])
    }

    fn numbers(all: &[(&str, &str)]) -> Numbers {
        let entry = |(number, app_id): &(&str, &str)| ((*number).to_owned(), Number::new(*number, fields(app_id)));
        Numbers::of(all.iter().map(entry).collect(), None)
    }

    #[test]
    fn an_object_is_woken_exactly_when_the_listing_contradicts_it() {
        let wanted = Fields::from([("app_id", Value::Text("7".into()))]);
        let expected = |open| NumberExpectation { number: "14155550100".into(), fields: wanted.clone(), open };
        type Case = (&'static str, bool, &'static [(&'static str, &'static str)], bool, bool);
        let table: [Case; 7] = [
            ("as expected; what is not managed does not matter", false, &[("14155550100", "7")], true, false),
            ("others do not matter", false, &[("14155550100", "7"), ("14155550101", "9")], true, false),
            ("pointed elsewhere", false, &[("14155550100", "9")], true, true),
            ("pointed elsewhere, in a torn listing", false, &[("14155550100", "9")], false, true),
            ("taken away", false, &[("14155550101", "7")], true, true),
            ("not seen in a torn listing", false, &[("14155550101", "7")], false, false),
            ("it waits for evidence", true, &[("14155550100", "7")], false, true),
        ];
        for (sentence, open, listed, complete, woken) in table {
            assert_eq!(differs(&expected(open), &numbers(listed), complete), woken, "{sentence}");
        }
        let obstructed = |fields| {
            let number = Number { obstacle: Some("on its way out".into()), ..Number::new("14155550100", self::fields("7")) };
            contradicts(&NumberExpectation { fields, ..expected(false) }, Some(&number), true)
        };
        assert!(obstructed(wanted.clone()), "it shows what is wanted and cannot be bound any more");
        assert!(!obstructed(Fields::new()), "nothing is wanted of it now");
        let unknown = Fields::from([("subaccount", Value::Text(String::new()))]);
        let expected = NumberExpectation { fields: unknown, ..expected(false) };
        assert!(!differs(&expected, &numbers(&[("14155550100", "7")]), true), "a managed field that the listing lacks says nothing");
    }

    #[test]
    fn an_answered_update_changes_its_number_and_no_other_and_adds_none() {
        let mut all = numbers(&[("1", "7"), ("2", "7")]);
        let before = all.clone();
        let update = |number: &str| NumberUpdated { number: number.into(), change: Fields::from([("app_id", Value::Text("9".into()))]) };
        all.amend(&update("1"));
        all.amend(&update("3"));
        assert_eq!(all, numbers(&[("1", "9"), ("2", "7")]));
        assert_eq!(before, numbers(&[("1", "7"), ("2", "7")]), "who looks at an earlier view sees no change");
        let again =
            Numbers::of(numbers(&[("1", "9"), ("2", "8")]).iter().map(|one| (one.number.clone(), one.clone())).collect(), Some(&all));
        assert!(Arc::ptr_eq(&again.by_number["1"], &all.by_number["1"]), "what is unchanged is kept once");
        assert_eq!(again, numbers(&[("1", "9"), ("2", "8")]));
    }
}
