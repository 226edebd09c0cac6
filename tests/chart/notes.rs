//! The notes after an installation, as text. What their commands do is seen in `tests/cluster/chart/first.rs`.

use serde_json::{Value, json};

use crate::helm::{read, run};

/// The notes of an installation that no cluster was asked about, and the commands in them.
fn notes(values: &Value) -> (String, Vec<String>) {
    let arguments = ["install", "switchboard", "deploy/chart", "--dry-run=client", "--namespace", "switchboard-system", "--values", "-"];
    let output = run(&arguments, values);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).expect("text");
    let (_, notes) = said.split_once("NOTES:\n").expect("notes");
    let commands = notes.lines().filter_map(|line| line.strip_prefix("    ")).map(str::to_owned).collect();
    (notes.to_owned(), commands)
}

#[test]
fn the_notes_ask_to_pin_the_id_and_show_the_next_commands() {
    let (said, commands) = notes(&json!({}));
    assert!(said.contains("PIN THE INSTALLATION ID") && said.contains("`installationId`"), "{said}");
    let begins: Vec<String> =
        commands.iter().map(|command| command.split_whitespace().take(5).collect::<Vec<_>>().join(" ").replace('\'', "")).collect();
    let expected = [
        "kubectl get namespace kube-system -o",
        "kubectl create namespace voice",
        "kubectl -n voice create rolebinding",
        "kubectl -n voice create secret",
        "echo {\"apiVersion\": \"switchboard.dev/v1alpha1\", \"kind\": \"ProviderAccount\",",
        "kubectl -n voice get provideraccounts",
    ];
    assert_eq!(begins, expected, "{said}");
    // That of deploy/rbac.yaml, which conditions show as well.
    assert!(read("deploy/rbac.yaml").contains(&format!("#   {}\n", commands[2])), "{}", commands[2]);

    let pinned = json!({"installationId": "site-a", "namespaces": [{"name": "sales"}, {"name": "voice"}]});
    let (said, commands) = notes(&pinned);
    assert!(said.contains("The installation id is pinned: site-a") && !said.contains("PIN THE"), "{said}");
    assert!(said.contains("`helm uninstall` fails while there are some"), "{said}");
    assert!(!notes(&json!({"uninstall": {"force": true}})).0.contains("`helm uninstall`"));
    assert_eq!(commands.len(), 3, "{said}");
    assert!(commands.iter().all(|command| command.contains("kubectl -n sales ")), "{said}");
    for line in said.lines().filter(|line| !line.starts_with("    ")) {
        assert!(line.len() <= 160, "{line}");
    }
}
