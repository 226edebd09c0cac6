//! What stands in a page: blocks of code, the commands in them, and those in the middle of a sentence.

/// Programs whose names begin a command, in a block that does not say what it is.
const PROGRAMS: [&str; 12] =
    ["argocd", "cargo", "curl", "docker", "flux", "git", "helm", "kubectl", "make", "promtool", "sandbox", "switchboard"];

/// Programs whose commands stand in sentences, to be typed from there; so do the scripts of `tools/`. Of the others sentences mostly say
/// what a command is called.
const IN_SENTENCES: [&str; 5] = ["cargo", "ctr", "docker", "make", "skopeo"];

/// A block of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What stands behind the three backticks.
    pub info: String,
    /// Its text, without the indentation of a list.
    pub text: String,
    /// The heading that it stands below.
    pub heading: String,
}

/// The blocks of a page.
pub fn blocks(page: &str) -> Vec<Block> {
    let (mut found, mut heading) = (Vec::new(), String::new());
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        if let Some(info) = line.trim_start().strip_prefix("```") {
            let inside = lines.by_ref().take_while(|line| line.trim() != "```");
            let text: Vec<&str> = inside.map(|line| line.get(indent..).unwrap_or_default()).collect();
            found.push(Block { info: info.trim().to_owned(), text: text.join("\n") + "\n", heading: heading.clone() });
        } else if line.starts_with('#') {
            heading = line.trim_start_matches('#').trim().to_owned();
        }
    }
    found
}

/// The commands of a block, as they are typed, each on a line.
pub fn commands(block: &Block) -> Vec<String> {
    let text = block.text.replace("\\\n", " ");
    let typed = || text.lines().filter_map(|line| line.trim().strip_prefix("$ ")).map(bare).collect::<Vec<_>>();
    match block.info.split(' ').next().unwrap_or_default() {
        "sh" | "bash" | "shell" => {
            text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned).collect()
        }
        "console" => typed(),
        // What was printed, with what was typed between.
        "" if !typed().is_empty() => typed(),
        "" => text.lines().filter(|line| begins_like_one(line)).map(bare).collect(),
        _ => Vec::new(),
    }
}

/// The commands in the sentences of a page: a program of those above or a script, and at least one argument.
pub fn in_sentences(page: &str) -> Vec<String> {
    let mut inside = false;
    let prose = page.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    });
    let prose = prose.collect::<Vec<_>>().join("\n");
    // Code may go on in the next line, but not in the next paragraph.
    let code = prose.split("\n\n").flat_map(|paragraph| paragraph.split('`').skip(1).step_by(2));
    let words = code.map(|code| code.split_whitespace().collect::<Vec<_>>());
    let commands = words.filter(|words| words.len() > 1 && (IN_SENTENCES.contains(&words[0]) || words[0].starts_with("tools/")));
    commands.map(|words| words.join(" ")).collect()
}

fn begins_like_one(line: &str) -> bool {
    if line.starts_with(' ') {
        return false;
    }
    let words = line.split_whitespace().skip_while(|word| *word == "!" || word.contains('='));
    let first = words.map(|word| word.rsplit('/').next().unwrap_or(word)).next().unwrap_or_default();
    PROGRAMS.contains(&first)
}

/// Without the remark behind it.
fn bare(line: &str) -> String {
    line.split_once("  ").map_or(line, |(command, _)| command).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_in_sentences() {
        let page = "Type `make\nit so`, or `tools/x.sh A`; not `make`, `made up` or `helm x`.\n```sh\n`make no`\n```\n| `cargo a b` |\n\nOne ` too many.\n\n`ctr x`\n";
        assert_eq!(in_sentences(page), ["make it so", "tools/x.sh A", "cargo a b", "ctr x"]);
    }

    #[test]
    fn commands_are_found_in_blocks_of_every_kind() {
        let page = "# One\n```sh\na b\n# no\n\nlong \\\n  line\n```\n- x\n  ```console\n  $ kubectl get x\n  NAME\n  ```\n## Two\n```\nkubectl get pods     shows\nA=b ! switchboard x\nNAME READY\n   make it so\nmakeshift\n. env\n```\n```\n  $ make demo   # all\nmake no\n```\n```yaml\nkubectl: no\n```\n";
        let found: Vec<(String, Vec<String>)> = blocks(page).iter().map(|block| (block.heading.clone(), commands(block))).collect();
        let expected = [
            ("One", vec!["a b", "long    line"]),
            ("One", vec!["kubectl get x"]),
            ("Two", vec!["kubectl get pods", "A=b ! switchboard x"]),
            ("Two", vec!["make demo"]),
            ("Two", vec![]),
        ];
        let expected =
            expected.map(|(heading, commands)| (heading.to_owned(), commands.into_iter().map(str::to_owned).collect::<Vec<_>>()));
        assert_eq!(found, expected);
    }
}
