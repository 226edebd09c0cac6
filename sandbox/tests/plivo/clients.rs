//! What the official clients really send, request by request (the table of contracts/plivo.md 12). The Python client itself runs in `official.rs`.

use http::Method;
use serde_json::json;

use crate::support::{AUTH_ID, World, reply};

/// A request as one client writes it.
struct Sent {
    client: &'static str,
    method: Method,
    path: String,
    content_type: Option<&'static str>,
    body: Option<&'static str>,
    status: u16,
}

const JSON: Option<&str> = Some("application/json");
const JAVA: Option<&str> = Some("application/json; charset=UTF-8");

fn sent(
    client: &'static str,
    method: Method,
    path: &str,
    content_type: Option<&'static str>,
    body: Option<&'static str>,
    status: u16,
) -> Sent {
    Sent { client, method, path: path.to_owned(), content_type, body, status }
}

async fn send(world: &World, requests: Vec<Sent>) {
    for Sent { client, method, path, content_type, body, status } in requests {
        let mut request = world.request(method.clone(), &path);
        if let Some(kind) = content_type {
            request = request.header("content-type", kind);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let reply = reply(request).await.unwrap();
        assert_eq!(reply.status, status, "{client}: {method} {path} {body:?}: {}", reply.text());
    }
}

#[tokio::test]
async fn endpoints_are_read_and_deleted_as_every_client_does_it() {
    let world = World::new().await;
    // (client, query of GET, Content-Type of GET, body of DELETE, Content-Type of DELETE)
    let clients = [
        ("python", "?endpoint_id=1", JSON, Some("{\"endpoint_id\": \"1\"}"), JSON),
        ("node", "", JSON, Some("{}"), JSON),
        ("go", "", JSON, None, JSON),
        ("java", "", None, None, JAVA),
    ];
    for (client, query, get_type, body, delete_type) in clients {
        let endpoint = world.endpoint("alice").await;
        let path = format!("Endpoint/{endpoint}/");
        let requests = vec![
            sent(client, Method::GET, &format!("{path}{query}"), get_type, None, 200),
            sent(client, Method::GET, "Endpoint/?limit=20&offset=0", get_type, None, 200),
            sent(client, Method::DELETE, &path, delete_type, body, 204),
            sent(client, Method::DELETE, &path, delete_type, body, 404),
        ];
        send(&world, requests).await;
    }
}

#[tokio::test]
async fn numbers_are_updated_and_released_as_every_client_does_it() {
    let world = World::new().await;
    for digit in 1..=4 {
        world.admin.create_number(json!({"number": format!("1555000000{digit}")})).await.unwrap();
    }
    let requests = vec![
        sent("python", Method::POST, "Number/15550000001/", JSON, Some("{\"number\": \"15550000001\", \"alias\": \"a\"}"), 202),
        sent(
            "node",
            Method::POST,
            "Number/15550000002/",
            JSON,
            Some("{\"appId\": \"1\", \"app_id\": null, \"alias\": \"a\", \"foo\": [1]}"),
            202,
        ),
        sent("go", Method::POST, "Number/15550000003/", JSON, Some("{\"alias\": \"a\"}"), 202),
        sent("java", Method::POST, "Number/15550000004/", JAVA, Some("{\"alias\": \"a\", \"app_id\": null, \"subaccount\": null}"), 202),
        sent("python", Method::GET, "Number/?type=local&limit=20", JSON, None, 200),
        sent("node", Method::GET, "Number/?type=local&limit=25", JSON, None, 200),
        sent("go", Method::GET, "Number/?number_type=local&limit=25", JSON, None, 200),
        sent("java", Method::GET, "Number/?number_type=local&limit=25", None, None, 200),
        sent("python", Method::DELETE, "Number/15550000001/", JSON, None, 204),
        sent("node", Method::DELETE, "Number/15550000002/", JSON, Some("\"\""), 204),
        sent("go", Method::DELETE, "Number/15550000003/", JSON, None, 204),
        sent("java", Method::DELETE, "Number/15550000004/", JAVA, None, 204),
    ];
    send(&world, requests).await;
    let updates = world.admin.ledger().await.unwrap().into_iter().filter(|entry| entry.op == "update_number");
    assert!(updates.clone().count() == 4 && updates.into_iter().all(|entry| entry.after["alias"] == "a"));
}

#[tokio::test]
async fn applications_are_deleted_as_every_client_does_it() {
    let bodies = [
        ("python", JSON, Some("{\"app_id\": \"1\", \"cascade\": false}")),
        ("node", JSON, Some("{\"cascade\": \"false\"}")),
        ("go", JSON, Some("{\"cascade\": false}")),
        ("go without arguments", JSON, None),
        ("java", JAVA, Some("{\"cascade\": false, \"id\": \"1\", \"secondary_id\": null}")),
    ];
    for (client, kind, body) in bodies {
        let world = World::new().await;
        let app = world.application(json!({"app_name": "a"})).await;
        let endpoint = world.endpoint("alice").await;
        world.post(&format!("Endpoint/{endpoint}/"), json!({"app_id": app})).await;
        send(&world, vec![sent(client, Method::DELETE, &format!("Application/{app}/"), kind, body, 204)]).await;
        let survives = world.get(&format!("Endpoint/{endpoint}/")).await.status == 200;
        assert_eq!(survives, body.is_some(), "{client}");
    }
}

#[tokio::test]
async fn a_client_that_resends_on_5xx_makes_duplicates() {
    // Official clients send a create up to three times at once when they see a 5xx.
    let world = World::new().await;
    let rule = json!([{"match": {"method": "POST", "path": "/Endpoint/$", "count": 2}, "execute": true, "answer": {"status": 500, "body": {"error": "x"}}}]);
    world.admin.set_faults(rule).await.unwrap();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(world.post("Endpoint/", json!({"username": "alice", "password": "secret1", "alias": "a"})).await.status);
    }
    assert_eq!((statuses, world.ops().await.len()), (vec![500, 500, 201], 3));
    assert_eq!(world.get("Endpoint/").await.json()["meta"]["total_count"], 3);
    assert_eq!(world.admin.requests().await.unwrap()[0].account.as_deref(), Some(AUTH_ID));
}
