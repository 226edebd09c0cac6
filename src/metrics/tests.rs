use super::*;
use crate::core::call::Verb;

fn assert_lines(metrics: &Metrics, lines: &[&str]) {
    let text = metrics.text().expect("text");
    for line in lines {
        assert!(text.lines().any(|one| one == *line), "{line} is missing:\n{text}");
    }
}

#[test]
fn every_series_is_there_from_the_start_and_counts() {
    let metrics = Metrics::default();
    metrics.may_drift(["alias"]);
    assert_lines(
        &metrics,
        &[
            "switchboard_assumption_broken_total{assumption=\"A1\"} 0",
            "switchboard_assumption_broken_total{assumption=\"A2\"} 0",
            "switchboard_assumption_broken_total{assumption=\"A3\"} 0",
            "switchboard_visibility_lag_seconds_count 0",
            "switchboard_leader 0",
            concat!("switchboard_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1"),
            "switchboard_reconciles_total{kind=\"TrunkGroup\",outcome=\"too_long\"} 0",
            "switchboard_actions_total{action=\"Create\",outcome=\"unknown\"} 0",
            "switchboard_provider_calls_total{provider=\"CarrierX\",operation=\"find\",thing=\"trunk_group\",outcome=\"throttled\"} 0",
            "switchboard_provider_call_duration_seconds_count{provider=\"Plivo\",operation=\"identify\"} 0",
            "switchboard_budget_wait_seconds_count{provider=\"Plivo\",lane=\"urgent\"} 0",
            "switchboard_sweeps_total{provider=\"Plivo\",collection=\"application\",outcome=\"incomplete\"} 0",
            "switchboard_drift_total{field=\"alias\"} 0",
            "switchboard_time_to_ready_seconds_count{kind=\"SipEndpoint\"} 0",
        ],
    );
    let before = metrics.text().expect("text");
    let began = before.lines().find_map(|line| line.strip_prefix("switchboard_start_time_seconds ")).expect("when it began");
    let now = jiff::Timestamp::now().as_second();
    assert!((now - 600..=now).contains(&began.parse().expect("seconds")), "{began}");
    assert!(before.ends_with("# EOF\n"), "{before}");
    metrics.broken(Assumption::Freeze);
    metrics.visibility_lag(Duration::ZERO);
    metrics.visibility_lag(Duration::from_secs(50));
    metrics.leads(true);
    metrics.reconciled(Kind::TrunkGroup, Reconciled::TooLong, Duration::from_secs(3));
    metrics.acted("Create", Acted::Unknown);
    metrics.called(ProviderKind::CarrierX, Call::new(Verb::Find, Subject::TrunkGroup), Answer::Throttled, Duration::from_millis(20));
    metrics.waited(ProviderKind::Plivo, Lane::Urgent, Duration::ZERO);
    metrics.listed(ProviderKind::Plivo, Subject::Application, false, Duration::from_secs(1));
    metrics.drifted("alias");
    metrics.ready(Kind::SipEndpoint, Duration::from_secs(4));
    assert_lines(
        &metrics,
        &[
            "switchboard_assumption_broken_total{assumption=\"A2\"} 1",
            "switchboard_visibility_lag_seconds_bucket{le=\"0.0\"} 1",
            "switchboard_visibility_lag_seconds_bucket{le=\"60.0\"} 2",
            "switchboard_visibility_lag_seconds_count 2",
            "switchboard_leader 1",
            "switchboard_reconciles_total{kind=\"TrunkGroup\",outcome=\"too_long\"} 1",
            "switchboard_reconcile_duration_seconds_bucket{le=\"10.0\",kind=\"TrunkGroup\"} 1",
            "switchboard_actions_total{action=\"Create\",outcome=\"unknown\"} 1",
            "switchboard_provider_calls_total{provider=\"CarrierX\",operation=\"find\",thing=\"trunk_group\",outcome=\"throttled\"} 1",
            "switchboard_provider_call_duration_seconds_count{provider=\"CarrierX\",operation=\"find\"} 1",
            "switchboard_budget_wait_seconds_bucket{le=\"0.0\",provider=\"Plivo\",lane=\"urgent\"} 1",
            "switchboard_sweeps_total{provider=\"Plivo\",collection=\"application\",outcome=\"incomplete\"} 1",
            "switchboard_sweep_duration_seconds_count{provider=\"Plivo\",collection=\"application\"} 1",
            "switchboard_drift_total{field=\"alias\"} 1",
            "switchboard_time_to_ready_seconds_bucket{le=\"5.0\",kind=\"SipEndpoint\"} 1",
        ],
    );
    let lines = metrics.text().expect("text").lines().count();
    assert_eq!(lines, before.lines().count(), "nothing of this made a new series");
}

#[test]
fn a_series_of_a_namespace_is_there_as_long_as_it_has_such_an_object() {
    let metrics = Metrics::default();
    let there = Arc::new(std::sync::Mutex::new(Some(Sample::default())));
    let look = Arc::clone(&there);
    metrics.sampled_by(move || look.lock().expect("no panic while locked").clone());
    metrics.sip_uri_changed("gone");
    metrics.sip_uri_changed("sales");
    let show = |sample| *there.lock().expect("no panic while locked") = sample;
    let shown = || -> Vec<String> {
        let text = metrics.text().expect("text");
        text.lines().filter(|line| line.contains("namespace=")).map(str::to_owned).collect()
    };
    assert_eq!(shown(), Vec::<String>::new());
    let mut sample = Sample::default();
    sample.objects(Kind::SipEndpoint, "voice", reason(Some("Available")), 2, None);
    sample.objects(Kind::SipEndpoint, "sales", reason(Some("Conflict")), 1, Some(Duration::from_secs(90)));
    sample.registrations(ProviderKind::Plivo, "voice", Registration::Registered, 2);
    sample.resources(ProviderKind::CarrierX, "voice", (Subject::TrunkGroup, Ownership::Orphaned), 1);
    show(Some(sample));
    assert_eq!(
        shown(),
        [
            "switchboard_objects{kind=\"SipEndpoint\",namespace=\"sales\",reason=\"Conflict\"} 1",
            "switchboard_objects{kind=\"SipEndpoint\",namespace=\"voice\",reason=\"Available\"} 2",
            "switchboard_not_ready_seconds{kind=\"SipEndpoint\",namespace=\"sales\",reason=\"Conflict\"} 90.0",
            "switchboard_registrations{provider=\"Plivo\",namespace=\"voice\",state=\"not_registered\"} 0",
            "switchboard_registrations{provider=\"Plivo\",namespace=\"voice\",state=\"registered\"} 2",
            "switchboard_registrations{provider=\"Plivo\",namespace=\"voice\",state=\"static_peer\"} 0",
            "switchboard_registrations{provider=\"Plivo\",namespace=\"voice\",state=\"unknown\"} 0",
            "switchboard_provider_resources{provider=\"CarrierX\",namespace=\"voice\",thing=\"trunk_group\",state=\"orphaned\"} 1",
            "switchboard_sip_uri_changes_total{namespace=\"sales\"} 1",
            "switchboard_sip_uri_changes_total{namespace=\"voice\"} 0",
        ]
    );
    show(None);
    assert_eq!(shown(), Vec::<String>::new(), "what is not known is not said");
}

#[tokio::test]
async fn who_asks_for_plain_text_gets_it() {
    use axum::body::Body;
    use axum::http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    let table = [
        (None, OPEN_METRICS),
        (Some("*/*"), OPEN_METRICS),
        (Some("application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.4"), OPEN_METRICS),
        (Some("text/plain"), PLAIN),
    ];
    for (accept, expected) in table {
        let request = Request::builder().uri("/metrics");
        let request = accept.into_iter().fold(request, |request, accept| request.header(ACCEPT, accept));
        let answer = Metrics::default().page().oneshot(request.body(Body::empty()).expect("a request")).await.expect("an answer");
        assert_eq!(answer.headers()[CONTENT_TYPE], expected, "{accept:?}");
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        let text = String::from_utf8(body.to_vec()).expect("text");
        assert_eq!(text.contains("# TYPE switchboard_assumption_broken_total counter"), expected == PLAIN);
        assert_eq!(text.ends_with("# EOF\n"), expected == OPEN_METRICS);
    }
}
