//! Somebody who asks for plans with few rights, and what becomes of them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Event, Namespace, Secret, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use kube::api::{Api, ListParams, ObjectMeta, PostParams};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt};
use sandbox::admin_client::AdminClient;
use sandbox::control_plane::ControlPlane;
use sandbox::plivo;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use switchboard::api::{PhoneNumberBinding, ProviderAccount, SipEndpoint};
use switchboard::core::mark::{Installation, Mark, Place};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::world::World;

/// Passwords that no plan shows.
pub const PASSWORD: &str = "canary-7f3a19";
pub const ROTATED: &str = "canary-0b6e52";
/// What stands in golden files for the mark of any object.
const MARK: &str = "4cpuqv38ww92g";

/// Who asks, with which rights: group, resources, verbs.
type Rules<'a> = &'a [(&'a str, &'a [&'a str], &'a [&'a str])];

pub struct Planner {
    kubeconfig: PathBuf,
    /// The administrator's, for what is really done.
    own: PathBuf,
    kubectl: PathBuf,
    world: World,
    /// The other provider's, where that is what the test is about.
    pub admin: Option<AdminClient>,
    user: String,
    /// What is called otherwise in golden files.
    names: Vec<(String, String)>,
    /// What the last plan has promised: to create, to update, to delete.
    promised: [usize; 3],
}

/// Where a golden file is.
pub fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/plan").join(format!("{name}.txt"))
}

pub fn secret(name: &str, password: &str) -> String {
    format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {{password: {password}}}\n")
}

pub fn account(name: &str, secret: &str) -> String {
    format!(
        "apiVersion: switchboard.dev/v1alpha1\nkind: ProviderAccount\nmetadata: {{name: {name}}}\nspec:\n  plivo: {{credentialsSecretRef: {{name: {secret}}}}}\n"
    )
}

pub fn endpoint(name: &str, plivo: &str, spec: &str) -> String {
    let spec = if spec.is_empty() { String::new() } else { format!("  {spec}\n") };
    format!(
        "apiVersion: switchboard.dev/v1alpha1\nkind: SipEndpoint\nmetadata: {{name: {name}}}\nspec:\n  accountRef: {{name: plivo}}\n  plivo: {{{plivo}}}\n{spec}"
    )
}

pub fn peer(name: &str, ip: &str) -> String {
    format!(
        "apiVersion: switchboard.dev/v1alpha1\nkind: SipEndpoint\nmetadata: {{name: {name}}}\nspec:\n  accountRef: {{name: carrierx}}\n  carrierx: {{type: third_party, addresses: [{{ip: {ip}}}]}}\n"
    )
}

pub fn number(name: &str, number: &str, target: &str) -> String {
    format!(
        "apiVersion: switchboard.dev/v1alpha1\nkind: PhoneNumberBinding\nmetadata: {{name: {name}}}\nspec:\n  accountRef: {{name: plivo}}\n  number: \"+{number}\"\n  target: {{{target}}}\n"
    )
}

pub fn manifests(all: &[&str]) -> String {
    all.join("---\n")
}

/// Everything that could show a write, by kind and name: its version.
type Versions = BTreeMap<String, String>;

impl Planner {
    /// With all the rights that a plan needs, and no others.
    pub async fn new(plane: &ControlPlane, world: &World) -> Planner {
        let kinds = &["sipendpoints", "phonenumberbindings", "provideraccounts", "clusterprovideraccounts"];
        let rules: Rules<'_> = &[("switchboard.dev", kinds, &["get", "list", "create", "patch"]), ("", &["secrets"], &["get"])];
        Planner::with(plane, world, rules).await
    }

    /// With these rights, and with that to the namespace that the installation id is derived from.
    pub async fn with(plane: &ControlPlane, world: &World, rules: Rules<'_>) -> Planner {
        Planner::granted(plane, world, rules, true).await
    }

    /// With these rights in the world's namespace alone.
    pub async fn within(plane: &ControlPlane, world: &World, rules: Rules<'_>) -> Planner {
        Planner::granted(plane, world, rules, false).await
    }

    async fn granted(plane: &ControlPlane, world: &World, rules: Rules<'_>, everywhere: bool) -> Planner {
        let rule =
            |(group, resources, verbs): &(&str, &[&str], &[&str])| json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
        let mut all: Vec<Value> = rules.iter().map(rule).collect();
        let client = world.client.clone();
        let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &world.namespace);
        let metadata = ObjectMeta { generate_name: Some("planner-".into()), ..ObjectMeta::default() };
        let account = accounts.create(&PostParams::default(), &ServiceAccount { metadata, ..ServiceAccount::default() }).await;
        let account = account.expect("a ServiceAccount").name_any();
        let name = format!("{}-{account}", world.namespace);
        let binding = |role: &str| {
            json!({
                "metadata": {"name": name},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role, "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": world.namespace}],
            })
        };
        if everywhere {
            all.push(json!({"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["kube-system"], "verbs": ["get"]}));
            let role: ClusterRole = serde_json::from_value(json!({"metadata": {"name": name}, "rules": all})).expect("a role");
            Api::all(client.clone()).create(&PostParams::default(), &role).await.expect("a role");
            let binding: ClusterRoleBinding = serde_json::from_value(binding("ClusterRole")).expect("a binding");
            Api::all(client.clone()).create(&PostParams::default(), &binding).await.expect("a binding");
        } else {
            let role: Role = serde_json::from_value(json!({"metadata": {"name": name}, "rules": all})).expect("a role");
            Api::namespaced(client.clone(), &world.namespace).create(&PostParams::default(), &role).await.expect("a role");
            let binding: RoleBinding = serde_json::from_value(binding("Role")).expect("a binding");
            Api::namespaced(client.clone(), &world.namespace).create(&PostParams::default(), &binding).await.expect("a binding");
        }
        let request = TokenRequest {
            spec: Some(TokenRequestSpec { expiration_seconds: Some(7200), ..TokenRequestSpec::default() }),
            ..TokenRequest::default()
        };
        let token = accounts.create_token_request(&account, &PostParams::default(), &request).await.expect("a token");
        let token = token.status.expect("a token").token;
        let own = std::fs::read_to_string(plane.kubeconfig()).expect("a kubeconfig");
        let mut config: Value = serde_saphyr::from_str(&own).expect("a kubeconfig");
        config["users"][0]["user"] = json!({ "token": token });
        let kubeconfig = plane.write(&format!("{name}.kubeconfig"), &config.to_string()).expect("a kubeconfig");
        let kube_system: Namespace = Api::all(client.clone()).get("kube-system").await.expect("a namespace");
        let installation = Installation::new(&kube_system.uid().expect("a uid"));
        let mut names = vec![(plivo::DEFAULT_AUTH_ID.to_owned(), "MA4711".to_owned())];
        for (place, object) in [(Place::Username, "alice"), (Place::Username, "bob"), (Place::Username, "carol"), (Place::Name, "pbx")] {
            let mark = Mark::new(place, &installation, &world.namespace, object, object);
            let dot = if place == Place::Name { "." } else { "" };
            names.push((mark.as_str().to_owned(), format!("{object}{dot}{MARK}")));
        }
        names.push((world.namespace.clone(), "voice".to_owned()));
        Planner {
            kubeconfig,
            own: plane.kubeconfig().to_owned(),
            kubectl: plane.kubectl().to_owned(),
            world: world.beside_itself(),
            admin: None,
            user: format!("system:serviceaccount:{}:{account}", world.namespace),
            names,
            promised: [0; 3],
        }
    }

    /// In golden files this is called so.
    pub fn called(&mut self, found: &str, named: &str) {
        // What contains another name is replaced first.
        self.names.insert(0, (found.to_owned(), named.to_owned()));
    }

    fn readable(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, (found, named)| text.replace(found, named))
    }

    /// Asks for a plan; the exit code and all that is said, which holds no password and no token.
    pub async fn run(&self, arguments: &[&str], manifests: &str) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
        command.arg("plan").args(["--plivo-url", self.world.simulator.url()]).args(arguments);
        command.args(["--carrierx-url", self.world.carrierx().await.url()]);
        if !arguments.contains(&"-n") {
            command.args(["-n", &self.world.namespace]);
        }
        command.env("KUBECONFIG", &self.kubeconfig).env_remove("SWITCHBOARD_INSTALLATION_ID");
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn().expect("the program");
        child.stdin.take().expect("piped").write_all(manifests.as_bytes()).await.expect("it reads");
        let output = tokio::time::timeout(crate::world::PATIENCE, child.wait_with_output()).await.expect("a plan in time").expect("a plan");
        let said = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        for canary in [PASSWORD, ROTATED, "hunter22", plivo::DEFAULT_AUTH_TOKEN, sandbox::carrierx::DEFAULT_TOKEN] {
            assert!(!said.contains(canary), "{canary} is shown: {said}");
        }
        (output.status.code().expect("an exit code"), said)
    }

    /// Asks for a plan, which says what stands in the golden file, ends with this code, and changes nothing anywhere.
    pub async fn plan(&mut self, name: &str, arguments: &[&str], manifests: &str, code: i32) {
        let before = (self.effects().await.len(), self.versions().await);
        let (found, said) = self.run(arguments, manifests).await;
        let after = (self.effects().await.len(), self.versions().await);
        assert_eq!(before, after, "{name}: something was written");
        let readable = self.readable(&said);
        let path = golden(name);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &readable).expect("a golden file");
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!((found, readable.as_str()), (code, expected.as_str()), "{name}; UPDATE_GOLDEN=1 writes tests/fixtures/plan\n{readable}");
        let count = |what: &str| {
            let (head, _) = said.rsplit_once(what)?;
            head.rsplit([' ', ':']).next()?.parse().ok()
        };
        self.promised = [" to create", " to update", " to delete"].map(|what| count(what).unwrap_or(0));
    }

    /// What the API of the provider has done, in order.
    async fn effects(&self) -> Vec<String> {
        let admin = self.admin.as_ref().unwrap_or(&self.world.admin);
        let ledger = admin.ledger().await.expect("the ledger");
        ledger.into_iter().filter(|entry| entry.actor == "api").map(|entry| entry.op).collect()
    }

    async fn versions(&self) -> Versions {
        let mut all = Versions::new();
        let (client, namespace) = (&self.world.client, &self.world.namespace);
        list::<SipEndpoint>(client, namespace, &mut all).await;
        list::<PhoneNumberBinding>(client, namespace, &mut all).await;
        list::<ProviderAccount>(client, namespace, &mut all).await;
        list::<Secret>(client, namespace, &mut all).await;
        list::<Event>(client, namespace, &mut all).await;
        all
    }

    /// As somebody who may.
    pub async fn apply(&self, manifests: &str) {
        let mut command = Command::new(&self.kubectl);
        command.args(["-n", &self.world.namespace, "apply", "-f", "-"]).env("KUBECONFIG", &self.own);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("kubectl");
        child.stdin.take().expect("piped").write_all(manifests.as_bytes()).await.expect("it reads");
        assert!(child.wait().await.expect("an answer").success(), "kubectl apply");
    }

    /// Applies the manifests, lets an operator do its work, and sees that it was what the last plan has said: nothing more, nothing less.
    pub async fn happens(&self, endpoints: &[&str], bindings: &[&str], manifests: &str) {
        let before = self.effects().await.len();
        self.apply(manifests).await;
        let operator = self.world.operator().await;
        // What drifted is seen with the first listing; until then the status is what it was.
        crate::world::eventually("it happens", async || (self.count(before).await == self.promised).then_some(())).await;
        for name in endpoints {
            self.world
                .until(name, "settled", |object| {
                    ["Available", "Drifted"].contains(&crate::world::reason(object)) && crate::world::observed(object)
                })
                .await;
        }
        for name in bindings {
            self.world.bound(name).await;
        }
        operator.terminate().await;
        assert_eq!(self.count(before).await, self.promised, "{:?}", self.effects().await);
    }

    /// Lets an operator work until these are gone.
    pub async fn goes(&self, endpoints: &[&str], bindings: &[&str]) {
        let before = self.effects().await.len();
        let operator = self.world.operator().await;
        for name in bindings {
            self.world.binding_gone(name).await;
        }
        for name in endpoints {
            self.world.gone(name).await;
        }
        operator.terminate().await;
        assert_eq!(self.count(before).await, self.promised, "{:?}", self.effects().await);
    }

    /// What was created, updated and deleted since. A group is made and deleted with its trunk, in one request.
    async fn count(&self, since: usize) -> [usize; 3] {
        let effects: Vec<String> = self.effects().await.into_iter().skip(since).filter(|op| !op.ends_with("_trunk")).collect();
        ["create_", "update_", "delete_"].map(|verb| effects.iter().filter(|op| op.starts_with(verb)).count())
    }

    /// Of all that it has asked the API server for, nothing was a write.
    pub async fn wrote_nothing(&self, plane: &ControlPlane) {
        let events = plane.audit_events(&self.user).await.expect("the audit log");
        let asked = events.iter().filter(|event| dry(&event.uri)).count();
        assert!(asked > 0 && events.len() > asked, "it has asked, and for dry runs too");
        for event in events {
            let read = ["get", "list"].contains(&event.verb.as_str());
            assert!(read || dry(&event.uri), "{} {}", event.verb, event.uri);
        }
    }
}

/// As the API server reads the query, and not as it looks.
fn dry(uri: &str) -> bool {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|pair| pair == "dryRun=All")
}

async fn list<K>(client: &Client, namespace: &str, all: &mut Versions)
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + std::fmt::Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    for object in api.list(&ListParams::default()).await.expect("a list") {
        all.insert(format!("{} {}", K::kind(&()), object.name_any()), object.resource_version().unwrap_or_default());
    }
}
