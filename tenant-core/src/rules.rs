//! [`HostRules`]: which [`TenantKey`] a host stands for.

use crate::host::Host;
use crate::id::TenantId;
use crate::label::Label;
use crate::name::TenantName;
use crate::tenant::Tenant;

/// What a directory is asked for. Borrows from the [`Host`] it was read from.
///
/// A directory finds a tenant by id or by own domain, never by the text that the client sent; whether that text is one
/// of the tenant's spellings is checked afterwards, with [`TenantKey::names`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TenantKey<'a> {
    /// The label before a base domain.
    Label {
        /// The id that the label stands for.
        id: TenantId,
        /// The label itself.
        label: Label<'a>,
    },
    /// A whole host, which some tenant may have registered as its own domain.
    Domain(&'a str),
}

impl<'a> TenantKey<'a> {
    /// The key of a label, or `None` where no tenant can have it as its name or id.
    pub fn label(label: &'a str) -> Option<Self> {
        let name = TenantName::parse(label).ok()?;
        Some(Self::Label { id: name.id(), label: Label::of(label.as_bytes()) })
    }

    /// The key of a name.
    pub fn name(name: &'a TenantName) -> Self {
        Self::Label { id: name.id(), label: Label::from(name) }
    }

    /// The key of an id.
    pub fn id(id: &'a TenantId) -> Self {
        Self::Label { id: *id, label: Label::of(id.as_bytes()) }
    }

    /// Whether the tenant answers to this key: its name or its bare id, or one of its own domains. Another spelling of
    /// the id (`c-ompanyx` for `company-x`) is nobody's.
    #[inline]
    pub fn names(&self, tenant: &Tenant) -> bool {
        match self {
            // A name has one id, so the second comparison is for those who leave the hyphens out.
            Self::Label { id, label } => {
                label.as_bytes() == tenant.name.as_str().as_bytes()
                    || label.as_bytes() == id.as_bytes() && *id == tenant.id()
            }
            Self::Domain(domain) => tenant.hosts.iter().any(|host| host == domain),
        }
    }
}

/// The keys to ask a directory for, in order: the second only where the first is unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostKeys<'a> {
    /// Asked for first.
    pub first: TenantKey<'a>,
    /// Asked for where nobody answers to the first.
    pub second: Option<TenantKey<'a>>,
}

/// Why a host can be no tenant's, whatever the directory holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostRefused {
    /// It is a base domain itself.
    BareBase,
    /// Its label is a DNS label that no tenant can have as its name.
    NotATenant {
        /// The letters and digits of the label.
        stripped: String,
    },
    /// It is more than one label under a base domain, or what is before it is no label.
    Foreign,
}

/// How hosts map to tenants.
#[derive(Debug, Clone)]
pub struct HostRules(Rule);

#[derive(Debug, Clone)]
enum Rule {
    /// The longest first, so that `eu.example.com` wins over `example.com`.
    BaseDomains(Vec<Host>),
    FirstOfThreeLabels,
    Fixed(TenantName),
}

impl HostRules {
    /// Tenants live one label under a base domain; any other host is an own domain or nobody's.
    ///
    /// Without a base domain, an own domain is looked for first, then the first of at least three labels is the
    /// tenant's: the original's rule, which lets any domain that points here name a tenant. Prefer base domains.
    pub fn base_domains(bases: impl IntoIterator<Item = Host>) -> Self {
        let mut bases: Vec<Host> = bases.into_iter().collect();
        if bases.is_empty() {
            return Self(Rule::FirstOfThreeLabels);
        }
        bases.sort_by_key(|base| std::cmp::Reverse(base.as_str().len()));
        Self(Rule::BaseDomains(bases))
    }

    /// Every request is this tenant's, whatever its host says.
    pub fn fixed(name: &TenantName) -> Self {
        Self(Rule::Fixed(*name))
    }

    /// The one key of [`HostRules::fixed`]: where there is one, the request's host is not even read.
    pub fn fixed_key(&self) -> Option<TenantKey<'_>> {
        match &self.0 {
            Rule::Fixed(name) => Some(TenantKey::name(name)),
            Rule::BaseDomains(_) | Rule::FirstOfThreeLabels => None,
        }
    }

    /// Which keys a host stands for.
    ///
    /// # Errors
    /// If the host can be no tenant's.
    pub fn keys<'a>(&'a self, host: &'a Host) -> Result<HostKeys<'a>, HostRefused> {
        match &self.0 {
            Rule::Fixed(name) => Ok(only(TenantKey::name(name))),
            Rule::FirstOfThreeLabels => {
                Ok(HostKeys { first: TenantKey::Domain(host.as_str()), second: first_of_three(host) })
            }
            Rule::BaseDomains(bases) => match under_base(bases, host.as_str()) {
                Some("") => Err(HostRefused::BareBase),
                Some(label) if label.contains('.') => Err(HostRefused::Foreign),
                Some(label) => TenantKey::label(label).map(only).ok_or_else(|| not_a_tenant(label)),
                None => Ok(only(TenantKey::Domain(host.as_str()))),
            },
        }
    }

    /// The base domains, the longest first.
    #[inline]
    pub(crate) fn bases(&self) -> &[Host] {
        match &self.0 {
            Rule::BaseDomains(bases) => bases,
            Rule::FirstOfThreeLabels | Rule::Fixed(_) => &[],
        }
    }

    /// Whether a host is decided by its label alone, being at or under a base domain: no tenant may have it as its own.
    pub fn is_under_base(&self, host: &Host) -> bool {
        matches!(&self.0, Rule::BaseDomains(bases) if under_base(bases, host.as_str()).is_some())
    }
}

fn only(first: TenantKey<'_>) -> HostKeys<'_> {
    HostKeys { first, second: None }
}

fn not_a_tenant(label: &str) -> HostRefused {
    HostRefused::NotATenant { stripped: label.chars().filter(char::is_ascii_alphanumeric).collect() }
}

fn first_of_three(host: &Host) -> Option<TenantKey<'_>> {
    let mut labels = host.as_str().split('.');
    let first = labels.next()?;
    if labels.count() < 2 {
        return None;
    }
    TenantKey::label(first)
}

/// What stands before the longest base domain that the host is under; empty for the base domain itself.
fn under_base<'a>(bases: &[Host], host: &'a str) -> Option<&'a str> {
    bases.iter().find_map(|base| match host.strip_suffix(base.as_str())? {
        "" => Some(""),
        before => before.strip_suffix('.'),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(bases: &[&str]) -> HostRules {
        HostRules::base_domains(bases.iter().map(|base| base.parse().expect("a host")))
    }

    fn host(text: &str) -> Host {
        text.parse().expect("a host")
    }

    #[test]
    fn one_label_before_a_base_domain_is_the_tenant() {
        let rules = rules(&["your-domain.com", "eu.your-domain.com", "localhost"]);
        for (text, label) in [
            ("company-x.your-domain.com", "company-x"),
            ("COMPANY-X.localhost:8585", "company-x"),
            ("acme.eu.your-domain.com", "acme"),
        ] {
            let host = host(text);
            assert_eq!(rules.keys(&host), Ok(only(TenantKey::label(label).expect("a label"))), "{text}");
        }
    }

    #[test]
    fn what_no_tenant_can_be_is_refused() {
        let rules = rules(&["your-domain.com", "eu.your-domain.com"]);
        for (text, why) in [
            ("your-domain.com", HostRefused::BareBase),
            ("eu.your-domain.com.", HostRefused::BareBase),
            ("a.b.your-domain.com", HostRefused::Foreign),
            ("1-2.your-domain.com", HostRefused::NotATenant { stripped: "12".into() }),
            ("xn--a.your-domain.com", HostRefused::NotATenant { stripped: "xna".into() }),
        ] {
            assert_eq!(rules.keys(&host(text)), Err(why), "{text}");
        }
    }

    #[test]
    fn any_other_host_may_be_an_own_domain() {
        let rules = rules(&["your-domain.com"]);
        for text in ["shop.example", "evilyour-domain.com", "your-domain.com.evil.example"] {
            let host = host(text);
            assert_eq!(rules.keys(&host), Ok(only(TenantKey::Domain(text))));
            assert!(!rules.is_under_base(&host));
        }
        assert!(rules.is_under_base(&host("shop.your-domain.com")));
    }

    #[test]
    fn without_base_domains_an_own_domain_comes_before_the_first_of_three_labels() {
        let rules = rules(&[]);
        let three = host("acme.shop.example");
        let keys = rules.keys(&three).expect("keys");
        assert_eq!(keys.first, TenantKey::Domain("acme.shop.example"));
        assert_eq!(keys.second, TenantKey::label("acme"));
        assert_eq!(rules.keys(&host("shop.example")).expect("keys").second, None);
    }
}
