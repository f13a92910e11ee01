//! The program: asks the questions, each in a process of its own, and prints one table.
//!
//! A process of its own, so that none starts with the memory, the caches and the threads that another one left.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Instant;

use clap::Parser;

use crate::counted;
use crate::machine::Machine;
use crate::met;
use crate::questions::{self, Question};
use crate::replica::serve_tenants;
use crate::server::serve_http;
use crate::table::table;
use crate::{Result, Row, Setting};

/// Measures what is promised, beside its opponents, and prints one table: figure, opponent, ratio, goal, met or not.
#[derive(Debug, Clone, Parser)]
#[command(after_help = questions::list())]
pub struct Arguments {
    /// Seconds instead of minutes: shows that everything runs, and little else.
    #[arg(long)]
    quick: bool,

    /// Only the questions whose names begin so; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,

    /// Where to write, on the disk that is to be measured [default: beside the program].
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,

    /// Measure even where syncs are free, such as on tmpfs.
    #[arg(long)]
    force: bool,

    /// One question, in this process, its rows as JSON.
    #[arg(long, hide = true, requires = "dir")]
    question: Option<String>,

    /// The process of a management service with so many tenants.
    #[arg(long, hide = true)]
    serve_tenants: Option<usize>,

    /// The process of an HTTP server.
    #[arg(long, hide = true, requires = "serve_http_tenants")]
    serve_http: Option<String>,

    /// How many tenants it has.
    #[arg(long, hide = true)]
    serve_http_tenants: Option<usize>,

    /// One loop, in this process, for something that counts what it does.
    #[arg(long, hide = true, requires = "calls")]
    r#loop: Option<String>,

    /// How often it goes round.
    #[arg(long, hide = true)]
    calls: Option<usize>,

    /// What `cargo bench` adds.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Does what the arguments say.
///
/// # Errors
/// If something could not be measured, or was not found again after it had been acknowledged; or if a goal is missed for sure
/// that was met when the last table was made (`met.txt`).
pub fn run(arguments: Arguments) -> Result<()> {
    if let Some(tenants) = arguments.serve_tenants {
        return serve_tenants(tenants);
    }
    if let (Some(stack), Some(tenants)) = (&arguments.serve_http, arguments.serve_http_tenants) {
        return serve_http(stack, tenants);
    }
    if let (Some(name), Some(calls)) = (&arguments.r#loop, arguments.calls) {
        return counted::repeat(name, calls);
    }
    match (&arguments.question, &arguments.dir) {
        (Some(name), Some(folder)) => {
            let setting = Setting { folder: folder.clone(), quick: arguments.quick };
            answer(name, &setting)
        }
        _ => ask_all(&arguments),
    }
}

/// In the process of one question.
fn answer(name: &str, setting: &Setting) -> Result<()> {
    let question = questions::ALL.iter().find(|question| question.name == name).ok_or("no such question")?;
    rlimit::increase_nofile_limit(u64::MAX)?;
    let rows = (question.answer)(setting)?;
    Ok(serde_json::to_writer(io::stdout().lock(), &rows)?)
}

fn ask_all(arguments: &Arguments) -> Result<()> {
    let asked: Vec<&Question> =
        questions::ALL.iter().filter(|question| is_asked(question, arguments)).collect();
    if asked.is_empty() {
        return Err(format!("no question is called so\n{}", questions::list()).into());
    }
    let parent = match &arguments.dir {
        Some(folder) => folder.clone(),
        None => env::current_exe()?.parent().ok_or("the program is in no folder")?.to_path_buf(),
    };
    fs::create_dir_all(&parent)?;
    let folder = tempfile::Builder::new().prefix("bench-").tempdir_in(parent)?;
    let machine = Machine::look(folder.path())?;
    if !machine.has_disk() && !arguments.force {
        return Err(format!("syncs are free on {machine}: choose another --dir, or --force").into());
    }
    let mut rows = Vec::new();
    for question in asked {
        let setting = Setting { folder: folder.path().join(question.place()), quick: arguments.quick };
        fs::create_dir_all(&setting.folder)?;
        rows.extend(ask(question, &setting)?);
        if !question.keeps_its_folder {
            fs::remove_dir_all(&setting.folder)?;
        }
    }
    let mut out = io::stdout().lock();
    let size = if arguments.quick { "; QUICK, the figures mean nothing" } else { "" };
    writeln!(out, "{machine}{size}\n\n{}", table(&rows))?;
    if arguments.quick { Ok(()) } else { met::check(&rows) }
}

fn is_asked(question: &Question, arguments: &Arguments) -> bool {
    arguments.only.is_empty() || arguments.only.iter().any(|name| question.name.starts_with(name.as_str()))
}

/// The rows of one question, from all its processes.
fn ask(question: &Question, setting: &Setting) -> Result<Vec<Row>> {
    let mut rows = ask_once(question, setting)?;
    for _ in 1..if setting.quick { 1 } else { question.processes } {
        let later = ask_once(question, setting)?;
        if later.len() != rows.len() {
            return Err(format!("{} has other rows than before", question.name).into());
        }
        rows.iter_mut().zip(later).try_for_each(|(row, later)| row.join(later))?;
    }
    Ok(rows)
}

fn ask_once(question: &Question, setting: &Setting) -> Result<Vec<Row>> {
    let mut process = Command::new(env::current_exe()?);
    process.args(["--question", question.name, "--dir"]).arg(&setting.folder);
    if setting.quick {
        process.arg("--quick");
    }
    let began = Instant::now();
    let output = process.stdin(Stdio::null()).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("{} ended with {}", question.name, output.status).into());
    }
    writeln!(io::stderr(), "{}: {:.0} s", question.name, began.elapsed().as_secs_f64())?;
    Ok(serde_json::from_slice(&output.stdout)?)
}
