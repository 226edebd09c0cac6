//! Policies: closed sets of PascalCase words. A typo is refused by the API server, never read as a default.

use super::schema::closed_enum;

closed_enum! {
    /// What becomes of the endpoint at the provider when its object is deleted.
    #[derive(Default)]
    pub enum DeletionPolicy {
        /// It is deleted as well.
        #[default]
        Delete,
        /// It stays; a later object of the same name finds it again.
        Retain,
    }
}

closed_enum! {
    /// Whether the operator may write to the endpoint at all.
    #[derive(Default)]
    pub enum ManagementPolicy {
        /// It makes the provider agree with the spec.
        #[default]
        Manage,
        /// It never writes at the provider: it shows what is there, and what differs from the spec. Only for adopted endpoints.
        Observe,
    }
}

closed_enum! {
    /// What happens when somebody changes a managed field at the provider.
    #[derive(Default)]
    pub enum DriftPolicy {
        /// It is put back.
        #[default]
        Correct,
        /// It is listed in the condition `Drifted` and left alone.
        Report,
    }
}

closed_enum! {
    /// What happens when somebody deletes the endpoint at the provider.
    #[derive(Default)]
    pub enum ExternalDeletionPolicy {
        /// It is created again, with a new SIP URI and a Warning event that names both.
        #[default]
        Recreate,
        /// The object says `ExternallyDeleted` and nothing is created.
        Report,
    }
}

closed_enum! {
    /// What becomes of a phone number when its binding is deleted. It is never released.
    #[derive(Default)]
    pub enum BindingDeletionPolicy {
        /// What was there before comes back, if the number still is where this binding put it.
        #[default]
        Restore,
        /// It answers no calls any more, if it still is where this binding put it.
        Unassign,
        /// It stays as it is.
        Retain,
    }
}
