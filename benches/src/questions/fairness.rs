//! What a noisy tenant costs a quiet one: its limit is half of what the server can do, and it offers ten times that, over
//! sockets. Opponents: the same accepted load spread evenly over many tenants; the same flood without a limit.
//!
//! The server has a thread of its own and the clients have another. A request takes half a millisecond of the server's
//! processor.

mod load;
mod server;

use std::cell::RefCell;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use self::load::{Stream, Tally};
use self::server::Server;
use crate::{Contest, Goal, Result, Row, Samples, Setting, Unit};

/// How much longer the slow requests of the quiet tenant may take.
const FAIR: f64 = 2.0;
/// What the noisy tenant may have of the server, and how often it offers that.
const NOISY_SHARE: f64 = 0.5;
const NOISY_TIMES: f64 = 10.0;
/// What the quiet tenant takes of the server.
const QUIET_SHARE: f64 = 0.05;
/// How many tenants the even load is spread over.
const TENANTS: usize = 20;

/// What comes at the server at the same time.
#[derive(Clone, Copy)]
enum Others {
    Noisy,
    Even,
}

pub(super) fn answer(setting: &Setting) -> Result<Vec<Row>> {
    let clients = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let capacity = {
        let server = Server::start(None, TENANTS)?;
        load::capacity(
            &clients,
            server.addr,
            setting.size(Duration::from_secs(3), Duration::from_millis(100)),
        )?
    };
    let limit = (capacity * NOISY_SHARE).round();
    let limited = Server::start(Some(limit), TENANTS)?;
    let unlimited = Server::start(None, TENANTS)?;
    let lasts = setting.size(Duration::from_secs(6), Duration::from_millis(200));
    let bout =
        |server: &Server, others| Bout { clients: &clients, server, capacity, limit, lasts }.run(others);

    let [errors, offered, admitted] = [(); 3].map(|()| RefCell::<Vec<f64>>::default());
    let contest = Contest::new(setting.repetitions())
        .with(|repetition| {
            let (quiet, noisy) = bout(&limited, Others::Noisy)?;
            if repetition > 0 {
                errors.borrow_mut().push(quiet.errors() as f64);
                offered.borrow_mut().push(noisy.sent() as f64 / lasts.as_secs_f64() / limit);
                admitted.borrow_mut().push(noisy.admitted() as f64 / lasts.as_secs_f64() / limit);
            }
            Ok(quiet.p95())
        })
        .with(|_| Ok(bout(&limited, Others::Even)?.0.p95()))
        .with(|_| Ok(bout(&unlimited, Others::Noisy)?.0.p95()));
    let [noisy, even, flooded] = contest.run()?.try_into().map_err(|_| "three contestants")?;
    let samples = |figures: RefCell<Vec<f64>>| Samples::new(figures.into_inner());
    let quiet = |what: &str| format!("a quiet tenant beside a noisy one: {what}");
    Ok(vec![
        Row::new(quiet("p95"), Unit::Milliseconds, noisy.clone())
            .against("the same load spread evenly", &even),
        Row::new(quiet("p95"), Unit::Milliseconds, noisy.clone())
            .against("the same flood, no limit", &flooded),
        Row::new(quiet("p95, noisy to even"), Unit::Times, noisy.ratio_to(&even))
            .with_goal(Goal::AtMost(FAIR)),
        Row::new(quiet("errors"), Unit::Count, samples(errors)).with_goal(Goal::AtMost(0.0)),
        Row::new("the noisy tenant: offered, of its limit", Unit::Times, samples(offered)),
        Row::new("the noisy tenant: admitted, of its limit", Unit::Times, samples(admitted)),
        Row::new("the server alone: requests/s", Unit::Count, capacity),
    ])
}

/// Some seconds of load.
struct Bout<'a> {
    clients: &'a Runtime,
    server: &'a Server,
    capacity: f64,
    limit: f64,
    lasts: Duration,
}

impl Bout<'_> {
    /// What the quiet tenant met, and what the others did together.
    fn run(&self, others: Others) -> Result<(Tally, Tally)> {
        let quiet = Stream::new("quiet", self.capacity * QUIET_SHARE, 8);
        let others = match others {
            Others::Noisy => vec![Stream::new("noisy", self.limit * NOISY_TIMES, 64)],
            Others::Even => {
                (0..TENANTS).map(|i| Stream::new(server::even(i), self.limit / TENANTS as f64, 4)).collect()
            }
        };
        let (addr, lasts) = (self.server.addr, self.lasts);
        self.clients.block_on(async {
            let others = tokio::spawn(load::all(addr, others, lasts));
            let quiet = tokio::spawn(load::all(addr, vec![quiet], lasts));
            Ok((quiet.await??, others.await??))
        })
    }
}
