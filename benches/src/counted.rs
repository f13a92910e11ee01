//! What a call costs in instructions and allocations, counted by valgrind: there are no hardware counters in a virtual
//! machine. A loop runs in a process of its own, for so many calls and for twice as many; the difference is theirs.

use std::env;
use std::process::Command;

use http::StatusCode;
use http::header::HeaderValue;
use tower::Layer;

use crate::calls::call_all;
use crate::{Result, hosts, stacks};

/// How many calls are counted.
const CALLS: usize = 2_000;
/// Tenants in the loop's process: what is counted does not depend on them.
const TENANTS: usize = 100;

/// What one call of a loop costs.
#[derive(Debug, Clone, Copy)]
pub struct Cost {
    /// Instructions of the processor.
    pub instructions: f64,
    /// Allocations of memory.
    pub allocations: f64,
}

/// Runs a loop under valgrind; `None` where it is not installed.
///
/// # Errors
/// If the loop fails, or valgrind says nothing of it.
pub fn count(name: &str) -> Result<Option<Cost>> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok(None);
    }
    let difference = |tool: &[&str], word: &str| {
        let of = |calls: usize| run(name, calls, tool, word);
        Result::Ok((of(2 * CALLS)? - of(CALLS)?) / CALLS as f64)
    };
    Ok(Some(Cost {
        instructions: difference(&["--tool=callgrind", "--callgrind-out-file=/dev/null"], "Collected :")?,
        allocations: difference(&["--tool=memcheck", "--undef-value-errors=no"], "total heap usage:")?,
    }))
}

fn run(name: &str, calls: usize, tool: &[&str], word: &str) -> Result<f64> {
    let output = Command::new("valgrind")
        .args(tool)
        .arg(env::current_exe()?)
        .args(["--loop", name, "--calls", &calls.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{name} under valgrind: {text}").into());
    }
    let line = text.lines().find_map(|line| line.split_once(word)).ok_or("valgrind counted nothing")?;
    let number = line.1.split_whitespace().next().ok_or("no number")?.replace(',', "");
    Ok(number.parse()?)
}

/// The loop itself, in its own process.
///
/// # Errors
/// If there is none of this name, or a call fails.
pub fn repeat(name: &str, calls: usize) -> Result<()> {
    let hosts = hosts::requests(TENANTS, 500);
    let hosts: Vec<HeaderValue> = hosts
        .iter()
        .cycle()
        .take(calls)
        .map(|host| HeaderValue::from_bytes(host))
        .collect::<std::result::Result<_, _>>()?;
    match name {
        "bare" => call_all(&mut stacks::bare(), &hosts, StatusCode::OK),
        "layer" => {
            let mut service = stacks::layer(stacks::directory(TENANTS))?.layer(stacks::bare());
            call_all(&mut service, &hosts, StatusCode::OK)
        }
        "refused" => {
            let mut service = stacks::layer(stacks::directory(0))?.layer(stacks::bare());
            call_all(&mut service, &hosts, StatusCode::NOT_FOUND)
        }
        "naive" => call_all(&mut stacks::naive(TENANTS), &hosts, StatusCode::OK),
        _ => Err("no such loop".into()),
    }
}
