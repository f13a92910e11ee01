//! The body of `POST /tenant`: what a client may say about a new tenant, and what becomes of it (design 3 and 6).

use std::collections::BTreeMap;

use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::Value;
use tenant_core::{
    Host, HostRules, Incarnation, Limits, NamePolicy, Placement, Reader, Tenant, TenantName, TenantRecord,
    TenantStatus,
};
use uuid::Uuid;

use crate::bounds;
use crate::integer::integer;
use crate::secret;

/// The longest e-mail address (RFC 5321 section 4.5.3.1, as path without its brackets).
const LONGEST_EMAIL: usize = 254;

/// What a new tenant is checked against.
#[derive(Debug)]
pub(crate) struct Rules<'a> {
    pub(crate) names: &'a NamePolicy,
    pub(crate) base_domains: Option<&'a HostRules>,
}

/// Reads the record of a new, pending tenant; `None` after a fault of the name.
pub(crate) fn read(reader: &mut Reader<'_>, rules: &Rules<'_>, now: Timestamp) -> Option<TenantRecord> {
    let name = name(reader, rules.names);
    let incarnation = incarnation(reader, name.as_ref());
    let email = email(reader);
    let hosts = hosts(reader, rules.base_domains);
    let expire = expire(reader);
    let limits = reader.optional_nested("limits", limits).unwrap_or_default();
    let storage = storage(reader);
    let install_token = install_token(reader);
    let labels = labels(reader);
    let license_id = reader.optional_string("license_id");

    let mut tenant = Tenant::new(name?, incarnation);
    tenant.status = TenantStatus::Pending;
    tenant.hosts = hosts;
    tenant.expire = expire;
    tenant.limits = limits;
    tenant.storage = storage;
    let mut record = TenantRecord::new(tenant, install_token, email, now);
    record.labels = labels;
    record.license_id = license_id;
    for (field, most) in bounds::exceeded(None, &record) {
        reader.fault(field, "too_long", bounds::message(most));
    }
    Some(record)
}

fn name(reader: &mut Reader<'_>, policy: &NamePolicy) -> Option<TenantName> {
    let name: TenantName = reader.parse("name")?;
    if let Err(refused) = policy.check(&name.id()) {
        reader.fault("name", "value_error", refused.to_string());
        return None;
    }
    Some(name)
}

/// A uuid as `id` is the incarnation; any other `id` must be the one that belongs to the name.
fn incarnation(reader: &mut Reader<'_>, name: Option<&TenantName>) -> Incarnation {
    let Some(id) = reader.optional_string("id") else { return Uuid::new_v4().into() };
    if let Ok(uuid) = id.parse::<Uuid>() {
        return uuid.into();
    }
    if let Some(name) = name
        && id.to_ascii_lowercase() != name.id().as_str()
    {
        let expected = name.id();
        reader.fault("id", "value_error", format!("Input should be a uuid or '{expected}', the name's id"));
    }
    Uuid::new_v4().into()
}

pub(crate) fn email(reader: &mut Reader<'_>) -> String {
    let email = reader.string("email");
    let parts = email.split_once('@');
    let plausible = parts.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && email.len() <= LONGEST_EMAIL
        && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if !plausible && reader.get("email").is_some_and(Value::is_string) {
        reader.fault("email", "value_error", "Input should be an e-mail address");
    }
    email
}

/// Own domains in normal form, each once. International names become A-labels here (RFC 5891), never in a request.
pub(crate) fn hosts(reader: &mut Reader<'_>, base_domains: Option<&HostRules>) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for text in reader.strings("hosts").unwrap_or_default() {
        let host = match own_domain(&text) {
            Ok(host) => host,
            Err(why) => {
                reader.fault("hosts", "value_error", format!("{text}: {why}"));
                continue;
            }
        };
        if base_domains.is_some_and(|rules| rules.is_under_base(&host)) {
            reader.fault("hosts", "value_error", format!("{text}: it is a base domain, or under one"));
        } else if !hosts.iter().any(|known| known == host.as_str()) {
            hosts.push(host.to_string());
        }
    }
    hosts
}

fn own_domain(text: &str) -> Result<Host, String> {
    let ascii = if text.is_ascii() {
        text.to_owned()
    } else {
        idna::domain_to_ascii(text).map_err(|_| "it is no internationalised domain name".to_owned())?
    };
    match Host::parse_with_port(ascii.as_bytes()) {
        Ok((host, None)) => Ok(host),
        Ok((_, Some(_))) => Err("a domain has no port".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

pub(crate) fn expire(reader: &mut Reader<'_>) -> Option<Timestamp> {
    let text = reader.optional_string("expire")?;
    let time = text.parse().ok();
    if time.is_none() {
        reader.fault("expire", "datetime_parsing", "Input should be a time as in 2026-12-31T23:59:59Z");
    }
    time
}

fn limits(reader: &mut Reader<'_>) -> Limits {
    let mut small =
        |name| integer(reader, name, 1..=u64::from(u32::MAX)).and_then(|number| u32::try_from(number).ok());
    let (requests_per_second, burst, concurrent) =
        (small("requests_per_second"), small("burst"), small("concurrent"));
    Limits { requests_per_second, burst, concurrent, body_bytes: integer(reader, "body_bytes", 1..=u64::MAX) }
}

fn storage(reader: &mut Reader<'_>) -> Option<Placement> {
    let placement = Placement::parse(&reader.optional_string("storage")?);
    if placement.is_none() {
        reader.fault("storage", "enum", "Input should be 'embedded', 'shared' or 'dedicated'");
    }
    placement
}

/// The client's, under its old name too; where there is none, or an empty one, a random one.
fn install_token(reader: &mut Reader<'_>) -> SecretString {
    let given = [reader.optional_string("install_token"), reader.optional_string("install_key")];
    let given = given.into_iter().flatten().find(|token| !token.is_empty());
    given.unwrap_or_else(secret::random_text).into()
}

fn labels(reader: &mut Reader<'_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for (label, value) in reader.object("labels") {
        match value {
            Value::String(text) => {
                labels.insert(label, text);
            }
            _ => reader.fault("labels", "string_type", format!("{label}: Input should be a valid string")),
        }
    }
    labels
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;
    use serde_json::json;

    use super::*;

    fn read_body(body: Value) -> Result<TenantRecord, Vec<String>> {
        let names = NamePolicy::default();
        let bases = HostRules::base_domains(["your-domain.com".parse().expect("a host")]);
        let rules = Rules { names: &names, base_domains: Some(&bases) };
        let mut reader = Reader::body(&body);
        let record = read(&mut reader, &rules, Timestamp::UNIX_EPOCH);
        match reader.finish() {
            Ok(()) => Ok(record.expect("a record where nothing is at fault")),
            Err(rows) => {
                Err(rows.iter().map(|row| json!(row.loc.last()).as_str().unwrap_or("?").to_owned()).collect())
            }
        }
    }

    fn with(field: &str, value: Value) -> Value {
        let mut body = json!({ "name": "company-x", "email": "a@b" });
        body[field] = value;
        body
    }

    #[test]
    fn the_least_makes_a_pending_tenant_with_a_token_of_its_own() {
        let record = read_body(json!({ "name": "Company-X", "email": "tenant@email" })).expect("valid");
        assert_eq!(record.tenant.id().as_str(), "companyx");
        assert_eq!(record.tenant.name.as_str(), "company-x");
        assert_eq!(record.tenant.status, TenantStatus::Pending);
        assert_eq!(record.install_token.expose_secret().len(), 43);
    }

    #[test]
    fn the_install_token_may_come_under_its_old_name_and_an_empty_one_is_replaced() {
        for (field, given, kept) in
            [("install_token", "t", true), ("install_key", "t", true), ("install_token", "", false)]
        {
            let record = read_body(with(field, json!(given))).expect("valid");
            assert_eq!(record.install_token.expose_secret() == given, kept, "{field} {given:?}");
            assert!(!record.install_token.expose_secret().is_empty());
        }
    }

    #[test]
    fn the_id_is_a_uuid_or_the_names() {
        let uuid = "3d8bb87e-28d1-4a38-b19c-d0c1fbb71e22";
        let record = read_body(with("id", json!(uuid))).expect("valid");
        assert_eq!(record.tenant.incarnation.to_string(), uuid);
        assert!(read_body(with("id", json!("companyx"))).is_ok());
        for id in ["company-x", "other", ""] {
            assert_eq!(read_body(with("id", json!(id))).expect_err(id), ["id"]);
        }
    }

    #[test]
    fn own_domains_are_kept_in_normal_form() {
        let hosts = json!(["Shop.Example.", "shop.example", "bücher.example"]);
        let record = read_body(with("hosts", hosts)).expect("valid");
        assert_eq!(record.tenant.hosts, ["shop.example", "xn--bcher-kva.example"]);
        for host in ["192.168.1.1", "a..b", "shop.example:80", "your-domain.com", "x.Your-Domain.com.", ""] {
            assert_eq!(read_body(with("hosts", json!([host]))).expect_err(host), ["hosts"]);
        }
    }

    #[test]
    fn what_is_wrong_is_told_all_at_once() {
        let body = json!({
            "name": "www", "email": "nobody", "hosts": "shop.example", "expire": "tomorrow", "storage": "cloud",
            "limits": { "burst": -1, "concurrent": 0, "body_bytes": "1" }, "labels": { "a": 1 }, "license_id": 1,
            "install_token": 1,
        });
        let faults = read_body(body).expect_err("all wrong");
        let expected = [
            "name",
            "email",
            "hosts",
            "expire",
            "burst",
            "concurrent",
            "body_bytes",
            "storage",
            "install_token",
            "labels",
            "license_id",
        ];
        assert_eq!(faults, expected);
        assert_eq!(read_body(json!({})).expect_err("nothing"), ["name", "email"]);
        for email in ["", "a@", "@b", "a b@c", "a\n@b"] {
            assert_eq!(read_body(with("email", json!(email))).expect_err(email), ["email"]);
        }
    }

    #[test]
    fn everything_optional_is_kept() {
        let body = json!({
            "name": "acme", "email": "a@b", "expire": "2030-01-01T00:00:00Z", "storage": "shared",
            "limits": { "requests_per_second": 5, "body_bytes": 1024 }, "labels": { "plan": "gold" },
            "license_id": "l",
        });
        let record = read_body(body).expect("valid");
        assert_eq!(record.tenant.expire, "2030-01-01T00:00:00Z".parse().ok());
        assert_eq!(record.tenant.storage, Some(Placement::Shared));
        assert_eq!((record.tenant.limits.requests_per_second, record.tenant.limits.burst), (Some(5), None));
        assert_eq!(record.tenant.limits.body_bytes, Some(1024));
        assert_eq!(record.labels["plan"], "gold");
        assert_eq!(record.license_id.as_deref(), Some("l"));
    }
}
