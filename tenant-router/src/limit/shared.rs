//! [`Shared`]: a layer's limits and options, as all requests of a service see them.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;
use http::request::Parts;
use tenant_core::{Clock, SystemClock};

use super::counts::Counts;
use super::gate::Gate;
use super::refused::{Excess, Refused};
use crate::answer::OnReject;
use crate::current::CurrentTenant;
use crate::reject::{LimitScope, Rejection};

/// What every layer of limits can be told. Cheap to clone; clones count together.
#[derive(Clone)]
pub(crate) struct Options {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) on_reject: Option<OnReject>,
    counts: Arc<Counts>,
}

impl Default for Options {
    fn default() -> Self {
        Self { clock: Arc::new(SystemClock::default()), on_reject: None, counts: Arc::default() }
    }
}

/// A layer's limits and its options.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) gate: Gate,
    pub(crate) options: Options,
}

impl Shared {
    /// The answer to a request that was not let in.
    pub(crate) fn refuse(&self, refused: Refused, head: &Parts) -> Box<Response<Bytes>> {
        self.options.counts.refused(refused);
        let current = head.extensions.get::<CurrentTenant>();
        let rejection = Rejection::new(refused.kind()).with_id(current.map(|current| *current.active().id()));
        rejection.rendered(self.options.on_reject.as_ref(), head)
    }

    /// The answer to a request whose body was cut off.
    pub(crate) fn cut_off(&self, limit: u64, head: &Parts) -> Box<Response<Bytes>> {
        let scope = match self.gate {
            Gate::Address(_) => LimitScope::Address,
            Gate::Tenant(_) => LimitScope::Tenant,
        };
        self.refuse(Refused { scope, excess: Excess::Body(limit) }, head)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("clock", &self.clock)
            .field("on_reject", &self.on_reject.is_some())
            .finish_non_exhaustive()
    }
}
