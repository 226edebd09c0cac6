//! The walls of the house: which room of `src/` may use which, read from the paths in the code. Comments, texts and tests do not
//! count.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms in the order in which data flows; each may use itself and those before it.
const ROOMS: [&str; 6] = ["api", "core", "provider", "account", "controller", "cli"];

/// Modules beside the rooms, which use none of them, and the first room that may use each.
const BESIDE: [(&str, &str); 4] =
    [("failpoint", "account"), ("metrics", "controller"), ("server", "controller"), ("telemetry", "provider")];

/// But for this: labels are words of closed sets, and the sets are there.
const LABELS: (&str, [&str; 2]) = ("metrics", ["api", "core"]);

/// What a room knows nothing of, whatever its crates may offer.
const UNKNOWN: [(&str, &[&str]); 5] = [
    (
        "api",
        &["tokio", "reqwest", "hyper", "http", "axum", "tower", "kube_runtime", "kube_client", "rand", "futures", "Instant", "SystemTime"],
    ),
    (
        "core",
        &[
            "kube",
            "kube_runtime",
            "kube_client",
            "kube_core",
            "tokio",
            "futures",
            "reqwest",
            "hyper",
            "http",
            "axum",
            "tower",
            "rand",
            "uuid",
            "tracing",
            "async",
            "await",
            "Instant",
            "SystemTime",
            "env",
            "thread",
            "process",
            "net",
            "Mutex",
            "RwLock",
        ],
    ),
    ("provider", &["kube", "kube_runtime", "kube_client", "kube_core", "k8s_openapi"]),
    ("account", &["kube", "kube_runtime", "kube_client", "kube_core", "k8s_openapi", "reqwest"]),
    ("controller", &["reqwest"]),
];

/// Words that name a provider; decisions and the shell around Kubernetes are the same for all of them.
const PROVIDERS: [&str; 2] = ["Plivo", "CarrierX"];

/// Longest file, in lines, tests not counted: a file that outgrows it has found a second subject.
const LONGEST: usize = 450;

struct Source {
    /// As seen from the checkout.
    path: String,
    /// The modules that it lies in, the outermost first; empty for `lib.rs` and `main.rs`.
    modules: Vec<String>,
    /// Without comments, texts and the tests at its end.
    code: String,
    /// How many lines it has before the tests at its end.
    lines: usize,
}

impl Source {
    fn room(&self) -> Option<&str> {
        self.modules.first().map(String::as_str)
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    collect(&root.join("src"), &mut files);
    let sources: Vec<Source> = files.iter().map(|file| source(root, file)).collect();
    for room in ROOMS {
        assert!(
            sources.iter().any(|source| source.room() == Some(room)),
            "there is no room src/{room}: this test looks at the wrong place"
        );
    }
    sources
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.file_stem().is_some_and(|name| name == "tests") {
            continue;
        }
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn source(root: &Path, file: &Path) -> Source {
    let path = file.strip_prefix(root).expect("below the checkout");
    let inside = path.strip_prefix("src").expect("below src").with_extension("");
    let mut modules: Vec<String> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if modules.last().is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str())) {
        modules.pop();
    }
    let text = fs::read_to_string(file).expect("a source file");
    let text = text.split_once("#[cfg(test)]\nmod tests {").map_or(text.as_str(), |(before, _)| before);
    Source { path: path.to_string_lossy().into_owned(), modules, code: code(text), lines: text.lines().count() }
}

/// Rust without comments and without the content of texts and characters.
fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let raw = rest.strip_prefix('r').map(|after| after.trim_start_matches('#')).filter(|after| after.starts_with('"'));
        let before_is_word = code.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let (Some(after), false) = (raw, before_is_word) {
            let hashes = rest.len() - after.len() - 1;
            let end = format!("\"{}", "#".repeat(hashes));
            let start = hashes + 2;
            rest[start..].find(&end).map_or(rest.len(), |at| start + at + end.len())
        } else if next == '"' {
            quoted(rest, '"')
        } else if next == '\'' && (rest[1..].starts_with('\\') || rest.chars().nth(2) == Some('\'')) {
            quoted(rest, '\'')
        } else {
            code.push(next);
            rest = &rest[next.len_utf8()..];
            continue;
        };
        code.push(' ');
        rest = &rest[skipped..];
    }
    code
}

/// The length of a text or character at the beginning, with its quotes.
fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + c.len_utf8(),
            _ => {}
        }
    }
    rest.len()
}

/// The modules at the root of the crate that are named as `crate::…`, groups in braces included.
fn used(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let after = &code[at + "crate::".len()..];
        match after.strip_prefix('{') {
            None => drop(found.insert(first_word(after))),
            Some(group) => {
                let mut depth = 0;
                let mut start = true;
                for (at, c) in group.char_indices() {
                    match c {
                        '}' if depth == 0 => break,
                        '{' => depth += 1,
                        '}' => depth -= 1,
                        ',' if depth == 0 => start = true,
                        c if start && !c.is_whitespace() => {
                            found.insert(first_word(&group[at..]));
                            start = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    found
}

fn first_word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// How many `super::` the longest chain in the code has.
fn steps_up(code: &str) -> usize {
    let compact: String = code.split_whitespace().collect();
    (1..).take_while(|count| compact.contains(&"super::".repeat(*count))).last().unwrap_or(0)
}

fn place(room: &str) -> usize {
    ROOMS.iter().position(|one| *one == room).unwrap_or_else(|| panic!("{room} is no room"))
}

#[test]
fn a_room_uses_only_the_rooms_before_it() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(room) = source.room() else { continue };
        let used = used(&source.code);
        if BESIDE.iter().any(|(beside, _)| *beside == room) {
            let labels = |other: &&String| room == LABELS.0 && LABELS.1.contains(&other.as_str());
            let used = used.iter().filter(|other| !labels(other));
            wrong.extend(used.map(|other| format!("{} uses {other}, but stands beside the rooms", source.path)));
            continue;
        }
        let own = place(room);
        for other in &used {
            let first = BESIDE.iter().find(|(beside, _)| beside == other).map_or(other.as_str(), |(_, first)| first);
            if !ROOMS.contains(&first) || place(first) > own {
                wrong.push(format!("{} uses {other}, which {room} may not", source.path));
            }
        }
        if steps_up(&source.code) >= source.modules.len() {
            wrong.push(format!("{} leaves its room by super::", source.path));
        }
    }
    assert!(wrong.is_empty(), "the order is {}:\n{}", ROOMS.join(" ← "), wrong.join("\n"));
}

#[test]
fn decisions_know_no_clock_and_no_network_and_providers_know_no_kubernetes() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some((_, unknown)) = UNKNOWN.iter().find(|(room, _)| Some(*room) == source.room()) else { continue };
        let found: BTreeSet<&str> = words(&source.code).filter(|word| unknown.contains(word)).collect();
        wrong.extend(found.iter().map(|word| format!("{} says {word}", source.path)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nobody_but_the_providers_own_room_asks_which_provider_it_is() {
    let mut named = Vec::new();
    for source in sources().into_iter().filter(|source| matches!(source.room(), Some("core" | "account" | "controller"))) {
        for provider in PROVIDERS {
            let lower = provider.to_lowercase();
            let paths = [format!("provider::{lower}"), format!("spec.{lower}"), "ProviderKind::".to_owned()];
            if words(&source.code).any(|word| word.starts_with(provider)) || paths.iter().any(|path| source.code.contains(path)) {
                named.push(format!("{} asks about {provider}", source.path));
            }
        }
    }
    assert!(named.is_empty(), "{}", named.join("\n"));
}

/// Every request that the code can make, as its method and path.
fn requests() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut requests = BTreeSet::new();
    for source in sources() {
        let text = fs::read_to_string(root.join(&source.path)).expect("a source file");
        let text: String = text.split_whitespace().collect();
        for (at, call) in text.match_indices("Operation::new(") {
            let arguments = &text[at + call.len()..];
            let Some((method, path)) = arguments.split_once("Method::").and_then(|(_, after)| after.split_once(",[")) else { continue };
            let (path, _) = path.split_once(']').expect("the end of the path");
            requests.insert(format!("{method} {path}"));
        }
        let named = ["PhoneNumber\"", "PhoneNumber/"].iter().any(|path| text.contains(path));
        assert!(!named, "{} names the path on which numbers are offered and rented", source.path);
    }
    requests
}

#[test]
fn no_request_exists_that_rents_adds_or_releases_a_number_or_changes_an_application() {
    let requests = requests();
    assert!(requests.contains(r#"POST "Endpoint""#), "this test does not see the requests: {requests:?}");
    let of = |collection: &str| requests.iter().filter(|request| request.contains(collection)).cloned().collect::<Vec<_>>();
    assert_eq!(of("Number"), [r#"GET "Number""#, r#"GET "Number",number"#, r#"POST "Number",number"#]);
    assert_eq!(of("Application"), [r#"GET "Application""#]);
    assert_eq!(of("dids"), [r#"GET "phonenumber","dids""#, r#"GET "phonenumber","dids",sid"#, r#"PATCH "phonenumber","dids",sid"#]);
    assert!(of("endpoints").iter().all(|request| !request.starts_with("PUT")), "{requests:?}");
    // Nobody else sends anything.
    for source in sources().iter().filter(|source| source.room() == Some("provider")) {
        let sends = source.code.contains("transport.send(");
        let may = ["src/provider/plivo/mod.rs", "src/provider/carrierx/api.rs"].contains(&source.path.as_str());
        assert!(!sends || may, "{} sends by itself", source.path);
    }
}

#[test]
fn no_file_has_a_second_subject() {
    let long = sources().into_iter().filter(|source| source.lines > LONGEST);
    let long: Vec<String> = long.map(|source| format!("{}: {} lines", source.path, source.lines)).collect();
    assert!(long.is_empty(), "at most {LONGEST} lines before the tests:\n{}", long.join("\n"));
}

#[test]
fn the_reader_of_sources_sees_paths_and_nothing_else() {
    let text = r##"
        use crate::{api::{Kind, refs::Key}, core::view, // crate::comment
            account};
        fn f<'a>(x: &'a str) -> char { call("crate::text \" crate::text", r#"crate::raw " crate::raw"#); '"' }
        /* crate::block */ type T = crate::provider::Outcome<super::super::U>;
    "##;
    let code = code(text);
    assert_eq!(used(&code).iter().collect::<Vec<_>>(), ["account", "api", "core", "provider"], "{code}");
    assert_eq!(steps_up(&code), 2);
    assert!(words(&code).any(|word| word == "Outcome") && !words(&code).any(|word| word == "raw" || word == "text"));
}
