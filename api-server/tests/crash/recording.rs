//! What `strace` writes down: the system calls of a program, in the order in which they began and ended.

use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// Every call that can put bytes into a file or on a socket, or make them durable.
const CALLS: &str = "write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendmmsg,sendfile,splice,\
                     fsync,fdatasync,sync_file_range,msync,io_uring_enter";

/// One system call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) name: String,
    /// The path or the two ends of the connection.
    pub(crate) target: String,
    /// What was handed over, as much of it as the call took.
    pub(crate) bytes: Vec<u8>,
    /// When the call was seen to begin: a position in the recording.
    pub(crate) began: usize,
    /// When it was seen to end without a failure; `None` if it never did.
    pub(crate) ended: Option<usize>,
}

/// Why nothing can be recorded here, if so.
pub(crate) fn what_is_missing() -> Option<String> {
    let tried =
        Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).stderr(Stdio::piped()).output();
    match tried {
        Ok(tried) if tried.status.success() => None,
        Ok(tried) => Some(format!("strace cannot trace: {}", String::from_utf8_lossy(&tried.stderr).trim())),
        Err(fault) => Some(format!("the program strace (package strace) cannot be started: {fault}")),
    }
}

/// A command that records what `program` does into `file`.
pub(crate) fn record(program: &Command, file: &Path) -> Command {
    let mut command = Command::new("strace");
    // All strings whole and in hexadecimal, file descriptors with what they stand for.
    command.args(["-f", "-tt", "-yy", "-xx", "-s", "1048576", "-e", &format!("trace={CALLS}"), "-o"]);
    command.arg(file).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
}

/// Reads a recording.
///
/// # Panics
/// If it is not one, or not complete.
pub(crate) fn read(text: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    for (at, line) in text.lines().enumerate() {
        let (process, rest) = line.split_once(' ').expect("a process id");
        let (_time, event) = rest.trim_start().split_once(' ').expect("a time");
        if event.starts_with("+++") || event.starts_with("---") {
            continue;
        }
        if let Some(begin) = event.strip_suffix(" <unfinished ...>") {
            unfinished.insert(process, (at, begin));
        } else if let Some(resumed) = event.strip_prefix("<... ") {
            let (_name, end) = resumed.split_once(" resumed>").expect("the rest of a call");
            if let Some((began, begin)) = unfinished.remove(process) {
                calls.push(call(&format!("{begin}{end}"), began, at));
            }
        } else {
            calls.push(call(event, at, at));
        }
    }
    // What a process was in when it ended has begun, at least.
    calls.extend(unfinished.into_values().map(|(began, begin)| call(begin, began, began)));
    calls.sort_by_key(|call| call.began);
    calls
}

fn call(text: &str, began: usize, ended: usize) -> Call {
    let (name, arguments) = text.split_once('(').expect("a call");
    // In hexadecimal, no string can look like the end of the arguments.
    let (arguments, result) = arguments.rsplit_once(") = ").unwrap_or((arguments, "?"));
    let result: Option<usize> = result.split(' ').next().and_then(|result| result.parse().ok());
    assert!(!arguments.contains("\"..."), "not all of the bytes were recorded");
    let mut bytes: Vec<u8> = Vec::new();
    for text in arguments.split('"').skip(1).step_by(2) {
        bytes.extend(unescape(text));
    }
    bytes.truncate(if name.contains("sync") { 0 } else { result.unwrap_or(0) });
    Call { name: name.to_owned(), target: target(arguments), bytes, began, ended: result.map(|_| ended) }
}

/// What the first argument, a file descriptor, stands for.
fn target(arguments: &str) -> String {
    let Some((number, rest)) = arguments.split_once('<') else { return String::new() };
    if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return String::new();
    }
    // A connection has an arrow in it.
    let end = rest.find(">,").or_else(|| rest.rfind('>')).unwrap_or(rest.len());
    String::from_utf8_lossy(&unescape(&rest[..end])).into_owned()
}

/// `\x2f` is a byte; what is not escaped stands for itself.
fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() / 4);
    let mut rest = text;
    while let Some(byte) = rest.bytes().next() {
        let escaped = rest.strip_prefix("\\x").and_then(|hex| hex.get(..2));
        match escaped.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &rest[4..];
            }
            None => {
                bytes.push(byte);
                rest = &rest[1..];
            }
        }
    }
    bytes
}

#[test]
fn a_recording_is_read_as_it_was_written() {
    let text = "\
7  10:00:00.000001 pwrite64(5<\\x2f\\x77>, \"\\x61\\x62\", 2, 32) = 2
8 10:00:00.000002 fdatasync(5<\\x2f\\x77> <unfinished ...>
7  10:00:00.000003 sendto(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"\\x63\\x64\", 2, MSG_NOSIGNAL, NULL, 0) = 1
8 10:00:00.000004 <... fdatasync resumed>) = 0
7  10:00:00.000005 writev(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, [{iov_base=\"\\x64\", iov_len=1}, {iov_base=\"\\x65\", iov_len=1}], 2) = 2
7  10:00:00.000006 --- SIGTERM {si_signo=SIGTERM} ---
7  10:00:00.000007 write(2<\\x2f\\x77>, \"\\x61\", 1) = -1 EAGAIN (Resource temporarily unavailable)
8 10:00:00.000008 fsync(5<\\x2f\\x77>) = ?
7  10:00:00.000009 +++ exited with 0 +++
";
    let read: Vec<_> = read(text)
        .into_iter()
        .map(|call| {
            let bytes = String::from_utf8(call.bytes).expect("text");
            (call.name, call.target, bytes, call.began, call.ended)
        })
        .collect();
    let connection = "TCP:[127.0.0.1:1->127.0.0.1:2]";
    let expected = [
        ("pwrite64", "/w", "ab", 0, Some(0)),
        ("fdatasync", "/w", "", 1, Some(3)),
        ("sendto", connection, "c", 2, Some(2)),
        ("writev", connection, "de", 4, Some(4)),
        ("write", "/w", "", 6, None),
        ("fsync", "/w", "", 7, None),
    ];
    let expected = expected.map(|(name, target, bytes, began, ended)| {
        (name.to_owned(), target.to_owned(), bytes.to_owned(), began, ended)
    });
    assert_eq!(read, expected);
}
