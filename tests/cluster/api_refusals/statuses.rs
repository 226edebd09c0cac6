//! The rows of the status of SipEndpoint, and what is written into the statuses of all kinds.

use super::rows::Rows;

/// A whole condition.
pub const CONDITION: &str =
    r#"{"type": "Ready", "status": "True", "reason": "Available", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"}"#;
/// A whole intent.
pub const INTENT: &str = r#"{"epoch": 1, "nonce": "n", "issuedTime": "2026-01-02T03:04:05Z", "writer": "w"}"#;

/// A status of an endpoint, what the refusal says; nothing if it is accepted. `CONDITION` and `INTENT` stand for whole ones.
pub const STATUSES: Rows = &[
    (r#"{"observedGeneration": -1}"#, ""),
    (r#"{"observedGeneration": 3, "conditions": [CONDITION], "sip_registered": true, "endpoint_id": "39452475478853"}"#, ""),
    (r#"{"account": {"provider": "Plivo", "id": "MA00000000000000000"}}"#, ""),
    (
        r#"{"ledger": {"uid": "u", "installation": "abc", "epoch": 0, "intent": INTENT, "tombstones": ["1", "2", "3", "4", "5", "6", "7", "8"]}}"#,
        "",
    ),
    (r#"{"observedGeneration": -2}"#, "status.observedGeneration | greater than or equal to -1"),
    (r#"{"observedGeneration": 1.5}"#, "status.observedGeneration | must be of type integer"),
    (r#"{"sip_registered": "true"}"#, "status.sip_registered | must be of type boolean"),
    (r#"{"endpoint_id": 39452475478853}"#, "status.endpoint_id | must be of type string"),
    (r#"{"endpoint_id": "<1*65>"}"#, "status.endpoint_id | Too long | 64"),
    (r#"{"sip_user_agent": "<a*257>"}"#, "status.sip_user_agent | Too long | 256"),
    (r#"{"lastHandledReconcileAt": "<a*257>"}"#, "status.lastHandledReconcileAt | Too long | 256"),
    (r#"{"conditions": [CONDITION, CONDITION]}"#, "status.conditions[1] | Duplicate value"),
    (r#"{"conditions": [{"type": "Ready"}]}"#, "status.conditions[0].reason | Required value"),
    (
        r#"{"conditions": [{"type": "Ready", "status": "true", "reason": "A", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"}]}"#,
        r#"status.conditions[0].status | supported values: "True", "False", "Unknown""#,
    ),
    (
        r#"{"conditions": [{"type": "Ready", "status": "True", "reason": "", "message": "", "lastTransitionTime": "2026-01-02T03:04:05Z"}]}"#,
        "status.conditions[0].reason",
    ),
    (
        r#"{"conditions": [{"type": "Ready", "status": "True", "reason": "A", "message": "", "lastTransitionTime": "now"}]}"#,
        "status.conditions[0].lastTransitionTime | date-time",
    ),
    (r#"{"account": {"provider": "Acme", "id": "1"}}"#, r#"status.account.provider | supported values: "Plivo""#),
    (r#"{"account": {"provider": "Plivo"}}"#, "status.account.id | Required value"),
    (r#"{"ledger": {"uid": "u", "epoch": 0}}"#, "status.ledger.installation | Required value"),
    (r#"{"ledger": {"uid": "u", "installation": "abc", "epoch": -1}}"#, "status.ledger.epoch | greater than or equal to 0"),
    (
        r#"{"ledger": {"uid": "u", "installation": "abc", "epoch": 0, "tombstones": ["1", "1"]}}"#,
        "status.ledger.tombstones[1] | Duplicate value",
    ),
    (
        r#"{"ledger": {"uid": "u", "installation": "abc", "epoch": 0, "tombstones": ["1", "2", "3", "4", "5", "6", "7", "8", "9"]}}"#,
        "status.ledger.tombstones | Too many | 8",
    ),
    (
        r#"{"ledger": {"uid": "u", "installation": "abc", "epoch": 0, "intent": {"epoch": 1}}}"#,
        "status.ledger.intent.nonce | Required value",
    ),
    (r#"{"ledger": {"uid": "u", "installation": "abc", "epoch": 0, "password": "x"}}"#, r#"unknown field "status.ledger.password""#),
];
