//! Which live PhoneNumberBindings want which number, and which follow which SipEndpoint.

use kube::Resource;

use crate::api::phone_number_binding::{PhoneNumberBinding, Placed, Previous};
use crate::controller::index::{Base, Index, Indexed};
use crate::core::key::ObjectKey;

/// What one live binding says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What every object says.
    pub base: Base,
    /// `spec.number`.
    pub number: String,
    /// The SipEndpoint whose application answers the number, if it follows one.
    pub follows: Option<ObjectKey>,
    /// It is being deleted.
    pub deleting: bool,
    /// Our finalizer is on it.
    pub finalizer: bool,
    /// What its number showed before it was bound.
    pub previous: Option<Previous>,
    /// What it has written to the number.
    pub placed: Vec<Placed>,
}

/// What an entry is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    /// The number that it wants.
    Number(String),
    /// The SipEndpoint that it follows.
    Target(ObjectKey),
}

/// All watched bindings.
pub type Bindings = Index<Entry>;

impl Entry {
    /// Of an object.
    pub fn of(object: &PhoneNumberBinding) -> Self {
        let mut entry = Self {
            base: Base::of(object),
            number: object.spec.number.clone(),
            follows: None,
            deleting: false,
            finalizer: false,
            previous: None,
            placed: Vec::new(),
        };
        entry.read(object);
        entry
    }

    fn number_name(&self) -> Name {
        Name::Number(self.number.clone())
    }
}

impl Indexed for Entry {
    type Object = PhoneNumberBinding;
    type Name = Name;

    fn base(&self) -> &Base {
        &self.base
    }

    fn base_mut(&mut self) -> &mut Base {
        &mut self.base
    }

    fn read(&mut self, object: &PhoneNumberBinding) {
        let status = object.status.as_ref();
        let namespace = &self.base.key.namespace;
        self.follows = object.spec.target.application_of.as_ref().map(|target| ObjectKey::endpoint(namespace, &target.name));
        self.deleting = object.meta().deletion_timestamp.is_some();
        self.finalizer = object.meta().finalizers.iter().flatten().any(|finalizer| finalizer == crate::api::FINALIZER_BINDING);
        self.base.pinned = status.and_then(|status| status.account.clone());
        self.previous = status.and_then(|status| status.previous.clone());
        self.placed = status.map(|status| status.placed.clone()).unwrap_or_default();
    }

    fn names(&self) -> Vec<Name> {
        self.follows.iter().cloned().map(Name::Target).chain([self.number_name()]).collect()
    }

    fn concerns(before: Option<&Self>, after: Option<&Self>) -> Vec<Name> {
        // Everything of it that a rival looks at; what it follows concerns nobody else.
        let seen = |entry: &Self| {
            let mut seen = Self { follows: None, ..entry.clone() };
            seen.base.forget_versions();
            seen
        };
        match before.map(seen) == after.map(seen) {
            true => Vec::new(),
            false => before.into_iter().chain(after).map(Self::number_name).collect(),
        }
    }
}
