//! What the store must hold, by what its writer has said.

use std::collections::{BTreeMap, HashMap};

use storage::Document;

use super::register::{Sort, content, part};

/// What is known of each register, by file and name.
#[derive(Debug, Default)]
pub(super) struct Model {
    registers: BTreeMap<(String, String), Known>,
}

#[derive(Debug, Default)]
struct Known {
    /// The last step that was acknowledged, or seen after a start.
    certain: u64,
    /// The last step that was begun.
    begun: u64,
    /// Those of the certain step.
    versions: Vec<u64>,
}

impl Model {
    /// Takes in what a child has said. Whether it was killed while something was under way.
    pub(super) fn hear(&mut self, said: &[String]) -> bool {
        for line in said {
            let words: Vec<&str> = line.split(' ').collect();
            let [what @ ("begin" | "done"), place, register, step, versions @ ..] = &words[..] else {
                continue;
            };
            let known = self.registers.entry(((*place).to_owned(), (*register).to_owned())).or_default();
            let step = step.parse().expect("a step");
            if *what == "begin" {
                // What was under way when the last child was killed may have come about.
                let goes_on = (known.certain + 1..=known.begun.max(known.certain) + 1).contains(&step);
                assert!(goes_on, "{place} {register} goes on where it was, not at {step}: {known:?}");
                if step > known.certain + 1 {
                    *known = Known { certain: step - 1, begun: step, versions: Vec::new() };
                }
                known.begun = step;
            } else {
                known.certain = step;
                known.versions = versions.iter().map(|version| version.parse().expect("a number")).collect();
            }
        }
        self.registers.values().any(|known| known.begun > known.certain)
    }

    /// Holds what was found in a file against what must be there. What was seen once must stay from now on, and what was
    /// under way and is not there must not come later.
    pub(super) fn compare(&mut self, place: &str, mut found: HashMap<String, Document>) {
        for ((_, register), known) in self.registers.iter_mut().filter(|((of, _), _)| of == place) {
            let parts = 0..Sort::of(register).parts();
            let documents: Vec<Option<Document>> =
                parts.map(|number| found.remove(&part(register, number))).collect();
            let Some(step) = (known.certain..=known.begun).find(|step| is_at(register, *step, &documents))
            else {
                panic!("{place}: {register} must be at one of {known:?}, and is {documents:?}");
            };
            let versions: Vec<u64> =
                documents.iter().flatten().map(|document| document.version.to_raw()).collect();
            if step == known.certain && !known.versions.is_empty() {
                assert_eq!(versions, known.versions, "{place}: {register} has other versions at step {step}");
            }
            *known = Known { certain: step, begun: step, versions };
        }
        assert!(found.is_empty(), "{place}: nobody wrote {:?}", found.keys());
    }

    pub(super) fn len(&self) -> usize {
        self.registers.len()
    }
}

fn is_at(register: &str, step: u64, documents: &[Option<Document>]) -> bool {
    let expected = content(register, step);
    documents.iter().all(|document| document.as_ref().map(|document| &document.body) == expected.as_ref())
}
