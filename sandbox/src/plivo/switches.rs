//! The switches of contracts/plivo.md 12: what is not known about Plivo, as settings. A client must pass under every value.

use serde_json::Value;

use crate::simulator::switches::{
    Delays, Look, RateModel, RetryAfter, fine_delays, number, parse_count, parse_delay, parse_latency, parse_visibility, switches,
};

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
        /// Whether subaccounts share the limit of their main account.
        rate_scope: RateScope { MainAccount = "main_account", AuthId = "auth_id" }
        /// Body of a 429.
        rate_body: RateBody { Json = "json", Text = "text", Html = "html", Empty = "empty" }
    }
    shared {
        /// How calls are counted.
        rate_model: RateModel
        /// `Retry-After` of a 429.
        retry_after: RetryAfter
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
    /// For how long changes are hidden from `look`.
    pub fn delays(&self, look: Look) -> Delays {
        if let Some(fine) = fine_delays(&self.visibility_ms, look) {
            return fine;
        }
        // A DELETE acts on the true state, and a deleted object is gone at once: the switch speaks of new endpoints and of updates.
        let ms = (self.visibility_delay_s * 1000.0) as u64;
        if look == Look::Delete { Delays::default() } else { Delays { create: ms, update: ms, delete: 0 } }
    }
}

fn parse_window(value: &Value) -> Result<f64, String> {
    number(value).filter(|n| (0.001..=3600.0).contains(n)).ok_or_else(|| "seconds of 0.001 to 3600 are needed".to_owned())
}

fn parse_text(value: &Value) -> Result<String, String> {
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned).ok_or_else(|| "a text is needed".to_owned())
}
