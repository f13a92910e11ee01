//! The child: writes for ever.

use std::sync::Arc;
use storage::{Applied, Batch, Filter, NamespacedStore, Query, Version};

use super::register::{Sort, content, part};
use super::{open, places};
use crate::child::{folder, say, setting};
use crate::support::{id, install};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_writes_until_it_is_killed() {
    let Some(folder) = folder() else { return };
    let round = setting("round");
    say("opening");
    let store = open(&folder, setting("open_files"), setting("journal_bytes"));
    say("opened");
    let mut tasks = Vec::new();
    for (tenant, context) in places() {
        install(&store, &tenant).await;
        let data = NamespacedStore::new(Arc::clone(&store), &tenant, context);
        let place = format!("{}/{context}", tenant.id());
        let writer = |register: String| Writer::new(data.clone(), place.clone(), register);
        tasks.push(tokio::spawn(events(data.clone(), place.clone(), round)));
        tasks.push(tokio::spawn(pair(writer("pair-1".to_owned()))));
        tasks.push(tokio::spawn(pair(writer("pair-2".to_owned()))));
        tasks.push(tokio::spawn(flip(writer(format!("flip-{round}")))));
    }
    for task in tasks {
        if let Err(error) = task.await {
            say(&format!("wrong {error}"));
        }
    }
}

/// One who writes a register.
struct Writer {
    data: NamespacedStore,
    place: String,
    register: String,
    sort: Sort,
    step: u64,
    versions: Vec<Version>,
}

impl Writer {
    fn new(data: NamespacedStore, place: String, register: String) -> Self {
        let sort = Sort::of(&register);
        Self { data, place, register, sort, step: 0, versions: Vec::new() }
    }

    /// Does the next step.
    async fn go_on(&mut self) {
        let step = self.step + 1;
        let batch = self.batch(step);
        let name = format!("{} {} {step}", self.place, self.register);
        say(&format!("begin {name}"));
        let applied = self.data.write(batch).await.expect("written");
        self.versions = applied.iter().filter_map(|Applied { version, .. }| *version).collect();
        self.step = step;
        let versions: String = self.versions.iter().map(|version| format!(" {}", version.to_raw())).collect();
        say(&format!("done {name}{versions}"));
    }

    fn batch(&self, step: u64) -> Batch {
        let mut batch = Batch::default();
        let kind = self.sort.kind();
        for number in 0..self.sort.parts() {
            let id = id(&part(&self.register, number));
            match (content(&self.register, step), self.versions.get(number)) {
                (None, _) => batch.delete(kind, id),
                (Some(body), Some(read)) if self.sort == Sort::Pair => batch.replace(kind, id, body, *read),
                (Some(body), None) if self.sort == Sort::Pair => batch.create(kind, id, body),
                (Some(body), _) => batch.put(kind, id, body),
            }
        }
        batch
    }

    /// What a read by id says of a part: its step and its version.
    async fn read(&self, number: usize) -> Option<(u64, Version)> {
        let id = id(&part(&self.register, number));
        let document = self.data.get(self.sort.kind(), &id).await.expect("read")?;
        Some((document.body["step"].as_u64().expect("a step"), document.version))
    }
}

/// Batches of events, some of them removed a little later; now and then a search, which shows the last one.
async fn events(data: NamespacedStore, place: String, round: usize) {
    for number in 0u64.. {
        let register = format!("events-{round}-{number}");
        let mut writer = Writer::new(data.clone(), place.clone(), register.clone());
        writer.go_on().await;
        if number % 20 == 0 {
            let mine = Filter::equals("register", register.as_str());
            let page = data.search("event", &Query { filter: mine, ..Query::default() }).await;
            let found = page.expect("searched").documents;
            assert_eq!(found.len(), 3, "{register} was acknowledged and is not found");
            assert!(found.iter().all(|event| event.body["register"] == *register));
        }
        if number % 4 == 0 {
            writer.go_on().await;
            assert_eq!(writer.read(0).await, None, "{register} was removed");
        }
    }
}

/// Goes on where the last life of the program has ended.
async fn pair(mut writer: Writer) {
    if let Some((step, first)) = writer.read(0).await {
        let (other, second) = writer.read(1).await.expect("the other one");
        assert_eq!(step, other, "{}", writer.register);
        (writer.step, writer.versions) = (step, vec![first, second]);
    }
    for number in 0u64.. {
        writer.go_on().await;
        if number % 8 == 0 {
            let read = writer.read(1).await;
            assert_eq!(read, Some((writer.step, writer.versions[1])), "{} was acknowledged", writer.register);
        }
    }
}

async fn flip(mut writer: Writer) {
    for number in 0u64.. {
        writer.go_on().await;
        if number % 50 == 0 {
            let filter = Filter::equals("register", writer.register.as_str());
            let count = writer.data.count("profile", &filter).await.expect("counted");
            assert_eq!(count, u64::from(writer.sort.exists_at(writer.step)), "{}", writer.register);
        }
    }
}
