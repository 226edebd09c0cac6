//! The types and the JSON of an object, in both directions.

use serde_json::{Value, json};

use super::{
    Address, CallbackMethod, CarrierxEndpoint, ClusterProviderAccount, EndpointType, Ledger, PhoneNumberBinding, PhoneNumberBindingStatus,
    Placed, Previous, ProviderAccount, SipEndpoint, SipEndpointStatus, Transport,
};

fn endpoint() -> Value {
    json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "SipEndpoint",
        "metadata": {"name": "alice", "namespace": "voice"},
        "spec": {
            "accountRef": {"kind": "ProviderAccount", "name": "plivo"},
            "plivo": {
                "username": "alice",
                "alias": "alice-desk",
                "passwordSecretRef": {"name": "alice-sip", "key": "sip"},
                "generatePassword": true,
                "app_id": "16638156474000802",
                "app_name": "main-ivr",
            },
            "connectionSecret": {"name": "alice-phone"},
            "managementPolicy": "Observe",
            "adopt": {"endpoint_id": "39452475478853", "fromInstallation": "3kf"},
            "deletionPolicy": "Retain",
            "driftPolicy": "Report",
            "externalDeletionPolicy": "Report",
        },
        "status": {
            "observedGeneration": 3,
            "conditions": [{
                "type": "Ready",
                "status": "True",
                "reason": "Available",
                "message": "",
                "observedGeneration": 3,
                "lastTransitionTime": "2026-01-02T03:04:05Z",
            }],
            "endpoint_id": "39452475478853",
            "username": "alice3kf9x2mq7abhc131031145958",
            "sip_uri": "sip:alice3kf9x2mq7abhc131031145958@phone.plivo.com",
            "sip_registered": true,
            "sip_contact": "sip:alice@192.0.2.7",
            "sip_expires": "2026-01-02 03:14:05",
            "sip_user_agent": "Telephone 1.1.4",
            "alias": "alice-desk",
            "app_id": "16638156474000802",
            "account": {"provider": "Plivo", "id": "MA00000000000000000"},
            "ledger": {
                "uid": "5a2c",
                "installation": "3kf",
                "epoch": 1,
                "intent": {"epoch": 2, "nonce": "n", "issuedTime": "2026-01-02T03:04:05Z", "writer": "switchboard-0"},
                "tombstones": ["39452475478854"],
                "passwordSecret": {"uid": "77d1", "resourceVersion": "4711"},
            },
            "lastHandledReconcileAt": "now",
        },
    })
}

/// The two providers are never in one object; both are read.
fn peer() -> Value {
    json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "SipEndpoint",
        "metadata": {"name": "pbx-berlin", "namespace": "voice"},
        "spec": {
            "accountRef": {"kind": "ProviderAccount", "name": "carrierx"},
            "carrierx": {
                "name": "pbx-berlin",
                "type": "third_party",
                "addresses": [
                    {
                        "ip": "203.0.113.7", "port": 5061, "transport": "tls", "direction": "any", "dst_port": 5061, "priority": 1,
                        "srtp": true, "location_sid": "ams-1", "sipCredentialsSecretRef": {"name": "berlin-sip"},
                    },
                    {"ip": "pbx.example.com"},
                ],
                "capacity": 10,
                "out_sip_username": "switchboard",
                "outSipPasswordSecretRef": {"name": "berlin-out", "key": "sip"},
                "auth_required": false,
                "attributes": {"site": "berlin"},
                "transformations": [{"field": "to", "replace": {"from": "^00", "to": "+"}}, {}],
                "properties": {
                    "callback_url": "https://example.com/voicemail",
                    "callback_method": "POST",
                    "container_sid": "c1",
                    "greeting": "Nobody is here.",
                },
            },
            "managementPolicy": "Manage",
            "driftPolicy": "Correct",
            "externalDeletionPolicy": "Recreate",
        },
        "status": {
            "observedGeneration": 3,
            "endpoint_id": "2f1d",
            "name": "pbx-berlin.3kf9x2mq7abhc",
            "account": {"provider": "CarrierX", "id": "partner-1"},
            "trunkGroup": {
                "observedGeneration": 3,
                "trunk_group_sid": "9a7c",
                "name": "pbx-berlin.3kf9x2mq7abhc",
                "ledger": {"uid": "5a2c", "installation": "3kf", "epoch": 1},
                "reason": "Available",
                "message": "one trunk leads to the endpoint",
            },
        },
    })
}

fn account() -> Value {
    json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "ProviderAccount",
        "metadata": {"name": "plivo", "namespace": "voice"},
        "spec": {
            "plivo": {"credentialsSecretRef": {"name": "plivo-credentials"}},
            "carrierx": {"credentialsSecretRef": {"name": "carrierx-credentials"}},
            "suspend": true,
            "defaults": {"deletionPolicy": "Retain"},
            "brake": {"count": 10, "percent": 50},
            "budget": {"requestsPer5Seconds": 60},
            "sweepPeriodSeconds": 300,
        },
        "status": {
            "observedGeneration": 1,
            "account": {"provider": "Plivo", "id": "MA00000000000000000"},
            "installation": "3kf",
            "endpoints": {"managed": 3, "unmanaged": 2, "orphaned": 1, "foreign": 0},
            "trunkGroups": {"managed": 1, "unmanaged": 0, "orphaned": 0, "foreign": 4},
            "numbers": {"bound": 2, "unbound": 9},
            "gateways": [{"ip": "198.51.100.9", "port": 5060, "transport": "udp"}, {"ip": "gw.example.net"}],
            "lastSweepTime": "2026-01-02T03:04:05Z",
            "brake": {
                "deletions": {"token": "deletions-1a2b", "since": "2026-01-02T03:04:05Z", "until": "2026-01-02T03:04:09Z", "count": 30, "admitted": 25},
                "absences": {
                    "token": "absences-3c4d", "since": "2026-01-02T03:04:05Z", "until": "2026-01-02T03:04:05Z", "count": 300, "admitted": 0,
                    "releasedTime": "2026-01-02T04:04:05Z", "releasedUntil": "2026-01-02T04:04:05Z",
                },
            },
        },
    })
}

fn cluster_account() -> Value {
    let mut account = account();
    account["kind"] = json!("ClusterProviderAccount");
    account["metadata"] = json!({"name": "plivo"});
    account["spec"]["allowedNamespaces"] = json!([{"name": "voice", "numbers": ["+1415"], "adopt": ["14659095951490"]}, {"name": "desk"}]);
    account
}

fn binding() -> Value {
    json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "PhoneNumberBinding",
        "metadata": {"name": "reception", "namespace": "voice"},
        "spec": {
            "accountRef": {"kind": "ClusterProviderAccount", "name": "plivo"},
            "number": "+14155550123",
            "target": {
                "app_id": "", "app_name": "main-ivr", "applicationOf": {"name": "alice"}, "endpointRef": {"name": "alice"},
                "trunk_group_sid": "9a7c",
            },
            "alias": "reception",
            "subaccount": "SA00000000000000000X",
            "compliance_application_id": "f3c1",
            "deletionPolicy": "Unassign",
            "driftPolicy": "Report",
        },
        "status": {
            "observedGeneration": 2,
            "number": "14155550123",
            "app_id": "16638156474000802",
            "trunk_group_sid": "9a7c",
            "alias": "reception",
            "subaccount": "",
            "account": {"provider": "Plivo", "id": "MA00000000000000000"},
            "previous": {"app_id": "", "alias": "old", "subaccount": ""},
            "placed": [{"app_id": "16638156474000802", "alias": "reception"}, {"app_id": ""}, {"trunk_group_sid": "9a7c"}],
            "lastHandledReconcileAt": "now",
        },
    })
}

#[test]
fn an_object_with_every_field_comes_back_as_it_was() {
    let read: SipEndpoint = serde_json::from_value(endpoint()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), endpoint());
    let read: SipEndpoint = serde_json::from_value(peer()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), peer());
    let read: ProviderAccount = serde_json::from_value(account()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), account());
    let read: ClusterProviderAccount = serde_json::from_value(cluster_account()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), cluster_account());
    let read: PhoneNumberBinding = serde_json::from_value(binding()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), binding());
}

#[test]
fn what_is_left_out_is_the_default_or_stays_out() {
    let read: SipEndpoint = serde_json::from_value(json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "SipEndpoint",
        "metadata": {"name": "alice"},
        "spec": {"accountRef": {"name": "plivo"}, "plivo": {"passwordSecretRef": {"name": "alice-sip"}}},
    }))
    .unwrap();
    let spec = serde_json::to_value(&read.spec).unwrap();
    let expected = json!({
        "accountRef": {"kind": "ProviderAccount", "name": "plivo"},
        "plivo": {"passwordSecretRef": {"name": "alice-sip", "key": "password"}, "generatePassword": false},
        "managementPolicy": "Manage",
        "driftPolicy": "Correct",
        "externalDeletionPolicy": "Recreate",
    });
    assert_eq!(spec, expected);
    assert_eq!(serde_json::to_value(SipEndpointStatus::default()).unwrap(), json!({}));
    let read: PhoneNumberBinding = serde_json::from_value(json!({
        "apiVersion": "switchboard.dev/v1alpha1",
        "kind": "PhoneNumberBinding",
        "metadata": {"name": "reception"},
        "spec": {"accountRef": {"name": "plivo"}, "number": "+14155550123", "target": {"app_id": ""}},
    }))
    .unwrap();
    let expected = json!({
        "accountRef": {"kind": "ProviderAccount", "name": "plivo"},
        "number": "+14155550123",
        "target": {"app_id": ""},
        "driftPolicy": "Correct",
    });
    assert_eq!(serde_json::to_value(&read.spec).unwrap(), expected);
    assert_eq!(serde_json::to_value(PhoneNumberBindingStatus::default()).unwrap(), json!({}));
}

#[test]
fn what_carrierx_has_a_default_for_stays_out_and_an_empty_list_stays_in() {
    let read: CarrierxEndpoint = serde_json::from_value(json!({"type": "third_party"})).unwrap();
    assert_eq!(read, CarrierxEndpoint::default());
    for spec in [json!({"type": "third_party"}), json!({"type": "third_party", "addresses": [], "transformations": [], "attributes": {}})] {
        let read: CarrierxEndpoint = serde_json::from_value(spec.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), spec);
    }
    let read: Address = serde_json::from_value(json!({"ip": "203.0.113.7"})).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), json!({"ip": "203.0.113.7"}));
}

#[test]
fn a_word_of_a_providers_is_read_and_written_as_the_provider_spells_it() {
    for kind in EndpointType::ALL {
        assert_eq!(serde_json::to_value(kind).unwrap(), json!(kind.as_str()));
        assert_eq!(serde_json::from_value::<EndpointType>(json!(kind.to_string())).unwrap(), *kind);
    }
    let spelled: Vec<&str> = EndpointType::ALL.iter().map(|kind| kind.as_str()).collect();
    let documented = ["third_party", "conference", "conference_v2", "conference_playback", "flexml", "mediator", "voicemail"];
    assert_eq!(spelled, documented, "and never system_gateway, which is CarrierX' own");
    assert_eq!(Transport::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>(), ["udp", "tcp", "tls"]);
    assert_eq!(CallbackMethod::ALL.iter().map(|word| word.as_str()).collect::<Vec<_>>(), ["GET", "POST"]);
    assert!(serde_json::from_value::<EndpointType>(json!("ThirdParty")).is_err());
}

#[test]
fn what_was_remembered_of_a_number_before_there_were_trunk_groups_is_still_read() {
    let status: PhoneNumberBindingStatus = serde_json::from_value(json!({
        "previous": {"app_id": "1", "alias": "old", "subaccount": ""}, "placed": [{"app_id": "2"}, {"app_id": ""}],
    }))
    .unwrap();
    assert_eq!(status.previous.as_ref().map(Previous::target), Some("1"));
    assert_eq!(status.placed.iter().map(Placed::target).collect::<Vec<_>>(), ["2", ""]);
    let placed: Placed = serde_json::from_value(json!({"trunk_group_sid": "9a7c"})).unwrap();
    assert_eq!(placed.target(), "9a7c");
}

#[test]
fn an_object_of_a_newer_version_with_more_fields_is_still_read() {
    let mut newer = endpoint();
    newer["spec"]["laterField"] = json!({"name": "alice-phone"});
    newer["status"]["ledger"]["more"] = json!(1);
    let read: SipEndpoint = serde_json::from_value(newer).unwrap();
    assert_eq!(read, serde_json::from_value(endpoint()).unwrap());
}

#[test]
fn an_intent_is_open_until_the_ledger_has_reached_its_epoch() {
    let ledger: Ledger = serde_json::from_value(endpoint()["status"]["ledger"].clone()).unwrap();
    assert_eq!(ledger.open_intent(), ledger.intent.as_ref());
    let recorded = Ledger { epoch: 2, ..ledger };
    assert_eq!(recorded.open_intent(), None);
}
