//! The pieces of which the kinds' schemas are made: patterns, bounds and CEL rules, each with a message that says what is wrong and
//! what to do. A value that people type has its pattern twice: as `pattern`, for editors and offline checks, and as a rule with a
//! message, for people.

pub(super) mod carrierx;

use kube::core::{Reason, Rule};
use schemars::{Schema, SchemaGenerator, json_schema};

/// A DNS subdomain, the form of object names.
pub(super) const DNS_SUBDOMAIN: &str = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$";
/// A key of a Secret.
pub(super) const SECRET_KEY: &str = "^[-._a-zA-Z0-9]+$";
/// The part of a Plivo username that people choose. Plivo allows 25 characters; 13 of them are the ownership mark.
pub(super) const USERNAME: &str = "^[A-Za-z][A-Za-z0-9]{0,11}$";
/// A Plivo alias.
pub(super) const ALIAS: &str = "^[A-Za-z0-9_-]{1,50}$";
/// A phone number, E.164 with its plus.
pub(super) const NUMBER: &str = r"^\+[1-9][0-9]{6,14}$";
/// The beginning of phone numbers, or `*` for all.
pub(super) const NUMBER_PREFIX: &str = r"^(\*|\+[1-9][0-9]{0,14})$";
/// A provider's id, or `*` for any: as [`ID`], in few characters and with its length left to the bound. The API server estimates what a
/// rule costs by the length of its pattern, and this one may hold for 256 times 256 items.
pub(super) const ID_OR_ANY: &str = r"^(\*|[^\W_][\w.-]*)$";
/// The name of a Plivo application.
pub(super) const APP_NAME: &str = "^[A-Za-z0-9_-]{1,100}$";
/// The Auth ID of a Plivo subaccount.
pub(super) const SUBACCOUNT: &str = "^SA[A-Z0-9]{18}$";
/// What people call a number: no control characters, of ASCII and beside it.
pub(super) const NUMBER_ALIAS: &str = r"^[^\x00-\x1f\x7f-\x9f]{1,100}$";
/// A DNS label, the form of namespaces' names.
pub(super) const DNS_LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A provider's id.
pub(super) const ID: &str = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$";
/// The part of an ownership mark that names an installation.
pub(super) const INSTALLATION: &str = "^[a-z2-9]{3}$";
/// What a brake is acknowledged with.
pub(super) const TOKEN: &str = "^[a-z0-9-]{1,64}$";
/// A provider's id, or nothing.
pub(super) const OPTIONAL_ID: &str = "^([A-Za-z0-9][A-Za-z0-9._-]{0,63})?$";

pub(super) const USERNAME_IS_FIXED: &str = "username cannot change: the SIP URI would change; create a new SipEndpoint";
pub(super) const ACCOUNT_IS_FIXED: &str = "accountRef cannot change: an endpoint cannot move to another account; create a new SipEndpoint";
pub(super) const BINDING_ACCOUNT_IS_FIXED: &str =
    "accountRef cannot change: what was there before is known for one account only; create a new PhoneNumberBinding";
pub(super) const NUMBER_IS_FIXED: &str =
    "number cannot change: what was there before is known for one number only; create a new PhoneNumberBinding";
pub(super) const PROVIDER_IS_FIXED: &str = "the provider cannot change: an endpoint at another provider is another object; create a new SipEndpoint for it, with an account there, and delete this one once it is not needed any more";
pub(super) const ACCOUNT_PROVIDER_IS_FIXED: &str =
    "the provider cannot change: endpoints and numbers cannot move to another one; create a new ProviderAccount";
pub(super) const CLUSTER_ACCOUNT_PROVIDER_IS_FIXED: &str =
    "the provider cannot change: endpoints and numbers cannot move to another one; create a new ClusterProviderAccount";
pub(super) const ADOPTION_IS_FIXED: &str =
    "adopt cannot change, nor be added or removed: it says which endpoint this object is; create a new SipEndpoint";

/// Where what an object refers to lives. In the definition of ClusterProviderAccount [`BY_THE_OPERATOR`] stands in its place.
pub(super) const BESIDE: &str = "in the namespace of this object";
/// Where the Secret of a ClusterProviderAccount lives.
pub(super) const BY_THE_OPERATOR: &str = "in the operator's namespace";

/// An enum that is closed in the schema and prints itself. Its words are PascalCase where they are ours; a word of a provider's own is
/// given beside its variant, letter for letter.
macro_rules! closed_enum {
    (@word $word:ident) => { stringify!($word) };
    (@word $word:ident $text:literal) => { $text };
    ($(#[$meta:meta])* pub enum $name:ident { $($(#[$doc:meta])* $word:ident $(= $text:literal)?,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        pub enum $name { $($(#[$doc])* $(#[serde(rename = $text)])? $word,)+ }

        impl $name {
            /// Every word, in the order of declaration.
            pub const ALL: &[Self] = &[$(Self::$word,)+];

            /// The word as it stands in the object.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $crate::api::schema::closed_enum!(@word $word $($text)?),)+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        // By hand, because schemars writes documented variants as one subschema each, which a structural schema does not allow.
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let words: Vec<&str> = Self::ALL.iter().map(|word| word.as_str()).collect();
                schemars::json_schema!({"type": "string", "enum": words})
            }
        }
    };
}
pub(super) use closed_enum;

fn matches(pattern: &str, message: &str) -> Rule {
    Rule::new(format!("self.matches({})", cel_string(pattern))).message(message)
}

/// A CEL string literal. None of our patterns needs more than its backslashes kept.
fn cel_string(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

/// The name of something that lives where [`BESIDE`] says.
pub(super) fn object_name(what: &str) -> Rule {
    named(&format!("{what} {BESIDE}"))
}

/// The name of an account, of either kind.
pub(super) fn account_name() -> Rule {
    named("an account, without a namespace")
}

fn named(what: &str) -> Rule {
    let message = format!("name must be the name of {what}: lower-case letters, digits, dashes and dots, a letter or digit first and last");
    matches(DNS_SUBDOMAIN, &message)
}

pub(super) fn secret_key() -> Rule {
    matches(SECRET_KEY, "key must be a key of the Secret: letters, digits, dashes, underscores and dots")
}

pub(super) fn username() -> Rule {
    matches(USERNAME, "username must be 1 to 12 letters and digits, a letter first; leave it out to have it made from the object's name")
}

pub(super) fn alias() -> Rule {
    matches(ALIAS, "alias must be 1 to 50 letters, digits, dashes and underscores; write dashes for blanks and dots")
}

pub(super) fn app_id() -> Rule {
    matches(
        OPTIONAL_ID,
        "app_id must be the id of an application: letters, digits, dots, dashes and underscores, a letter or digit first, \
         in quotes; write \"\" for no application",
    )
}

pub(super) fn app_name() -> Rule {
    matches(
        APP_NAME,
        "app_name must be the name of an application: 1 to 100 letters, digits, dashes and underscores; it must be the only one of that name",
    )
}

pub(super) fn number() -> Rule {
    matches(
        NUMBER,
        "number must be in E.164: a plus, the country code and the number, 7 to 15 digits; no blanks, dashes or brackets, in quotes",
    )
}

fn number_prefix() -> Rule {
    matches(
        NUMBER_PREFIX,
        "numbers lists beginnings of E.164 numbers: a plus and 1 to 15 digits, the first not 0, in quotes; write \"*\" for all numbers",
    )
}

fn id_or_any() -> Rule {
    matches(
        ID_OR_ANY,
        "adopt lists ids of endpoints as the provider shows them, in quotes; write \"*\" for any endpoint that carries no mark",
    )
}

/// The beginnings of numbers that a namespace may bind.
pub(super) fn number_prefixes(_: &mut SchemaGenerator) -> Schema {
    texts(16, NUMBER_PREFIX, number_prefix())
}

/// The ids of endpoints that a namespace may adopt.
pub(super) fn ids_or_any(_: &mut SchemaGenerator) -> Schema {
    texts(64, ID_OR_ANY, id_or_any())
}

/// A set of at most 256 texts. By hand, so that the rule stands at the item: a refusal then names the one that is wrong.
fn texts(longest: u32, pattern: &str, rule: Rule) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 256,
        "x-kubernetes-list-type": "set",
        "items": {"type": "string", "maxLength": longest, "pattern": pattern, "x-kubernetes-validations": [rule]},
    })
}

pub(super) fn namespace() -> Rule {
    matches(DNS_LABEL, "name must be the name of a namespace: lower-case letters, digits and dashes, a letter or digit first and last")
}

pub(super) fn subaccount() -> Rule {
    matches(SUBACCOUNT, "subaccount must be the Auth ID of a Plivo subaccount: SA and 18 capital letters and digits")
}

pub(super) fn number_alias() -> Rule {
    matches(NUMBER_ALIAS, "alias must be 1 to 100 characters, none of them a control character")
}

pub(super) fn compliance_application_id() -> Rule {
    matches(
        ID,
        "compliance_application_id must be an id as Plivo shows it: letters, digits, dots, dashes and underscores, a letter or digit \
         first, in quotes",
    )
}

/// A number has one target.
pub(super) fn exactly_one_target() -> Rule {
    Rule::new("[has(self.app_id), has(self.app_name), has(self.applicationOf), has(self.endpointRef), has(self.trunk_group_sid)].exists_one(given, given)")
        .message("exactly one target must be given: for Plivo app_id, app_name or applicationOf (app_id: \"\" is explicitly no application), for CarrierX endpointRef or trunk_group_sid")
        .reason(Reason::FieldValueRequired)
}

/// What the operator remembers of a number says one thing.
pub(super) fn one_answerer() -> Rule {
    Rule::new("has(self.app_id) != has(self.trunk_group_sid)")
        .message("exactly one of app_id and trunk_group_sid says what answers the number")
        .reason(Reason::FieldValueRequired)
}

/// Of an id and a name only one can be right.
pub(super) fn app_id_or_app_name() -> Rule {
    Rule::new("!(has(self.app_id) && has(self.app_name))")
        .message("app_id and app_name cannot be given together: keep the one that says which application is meant")
        .field_path(".app_name")
        .reason(Reason::FieldValueForbidden)
}

/// A password comes from one place.
pub(super) fn one_password() -> Rule {
    Rule::new("!(has(self.passwordSecretRef) && self.generatePassword)")
        .message("passwordSecretRef and generatePassword cannot be given together: either the password exists, or it is to be made")
        .field_path(".generatePassword")
        .reason(Reason::FieldValueForbidden)
}

/// A generated password has to be somewhere.
pub(super) fn generated_password_is_shown() -> Rule {
    Rule::new("!has(self.plivo) || !self.plivo.generatePassword || has(self.connectionSecret)")
        .message("generatePassword needs connectionSecret: the password is kept there, and nowhere else")
        .field_path(".connectionSecret")
        .reason(Reason::FieldValueRequired)
}

/// Nobody knows the password of an endpoint that exists already.
pub(super) fn no_generated_password_if_adopted() -> Rule {
    Rule::new("!has(self.plivo) || !has(self.adopt) || !self.plivo.generatePassword")
        .message("generatePassword cannot be given together with adopt: a password is never made anew for an endpoint that exists; name its Secret in passwordSecretRef, or leave the password as it is")
        .field_path(".plivo.generatePassword")
        .reason(Reason::FieldValueForbidden)
}

/// What is read and what is written are two Secrets.
pub(super) fn connection_secret_is_another() -> Rule {
    Rule::new("!has(self.plivo) || !has(self.connectionSecret) || !has(self.plivo.passwordSecretRef) || self.plivo.passwordSecretRef.name != self.connectionSecret.name")
        .message("connectionSecret cannot be the Secret of passwordSecretRef: the operator writes the one and only reads the other; use another name")
        .field_path(".connectionSecret.name")
        .reason(Reason::FieldValueForbidden)
}

pub(super) fn endpoint_id() -> Rule {
    matches(
        ID,
        "endpoint_id must be the id of an endpoint as the provider shows it: letters, digits, dots, dashes and underscores, a letter \
         or digit first, in quotes",
    )
}

pub(super) fn token() -> Rule {
    matches(TOKEN, "token must be 1 to 64 lower-case letters, digits and dashes; it is made by the operator")
}

pub(super) fn installation() -> Rule {
    matches(INSTALLATION, "fromInstallation must be the three characters that the condition AlreadyOwned shows")
}

/// A password is needed to create an endpoint, not to take one over.
pub(super) fn password_unless_adopted() -> Rule {
    Rule::new("!has(self.plivo) || has(self.adopt) || has(self.plivo.passwordSecretRef) || self.plivo.generatePassword")
        .message("a password is needed to create an endpoint: name its Secret in passwordSecretRef, or set generatePassword (only an adopted endpoint needs none)")
        .field_path(".plivo.passwordSecretRef")
        .reason(Reason::FieldValueRequired)
}

/// An adopted endpoint has its username already.
pub(super) fn no_username_if_adopted() -> Rule {
    Rule::new("!has(self.plivo) || !has(self.adopt) || !has(self.plivo.username)")
        .message("username cannot be given together with adopt: the adopted endpoint keeps the one it has; remove username")
        .field_path(".plivo.username")
        .reason(Reason::FieldValueForbidden)
}

/// Observing is for what exists already.
pub(super) fn observe_needs_adopt() -> Rule {
    Rule::new("self.managementPolicy != 'Observe' || has(self.adopt)")
        .message("managementPolicy: Observe never creates anything: say in adopt which endpoint to observe, or use Manage")
        .field_path(".managementPolicy")
        .reason(Reason::FieldValueInvalid)
}

/// Without a username the object's name must have a letter to begin with.
pub(super) fn derivable_username() -> Rule {
    Rule::new("!has(self.spec.plivo) || has(self.spec.adopt) || has(self.spec.plivo.username) || self.metadata.name.matches('[a-z]')")
        .message("username cannot be made from metadata.name, which has no letter; set spec.plivo.username")
        .field_path(".spec.plivo.username")
        .reason(Reason::FieldValueRequired)
}

/// Exactly one of the provider members is given. Later providers are added to the list; objects stored before stay valid.
pub(super) fn exactly_one_provider(members: &[&str]) -> Rule {
    let given: Vec<String> = members.iter().map(|member| format!("has(self.{member})")).collect();
    Rule::new(format!("[{}].exists_one(given, given)", given.join(", ")))
        .message(format!("exactly one provider must be given; add one of: {}", members.join(", ")).as_str())
        .reason(Reason::FieldValueRequired)
}

/// The value cannot change. For an optional field [`fixed_presence`] on its parent is needed as well: the API server
/// skips a transition rule when the field appears or vanishes.
pub(super) fn immutable(message: &str) -> Rule {
    Rule::new("self == oldSelf").message(message).reason(Reason::FieldValueForbidden)
}

/// The optional `field` can neither appear nor vanish.
pub(super) fn fixed_presence(field: &str, message: &str) -> Rule {
    Rule::new(format!("has(self.{field}) == has(oldSelf.{field})"))
        .message(message)
        .field_path(format!(".{field}"))
        .reason(Reason::FieldValueForbidden)
}

/// A point in time, RFC 3339.
pub(super) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({"type": "string", "format": "date-time"})
}

/// Conditions as Kubernetes defines them, with its bounds: one of each type, kept apart by `type` in merges.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["lastTransitionTime", "message", "reason", "status", "type"],
            "properties": {
                "lastTransitionTime": {
                    "description": "lastTransitionTime is when the status changed last.",
                    "type": "string",
                    "format": "date-time",
                },
                "message": {
                    "description": "message says what is wrong, where, what to do, and what the operator does meanwhile.",
                    "type": "string",
                    "maxLength": super::MAX_MESSAGE,
                },
                "observedGeneration": {
                    "description": "observedGeneration is the metadata.generation that the condition describes.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
                "reason": {
                    "description": "reason is one word for programs: why the condition is as it is.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 128,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "status": {
                    "description": "status is True, False or Unknown.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "type": {
                    "description": "type is what the condition is about.",
                    "type": "string",
                    "maxLength": 128,
                    "pattern": "^[A-Z][A-Za-z0-9]*$",
                },
            },
        },
    })
}
