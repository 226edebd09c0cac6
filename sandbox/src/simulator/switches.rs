//! What is not known about a provider, as settings: the machinery, and the switches that more than one provider has.

use std::time::Duration;

use serde_json::{Map, Value};

/// All switches of a provider with their present values.
pub(crate) trait SwitchSet: Clone + Send + Sync + 'static {
    /// Sets one switch.
    ///
    /// # Errors
    /// A sentence that names the switch and its possible values.
    fn set(&mut self, name: &str, value: &Value) -> Result<(), String>;

    /// Name and value of every switch.
    fn to_json(&self) -> Value;

    /// Delay of every answer; the effect happens before it.
    fn latency(&self) -> Duration;
}

/// Makes an enum with named values; the first is the default.
macro_rules! choice {
    ($(#[$doc:meta])* $kind:ident { $first:ident = $first_text:literal $(, $variant:ident = $text:literal)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the values are described in the provider's contract and in the sandbox's README")]
        pub enum $kind { #[default] $first $(, $variant)* }

        impl $kind {
            pub(crate) const NAMES: &'static [&'static str] = &[$first_text $(, $text)*];

            pub(crate) fn name(self) -> &'static str {
                match self { Self::$first => $first_text $(, Self::$variant => $text)* }
            }

            pub(crate) fn parse(text: &str) -> Option<Self> {
                match text { $first_text => Some(Self::$first) $(, $text => Some(Self::$variant))*, _ => None }
            }
        }
    };
}

/// Makes an enum per switch with named values (the first is the default), and the struct that holds all of them. There must be a value
/// `latency_ms`.
macro_rules! switches {
    (
        choices { $( $(#[$doc:meta])* $field:ident : $kind:ident { $($choices:tt)* } )* }
        shared { $( $(#[$shared_doc:meta])* $shared:ident : $shared_kind:ident )* }
        values { $( $(#[$value_doc:meta])* $value:ident : $type:ty = $default:expr, $parse:path )* }
    ) => {
        $( $crate::simulator::switches::choice! { $(#[$doc])* $kind { $($choices)* } } )*

        /// All switches with their present values.
        #[derive(Clone, Debug)]
        pub struct Switches {
            $( $(#[$doc])* pub $field: $kind, )*
            $( $(#[$shared_doc])* pub $shared: $shared_kind, )*
            $( $(#[$value_doc])* pub $value: $type, )*
        }

        impl Default for Switches {
            fn default() -> Self {
                Self { $( $field: $kind::default(), )* $( $shared: $shared_kind::default(), )* $( $value: $default, )* }
            }
        }

        impl Switches {
            /// The names of all switches and, where they are fixed, their possible values (the first is the default).
            pub const NAMES: &'static [(&'static str, &'static [&'static str])] = &[
                $( (stringify!($field), $kind::NAMES), )*
                $( (stringify!($shared), $shared_kind::NAMES), )*
                $( (stringify!($value), &[]), )*
            ];

            /// Sets one switch.
            ///
            /// # Errors
            /// A sentence that names the switch and its possible values.
            pub fn set(&mut self, name: &str, value: &serde_json::Value) -> Result<(), String> {
                use $crate::simulator::switches::{none_of, words};
                match name {
                    $( stringify!($field) => {
                        let text = words(value);
                        self.$field = $kind::parse(&text).ok_or_else(|| none_of(name, &text, $kind::NAMES))?;
                        Ok(())
                    } )*
                    $( stringify!($shared) => {
                        let text = words(value);
                        self.$shared = $shared_kind::parse(&text).ok_or_else(|| none_of(name, &text, $shared_kind::NAMES))?;
                        Ok(())
                    } )*
                    $( stringify!($value) => {
                        self.$value = $parse(value).map_err(|why| format!("switch {name}: {why}"))?;
                        Ok(())
                    } )*
                    _ => Err(format!("there is no switch {name}")),
                }
            }

            /// Sets a switch from the text of the command line (`--switch name=value`); a value may be JSON.
            ///
            /// # Errors
            /// As [`Switches::set`].
            pub fn set_text(&mut self, name: &str, text: &str) -> Result<(), String> {
                self.set(name, &$crate::simulator::switches::of_text(text))
            }

            /// Name and value of every switch.
            pub fn to_json(&self) -> serde_json::Value {
                let mut all = serde_json::Map::new();
                $( all.insert(stringify!($field).to_owned(), serde_json::json!(self.$field.name())); )*
                $( all.insert(stringify!($shared).to_owned(), serde_json::json!(self.$shared.name())); )*
                $( all.insert(stringify!($value).to_owned(), serde_json::json!(self.$value)); )*
                serde_json::Value::Object(all)
            }
        }

        impl $crate::simulator::switches::SwitchSet for Switches {
            fn set(&mut self, name: &str, value: &serde_json::Value) -> Result<(), String> {
                Switches::set(self, name, value)
            }

            fn to_json(&self) -> serde_json::Value {
                Switches::to_json(self)
            }

            fn latency(&self) -> std::time::Duration {
                std::time::Duration::from_millis(self.latency_ms)
            }
        }
    };
}

pub(crate) use {choice, switches};

choice! {
    /// How calls are counted.
    RateModel { Sliding = "sliding", Fixed = "fixed", Bucket = "bucket" }
}

choice! {
    /// `Retry-After` of a 429.
    RetryAfter { None = "none", Seconds = "seconds", Date = "date" }
}

/// The value of a switch with named values as a text.
pub(crate) fn words(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The value of a switch on the command line.
pub(crate) fn of_text(text: &str) -> Value {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ (Value::Number(_) | Value::Object(_))) => value,
        _ => Value::String(text.to_owned()),
    }
}

pub(crate) fn none_of(name: &str, text: &str, names: &[&str]) -> String {
    format!("switch {name}: {text} is none of {}", names.join(", "))
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

/// For how long changes are hidden from `look` by the switch `visibility_ms`, if it is set.
pub(crate) fn fine_delays(visibility: &Value, look: Look) -> Option<Delays> {
    let fine: &Map<String, Value> = visibility.as_object()?;
    let member = match look {
        Look::Get => "get",
        Look::List => "list",
        Look::Delete => "delete",
    };
    let ms = fine.get(member).and_then(Value::as_u64).unwrap_or(0);
    let after = fine.get("after").and_then(Value::as_str);
    let of = |kind: &str| if after.is_none_or(|after| after.split('|').any(|one| one == kind)) { ms } else { 0 };
    Some(Delays { create: of("create"), update: of("update"), delete: of("delete") })
}

/// The longest visibility delay; what is older is no longer kept.
pub const LONGEST_DELAY_MS: u64 = 600_000;

pub(crate) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

pub(crate) fn parse_count(value: &Value) -> Result<u64, String> {
    number(value)
        .filter(|n| n.fract() == 0.0 && (0.0..=1e6).contains(n))
        .map(|n| n as u64)
        .ok_or_else(|| "an integer of 0 to 1000000 is needed".to_owned())
}

pub(crate) fn parse_latency(value: &Value) -> Result<u64, String> {
    number(value)
        .filter(|n| n.fract() == 0.0 && (0.0..=6e5).contains(n))
        .map(|n| n as u64)
        .ok_or_else(|| "milliseconds of 0 to 600000 are needed".to_owned())
}

pub(crate) fn parse_delay(value: &Value) -> Result<f64, String> {
    number(value).filter(|n| (0.0..=600.0).contains(n)).ok_or_else(|| "seconds of 0 to 600 are needed".to_owned())
}

pub(crate) fn parse_visibility(value: &Value) -> Result<Value, String> {
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
