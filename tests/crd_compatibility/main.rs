//! The definitions take nothing away from people that the last landed ones gave them, but for what `exceptions.yaml` says and why.

mod rules;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use serde::Deserialize;
use serde_json::{Value, json};

use rules::lost;

/// Something is taken away on purpose.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    found: String,
    date: String,
    reason: String,
}

/// The checkout.
fn checkout() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What git prints; `None` if it fails, as it does without a history.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).current_dir(folder).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned()).filter(|text| !text.is_empty())
}

/// The hash of a commit, if it is in the clone.
fn commit(folder: &Path, named: &str) -> Option<String> {
    git(folder, &["rev-parse", "--verify", "--quiet", &format!("{named}^{{commit}}")])
}

/// The commit that the file `base` names.
fn noted() -> &'static str {
    include_str!("base").lines().find(|line| !line.starts_with('#')).expect("a commit").trim()
}

/// What landed last: what is named by `SWITCHBOARD_CRD_BASE`, else what the history says.
fn base() -> Option<String> {
    let Ok(named) = std::env::var("SWITCHBOARD_CRD_BASE") else { return base_of(checkout(), noted()) };
    assert!(commit(checkout(), &named).is_some(), "SWITCHBOARD_CRD_BASE={named} is no commit");
    Some(named)
}

/// The newest release; else where this branch left the main one; else the commit that is noted; else the commit before this.
fn base_of(folder: &Path, noted: &str) -> Option<String> {
    let git = |arguments: &[&str]| git(folder, arguments);
    let head = git(&["rev-parse", "HEAD"])?;
    let release = || git(&["describe", "--tags", "--abbrev=0", "--match", "v[0-9]*"]);
    let left = ["origin/HEAD", "origin/main", "main"];
    let left = || left.iter().find_map(|branch| git(&["merge-base", "HEAD", branch])).filter(|base| *base != head);
    let noted = || commit(folder, noted);
    release().or_else(left).or_else(noted).or_else(|| commit(folder, "HEAD^1"))
}

fn parsed(text: &str) -> Value {
    serde_saphyr::from_str(text).expect("a definition is YAML")
}

/// The definitions of a commit.
fn landed(commit: &str) -> Vec<Value> {
    let files = git(checkout(), &["ls-tree", "--name-only", commit, "crds/"]).unwrap_or_default();
    let show =
        |file: &str| git(checkout(), &["show", &format!("{commit}:{file}")]).unwrap_or_else(|| panic!("{file} of {commit} cannot be read"));
    files.lines().filter(|file| file.ends_with(".yaml")).map(|file| parsed(&show(file))).collect()
}

/// Those of the checkout.
fn present() -> Vec<Value> {
    let folder = checkout().join("crds");
    let files = std::fs::read_dir(folder).expect("crds/").map(|entry| entry.expect("an entry").path());
    let found: Vec<Value> = files.map(|path| parsed(&std::fs::read_to_string(path).expect("a definition"))).collect();
    assert!(found.len() >= 4, "{}", found.len());
    found
}

fn exceptions() -> Vec<Exception> {
    serde_saphyr::from_str(include_str!("exceptions.yaml")).expect("exceptions.yaml")
}

#[test]
fn the_definitions_take_nothing_away_that_the_last_landed_ones_gave() {
    // Past the harness, which keeps what a test prints when all is well.
    let mut terminal = std::io::stderr();
    let Some(base) = base() else {
        let _ = writeln!(
            terminal,
            "NOT CHECKED: whether crds/ breaks what people have. There is no git history to compare with; set SWITCHBOARD_CRD_BASE"
        );
        return;
    };
    let before = landed(&base);
    assert!(!before.is_empty(), "{base} has no crds/");
    let _ = writeln!(terminal, "crds/ is compared with {base}");
    if commit(checkout(), "HEAD^1").is_some_and(|before| before == base) && commit(checkout(), noted()).is_none() {
        let _ = writeln!(terminal, "which is only the commit before this: {}, which landed last, is not in this clone", noted());
    }
    let excepted = exceptions();
    let lost: Vec<String> =
        lost(&before, &present()).into_iter().filter(|one| !excepted.iter().any(|exception| exception.found == *one)).collect();
    assert!(
        lost.is_empty(),
        "compared with {base}, people lose what they have. Keep it, or give each a dated line with a reason in tests/crd_compatibility/exceptions.yaml:\n{}",
        lost.join("\n")
    );
}

#[test]
fn the_base_is_the_newest_release_else_the_commit_that_is_noted_else_the_one_before() {
    let noted = noted();
    assert!(noted.len() == 40 && noted.chars().all(|one| one.is_ascii_hexdigit()), "a whole hash, not {noted:?}");

    // A history of three commits, without a main branch and without a remote.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("crd-history");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let git = |arguments: &[&str]| git(&folder, arguments);
    git(&["init", "--quiet", "--initial-branch=trunk"]);
    for _ in 0..3 {
        let committer = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"].into_iter();
        git(&committer.chain(["commit", "--quiet", "--allow-empty", "--message=x"]).collect::<Vec<_>>());
    }
    let [first, second] = ["HEAD~2", "HEAD~1"].map(|name| git(&["rev-parse", name]).expect("a commit"));
    assert_eq!(base_of(&folder, &first), Some(first));
    assert_eq!(base_of(&folder, &"0".repeat(40)), Some(second.clone()), "one that is not in the clone");
    git(&["tag", "v0.1.0", &second]);
    assert_eq!(base_of(&folder, noted), Some("v0.1.0".to_owned()));
}

#[test]
fn each_exception_is_dated_and_has_a_reason() {
    for exception in exceptions() {
        let date = exception.date.split('-').map(str::len).collect::<Vec<_>>();
        assert!(date == [4, 2, 2] && exception.date.chars().all(|one| one.is_ascii_digit() || one == '-'), "{exception:?}");
        assert!(exception.reason.len() > 20, "{exception:?}");
    }
}

/// A definition with this schema of its spec.
fn with(spec: Value) -> Value {
    json!({
        "metadata": {"name": "phones.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"kind": "Phone", "plural": "phones", "singular": "phone", "listKind": "PhoneList", "shortNames": ["ph"]},
            "versions": [{
                "name": "v1",
                "served": true,
                "storage": true,
                "subresources": {"status": {}},
                "selectableFields": [{"jsonPath": ".spec.a"}],
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
            }],
        },
    })
}

/// The same with another value at a place.
fn changed(definition: &Value, pointer: &str, value: Value) -> Value {
    let mut definition = definition.clone();
    *definition.pointer_mut(pointer).unwrap_or_else(|| panic!("no {pointer}")) = value;
    definition
}

#[test]
fn what_a_definition_as_a_whole_takes_away_is_found() {
    let old = with(json!({"type": "object"}));
    let rows = [
        ("/spec/scope", json!("Cluster"), "phones.example.com: scope was \"Namespaced\", and is \"Cluster\""),
        ("/spec/group", json!("example.org"), "phones.example.com: group was"),
        ("/spec/names/kind", json!("Fone"), "phones.example.com: kind was"),
        ("/spec/names/shortNames", json!([]), "phones.example.com: shortNames \"ph\" is gone"),
        ("/spec/versions", json!([]), "phones.example.com v1: the version is gone"),
        ("/spec/versions/0/served", json!(false), "phones.example.com v1: it is not served"),
        ("/spec/versions/0/subresources", json!({}), "phones.example.com v1: the subresource status is gone"),
        ("/spec/versions/0/selectableFields", json!([]), "phones.example.com v1: objects cannot be selected by \".spec.a\""),
        ("/metadata/name", json!("other"), "phones.example.com: the definition is gone"),
    ];
    for (pointer, value, expected) in rows {
        let found = lost(std::slice::from_ref(&old), &[changed(&old, pointer, value)]);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{pointer}: {found:?}");
    }
}

#[test]
fn what_a_field_takes_away_is_found_and_what_it_gives_is_not() {
    let nothing: Option<&str> = None;
    let field = |schema: Value| json!({"type": "object", "properties": {"a": schema}});
    let text = || json!({"type": "string"});
    let rows = vec![
        ("the same", field(text()), field(text()), nothing),
        ("a new field", json!({"type": "object"}), field(text()), nothing),
        ("a field is gone", field(text()), json!({"type": "object"}), Some("spec.a: the field is gone")),
        ("but all are kept", field(text()), json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true}), nothing),
        ("another type", field(text()), field(json!({"type": "integer"})), Some("the type was \"string\", and is \"integer\"")),
        ("one more value", field(json!({"type": "string", "enum": ["x"]})), field(json!({"type": "string", "enum": ["x", "y"]})), nothing),
        (
            "one value fewer",
            field(json!({"type": "string", "enum": ["x", "y"]})),
            field(json!({"type": "string", "enum": ["x"]})),
            Some("\"y\" is not taken"),
        ),
        ("any value, then a few", field(text()), field(json!({"type": "string", "enum": ["x"]})), Some("any value was taken")),
        ("a few values, then any", field(json!({"type": "string", "enum": ["x"]})), field(text()), nothing),
        ("longer", field(json!({"type": "string", "maxLength": 5})), field(json!({"type": "string", "maxLength": 6})), nothing),
        (
            "shorter",
            field(json!({"type": "string", "maxLength": 5})),
            field(json!({"type": "string", "maxLength": 4})),
            Some("maxLength was 5, and is 4"),
        ),
        ("bounded", field(text()), field(json!({"type": "string", "minLength": 1})), Some("minLength was null, and is 1")),
        ("lower bound", field(json!({"type": "integer", "minimum": 2})), field(json!({"type": "integer", "minimum": 1})), nothing),
        ("a pattern", field(text()), field(json!({"type": "string", "pattern": "^a"})), Some("pattern was null")),
        ("no pattern", field(json!({"type": "string", "pattern": "^a"})), field(text()), nothing),
        (
            "another pattern",
            field(json!({"type": "string", "pattern": "^a"})),
            field(json!({"type": "string", "pattern": "^ab"})),
            Some("pattern was \"^a\""),
        ),
        ("a format", field(text()), field(json!({"type": "string", "format": "ipv4"})), Some("format was null")),
        (
            "required",
            field(text()),
            json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}),
            Some("a is required now"),
        ),
        (
            "required, with a default",
            field(text()),
            json!({"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "default": "x"}}}),
            nothing,
        ),
        (
            "new and required",
            json!({"type": "object"}),
            json!({"type": "object", "required": ["b"], "properties": {"b": {"type": "string"}}}),
            Some("b is required now"),
        ),
        (
            "another default",
            field(json!({"type": "string", "default": "x"})),
            field(json!({"type": "string", "default": "y"})),
            Some("the default was \"x\""),
        ),
        ("null no more", field(json!({"type": "string", "nullable": true})), field(text()), Some("it could be null")),
        (
            "a rule",
            field(text()),
            field(json!({"type": "string", "x-kubernetes-validations": [{"rule": "self != ''", "message": "m"}]})),
            Some("a rule is new: self != ''"),
        ),
        (
            "another message of a rule",
            field(json!({"type": "string", "x-kubernetes-validations": [{"rule": "self != ''", "message": "m"}]})),
            field(json!({"type": "string", "x-kubernetes-validations": [{"rule": "self != ''", "message": "n"}]})),
            nothing,
        ),
        (
            "in a list",
            field(json!({"type": "array", "items": {"type": "object", "properties": {"b": {"type": "string"}}}})),
            field(json!({"type": "array", "items": {"type": "object"}})),
            Some("spec.a[].b: the field is gone"),
        ),
        (
            "in a map",
            field(json!({"type": "object", "additionalProperties": {"type": "string"}})),
            field(json!({"type": "object", "additionalProperties": {"type": "integer"}})),
            Some("spec.a{}: the type was"),
        ),
        (
            "merged otherwise",
            field(json!({"type": "array", "x-kubernetes-list-type": "atomic"})),
            field(json!({"type": "array", "x-kubernetes-list-type": "set"})),
            Some("it is merged otherwise"),
        ),
        (
            "free no more",
            field(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})),
            field(json!({"type": "object"})),
            Some("it kept every field"),
        ),
        ("another description", field(json!({"type": "string", "description": "x"})), field(text()), nothing),
    ];
    for (sentence, old, new, expected) in rows {
        let found = lost(&[with(old)], &[with(new)]);
        match expected {
            Some(part) => assert!(
                found.len() == 1 && found[0].starts_with("phones.example.com v1 spec") && found[0].contains(part),
                "{sentence}: {found:?}"
            ),
            None => assert!(found.is_empty(), "{sentence}: {found:?}"),
        }
    }
}

#[test]
fn a_change_of_the_real_definitions_is_found_in_each_of_them() {
    let now = present();
    assert_eq!(lost(&now, &now), Vec::<String>::new());
    for definition in &now {
        let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties";
        let fields = definition.pointer(spec).and_then(Value::as_object).expect("fields");
        let name = fields.keys().next().expect("a field");
        let mut without = definition.clone();
        without.pointer_mut(spec).and_then(Value::as_object_mut).expect("fields").remove(name);
        let found = lost(std::slice::from_ref(definition), &[without]);
        assert!(found.iter().any(|one| one.contains(&format!("spec.{name}: the field is gone"))), "{found:?}");
    }
}
