//! `sandbox carrierx` as a process.

use sandbox::admin_client::AdminClient;
use sandbox::carrierx::PARTNER_SID;

use crate::shared::program::{DEADLINE, refused, signalled, started};

#[tokio::test]
async fn it_prints_one_ready_line_and_ends_in_order_on_sigint_and_sigterm() {
    let arguments = [
        "carrierx",
        "--token",
        "t-1",
        "--switch",
        "list_total=null",
        "--latency",
        "0ms",
        "--seed",
        "3",
        "--did",
        "+15162065574",
        "--scope",
        "endpoints.manage_auth_required",
    ];
    for signal in ["-INT", "-TERM"] {
        let (child, mut lines, url) = started(&arguments).await;
        let admin = AdminClient::new(&url);
        assert_eq!(admin.switches().await.unwrap()["list_total"], "null");
        assert_eq!(admin.state().await.unwrap()["accounts"][PARTNER_SID]["dids"][0]["phonenumber"], "15162065574");
        let whoami = crate::shared::client(DEADLINE).get(format!("{url}/core/v2/oauth/whoami")).bearer_auth("t-1");
        let whoami = crate::shared::reply(whoami).await.unwrap().json();
        assert!(whoami["scopes"].as_array().unwrap().iter().any(|scope| scope == "endpoints.manage_auth_required"), "{whoami}");
        signalled(child, signal).await;
        assert_eq!(lines.next_line().await.unwrap(), None, "one line only");
    }
}

#[tokio::test]
async fn wrong_arguments_are_refused_with_what_would_be_right() {
    let cases: [(&[&str], &str); 4] = [
        (&["carrierx", "--switch", "error_body=none"], "json, empty, text, html"),
        (&["carrierx", "--switch", "nothing=1"], "there is no switch nothing"),
        (&["carrierx", "--did", "1-516"], "7 to 15 digits"),
        (&["carrierx", "--latency", "soon"], "250ms or 5s"),
    ];
    for (arguments, words) in cases {
        refused(arguments, words).await;
    }
}
