//! `switchboard uninstall-check`: whether objects are left that only the operator can let go. The chart runs it before an uninstall.

use std::collections::BTreeSet;
use std::fmt::{self, Debug};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use kube::api::{Api, ListParams};
use kube::core::NamespaceResourceScope;
use kube::{Client, Resource, ResourceExt};
use serde::de::DeserializeOwned;

use super::shared::{client, namespace, to_its_end};
use crate::api::{ClusterProviderAccount, PhoneNumberBinding, ProviderAccount, SipEndpoint};

/// For everything together: whoever uninstalls waits for it.
const DEADLINE: Duration = Duration::from_secs(30);
/// Objects in one answer of the API server.
const PAGE: u32 = 500;
/// So many are named, of all kinds together.
const NAMED: usize = 10;

/// How to go on without the verdict.
const ALL_THE_SAME: &str = "To uninstall all the same: `helm uninstall --no-hooks`. Objects that are left then wait for an operator with the same \
                            installation id.";

/// Which objects are looked at.
#[derive(Args, Clone, Debug, Default)]
#[command(args_override_self = true)]
pub struct UninstallCheck {
    /// Look into this namespace only (repeatable), as `switchboard run` does. Without it the whole cluster is looked at, with its
    /// ClusterProviderAccounts.
    #[arg(long = "namespace", env = "SWITCHBOARD_NAMESPACE", value_delimiter = ',', value_parser = namespace, value_name = "NAME")]
    pub namespaces: Vec<String>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    Nothing,
    /// Something is left: what, and how it goes.
    Left(String),
    /// Nobody can tell: why.
    Unknown(String),
}

impl Verdict {
    /// 2 is the code of wrong arguments too: either way nothing is known.
    fn code(&self) -> u8 {
        match self {
            Verdict::Nothing => 0,
            Verdict::Left(_) => 1,
            Verdict::Unknown(_) => 2,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Nothing => f.write_str("No object is left that needs the operator."),
            Verdict::Left(what) => write!(f, "{what}\n{ALL_THE_SAME}"),
            Verdict::Unknown(why) => write!(f, "It cannot be told whether objects are left that need the operator: {why}\n{ALL_THE_SAME}"),
        }
    }
}

impl UninstallCheck {
    /// Looks, and says on `out` what there is. Ends within 30 s. The exit code is 0 if nothing is left, 1 if something is, 2 if it cannot
    /// be told.
    pub fn run(&self, out: &mut impl Write) -> ExitCode {
        let mut tell = |verdict: Verdict| {
            // Whoever closed it is served by the exit code.
            let _ = writeln!(out, "{verdict}");
            ExitCode::from(verdict.code())
        };
        match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => to_its_end(runtime, self.verdict(), tell),
            Err(error) => tell(Verdict::Unknown(error.to_string())),
        }
    }

    async fn verdict(&self) -> Verdict {
        match client(None).await {
            Ok(client) => look(&client, &self.namespaces).await,
            Err(error) => Verdict::Unknown(format!("{error:#}")),
        }
    }
}

/// The objects of one kind.
struct Left {
    kind: String,
    plural: String,
    /// `namespace/name`, or the name alone.
    names: Vec<String>,
}

/// Lists every kind, which is the one right that is needed.
async fn look(client: &Client, namespaces: &[String]) -> Verdict {
    let namespaces: BTreeSet<&str> = namespaces.iter().map(String::as_str).collect();
    let listed = async {
        let mut found = vec![
            in_namespaces::<SipEndpoint>(client, &namespaces).await?,
            in_namespaces::<PhoneNumberBinding>(client, &namespaces).await?,
            in_namespaces::<ProviderAccount>(client, &namespaces).await?,
        ];
        if namespaces.is_empty() {
            found.push(list(&[Api::<ClusterProviderAccount>::all(client.clone())]).await?);
        }
        Ok::<_, anyhow::Error>(found)
    };
    match tokio::time::timeout(DEADLINE, listed).await {
        Ok(Ok(found)) => judged(&found, &namespaces),
        Ok(Err(error)) => Verdict::Unknown(format!("{error:#}")),
        Err(_) => Verdict::Unknown(format!("the API server did not answer within {DEADLINE:?}")),
    }
}

async fn in_namespaces<K>(client: &Client, namespaces: &BTreeSet<&str>) -> anyhow::Result<Left>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
{
    let apis: Vec<Api<K>> = match namespaces.is_empty() {
        true => vec![Api::all(client.clone())],
        false => namespaces.iter().map(|namespace| Api::namespaced(client.clone(), namespace)).collect(),
    };
    list(&apis).await
}

/// Page by page, names only. A kind that the API server does not know has no objects.
async fn list<K>(apis: &[Api<K>]) -> anyhow::Result<Left>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let (kind, plural) = (K::kind(&()).into_owned(), K::plural(&()).into_owned());
    let mut names = Vec::new();
    for api in apis {
        let mut params = ListParams::default().limit(PAGE);
        loop {
            let page = match api.list_metadata(&params).await {
                Ok(page) => page,
                Err(kube::Error::Api(status)) if status.code == 404 => break,
                Err(kube::Error::Api(status)) if !status.message.is_empty() => anyhow::bail!("{}", status.message),
                Err(error) => return Err(error).with_context(|| format!("listing {plural}")),
            };
            names.extend(page.items.iter().map(|object| match object.namespace() {
                Some(namespace) => format!("{namespace}/{}", object.name_any()),
                None => object.name_any(),
            }));
            match page.metadata.continue_.filter(|token| !token.is_empty()) {
                Some(token) => params = params.continue_token(&token),
                None => break,
            }
        }
    }
    Ok(Left { kind, plural, names })
}

fn judged(found: &[Left], namespaces: &BTreeSet<&str>) -> Verdict {
    let left: Vec<&Left> = found.iter().filter(|left| !left.names.is_empty()).collect();
    if left.is_empty() {
        return Verdict::Nothing;
    }
    let counts: Vec<String> =
        left.iter().map(|Left { kind, names, .. }| format!("{} {kind}{}", names.len(), if names.len() == 1 { "" } else { "s" })).collect();
    let mut lines = vec![format!("The operator is still needed. Left are {}:", counts.join(", "))];
    let named = left.iter().flat_map(|Left { kind, names, .. }| names.iter().map(move |name| format!("  {kind} {name}")));
    lines.extend(named.take(NAMED));
    let all: usize = left.iter().map(|left| left.names.len()).sum();
    if all > NAMED {
        lines.push(format!("  and {} more", all - NAMED));
    }
    lines.push("Nobody else deletes what they have at the provider, and their finalizers wait for it. Delete them first:".to_owned());
    lines.extend(left.iter().flat_map(|left| commands(left, namespaces)));
    Verdict::Left(lines.join("\n"))
}

/// How all objects of a kind are deleted where we have looked.
fn commands(left: &Left, namespaces: &BTreeSet<&str>) -> Vec<String> {
    let plural = &left.plural;
    if left.kind == ClusterProviderAccount::kind(&()) {
        return vec![format!("  kubectl delete {plural} --all")];
    }
    let holds = |namespace: &str| left.names.iter().any(|name| name.split_once('/').is_some_and(|(of, _)| of == namespace));
    match namespaces.is_empty() {
        true => vec![format!("  kubectl delete {plural} --all --all-namespaces")],
        false => namespaces
            .iter()
            .filter(|namespace| holds(namespace))
            .map(|namespace| format!("  kubectl -n {namespace} delete {plural} --all"))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response, StatusCode};
    use kube::client::Body;
    use serde_json::{Value, json};
    use tower::service_fn;

    use super::*;

    /// An API server that answers so.
    fn server(answer: impl Fn(&str, &str) -> (StatusCode, Value) + Clone + Send + Sync + 'static) -> Client {
        let service = service_fn(move |request: Request<Body>| {
            let (path, query) = (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned());
            let (status, body) = answer(&path, &query);
            let response = Response::builder().status(status).body(Body::from(body.to_string().into_bytes())).expect("a response");
            async move { Ok::<_, Infallible>(response) }
        });
        Client::new(service, "default")
    }

    fn page(names: &[&str], token: &str) -> (StatusCode, Value) {
        let items: Vec<Value> = names
            .iter()
            .map(|name| match name.split_once('/') {
                Some((namespace, name)) => json!({"metadata": {"namespace": namespace, "name": name}}),
                None => json!({"metadata": {"name": name}}),
            })
            .collect();
        let list = json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList", "metadata": {"continue": token}, "items": items,
        });
        (StatusCode::OK, list)
    }

    fn refusal(code: StatusCode, message: &str) -> (StatusCode, Value) {
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": code.as_u16()});
        (code, status)
    }

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[tokio::test]
    async fn every_page_of_every_kind_counts_and_ten_are_named() {
        let client = server(|path, query| match (path.rsplit('/').next().unwrap_or_default(), query.contains("continue=next")) {
            ("sipendpoints", false) => page(&["voice/a", "voice/b", "voice/c", "voice/d", "voice/e", "voice/f"], "next"),
            ("sipendpoints", true) => page(&["voice/g", "voice/h", "sales/i", "sales/j", "sales/k"], ""),
            ("phonenumberbindings", _) => page(&[], ""),
            ("clusterprovideraccounts", _) => page(&["shared"], ""),
            (_, _) => page(&["voice/plivo"], ""),
        });
        let verdict = look(&client, &[]).await;
        let said = verdict.to_string();
        assert_eq!(verdict.code(), 1, "{said}");
        assert!(said.contains("Left are 11 SipEndpoints, 1 ProviderAccount, 1 ClusterProviderAccount:"), "{said}");
        assert!(said.contains("  SipEndpoint sales/j\n  and 3 more\n") && !said.contains("sales/k"), "{said}");
        for command in [
            "  kubectl delete sipendpoints --all --all-namespaces\n",
            "  kubectl delete provideraccounts --all --all-namespaces\n",
            "  kubectl delete clusterprovideraccounts --all\n",
            "helm uninstall --no-hooks",
        ] {
            assert!(said.contains(command), "{command:?} is not in:\n{said}");
        }
        assert!(!said.contains("phonenumberbindings"), "{said}");
        // A value would have to be set by an upgrade, which Helm refuses from here on.
        assert!(!said.contains("uninstall.force"), "{said}");
    }

    #[tokio::test]
    async fn in_single_namespaces_nothing_of_the_cluster_is_asked_for_and_each_is_asked_once() {
        let client = server(|path, _| match path {
            "/apis/switchboard.dev/v1alpha1/namespaces/voice/phonenumberbindings" => page(&["voice/main"], ""),
            _ if path.contains("/namespaces/voice/") || path.contains("/namespaces/sales/") => page(&[], ""),
            other => refusal(StatusCode::FORBIDDEN, other),
        });
        let said = look(&client, &strings(&["voice", "sales", "voice"])).await.to_string();
        assert!(said.contains("Left are 1 PhoneNumberBinding:\n  PhoneNumberBinding voice/main\n"), "{said}");
        assert!(said.contains("  kubectl -n voice delete phonenumberbindings --all\n") && !said.contains("-n sales"), "{said}");
        assert_eq!(look(&client, &strings(&["sales"])).await, Verdict::Nothing);
    }

    #[tokio::test]
    async fn a_kind_that_is_not_defined_has_no_objects() {
        let unknown = server(|_, _| refusal(StatusCode::NOT_FOUND, "the server could not find the requested resource"));
        assert_eq!(look(&unknown, &[]).await, Verdict::Nothing);
        assert_eq!(look(&unknown, &strings(&["voice"])).await, Verdict::Nothing);
        let partly = server(|path, _| match path.ends_with("/provideraccounts") {
            true => page(&["voice/plivo"], ""),
            false => refusal(StatusCode::NOT_FOUND, "404 page not found"),
        });
        assert_eq!(look(&partly, &[]).await.code(), 1);
    }

    #[tokio::test]
    async fn whatever_else_goes_wrong_is_no_all_clear() {
        let rows = [
            (StatusCode::FORBIDDEN, "sipendpoints.switchboard.dev is forbidden"),
            (StatusCode::UNAUTHORIZED, "Unauthorized"),
            (StatusCode::GONE, "the provided continue parameter is too old"),
            (StatusCode::INTERNAL_SERVER_ERROR, "etcdserver: no leader"),
        ];
        for (code, message) in rows {
            let last = server(move |path, _| match path.ends_with("/clusterprovideraccounts") {
                true => refusal(code, message),
                false => page(&[], ""),
            });
            let verdict = look(&last, &[]).await;
            let said = verdict.to_string();
            assert_eq!(verdict.code(), 2, "{said}");
            assert!(said.contains(message) && said.contains("--no-hooks"), "{said}");
        }
        let garbled = server(|_, _| (StatusCode::OK, json!("hello")));
        assert_eq!(look(&garbled, &[]).await.code(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_does_not_answer_is_waited_for_thirty_seconds() {
        let silent = service_fn(|_: Request<Body>| std::future::pending::<Result<Response<Body>, Infallible>>());
        let start = tokio::time::Instant::now();
        let verdict = look(&Client::new(silent, "default"), &[]).await;
        assert_eq!(verdict.code(), 2);
        assert!(verdict.to_string().contains("did not answer within 30s"), "{verdict}");
        assert_eq!(start.elapsed().as_secs(), 30);
    }
}
