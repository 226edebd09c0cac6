//! Conditions and their reasons, as closed sets that print themselves.

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// A set of words: an enum that prints as its variants' names, or as what stands behind them.
macro_rules! words {
    (@text $word:ident) => { stringify!($word) };
    (@text $word:ident $text:literal) => { $text };
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $word:ident $(= $text:literal)?,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$doc])* $word,)+ }

        impl $name {
            /// Every word, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$word,)+];

            /// The word, as objects and labels have it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $crate::api::condition::words!(@text $word $($text)?),)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::api::condition::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::ALL.iter().copied().find(|word| word.as_str() == text).ok_or($crate::api::condition::UnknownWord)
            }
        }
    };
}
pub(crate) use words;

/// A word that is not of the closed set, as an object written by a newer version may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a word of this closed set")]
pub struct UnknownWord;

words! {
    /// The types of condition.
    pub enum ConditionType {
        /// The summary: everything that was asked for is there.
        Ready,
        /// The provider agrees with the spec.
        Synced,
        /// A phone is registered. Information only, never part of `Ready`.
        Registered,
        /// Work is going on (kstatus; present only when True).
        Reconciling,
        /// Work cannot go on without a change from outside (kstatus; present only when True).
        Stalled,
        /// Fields that differ at the provider under `driftPolicy: Report`.
        Drifted,
        /// A brake of the account holds until somebody acknowledges it (present only when True).
        Braked,
    }
}

words! {
    /// The status of a condition.
    pub enum ConditionStatus {
        /// It holds.
        True,
        /// It does not hold.
        False,
        /// Not known.
        Unknown,
    }
}

words! {
    /// Why a condition is as it is. The set grows with the kinds; a reason never changes its meaning.
    pub enum Reason {
        /// All is as asked for.
        Available,
        /// A phone is registered.
        Registered,
        /// No phone is registered.
        NotRegistered,
        /// The endpoint is a static peer, which never registers.
        StaticPeer,
        /// Work is going on.
        Progressing,
        /// The outcome of a create is unknown, or a listing must be complete before anything is created.
        AwaitingEvidence,
        /// The call budget or the provider's rate limit holds the work up.
        Throttled,
        /// The provider does not answer, or answers that it is broken.
        ProviderUnreachable,
        /// The account does not exist, or may not be used from here: the same word for both.
        AccountNotFound,
        /// The account is there but does not work.
        AccountNotReady,
        /// The Secret does not exist.
        SecretNotFound,
        /// The Secret lacks the key.
        SecretKeyMissing,
        /// The operator may not read Secrets in this namespace.
        SecretAccessDenied,
        /// The SipEndpoint that a number is to follow does not exist in this namespace and account.
        TargetNotFound,
        /// The SipEndpoint that a number is to follow is not at the provider yet.
        TargetNotReady,
        /// What the object has at the provider is being deleted or given back.
        Deleting,
        /// The spec cannot be carried out, for a reason that the schema cannot express.
        InvalidSpec,
        /// A value in the Secret is not usable.
        SecretInvalid,
        /// The provider refused the credentials.
        CredentialsRejected,
        /// The credentials lead to another account than the one in which the endpoint lives.
        AccountMismatch,
        /// The recorded endpoint carries the mark of another installation.
        InstallationMismatch,
        /// The provider refused the values, or says of the number that it takes no calls.
        Rejected,
        /// The provider's answer made no sense.
        UnexpectedAnswer,
        /// The recorded endpoint no longer carries our mark.
        OwnershipLost,
        /// Two objects claim the same thing.
        Conflict,
        /// The endpoint to be adopted belongs to another object or installation.
        AlreadyOwned,
        /// The endpoint to be adopted does not exist.
        AdoptNotFound,
        /// More than one endpoint with the mark of this object exists.
        DuplicateFound,
        /// Somebody deleted the endpoint at the provider, under `externalDeletionPolicy: Report`.
        ExternallyDeleted,
        /// The application does not exist at the provider.
        ApplicationMissing,
        /// The SipEndpoint that a number is to follow has no application.
        TargetHasNoApplication,
        /// The account does not hold the number, or it may not be bound from here: the same word for both.
        NumberNotInAccount,
        /// The provider stores another value than the one it was given.
        ProviderNormalisedValue,
        /// Somebody keeps changing a value that the operator puts back.
        Contested,
        /// Managed fields differ, under `driftPolicy: Report`.
        Drifted,
        /// The object cannot go because others still need it.
        DeletionRefused,
        /// Too many endpoints are going at once; somebody has to acknowledge it on the account.
        Braked,
        /// The object is paused by its annotation.
        Paused,
        /// The account is suspended.
        Suspended,
    }
}

/// What a reason means to tools: kstatus and Argo CD.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// kstatus Current, Argo CD Healthy.
    Healthy,
    /// kstatus InProgress, Argo CD Progressing: it resolves itself, or as soon as something it waits for appears.
    Progressing,
    /// kstatus Failed (`Stalled`), Argo CD Degraded: somebody has to change something. Still retried slowly.
    Failed,
    /// kstatus InProgress (an object whose `Ready` is False is never Current there), Argo CD Suspended: somebody asked for this.
    Suspended,
}

impl Reason {
    /// What the reason means to tools.
    #[must_use]
    pub const fn verdict(self) -> Verdict {
        match self {
            Self::Available | Self::Registered | Self::NotRegistered | Self::StaticPeer => Verdict::Healthy,
            Self::Progressing
            | Self::AwaitingEvidence
            | Self::Throttled
            | Self::ProviderUnreachable
            | Self::AccountNotFound
            | Self::AccountNotReady
            | Self::SecretNotFound
            | Self::SecretKeyMissing
            | Self::SecretAccessDenied
            | Self::TargetNotFound
            | Self::TargetNotReady
            | Self::Deleting => Verdict::Progressing,
            Self::InvalidSpec
            | Self::SecretInvalid
            | Self::CredentialsRejected
            | Self::AccountMismatch
            | Self::InstallationMismatch
            | Self::Rejected
            | Self::UnexpectedAnswer
            | Self::OwnershipLost
            | Self::Conflict
            | Self::AlreadyOwned
            | Self::AdoptNotFound
            | Self::Braked
            | Self::DuplicateFound
            | Self::ExternallyDeleted
            | Self::ApplicationMissing
            | Self::TargetHasNoApplication
            | Self::NumberNotInAccount
            | Self::ProviderNormalisedValue
            | Self::Contested
            | Self::Drifted
            | Self::DeletionRefused => Verdict::Failed,
            Self::Paused | Self::Suspended => Verdict::Suspended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_itself_and_fits_the_schema_of_a_condition() {
        let pascal = |word: &str| word.starts_with(|c: char| c.is_ascii_uppercase()) && word.chars().all(|c| c.is_ascii_alphanumeric());
        for reason in Reason::ALL {
            assert_eq!(reason.to_string().parse(), Ok(*reason));
            assert!(pascal(reason.as_str()), "{reason}");
        }
        for kind in ConditionType::ALL {
            assert_eq!(kind.to_string().parse(), Ok(*kind));
            assert!(pascal(kind.as_str()), "{kind}");
        }
        assert_eq!("available".parse::<Reason>(), Err(UnknownWord));
    }

    #[test]
    fn waiting_for_something_that_may_still_come_is_progress_and_not_failure() {
        for (reason, verdict) in [
            (Reason::Available, Verdict::Healthy),
            (Reason::NotRegistered, Verdict::Healthy),
            (Reason::AwaitingEvidence, Verdict::Progressing),
            (Reason::AccountNotFound, Verdict::Progressing),
            (Reason::SecretNotFound, Verdict::Progressing),
            (Reason::TargetNotFound, Verdict::Progressing),
            (Reason::TargetNotReady, Verdict::Progressing),
            (Reason::TargetHasNoApplication, Verdict::Failed),
            (Reason::NumberNotInAccount, Verdict::Failed),
            (Reason::ApplicationMissing, Verdict::Failed),
            (Reason::SecretInvalid, Verdict::Failed),
            (Reason::CredentialsRejected, Verdict::Failed),
            (Reason::Drifted, Verdict::Failed),
            (Reason::Paused, Verdict::Suspended),
        ] {
            assert_eq!(reason.verdict(), verdict, "{reason}");
        }
    }
}
