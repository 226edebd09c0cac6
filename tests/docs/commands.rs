//! How the commands of the documentation are run: which page a test runs from top to bottom, which test runs what stands elsewhere, and
//! what no test here can run. A command of a block, or of a sentence (`page::in_sentences`), that is in none of these fails `run.rs`; so does an
//! entry that is about no command.

/// A page whose `sh` blocks a test types from top to bottom.
pub struct Whole {
    /// A folder, if it ends so: each page in it.
    pub page: &'static str,
    /// Where the test is.
    pub file: &'static str,
    /// Its name.
    pub test: &'static str,
}

pub const WHOLE: &[Whole] = &[
    Whole {
        page: "docs/install.md",
        file: "tests/cluster/chart/pages.rs",
        test: "the_commands_of_the_page_on_installation_work_from_top_to_bottom",
    },
    Whole { page: "docs/quick-start.md", file: "tests/cluster/docs.rs", test: "the_quick_start_leads_from_nothing_to_a_registered_phone" },
    Whole { page: "docs/credentials.md", file: "tests/cluster/docs.rs", test: "the_commands_on_credentials_work_from_top_to_bottom" },
    Whole {
        page: "docs/troubleshooting.md",
        file: "tests/cluster/docs.rs",
        test: "the_commands_for_a_cluster_that_is_well_work_and_do_no_harm",
    },
    Whole { page: "docs/security.md", file: "tests/cluster/docs.rs", test: "the_commands_for_a_cluster_that_is_well_work_and_do_no_harm" },
    Whole { page: "docs/import.md", file: "tests/cluster/import.rs", test: "the_commands_of_the_page_on_import_work_from_top_to_bottom" },
    Whole {
        page: "docs/operations.md",
        file: "tests/cluster/chart/pages.rs",
        test: "the_commands_that_change_the_log_level_change_no_pod",
    },
    // Where all is well, with the endpoints alice and erin in the namespace voice: a page that can be typed there is one more row here.
    Whole { page: "docs/runbooks/", file: "tests/cluster/docs.rs", test: "the_commands_for_a_cluster_that_is_well_work_and_do_no_harm" },
];

/// The row about a page, if a test types it.
pub fn whole(page: &str) -> Option<&'static Whole> {
    WHOLE.iter().find(|whole| whole.page == page || whole.page.ends_with('/') && page.starts_with(whole.page))
}

/// What the test of a page does where it cannot type a command as it stands.
pub struct Instead {
    /// Empty: every page.
    pub page: &'static str,
    /// The whole command.
    pub command: &'static str,
    /// What is typed instead; nothing, if it is empty.
    pub typed: &'static str,
    pub why: &'static str,
}

pub const INSTEAD: &[Instead] = &[
    Instead { page: "docs/quick-start.md", command: "make demo", typed: "", why: "tests/demo.rs runs the program that it starts" },
    Instead {
        page: "docs/quick-start.md",
        command: "cargo build --workspace",
        typed: "",
        why: "cargo has built for the tests what the test starts",
    },
    Instead {
        page: "docs/quick-start.md",
        command: "cargo run -p sandbox -- up",
        typed: "",
        why: "it stays: the test has started the program before, in the folder where the page is typed",
    },
    Instead {
        page: "docs/quick-start.md",
        command: "KUBECONFIG=.sandbox/operator.kubeconfig cargo run -- run --settle 6s --sweep-period 2s &",
        typed: "",
        why: "it stays: the test has started the program before, with these arguments and this environment",
    },
    Instead {
        page: "docs/quick-start.md",
        command: "cargo run --quiet -p sandbox -- phone \"$id\"",
        typed: "\"$SANDBOX\" phone \"$id\"",
        why: "cargo has built it for the tests",
    },
    Instead {
        page: "docs/quick-start.md",
        command: "kubectl -n switchboard-system rollout status deployment/switchboard --timeout=120s",
        typed: "",
        why: "nothing runs Pods here: the test starts the operator with the arguments of the Deployment and the token of its ServiceAccount",
    },
    Instead {
        page: "docs/quick-start.md",
        command: "kubectl -n voice wait --for=condition=Registered sipendpoint/erin --timeout=300s",
        typed: "id=$(kubectl -n voice get sipendpoint erin -o jsonpath='{.status.endpoint_id}'); \"$SANDBOX\" phone \"$id\" --at \"$SIMULATOR\"; kubectl -n voice wait --for=condition=Registered sipendpoint/erin --timeout=300s",
        why: "somebody has to set up a phone",
    },
    Instead {
        page: "docs/install.md",
        command: "cargo install --path . --locked",
        typed: "",
        why: "an optimised build takes minutes: the tests run the program that cargo has built for them",
    },
    Instead {
        page: "",
        command: "kubectl -n switchboard-system logs deployment/switchboard --since=10m",
        typed: "",
        why: "nothing runs Pods here, so there are no logs of one",
    },
];

/// The row about a command of a page that is typed as a whole.
pub fn instead(page: &str, command: &str) -> Option<&'static Instead> {
    INSTEAD.iter().find(|one| (one.page.is_empty() || one.page == page) && one.command == command)
}

/// A command that a test runs which is about something else.
pub struct Elsewhere {
    /// The page that it stands in.
    pub page: &'static str,
    /// How it begins.
    pub begins: &'static str,
    /// Where the test is.
    pub file: &'static str,
    /// What stands there.
    pub says: &'static str,
}

pub const ELSEWHERE: &[Elsewhere] = &[
    Elsewhere { page: "README.md", begins: "make demo", file: "tests/demo.rs", says: "the_demo_tells_its_story_to_the_end" },
    Elsewhere { page: "README.md", begins: "make test", file: ".ci/run", says: "make test" },
    Elsewhere { page: "README.md", begins: "make e2e", file: ".ci/run", says: "tools/e2e.sh" },
    Elsewhere { page: "docs/install.md", begins: "make e2e", file: ".ci/run", says: "tools/e2e.sh" },
    // The script that `make image` starts.
    Elsewhere { page: "README.md", begins: "make image", file: "tools/e2e.sh", says: "tools/image.sh --profile e2e" },
    Elsewhere { page: "docs/install.md", begins: "make image", file: "tools/e2e.sh", says: "tools/image.sh --profile e2e" },
    Elsewhere { page: "docs/install.md", begins: "ctr ", file: "tools/e2e/box.sh", says: "ctr -n k8s.io images import" },
    Elsewhere { page: "docs/install.md", begins: "cargo auditable", file: "tools/image/static.sh", says: "cargo auditable build" },
    Elsewhere {
        page: "docs/install.md",
        begins: "tools/image/sbom.py",
        file: "tools/image.sh",
        says: "tools/image/sbom.py \"$binary\" --check",
    },
    // It is a part of what the demo shows, which the test reads.
    Elsewhere {
        page: "README.md",
        begins: "kubectl -n voice apply -f deploy/samples/endpoint-retained.yaml",
        file: "tests/demo.rs",
        says: "the_demo_tells_its_story_to_the_end",
    },
    Elsewhere {
        page: "README.md",
        begins: "kubectl apply --server-side -f crds/ -f deploy/rbac.yaml -f deploy/admission.yaml",
        file: "tests/demo.rs",
        says: "kubectl apply --server-side -f crds/ -f deploy/rbac.yaml -f deploy/admission.yaml",
    },
    Elsewhere {
        page: "README.md",
        begins: "kubectl -n voice delete sipendpoints,phonenumberbindings,provideraccounts --all --wait",
        file: "tests/cluster/role_only.rs",
        says: "kubectl -n voice delete",
    },
    Elsewhere {
        page: "README.md",
        begins: "kubectl delete namespace voice",
        file: "tests/cluster/role_only.rs",
        says: "kubectl delete namespace",
    },
    Elsewhere {
        page: "docs/gitops.md",
        begins: "kubectl -n voice wait --for=condition=Ready",
        file: "tests/cluster/gitops.rs",
        says: "documented(\"wait",
    },
    Elsewhere {
        page: "docs/gitops.md",
        begins: "kubectl -n argocd patch configmap argocd-cm",
        file: "tests/cluster/gitops.rs",
        says: "documented(\"patch configmap\"",
    },
    Elsewhere {
        page: "docs/plan.md",
        begins: "switchboard plan -f voice/",
        file: "tests/cluster/plan.rs",
        says: "what_the_plan_says_is_what_happens_and_to_say_it_nothing_is_written",
    },
    Elsewhere {
        page: "docs/gitops.md",
        begins: "kubectl -n switchboard-system exec deploy/switchboard -- /switchboard uninstall-check",
        file: "tools/e2e/scenarios.sh",
        says: "exec deploy/switchboard -- /switchboard uninstall-check",
    },
    Elsewhere {
        page: "docs/gitops.md",
        begins: "switchboard uninstall-check",
        file: "tests/cluster/uninstall.rs",
        says: "\"uninstall-check\"",
    },
];

/// What no test here can run, and why.
pub struct NotRun {
    pub page: &'static str,
    /// How it begins.
    pub begins: &'static str,
    pub why: &'static str,
}

pub const NOT_RUN: &[NotRun] = &[
    NotRun {
        page: "README.md",
        begins: "cargo run -p sandbox -- demo --keep",
        why: "it stays until Ctrl-C; tests/demo.rs runs the demo to its end",
    },
    NotRun { page: "docs/install.md", begins: "cargo build --release", why: "it takes minutes; make e2e runs what a faster profile makes" },
    NotRun { page: "docs/install.md", begins: "cargo audit bin", why: "it asks a database of the day; sbom.py reads the same list" },
    NotRun { page: "docs/install.md", begins: "skopeo copy", why: "there is no registry here to copy the image into" },
];
