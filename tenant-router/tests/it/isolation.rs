//! The isolation kit: a sound service passes, and each leaky one is caught by the attack that is for its fault.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tenant_router::TenantLayer;
use tenant_router::testing::{Ask, Attack, Breach, Finding, Isolation, Report, Side};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::directory::{every_case, rules};
use crate::leaky::{Fault, Leaky};
use crate::server::serve;

fn side(name: &str) -> Side {
    Side::new(format!("{name}.localhost"), Ask::get("/notes?page=1"), format!("secret of <{name}>"))
        .plants(Ask::post("/notes", "{secret}"))
        .credential("authorization", format!("Bearer token-of-{name}"))
}

async fn attacked(service: &Leaky) -> Report {
    let kit = Isolation::new(service.addr, side("acme"), side("acme2"))
        .unknown_host("nobody.localhost")
        .suspended_host("unpaid.localhost")
        .spoofed_header("x-org", "{label}")
        .handled(service.handled());
    kit.run().await
}

async fn breached(fault: Fault) -> (BTreeSet<String>, Report) {
    let report = attacked(&Leaky::start(&[fault]).await).await;
    (report.breached().iter().map(Attack::to_string).collect(), report)
}

#[tokio::test]
async fn a_sound_service_passes_every_attack() {
    let report = attacked(&Leaky::start(&[]).await).await;
    report.assert_isolated();
    let tried: Vec<_> = report.outcomes().iter().map(|outcome| outcome.attack).collect();
    assert_eq!(tried, Attack::ALL);
    let skipped: Vec<_> = report.outcomes().iter().filter(|outcome| outcome.skipped.is_some()).collect();
    assert_eq!(skipped.iter().map(|outcome| outcome.attack).collect::<Vec<_>>(), [Attack::ForeignPath]);
    let requests: usize = report.outcomes().iter().map(|outcome| outcome.exchanges.len()).sum();
    assert!(requests > 500, "{requests}\n{report}");
    let findings: Vec<_> = report.outcomes().iter().flat_map(|outcome| outcome.findings()).collect();
    assert_eq!(findings, [], "{report}");
}

/// Faults, and the attack that has to catch each by name. The others that it may break through with it are its own kin.
#[tokio::test(flavor = "multi_thread")]
async fn every_leaky_service_is_caught_by_the_attack_for_its_fault() {
    let mut tasks = JoinSet::new();
    for (fault, by) in [
        (Fault::TakesForwardedHost, Attack::ForwardedHeaders),
        (Fault::TakesTenantCookie, Attack::ForwardedHeaders),
        (Fault::FirstOfTwoHosts, Attack::TwoHosts),
        (Fault::LastOfTwoHosts, Attack::TwoHosts),
        (Fault::IgnoresTarget, Attack::Disagreement),
        (Fault::CacheByPath, Attack::KeptAnswers),
        (Fault::ValidatorByPath, Attack::Validators),
        (Fault::TokenWithoutTenant, Attack::ForeignCredentials),
        (Fault::TokenIsTheTenant, Attack::ForeignCredentials),
        (Fault::NoToken, Attack::MissingCredentials),
        (Fault::WritesWithoutTenant, Attack::ForeignWrite),
        (Fault::TenantPerConnection, Attack::OneConnection),
        (Fault::TenantPerConnection, Attack::Streams),
        (Fault::TenantPerConnection, Attack::Pipelining),
        (Fault::LoginPerConnection, Attack::OneConnection),
        (Fault::PrefixOfHost, Attack::LookAlikes),
        (Fault::SuffixOfLabel, Attack::LookAlikes),
        (Fault::StripsHyphens, Attack::LookAlikes),
        (Fault::DefaultTenant, Attack::OtherSpellings),
        (Fault::TakesUserInfo, Attack::MalformedHosts),
        (Fault::ServesUnknown, Attack::UnknownHosts),
        (Fault::RunsForSuspended, Attack::SuspendedHosts),
        (Fault::TellsInAHeader, Attack::OwnRequests),
        (Fault::TellsInBase64, Attack::OwnRequests),
    ] {
        tasks.spawn(async move {
            let (names, report) = breached(fault).await;
            assert!(names.contains(&by.to_string()), "{fault:?} has to be caught by {by}:\n{report}");
            assert!(!report.is_isolated());
        });
    }
    tasks.join_all().await;
}

/// What a fault does not break holds: else every name in the list would say the same.
#[tokio::test]
async fn a_fault_breaks_no_attack_that_is_not_about_it() {
    for (fault, names) in [
        (Fault::TakesForwardedHost, vec!["forwarded-headers"]),
        (Fault::FirstOfTwoHosts, vec!["two-hosts"]),
        (Fault::ValidatorByPath, vec!["validators"]),
        (Fault::LoginPerConnection, vec!["one-connection"]),
        (Fault::RunsForSuspended, vec!["suspended-hosts"]),
        (Fault::WritesWithoutTenant, vec!["foreign-write"]),
    ] {
        let (breached, report) = breached(fault).await;
        let names: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
        assert_eq!(breached, names, "{fault:?}\n{report}");
    }
}

#[tokio::test]
async fn what_is_no_breach_is_told() {
    for (fault, attack, finding) in [
        (Fault::CacheableAnswers, Attack::SharedCaches, Finding::Cacheable),
        (Fault::RefusesCapitals, Attack::OtherSpellings, Finding::SpellingRefused),
        (Fault::GoesByTarget, Attack::Disagreement, Finding::TargetServed),
        (Fault::TakesAnyPort, Attack::MalformedHosts, Finding::MalformedServed),
    ] {
        let report = attacked(&Leaky::start(&[fault]).await).await;
        report.assert_isolated();
        let outcome = report.of(attack).unwrap();
        assert!(outcome.findings().any(|found| found == finding), "{fault:?}\n{report}");
    }
}

#[tokio::test]
async fn the_layer_passes_without_credentials_too() {
    let server = serve(TenantLayer::new(rules(), every_case())).await;
    let side = |id: &str, host: &str| Side::new(host, Ask::get("/"), format!("{id}@{host}"));
    let [acme, x] = [side("acme", "acme.base.example"), side("companyx", "company-x.base.example")];
    let mut kit = Isolation::new(server.addr, acme, x);
    for host in ["stranger.base.example", "nobody.base.example", "elsewhere.example"] {
        kit = kit.unknown_host(host);
    }
    for label in ["unpaid", "new", "expired", "leaving", "stopped", "away"] {
        kit = kit.suspended_host(format!("{label}.base.example"));
    }
    let report = kit.run().await;
    report.assert_isolated();
    let findings: Vec<_> = report.outcomes().iter().flat_map(|outcome| outcome.findings()).collect();
    assert_eq!(findings, [], "{report}");
}

#[tokio::test]
async fn a_service_that_is_not_there_or_never_answers_fails_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let quiet = silent.local_addr().unwrap();
    let holding = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = silent.accept().await {
            held.push(stream);
        }
    });
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody = closed.local_addr().unwrap();
    drop(closed);
    for address in [quiet, nobody] {
        let kit = Isolation::new(address, side("acme"), side("acme2")).timeout(Duration::from_millis(100));
        let began = Instant::now();
        let report = kit.run().await;
        assert!(began.elapsed() < Duration::from_secs(10));
        assert_eq!(report.breached(), [Attack::OwnRequests], "{report}");
    }
    holding.abort();
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endless = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                use tokio::io::AsyncWriteExt;
                let _read = stream.read(&mut [0; 1024]).await;
                let _written = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                while stream.write_all(&[b'a'; 4096]).await.is_ok() {}
            });
        }
    });
    let side =
        |name: &str| Side::new(format!("{name}.localhost"), Ask::get("/"), format!("secret-of-{name}"));
    let kit =
        Isolation::new(address, side("a"), side("b")).timeout(Duration::from_secs(2)).max_body(64 * 1024);
    let report = kit.run().await;
    let own = report.of(Attack::OwnRequests).unwrap();
    assert!(own.findings().any(|finding| finding == Finding::BodyCut), "{report}");
    assert_eq!(own.exchanges[0].breaches, [Breach::NotItsOwn { host: "a.localhost".to_owned() }]);
    endless.abort();
}
