//! Accounts whose credentials do not say whose they are: a token at CarrierX.

use std::collections::BTreeMap;

use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use sandbox::admin_client::{AdminClient, RequestEntry};
use sandbox::carrierx::{DEFAULT_TOKEN, OTHER_PARTNER_SID, Options, PARTNER_SID};
use serde_json::json;
use switchboard::api::{ProviderAccount, SipEndpoint};

use super::cases::{all, case};
use super::escrow::escrow_of;
use super::observe::{Told, account_message, account_reason};
use super::world::{World, endpoint_id, eventually, reason};

const WRONG: &str = "no-such-token";
const NEW: &str = "a-newer-token";

#[tokio::test(flavor = "multi_thread")]
async fn accounts_whose_token_does_not_say_whose_it_is_are_asked_about_and_pinned() {
    all(vec![
        case("a token", found_out()),
        case("without whoami", without_whoami()),
        case("a wrong token", wrong()),
        case("a wrong token of many objects", wrong_of_many()),
        case("a token of another account", another()),
        case("CarrierX does not answer", unanswered()),
        case("a scope is missing", scope_missing()),
        case("no scope for numbers, and no numbers", no_numbers()),
        case("two objects for one account", shared()),
        case("the Secret is gone", escrowed()),
    ])
    .await;
}

fn accounts(world: &World) -> Api<ProviderAccount> {
    Api::namespaced(world.client.clone(), &world.namespace)
}

fn identity(account: &ProviderAccount) -> (String, String) {
    let found = account.status.as_ref().and_then(|status| status.account.as_ref()).expect("an account in the status");
    (found.provider.to_string(), found.id.clone())
}

fn gateways(account: &ProviderAccount) -> Vec<(String, Option<i32>, Option<String>)> {
    let gateways = account.status.iter().flat_map(|status| &status.gateways);
    gateways.map(|gateway| (gateway.ip.clone(), gateway.port, gateway.transport.clone())).collect()
}

async fn requests(admin: &AdminClient) -> Vec<RequestEntry> {
    admin.requests().await.expect("the request log")
}

fn is_whoami(request: &RequestEntry) -> bool {
    request.path.ends_with("/oauth/whoami")
}

fn is_page(request: &RequestEntry) -> bool {
    request.method == "GET" && request.path.ends_with("/endpoints") && !request.query.contains("filter")
}

async fn logins(admin: &AdminClient) -> usize {
    requests(admin).await.iter().filter(|request| is_whoami(request)).count()
}

/// Waits until so many more listings have begun.
async fn pages(admin: &AdminClient, more: usize) {
    let count = async || requests(admin).await.iter().filter(|request| is_page(request)).count();
    let before = count().await;
    eventually("more listings", async || (count().await >= before + more).then_some(())).await;
}

fn message(object: &SipEndpoint) -> String {
    let conditions = object.status.as_ref().map_or(&[][..], |status| &status.conditions);
    conditions.iter().find(|condition| condition.type_ == "Ready").map(|condition| condition.message.clone()).unwrap_or_default()
}

async fn found_out() {
    let world = World::new("cx-found").await;
    let admin = world.with_carrierx(Options::default()).await;
    let _operator = Told::start("a token", &world, &[]).await;
    let account = account_reason(&world, "carrierx", "Available").await;
    assert_eq!(identity(&account), ("CarrierX".to_owned(), PARTNER_SID.to_owned()));
    let udp = |ip: &str| (ip.to_owned(), Some(5060), Some("udp".to_owned()));
    let shows = async |wanted: &[(String, Option<i32>, Option<String>)]| {
        let what = format!("gateways {wanted:?}");
        eventually(&what, async || Some(accounts(&world).get("carrierx").await.expect("it")).filter(|one| gateways(one) == wanted)).await
    };
    let settled = shows(&[udp("203.0.113.10"), udp("203.0.113.11")]).await;
    assert_eq!(logins(&admin).await, 1, "asked once");
    assert_eq!(gateways(&account_reason(&world, "plivo", "Available").await), [], "Plivo has none");

    // What does not change is not written again.
    eventually("the sweep has been noted", async || {
        accounts(&world).get("carrierx").await.expect("it").status.and_then(|status| status.last_sweep_time)
    })
    .await;
    let before = accounts(&world).get("carrierx").await.expect("it").resource_version();
    pages(&admin, 3).await;
    let after = accounts(&world).get("carrierx").await.expect("it");
    assert!(after.resource_version() == before, "{settled:#?} became {after:#?}");

    let gateway = world.carrierx_living("endpoints").await;
    let (sid, _) = gateway.iter().find(|(_, one)| one["type"] == "system_gateway").expect("a gateway");
    let moved = json!({"addresses": [{"ip": "198.51.100.1", "port": 5080, "transport": "tcp"}]});
    admin.patch_endpoint(sid, moved).await.expect("another address");
    shows(&[("198.51.100.1".to_owned(), Some(5080), Some("tcp".to_owned()))]).await;
}

async fn without_whoami() {
    let world = World::new("cx-whoami").await;
    let switches = vec![("whoami".to_owned(), "off".to_owned())];
    world.with_carrierx(Options { switches, ..Options::default() }).await;
    let _operator = Told::start("without whoami", &world, &[]).await;
    assert_eq!(identity(&account_reason(&world, "carrierx", "Available").await).1, PARTNER_SID);
}

async fn wrong() {
    let world = World::new("cx-wrong").await;
    let admin = world.carrierx().await.admin();
    world.carrierx_account("carrierx", WRONG, json!({})).await;
    world.carrierx_endpoint("pbx", json!({}), json!({})).await;
    let _operator = Told::start("a wrong token", &world, &[]).await;
    let account = account_reason(&world, "carrierx", "CredentialsRejected").await;
    for words in ["401", "mend the Secret", "endpoints.manage"] {
        assert!(account_message(&account).contains(words), "{words}: {}", account_message(&account));
    }
    assert!(account.status.as_ref().is_some_and(|status| status.account.is_none()), "nobody knows whose it is");
    let told = world.reason("pbx", "AccountNotReady").await;
    assert!(message(&told).contains("401"), "{}", message(&told));
    // Whoever touches the object, or the Secret, does not have it tried again.
    for round in ["one", "two", "three"] {
        let annotated = json!({"metadata": {"annotations": {"touched": round}}});
        accounts(&world).patch("carrierx", &PatchParams::default(), &Patch::Merge(&annotated)).await.expect("a patch");
        world.secrets().patch("carrierx-credentials", &PatchParams::default(), &Patch::Merge(&annotated)).await.expect("a patch");
        world.carrierx_endpoint(round, json!({}), json!({})).await;
        world.reason(round, "AccountNotReady").await;
    }
    let asked = requests(&admin).await;
    assert!(asked.len() == 1 && is_whoami(&asked[0]), "{asked:#?}");

    // Another one is tried at once, and the next one waits for its minute.
    world.carrierx_account("carrierx", "another-wrong-token", json!({})).await;
    eventually("the next token is tried", async || (logins(&admin).await == 2).then_some(())).await;
    world.carrierx_account("carrierx", "a-third-wrong-token", json!({})).await;
    let waiting =
        async || Some(accounts(&world).get("carrierx").await.expect("it")).filter(|one| account_message(one).contains("changed again"));
    eventually("the third one waits", waiting).await;
    assert_eq!(requests(&admin).await.len(), 2);
    assert_eq!(admin.ledger().await.expect("the ledger"), []);
}

async fn wrong_of_many() {
    let world = World::new("cx-many").await;
    let admin = world.carrierx().await.admin();
    let names = ["first", "second", "third", "fourth"];
    for name in names {
        world.carrierx_account(name, WRONG, json!({})).await;
    }
    let operator = Told::start("a wrong token of many objects", &world, &[]).await;
    for name in names {
        account_reason(&world, name, "CredentialsRejected").await;
    }
    assert_eq!(requests(&admin).await.len(), 1, "one failed login for all");
    assert!(!operator.log().contains(WRONG));
    // The right one heals the object that has it, and no other.
    world.carrierx_account("third", DEFAULT_TOKEN, json!({})).await;
    account_reason(&world, "third", "Available").await;
    account_reason(&world, "first", "CredentialsRejected").await;
}

async fn another() {
    let world = World::new("cx-another").await;
    let admin = world.with_carrierx(Options::default()).await;
    let _operator = Told::start("a token of another account", &world, &[]).await;
    world.carrierx_endpoint("pbx", json!({}), json!({})).await;
    let id = endpoint_id(&world.ready("pbx").await);
    admin.set_token(json!({"token": NEW, "partner_sid": OTHER_PARTNER_SID, "keep": true})).await.expect("a token of somebody else");
    let before = logins(&admin).await;
    world.carrierx_account("carrierx", NEW, json!({})).await;
    let account = account_reason(&world, "carrierx", "AccountMismatch").await;
    let said = account_message(&account);
    assert!(said.contains(OTHER_PARTNER_SID) && said.contains(PARTNER_SID), "{said}");
    assert_eq!(identity(&account).1, PARTNER_SID, "it stays pinned");
    world.until("pbx", "AccountNotReady", |object| reason(object) == "AccountNotReady").await;
    let since = requests(&admin).await.len();
    world.patch("pbx", json!({"spec": {"carrierx": {"capacity": 7}}})).await;
    world.reason("pbx", "AccountNotReady").await;
    let touched = json!({"metadata": {"annotations": {"touched": "yes"}}});
    accounts(&world).patch("carrierx", &PatchParams::default(), &Patch::Merge(&touched)).await.expect("a patch");
    world.carrierx_endpoint("late", json!({}), json!({})).await;
    world.reason("late", "AccountNotReady").await;
    assert_eq!(requests(&admin).await[since..], [], "nothing is called in either account");
    assert_eq!(logins(&admin).await, before + 1, "whose it is is asked once");

    world.carrierx_account("carrierx", DEFAULT_TOKEN, json!({})).await;
    assert_eq!(endpoint_id(&world.ready("pbx").await), id);
    account_reason(&world, "carrierx", "Available").await;
    assert_eq!(world.carrierx_living("endpoints").await[&id]["capacity"], 7);
    // A rotated token of the same account is proven anew, and used.
    admin.rotate_token("rotated-token").await.expect("another token");
    world.carrierx_account("carrierx", "rotated-token", json!({})).await;
    account_reason(&world, "carrierx", "Available").await;
    world.patch("pbx", json!({"spec": {"carrierx": {"capacity": 8}}})).await;
    world.ready("pbx").await;
    assert_eq!(world.carrierx_living("endpoints").await[&id]["capacity"], 8);
}

async fn unanswered() {
    let world = World::new("cx-silent").await;
    let admin = world.carrierx().await.admin();
    let down = json!([{"match": {"path": ".*"}, "execute": false, "answer": {"status": 503, "body": "<html>maintenance</html>"}}]);
    admin.set_faults(down).await.expect("a fault");
    world.carrierx_account("carrierx", DEFAULT_TOKEN, json!({})).await;
    world.carrierx_account("other", DEFAULT_TOKEN, json!({})).await;
    let _operator = Told::start("CarrierX does not answer", &world, &[]).await;
    let account = account_reason(&world, "carrierx", "ProviderUnreachable").await;
    assert!(account_message(&account).contains("503"), "{}", account_message(&account));
    account_reason(&world, "other", "ProviderUnreachable").await;
    assert!(requests(&admin).await.iter().all(is_whoami), "nothing but the question whose it is");
    admin.clear_faults().await.expect("no fault");
    account_reason(&world, "carrierx", "Available").await;
    account_reason(&world, "other", "Available").await;
}

async fn scope_missing() {
    let world = World::new("cx-scope").await;
    let scopes = vec!["phonenumber.manage".to_owned()];
    let admin = world.with_carrierx(Options { scopes, ..Options::default() }).await;
    let _operator = Told::start("a scope is missing", &world, &[]).await;
    world.carrierx_endpoint("pbx", json!({}), json!({})).await;
    let account = account_reason(&world, "carrierx", "CredentialsRejected").await;
    // Which call was refused, and what the token needs for what.
    for words in
        ["403", "this call needs endpoints.manage or endpoints.read", "trunk_groups.trunks.manage", "partners.read", "phonenumber.update"]
    {
        assert!(account_message(&account).contains(words), "{words}: {}", account_message(&account));
    }
    let told = world.until("pbx", "AccountNotReady", |object| reason(object) == "AccountNotReady").await;
    assert!(message(&told).contains("endpoints.manage"), "{}", message(&told));
    assert_eq!(admin.ledger().await.expect("the ledger"), []);
    admin
        .set_token(json!({"token": NEW, "scopes": ["endpoints.manage", "trunk_groups.manage", "trunk_groups.trunks.manage"]}))
        .await
        .expect("a token");
    world.carrierx_account("carrierx", NEW, json!({})).await;
    world.ready("pbx").await;
    account_reason(&world, "carrierx", "Available").await;
}

async fn no_numbers() {
    let world = World::new("cx-numbers").await;
    let scopes = vec!["endpoints.manage".to_owned(), "trunk_groups.manage".to_owned(), "trunk_groups.trunks.manage".to_owned()];
    let admin = world.with_carrierx(Options { scopes, dids: vec!["+15162065574".to_owned()], ..Options::default() }).await;
    let _operator = Told::start("no scope for numbers, and no numbers", &world, &[]).await;
    world.carrierx_endpoint("pbx", json!({}), json!({})).await;
    world.ready("pbx").await;
    pages(&admin, 3).await;
    account_reason(&world, "carrierx", "Available").await;
    world.delete("pbx").await;
    world.gone("pbx").await;
    let asked = requests(&admin).await;
    assert!(
        asked.iter().all(|request| !request.path.contains("phonenumber") && request.status.is_some_and(|status| status < 400)),
        "{asked:#?}"
    );
}

/// No more calls together than the lower of their budgets, and what one listing shows, both know.
async fn shared() {
    let world = World::new("cx-shared").await;
    let admin = world.with_carrierx(Options::default()).await;
    admin.set_token(json!({"token": NEW, "keep": true})).await.expect("a second token");
    world.carrierx_account("second", NEW, json!({"budget": {"requestsPer5Seconds": 5}})).await;
    let _operator = Told::start("two objects for one account", &world, &[]).await;
    for name in ["carrierx", "second"] {
        assert_eq!(identity(&account_reason(&world, name, "Available").await).1, PARTNER_SID);
    }
    let since = requests(&admin).await.last().map_or(0, |request| request.at_ms);
    let names: Vec<String> = (0..6).map(|index| format!("pbx-{index}")).collect();
    for (index, name) in names.iter().enumerate() {
        let account = if index % 2 == 0 { "carrierx" } else { "second" };
        world.carrierx_endpoint(name, json!({}), json!({"accountRef": {"name": account}})).await;
    }
    for name in &names {
        world.ready(name).await;
    }
    pages(&admin, 3).await;
    let at: Vec<u64> = requests(&admin).await.iter().map(|request| request.at_ms).filter(|at| *at > since).collect();
    // Six at most where five seconds as the operator counts them are a little less here.
    let most = at.iter().map(|from| at.iter().filter(|at| (*from..from + 4800).contains(*at)).count()).max().unwrap_or_default();
    assert!((1..=6).contains(&most), "{most} calls within five seconds: {at:?}");
    let gateways = |account: &ProviderAccount| gateways(account).len();
    for name in ["carrierx", "second"] {
        eventually("both know the gateways", async || (gateways(&accounts(&world).get(name).await.expect("it")) == 2).then_some(())).await;
    }
}

async fn escrowed() {
    const CASE: &str = "the Secret is gone";
    let world = World::new("cx-escrow").await;
    let admin = world.with_carrierx(Options::default()).await;
    let operator = Told::start(CASE, &world, &[]).await;
    world.carrierx_endpoint("pbx", json!({}), json!({})).await;
    let id = endpoint_id(&world.ready("pbx").await);
    let uid = accounts(&world).get("carrierx").await.expect("it").uid().expect("a uid");
    let kept = escrow_of(&world, &uid).await.expect("an escrow").data.unwrap_or_default();
    let kept: BTreeMap<String, String> = kept.into_iter().map(|(key, bytes)| (key, String::from_utf8(bytes.0).expect("text"))).collect();
    assert_eq!(kept, BTreeMap::from([("token".to_owned(), DEFAULT_TOKEN.to_owned())]), "the credentials and nothing else");
    operator.kill().await;
    world.secrets().delete("carrierx-credentials", &DeleteParams::default()).await.expect("a Secret to delete");
    let since = requests(&admin).await.len();
    let operator = Told::start(CASE, &world, &[]).await;
    account_reason(&world, "carrierx", "SecretNotFound").await;
    assert_eq!(requests(&admin).await[since..], [], "nothing is due");
    world.delete("pbx").await;
    world.gone("pbx").await;
    assert!(!world.carrierx_living("endpoints").await.contains_key(&id));
    assert!(requests(&admin).await.get(since).is_some_and(is_whoami), "whose it is is asked first");
    accounts(&world).delete("carrierx", &DeleteParams::default()).await.expect("a deletion");
    eventually("the account is gone", async || accounts(&world).get_opt("carrierx").await.expect("an answer").is_none().then_some(()))
        .await;
    assert!(escrow_of(&world, &uid).await.is_none(), "it goes before the account does");
    assert!(!operator.log().contains(DEFAULT_TOKEN));
}
