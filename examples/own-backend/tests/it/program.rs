//! The program, started as a user would, and killed as one never should.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn start(folder: &Path, visits: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_own-backend"));
    command.arg(folder).arg(visits).stdout(Stdio::piped()).spawn().unwrap()
}

/// What it prints when it comes to its end.
fn run(folder: &Path, visits: &str) -> Vec<String> {
    let output = start(folder, visits).wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn number(line: &str) -> Option<u64> {
    line.strip_prefix("visit ")?.parse().ok()
}

#[test]
fn visits_are_counted_from_one_start_to_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let first = run(folder.path(), "2");
    assert_eq!(first[..2], ["visit 1", "visit 2"]);
    // One day, or two around midnight.
    let visits = |lines: &[String]| -> u64 {
        let days = lines.iter().filter_map(|line| line.strip_prefix("visits on ")?.split_once(": "));
        days.map(|(_, visits)| visits.parse::<u64>().unwrap()).sum()
    };
    assert_eq!(visits(&first), 2);
    let second = run(folder.path(), "1");
    assert_eq!(second[0], "visit 3");
    assert_eq!(visits(&second), 3);
}

#[test]
fn no_visit_that_was_printed_is_lost_when_the_program_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut printed = 0;
    for kill in 0..20 {
        let mut program = start(folder.path(), "1000000");
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        let first = number(&lines.next().unwrap().unwrap()).unwrap();
        // One more may have been written and not printed.
        assert!(first == printed + 1 || first == printed + 2, "{first} after {printed}");
        printed = first;
        for line in lines.by_ref().take(kill * 3) {
            printed = number(&line.unwrap()).unwrap();
        }
        program.kill().unwrap();
        // What it had printed by then is in the pipe.
        for line in lines.map_while(Result::ok) {
            printed = number(&line).unwrap_or(printed);
        }
        program.wait().unwrap();
    }
}

#[test]
fn a_line_that_finds_no_room_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    // A limit to the length of files, whose signal is ignored: a write that reaches it ends in the middle, and the next fails.
    let limited = Command::new("sh")
        .args(["-c", r#"trap '' XFSZ; ulimit -f 8; exec "$0" "$1" 1000000"#])
        .args([Path::new(env!("CARGO_BIN_EXE_own-backend")), folder.path()])
        .output()
        .unwrap();
    assert!(!limited.status.success());
    assert!(String::from_utf8_lossy(&limited.stderr).contains("could not append"), "{limited:?}");
    let printed = String::from_utf8(limited.stdout).unwrap().lines().filter_map(number).max().unwrap();

    let logs = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
    let log = logs.max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    assert_eq!(std::fs::read(log).unwrap().last(), Some(&b'\n'), "what was begun was cut off before the end");
    assert_eq!(number(&run(folder.path(), "1")[0]), Some(printed + 1));
}
