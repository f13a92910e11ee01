//! Keys and signing secrets.

use jiff::SignedDuration;

use super::super::{NewKey, Repo};
use super::{now, stamp};
use crate::keys::Scope;

pub(super) async fn are_kept(repo: &dyn Repo) {
    the_first_key_is_made_once(repo).await;
    keys_rotate_and_end(repo).await;
    a_label_is_replaced_as_a_whole(repo).await;
    every_change_of_a_key_is_in_the_audit(repo).await;
    the_first_signing_secret_stays(repo).await;
    signing_secrets_rotate_and_end(repo).await;
}

fn key(id: &str, label: &str) -> NewKey {
    let (id, label) = (id.to_owned(), label.to_owned());
    NewKey { id, scope: Scope::Directory, label, sha256: [1; 32], created: now() }
}

async fn ids(repo: &dyn Repo) -> Vec<String> {
    repo.list_keys().await.expect("asked").into_iter().map(|key| key.id).collect()
}

async fn the_first_key_is_made_once(repo: &dyn Repo) {
    let (first, second, stamp) = (key("first", "first"), key("second", "first"), stamp());
    assert!(repo.insert_first_key(&first, &stamp).await.expect("asked"));
    assert!(!repo.insert_first_key(&second, &stamp).await.expect("asked"));
    assert!(repo.key("second").await.expect("asked").is_none());
}

async fn keys_rotate_and_end(repo: &dyn Repo) {
    let stamp = stamp();
    repo.insert_key(&key("turning", "it's a label"), &stamp).await.expect("new");
    let soon = now() + SignedDuration::from_secs(60);
    let later = now() + SignedDuration::from_secs(600);
    assert!(repo.rotate_key("turning", &[2; 32], soon, &stamp).await.expect("asked"));
    assert!(repo.rotate_key("turning", &[3; 32], later, &stamp).await.expect("asked"));

    let row = repo.key("turning").await.expect("asked").expect("known");
    assert_eq!((row.scope, row.label.as_str(), row.created), (Scope::Directory, "it's a label", now()));
    let generations: Vec<_> = row.generations.iter().map(|g| (g.number, g.sha256[0], g.until)).collect();
    assert_eq!(generations, [(1, 1, Some(soon)), (2, 2, Some(later)), (3, 3, None)], "no end is put off");

    assert_eq!(ids(repo).await, ["first", "turning"]);
    let deleted = repo.delete_key("turning", &stamp).await.expect("asked").expect("known");
    assert_eq!(deleted.generations.len(), 3);
    assert!(repo.key("turning").await.expect("asked").is_none());
    assert!(repo.delete_key("turning", &stamp).await.expect("asked").is_none());
    assert!(!repo.rotate_key("turning", &[4; 32], soon, &stamp).await.expect("asked"));
}

async fn a_label_is_replaced_as_a_whole(repo: &dyn Repo) {
    let stamp = stamp();
    for (id, label) in [("dev1", "dev"), ("dev2", "dev"), ("other", "devil")] {
        repo.insert_key(&key(id, label), &stamp).await.expect("new");
    }
    repo.replace_keys(&key("dev3", "dev"), &stamp).await.expect("replaced");
    assert_eq!(ids(repo).await, ["dev3", "first", "other"]);
}

async fn every_change_of_a_key_is_in_the_audit(repo: &dyn Repo) {
    let lines = repo.audit(None, 0, 1000).await.expect("asked");
    let lines: Vec<_> = lines
        .iter()
        .filter(|line| line.action.starts_with("key."))
        .map(|line| {
            let of = |body: &Option<serde_json::Value>| {
                body.as_ref()
                    .map(|body| format!("{} {}", body["id"].as_str().unwrap_or("?"), body["generation"]))
            };
            (line.action.as_str(), of(&line.before), of(&line.after))
        })
        .collect();
    let key = |text: &str| Some(text.to_owned());
    let expected = [
        ("key.issue", None, key("first 1")),
        ("key.issue", None, key("turning 1")),
        ("key.rotate", key("turning 1"), key("turning 2")),
        ("key.rotate", key("turning 2"), key("turning 3")),
        ("key.revoke", key("turning 3"), None),
        ("key.issue", None, key("dev1 1")),
        ("key.issue", None, key("dev2 1")),
        ("key.issue", None, key("other 1")),
        ("key.revoke", key("dev1 1"), None),
        ("key.revoke", key("dev2 1"), None),
        ("key.issue", None, key("dev3 1")),
    ];
    assert_eq!(lines, expected);
}

async fn the_first_signing_secret_stays(repo: &dyn Repo) {
    assert!(repo.signing_secrets(now()).await.expect("asked").is_empty());
    for candidate in [b"first".as_slice(), b"second"] {
        repo.first_signing_secret(candidate, &stamp()).await.expect("asked");
    }
    let secrets = repo.signing_secrets(now()).await.expect("asked");
    assert_eq!(secrets.iter().map(|s| (&s.secret[..], s.until)).collect::<Vec<_>>(), [(&b"first"[..], None)]);
}

async fn signing_secrets_rotate_and_end(repo: &dyn Repo) {
    let soon = now() + SignedDuration::from_secs(60);
    let later = now() + SignedDuration::from_secs(600);
    let live = async |at| -> Vec<(Vec<u8>, Option<jiff::Timestamp>)> {
        let secrets = repo.signing_secrets(at).await.expect("asked");
        secrets.into_iter().map(|secret| (secret.secret, secret.until)).collect()
    };
    repo.rotate_signing_secret(b"second", soon, &stamp()).await.expect("rotated");
    repo.rotate_signing_secret(b"third", later, &stamp()).await.expect("rotated");
    let (first, second) = ((b"first".to_vec(), Some(soon)), (b"second".to_vec(), Some(later)));
    let third = (b"third".to_vec(), None);
    assert_eq!(
        live(now()).await,
        [third.clone(), second.clone(), first],
        "the newest first; no end is put off"
    );
    assert_eq!(live(soon).await, [third.clone(), second]);
    assert_eq!(live(later).await, [third]);
    // Without an overlap the earlier ones end at once.
    repo.rotate_signing_secret(b"fourth", now(), &stamp()).await.expect("rotated");
    assert_eq!(live(now()).await, [(b"fourth".to_vec(), None)]);
    let audit = repo.audit(None, 0, 1000).await.expect("asked");
    let rotations = audit.iter().filter(|line| line.action == "secret.rotate");
    assert!(rotations.clone().all(|line| line.before.is_none() && line.after.is_none()));
    assert_eq!(rotations.count(), 3);
}
