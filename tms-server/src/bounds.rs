//! [`exceeded`]: how large the parts of a record may be, so that every reader can take it whole.

use secrecy::ExposeSecret as _;
use tenant_core::TenantRecord;

/// A part of a record, and the most of it.
struct Bound {
    field: &'static str,
    most: usize,
    /// The same for people.
    told: &'static str,
    size: fn(&TenantRecord) -> usize,
}

const BOUNDS: [Bound; 6] = [
    Bound { field: "hosts", most: 100, told: "100 hosts", size: |record| record.tenant.hosts.len() },
    Bound { field: "labels", most: 64 << 10, told: "64 KiB as JSON", size: labels },
    Bound {
        field: "public_reason",
        most: 4 << 10,
        told: "4 KiB",
        size: |record| length(record.tenant.public_reason.as_deref()),
    },
    Bound {
        field: "private_reason",
        most: 4 << 10,
        told: "4 KiB",
        size: |record| length(record.private_reason.as_deref()),
    },
    Bound {
        field: "install_token",
        most: 1 << 10,
        told: "1 KiB",
        size: |record| record.install_token.expose_secret().len(),
    },
    Bound {
        field: "license_id",
        most: 1 << 10,
        told: "1 KiB",
        size: |record| length(record.license_id.as_deref()),
    },
];

/// The fields that are too large, each with what is allowed. Of a record that is changed, what was too large already may stay
/// so, and shrink.
pub(crate) fn exceeded(
    before: Option<&TenantRecord>,
    record: &TenantRecord,
) -> impl Iterator<Item = (&'static str, &'static str)> {
    BOUNDS
        .iter()
        .filter(move |bound| bound.is_exceeded(before, record))
        .map(|bound| (bound.field, bound.told))
}

/// What a client is told of such a field.
pub(crate) fn message(most: &str) -> String {
    format!("Input should have at most {most}")
}

impl Bound {
    fn is_exceeded(&self, before: Option<&TenantRecord>, record: &TenantRecord) -> bool {
        let size = (self.size)(record);
        size > self.most && before.is_none_or(|before| size > (self.size)(before))
    }
}

fn length(text: Option<&str>) -> usize {
    text.map_or(0, str::len)
}

fn labels(record: &TenantRecord) -> usize {
    // What cannot be written has no size that would be allowed.
    serde_json::to_string(&record.labels).map_or(usize::MAX, |text| text.len())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tenant_core::{Incarnation, Tenant};

    use super::*;

    /// One whose parts have these sizes; its labels are 8 bytes of JSON and a text.
    fn record(sizes: [usize; 6]) -> TenantRecord {
        let [hosts, labels, public, private, token, license] = sizes;
        let mut tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme"));
        tenant.hosts = (0..hosts).map(|n| format!("h{n}.example")).collect();
        tenant.public_reason = Some("x".repeat(public));
        let token = "x".repeat(token).into();
        let mut record = TenantRecord::new(tenant, token, "a@b".into(), Timestamp::UNIX_EPOCH);
        record.labels.insert("a".into(), "x".repeat(labels - 8));
        record.private_reason = Some("x".repeat(private));
        record.license_id = Some("x".repeat(license));
        record
    }

    fn fields(before: Option<&TenantRecord>, record: &TenantRecord) -> Vec<&'static str> {
        exceeded(before, record).map(|(field, _)| field).collect()
    }

    #[test]
    fn each_part_has_a_bound_of_its_own() {
        let most = [100, 65_536, 4096, 4096, 1024, 1024];
        let largest = record(most);
        assert_eq!(fields(None, &largest), [""; 0]);
        for (i, bound) in BOUNDS.iter().enumerate() {
            let mut sizes = most;
            sizes[i] += 1;
            let larger = record(sizes);
            assert_eq!(fields(None, &larger), [bound.field]);
            assert_eq!(fields(Some(&largest), &larger), [bound.field]);
            sizes[i] += 1;
            let before = record(sizes);
            for after in [&before, &larger, &largest] {
                assert_eq!(fields(Some(&before), after), [""; 0], "it does not grow");
            }
        }
    }
}
