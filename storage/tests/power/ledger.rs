//! What the child had said, and so promised, at a moment.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::{Actor, TENANTS};

/// What was said, each with its position in the recording.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    lines: Vec<(usize, String)>,
}

/// What holds at one moment.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Promised {
    pub(crate) installed: BTreeSet<String>,
    /// How many batches of each actor were acknowledged.
    pub(crate) written: BTreeMap<Actor, usize>,
    pub(crate) removing: bool,
    pub(crate) removed: bool,
}

impl Ledger {
    /// What was written to standard output by one call that began here. The test harness writes there, too.
    pub(crate) fn add(&mut self, began: usize, bytes: &[u8]) {
        for line in String::from_utf8_lossy(bytes).lines() {
            let first = line.split(' ').next().unwrap_or_default();
            if ["installed", "wrote", "removing", "removed", "closed"].contains(&first) {
                self.lines.push((began, line.to_owned()));
            }
        }
    }

    /// The positions of what was said, for those whose lines begin so.
    pub(crate) fn positions(&self, prefix: &str) -> Vec<usize> {
        self.lines.iter().filter(|(_, line)| line.starts_with(prefix)).map(|(at, _)| *at).collect()
    }

    /// What had begun to be said before this position.
    pub(crate) fn at(&self, position: usize) -> Promised {
        let mut promised = Promised::default();
        for (_, line) in self.lines.iter().filter(|(began, _)| *began < position) {
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["installed", name] => drop(promised.installed.insert(name.to_owned())),
                ["wrote", name, actor, number] => {
                    let tenant = TENANTS.into_iter().find(|tenant| *tenant == name).expect("a tenant");
                    let actor = Actor { tenant, number: actor.parse().expect("a number") };
                    promised.written.insert(actor, number.parse::<usize>().expect("a number") + 1);
                }
                ["removing", _] => promised.removing = true,
                ["removed", _] => promised.removed = true,
                ["closed"] => {}
                _ => panic!("the child said {line:?}"),
            }
        }
        promised
    }
}
