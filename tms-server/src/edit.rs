//! [`Edit`]: a change of a tenant that an operator or an install asks for.

use tenant_core::TenantRecord;

use crate::bounds;
use crate::patch::Patch;
use crate::transition::{Transition, TransitionRefused};

/// A change of a tenant. Each is harmless to repeat.
#[derive(Debug, Clone)]
pub(crate) enum Edit {
    /// Of its status.
    Status(Transition),
    /// Of what else may change.
    Fields(Patch),
}

impl Edit {
    /// Applies the change to the record.
    ///
    /// # Errors
    /// If it makes no sense for the record, or would make it too large; the record is then as it was.
    pub(crate) fn apply(&self, record: &mut TenantRecord) -> Result<(), TransitionRefused> {
        let mut changed = record.clone();
        match self {
            Self::Status(transition) => transition.apply(&mut changed),
            Self::Fields(patch) => patch.apply(&mut changed),
        }?;
        if let Some((field, most)) = bounds::exceeded(Some(record), &changed).next() {
            return Err(TransitionRefused::TooLarge { field, most });
        }
        *record = changed;
        Ok(())
    }

    /// What the audit calls it.
    pub(crate) fn action(&self) -> &'static str {
        match self {
            Self::Status(Transition::Activate { .. }) => "tenant.activate",
            Self::Status(Transition::Suspend(_)) => "tenant.suspend",
            Self::Status(Transition::Resume) => "tenant.resume",
            Self::Fields(_) => "tenant.patch",
        }
    }
}
