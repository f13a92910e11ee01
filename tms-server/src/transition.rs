//! [`Transition`]: the changes of status that an operator or an install asks for, and which of them make sense.

use secrecy::SecretString;
use tenant_core::{SuspendReason, TenantRecord, TenantStatus};

use crate::secret;

/// A change of a tenant's status. Each is harmless to repeat.
#[derive(Debug, Clone)]
pub(crate) enum Transition {
    /// Pending to active.
    Activate {
        /// Where the caller may not activate by itself: what must be the tenant's install token.
        token: Option<SecretString>,
    },
    /// Active to suspended. Repeated with a reason, it replaces both reasons.
    Suspend(SuspendReason),
    /// Suspended to active; the reasons are forgotten.
    Resume,
}

/// Why a tenant does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TransitionRefused {
    /// The tenant's status does not allow it.
    #[error("a tenant that is {} cannot be {wanted}", .status.as_str())]
    Status {
        /// Where the tenant stands.
        status: TenantStatus,
        /// What it was to become.
        wanted: &'static str,
    },
    /// The install token is not the tenant's, or the tenant has an empty one.
    #[error("the install token is not the tenant's")]
    Token,
    /// A field would have more than a record may hold.
    #[error("{field} can have at most {most}")]
    TooLarge {
        /// The field.
        field: &'static str,
        /// What is allowed, for people.
        most: &'static str,
    },
}

impl Transition {
    /// Applies the change to the record.
    ///
    /// # Errors
    /// If it makes no sense for the record; the record is then as it was.
    pub(crate) fn apply(&self, record: &mut TenantRecord) -> Result<(), TransitionRefused> {
        let status = record.tenant.status;
        match self {
            Self::Activate { token } => {
                let opens =
                    token.as_ref().is_none_or(|token| secret::opens_install(token, &record.install_token));
                if !opens {
                    return Err(TransitionRefused::Token);
                }
                match status {
                    TenantStatus::Pending | TenantStatus::Active => {
                        record.tenant.status = TenantStatus::Active
                    }
                    _ => return Err(TransitionRefused::Status { status, wanted: "activated" }),
                }
            }
            Self::Suspend(reason) => match status {
                TenantStatus::Active => set_reason(record, reason),
                TenantStatus::Suspended if *reason == SuspendReason::default() => {}
                TenantStatus::Suspended => set_reason(record, reason),
                _ => return Err(TransitionRefused::Status { status, wanted: "suspended" }),
            },
            Self::Resume => match status {
                TenantStatus::Active => {}
                TenantStatus::Suspended => {
                    set_reason(record, &SuspendReason::default());
                    record.tenant.status = TenantStatus::Active;
                }
                _ => return Err(TransitionRefused::Status { status, wanted: "resumed" }),
            },
        }
        Ok(())
    }
}

fn set_reason(record: &mut TenantRecord, reason: &SuspendReason) {
    record.tenant.status = TenantStatus::Suspended;
    record.tenant.public_reason = reason.public.clone();
    record.private_reason = reason.private.clone();
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use tenant_core::{Incarnation, Tenant};

    use super::*;

    fn record(status: TenantStatus, token: &str) -> TenantRecord {
        let mut tenant = Tenant::new("acme".parse().expect("a name"), Incarnation::fixed("acme"));
        tenant.status = status;
        TenantRecord::new(tenant, token.into(), "a@b".into(), Timestamp::UNIX_EPOCH)
    }

    fn reason(public: &str) -> SuspendReason {
        SuspendReason { public: Some(public.into()), private: Some("not paid".into()) }
    }

    #[test]
    fn each_transition_has_the_statuses_that_it_starts_from() {
        use TenantStatus::{Active, Deleting, Pending, Suspended};
        let activate = Transition::Activate { token: None };
        let suspend = Transition::Suspend(reason("unpaid"));
        for (transition, from, to) in [
            (&activate, Pending, Some(Active)),
            (&activate, Active, Some(Active)),
            (&activate, Suspended, None),
            (&activate, Deleting, None),
            (&suspend, Pending, None),
            (&suspend, Active, Some(Suspended)),
            (&suspend, Suspended, Some(Suspended)),
            (&suspend, Deleting, None),
            (&Transition::Resume, Pending, None),
            (&Transition::Resume, Active, Some(Active)),
            (&Transition::Resume, Suspended, Some(Active)),
            (&Transition::Resume, Deleting, None),
        ] {
            let mut record = record(from, "t");
            assert_eq!(transition.apply(&mut record).is_ok(), to.is_some(), "{transition:?} of {from:?}");
            assert_eq!(record.tenant.status, to.unwrap_or(from), "{transition:?} of {from:?}");
        }
    }

    #[test]
    fn reasons_come_and_go_with_the_suspension() {
        let mut record = record(TenantStatus::Active, "t");
        for (transition, public) in [
            (Transition::Suspend(reason("first")), Some("first")),
            (Transition::Suspend(SuspendReason::default()), Some("first")),
            (Transition::Suspend(reason("second")), Some("second")),
            (Transition::Resume, None),
        ] {
            transition.apply(&mut record).expect("allowed");
            assert_eq!(record.tenant.public_reason.as_deref(), public);
            assert_eq!(record.private_reason.is_some(), public.is_some());
        }
    }

    #[test]
    fn an_install_token_activates_only_its_tenant_and_an_empty_one_nothing() {
        for (own, given, opens) in [("t", "t", true), ("t", "u", false), ("t", "", false), ("", "", false)] {
            let mut record = record(TenantStatus::Pending, own);
            let result = Transition::Activate { token: Some(given.into()) }.apply(&mut record);
            assert_eq!(result.is_ok(), opens, "{own:?} by {given:?}");
            assert_eq!(record.tenant.status == TenantStatus::Active, opens);
        }
    }
}
