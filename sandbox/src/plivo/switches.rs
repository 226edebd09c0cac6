//! The switches of contracts/plivo.md 12: what is not known about Plivo, as settings. A client must pass under every value.

use serde_json::{Map, Value, json};

/// Makes an enum per switch with named values (the first is the default), and the struct that holds all of them.
macro_rules! switches {
    (
        choices { $( $(#[$doc:meta])* $field:ident : $kind:ident { $first:ident = $first_text:literal $(, $variant:ident = $text:literal)* } )* }
        values { $( $(#[$value_doc:meta])* $value:ident : $type:ty = $default:expr, $parse:path )* }
    ) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
            #[allow(missing_docs, reason = "the values are described in contracts/plivo.md 12 and in the sandbox's README")]
            pub enum $kind { #[default] $first $(, $variant)* }

            impl $kind {
                const NAMES: &'static [&'static str] = &[$first_text $(, $text)*];

                fn name(self) -> &'static str {
                    match self { Self::$first => $first_text $(, Self::$variant => $text)* }
                }

                fn parse(text: &str) -> Option<Self> {
                    match text { $first_text => Some(Self::$first) $(, $text => Some(Self::$variant))*, _ => None }
                }
            }
        )*

        /// All switches with their present values.
        #[derive(Clone, Debug)]
        pub struct Switches { $( $(#[$doc])* pub $field: $kind, )* $( $(#[$value_doc])* pub $value: $type, )* }

        impl Default for Switches {
            fn default() -> Self {
                Self { $( $field: $kind::default(), )* $( $value: $default, )* }
            }
        }

        impl Switches {
            /// The names of all switches and, where they are fixed, their possible values (the first is the default).
            pub const NAMES: &'static [(&'static str, &'static [&'static str])] =
                &[ $( (stringify!($field), $kind::NAMES), )* $( (stringify!($value), &[]), )* ];

            /// Sets one switch.
            ///
            /// # Errors
            /// A sentence that names the switch and its possible values.
            pub fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
                match name {
                    $( stringify!($field) => {
                        let text = match value { Value::Null => "null".to_owned(), Value::String(text) => text.clone(), other => other.to_string() };
                        self.$field = $kind::parse(&text)
                            .ok_or_else(|| format!("switch {name}: {text} is none of {}", $kind::NAMES.join(", ")))?;
                        Ok(())
                    } )*
                    $( stringify!($value) => {
                        self.$value = $parse(value).map_err(|why| format!("switch {name}: {why}"))?;
                        Ok(())
                    } )*
                    _ => Err(format!("there is no switch {name}")),
                }
            }

            /// Name and value of every switch.
            pub fn to_json(&self) -> Value {
                let mut all = Map::new();
                $( all.insert(stringify!($field).to_owned(), json!(self.$field.name())); )*
                $( all.insert(stringify!($value).to_owned(), json!(self.$value)); )*
                Value::Object(all)
            }
        }
    };
}

switches! {
    choices {
        /// Body of a 401.
        auth_error_body: AuthErrorBody { Text = "text", Html = "html", Json = "json", Empty = "empty" }
        /// Shape of `error` in a 400.
        validation_error_shape: ValidationErrorShape { FieldLists = "field_lists", String = "string", Nested = "nested", Array = "array" }
        /// Body of a 404.
        not_found_body: NotFoundBody { Json = "json", EmptyObject = "empty_object", Html = "html" }
        /// Bytes after a 204.
        delete_body: DeleteBody { Empty = "empty", Bytes = "bytes" }
        /// Form of the digits behind a username.
        username_suffix: UsernameSuffix { Time12 = "time12", Digits23 = "digits23" }
        /// The hash in a single GET.
        password_in_get: PasswordInGet { UnregisteredOnly = "unregistered_only", Always = "always", Never = "never" }
        /// The hash in lists.
        password_in_list: PasswordInList { Never = "never", UnregisteredOnly = "unregistered_only", Always = "always" }
        /// How "no application" reads.
        no_application_as: NoApplicationAs { Null = "null", Empty = "empty", Absent = "absent" }
        /// An endpoint update without `app_id`.
        endpoint_omitted_app: EndpointOmittedApp { Unchanged = "unchanged", Detach = "detach" }
        /// `"app_id": ""` on an endpoint.
        endpoint_detach: EndpointDetach { Detach = "detach", Ignore = "ignore", Reject = "reject" }
        /// A number update without `app_id`.
        number_omitted_app: NumberOmittedApp { DefaultApp = "default_app", Unchanged = "unchanged" }
        /// `"app_id": ""` on a number.
        number_detach: NumberDetach { None = "none", DefaultApp = "default_app" }
        /// An alias that is given to a number: kept, or made the same for all as a provider may do.
        number_alias: NumberAlias { Keep = "keep", Lower = "lower" }
        /// The numbers of a deleted application.
        app_delete_numbers: AppDeleteNumbers { Null = "null", Dangling = "dangling" }
        /// The answer to an unknown `app_id`.
        unknown_app_id: UnknownAppId { BadRequest = "400", NotFound = "404", Accept = "accept" }
        /// Unknown keys in Endpoint and Application bodies.
        unknown_keys: UnknownKeys { Reject = "reject", Ignore = "ignore" }
        /// Which aliases are refused.
        alias_rule: AliasRule { Lenient = "lenient", Strict = "strict" }
        /// Case of the stored username.
        username_case: UsernameCase { Keep = "keep", Lower = "lower" }
        /// Order of lists.
        list_order: ListOrder { NewestFirst = "newest_first", OldestFirst = "oldest_first", Shuffled = "shuffled" }
        /// A `limit` above 20.
        list_over_20: ListOver20 { Clamp = "clamp", Reject = "reject" }
        /// Whether `total_count` lags behind.
        list_total: ListTotal { Exact = "exact", Stale = "stale" }
        /// A path without its trailing slash.
        missing_slash: MissingSlash { NotFound = "not_found", Redirect = "redirect", Accept = "accept" }
        /// How calls are counted.
        rate_model: RateModel { Sliding = "sliding", Fixed = "fixed", Bucket = "bucket" }
        /// Whether subaccounts share the limit of their main account.
        rate_scope: RateScope { MainAccount = "main_account", AuthId = "auth_id" }
        /// Body of a 429.
        rate_body: RateBody { Json = "json", Text = "text", Html = "html", Empty = "empty" }
        /// `Retry-After` of a 429.
        retry_after: RetryAfter { None = "none", Seconds = "seconds", Date = "date" }
    }
    values {
        /// Allowed calls per window; 0 switches the limit off.
        rate_limit: u64 = 300, parse_count
        /// Length of the window, in seconds.
        rate_window_s: f64 = 5.0, parse_window
        /// For so many seconds a new object is hidden and an update shows the old value.
        visibility_delay_s: f64 = 0.0, parse_delay
        /// The finer form: `{"get", "list", "delete", "after"}` in milliseconds, or null.
        visibility_ms: Value = Value::Null, parse_visibility
        /// Delay of every answer, in milliseconds; the effect happens before it.
        latency_ms: u64 = 0, parse_latency
        /// Host in `sip_uri`.
        sip_domain: String = "phone.plivo.com".to_owned(), parse_text
    }
}

impl Switches {
    /// Sets a switch from the text of the command line (`--switch name=value`); a value may be JSON.
    ///
    /// # Errors
    /// As [`Switches::set`].
    pub fn set_text(&mut self, name: &str, text: &str) -> Result<(), String> {
        let value = match serde_json::from_str::<Value>(text) {
            Ok(value @ (Value::Number(_) | Value::Object(_))) => value,
            _ => Value::String(text.to_owned()),
        };
        self.set(name, &value)
    }
}

/// How long a change stays invisible to one kind of call, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// After a create.
    pub create: u64,
    /// After an update.
    pub update: u64,
    /// After a delete.
    pub delete: u64,
}

/// The kind of call that looks at an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// A GET of one object.
    Get,
    /// A list.
    List,
    /// A DELETE, which answers 404 for what it does not see.
    Delete,
}

impl Switches {
    /// For how long changes are hidden from `look`.
    pub fn delays(&self, look: Look) -> Delays {
        if let Some(fine) = self.visibility_ms.as_object() {
            let member = match look {
                Look::Get => "get",
                Look::List => "list",
                Look::Delete => "delete",
            };
            let ms = fine.get(member).and_then(Value::as_u64).unwrap_or(0);
            let after = fine.get("after").and_then(Value::as_str);
            let of = |kind: &str| if after.is_none_or(|after| after.split('|').any(|one| one == kind)) { ms } else { 0 };
            return Delays { create: of("create"), update: of("update"), delete: of("delete") };
        }
        // A DELETE acts on the true state, and a deleted object is gone at once: the switch speaks of new endpoints and of updates.
        let ms = (self.visibility_delay_s * 1000.0) as u64;
        if look == Look::Delete { Delays::default() } else { Delays { create: ms, update: ms, delete: 0 } }
    }
}

/// The longest visibility delay; what is older is no longer kept.
pub const LONGEST_DELAY_MS: u64 = 600_000;

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn parse_count(value: &Value) -> Result<u64, String> {
    number(value)
        .filter(|n| n.fract() == 0.0 && (0.0..=1e6).contains(n))
        .map(|n| n as u64)
        .ok_or_else(|| "an integer of 0 to 1000000 is needed".to_owned())
}

fn parse_latency(value: &Value) -> Result<u64, String> {
    number(value)
        .filter(|n| n.fract() == 0.0 && (0.0..=6e5).contains(n))
        .map(|n| n as u64)
        .ok_or_else(|| "milliseconds of 0 to 600000 are needed".to_owned())
}

fn parse_window(value: &Value) -> Result<f64, String> {
    number(value).filter(|n| (0.001..=3600.0).contains(n)).ok_or_else(|| "seconds of 0.001 to 3600 are needed".to_owned())
}

fn parse_delay(value: &Value) -> Result<f64, String> {
    number(value).filter(|n| (0.0..=600.0).contains(n)).ok_or_else(|| "seconds of 0 to 600 are needed".to_owned())
}

fn parse_text(value: &Value) -> Result<String, String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(|| "a text is needed".to_owned())
}

fn parse_visibility(value: &Value) -> Result<Value, String> {
    let members = match value {
        Value::Null => return Ok(Value::Null),
        Value::Object(members) => members,
        _ => return Err("an object with get, list, delete (milliseconds) and after is needed, or null".to_owned()),
    };
    for (name, value) in members {
        match name.as_str() {
            "get" | "list" | "delete" => {
                if value.as_u64().is_none_or(|ms| ms > LONGEST_DELAY_MS) {
                    return Err(format!("{name} is milliseconds of 0 to {LONGEST_DELAY_MS}"));
                }
            }
            "after" => {
                let kinds = value.as_str().unwrap_or_default();
                if !kinds.split('|').all(|kind| matches!(kind, "create" | "update" | "delete")) {
                    return Err("after is create, update, delete, or several of them joined with |".to_owned());
                }
            }
            _ => return Err(format!("{name} is none of get, list, delete, after")),
        }
    }
    Ok(value.clone())
}
