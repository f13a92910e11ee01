//! The goals that were met when the last table was made; a report that misses one of them fails.

use crate::{Result, Row};

/// The names of their rows, a line each.
const MET: &str = include_str!("../met.txt");

/// Checks that none of them is missed by more than the noise that was measured.
///
/// # Errors
/// If one is; the message names all of them.
pub fn check(rows: &[Row]) -> Result<()> {
    check_against(MET, rows)
}

fn check_against(met: &str, rows: &[Row]) -> Result<()> {
    let was_met = |row: &Row| met.lines().any(|line| line == row.name());
    let lost: Vec<String> =
        rows.iter().filter(|row| row.is_missed_for_sure() && was_met(row)).map(Row::name).collect();
    if lost.is_empty() {
        return Ok(());
    }
    Err(format!("met before, and missed in every repetition now:\n{}", lost.join("\n")).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Goal, Unit};

    #[test]
    fn a_goal_that_was_met_has_to_be_met() {
        let row = Row::new("start", Unit::Milliseconds, 2.0).with_goal(Goal::AtMost(1.0));
        assert!(check_against("other\nstart\n", std::slice::from_ref(&row)).is_err());
        assert!(check_against("other\n", &[row]).is_ok(), "it was not met before");
    }

    #[test]
    fn every_line_is_a_name_of_its_own() {
        let mut lines: Vec<&str> = MET.lines().collect();
        assert!(!lines.is_empty() && lines.iter().all(|line| !line.trim().is_empty()));
        lines.sort_unstable();
        lines.dedup();
        assert_eq!(lines.len(), MET.lines().count());
    }
}
