//! What the layer costs a server that is asked over sockets: the server's own processor time for each request, with the layer
//! and without it, in turn. Client and server share the processors, so requests a second would say little.

use crate::server::{Server, load};
use crate::{Contest, Goal, Result, Row, Samples, Setting, Unit};

use super::runtime;

/// Percent that the upper end of the interval may be above bare axum.
const PERCENT: f64 = 3.0;
/// The quantile of the normal distribution for an interval of 95 %.
const QUANTILE: f64 = 1.96;
const CONNECTIONS: usize = 16;

pub(super) fn answer(setting: &Setting) -> Result<Vec<Row>> {
    let tenants = setting.size(10_000, 200);
    let requests = setting.size(60_000, 500);
    let runtime = runtime()?;
    let mut servers = Vec::new();
    for stack in ["bare", "identity", "layer", "naive"] {
        servers.push(Server::start(stack, tenants)?);
    }
    let mut contest = Contest::new(setting.size(40, 3));
    for server in &servers {
        contest = contest.with(|_| {
            let before = server.processor_seconds()?;
            runtime.block_on(load(server.addr, tenants, CONNECTIONS, requests))?;
            Ok((server.processor_seconds()? - before) * 1e6 / requests as f64)
        });
    }
    let [bare, identity, layer, naive] = contest.run()?.try_into().map_err(|_| "four contestants")?;
    let mut rows = Vec::new();
    for (what, figure, goal) in [
        ("a layer that does nothing", identity, None),
        ("the tenant layer", layer, Some(Goal::AtMost(PERCENT))),
        ("a naive middleware with moka", naive, None),
    ] {
        let (mean, half) = interval(&figure.ratio_to(&bare));
        let percent = |end: f64| (end - 1.0) * 100.0;
        let of = |what: String, figure: f64| Row::new(what, Unit::Percent, figure);
        rows.push(
            Row::new(format!("{what}: processor time for a request"), Unit::Microseconds, figure)
                .against("bare axum", &bare),
        );
        rows.push(of(format!("{what}: more than bare axum, mean"), percent(mean)));
        let upper = of(format!("{what}: upper end of the 95 % interval"), percent(mean + half));
        rows.push(Row { goal, ..upper });
    }
    Ok(rows)
}

/// The mean, and half of the width of its interval of 95 %.
#[expect(clippy::cast_precision_loss, reason = "there are some dozens")]
fn interval(ratios: &Samples) -> (f64, f64) {
    let count = ratios.figures().len() as f64;
    let mean = ratios.figures().iter().sum::<f64>() / count;
    let squares: f64 = ratios.figures().iter().map(|ratio| (ratio - mean).powi(2)).sum();
    (mean, QUANTILE * (squares / (count - 1.0) / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_that_of_the_mean() {
        let (mean, half) = interval(&Samples::new(vec![1.0, 2.0, 3.0, 4.0]));
        assert!((mean - 2.5).abs() < 1e-9 && (half - 1.96 * (5.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-9);
    }
}
