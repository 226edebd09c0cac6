//! The Dockerfile, which nothing here can build, against what it has to agree with. The image itself is tested by `make e2e`.

use std::fs;
use std::path::Path;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands behind this, on the first line that has it.
fn after<'a>(text: &'a str, start: &str) -> &'a str {
    text.lines().find_map(|line| line.trim_start().strip_prefix(start)).unwrap_or_else(|| panic!("no {start} in: {text}")).trim()
}

#[test]
fn the_dockerfile_has_the_pinned_toolchain_and_the_user_the_name_and_the_files_of_the_image_that_is_tested() {
    let docker = read("Dockerfile");
    let channel = after(&read("rust-toolchain.toml"), "channel = ").replace('"', "");
    assert!(after(&docker, "ARG RUST=").starts_with(&format!("rust:{channel}-")), "{channel}");
    let values = read("deploy/chart/values.yaml");
    let user = after(&values, "runAsUser: ");
    assert_eq!(after(&docker, "USER "), format!("{user}:{user}"));
    assert!(read("tools/image/pack.sh").contains(&format!(r#"User: "{user}:{user}""#)));
    assert!(docker.contains(&format!("{}:{} .`", after(&values, "repository: "), env!("CARGO_PKG_VERSION"))));

    // The files of tools/image.sh, each as SOURCE=DESTINATION.
    let script = read("tools/image.sh");
    let files = script.lines().last().unwrap_or_default().split_whitespace();
    let files: Vec<String> = files.filter_map(|file| file.trim_matches('"').split_once('=')).map(|(_, to)| to.to_owned()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for file in &files {
        assert!(docker.lines().any(|line| line.starts_with("COPY ") && line.ends_with(&format!(" {file}"))), "{file}");
    }
    assert_eq!(docker.lines().filter(|line| line.starts_with("COPY ")).count(), files.len() + 1, "and the source");
    assert_eq!(after(&docker, "ENTRYPOINT "), format!("[{:?}]", files[0]));
}

#[test]
fn the_context_of_the_dockerfile_has_every_member_of_the_workspace_and_what_builds_it() {
    let ignore = read(".dockerignore");
    let kept: Vec<&str> = ignore.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let manifest = read("Cargo.toml");
    let members: Vec<&str> = after(&manifest, "members = ").split('"').skip(1).step_by(2).collect();
    assert!(members.len() >= 2, "{members:?}");
    for member in members {
        for path in [format!("{member}/Cargo.toml"), format!("{member}/src")] {
            assert!(kept.contains(&path.as_str()), "{path}");
        }
    }
    for path in ["Cargo.toml", "Cargo.lock", "src", "tools/image"] {
        assert!(kept.contains(&path), "{path}");
    }
}
