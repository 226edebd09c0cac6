//! The rows of ClusterProviderAccount. The notation is that of [`super::rows`].

use super::rows::{Rows, Transitions};

const NAMESPACE: &str = "spec.allowedNamespaces[0].name | the name of a namespace | lower-case letters, digits and dashes";
const PREFIX: &str = "spec.allowedNamespaces[0].numbers[0] | beginnings of E.164 numbers: a plus and 1 to 15 digits | for all numbers";
const ID: &str = "spec.allowedNamespaces[0].adopt[0] | ids of endpoints as the provider shows them, in quotes | that carries no mark";
const SECRET: &str = "spec.plivo.credentialsSecretRef.name | the name of a Secret in the operator's namespace";

/// Edit of a good ClusterProviderAccount, what the refusal says.
pub const BAD_CLUSTER_ACCOUNTS: Rows = &[
    // allowedNamespaces
    (r#"spec.allowedNamespaces = "voice""#, "spec.allowedNamespaces | must be of type array"),
    (r#"spec.allowedNamespaces = "*""#, "spec.allowedNamespaces | must be of type array"),
    (r#"spec.allowedNamespaces = {}"#, "spec.allowedNamespaces | must be of type array"),
    (r#"spec.allowedNamespaces = ["voice"]"#, "spec.allowedNamespaces[0] | must be of type object"),
    ("spec.allowedNamespaces = [{}]", "spec.allowedNamespaces[0].name | Required value"),
    (r#"spec.allowedNamespaces = [{"name": null}]"#, "spec.allowedNamespaces[0].name | Required value"),
    (r#"spec.allowedNamespaces = [{"numbers": ["*"]}]"#, "spec.allowedNamespaces[0].name | Required value"),
    (r#"spec.allowedNamespaces = [{"name": "voice"}, {"name": "voice"}]"#, "spec.allowedNamespaces[1] | Duplicate value"),
    (
        r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1"]}, {"name": "desk"}, {"name": "voice", "numbers": ["+4"]}]"#,
        "spec.allowedNamespaces[2] | Duplicate value",
    ),
    (r#"spec.allowedNamespaces = [<{"name": "a"},*256>{"name": "b"}]"#, "spec.allowedNamespaces | Too many | 256"),
    (r#"spec.allowedNamespaces = [{"name": ""}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "*"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "voice*"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "Voice"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "voice.desk"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "voice_desk"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "voice/desk"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "-voice"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "voice-"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": " voice"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "voice\n"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "v\u043eice"}]"#, NAMESPACE),
    (r#"spec.allowedNamespaces = [{"name": "<a*64>"}]"#, "spec.allowedNamespaces[0].name | Too long | 63"),
    (r#"spec.allowedNamespaces = [{"name": 5}]"#, "spec.allowedNamespaces[0].name | must be of type string"),
    (r#"spec.allowedNamespaces = [{"name": ["voice"]}]"#, "spec.allowedNamespaces[0].name | must be of type string"),
    (r#"spec.allowedNamespaces = [{"name": "voice", "subaccount": "SA"}]"#, r#"unknown field "spec.allowedNamespaces[0].subaccount""#),
    (r#"spec.allowedNamespaces = [{"namespace": "voice"}]"#, r#"unknown field "spec.allowedNamespaces[0].namespace""#),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": []}, {"name": "Desk"}]"#, "spec.allowedNamespaces[1].name | the name of"),
    (r#"spec.allowednamespaces = [{"name": "voice"}]"#, r#"unknown field "spec.allowednamespaces""#),
    (r#"spec.allowedNamespaceSelector = {}"#, r#"unknown field "spec.allowedNamespaceSelector""#),
    // numbers
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": "+1415"}]"#, "spec.allowedNamespaces[0].numbers | must be of type array"),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": [1415]}]"#, "spec.allowedNamespaces[0].numbers[0] | must be of type string"),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": [""]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": [" "]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["1415"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+0415"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1415*"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["**"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["* "]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1 415"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1-415"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1415\n"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1415|"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+[0-9]+"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1\uff14"]}]"#, PREFIX),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+<1*16>"]}]"#, "spec.allowedNamespaces[0].numbers[0] | Too long | 16"),
    (
        r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1415", "+1416", "1417"]}]"#,
        "spec.allowedNamespaces[0].numbers[2] | beginnings of E.164 numbers",
    ),
    (
        r#"spec.allowedNamespaces = [{"name": "voice"}, {"name": "desk", "numbers": ["+1", "x"]}]"#,
        "spec.allowedNamespaces[1].numbers[1] | beginnings of E.164 numbers",
    ),
    (
        r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1415", "+1415"]}]"#,
        "spec.allowedNamespaces[0].numbers[1] | Duplicate value",
    ),
    (r#"spec.allowedNamespaces = [{"name": "voice", "numbers": [<"+1",*256>"+2"]}]"#, "spec.allowedNamespaces[0].numbers | Too many | 256"),
    // adopt
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": "*"}]"#, "spec.allowedNamespaces[0].adopt | must be of type array"),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": true}]"#, "spec.allowedNamespaces[0].adopt | must be of type array"),
    (
        r#"spec.allowedNamespaces = [{"name": "voice", "adopt": [14659095951490]}]"#,
        "spec.allowedNamespaces[0].adopt[0] | must be of type string",
    ),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": [""]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["**"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["146*"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["-1"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["_1"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": [".1"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["../1"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["1/2"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["1 2"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["1\n"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["\u0661"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["1\u00e9"]}]"#, ID),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["<1*65>"]}]"#, "spec.allowedNamespaces[0].adopt[0] | Too long | 64"),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["1", "1"]}]"#, "spec.allowedNamespaces[0].adopt[1] | Duplicate value"),
    (r#"spec.allowedNamespaces = [{"name": "voice", "adopt": [<"1",*256>"2"]}]"#, "spec.allowedNamespaces[0].adopt | Too many | 256"),
    // the provider and its Secret
    ("spec -", "spec | Required value"),
    ("spec = {}", "spec | exactly one provider must be given"),
    ("spec.plivo -", "spec | exactly one provider must be given; add one of: plivo"),
    ("spec.plivo = {}", "spec.plivo.credentialsSecretRef | Required value"),
    (r#"spec.plivo.auth_token = "x""#, r#"unknown field "spec.plivo.auth_token""#),
    (r#"spec.plivo.url = "http://169.254.169.254/""#, r#"unknown field "spec.plivo.url""#),
    (
        r#"spec.carrierx = {"credentialsSecretRef": {"name": "x"}}"#,
        "spec | exactly one provider must be given; add one of: plivo, carrierx",
    ),
    ("spec.plivo - && spec.carrierx = {}", "spec.carrierx.credentialsSecretRef | Required value"),
    (
        r#"spec.plivo - && spec.carrierx = {"credentialsSecretRef": {"name": "X"}}"#,
        "spec.carrierx.credentialsSecretRef.name | the name of a Secret in the operator's namespace",
    ),
    ("spec.plivo.credentialsSecretRef = {}", "spec.plivo.credentialsSecretRef.name | Required value"),
    (r#"spec.plivo.credentialsSecretRef.name = """#, SECRET),
    (r#"spec.plivo.credentialsSecretRef.name = "Plivo""#, SECRET),
    (r#"spec.plivo.credentialsSecretRef.name = "voice/plivo""#, SECRET),
    (r#"spec.plivo.credentialsSecretRef.name = "<a*254>""#, "spec.plivo.credentialsSecretRef.name | Too long | 253"),
    (r#"spec.plivo.credentialsSecretRef.namespace = "voice""#, r#"unknown field "spec.plivo.credentialsSecretRef.namespace""#),
    (r#"spec.plivo.credentialsSecretRef.key = "token""#, r#"unknown field "spec.plivo.credentialsSecretRef.key""#),
    // what both kinds of account have
    (r#"spec.suspend = "true""#, "spec.suspend | must be of type boolean"),
    (r#"spec.defaults.deletionPolicy = "Unassign""#, r#"spec.defaults.deletionPolicy | supported values: "Delete", "Retain""#),
    ("spec.brake.count = 0", "spec.brake.count | greater than or equal to 1"),
    ("spec.brake.percent = 101", "spec.brake.percent | less than or equal to 100"),
    ("spec.budget = {}", "spec.budget.requestsPer5Seconds | Required value"),
    ("spec.budget.requestsPer5Seconds = 0", "spec.budget.requestsPer5Seconds | greater than or equal to 1"),
    ("spec.budget.requestsPer5Seconds = 301", "spec.budget.requestsPer5Seconds | less than or equal to 300"),
    ("spec.sweepPeriodSeconds = 9", "spec.sweepPeriodSeconds | greater than or equal to 10"),
    ("spec.sweepPeriodSeconds = 86401", "spec.sweepPeriodSeconds | less than or equal to 86400"),
    (r#"metadata.name = "Plivo""#, "metadata.name | lower case alphanumeric"),
];

/// Edit of a good ClusterProviderAccount, accepted.
pub const GOOD_CLUSTER_ACCOUNTS: &[&str] = &[
    "",
    r#"spec.plivo - && spec.carrierx = {"credentialsSecretRef": {"name": "carrierx-company-credentials"}}"#,
    // Nobody: what a server-side apply makes of an empty list is an absent one.
    "spec.allowedNamespaces -",
    "spec.allowedNamespaces = null",
    "spec.allowedNamespaces = []",
    r#"spec.allowedNamespaces = [{"name": "v"}]"#,
    r#"spec.allowedNamespaces = [{"name": "<a*63>"}]"#,
    r#"spec.allowedNamespaces = [{"name": "4711"}, {"name": "voice-2"}]"#,
    r#"spec.allowedNamespaces = [{"name": "voice", "numbers": [], "adopt": []}]"#,
    r#"spec.allowedNamespaces = [{"name": "voice", "numbers": null, "adopt": null}]"#,
    r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["*"], "adopt": ["*"]}]"#,
    r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1", "+1415", "+<9*15>"]}]"#,
    r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["+1415"]}, {"name": "desk", "numbers": ["+1415"]}]"#,
    r#"spec.allowedNamespaces = [{"name": "voice", "adopt": ["1", "<z*64>", "aB.c_d-9"]}]"#,
    r#"spec.plivo.credentialsSecretRef.name = "<a*253>""#,
    "spec.suspend = true",
    "spec.suspend = null",
    r#"spec.defaults.deletionPolicy = "Retain""#,
    "spec.brake = {}",
    "spec.brake.percent = 100",
    "spec.budget.requestsPer5Seconds = 300",
    "spec.sweepPeriodSeconds = 86400",
];

const FIXED: &str = "spec | exactly one provider must be given | the provider cannot change | create a new ClusterProviderAccount";

const MOVED: &str = "spec.plivo | spec.carrierx | the provider cannot change | create a new ClusterProviderAccount";
const CARRIERX: &str = r#"spec.plivo - && spec.carrierx = {"credentialsSecretRef": {"name": "carrierx-company-credentials"}}"#;

/// As [`super::rows::CHANGES`], for a good ClusterProviderAccount.
pub const CLUSTER_ACCOUNT_CHANGES: Transitions = &[
    ("", "spec.plivo -", FIXED),
    ("", "spec.plivo = null", FIXED),
    ("", r#"spec.plivo - && spec.carrierx = {"credentialsSecretRef": {"name": "x"}}"#, MOVED),
    (CARRIERX, r#"spec.carrierx - && spec.plivo = {"credentialsSecretRef": {"name": "x"}}"#, MOVED),
    (CARRIERX, r#"spec.carrierx.credentialsSecretRef.name = "rotated""#, ""),
    ("", "spec.allowedNamespaces -", ""),
    ("", r#"spec.allowedNamespaces = [{"name": "voice"}, {"name": "voice"}]"#, "spec.allowedNamespaces[1] | Duplicate value"),
    ("", r#"spec.plivo.credentialsSecretRef.name = "rotated""#, ""),
    ("", "spec.allowedNamespaces = []", ""),
    ("", r#"spec.allowedNamespaces = [{"name": "desk"}]"#, ""),
    ("", r#"spec.allowedNamespaces = [{"name": "voice", "numbers": ["*"], "adopt": ["1"]}, {"name": "desk"}]"#, ""),
    ("spec.allowedNamespaces = []", r#"spec.allowedNamespaces = [{"name": "voice"}]"#, ""),
    ("", "spec.suspend = true", ""),
    ("spec.suspend = true", "spec.suspend -", ""),
    ("", r#"spec.defaults.deletionPolicy = "Retain""#, ""),
    (r#"spec.defaults.deletionPolicy = "Retain""#, "spec.defaults -", ""),
    ("", "spec.budget.requestsPer5Seconds = 60", ""),
    ("spec.budget.requestsPer5Seconds = 60", "spec.budget -", ""),
    ("spec.sweepPeriodSeconds = 60", "spec.sweepPeriodSeconds -", ""),
    ("spec.brake.count = 5", "spec.brake -", ""),
];
