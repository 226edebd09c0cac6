//! The switches of contracts/carrierx.md 10: what is not known about CarrierX, as settings. A client must pass under every value.

use serde_json::Value;

use crate::simulator::switches::{
    Delays, Look, RetryAfter, fine_delays, parse_count, parse_delay, parse_latency, parse_visibility, switches,
};

switches! {
    choices {
        /// Body of all errors.
        error_body: ErrorBody { Json = "json", Empty = "empty", Text = "text", Html = "html" }
        /// Status for an unknown or expired token.
        bad_token_status: BadTokenStatus { Unauthorized = "401", Forbidden = "403" }
        /// Status of validation errors.
        validation_status: ValidationStatus { Unprocessable = "422", BadRequest = "400", Conflict = "409" }
        /// Status of conflicts.
        conflict_status: ConflictStatus { Conflict = "409", Unprocessable = "422", BadRequest = "400" }
        /// Whose endpoints count for "duplicate ip".
        duplicate_scope: DuplicateScope { Platform = "platform", Account = "account" }
        /// Whether an update can cause "duplicate ip".
        duplicate_on_update: DuplicateOnUpdate { Check = "check", Skip = "skip" }
        /// Status of a write to the `system_gateway`.
        gateway_write: GatewayWrite { Forbidden = "403", Unprocessable = "422" }
        /// An update of a field that only the server writes.
        read_only_field: ReadOnlyField { Ignore = "ignore", Reject = "reject" }
        /// An update of nested objects without `nested_objects=replace`.
        nested_default: NestedDefault { Append = "append", ByKey = "by_key", Replace = "replace" }
        /// Whether `nested_objects=replace` also clears what the body does not name.
        replace_reach: ReplaceReach { Named = "named", All = "all" }
        /// How `attributes` of an endpoint read, or that there are none.
        attributes_shape: AttributesShape { Map = "map", List = "list", Refuse = "refuse" }
        /// Whether endpoints have the fields of newer samples.
        object_age: ObjectAge { Current = "current", Older = "older" }
        /// How passwords read.
        password_echo: PasswordEcho { Clear = "clear", Null = "null", Masked = "masked" }
        /// How a host name in `ip` reads.
        fqdn: Fqdn { Keep = "keep", Resolve = "resolve" }
        /// Which names of endpoints and trunk groups are refused.
        name_rule: NameRule { Free = "free", Unique = "unique", Short = "short" }
        /// Page size without `limit`.
        list_default_limit: ListDefaultLimit { Ten = "10", Thousand = "1000" }
        /// Value of `total`.
        list_total: ListTotal { Exact = "exact", Null = "null" }
        /// How much of a filter is understood.
        filter_support: FilterSupport { Full = "full", TopLevel = "top_level", Ignored = "ignored", Reject = "reject" }
        /// Whether lists hold what belongs to sub-partners.
        list_partners: ListPartners { Own = "own", All = "all" }
        /// Deleting an endpoint with trunks, or a trunk group with numbers.
        referenced_delete: ReferencedDelete { Conflict = "conflict", Cascade = "cascade", Dangling = "dangling" }
        /// `"trunk_group_sid": null`.
        unbind_null: UnbindNull { Accept = "accept", Reject = "reject", Ignore = "ignore" }
        /// Writes to `string_key_1` and `string_key_2`.
        string_keys: StringKeys { Write = "write", Ignore = "ignore", Reject = "reject" }
        /// Whether `whoami` exists.
        whoami: Whoami { On = "on", Off = "off" }
    }
    shared {
        /// `Retry-After` of a 429.
        retry_after: RetryAfter
    }
    values {
        /// Allowed requests per second; 0 switches the limit off.
        rate_limit: u64 = 0, parse_count
        /// For so many seconds reads show the old state.
        stale_read_s: f64 = 0.0, parse_delay
        /// The finer form: `{"get", "list", "delete", "after"}` in milliseconds, or null.
        visibility_ms: Value = Value::Null, parse_visibility
        /// Delay of every answer, in milliseconds; the effect happens before it.
        latency_ms: u64 = 0, parse_latency
    }
}

impl Switches {
    /// For how long changes are hidden from `look`.
    pub fn delays(&self, look: Look) -> Delays {
        if let Some(fine) = fine_delays(&self.visibility_ms, look) {
            return fine;
        }
        let ms = (self.stale_read_s * 1000.0) as u64;
        if look == Look::Delete { Delays::default() } else { Delays { create: ms, update: ms, delete: ms } }
    }

    pub(super) fn validation_code(&self) -> u16 {
        match self.validation_status {
            ValidationStatus::Unprocessable => 422,
            ValidationStatus::BadRequest => 400,
            ValidationStatus::Conflict => 409,
        }
    }

    pub(super) fn conflict_code(&self) -> u16 {
        match self.conflict_status {
            ConflictStatus::Conflict => 409,
            ConflictStatus::Unprocessable => 422,
            ConflictStatus::BadRequest => 400,
        }
    }
}
