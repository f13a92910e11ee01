//! What a platform and its store cost in front of OpenSearch, beside a minimal client of the same engine.

mod search;
mod track;

use std::io::{self, Write as _};

use tokio::runtime::Runtime;

use super::runtime;
use crate::engine::{Engine, VARIABLE};
use crate::{Result, Row, Setting};

pub(super) fn track(setting: &Setting) -> Result<Vec<Row>> {
    on_an_engine("opensearch-track", |runtime, engine| track::measured(setting, runtime, engine))
}

pub(super) fn search(setting: &Setting) -> Result<Vec<Row>> {
    on_an_engine("opensearch-search", |runtime, engine| search::measured(setting, runtime, engine))
}

/// No rows where there is none.
fn on_an_engine(
    question: &str,
    measured: impl FnOnce(&Runtime, &Engine) -> Result<Vec<Row>>,
) -> Result<Vec<Row>> {
    let Some(engine) = Engine::of_environment()? else {
        let missing = format!("{question}: NOT MEASURED, {VARIABLE} is not set; see scripts/opensearch");
        writeln!(io::stderr(), "{missing}")?;
        return Ok(Vec::new());
    };
    let runtime = runtime()?;
    let rows = measured(&runtime, &engine);
    runtime.block_on(engine.clear())?;
    rows
}
