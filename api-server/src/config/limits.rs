//! [`LimitConfig`]: the limits that the settings give, beside those of tenants' records.

use tenant_core::Limits;

use super::values::ConfigError;

/// What may be used where no record says otherwise. Each listener of a process counts for itself, so that what floods the
/// collector does not keep a tenant's people out.
///
/// Of each, the size of bodies is [`Config::max_body`](super::Config::max_body), or less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LimitConfig {
    /// `LIMIT_ADDRESS_RATE`, `_BURST`, `_CONCURRENT`: by client address. Default: none, since all clients of a proxy that
    /// is not in [`Config::trusted_proxies`](super::Config::trusted_proxies) have one address.
    pub address: Limits,
    /// `LIMIT_TENANT_RATE`, `_BURST`, `_CONCURRENT`: of a tenant, where its record does not say. Default: none.
    pub tenant: Limits,
    /// `LIMIT_TOTAL_RATE`, `_BURST`, `_CONCURRENT`: of all requests of a listener. Default: none.
    pub total: Limits,
}

impl LimitConfig {
    /// All settings and what they are, three for each; `None` for no limit.
    pub(crate) fn settings(&self) -> [(&'static str, Option<u32>); 9] {
        let Self { address, tenant, total } = self;
        [
            ("LIMIT_ADDRESS_RATE", address.requests_per_second),
            ("LIMIT_ADDRESS_BURST", address.burst),
            ("LIMIT_ADDRESS_CONCURRENT", address.concurrent),
            ("LIMIT_TENANT_RATE", tenant.requests_per_second),
            ("LIMIT_TENANT_BURST", tenant.burst),
            ("LIMIT_TENANT_CONCURRENT", tenant.concurrent),
            ("LIMIT_TOTAL_RATE", total.requests_per_second),
            ("LIMIT_TOTAL_BURST", total.burst),
            ("LIMIT_TOTAL_CONCURRENT", total.concurrent),
        ]
    }

    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        let settings = self.settings();
        if let Some((setting, _)) = settings.iter().find(|(_, most)| *most == Some(0)) {
            return Err(ConfigError::new(*setting, "must not be 0; leave it out for no limit"));
        }
        for [(rate, per_second), (burst, at_once), _] in settings.as_chunks().0 {
            if at_once.is_some() && per_second.is_none() {
                return Err(ConfigError::new(*burst, format!("means nothing without {rate}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_nothing_and_a_burst_of_no_rate_are_faults_that_name_their_setting() {
        let fault = |change: fn(&mut LimitConfig)| {
            let mut config = LimitConfig::default();
            change(&mut config);
            config.check().expect_err("a fault").to_string()
        };
        assert!(fault(|config| config.total.concurrent = Some(0)).contains("LIMIT_TOTAL_CONCURRENT"));
        assert!(fault(|config| config.address.burst = Some(9)).contains("LIMIT_ADDRESS_BURST"));
        assert!(LimitConfig::default().check().is_ok());
    }
}
