//! [`TenantLayer::explain`]: the layer's own decision, told step by step.

use std::sync::Arc;

use http::request::Parts;
use tenant_core::{Host, HostKeys, HostRefused, HostRules, TenantDirectory, TenantKey};

use crate::current::{CurrentTenant, Resolved};
use crate::explanation::{Effect, Explanation, Rule, Step};
use crate::layer::TenantLayer;
use crate::observe::shown;
use crate::recording::Recording;
use crate::reject::{Rejection, RejectionKind};
use crate::resolve::{AtOnce, Origin, Resolver};

impl<D: TenantDirectory> TenantLayer<D> {
    /// Why a request has the tenant that it has, or none: every source of a host, every rule, what the directory said, and
    /// the answer.
    ///
    /// It decides by the same functions as the layer, asks the same directory, waits for it, and is counted there like a
    /// request. Nothing is put into the request's extensions, and neither [`exempt`](TenantLayer::exempt) nor
    /// [`on_reject`](TenantLayer::on_reject) is asked: an exempt request reaches its handler whatever the verdict.
    /// What it costs does not matter to it; it is for operators and tests.
    ///
    /// # Cancellation
    /// Dropping the future loses nothing.
    ///
    /// ```
    /// # use tenant_core::{HostRules, StaticDirectory};
    /// # use tenant_router::TenantLayer;
    /// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
    /// let layer = TenantLayer::new(HostRules::base_domains(["your-domain.com".parse()?]), StaticDirectory::default());
    /// let request = http::Request::get("/").header("host", "Company_X.your-domain.com").body(())?;
    /// let explanation = layer.explain(&request.into_parts().0).await;
    /// assert_eq!(explanation.status().map(|status| status.as_u16()), Some(400));
    /// println!("{explanation}");
    /// # Ok::<_, Box<dyn std::error::Error>>(())
    /// # })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn explain(&self, request: &Parts) -> Explanation {
        let recording = Arc::new(Recording::of(Arc::clone(&self.shared.resolver.directory)));
        let resolver = self.shared.resolver.with_directory(Arc::clone(&recording));
        let mut steps = of_header(&resolver, request);
        match resolver.origin(request, &mut steps) {
            Ok(Origin::Host(host)) => of_host(&resolver.rules, &host, &mut steps),
            Ok(Origin::Fixed) => {
                steps = vec![Step::new(Rule::OneTenant, Effect::Counts, "every host is its; none is read")]
            }
            Ok(Origin::Header(_)) | Err(_) => {}
        }
        let resolved = match resolver.at_once(request) {
            AtOnce::Settled(resolved) => resolved,
            AtOnce::Ask(origin) => resolver.ask(&origin).await,
        };
        steps.extend(recording.take());
        steps.extend(standing(&resolved));
        steps.push(verdict(&resolved));
        Explanation { steps, resolved }
    }
}

/// The tenant header, where one is enabled.
fn of_header<D: TenantDirectory>(resolver: &Resolver<D>, request: &Parts) -> Vec<Step> {
    let Some(header) = &resolver.tenant_header else { return Vec::new() };
    if !request.headers.contains_key(header) {
        return vec![Step::new(Rule::TenantHeader, Effect::Absent, format!("{header} is not there"))];
    }
    let told = request.headers.get_all(header).iter().map(|value| {
        let text = format!("{header}: {}; the host is not read", shown(value.as_bytes()));
        Step::new(Rule::TenantHeader, Effect::Counts, text)
    });
    told.collect()
}

fn of_host(rules: &HostRules, host: &Host, steps: &mut Vec<Step>) {
    steps.push(match base_of(rules, host) {
        Some(base) if base == *host => Step::new(Rule::BaseDomain, Effect::Holds, "it is one itself"),
        Some(base) => Step::new(Rule::BaseDomain, Effect::Holds, format!("under {base}")),
        None => Step::new(Rule::BaseDomain, Effect::Absent, none_of(rules.bases())),
    });
    match rules.keys(host) {
        Ok(HostKeys { first, second }) => {
            steps.push(of_key(&first));
            steps.extend(second.map(|key| Step { text: first_of_three(&key), ..of_key(&key) }));
        }
        Err(HostRefused::BareBase) => {
            steps.push(Step::new(Rule::Label, Effect::Refuses, "none before the base domain"));
        }
        Err(HostRefused::Foreign) => {
            steps.push(Step::new(Rule::Label, Effect::Refuses, "more than one before the base domain"));
        }
        Err(HostRefused::NotATenant { stripped }) => {
            let text = format!("no tenant can have this name (letters and digits: {stripped})");
            steps.push(Step::new(Rule::Label, Effect::Refuses, text));
        }
    }
}

fn none_of(bases: &[Host]) -> String {
    let names: Vec<&str> = bases.iter().map(Host::as_str).collect();
    if names.is_empty() { "none are set".to_owned() } else { format!("not under {}", names.join(", ")) }
}

fn of_key(key: &TenantKey<'_>) -> Step {
    match key {
        TenantKey::Label { id, label } => Step::new(Rule::Label, Effect::Holds, format!("{label}, id {id}")),
        TenantKey::Domain(domain) => {
            Step::new(Rule::OwnDomain, Effect::Holds, format!("{domain} may be one"))
        }
    }
}

fn first_of_three(key: &TenantKey<'_>) -> String {
    format!("{}: the first of three labels, where no base domains are set", of_key(key).text)
}

/// The base domain that the rules find a host under: the longest end of the host that they call a base domain.
fn base_of(rules: &HostRules, host: &Host) -> Option<Host> {
    let ends = std::iter::successors(Some(host.as_str()), |rest| rest.split_once('.').map(|(_, rest)| rest));
    let mut hosts = ends.filter_map(|end| end.parse::<Host>().ok());
    hosts.find(|end| rules.keys(end) == Err(HostRefused::BareBase))
}

/// Status and expiry, where a tenant was found.
fn standing(resolved: &Resolved) -> Option<Step> {
    let (tenant, effect) = match resolved {
        Ok(current) => (current.tenant(), Effect::Holds),
        Err(rejection) => (&**rejection.tenant()?, Effect::Refuses),
    };
    let mut text = tenant.status.as_str().to_owned();
    if let Some(expire) = tenant.expire {
        let verb = if matches!(resolved.as_ref().map_err(Rejection::kind), Err(RejectionKind::Expired)) {
            "expired"
        } else {
            "expires"
        };
        text = format!("{text}, {verb} {expire}");
    }
    Some(Step::new(Rule::Standing, effect, text))
}

fn verdict(resolved: &Resolved) -> Step {
    match resolved {
        Ok(current) => Step::new(Rule::Verdict, Effect::Holds, served(current)),
        Err(rejection) => {
            let effect = match rejection.kind() {
                RejectionKind::Unavailable { .. } => Effect::Unclear,
                _ => Effect::Refuses,
            };
            let (status, code) = (rejection.status().as_u16(), rejection.code());
            Step::new(Rule::Verdict, effect, format!("{status} {code}: {rejection}"))
        }
    }
}

fn served(current: &CurrentTenant) -> String {
    format!("tenant {}, id {}", current.tenant().name, current.tenant().id())
}
