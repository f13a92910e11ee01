//! Explanations of what the directory said; those of hosts are compared row by row in `tests/hosts.rs`.

use http::{HeaderName, Request};
use jiff::Timestamp;
use tenant_core::HostRules;
use tenant_router::{Effect, Explanation, PeerAddr, Rule, TenantLayer};

use crate::directory::{Scripted, every_case, rules};
use crate::server::serve;
use crate::wire::{get, send};

async fn explain(layer: &TenantLayer<Scripted>, host: &str, header: Option<(&str, &str)>) -> Explanation {
    let mut request = Request::get("/").header("host", host);
    if let Some((name, value)) = header {
        request = request.header(name, value);
    }
    layer.explain(&request.body(()).unwrap().into_parts().0).await
}

/// The step of a rule: what came of it, and its text.
fn step(explanation: &Explanation, rule: Rule) -> Option<(Effect, &str)> {
    let step = explanation.steps().iter().find(|step| step.rule == rule)?;
    Some((step.effect, &step.text))
}

#[tokio::test]
async fn what_is_explained_is_what_is_answered_in_every_case_of_a_directory() {
    let layer = TenantLayer::new(rules(), every_case());
    let server = serve(layer.clone()).await;
    let labels = [
        "acme",
        "company-x",
        "companyx",
        "c-ompanyx",
        "new",
        "unpaid",
        "quiet",
        "expired",
        "leav-ing",
        "missed",
        "missednew",
        "missedxy",
        "missed-xy",
        "nobody",
        "away",
        "stale",
        "stopped",
        "stranded",
        "stranger",
    ];
    let hosts = labels.iter().map(|label| format!("{label}.base.example"));
    let others =
        ["base.example", "a.b.base.example", "shop.example", "lost.example", "mistaken.example", "a_b"];
    for host in hosts.chain(others.map(str::to_owned)) {
        let (answer, explanation) = (get(server.addr, &host).await, explain(&layer, &host, None).await);
        match explanation.outcome() {
            Ok(current) => assert_eq!(answer.body, format!("{}@{host}", current.tenant().id())),
            Err(rejection) => {
                assert_eq!(answer.status, rejection.status().as_u16(), "{host}\n{explanation}");
                assert_eq!(answer.body, rejection.error_body().render(None).1, "{host}\n{explanation}");
            }
        }
        assert_eq!(explanation.status().map_or(200, |status| status.as_u16()), answer.status);
        assert_eq!(explanation.steps().last().map(|step| step.rule), Some(Rule::Verdict));
    }
}

#[tokio::test]
async fn memory_and_the_directory_are_told_apart() {
    let layer = TenantLayer::new(rules(), every_case());
    for (label, memory, directory) in [
        ("acme", "id acme: known and fresh, tenant acme", None),
        ("stranger", "id stranger: known to be nobody's", None),
        ("missed", "id missed: nothing is known", Some("id missed: known, tenant missed")),
        ("nobody", "id nobody: nothing is known", Some("id nobody: nobody's")),
        ("away", "id away: nothing is known", Some("id away: cannot be asked; again in 1.5 s")),
        (
            "stale",
            "id stale: known, due to be confirmed, tenant stale",
            Some("id stale: known, tenant stale"),
        ),
    ] {
        let explanation = explain(&layer, &format!("{label}.base.example"), None).await;
        assert_eq!(step(&explanation, Rule::Memory).map(|(_, text)| text), Some(memory));
        assert_eq!(step(&explanation, Rule::Directory).map(|(_, text)| text), directory, "{label}");
    }
}

#[tokio::test]
async fn another_spelling_is_named_beside_the_right_ones() {
    let layer = TenantLayer::new(rules(), every_case());
    let explanation = explain(&layer, "c-ompanyx.base.example", None).await;
    let text = "c-ompanyx is another spelling: its name is company-x, its bare id companyx";
    assert_eq!(step(&explanation, Rule::Spelling), Some((Effect::Ignored, text)));
    assert_eq!(explanation.status().map(|status| status.as_u16()), Some(404));
    let explanation = explain(&layer, "mistaken.example", None).await;
    let text = "mistaken.example is not among its own domains";
    assert_eq!(step(&explanation, Rule::Spelling), Some((Effect::Ignored, text)));
}

#[tokio::test]
async fn the_rule_that_finds_a_label_is_told() {
    let label = async |bases: &[&str], host: &str| {
        let rules = HostRules::base_domains(bases.iter().map(|base| base.parse().unwrap()));
        let explanation = explain(&TenantLayer::new(rules, every_case()), host, None).await;
        let text = |rule| step(&explanation, rule).map(|(_, text)| text.to_owned()).unwrap_or_default();
        [text(Rule::BaseDomain), text(Rule::OwnDomain), text(Rule::Label)]
    };
    let two = ["base.example", "eu.base.example"];
    for (bases, host, told) in [
        (&two[..], "acme.base.example", ["under base.example", "", "acme, id acme"]),
        (&two, "acme.eu.base.example", ["under eu.base.example", "", "acme, id acme"]),
        (&two, "eu.base.example", ["it is one itself", "", "none before the base domain"]),
        (&two, "a.b.base.example", ["under base.example", "", "more than one before the base domain"]),
        (
            &two,
            "1-2.base.example",
            ["under base.example", "", "no tenant can have this name (letters and digits: 12)"],
        ),
        (&two, "shop.example", ["not under eu.base.example, base.example", "shop.example may be one", ""]),
        (&[], "shop.example", ["none are set", "shop.example may be one", ""]),
        (
            &[],
            "acme.evil.example",
            [
                "none are set",
                "acme.evil.example may be one",
                "acme, id acme: the first of three labels, where no base domains are set",
            ],
        ),
    ] {
        assert_eq!(label(bases, host).await, told, "{host}");
    }
}

#[tokio::test]
async fn status_and_expiry_are_told() {
    let layer = TenantLayer::new(rules(), every_case());
    for (label, effect, text) in [
        ("acme", Effect::Holds, "active"),
        ("new", Effect::Refuses, "pending"),
        ("unpaid", Effect::Refuses, "suspended"),
        ("leav-ing", Effect::Refuses, "deleting"),
        ("expired", Effect::Refuses, "active, expired 1970-01-01T00:00:00Z"),
    ] {
        let explanation = explain(&layer, &format!("{label}.base.example"), None).await;
        assert_eq!(step(&explanation, Rule::Standing), Some((effect, text)), "{label}\n{explanation}");
    }
    let mut acme = crate::directory::tenant("acme");
    acme.expire = Some("9999-01-01T00:00:00Z".parse::<Timestamp>().unwrap());
    let layer = TenantLayer::new(rules(), Scripted::default().with_known(acme));
    let explanation = explain(&layer, "acme.base.example", None).await;
    assert_eq!(step(&explanation, Rule::Standing).unwrap().1, "active, expires 9999-01-01T00:00:00Z");
}

#[tokio::test]
async fn a_tenant_header_and_a_single_tenant_are_told() {
    let header = Some(HeaderName::from_static("x-tenant"));
    let layer = TenantLayer::new(rules(), every_case()).tenant_header(header);
    let explanation = explain(&layer, "?", Some(("x-tenant", "acme"))).await;
    let told = step(&explanation, Rule::TenantHeader);
    assert_eq!(told, Some((Effect::Counts, "x-tenant: acme; the host is not read")));
    assert!(explanation.outcome().is_ok() && step(&explanation, Rule::Host).is_none(), "{explanation}");
    let explanation = explain(&layer, "acme.base.example", None).await;
    assert_eq!(step(&explanation, Rule::TenantHeader), Some((Effect::Absent, "x-tenant is not there")));

    let layer = TenantLayer::new(HostRules::fixed(&"acme".parse().unwrap()), every_case());
    let explanation = explain(&layer, "?", None).await;
    assert_eq!(
        step(&explanation, Rule::OneTenant),
        Some((Effect::Counts, "every host is its; none is read"))
    );
    assert!(explanation.outcome().is_ok());
}

#[tokio::test]
async fn a_line_for_each_rule_and_nothing_that_a_terminal_would_obey() {
    let layer = TenantLayer::new(rules(), every_case()).trusted_proxies(["10.0.0.0/8".parse().unwrap()]);
    let spoof = ("x-forwarded-host", "a\u{9b}b\t\"c");
    let explanation = explain(&layer, "ACME.base.example.:8585", Some(spoof)).await;
    assert_eq!(
        explanation.to_string(),
        "\
peer              ignored  no address is told, so it is no trusted proxy
X-Forwarded-Host  ignored  a\\xc2\\x9bb\\t\\\"c: not from a trusted proxy
target            -        names no host
Host              counts   ACME.base.example.:8585
host              ok       acme.base.example
base domain       ok       under base.example
label             ok       acme, id acme
memory            ok       id acme: known and fresh, tenant acme
spelling          ok       acme names it
standing          ok       active
verdict           ok       tenant acme, id acme"
    );
    let json = serde_json::to_value(explanation.steps()).unwrap();
    assert_eq!(
        json[3],
        serde_json::json!({ "rule": "host_header", "effect": "counts", "text": "ACME.base.example.:8585" })
    );
}

#[tokio::test]
async fn of_a_chain_of_hops_the_one_that_counts_is_marked() {
    let layer = TenantLayer::new(rules(), every_case()).trusted_proxies(["10.0.0.0/8".parse().unwrap()]);
    let forwarded = async |value: &str| {
        let request = Request::get("/").header("host", "acme.base.example").header("forwarded", value);
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        parts.extensions.insert(PeerAddr("10.0.0.1:1".parse().unwrap()));
        let explanation = layer.explain(&parts).await;
        let steps = explanation.steps().iter().filter(|step| step.rule == Rule::Forwarded);
        steps.map(|step| (step.effect, step.text.clone())).collect::<Vec<_>>()
    };
    let chain = forwarded("host=spoofed.example, for=192.0.2.1;host=shop.example, for=10.0.0.7").await;
    let told = [
        (Effect::Ignored, "host spoofed.example".to_owned()),
        (Effect::Counts, "host shop.example".to_owned()),
        (Effect::Absent, "no host, for 10.0.0.7, which is trusted".to_owned()),
    ];
    assert_eq!(chain, told);
    let broken = forwarded("host=shop.example, for=_hidden").await;
    let told = [
        (Effect::Ignored, "host shop.example".to_owned()),
        (Effect::Absent, "no host, for _hidden, which is not trusted".to_owned()),
    ];
    assert_eq!(broken, told);
    let malformed = forwarded("host").await;
    assert_eq!(malformed, [(Effect::Refuses, "the forwarded host is malformed: host".to_owned())]);
}

#[tokio::test]
async fn a_host_is_found_without_a_request() {
    let layer = TenantLayer::new(rules(), every_case());
    let server = serve(layer.clone()).await;
    for host in
        ["acme.base.example", "shop.example", "missed.base.example", "nobody.base.example", "base.example"]
    {
        let answer = send(server.addr, &["GET / HTTP/1.1", &format!("Host: {host}")]).await;
        let found = layer.find(&host.parse().unwrap()).await;
        assert_eq!(found.map_or_else(|refused| refused.status().as_u16(), |_| 200), answer.status, "{host}");
    }
    let fixed = TenantLayer::new(HostRules::fixed(&"acme".parse().unwrap()), every_case());
    assert!(fixed.find(&"whatever.example".parse().unwrap()).await.is_ok());
}
