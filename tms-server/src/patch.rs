//! [`Patch`]: the body of `PATCH /tenant/{tenant}`, a merge patch (RFC 7396) of what may change.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;
use tenant_core::{HostRules, Limits, Reader, TenantRecord, TenantStatus};

use crate::integer::integer;
use crate::new_tenant::{email, expire, hosts};
use crate::transition::TransitionRefused;

/// The fields that may change, and those of `limits`.
const FIELDS: [&str; 5] = ["hosts", "limits", "labels", "email", "expire"];
const LIMITS: [&str; 4] = ["requests_per_second", "burst", "concurrent", "body_bytes"];

/// What changes of a tenant. `None` leaves a field as it is; an inner `None` clears it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Patch {
    hosts: Option<Vec<String>>,
    limits: LimitsPatch,
    labels: Labels,
    email: Option<String>,
    expire: Option<Option<Timestamp>>,
}

/// What changes of the limits, each by itself.
#[derive(Debug, Clone, Default)]
struct LimitsPatch {
    requests_per_second: Option<Option<u32>>,
    burst: Option<Option<u32>>,
    concurrent: Option<Option<u32>>,
    body_bytes: Option<Option<u64>>,
}

/// What changes of the labels.
#[derive(Debug, Clone)]
enum Labels {
    /// Some are set, and those with `None` removed.
    Some(BTreeMap<String, Option<String>>),
    /// All are removed.
    None,
}

impl Default for Labels {
    fn default() -> Self {
        Self::Some(BTreeMap::new())
    }
}

/// Reads a patch. Own domains are checked as those of a new tenant are.
pub(crate) fn read(reader: &mut Reader<'_>, base_domains: Option<&HostRules>) -> Patch {
    reader.refuse_others(&FIELDS, "This field is not known, or cannot be changed");
    Patch {
        hosts: reader.has("hosts").then(|| hosts(reader, base_domains)),
        limits: limits(reader),
        labels: labels(reader),
        email: reader.has("email").then(|| email(reader)),
        expire: reader.has("expire").then(|| expire(reader)),
    }
}

fn limits(reader: &mut Reader<'_>) -> LimitsPatch {
    if !reader.has("limits") {
        return LimitsPatch::default();
    }
    let all = LimitsPatch {
        requests_per_second: Some(None),
        burst: Some(None),
        concurrent: Some(None),
        body_bytes: Some(None),
    };
    let read = |reader: &mut Reader<'_>| {
        reader.refuse_others(&LIMITS, "There is no such limit");
        LimitsPatch {
            requests_per_second: small(reader, "requests_per_second"),
            burst: small(reader, "burst"),
            concurrent: small(reader, "concurrent"),
            body_bytes: reader.has("body_bytes").then(|| integer(reader, "body_bytes", 1..=u64::MAX)),
        }
    };
    reader.optional_nested("limits", read).unwrap_or(all)
}

fn small(reader: &mut Reader<'_>, name: &str) -> Option<Option<u32>> {
    let number = |reader: &mut Reader<'_>| integer(reader, name, 1..=u64::from(u32::MAX));
    reader.has(name).then(|| number(reader).and_then(|number| u32::try_from(number).ok()))
}

fn labels(reader: &mut Reader<'_>) -> Labels {
    if reader.has("labels") && reader.get("labels").is_none() {
        return Labels::None;
    }
    let mut labels = BTreeMap::new();
    for (label, value) in reader.object("labels") {
        match value {
            Value::String(text) => drop(labels.insert(label, Some(text))),
            Value::Null => drop(labels.insert(label, None)),
            _ => reader.fault("labels", "string_type", format!("{label}: Input should be a valid string")),
        }
    }
    Labels::Some(labels)
}

impl Patch {
    /// Applies the patch.
    ///
    /// # Errors
    /// If the tenant is being removed; the record is then as it was.
    pub(crate) fn apply(&self, record: &mut TenantRecord) -> Result<(), TransitionRefused> {
        let tenant = &mut record.tenant;
        let status = tenant.status;
        if status == TenantStatus::Deleting {
            return Err(TransitionRefused::Status { status, wanted: "changed" });
        }
        set(&mut tenant.hosts, &self.hosts);
        self.limits.apply(&mut tenant.limits);
        set(&mut tenant.expire, &self.expire);
        set(&mut record.email, &self.email);
        match &self.labels {
            Labels::None => record.labels.clear(),
            Labels::Some(labels) => {
                for (label, value) in labels {
                    match value {
                        Some(text) => drop(record.labels.insert(label.clone(), text.clone())),
                        None => drop(record.labels.remove(label)),
                    }
                }
            }
        }
        Ok(())
    }
}

impl LimitsPatch {
    fn apply(&self, limits: &mut Limits) {
        set(&mut limits.requests_per_second, &self.requests_per_second);
        set(&mut limits.burst, &self.burst);
        set(&mut limits.concurrent, &self.concurrent);
        set(&mut limits.body_bytes, &self.body_bytes);
    }
}

fn set<T: Clone>(field: &mut T, change: &Option<T>) {
    if let Some(value) = change {
        field.clone_from(value);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tenant_core::{Incarnation, Tenant};

    use super::*;

    fn record() -> TenantRecord {
        let mut tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme"));
        tenant.hosts = vec!["shop.example".into()];
        tenant.limits = Limits { burst: Some(5), concurrent: Some(7), ..Limits::default() };
        tenant.expire = Some(Timestamp::UNIX_EPOCH);
        let mut record = TenantRecord::new(tenant, "t".into(), "a@b".into(), Timestamp::UNIX_EPOCH);
        record.labels = BTreeMap::from([("plan".into(), "gold".into()), ("region".into(), "eu".into())]);
        record
    }

    fn patched(body: &Value) -> Result<TenantRecord, Vec<Value>> {
        let bases = HostRules::base_domains(["your-domain.com".parse().expect("a host")]);
        let mut reader = Reader::body(body);
        let patch = read(&mut reader, Some(&bases));
        reader.finish().map_err(|faults| faults.iter().map(|fault| json!(fault.loc)).collect::<Vec<_>>())?;
        let mut record = record();
        patch.apply(&mut record).expect("not being removed");
        Ok(record)
    }

    #[test]
    fn what_is_not_named_stays_and_null_clears() {
        let same = patched(&json!({})).expect("valid");
        assert_eq!(
            (&same.tenant, &same.labels, &same.email),
            (&record().tenant, &record().labels, &record().email)
        );

        let body = json!({ "hosts": null, "expire": null, "limits": null, "labels": null });
        let cleared = patched(&body).expect("valid");
        assert_eq!((cleared.tenant.hosts.len(), cleared.tenant.expire), (0, None));
        assert_eq!((cleared.tenant.limits, cleared.labels.len()), (Limits::default(), 0));
        assert_eq!(cleared.email, "a@b");
    }

    #[test]
    fn objects_are_merged_and_lists_replaced() {
        let body = json!({
            "hosts": ["Neu.Example", "b\u{fc}cher.example"], "email": "c@d", "expire": "2030-01-01T00:00:00Z",
            "limits": { "burst": null, "body_bytes": 9 }, "labels": { "plan": null, "tier": "1" },
        });
        let record = patched(&body).expect("valid");
        assert_eq!(record.tenant.hosts, ["neu.example", "xn--bcher-kva.example"]);
        let limits = record.tenant.limits;
        assert_eq!((limits.burst, limits.concurrent, limits.body_bytes), (None, Some(7), Some(9)));
        assert_eq!(
            record.labels.into_iter().collect::<Vec<_>>(),
            [("region".to_owned(), "eu".to_owned()), ("tier".to_owned(), "1".to_owned())]
        );
        assert_eq!(
            (record.email.as_str(), record.tenant.expire),
            ("c@d", "2030-01-01T00:00:00Z".parse().ok())
        );
    }

    #[test]
    fn what_cannot_be_changed_or_is_wrong_is_named() {
        let body = |field: &str| json!(["body", field]);
        for (patch, faults) in [
            (
                json!({ "name": "x", "status": "active", "nonsense": null }),
                vec![body("name"), body("nonsense"), body("status")],
            ),
            (json!({ "email": null }), vec![body("email")]),
            (json!({ "email": "nobody" }), vec![body("email")]),
            (json!({ "expire": "tomorrow" }), vec![body("expire")]),
            (json!({ "hosts": ["x.your-domain.com"] }), vec![body("hosts")]),
            (json!({ "labels": { "a": 1 } }), vec![body("labels")]),
            (json!({ "labels": ["a"] }), vec![body("labels")]),
            (
                json!({ "limits": { "burst": 0, "x": 1 } }),
                vec![json!(["body", "limits", "x"]), json!(["body", "limits", "burst"])],
            ),
            (json!([]), vec![json!(["body"])]),
        ] {
            assert_eq!(patched(&patch).expect_err("refused"), faults, "{patch}");
        }
    }

    #[test]
    fn a_tenant_that_is_being_removed_does_not_change() {
        let mut record = record();
        record.tenant.status = TenantStatus::Deleting;
        let patch = Patch { email: Some("c@d".into()), ..Patch::default() };
        let status = TransitionRefused::Status { status: TenantStatus::Deleting, wanted: "changed" };
        assert_eq!(patch.apply(&mut record), Err(status));
        assert_eq!(record.email, "a@b");
    }
}
