//! [`Records`]: the tenants of a faulty TMS, and the changes that made them so.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound;

use jiff::Timestamp;
use serde_json::{Value, json};
use tenant_core::{Incarnation, Tenant, TenantBody, TenantId, TenantName, TenantRecord};

/// One database. A clone is a backup of it.
#[derive(Debug, Clone)]
pub(super) struct Records {
    db: String,
    tenants: BTreeMap<TenantId, Kept>,
    /// Those that are kept, in the order of their numbers.
    changes: VecDeque<Change>,
    head: Head,
    /// Changes that the feed never tells.
    lost: BTreeSet<u64>,
}

/// A record, and the number of the change that made it so.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    pub(super) record: TenantRecord,
    revision: u64,
}

/// The number and the nonce of the last change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    n: u64,
    nonce: String,
}

#[derive(Debug, Clone)]
struct Change {
    at: Head,
    tenant: TenantId,
    /// The life that ended, where one did.
    gone: Option<Incarnation>,
}

impl Records {
    /// An empty database with an id of its own.
    pub(super) fn new() -> Self {
        let head = Head { n: 0, nonce: "0".to_owned() };
        let db = format!("{:016x}{:016x}", random(), random());
        Self { db, tenants: BTreeMap::new(), changes: VecDeque::new(), head, lost: BTreeSet::new() }
    }

    /// The same tenants in a database with another id.
    pub(super) fn moved(&self) -> Self {
        let mut moved = Self::new();
        for kept in self.tenants.values() {
            moved.put(kept.record.clone());
        }
        moved
    }

    /// Writes a record, new or changed.
    pub(super) fn put(&mut self, record: TenantRecord) {
        let id = record.tenant.id();
        let revision = self.write(id, None);
        self.tenants.insert(id, Kept { record, revision });
    }

    /// Takes a record out; whether there was one.
    pub(super) fn remove(&mut self, id: &TenantId) -> bool {
        let Some(kept) = self.tenants.remove(id) else { return false };
        self.write(*id, Some(kept.record.tenant.incarnation));
        true
    }

    fn write(&mut self, tenant: TenantId, gone: Option<Incarnation>) -> u64 {
        self.head = Head { n: self.head.n + 1, nonce: format!("{:016x}", random()) };
        self.changes.push_back(Change { at: self.head.clone(), tenant, gone });
        self.head.n
    }

    /// By id, name or hyphenated incarnation; another spelling of the id is nobody's.
    pub(super) fn find(&self, text: &str) -> Option<&Kept> {
        if let Ok(name) = text.parse::<TenantName>() {
            let kept = self.tenants.get(&name.id())?;
            return Some(kept).filter(|kept| kept.record.tenant.name == name || name.id().as_str() == text);
        }
        let incarnation: Incarnation = text.parse().ok()?;
        self.tenants.values().find(|kept| kept.record.tenant.incarnation == incarnation)
    }

    /// By own domain.
    pub(super) fn by_host(&self, host: &str) -> Option<&Kept> {
        self.tenants.values().find(|kept| kept.record.tenant.hosts.iter().any(|own| own == host))
    }

    /// In order of id, after this one.
    pub(super) fn after(&self, id: Option<TenantId>) -> impl Iterator<Item = &Kept> {
        let after = id.map_or(Bound::Unbounded, Bound::Excluded);
        self.tenants.range((after, Bound::Unbounded)).map(|(_, kept)| kept)
    }

    /// The cursor of the last change.
    pub(super) fn cursor(&self) -> String {
        self.cursor_at(&self.head)
    }

    pub(super) fn head(&self) -> u64 {
        self.head.n
    }

    fn cursor_at(&self, at: &Head) -> String {
        format!("{}.{}.{}", self.db, at.n, at.nonce)
    }

    /// The number that a cursor stands for, if it fits: of this database, with the change's nonce, and every change since
    /// then is kept.
    pub(super) fn fit(&self, cursor: &str) -> Option<u64> {
        let mut parts = cursor.splitn(3, '.');
        let (db, n, nonce) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
        let at = Head { n, nonce: nonce.to_owned() };
        let from_the_start =
            n == 0 && nonce == "0" && self.changes.front().is_some_and(|first| first.at.n == 1);
        let is_kept = || at == self.head || self.changes.iter().any(|change| change.at == at);
        (db == self.db && (from_the_start || is_kept())).then_some(n)
    }

    /// Keeps no change that is in the past.
    pub(super) fn forget_changes(&mut self) {
        self.changes.clear();
    }

    /// The feed never tells the next so many changes.
    pub(super) fn lose_next(&mut self, changes: u64) {
        self.lost.extend((1..=changes).map(|n| self.head.n + n));
    }

    /// What the feed tells after the change of this number: each tenant once, as it is now, with its last change.
    pub(super) fn frames_after(&self, n: u64) -> String {
        let seen = self.changes.partition_point(|change| change.at.n <= n);
        let news = self.changes.range(seen..).filter(|change| !self.lost.contains(&change.at.n));
        let last: BTreeMap<TenantId, &Change> = news.map(|change| (change.tenant, change)).collect();
        let mut last: Vec<_> = last.into_values().collect();
        last.sort_by_key(|change| change.at.n);
        last.into_iter().filter_map(|change| self.frame(change)).collect()
    }

    fn frame(&self, change: &Change) -> Option<String> {
        let id = self.cursor_at(&change.at);
        let (event, data) = match change.gone {
            Some(incarnation) => {
                ("gone", json!({ "id": change.tenant.as_str(), "incarnation": incarnation.to_string() }))
            }
            // Without a record, its end was among the lost.
            None => ("tenant", self.tenants.get(&change.tenant)?.body_for_directory()),
        };
        Some(format!("event: {event}\nid: {id}\ndata: {data}\n\n"))
    }
}

impl Kept {
    /// The whole record, as an operator gets it.
    pub(super) fn body(&self) -> Value {
        self.write(TenantBody::of_record(&self.record))
    }

    fn body_for_directory(&self) -> Value {
        self.write(TenantBody::of_record(&self.record).for_directory())
    }

    fn write(&self, body: TenantBody) -> Value {
        let mut body = serde_json::to_value(body).expect("plain data");
        body["revision"] = self.revision.into();
        body
    }
}

/// A record of this tenant, with what an install needs.
pub(super) fn record_of(tenant: Tenant) -> TenantRecord {
    let email = format!("admin@{}.example", tenant.name);
    TenantRecord::new(tenant, "install-token".into(), email, Timestamp::now())
}

/// The beginning of a new life.
pub(super) fn new_incarnation() -> Incarnation {
    let digits = format!("{:016x}{:016x}", random(), random());
    // 32 hex digits are a uuid.
    digits.parse().unwrap_or_else(|_| Incarnation::fixed(&digits))
}

/// Something that no other call answers.
fn random() -> u64 {
    getrandom::u64().expect("the machine has randomness")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(names: &[&str]) -> Records {
        let mut records = Records::new();
        names.iter().for_each(|name| put(&mut records, name));
        records
    }

    fn put(records: &mut Records, name: &str) {
        records.put(record_of(Tenant::new(name.parse().expect("a name"), new_incarnation())));
    }

    fn id(name: &str) -> TenantId {
        name.parse().expect("an id")
    }

    #[test]
    fn a_cursor_fits_its_database_while_what_came_after_it_is_kept() {
        let mut records = records(&[]);
        let start = records.cursor();
        assert_eq!(records.fit(&start), Some(0), "nothing happened yet");
        put(&mut records, "acme");
        let first = records.cursor();
        put(&mut records, "globex");
        assert_eq!(records.fit(&start), Some(0));
        assert_eq!(records.fit(&first), Some(1));
        assert_eq!(records.moved().fit(&records.cursor()), None);
        for odd in ["", "x", "a.b.c", &start[..33], &first[..first.len() - 1], &format!("{first}.")] {
            assert_eq!(records.fit(odd), None, "{odd:?}");
        }
        records.forget_changes();
        assert_eq!(records.fit(&start), None);
        assert_eq!(records.fit(&first), None);
        assert_eq!(records.fit(&records.cursor()), Some(2), "the head always fits");
    }

    #[test]
    fn a_restored_backup_is_noticed_even_after_new_writes() {
        let mut records = records(&["acme"]);
        let backup = records.clone();
        let before = records.cursor();
        put(&mut records, "globex");
        let after = records.cursor();
        let mut records = backup;
        assert_eq!(records.fit(&before), Some(1));
        assert_eq!(records.fit(&after), None);
        put(&mut records, "initech");
        put(&mut records, "hooli");
        assert_eq!(records.fit(&after), None, "another change has that number");
    }

    #[test]
    fn frames_tell_each_tenant_once_as_it_is_now() {
        let mut records = records(&["acme", "globex", "acme"]);
        let frames = records.frames_after(0);
        let events: Vec<_> = frames.lines().filter(|line| line.starts_with("id: ")).collect();
        assert_eq!(events.len(), 2, "{frames}");
        assert!(events[0].contains(".2.") && events[1].contains(".3."), "{frames}");
        assert!(frames.contains("\"revision\":3") && !frames.contains("install"), "{frames}");

        assert!(records.remove(&id("globex")));
        assert!(records.frames_after(3).starts_with("event: gone\n"));
        assert_eq!(records.frames_after(4), "");
        records.lose_next(1);
        put(&mut records, "initech");
        assert_eq!(records.frames_after(4), "", "lost");
    }

    #[test]
    fn a_tenant_answers_to_id_name_and_incarnation() {
        let records = records(&["company-x"]);
        let incarnation = records.find("companyx").expect("by id").record.tenant.incarnation.to_string();
        for text in ["company-x", &incarnation] {
            assert!(records.find(text).is_some(), "{text}");
        }
        for text in ["c-ompanyx", "company", "", "Company X"] {
            assert!(records.find(text).is_none(), "{text}");
        }
        assert!(records.by_host("shop.example").is_none());
    }
}
