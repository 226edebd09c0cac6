//! `sandbox plivo` as a process.

use sandbox::admin_client::AdminClient;

use crate::shared::program::{refused, signalled, started};

#[tokio::test]
async fn it_prints_one_ready_line_and_ends_in_order_on_sigint_and_sigterm() {
    let arguments =
        ["plivo", "--rate-limit", "7/500ms", "--switch", "list_order=oldest_first", "--latency", "0ms", "--seed", "3", "--auth-id", "MAX"];
    for signal in ["-INT", "-TERM"] {
        let (child, mut lines, url) = started(&arguments).await;
        let admin = AdminClient::new(&url);
        let switches = admin.switches().await.unwrap();
        assert_eq!(
            (&switches["rate_limit"], &switches["rate_window_s"], &switches["list_order"]),
            (&7.into(), &0.5.into(), &"oldest_first".into())
        );
        assert!(admin.state().await.unwrap()["accounts"].get("MAX").is_some());
        signalled(child, signal).await;
        assert_eq!(lines.next_line().await.unwrap(), None, "one line only");
    }
}

#[tokio::test]
async fn wrong_arguments_are_refused_with_what_would_be_right() {
    let cases: [(&[&str], &str); 5] = [
        (&["plivo", "--switch", "list_order=backwards"], "newest_first, oldest_first, shuffled"),
        (&["plivo", "--switch", "nothing=1"], "there is no switch nothing"),
        (&["plivo", "--switch", "novalue"], "name=value is needed"),
        (&["plivo", "--rate-limit", "300"], "300/5s"),
        (&["plivo", "--latency", "soon"], "250ms or 5s"),
    ];
    for (arguments, words) in cases {
        refused(arguments, words).await;
    }
}
