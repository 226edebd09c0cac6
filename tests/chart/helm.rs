//! The real helm, as `tools/build.sh` builds it, and what it renders.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;
use std::thread;

use serde_json::Value;

/// The namespace of the operator in `deploy/`.
pub const NAMESPACE: &str = "switchboard-system";

/// A file or folder of the checkout.
pub fn checkout(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A file of the checkout.
pub fn read(path: &str) -> String {
    let path = checkout(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The program. Where it is missing it is built, in minutes; where that fails, everything that needs it does.
pub fn program() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let built = Command::new(checkout("tools/build.sh")).arg("helm").stderr(Stdio::inherit()).output().expect("tools/build.sh");
        assert!(built.status.success(), "there is no helm: tools/build.sh helm says why");
        let program = Path::new(String::from_utf8(built.stdout).expect("a path").trim_end()).join("helm");
        assert!(program.is_file(), "{}", program.display());
        program
    });
    &PROGRAM
}

/// Helm with files of its own, and nobody's cluster.
pub fn command() -> Command {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("helm");
    let mut command = Command::new(program());
    for (name, folder) in [("HELM_CACHE_HOME", "cache"), ("HELM_CONFIG_HOME", "config"), ("HELM_DATA_HOME", "data")] {
        command.env(name, home.join(folder));
    }
    command.env("KUBECONFIG", "/dev/null").current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

/// Runs helm with values on its standard input (`--values -` in the arguments).
pub fn run(arguments: &[&str], values: &Value) -> Output {
    let mut command = command();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("helm");
    let mut stdin = child.stdin.take().expect("piped");
    let values = values.to_string();
    // Helm may end without reading.
    let writer = thread::spawn(move || drop(stdin.write_all(values.as_bytes())));
    let output = child.wait_with_output().expect("helm");
    writer.join().expect("no panic");
    output
}

/// What the chart is with these values, for a release in a namespace; or what helm says against it.
pub fn render_in(namespace: &str, values: &Value) -> Result<Vec<Value>, String> {
    let output = run(&["template", "switchboard", "deploy/chart", "--namespace", namespace, "--values", "-"], values);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(objects(&String::from_utf8(output.stdout).expect("text")))
}

/// The same in the usual namespace, where it has to succeed.
pub fn render(values: &Value) -> Vec<Value> {
    render_in(NAMESPACE, values).unwrap_or_else(|error| panic!("{values}: {error}"))
}

/// The objects of a YAML stream.
pub fn objects(text: &str) -> Vec<Value> {
    let all = serde_saphyr::from_multiple::<Value>(text).unwrap_or_else(|error| panic!("{error}:\n{text}"));
    all.into_iter().filter(|object| !object.is_null()).collect()
}

/// `Kind namespace/name`, or `Kind name`.
pub fn key(object: &Value) -> String {
    let (kind, metadata) = (text(&object["kind"]), &object["metadata"]);
    match metadata["namespace"].as_str() {
        Some(namespace) => format!("{kind} {namespace}/{}", text(&metadata["name"])),
        None => format!("{kind} {}", text(&metadata["name"])),
    }
}

/// The keys of all of them, each once.
pub fn keys(objects: &[Value]) -> BTreeSet<String> {
    let keys: BTreeSet<String> = objects.iter().map(key).collect();
    assert_eq!(keys.len(), objects.len(), "something is there twice: {:#?}", objects.iter().map(key).collect::<Vec<_>>());
    keys
}

/// The one with this key.
pub fn one<'a>(objects: &'a [Value], wanted: &str) -> &'a Value {
    objects.iter().find(|object| key(object) == wanted).unwrap_or_else(|| panic!("no {wanted} in {:#?}", keys(objects)))
}

/// A string; empty if there is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// The members of a list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The strings of a list.
pub fn texts(value: &Value) -> Vec<&str> {
    list(value).iter().map(text).collect()
}

/// What the chart annotates what holds people's data with, so that neither Helm nor Argo CD nor Flux deletes it.
pub const KEPT: [(&str, &str); 3] = [
    ("helm.sh/resource-policy", "keep"),
    ("argocd.argoproj.io/sync-options", "Prune=false,Delete=false"),
    ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
];

/// How many of these annotations an object has.
pub fn kept(object: &Value) -> usize {
    KEPT.iter().filter(|(name, value)| object["metadata"]["annotations"][*name] == *value).count()
}

/// Without the labels and annotations that the chart gives to everything.
pub fn bare(object: &Value) -> Value {
    let mut object = object.clone();
    let metadata = object["metadata"].as_object_mut().expect("metadata");
    let kept = KEPT.map(|(name, _)| name);
    for (member, ours) in [("labels", &["app.kubernetes.io/", "helm.sh/chart"][..]), ("annotations", &kept)] {
        if let Some(found) = metadata.get_mut(member).and_then(Value::as_object_mut) {
            found.retain(|name, _| !ours.iter().any(|one| name.starts_with(one)));
            if found.is_empty() {
                metadata.remove(member);
            }
        }
    }
    object
}

/// Where two values differ first, and how.
pub fn difference(at: &str, left: &Value, right: &Value) -> Option<String> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) if left.keys().eq(right.keys()) => {
            left.iter().zip(right.values()).find_map(|((name, left), right)| difference(&format!("{at}/{name}"), left, right))
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            left.iter().zip(right).enumerate().find_map(|(index, (left, right))| difference(&format!("{at}/{index}"), left, right))
        }
        _ if left == right => None,
        _ => Some(format!("{at}: {left} is not {right}")),
    }
}
