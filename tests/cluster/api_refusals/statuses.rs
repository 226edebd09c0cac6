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
    (r#"{"account": {"provider": "Acme", "id": "1"}}"#, r#"status.account.provider | supported values: "Plivo", "CarrierX""#),
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

/// As [`STATUSES`], for an endpoint at CarrierX.
pub const PEER_STATUSES: Rows = &[
    (r#"{"observedGeneration": 3, "conditions": [CONDITION], "endpoint_id": "7f4d", "name": "pbx.3kf9x2mq7abhc"}"#, ""),
    (r#"{"account": {"provider": "CarrierX", "id": "p-1"}, "name": "<a*256>"}"#, ""),
    (r#"{"trunkGroup": {}}"#, ""),
    (
        r#"{"trunkGroup": {"observedGeneration": 3, "trunk_group_sid": "9a7c", "name": "pbx.3kf9x2mq7abhc", "reason": "Available", "message": "<a*32768>",
            "ledger": {"uid": "u", "installation": "abc", "epoch": 0, "intent": INTENT, "tombstones": ["1"]}}}"#,
        "",
    ),
    (r#"{"account": {"provider": "carrierx", "id": "1"}}"#, r#"status.account.provider | supported values: "Plivo", "CarrierX""#),
    (r#"{"name": "<a*257>"}"#, "status.name | Too long | 256"),
    (r#"{"name": 5}"#, "status.name | must be of type string"),
    (r#"{"trunkGroup": "9a7c"}"#, "status.trunkGroup | must be of type object"),
    (r#"{"trunkGroup": {"observedGeneration": -2}}"#, "status.trunkGroup.observedGeneration | greater than or equal to -1"),
    (r#"{"trunkGroup": {"trunk_group_sid": "<a*65>"}}"#, "status.trunkGroup.trunk_group_sid | Too long | 64"),
    (r#"{"trunkGroup": {"name": "<a*257>"}}"#, "status.trunkGroup.name | Too long | 256"),
    (r#"{"trunkGroup": {"reason": "<a*129>"}}"#, "status.trunkGroup.reason | Too long | 128"),
    (r#"{"trunkGroup": {"message": "<a*32769>"}}"#, "status.trunkGroup.message | Too long | 32768"),
    (r#"{"trunkGroup": {"ledger": {"uid": "u", "epoch": 0}}}"#, "status.trunkGroup.ledger.installation | Required value"),
    (
        r#"{"trunkGroup": {"ledger": {"uid": "u", "installation": "abc", "epoch": 0, "tombstones": ["1", "1"]}}}"#,
        "status.trunkGroup.ledger.tombstones[1] | Duplicate value",
    ),
    (r#"{"trunkGroup": {"trunks": []}}"#, r#"unknown field "status.trunkGroup.trunks""#),
    (r#"{"voip_token": "x"}"#, r#"unknown field "status.voip_token""#),
];
