//! [`Contest`]: opponents that take turns.

use crate::{Result, Samples};

type Measure<'a> = Box<dyn FnMut(usize) -> Result<f64> + 'a>;

/// Measures its contestants once in each repetition. The order turns by one each time, so that none always comes first
/// or always after the same other; a first repetition warms up and does not count.
pub struct Contest<'a> {
    repetitions: usize,
    contestants: Vec<Measure<'a>>,
}

impl<'a> Contest<'a> {
    /// One without contestants.
    pub fn new(repetitions: usize) -> Self {
        Self { repetitions, contestants: Vec::new() }
    }

    /// Adds a contestant: `measure` is told the number of the repetition (0 is the one that warms up), prepares what it
    /// needs, and answers the figure of what it then measured.
    #[must_use]
    pub fn with(mut self, measure: impl FnMut(usize) -> Result<f64> + 'a) -> Self {
        self.contestants.push(Box::new(measure));
        self
    }

    /// The figures of each contestant, in the order in which they were added.
    ///
    /// # Errors
    /// The first one of a contestant.
    pub fn run(mut self) -> Result<Vec<Samples>> {
        let count = self.contestants.len();
        let mut figures = vec![Vec::with_capacity(self.repetitions); count];
        for repetition in 0..=self.repetitions {
            for turn in 0..count {
                let contestant = (repetition + turn) % count;
                let figure = (self.contestants[contestant])(repetition)?;
                if repetition > 0 {
                    figures[contestant].push(figure);
                }
            }
        }
        Ok(figures.into_iter().map(Samples::new).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn the_order_turns_and_the_warm_up_does_not_count() {
        let turns = RefCell::new(String::new());
        let contestant = |name: char| {
            let turns = &turns;
            move |repetition: usize| {
                turns.borrow_mut().push(name);
                Ok(f64::from(u32::try_from(repetition)?))
            }
        };
        let figures = Contest::new(2).with(contestant('a')).with(contestant('b')).run();
        let figures = figures.expect("nothing fails");
        assert_eq!(*turns.borrow(), "abbaab");
        assert_eq!(figures, [Samples::new(vec![1.0, 2.0]), Samples::new(vec![1.0, 2.0])]);
    }
}
