//! [`Samples`]: one figure, measured several times.

use serde::{Deserialize, Serialize};

/// One figure for each repetition, in the order of the repetitions. Never empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// The figures of the repetitions.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(figures: Vec<f64>) -> Self {
        assert!(!figures.is_empty(), "a figure is measured at least once");
        Self(figures)
    }

    /// The middle one; of two, the mean.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let middle = sorted.len() / 2;
        if sorted.len() % 2 == 1 { sorted[middle] } else { f64::midpoint(sorted[middle - 1], sorted[middle]) }
    }

    /// The least.
    pub fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    /// The greatest.
    pub fn greatest(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// What is left of each figure beside the other one of the same repetition.
    ///
    /// # Panics
    /// If the other one was not measured as often.
    pub fn minus(&self, other: &Self) -> Self {
        assert_eq!(self.0.len(), other.0.len(), "opponents are measured in the same repetitions");
        Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours - theirs).collect())
    }

    /// Adds the repetitions of another process.
    pub fn join(&mut self, later: Self) {
        self.0.extend(later.0);
    }

    /// The figures, in the order of the repetitions.
    pub fn figures(&self) -> &[f64] {
        &self.0
    }

    /// Repetition by repetition: what a slow moment of the machine does to both is not in it.
    ///
    /// # Panics
    /// If the other one was not measured as often.
    pub fn ratio_to(&self, other: &Self) -> Self {
        assert_eq!(self.0.len(), other.0.len(), "opponents are measured in the same repetitions");
        Self(self.0.iter().zip(&other.0).map(|(ours, theirs)| ours / theirs).collect())
    }
}

impl From<f64> for Samples {
    fn from(figure: f64) -> Self {
        Self(vec![figure])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_one() {
        assert!((Samples::new(vec![9.0, 1.0, 2.0]).median() - 2.0).abs() < f64::EPSILON);
        assert!((Samples::new(vec![4.0, 1.0, 2.0, 9.0]).median() - 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn a_ratio_is_taken_within_a_repetition() {
        let (ours, theirs) = (Samples::new(vec![10.0, 1.0]), Samples::new(vec![20.0, 2.0]));
        let ratio = ours.ratio_to(&theirs);
        assert_eq!(
            (ratio.least().to_bits(), ratio.greatest().to_bits()),
            (0.5f64.to_bits(), 0.5f64.to_bits())
        );
    }
}
