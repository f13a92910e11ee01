//! What `strace` writes down: the system calls of a program, in the order in which they began and ended.

use std::collections::HashMap;
use std::process::{Command, Stdio};

/// One system call.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) name: String,
    /// As they were printed, without the brackets.
    pub(crate) arguments: String,
    pub(crate) outcome: Outcome,
    /// When the call was seen to begin: a position in the recording.
    pub(crate) began: usize,
    /// When it was seen to end; where it never did, when it began.
    pub(crate) ended: usize,
}

/// What a call returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done(u64),
    Failed,
    /// The process ended meanwhile.
    Unknown,
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

/// A command that records those `calls` of `program` into a file. All strings are whole and in hexadecimal, and `paths` (`-y`
/// or `-yy`) says how file descriptors are explained.
pub(crate) fn record(program: &Command, calls: &str, paths: &str, file: &std::path::Path) -> Command {
    let mut command = Command::new("strace");
    // Nothing is padded.
    command.args(["-f", paths, "-a", "1", "-xx", "-s", "1048576", "-e", &format!("trace={calls}"), "-o"]);
    command.arg(file).arg(program.get_program()).args(program.get_args());
    for (name, value) in program.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
}

/// Reads a recording: its calls in the order in which they ended.
///
/// # Panics
/// If it is not one, or not complete.
pub(crate) fn read(text: &str) -> Vec<Event> {
    let mut events = Vec::new();
    let mut unfinished: HashMap<&str, (usize, &str)> = HashMap::new();
    for (at, line) in text.lines().enumerate() {
        let (process, rest) = line.split_once(' ').expect("a process id");
        let rest = rest.trim_start();
        if rest.starts_with("+++") || rest.starts_with("---") {
            continue;
        }
        if let Some(begin) = rest.strip_suffix(" <unfinished ...>") {
            unfinished.insert(process, (at, begin));
        } else if let Some(resumed) = rest.strip_prefix("<... ") {
            let (_name, end) = resumed.split_once(" resumed>").expect("the rest of a call");
            if let Some((began, begin)) = unfinished.remove(process) {
                events.push(event(&format!("{begin}{end}"), began, at));
            }
        } else {
            events.push(event(rest, at, at));
        }
    }
    // What a process was in when it ended has begun, at least.
    events.extend(unfinished.into_values().map(|(began, begin)| event(begin, began, began)));
    events.sort_by_key(|event| event.ended);
    events
}

fn event(text: &str, began: usize, ended: usize) -> Event {
    let (name, arguments) = text.split_once('(').expect("a call");
    // In hexadecimal, no string can look like the end of the arguments.
    let (arguments, outcome) = match arguments.rsplit_once(") = ") {
        Some((arguments, result)) => (arguments, outcome(result)),
        None => (arguments, Outcome::Unknown),
    };
    assert!(!arguments.contains("\"..."), "not all of the bytes were recorded");
    Event { name: name.to_owned(), arguments: arguments.to_owned(), outcome, began, ended }
}

fn outcome(result: &str) -> Outcome {
    let digits = result.bytes().take_while(u8::is_ascii_digit).count();
    match result[..digits].parse() {
        Ok(value) => Outcome::Done(value),
        Err(_) if result.starts_with('?') => Outcome::Unknown,
        Err(_) => Outcome::Failed,
    }
}

impl Event {
    /// The strings among the arguments, one after the other.
    pub(crate) fn strings(&self) -> impl Iterator<Item = Vec<u8>> {
        self.arguments.split('"').skip(1).step_by(2).map(unescape)
    }

    /// The first argument, where it is a file descriptor, and what it stands for.
    pub(crate) fn descriptor(&self) -> Option<(u64, String)> {
        let (number, rest) = self.arguments.split_once('<')?;
        let number = number.parse().ok()?;
        // A connection has an arrow in it.
        let end = rest.find(">,").or_else(|| rest.rfind('>')).unwrap_or(rest.len());
        Some((number, String::from_utf8_lossy(&unescape(&rest[..end])).into_owned()))
    }
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
7  pwrite64(5<\\x2f\\x77>, \"\\x61\\x62\", 2, 32) = 2
8  fdatasync(5<\\x2f\\x77> <unfinished ...>
7  openat(AT_FDCWD<\\x2f>, \"\\x2f\\x77\", O_RDWR|O_CREAT, 0600) = 6<\\x2f\\x77>
8  <... fdatasync resumed>) = 0
7  --- SIGTERM {si_signo=SIGTERM} ---
7  unlink(\"\\x2f\\x76\") = -1 ENOENT (No such file or directory)
7  sendto(9<TCP:[127.0.0.1:1->127.0.0.1:2]>, \"\\x63\\x64\", 2, MSG_NOSIGNAL, NULL, 0) = 1
8  fsync(5<\\x2f\\x77>) = ?
7  pwrite64(5<\\x2f\\x77>, \"\\x61\", 1, 0 <unfinished ...>
8  +++ exited with 0 +++
";
    let read = read(text);
    let seen: Vec<_> =
        read.iter().map(|event| (&*event.name, event.outcome, event.began, event.ended)).collect();
    let expected = [
        ("pwrite64", Outcome::Done(2), 0, 0),
        ("openat", Outcome::Done(6), 2, 2),
        ("fdatasync", Outcome::Done(0), 1, 3),
        ("unlink", Outcome::Failed, 5, 5),
        ("sendto", Outcome::Done(1), 6, 6),
        ("fsync", Outcome::Unknown, 7, 7),
        ("pwrite64", Outcome::Unknown, 8, 8),
    ];
    assert_eq!(seen, expected);
    assert_eq!(read[0].strings().collect::<Vec<_>>(), [b"ab"]);
    assert_eq!(read[0].descriptor(), Some((5, "/w".to_owned())));
    assert_eq!(read[1].descriptor(), None);
    assert_eq!(read[4].descriptor(), Some((9, "TCP:[127.0.0.1:1->127.0.0.1:2]".to_owned())));
}
