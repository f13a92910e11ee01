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
    Dedicated(Owner),
}

impl Place {
    pub(super) fn of(namespace: &Namespace, placement: EnginePlacement) -> Self {
        match placement {
            EnginePlacement::Shared => Self::Shared,
            EnginePlacement::Dedicated => {
                Self::Dedicated(Owner { tenant: *namespace.id(), context: namespace.context() })
            }
        }
    }
}

/// A tenant and a context with indices of their own, and what these are called (contract section 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) tenant: TenantId,
    pub(super) context: Context,
}

impl Owner {
    /// The alias of all partitions of a kind.
    pub(super) fn alias(&self, version: &str, kind: &str) -> String {
        format!("{}{}", self.mark(), self.base(version, kind))
    }

    /// The template of those partitions.
    pub(super) fn template(&self, version: &str, kind: &str) -> String {
        format!("{}template.{}", self.mark(), self.base(version, kind))
    }

    fn base(&self, version: &str, kind: &str) -> String {
        format!("{version}.{}.tracardi-{kind}", self.tenant)
    }

    fn mark(&self) -> &'static str {
        match self.context {
            Context::Staging => "",
            Context::Production => "prod-",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_original() {
        let tenant = "acme".parse().expect("an id");
        let [staging, production] =
            [Context::Staging, Context::Production].map(|context| Owner { tenant, context });
        assert_eq!(staging.alias("09x", "event"), "09x.acme.tracardi-event");
        assert_eq!(production.alias("09x", "event"), "prod-09x.acme.tracardi-event");
        assert_eq!(staging.template("09x", "event"), "template.09x.acme.tracardi-event");
        assert_eq!(production.template("09x", "event"), "prod-template.09x.acme.tracardi-event");
    }
}
