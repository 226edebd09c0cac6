//! What an object wants at its provider, once everything that it points at is resolved.

use crate::api::ledger::SecretVersion;
use crate::core::fields::{FieldName, Fields, Secret};
use crate::core::view::Problem;

/// The spec and its references, parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Desired {
    /// Everything in it is true.
    Wanted(Box<Wanted>),
    /// The password is to be generated and is not stored: it is made where no endpoint exists. For one that exists it is missing; what to
    /// say then.
    Unmade(Problem),
    /// Something it needs is missing or wrong; nothing is created or changed until it is mended.
    Blocked(Problem),
}

/// A password as gathered: the value and the version of the Secret that it came from, nothing if the spec names none, or why it cannot
/// be had.
pub type Password = Result<Option<(Secret, SecretVersion)>, Problem>;

/// A wanted endpoint in the provider's own terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Managed fields that may be shown: compared, corrected.
    pub fields: Fields,
    /// All fields of a create, the password among them.
    pub create: Fields,
    /// The password; absent: unmanaged (adopted endpoints only).
    pub password: Option<WantedPassword>,
}

/// The password that the spec points at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedPassword {
    /// Its value.
    pub value: Secret,
    /// Which version of its Secret that value came from.
    pub version: SecretVersion,
    /// The field that it is sent with, if the provider takes it only so.
    pub along: Option<FieldName>,
}
