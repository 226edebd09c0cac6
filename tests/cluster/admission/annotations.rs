//! The annotations that release something: what they may say.

use http::Method;
use serde_json::{Value, json};

use super::{
    ACCOUNTS, ACKNOWLEDGE, BINDINGS, Bench, CLUSTER_ACCOUNTS, Denies, ENDPOINTS, FORCE_ORPHAN, JSON, KINDS, MERGE, Quiet, Warns, check,
    manifest,
};
use crate::support;

#[tokio::test]
async fn annotations_that_release_something_are_well_formed() {
    let bench = Bench::new().await;
    for resource in KINDS {
        bench.stored(resource, "desk", json!({})).await;
    }
    let no_effect = Warns("has no effect until this object is deleted");
    let (no_token, no_id) =
        (Denies("acknowledge-brake is no token"), Denies("force-orphan is no id: give the object's status.endpoint_id"));
    let no_number = Denies("force-orphan is no number: give the object's spec.number with its plus, or the word unresolved");
    let no_word = Denies("force-orphan can only be the word unresolved on an account");
    let long = |length: usize| "a".repeat(length);
    let rows = [
        (ACCOUNTS, ACKNOWLEDGE, "d-7f3a9".to_owned(), Quiet),
        (ACCOUNTS, ACKNOWLEDGE, long(64), Quiet),
        (ACCOUNTS, ACKNOWLEDGE, long(65), no_token),
        (ACCOUNTS, ACKNOWLEDGE, String::new(), no_token),
        (ACCOUNTS, ACKNOWLEDGE, "YES".to_owned(), no_token),
        (ACCOUNTS, ACKNOWLEDGE, "d 7".to_owned(), no_token),
        (ACCOUNTS, ACKNOWLEDGE, "d-7f3a9\n".to_owned(), no_token),
        (ENDPOINTS, FORCE_ORPHAN, "14659095951490".to_owned(), no_effect),
        (ENDPOINTS, FORCE_ORPHAN, "ab.C_d-9".to_owned(), no_effect),
        (ENDPOINTS, FORCE_ORPHAN, long(64), no_effect),
        (ACCOUNTS, FORCE_ORPHAN, "unresolved".to_owned(), no_effect),
        (ENDPOINTS, FORCE_ORPHAN, long(65), no_id),
        (ENDPOINTS, FORCE_ORPHAN, String::new(), no_id),
        (ENDPOINTS, FORCE_ORPHAN, "-1".to_owned(), no_id),
        (ENDPOINTS, FORCE_ORPHAN, "1 2".to_owned(), no_id),
        (ENDPOINTS, FORCE_ORPHAN, "1\n2".to_owned(), no_id),
        (ENDPOINTS, FORCE_ORPHAN, "../1".to_owned(), no_id),
        (ENDPOINTS, FORCE_ORPHAN, "+14155550123".to_owned(), no_id),
        (BINDINGS, FORCE_ORPHAN, "+14155550123".to_owned(), no_effect),
        (BINDINGS, FORCE_ORPHAN, "14155550123".to_owned(), no_effect),
        (BINDINGS, FORCE_ORPHAN, "unresolved".to_owned(), no_effect),
        (BINDINGS, FORCE_ORPHAN, format!("+{}", "9".repeat(15)), no_effect),
        (BINDINGS, FORCE_ORPHAN, format!("+{}", "9".repeat(16)), no_number),
        (BINDINGS, FORCE_ORPHAN, "+123456".to_owned(), no_number),
        (BINDINGS, FORCE_ORPHAN, "++14155550123".to_owned(), no_number),
        (BINDINGS, FORCE_ORPHAN, "+1 415 555 0123".to_owned(), no_number),
        (BINDINGS, FORCE_ORPHAN, "+14155550123\n".to_owned(), no_number),
        (BINDINGS, FORCE_ORPHAN, "+".to_owned(), no_number),
        (BINDINGS, FORCE_ORPHAN, String::new(), no_number),
        (BINDINGS, FORCE_ORPHAN, "Unresolved".to_owned(), no_number),
        (BINDINGS, FORCE_ORPHAN, "7f4d3f0e-0a0c".to_owned(), no_number),
        (ACCOUNTS, FORCE_ORPHAN, "14659095951490".to_owned(), no_word),
        (CLUSTER_ACCOUNTS, FORCE_ORPHAN, "unresolved".to_owned(), no_effect),
        (CLUSTER_ACCOUNTS, FORCE_ORPHAN, String::new(), no_word),
        (CLUSTER_ACCOUNTS, FORCE_ORPHAN, "+14155550123".to_owned(), no_word),
        (CLUSTER_ACCOUNTS, ACKNOWLEDGE, "d-7f3a9".to_owned(), Quiet),
        (CLUSTER_ACCOUNTS, ACKNOWLEDGE, "YES".to_owned(), no_token),
        (ENDPOINTS, "example.com/force-orphan", "../1".to_owned(), Quiet),
    ];
    for (resource, key, value, expect) in rows {
        let row = format!("{resource}, {key}: {value:?}");
        let annotations = json!({ key: value });
        let made = manifest(resource, json!({"generateName": "made-", "annotations": annotations}));
        let answer = bench.send(&bench.admin, resource, "?dryRun=All", (Method::POST, JSON, made)).await;
        check(&format!("{row}, created"), &answer, expect);
        let patch = (Method::PATCH, MERGE, json!({"metadata": {"annotations": annotations}}));
        check(&format!("{row}, patched"), &bench.send(&bench.admin, resource, "/desk?dryRun=All", patch).await, expect);
    }
}

#[tokio::test]
async fn an_annotation_that_is_there_already_hinders_nothing_and_is_told_once() {
    let bench = Bench::new().await;
    let operator = support::control_plane().operator_client().await;
    let annotated = |key: &str, value: Value| json!({"metadata": {"annotations": {key: value}}});
    let label = |value: &str| json!({"metadata": {"labels": {"team": value}}});
    for (resource, key, malformed, denied) in [
        (ACCOUNTS, ACKNOWLEDGE, "NO TOKEN", Denies("acknowledge-brake is no token")),
        (CLUSTER_ACCOUNTS, ACKNOWLEDGE, "NO TOKEN", Denies("acknowledge-brake is no token")),
        (ENDPOINTS, FORCE_ORPHAN, "no id", Denies("force-orphan is no id")),
        (BINDINGS, FORCE_ORPHAN, "no number", Denies("force-orphan is no number")),
    ] {
        bench.stored(resource, "desk", json!({})).await;
        // As it was before there was a policy: none looks at what the operator writes.
        let write = (Method::PATCH, MERGE, annotated(key, json!(malformed)));
        check("from before", &bench.send(&operator, resource, "/desk", write).await, Quiet);
        let rows = [
            ("a label beside it", label("one"), Quiet),
            ("the same again", annotated(key, json!(malformed)), Quiet),
            ("as bad", annotated(key, json!("also bad")), denied),
            ("removed", annotated(key, Value::Null), Quiet),
        ];
        for (row, patch, expect) in rows {
            check(&format!("{key}, {row}"), &bench.patch(resource, "desk", patch).await, expect);
        }
    }
    check("set", &bench.patch(ENDPOINTS, "desk", annotated(FORCE_ORPHAN, json!("1"))).await, Warns("has no effect until"));
    check("a label beside it", &bench.patch(ENDPOINTS, "desk", label("two")).await, Quiet);
    check("another id", &bench.patch(ENDPOINTS, "desk", annotated(FORCE_ORPHAN, json!("2"))).await, Warns("has no effect until"));
    check("removed", &bench.patch(ENDPOINTS, "desk", annotated(FORCE_ORPHAN, Value::Null)).await, Quiet);
}
