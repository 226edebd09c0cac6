//! Scopes of a token (contracts/carrierx.md 2): the family's `manage`, or the single verb, suffices.

use std::collections::BTreeSet;

use super::world::Kind;

/// What an ordinary token may do: everything but setting `auth_required`.
pub const DEFAULT_SCOPES: &[&str] =
    &["endpoints.manage", "partners.read", "phonenumber.manage", "trunk_groups.manage", "trunk_groups.trunks.manage"];

/// The scope that `auth_required` needs.
pub const AUTH_REQUIRED_SCOPE: &str = "endpoints.manage_auth_required";

/// The single verbs of a family.
const VERBS: [&str; 4] = ["read", "create", "update", "delete"];

/// The families any of which lets a call through.
fn families(kind: Kind, verb: &str) -> &'static [&'static str] {
    match kind {
        Kind::Endpoint => &["endpoints"],
        Kind::TrunkGroup => &["trunk_groups"],
        Kind::Trunk => &["trunk_groups.trunks"],
        // The documentation names the partners' scope for reading numbers, which looks like a copy error.
        Kind::Did if verb == "read" => &["partners", "phonenumber"],
        Kind::Did => &["phonenumber"],
    }
}

/// Whether the scopes let a call of this kind through.
pub(super) fn allow(scopes: &BTreeSet<String>, kind: Kind, verb: &str) -> bool {
    families(kind, verb).iter().any(|family| scopes.contains(&format!("{family}.manage")) || scopes.contains(&format!("{family}.{verb}")))
}

/// Takes a scope away. From a family that is held as a whole, the other verbs stay.
pub(super) fn take(scopes: &mut BTreeSet<String>, scope: &str) {
    scopes.remove(scope);
    let Some((family, verb)) = scope.rsplit_once('.').filter(|(_, verb)| VERBS.contains(verb)) else { return };
    if scopes.remove(&format!("{family}.manage")) {
        scopes.extend(VERBS.iter().filter(|other| **other != verb).map(|other| format!("{family}.{other}")));
    }
}
