//! Who may use an account, and for what. [`may`] is the one place where that is answered; it is asked at every use: when an object is
//! looked at, again before each call at the provider, and of every object that is about to stand in another one's way.
//!
//! | use | ProviderAccount | ClusterProviderAccount |
//! |---|---|---|
//! | an endpoint of its own | its own namespace | namespaces that it lists |
//! | a phone number | its own namespace | listed, and `numbers` has a beginning of it, or `*` |
//! | an endpoint that exists | its own namespace | listed, and `adopt` has its id, or `*` and it carries no mark |
//! | deleting what it has | its own namespace | listed, or its status says that it lives in this account |
//!
//! Who may not is told what would be told if there were nothing, in the words that stand here: no message says which of the two it is.

use std::time::Duration;

use crate::api::cluster_provider_account::AllowedNamespace;
use crate::api::condition::Reason;
use crate::core::key::{Kind, ObjectKey};
use crate::core::mark::recognise;
use crate::core::view::Problem;

/// Everything, in the lists of an account.
const ANY: &str = "*";

/// Whom an account object serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tenants<'a> {
    /// This namespace, with all that it wants.
    Namespace(&'a str),
    /// These namespaces, with what is listed for each.
    Listed(&'a [AllowedNamespace]),
}

/// What an object wants an account for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use<'a> {
    /// An endpoint that is made for it.
    Endpoint,
    /// This phone number, in E.164 with its plus.
    Number(&'a str),
    /// An endpoint that exists.
    Adopt {
        /// Its id at the provider.
        id: &'a str,
        /// Its username, once it was seen.
        username: Option<&'a str>,
    },
    /// The end of what it has.
    Delete {
        /// Its status, which nobody but the operator writes, says that it lives in this account.
        pinned: bool,
    },
}

/// What is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The account altogether: [`account_not_found`].
    Account,
    /// The number: [`number_not_found`].
    Number,
    /// The adoption: [`endpoint_not_found`].
    Adoption,
}

/// Which endpoints that exist a namespace may adopt, as far as their ids tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adoptable {
    /// This one.
    #[default]
    Yes,
    /// This one, if it carries no mark.
    Unmarked,
    /// Not this one.
    No,
}

impl Adoptable {
    /// Whether it may be adopted, by the username that it was seen with; without one, as far as is known.
    pub fn admits(self, username: Option<&str>) -> bool {
        match self {
            Adoptable::Yes => true,
            Adoptable::Unmarked => username.is_none_or(|username| recognise(username).is_none()),
            Adoptable::No => false,
        }
    }
}

/// Whether an object of this namespace may use the account so. Pure.
///
/// # Errors
/// What is refused.
pub fn may(account: Tenants<'_>, namespace: &str, what: Use<'_>) -> Result<(), Refused> {
    let listed = match account {
        Tenants::Namespace(own) if own == namespace => return Ok(()),
        Tenants::Namespace(_) => None,
        Tenants::Listed(all) => all.iter().find(|one| one.name == namespace),
    };
    match (listed, what) {
        (_, Use::Delete { pinned: true }) => Ok(()),
        (None, _) => Err(Refused::Account),
        (Some(_), Use::Endpoint | Use::Delete { .. }) => Ok(()),
        (Some(one), Use::Number(number)) => {
            let begins = |prefix: &String| prefix == ANY || number.starts_with(prefix.as_str());
            if one.numbers.iter().any(begins) { Ok(()) } else { Err(Refused::Number) }
        }
        (Some(one), Use::Adopt { id, username }) => {
            if listed_for_adoption(one, id).admits(username) {
                Ok(())
            } else {
                Err(Refused::Adoption)
            }
        }
    }
}

/// Whether an object of this namespace may adopt the endpoint of this id: the part of [`may`] that can be told before it was seen.
pub fn adoptable(account: Tenants<'_>, namespace: &str, id: &str) -> Adoptable {
    match (may(account, namespace, Use::Adopt { id, username: None }), account) {
        (Err(_), _) => Adoptable::No,
        (Ok(()), Tenants::Namespace(_)) => Adoptable::Yes,
        (Ok(()), Tenants::Listed(all)) => {
            all.iter().find(|one| one.name == namespace).map_or(Adoptable::No, |one| listed_for_adoption(one, id))
        }
    }
}

fn listed_for_adoption(one: &AllowedNamespace, id: &str) -> Adoptable {
    let has = |wanted: &str| one.adopt.iter().any(|listed| listed == wanted);
    match () {
        // An id that is `*` is none.
        () if id != ANY && has(id) => Adoptable::Yes,
        () if has(ANY) => Adoptable::Unmarked,
        () => Adoptable::No,
    }
}

/// What an object says whose account does not exist, or does not serve its namespace.
pub fn account_not_found(account: &ObjectKey) -> Problem {
    let message = match account.kind {
        Kind::ClusterProviderAccount => format!(
            "{} {account} does not exist, or its allowedNamespaces do not list this namespace; once it does, this goes on by itself within a second",
            account.kind
        ),
        kind => format!("{kind} {account} does not exist; create it, this goes on by itself within a second"),
    };
    Problem { reason: Reason::AccountNotFound, message }
}

/// What an object says whose number the account does not hold, or does not let its namespace bind.
pub fn number_not_found(number: &str) -> Problem {
    Problem {
        reason: Reason::NumberNotInAccount,
        message: format!(
            "the account does not hold number {number}, or does not let this namespace bind it: it may belong to another account, to a subaccount, or \
             not be rented at all; a ClusterProviderAccount lists the numbers of each namespace in allowedNamespaces. Look for it in the \
             provider's console, or delete this object. Nothing is changed: Switchboard never rents numbers and looks in no other account. \
             Each listing of the account's numbers is looked through for it"
        ),
    }
}

/// What an object says that adopts an endpoint which the account does not hold, or does not let its namespace adopt. `again` is how often
/// it is looked for.
pub fn endpoint_not_found(id: &str, again: Duration) -> Problem {
    Problem {
        reason: Reason::AdoptNotFound,
        message: format!(
            "there is no endpoint {id} in this account that this namespace may adopt; nothing is created instead. Look for its id in the provider's console: \
             spec.adopt cannot change, so a wrong one needs a new object. A ClusterProviderAccount lists in allowedNamespaces what each namespace may adopt. \
             It is looked for again every {again:?}"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::mark::{Installation, Mark, Place};

    fn listed() -> Vec<AllowedNamespace> {
        let texts = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
        let one = |name: &str, numbers: &[&str], adopt: &[&str]| AllowedNamespace {
            name: name.into(),
            numbers: texts(numbers),
            adopt: texts(adopt),
        };
        vec![
            one("voice", &["+1415", "+49"], &["e1", "e2"]),
            one("bare", &[], &[]),
            one("all", &["*"], &["*"]),
            one("both", &["+49", "*"], &["*", "e1"]),
        ]
    }

    fn marked() -> String {
        format!("{}131031145958", Mark::new(Place::Username, &Installation::new("cluster-a"), "voice", "alice", "alice"))
    }

    #[test]
    fn an_account_serves_whom_it_lists_with_what_it_lists_and_nobody_else() {
        use Refused::{Account, Adoption, Number};
        let (marked, plain) = (marked(), "reception131031145958");
        let adopt = |id, username| Use::Adopt { id, username };
        let (pinned, unpinned) = (Use::Delete { pinned: true }, Use::Delete { pinned: false });
        let table: Vec<(&str, &str, Use<'_>, Result<(), Refused>)> = vec![
            ("listed", "voice", Use::Endpoint, Ok(())),
            ("listed without anything", "bare", Use::Endpoint, Ok(())),
            ("not listed", "other", Use::Endpoint, Err(Account)),
            ("a namespace whose name begins alike", "voice-2", Use::Endpoint, Err(Account)),
            ("and the other way round", "voic", Use::Endpoint, Err(Account)),
            ("no namespace", "", Use::Endpoint, Err(Account)),
            ("a number that begins so", "voice", Use::Number("+14155550123"), Ok(())),
            ("one that begins otherwise", "voice", Use::Number("+12125550123"), Err(Number)),
            ("the other beginning", "voice", Use::Number("+4930123456"), Ok(())),
            ("digits are no beginning", "voice", Use::Number("14155550123"), Err(Number)),
            ("a beginning in the middle", "voice", Use::Number("+81415555012"), Err(Number)),
            ("no numbers are listed", "bare", Use::Number("+14155550123"), Err(Number)),
            ("all are", "all", Use::Number("+14155550123"), Ok(())),
            ("all beside a beginning", "both", Use::Number("+14155550123"), Ok(())),
            ("a number from elsewhere", "other", Use::Number("+14155550123"), Err(Account)),
            ("an id", "voice", adopt("e1", None), Ok(())),
            ("an id, whatever mark it carries", "voice", adopt("e2", Some(&marked)), Ok(())),
            ("another id", "voice", adopt("e3", None), Err(Adoption)),
            ("an id that begins alike", "voice", adopt("e11", None), Err(Adoption)),
            ("no ids are listed", "bare", adopt("e1", None), Err(Adoption)),
            ("all unmarked, not seen yet", "all", adopt("e9", None), Ok(())),
            ("all unmarked, and it is", "all", adopt("e9", Some(plain)), Ok(())),
            ("all unmarked, and it is not", "all", adopt("e9", Some(&marked)), Err(Adoption)),
            ("listed beside all", "both", adopt("e1", Some(&marked)), Ok(())),
            ("an id that is the sign for all", "both", adopt("*", Some(&marked)), Err(Adoption)),
            ("an id from elsewhere", "other", adopt("e1", None), Err(Account)),
            ("deleting", "voice", unpinned, Ok(())),
            ("deleting what it never had", "other", unpinned, Err(Account)),
            ("deleting what it has, taken off the list", "other", pinned, Ok(())),
        ];
        let listed = listed();
        for (sentence, namespace, what, expected) in table {
            assert_eq!(may(Tenants::Listed(&listed), namespace, what), expected, "{sentence}");
            let nobody = if what == pinned { Ok(()) } else { Err(Account) };
            assert_eq!(may(Tenants::Listed(&[]), namespace, what), nobody, "{sentence}, and the list is empty");
            assert_eq!(may(Tenants::Namespace(namespace), namespace, what), Ok(()), "{sentence}, in its own namespace");
            assert_eq!(may(Tenants::Namespace("elsewhere"), namespace, what), nobody, "{sentence}, with another namespace's account");
            if let Use::Adopt { id, username } = what {
                let told = adoptable(Tenants::Listed(&listed), namespace, id).admits(username);
                assert_eq!(told, expected.is_ok(), "{sentence}, told before it was seen");
                assert_eq!(adoptable(Tenants::Namespace(namespace), namespace, id), Adoptable::Yes, "{sentence}");
            }
        }
    }

    #[test]
    fn what_is_said_names_both_possibilities() {
        let account = account_not_found(&ObjectKey::cluster_account("shared"));
        assert!(account.message.contains("does not exist, or"), "{}", account.message);
        assert!(number_not_found("+14155550123").message.contains("does not hold number +14155550123, or"));
        assert!(
            endpoint_not_found("e1", Duration::from_secs(300)).message.contains("no endpoint e1 in this account that this namespace may")
        );
        let own = account_not_found(&ObjectKey::account("voice", "plivo"));
        assert!(own.message.starts_with("ProviderAccount voice/plivo does not exist; create it"), "{}", own.message);
    }
}
