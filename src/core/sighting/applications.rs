//! The applications of one listing, and what a name of one means. Names are for people: nothing keeps two applications from having
//! the same one, so a name stands for an id only as long as it is the only one.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use crate::api::condition::Reason;
use crate::core::fields::Application;
use crate::core::sighting::Collection;
use crate::core::view::Problem;

/// So many ids are named to people.
const NAMED: usize = 5;

/// Applications by id, findable by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applications {
    by_id: BTreeMap<String, Application>,
    by_name: BTreeMap<String, BTreeSet<String>>,
}

impl Applications {
    /// The application with this id.
    pub fn get(&self, id: &str) -> Option<&Application> {
        self.by_id.get(id)
    }

    /// The ids of those that are called exactly this.
    pub fn named(&self, name: &str) -> impl Iterator<Item = &str> {
        self.by_name.get(name).into_iter().flatten().map(String::as_str)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }
}

impl Collection for Applications {
    type Entry = Application;
    /// We never change one.
    type Amendment = Infallible;

    fn of(entries: BTreeMap<String, Application>, _: Option<&Self>) -> Self {
        let mut by_name: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        // One without a name is not called "".
        for application in entries.values().filter(|application| !application.name.is_empty()) {
            by_name.entry(application.name.clone()).or_default().insert(application.id.clone());
        }
        Self { by_id: entries, by_name }
    }

    fn amend(&mut self, amendment: &Infallible) {
        match *amendment {}
    }
}

/// What a name stands for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Resolution {
    /// Not known yet: no complete listing was taken, and what was seen does not settle it.
    #[default]
    NotListed,
    /// The only application of that name.
    One(String),
    /// No application has that name.
    Missing,
    /// Several have it: their ids, in order.
    Several(Vec<String>),
}

impl Resolution {
    /// The id, or what to say of an object that names the application `name`.
    ///
    /// # Errors
    /// [`Reason::Progressing`] before the first listing, [`Reason::ApplicationMissing`] for a name that stands for no application or
    /// for several.
    pub fn app_id(self, name: &str) -> Result<String, Problem> {
        let (reason, message) = match self {
            Resolution::One(id) => return Ok(id),
            Resolution::NotListed => {
                (Reason::Progressing, format!("the application {name} is being looked up; nothing is changed until it is found"))
            }
            Resolution::Missing => (
                Reason::ApplicationMissing,
                format!(
                    "the account has no application called {name}; nothing is changed until there is one. Make it, or mend app_name; this goes on by itself"
                ),
            ),
            Resolution::Several(ids) => {
                let named = ids.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = if ids.len() > NAMED { ", …" } else { "" };
                let message = format!(
                    "{} applications of the account are called {name} ({named}{more}); nothing is changed until only one is. Rename the others, or name one of them by app_id",
                    ids.len()
                );
                (Reason::ApplicationMissing, message)
            }
        };
        Err(Problem { reason, message })
    }
}

/// What `name` stands for. `complete` is the newest complete listing; `newer` an incomplete one that began after it. Only a complete
/// listing says that there is none, or only one; any listing may show that there are several.
pub fn resolve(name: &str, complete: Option<&Applications>, newer: Option<&Applications>) -> Resolution {
    // Seen later under another name, it was renamed.
    let kept = |id: &&str| newer.and_then(|newer| newer.get(id)).is_none_or(|application| application.name == name);
    let before = complete.into_iter().flat_map(|listing| listing.named(name)).filter(kept);
    let ids: BTreeSet<&str> = before.chain(newer.into_iter().flat_map(|listing| listing.named(name))).collect();
    let mut ids = ids.into_iter().map(str::to_owned).collect::<Vec<_>>();
    match (ids.len(), complete) {
        (0 | 1, None) => Resolution::NotListed,
        (0, Some(_)) => Resolution::Missing,
        (1, Some(_)) => Resolution::One(ids.remove(0)),
        _ => Resolution::Several(ids),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(all: &[(&str, &str)]) -> Applications {
        let entry = |(id, name): &(&str, &str)| ((*id).to_owned(), Application { id: (*id).to_owned(), name: (*name).to_owned() });
        Applications::of(all.iter().map(entry).collect(), None)
    }

    #[test]
    fn a_name_stands_for_the_only_application_that_has_it() {
        type Listed = Option<&'static [(&'static str, &'static str)]>;
        let one = |id: &str| Resolution::One(id.into());
        let several = |ids: &[&str]| Resolution::Several(ids.iter().map(|id| (*id).to_owned()).collect());
        let table: Vec<(&str, &str, Listed, Listed, Resolution)> = vec![
            ("nothing was listed", "ivr", None, None, Resolution::NotListed),
            ("none", "ivr", Some(&[]), None, Resolution::Missing),
            ("one", "ivr", Some(&[("1", "ivr"), ("2", "other")]), None, one("1")),
            ("the case matters", "IVR", Some(&[("1", "ivr")]), None, Resolution::Missing),
            ("the whole name matters", "iv", Some(&[("1", "ivr")]), None, Resolution::Missing),
            ("two", "ivr", Some(&[("2", "ivr"), ("1", "ivr")]), None, several(&["1", "2"])),
            ("one without a name is not called nothing", "", Some(&[("1", "")]), None, Resolution::Missing),
            ("a torn listing proves no uniqueness", "ivr", None, Some(&[("1", "ivr")]), Resolution::NotListed),
            ("nor absence", "ivr", None, Some(&[("1", "other")]), Resolution::NotListed),
            ("but it shows that there are two", "ivr", None, Some(&[("1", "ivr"), ("2", "ivr")]), several(&["1", "2"])),
            ("it is not missing because a torn listing lacks it", "ivr", Some(&[("1", "ivr")]), Some(&[]), one("1")),
            ("made since", "ivr", Some(&[]), Some(&[("1", "ivr")]), one("1")),
            ("a second one made since", "ivr", Some(&[("1", "ivr")]), Some(&[("2", "ivr")]), several(&["1", "2"])),
            ("renamed since", "ivr", Some(&[("1", "ivr")]), Some(&[("1", "other")]), Resolution::Missing),
            ("one of two renamed since", "ivr", Some(&[("1", "ivr"), ("2", "ivr")]), Some(&[("1", "other")]), one("2")),
            ("given the name since", "ivr", Some(&[("1", "other")]), Some(&[("1", "ivr")]), one("1")),
        ];
        for (sentence, name, complete, newer, expected) in table {
            let (complete, newer) = (complete.map(listing), newer.map(listing));
            assert_eq!(resolve(name, complete.as_ref(), newer.as_ref()), expected, "{sentence}");
        }
    }

    #[test]
    fn a_name_that_stands_for_no_id_says_why_and_what_to_do() {
        assert_eq!(Resolution::One("7".into()).app_id("ivr"), Ok("7".into()));
        let ids = || (1..=7).map(|id| id.to_string()).collect();
        let table: [(Resolution, Reason, &[&str]); 3] = [
            (Resolution::NotListed, Reason::Progressing, &["ivr", "looked up"]),
            (Resolution::Missing, Reason::ApplicationMissing, &["no application called ivr", "goes on by itself"]),
            (Resolution::Several(ids()), Reason::ApplicationMissing, &["7 applications", "(1, 2, 3, 4, 5, …)", "by app_id"]),
        ];
        for (resolution, reason, words) in table {
            let problem = resolution.app_id("ivr").expect_err("no id");
            assert_eq!(problem.reason, reason);
            for word in words {
                assert!(problem.message.contains(word), "{word:?} in {}", problem.message);
            }
        }
    }
}
