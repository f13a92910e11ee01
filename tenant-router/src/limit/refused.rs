//! [`Refused`]: which limit stands in a request's way, before it becomes a [`Rejection`](crate::Rejection).

use std::time::Duration;

use crate::reject::{LimitScope, RejectionKind};

/// When a client may come back that wanted too much at once: nobody knows when a place will be free.
const PLACE_RETRY: Duration = Duration::from_secs(1);

/// What there was too much of, in whose name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) scope: LimitScope,
    pub(crate) excess: Excess,
}

/// What there was too much of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Excess {
    /// Requests over time, and for how much longer.
    Rate(Duration),
    /// Requests at once.
    Concurrency,
    /// Bytes, and how many there may be.
    Body(u64),
}

impl Excess {
    pub(crate) fn rate(nanoseconds: u64) -> Self {
        Self::Rate(Duration::from_nanos(nanoseconds))
    }
}

impl Refused {
    pub(crate) fn kind(self) -> RejectionKind {
        let scope = self.scope;
        match self.excess {
            Excess::Rate(retry_after) => RejectionKind::RateLimited { scope, retry_after },
            Excess::Concurrency => RejectionKind::ConcurrencyLimited { scope, retry_after: PLACE_RETRY },
            Excess::Body(limit) => RejectionKind::BodyTooLarge { limit },
        }
    }
}
