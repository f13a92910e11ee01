//! [`Isolation`]: what is tested, and the run.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::attack::Attack;
use super::attacks::Plan;
use super::range::{Handled, Range};
use super::report::{Outcome, Report};
use super::side::Side;
use super::volley::Sides;
use super::wire::{Limits, Protocol};

/// Sends the attacks to a service, as two of its tenants and as strangers. See the [module](super).
///
/// With all that it can be told:
///
/// ```no_run
/// use tenant_router::testing::{Ask, Isolation, Side};
///
/// # async fn the_tenants_are_isolated(address: std::net::SocketAddr) {
/// let side = |name: &str, token: &str| {
///     Side::new(format!("{name}.localhost"), Ask::get("/notes"), format!("the notes of {name}"))
///         .plants(Ask::post("/notes", "{secret}")) // how the kit stores the secret, and tries to elsewhere
///         .credential("authorization", format!("Bearer {token}"))
/// };
/// let kit = Isolation::new(address, side("acme", "a-token"), side("globex", "another"));
/// kit.unknown_host("nobody.localhost").suspended_host("unpaid.localhost").run().await.assert_isolated();
/// # }
/// ```
#[derive(Clone)]
pub struct Isolation {
    limits: Limits,
    sides: [Side; 2],
    unknown: Vec<String>,
    suspended: Vec<String>,
    spoofs: Vec<(String, String)>,
    handled: Option<Arc<Handled>>,
}

impl Isolation {
    /// A service that listens at `address`, in clear, for HTTP/1.1 or HTTP/2 or both, and two of its tenants.
    ///
    /// The attacks come from this machine, so the service must not trust it as a proxy.
    pub fn new(address: SocketAddr, one: Side, other: Side) -> Self {
        let limits = Limits { address, timeout: Duration::from_secs(5), max_body: 1024 * 1024 };
        let (unknown, suspended, spoofs) = (Vec::new(), Vec::new(), Vec::new());
        Self { limits, sides: [one, other], unknown, suspended, spoofs, handled: None }
    }

    /// A host that is no tenant's: whatever is sent there has to be refused. Several calls add up.
    #[must_use]
    pub fn unknown_host(mut self, host: impl Into<String>) -> Self {
        self.unknown.push(host.into());
        self
    }

    /// The host of a tenant that is not served (suspended, expired, pending): whatever is sent there has to be refused.
    /// Several calls add up.
    #[must_use]
    pub fn suspended_host(mut self, host: impl Into<String>) -> Self {
        self.suspended.push(host.into());
        self
    }

    /// One more header that must not count, beside those of [`Attack::ForwardedHeaders`]. In the value `{host}` is the
    /// other tenant's host, and `{label}` its first label. Several calls add up.
    #[must_use]
    pub fn spoofed_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.spoofs.push((name.into(), value.into()));
        self
    }

    /// How often the service's handlers have run, where the test can tell: at unknown and suspended hosts it must not
    /// change. Without it, the status alone says that a request was refused.
    #[must_use]
    pub fn handled(mut self, count: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        self.handled = Some(Arc::new(count));
        self
    }

    /// How long the service may take to connect, and then for each answer; default 5 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    /// How many bytes of a body are read; default 1 MiB. What is longer is cut, and the report says so.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.limits.max_body = bytes;
        self
    }

    /// Sends all attacks, each in every protocol that the service speaks, and says what came of them.
    ///
    /// It takes some five hundred to fifteen hundred requests; that a test of its own runs beside it does no harm, unless it
    /// writes where the sides read. After each attack both sides' own requests are sent once more, so that what an attack left
    /// behind is seen as its work. An attack may change what a broken service holds of either side.
    ///
    /// # Cancellation
    /// Dropping the future stops the attacks.
    pub async fn run(&self) -> Report {
        let sides = Sides(self.sides.clone());
        let range = Range { limits: self.limits, sides: &sides, handled: self.handled.as_deref() };
        let own = range.own_requests().await;
        let mark = format!("mark-{:016x}", RandomState::new().hash_one("mark"));
        let plan = Plan {
            sides: &sides,
            port: self.limits.address.port(),
            mark: &mark,
            etags: own.etags(),
            unknown: &self.unknown,
            suspended: &self.suspended,
            spoofs: &self.spoofs,
        };
        // Where a side's own requests fail from the start, it is no work of an attack that they do.
        let mut sound = !own.outcome.is_breached();
        let mut outcomes = vec![own.outcome.clone()];
        for attack in Attack::ALL.iter().copied().skip(1) {
            let mut outcome = match attack {
                Attack::SharedCaches => own.shared_caches(),
                _ => attempt(&range, &plan, attack, &own.protocols).await,
            };
            if sound && let Some(protocol) = own.protocols.first() {
                let aftermath = range.aftermath(*protocol).await;
                sound = aftermath.is_empty();
                outcome.exchanges.extend(aftermath);
            }
            outcomes.push(outcome);
        }
        Report { outcomes }
    }
}

async fn attempt(range: &Range<'_>, plan: &Plan<'_>, attack: Attack, protocols: &[Protocol]) -> Outcome {
    let mut outcome = Outcome { attack, exchanges: Vec::new(), skipped: None };
    let volleys = match plan.volleys(attack) {
        Ok(volleys) => volleys,
        Err(why) => {
            outcome.skipped = Some(why);
            return outcome;
        }
    };
    let writes = attack == Attack::ForeignWrite;
    let mark = if writes { plan.mark } else { "" };
    for protocol in protocols {
        for volley in volleys.iter().filter(|volley| volley.how.fits(*protocol)) {
            outcome.exchanges.extend(range.exchange(*protocol, volley, mark).await);
        }
    }
    if outcome.exchanges.is_empty() {
        outcome.skipped = Some("it does not speak that version of HTTP");
    }
    if writes {
        // What it may have overwritten.
        range.plant().await;
    }
    outcome
}

impl fmt::Debug for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = self.sides.each_ref().map(|side| &side.host);
        f.debug_struct("Isolation")
            .field("address", &self.limits.address)
            .field("hosts", &hosts)
            .finish_non_exhaustive()
    }
}
