//! What holds for every input.

use proptest::prelude::*;
use tenant_core::{Host, HostRules, Incarnation, Tenant, TenantId, TenantKey, TenantName};

/// A second, plain reading of `host [":" port]`, by splitting and collecting instead of walking.
fn plain_host(bytes: &[u8]) -> Option<(String, Option<u16>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (name, port) = match text.split_once(':') {
        None => (text, None),
        Some((name, "")) => (name, None),
        Some((name, digits)) if digits.chars().all(|c| c.is_ascii_digit()) => {
            let value = digits.trim_start_matches('0');
            (name, Some(if value.is_empty() { 0 } else { value.parse::<u16>().ok()? }))
        }
        Some(_) => return None,
    };
    let name = name.to_ascii_lowercase();
    let name = if name.ends_with('.') { &name[..name.len() - 1] } else { &name[..] };
    let labels: Vec<&str> = name.split('.').collect();
    let good = |label: &&str| {
        !label.is_empty()
            && label.len() <= 63
            && label.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = labels[labels.len() - 1];
    let decimal = last.chars().all(|c| c.is_ascii_digit());
    let hexadecimal = last.starts_with("0x") && last[2..].chars().all(|c| c.is_ascii_hexdigit());
    let is_host = name.len() <= 253 && labels.iter().all(good) && !decimal && !hexadecimal;
    is_host.then(|| (name.to_owned(), port))
}

fn read_host(bytes: &[u8]) -> Option<(String, Option<u16>)> {
    Host::parse_with_port(bytes).ok().map(|(host, port)| (host.to_string(), port))
}

/// Text that looks like a host, often one byte away from being one.
fn host_like() -> impl Strategy<Value = Vec<u8>> {
    let label = prop_oneof![
        8 => "[a-zA-Z0-9]([a-zA-Z0-9-]{0,12}[a-zA-Z0-9])?",
        1 => "[a-z0-9-]{0,3}",
        1 => "[a-z]{60,66}",
        1 => "0[xX][0-9a-gA-G]{0,4}",
        1 => "[0-9]{1,4}",
    ];
    let labels = proptest::collection::vec(label, 0..6).prop_map(|labels| labels.join("."));
    let tail = prop_oneof![
        6 => Just(String::new()),
        1 => Just(".".to_owned()),
        1 => "\\.?:[0-9]{0,6}",
        1 => "[.:@%/\\[\\] _-]{1,3}",
    ];
    let fault = proptest::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>()));
    (labels, tail, fault).prop_map(|(labels, tail, fault)| {
        let mut bytes = (labels + &tail).into_bytes();
        if let Some((at, byte)) = fault {
            let at = at.index(bytes.len() + 1);
            bytes.insert(at, byte);
        }
        bytes
    })
}

/// Text that looks like a name, with the cases in it that ids refuse.
fn name_like() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[a-zA-Z0-9]([a-zA-Z0-9-]{0,14}[a-zA-Z0-9])?",
        1 => "[a-z0-9-]{0,66}",
        1 => "[0-9-]{1,8}",
        1 => "[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}",
        1 => "\\PC{0,12}",
    ]
}

/// A name, and a label that often has the same id: the name without its hyphens, with one more, or in upper case.
fn name_and_label() -> impl Strategy<Value = (String, String)> {
    (name_like(), name_like(), any::<(bool, bool, Option<prop::sample::Index>)>(), prop::bool::weighted(0.2))
        .prop_map(|(name, stranger, (bare, upper, hyphen), is_stranger)| {
            let mut label = if bare { name.replace('-', "") } else { name.clone() };
            if upper {
                label.make_ascii_uppercase();
            }
            if let Some(at) =
                hyphen.map(|at| at.index(label.len() + 1)).filter(|&at| label.is_char_boundary(at))
            {
                label.insert(at, '-');
            }
            (name, if is_stranger { stranger } else { label })
        })
}

/// More cases than usual, and as many as `PROPTEST_CASES` asks for.
fn config() -> ProptestConfig {
    let asked = ProptestConfig::default();
    ProptestConfig { cases: asked.cases.max(4096), ..asked }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn host_parsing_is_total_and_agrees_with_the_plain_reading(bytes: Vec<u8>) {
        prop_assert_eq!(read_host(&bytes), plain_host(&bytes));
    }

    #[test]
    fn so_it_does_on_what_looks_like_a_host(bytes in host_like()) {
        prop_assert_eq!(read_host(&bytes), plain_host(&bytes));
    }

    #[test]
    fn a_host_in_normal_form_is_itself(bytes in host_like()) {
        if let Ok(host) = Host::parse(&bytes) {
            prop_assert_eq!(Host::parse_with_port(host.as_str().as_bytes()), Ok((host.clone(), None)));
            prop_assert_eq!(host.as_str(), host.as_str().to_ascii_lowercase());
            let decorated = format!("{}.:8585", host.as_str().to_ascii_uppercase());
            prop_assert_eq!(Host::parse(decorated.as_bytes()), Ok(host));
        }
    }

    #[test]
    fn parsing_an_id_or_a_name_is_total_and_idempotent(text in name_like()) {
        if let Ok(id) = TenantId::parse(&text) {
            prop_assert_eq!(id.as_str(), &text, "an id is never cleaned up");
            prop_assert_eq!(TenantId::derive(&text), Ok(id));
        }
        if let Ok(id) = TenantId::derive(&text) {
            prop_assert_eq!(TenantId::derive(id.as_str()), Ok(id));
            prop_assert_eq!(TenantId::parse(id.as_str()), Ok(id));
        }
        if let Ok(name) = TenantName::parse(&text) {
            prop_assert_eq!(TenantName::parse(name.as_str()), Ok(name));
            prop_assert_eq!(TenantId::parse(name.id().as_str()), Ok(name.id()));
            prop_assert_eq!(TenantName::parse(name.id().as_str()).map(|name| name.id()), Ok(name.id()));
        }
    }

    /// Two names are in conflict exactly if they are the same without hyphens and case.
    #[test]
    fn two_names_collide_exactly_if_their_ids_are_equal(
        one in "[a-c]-?[A-Ca-c0]-?[a-c]",
        other in "[a-c]-?[A-Ca-c0]-?[a-c]",
    ) {
        let (Ok(one), Ok(other)) = (TenantName::parse(&one), TenantName::parse(&other)) else {
            return Err(TestCaseError::fail("the pattern makes names"));
        };
        let bare = |name: &TenantName| name.as_str().replace('-', "");
        prop_assert_eq!(one.id() == other.id(), bare(&one) == bare(&other));
    }

    /// Whatever is put before a base domain, a tenant answers to its name and its bare id alone.
    #[test]
    fn a_label_leads_to_the_tenant_that_it_names_and_to_no_other((name, label) in name_and_label()) {
        let (Ok(name), Ok(host)) =
            (TenantName::parse(&name), Host::parse(format!("{label}.base.example").as_bytes())) else {
            return Ok(());
        };
        let rules = HostRules::base_domains(["base.example".parse().expect("a host")]);
        let tenant = Tenant::new(name, Incarnation::fixed(name.as_str()));
        let before = host.as_str().strip_suffix(".base.example").expect("it was put there");
        let named = rules.keys(&host).is_ok_and(|keys| keys.first.names(&tenant));
        prop_assert_eq!(named, before == name.as_str() || before == name.id().as_str());
        for spelling in [name.as_str(), name.id().as_str()] {
            let key = TenantKey::label(spelling);
            prop_assert!(key.is_some_and(|key| key.names(&tenant)), "{} names {}", spelling, name);
        }
    }

    #[test]
    fn a_host_is_read_by_its_rules_without_a_panic(bytes in host_like(), base in host_like()) {
        if let (Ok(host), Ok(base)) = (Host::parse(&bytes), Host::parse(&base)) {
            let rules = HostRules::base_domains([base]);
            let by_label = !matches!(rules.keys(&host), Ok(keys) if matches!(keys.first, TenantKey::Domain(_)));
            prop_assert_eq!(rules.is_under_base(&host), by_label);
        }
    }
}
