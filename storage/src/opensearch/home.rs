//! [`Home`]: where the documents of a namespace are, from its install to its removal.

use std::fmt;

use serde::{Deserialize, Serialize};
use tenant_core::{Context, TenantId};
use uuid::Uuid;

use crate::namespace::Namespace;

/// The name that is part of every document of a namespace, of its id and of every question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Space(#[serde(with = "uuid::serde::simple")] Uuid);

impl Space {
    pub(super) fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Bits that another space has not.
    pub(super) fn salt(self) -> u64 {
        self.0.as_u64_pair().1
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// In which indices a tenant's documents are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EnginePlacement {
    /// In a fixed set, together with those of all other tenants.
    #[default]
    Shared,
    /// In some of the tenant's own, with the names and the partitions of the original.
    Dedicated,
}

/// Where the documents of a namespace are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) space: Space,
    pub(super) place: Place,
}

/// Whose indices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Shared,
    Dedicated { tenant: TenantId, context: Context },
}

impl Place {
    pub(super) fn of(namespace: &Namespace, placement: EnginePlacement) -> Self {
        match placement {
            EnginePlacement::Shared => Self::Shared,
            EnginePlacement::Dedicated => {
                Self::Dedicated { tenant: *namespace.id(), context: namespace.context() }
            }
        }
    }
}
