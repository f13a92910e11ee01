//! What every repository must do, whatever it is built on. Each takes an empty one.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use tenant_core::{
    Host, Incarnation, Limits, Placement, SuspendReason, Tenant, TenantId, TenantRecord, TenantStatus,
};

use super::{KeyRepo, NewKey, RepoError, Taken, TenantRepo};
use crate::keys::Scope;
use crate::transition::{Transition, TransitionRefused};

/// Runs the whole suite; [`what_was_written_is_still_there`] may follow on the same database, opened again.
pub(crate) async fn all<R: TenantRepo + KeyRepo>(repo: &R) {
    repo.ready().await.expect("ready");
    a_tenant_is_found_by_all_that_is_its_own(repo).await;
    what_must_be_unique_is(repo).await;
    of_many_creators_one_wins(repo).await;
    a_transition_is_kept_or_refused(repo).await;
    the_first_key_is_made_once(repo).await;
    keys_rotate_and_end(repo).await;
    a_label_is_replaced_as_a_whole(repo).await;
    the_signing_secret_stays(repo).await;
}

/// What [`all`] leaves behind.
pub(crate) async fn what_was_written_is_still_there<R: TenantRepo + KeyRepo>(repo: &R) {
    assert_same(&repo.by_id(&id("full")).await.expect("asked").expect("known"), &full());
    assert_eq!(repo.signing_secret(b"third", now()).await.expect("asked"), b"first");
    assert!(!repo.list_keys().await.expect("asked").is_empty());
}

fn now() -> Timestamp {
    "2026-11-23T12:00:00.123456789Z".parse().expect("a time")
}

fn id(text: &str) -> TenantId {
    text.parse().expect("an id")
}

fn host(text: &str) -> Host {
    text.parse().expect("a host")
}

fn record(name: &str) -> TenantRecord {
    let mut tenant = Tenant::new(name.parse().expect("a name"), Incarnation::fixed(name));
    tenant.status = TenantStatus::Pending;
    TenantRecord::new(tenant, format!("{name}-token").into(), format!("{name}@example"), now())
}

/// Everything that a record can say, with values that quoting could damage.
fn full() -> TenantRecord {
    let mut record = record("full");
    record.tenant.hosts = vec!["z.example".into(), "a.example".into()];
    record.tenant.public_reason = Some("it's \"unpaid\" – später".into());
    record.tenant.expire = Some(now());
    record.tenant.limits = Limits { burst: Some(u32::MAX), body_bytes: Some(u64::MAX), ..Limits::default() };
    record.tenant.storage = Some(Placement::Dedicated);
    record.labels = BTreeMap::from([("plan".to_owned(), "'gold';--".to_owned())]);
    record.private_reason = Some(String::new());
    record.license_id = Some("l".into());
    record
}

#[track_caller]
fn assert_same(a: &TenantRecord, b: &TenantRecord) {
    assert_eq!(a.tenant, b.tenant);
    assert_eq!(a.install_token.expose_secret(), b.install_token.expose_secret());
    assert_eq!((&a.email, &a.labels, a.created), (&b.email, &b.labels, b.created));
    assert_eq!((&a.private_reason, &a.license_id), (&b.private_reason, &b.license_id));
}

async fn a_tenant_is_found_by_all_that_is_its_own<R: TenantRepo>(repo: &R) {
    assert!(repo.list().await.expect("asked").is_empty());
    repo.create(&full()).await.expect("new");
    repo.create(&record("bare-one")).await.expect("new");
    for found in [
        repo.by_id(&id("full")).await,
        repo.by_incarnation(&Incarnation::fixed("full")).await,
        repo.by_host(&host("z.example")).await,
        repo.by_host(&host("a.example")).await,
    ] {
        assert_same(&found.expect("asked").expect("known"), &full());
    }
    let list = repo.list().await.expect("asked");
    assert_eq!(list.len(), 2);
    assert_same(&list[0], &record("bare-one"));
    assert_same(&list[1], &full());
    for nobody in [
        repo.by_id(&id("nobody")).await,
        repo.by_incarnation(&Incarnation::fixed("nobody")).await,
        repo.by_host(&host("nobody.example")).await,
        repo.by_host(&host("example")).await,
    ] {
        assert!(nobody.expect("asked").is_none());
    }
}

async fn what_must_be_unique_is<R: TenantRepo>(repo: &R) {
    let mut same_id = record("f-u-l-l");
    same_id.tenant.hosts = vec!["new.example".into()];
    let mut same_incarnation = record("other");
    same_incarnation.tenant.incarnation = Incarnation::fixed("full");
    let mut same_host = record("other");
    same_host.tenant.hosts = vec!["new.example".into(), "a.example".into()];
    for (record, expected) in [
        (same_id, Taken::Id(id("full"))),
        (same_incarnation, Taken::Incarnation(Incarnation::fixed("full"))),
        (same_host, Taken::Host("a.example".into())),
    ] {
        match repo.create(&record).await {
            Err(RepoError::Taken(taken)) => assert_eq!(taken, expected),
            other => panic!("{expected:?}: {other:?}"),
        }
    }
    assert!(repo.by_id(&id("other")).await.expect("asked").is_none(), "nothing of a refused one is kept");
    assert!(repo.by_host(&host("new.example")).await.expect("asked").is_none());
    assert_same(&repo.by_id(&id("full")).await.expect("asked").expect("known"), &full());
}

async fn of_many_creators_one_wins<R: TenantRepo>(repo: &R) {
    let (a, b, c) = (record("race-one"), record("raceone"), record("r-aceone"));
    let (a, b, c) = tokio::join!(repo.create(&a), repo.create(&b), repo.create(&c));
    assert_eq!([a, b, c].iter().filter(|created| created.is_ok()).count(), 1);
}

async fn a_transition_is_kept_or_refused<R: TenantRepo>(repo: &R) {
    repo.create(&record("moving")).await.expect("new");
    let refused = repo.transition(&id("moving"), &Transition::Resume).await;
    let status = TransitionRefused::Status { status: TenantStatus::Pending, wanted: "resumed" };
    assert!(matches!(refused, Err(RepoError::Refused(why)) if why == status), "{refused:?}");

    let reason = SuspendReason { public: Some("unpaid".into()), private: Some("twice".into()) };
    for (transition, status) in [
        (Transition::Activate { token: Some("moving-token".into()) }, TenantStatus::Active),
        (Transition::Suspend(reason), TenantStatus::Suspended),
    ] {
        let answered = repo.transition(&id("moving"), &transition).await.expect("allowed").expect("known");
        assert_eq!(answered.tenant.status, status);
        assert_same(&repo.by_id(&id("moving")).await.expect("asked").expect("known"), &answered);
    }
    let kept = repo.by_id(&id("moving")).await.expect("asked").expect("known");
    assert_eq!(
        (kept.tenant.public_reason.as_deref(), kept.private_reason.as_deref()),
        (Some("unpaid"), Some("twice"))
    );
    assert!(repo.transition(&id("nobody"), &Transition::Resume).await.expect("asked").is_none());
}

fn key(id: &str, label: &str) -> NewKey {
    let (id, label) = (id.to_owned(), label.to_owned());
    NewKey { id, scope: Scope::Directory, label, sha256: [1; 32], created: now() }
}

async fn the_first_key_is_made_once<R: KeyRepo>(repo: &R) {
    assert!(repo.insert_first_key(&key("first", "first")).await.expect("asked"));
    assert!(!repo.insert_first_key(&key("second", "first")).await.expect("asked"));
    assert!(repo.key("second").await.expect("asked").is_none());
}

async fn keys_rotate_and_end<R: KeyRepo>(repo: &R) {
    repo.insert_key(&key("turning", "it's a label")).await.expect("new");
    let soon = now() + SignedDuration::from_secs(60);
    let later = now() + SignedDuration::from_secs(600);
    assert!(repo.rotate_key("turning", &[2; 32], soon).await.expect("asked"));
    assert!(repo.rotate_key("turning", &[3; 32], later).await.expect("asked"));

    let row = repo.key("turning").await.expect("asked").expect("known");
    assert_eq!((row.scope, row.label.as_str(), row.created), (Scope::Directory, "it's a label", now()));
    let generations: Vec<_> = row.generations.iter().map(|g| (g.number, g.sha256[0], g.until)).collect();
    assert_eq!(generations, [(1, 1, Some(soon)), (2, 2, Some(later)), (3, 3, None)], "no end is put off");

    let listed: Vec<_> = repo.list_keys().await.expect("asked").iter().map(|k| k.id.clone()).collect();
    assert_eq!(listed, ["first", "turning"]);
    assert_eq!(repo.delete_key("turning").await.expect("asked").expect("known").generations.len(), 3);
    assert!(repo.key("turning").await.expect("asked").is_none());
    assert!(repo.delete_key("turning").await.expect("asked").is_none());
    assert!(!repo.rotate_key("turning", &[4; 32], soon).await.expect("asked"));
}

async fn a_label_is_replaced_as_a_whole<R: KeyRepo>(repo: &R) {
    for (id, label) in [("dev1", "dev"), ("dev2", "dev"), ("other", "devil")] {
        repo.insert_key(&key(id, label)).await.expect("new");
    }
    repo.replace_keys(&key("dev3", "dev")).await.expect("replaced");
    let listed: Vec<_> = repo.list_keys().await.expect("asked").iter().map(|k| k.id.clone()).collect();
    assert_eq!(listed, ["dev3", "first", "other"]);
}

async fn the_signing_secret_stays<R: KeyRepo>(repo: &R) {
    assert_eq!(repo.signing_secret(b"first", now()).await.expect("asked"), b"first");
    assert_eq!(repo.signing_secret(b"second", now()).await.expect("asked"), b"first");
}
