//! The feed and the audit.

use jiff::SignedDuration;
use tenant_core::{SuspendReason, TenantStatus};

use super::super::{Change, Changed, Repo, Since, Stamp};
use super::{id, now, record, stamp};
use crate::cursor::Cursor;
use crate::edit::Edit;
use crate::transition::Transition;

pub(super) async fn are_told(repo: &dyn Repo) {
    changes_come_in_order_and_the_last_of_each_tenant_counts(repo).await;
    a_cursor_that_does_not_fit_is_told_so(repo).await;
    whoever_listens_is_woken(repo).await;
    the_audit_says_who_did_what(repo).await;
    old_changes_are_forgotten_from_the_oldest_on(repo).await;
}

/// After everything else.
pub(super) async fn the_head_is_where_it_was(repo: &dyn Repo) {
    let head = repo.head().await.expect("asked");
    assert!(changes(repo, &head, 10).await.is_some_and(|(changes, _)| changes.is_empty()));
}

/// What follows the cursor, and the head; `None` for a reset.
async fn changes(repo: &dyn Repo, cursor: &Cursor, limit: u32) -> Option<(Vec<Change>, Cursor)> {
    match repo.since(cursor, limit).await.expect("asked") {
        Since::Reset => None,
        Since::Changes { changes, head } => Some((changes, head)),
    }
}

fn told(changes: &[Change]) -> Vec<(u64, String)> {
    let tenant = |change: &Change| match &change.tenant {
        Changed::Now(stored) => stored.record.tenant.id().to_string(),
        Changed::Gone { id, .. } => format!("gone {id}"),
    };
    changes.iter().map(|change| (change.cursor.n, tenant(change))).collect()
}

async fn changes_come_in_order_and_the_last_of_each_tenant_counts(repo: &dyn Repo) {
    let before = repo.head().await.expect("asked");
    let n = before.n;
    for name in ["feed-one", "feed-two"] {
        repo.create(&record(name), &stamp()).await.expect("new");
    }
    for tenant in ["feedone", "feedtwo", "feedone"] {
        let reason = SuspendReason { public: Some("unpaid".into()), private: None };
        let known = repo.by_id(&id(tenant)).await.expect("asked").expect("known");
        let edit = match known.record.tenant.status {
            TenantStatus::Pending => Transition::Activate { token: None },
            _ => Transition::Suspend(reason),
        };
        repo.edit(&id(tenant), &Edit::Status(edit), &stamp()).await.expect("allowed");
    }
    let (two, one) = ("feedtwo".to_owned(), "feedone".to_owned());
    let (all, head) = changes(repo, &before, 100).await.expect("it fits");
    assert_eq!(told(&all), [(n + 4, two.clone()), (n + 5, one.clone())]);
    assert_eq!((head.n, &all[1].cursor), (n + 5, &head));
    assert!(matches!(&all[1].tenant, Changed::Now(stored) if stored.revision == n + 5
        && stored.record.tenant.status == TenantStatus::Suspended));

    // In pieces, each with what is known now.
    let (first, head_then) = changes(repo, &before, 2).await.expect("it fits");
    assert_eq!((told(&first), &head_then), (vec![(n + 1, one.clone()), (n + 2, two.clone())], &head));
    assert!(matches!(&first[0].tenant, Changed::Now(stored) if stored.revision == n + 5));
    let (second, _) = changes(repo, &first[1].cursor, 2).await.expect("it fits");
    assert_eq!(told(&second), [(n + 3, one.clone()), (n + 4, two)]);
    let (third, _) = changes(repo, &second[1].cursor, 2).await.expect("it fits");
    assert_eq!(told(&third), [(n + 5, one)]);
    assert!(changes(repo, &head, 2).await.expect("it fits").0.is_empty());

    // From before the first change on.
    let start = Cursor { n: 0, nonce: "0".into(), ..head.clone() };
    let (all, _) = changes(repo, &start, 1000).await.expect("it fits");
    assert_eq!(all.len(), 8, "each tenant once");
}

async fn a_cursor_that_does_not_fit_is_told_so(repo: &dyn Repo) {
    let head = repo.head().await.expect("asked");
    for cursor in [
        Cursor { db: "0".repeat(32), ..head.clone() },
        Cursor { n: head.n + 1, ..head.clone() },
        Cursor { nonce: "0123456789abcdef".into(), ..head.clone() },
        Cursor { n: head.n - 1, ..head.clone() },
        Cursor { db: "0".repeat(32), n: 0, nonce: "0".into() },
    ] {
        assert!(changes(repo, &cursor, 10).await.is_none(), "{cursor}");
    }
}

async fn whoever_listens_is_woken(repo: &dyn Repo) {
    let mut bell = repo.listen();
    bell.borrow_and_update();
    repo.create(&record("bell"), &stamp()).await.expect("new");
    tokio::time::timeout(std::time::Duration::from_secs(5), bell.changed())
        .await
        .expect("in time")
        .expect("open");
}

async fn the_audit_says_who_did_what(repo: &dyn Repo) {
    let lines = repo.audit(Some(&id("feedone")), 0, 10).await.expect("asked");
    let actions: Vec<_> = lines.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["tenant.create", "tenant.activate", "tenant.suspend"]);
    for line in &lines {
        assert_eq!((line.at, &line.key, line.tenant.as_deref()), (now(), &stamp().key, Some("feedone")));
        let text = format!("{:?} {:?}", line.before, line.after);
        assert!(!text.contains("feed-one-token") && !text.contains("install"), "{text}");
    }
    assert_eq!(lines[0].before, None);
    assert_eq!(lines[1].before, lines[0].after);
    let suspended = lines[2].after.as_ref().expect("after");
    assert_eq!(
        (&suspended["status"], &suspended["email"]),
        (&"suspended".into(), &"feed-one@example".into())
    );

    let all = repo.audit(None, 0, 1000).await.expect("asked");
    assert!(all.iter().zip(1..).all(|(line, seq)| line.seq == seq), "numbered without a gap");
    let rest = repo.audit(None, all[3].seq, 2).await.expect("asked");
    assert_eq!(rest, all[4..6]);
    assert!(repo.audit(Some(&id("nobody")), 0, 10).await.expect("asked").is_empty());

    let by_itself = Stamp { at: now(), key: None };
    repo.create(&record("by-itself"), &by_itself).await.expect("new");
    assert_eq!(repo.audit(Some(&id("byitself")), 0, 10).await.expect("asked")[0].key, None);
}

async fn old_changes_are_forgotten_from_the_oldest_on(repo: &dyn Repo) {
    let (early, hour) = (repo.head().await.expect("asked"), SignedDuration::from_hours(1));
    let at = |at| Stamp { at, ..stamp() };
    // The clock jumped back between these two: what follows a change that is kept is kept.
    repo.create(&record("trim-young"), &at(now() + hour)).await.expect("new");
    let young = repo.head().await.expect("asked");
    repo.create(&record("trim-old"), &at(now() - hour)).await.expect("new");
    repo.trim(now() + hour).await.expect("trimmed");
    let head = repo.head().await.expect("asked");
    assert!(changes(repo, &early, 10).await.is_none(), "the cursor before what is kept is too old");
    let start = Cursor { n: 0, nonce: "0".into(), ..head.clone() };
    assert!(changes(repo, &start, 10).await.is_none());
    assert_eq!(told(&changes(repo, &young, 10).await.expect("it fits").0), [(head.n, "trimold".to_owned())]);

    // All of them but the newest one, for those who have it and wait for the next.
    repo.trim(now() + hour + hour).await.expect("trimmed");
    assert_eq!(repo.head().await.expect("asked"), head);
    assert!(changes(repo, &young, 10).await.is_none());
    assert!(changes(repo, &head, 10).await.expect("it fits").0.is_empty());
    let next = repo.create(&record("trim-next"), &stamp()).await.expect("new").revision;
    assert_eq!(next, head.n + 1);
    assert_eq!(told(&changes(repo, &head, 10).await.expect("it fits").0), [(next, "trimnext".to_owned())]);
}
