//! [`Row`]: what a question answers.

use serde::{Deserialize, Serialize};

use crate::{Result, Samples};

/// A line of the report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured.
    pub what: String,
    /// In what.
    pub unit: Unit,
    /// What it was.
    pub figure: Samples,
    /// What it is compared with: its name, and its own figure in the same unit.
    pub opponent: Option<(String, Samples)>,
    /// What is promised.
    pub goal: Option<Goal>,
}

impl Row {
    /// A figure by itself.
    pub fn new(what: impl Into<String>, unit: Unit, figure: impl Into<Samples>) -> Self {
        Self { what: what.into(), unit, figure: figure.into(), opponent: None, goal: None }
    }

    /// Compares it with another figure, of the same repetitions.
    #[must_use]
    pub fn against(mut self, name: impl Into<String>, figure: &Samples) -> Self {
        self.opponent = Some((name.into(), figure.clone()));
        self
    }

    /// Says what is promised.
    #[must_use]
    pub fn with_goal(mut self, goal: Goal) -> Self {
        self.goal = Some(goal);
        self
    }

    /// Adds what the same question answered in another process.
    ///
    /// # Errors
    /// If it is another row.
    pub fn join(&mut self, later: Self) -> Result<()> {
        if self.name() != later.name() {
            return Err(format!("{} was answered in the place of {}", later.name(), self.name()).into());
        }
        self.figure.join(later.figure);
        if let (Some((_, theirs)), Some((_, later))) = (&mut self.opponent, later.opponent) {
            theirs.join(later);
        }
        Ok(())
    }

    /// The figure divided by the opponent's, repetition by repetition.
    pub fn ratio(&self) -> Option<Samples> {
        self.opponent.as_ref().map(|(_, theirs)| self.figure.ratio_to(theirs))
    }

    /// Whether the goal is met; `None` without one.
    pub fn is_met(&self) -> Option<bool> {
        Some(match self.goal? {
            Goal::Ratio(least) => self.ratio()?.median() >= least,
            Goal::RatioAtMost(most) => self.ratio()?.median() <= most,
            Goal::AtMost(most) => self.figure.median() <= most,
        })
    }
}

impl Row {
    /// What tells it from all other rows.
    pub fn name(&self) -> String {
        match &self.opponent {
            Some((opponent, _)) => format!("{} | {opponent}", self.what),
            None => self.what.clone(),
        }
    }

    /// Whether its goal is missed in every single repetition: by more than the noise that was measured.
    pub fn is_missed_for_sure(&self) -> bool {
        let Some(goal) = self.goal else { return false };
        match (goal, self.ratio()) {
            (Goal::Ratio(least), Some(ratio)) => ratio.greatest() < least,
            (Goal::RatioAtMost(most), Some(ratio)) => ratio.least() > most,
            (Goal::AtMost(most), _) => self.figure.least() > most,
            (Goal::Ratio(_) | Goal::RatioAtMost(_), None) => false,
        }
    }
}

/// What a figure is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Events a second.
    Events,
    /// Nanoseconds.
    Nanoseconds,
    /// Microseconds.
    Microseconds,
    /// Milliseconds.
    Milliseconds,
    /// Mebibytes.
    Mebibytes,
    /// Bytes.
    Bytes,
    /// Tenants a second.
    Tenants,
    /// So many times something else.
    Times,
    /// Parts of a hundred.
    Percent,
    /// Things that are counted.
    Count,
}

impl Unit {
    /// As it is written after a figure.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Events => "events/s",
            Self::Nanoseconds => "ns",
            Self::Microseconds => "µs",
            Self::Milliseconds => "ms",
            Self::Mebibytes => "MiB",
            Self::Bytes => "B",
            Self::Tenants => "tenants/s",
            Self::Times => "x",
            Self::Percent => "%",
            Self::Count => "",
        }
    }
}

/// What is promised of a figure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Goal {
    /// At least this many times the opponent's figure.
    Ratio(f64),
    /// At most this many times the opponent's figure.
    RatioAtMost(f64),
    /// At most this much, in the row's unit.
    AtMost(f64),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repetitions_of_all_processes_count() {
        let row = |figure, theirs: f64| Row::new("x", Unit::Events, figure).against("y", &theirs.into());
        let mut joined = row(80.0, 100.0);
        joined.join(row(90.0, 60.0)).expect("the same row");
        assert_eq!(joined.figure.figures(), [80.0, 90.0]);
        assert_eq!(joined.ratio().expect("an opponent").figures(), [0.8, 1.5]);
        assert!(joined.join(Row::new("z", Unit::Events, 1.0)).is_err());
    }

    #[test]
    fn a_goal_is_met_by_the_medians() {
        let row = Row::new("x", Unit::Events, Samples::new(vec![80.0, 90.0, 10.0]));
        let row = row.against("y", &Samples::new(vec![100.0; 3]));
        assert_eq!(row.is_met(), None);
        assert_eq!(row.clone().with_goal(Goal::Ratio(0.8)).is_met(), Some(true));
        assert_eq!(row.clone().with_goal(Goal::Ratio(0.81)).is_met(), Some(false));
        assert_eq!(row.clone().with_goal(Goal::RatioAtMost(0.8)).is_met(), Some(true));
        assert_eq!(row.clone().with_goal(Goal::RatioAtMost(0.79)).is_met(), Some(false));
        assert!(!row.clone().with_goal(Goal::RatioAtMost(0.79)).is_missed_for_sure(), "once it was 0.1");
        assert!(row.clone().with_goal(Goal::RatioAtMost(0.09)).is_missed_for_sure());
        assert!(row.clone().with_goal(Goal::Ratio(0.91)).is_missed_for_sure());
        assert!(!row.clone().with_goal(Goal::AtMost(10.0)).is_missed_for_sure());
        assert_eq!(row.clone().with_goal(Goal::AtMost(80.0)).is_met(), Some(true));
        assert_eq!(row.with_goal(Goal::AtMost(79.0)).is_met(), Some(false));
    }
}
