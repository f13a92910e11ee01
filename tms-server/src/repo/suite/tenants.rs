//! Records of tenants: found, unique, changed, listed.

use std::collections::BTreeMap;

use serde_json::json;
use tenant_core::{Incarnation, Limits, Placement, Reader, SuspendReason, TenantRecord, TenantStatus};

use super::super::{Repo, RepoError, Taken};
use super::{assert_same, host, id, now, record, stamp};
use crate::edit::Edit;
use crate::patch;
use crate::transition::{Transition, TransitionRefused};

pub(super) async fn are_kept(repo: &dyn Repo) {
    a_tenant_is_found_by_all_that_is_its_own(repo).await;
    what_must_be_unique_is(repo).await;
    of_many_creators_one_wins(repo).await;
    a_transition_is_kept_or_refused(repo).await;
    a_patch_is_kept_or_refused(repo).await;
    pages_and_snapshots_have_all(repo).await;
}

/// Everything that a record can say, with values that quoting could damage.
pub(super) fn full() -> TenantRecord {
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

async fn find(repo: &dyn Repo, name: &str) -> super::super::Stored {
    repo.by_id(&id(name)).await.expect("asked").expect("known")
}

async fn a_tenant_is_found_by_all_that_is_its_own(repo: &dyn Repo) {
    assert!(repo.page(None, 10).await.expect("asked").tenants.is_empty());
    assert!(repo.snapshot().await.expect("asked").next(10).await.expect("asked").is_empty());
    assert_eq!(repo.create(&full(), &stamp()).await.expect("new").revision, 1);
    assert_eq!(repo.create(&record("bare-one"), &stamp()).await.expect("new").revision, 2);
    for found in [
        repo.by_id(&id("full")).await,
        repo.by_incarnation(&Incarnation::fixed("full")).await,
        repo.by_host(&host("z.example")).await,
        repo.by_host(&host("a.example")).await,
    ] {
        let found = found.expect("asked").expect("known");
        assert_same(&found.record, &full());
        assert_eq!(found.revision, 1);
    }
    for nobody in [
        repo.by_id(&id("nobody")).await,
        repo.by_incarnation(&Incarnation::fixed("nobody")).await,
        repo.by_host(&host("nobody.example")).await,
        repo.by_host(&host("example")).await,
    ] {
        assert!(nobody.expect("asked").is_none());
    }
}

async fn what_must_be_unique_is(repo: &dyn Repo) {
    let head = repo.head().await.expect("asked");
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
        match repo.create(&record, &stamp()).await {
            Err(RepoError::Taken(taken)) => assert_eq!(taken, expected),
            other => panic!("{expected:?}: {other:?}"),
        }
    }
    assert!(repo.by_id(&id("other")).await.expect("asked").is_none(), "nothing of a refused one is kept");
    assert!(repo.by_host(&host("new.example")).await.expect("asked").is_none());
    assert_same(&find(repo, "full").await.record, &full());
    assert_eq!(repo.head().await.expect("asked"), head, "what is refused is no change");
}

async fn of_many_creators_one_wins(repo: &dyn Repo) {
    let (a, b, c) = (record("race-one"), record("raceone"), record("r-aceone"));
    let stamp = stamp();
    let (a, b, c) = tokio::join!(repo.create(&a, &stamp), repo.create(&b, &stamp), repo.create(&c, &stamp));
    assert_eq!([a, b, c].iter().filter(|created| created.is_ok()).count(), 1);
}

async fn a_transition_is_kept_or_refused(repo: &dyn Repo) {
    repo.create(&record("moving"), &stamp()).await.expect("new");
    let resume = Edit::Status(Transition::Resume);
    let refused = repo.edit(&id("moving"), &resume, &stamp()).await;
    let status = TransitionRefused::Status { status: TenantStatus::Pending, wanted: "resumed" };
    assert!(matches!(refused, Err(RepoError::Refused(why)) if why == status), "{refused:?}");

    let reason = SuspendReason { public: Some("unpaid".into()), private: Some("twice".into()) };
    for (transition, status) in [
        (Transition::Activate { token: Some("moving-token".into()) }, TenantStatus::Active),
        (Transition::Suspend(reason), TenantStatus::Suspended),
    ] {
        let before = find(repo, "moving").await.revision;
        let edit = Edit::Status(transition);
        let answered = repo.edit(&id("moving"), &edit, &stamp()).await.expect("allowed").expect("known");
        assert_eq!(answered.record.tenant.status, status);
        let kept = find(repo, "moving").await;
        assert_same(&kept.record, &answered.record);
        assert_eq!((kept.revision, answered.revision), (before + 1, before + 1));
    }
    let kept = find(repo, "moving").await.record;
    assert_eq!(
        (kept.tenant.public_reason.as_deref(), kept.private_reason.as_deref()),
        (Some("unpaid"), Some("twice"))
    );
    assert!(repo.edit(&id("nobody"), &resume, &stamp()).await.expect("asked").is_none());
}

fn patch(body: &serde_json::Value) -> Edit {
    let mut reader = Reader::body(body);
    let patch = patch::read(&mut reader, None);
    reader.finish().expect("valid");
    Edit::Fields(patch)
}

async fn a_patch_is_kept_or_refused(repo: &dyn Repo) {
    let first = repo.create(&record("patched"), &stamp()).await.expect("new").revision;
    let body = json!({
        "hosts": ["b.example", "c.example"], "limits": { "burst": 5 }, "labels": { "it's": "\u{e9}" },
        "email": "new@b", "expire": "2030-01-01T00:00:00Z",
    });
    let change = patch(&body);
    let answered = repo.edit(&id("patched"), &change, &stamp()).await.expect("asked").expect("known");
    let kept = find(repo, "patched").await;
    assert_same(&kept.record, &answered.record);
    assert_eq!((kept.revision, answered.revision), (first + 1, first + 1));
    assert_eq!(kept.record.tenant.hosts, ["b.example", "c.example"]);

    // The same once more, and nothing at all, are no changes.
    for edit in [change, patch(&json!({}))] {
        let answered = repo.edit(&id("patched"), &edit, &stamp()).await.expect("asked").expect("known");
        assert_eq!(answered.revision, kept.revision);
        assert_eq!(repo.head().await.expect("asked").n, kept.revision);
    }

    // Hosts that it has already are no conflict, those of others are, and then nothing is kept.
    let taken = patch(&json!({ "hosts": ["new.example", "a.example"], "email": "other@b" }));
    let refused = repo.edit(&id("patched"), &taken, &stamp()).await;
    let host_of_full = Taken::Host("a.example".into());
    assert!(matches!(&refused, Err(RepoError::Taken(taken)) if *taken == host_of_full), "{refused:?}");
    assert_same(&find(repo, "patched").await.record, &kept.record);
    let moved = patch(&json!({ "hosts": ["c.example", "d.example"] }));
    repo.edit(&id("patched"), &moved, &stamp()).await.expect("asked").expect("known");
    assert!(repo.by_host(&host("b.example")).await.expect("asked").is_none());
    assert!(repo.by_host(&host("new.example")).await.expect("asked").is_none());
    assert_eq!(find(repo, "patched").await.record.tenant.hosts, ["c.example", "d.example"]);
}

async fn pages_and_snapshots_have_all(repo: &dyn Repo) {
    let all = ["bareone", "full", "moving", "patched", "raceone"];
    let ids = |tenants: &[super::super::Stored]| -> Vec<String> {
        tenants.iter().map(|stored| stored.record.tenant.id().to_string()).collect()
    };
    let head = repo.head().await.expect("asked");
    let mut after = None;
    let mut paged = Vec::new();
    loop {
        let page = repo.page(after.as_ref(), 2).await.expect("asked");
        assert_eq!(page.cursor, head);
        let Some(last) = page.tenants.last() else { break };
        after = Some(last.record.tenant.id());
        paged.extend(ids(&page.tenants));
    }
    assert_eq!(paged, all);

    // What changes after its first moment is not in it.
    let mut snapshot = repo.snapshot().await.expect("asked");
    assert_eq!(*snapshot.cursor(), head);
    repo.create(&record("late"), &stamp()).await.expect("new");
    let mut read = snapshot.next(4).await.expect("asked");
    read.extend(snapshot.next(4).await.expect("asked"));
    assert!(snapshot.next(4).await.expect("asked").is_empty());
    assert_eq!(ids(&read), all);
    assert_same(&read[1].record, &full());
}
