//! [`Events`]: events of about 600 bytes, the same for the same seed.

use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use storage::{Batch, Body, DocumentId};
use uuid::{Builder, Uuid};

/// The kind of document that they are.
pub const EVENT: &str = "event";

/// When an event was stored: the kind's time field.
pub const INSERTED: &str = "metadata.time.insert";

/// A document to write.
pub type Event = (DocumentId, Body);

/// Visitors of a shop, who look around and sometimes buy something.
#[derive(Debug, Clone)]
pub struct Events {
    random: Rng,
    now: Timestamp,
    /// The longest time from one to the next, in microseconds.
    pause: i64,
    /// Sessions under way, each with its profile.
    visits: Vec<(Uuid, Uuid)>,
}

const TYPES: [(&str, u32); 6] = [
    ("page-view", 60),
    ("product-view", 20),
    ("search", 10),
    ("add-to-cart", 6),
    ("sign-in", 2),
    ("purchase-order", 2),
];
const SOURCES: [&str; 3] = ["web-shop", "mobile-app", "newsletter"];
const WORDS: [&str; 8] = ["garden", "chair", "oak", "summer", "lamp", "outdoor", "classic", "table"];
const VISITS: usize = 500;

impl Events {
    /// Events that begin at noon of a day in 2026 and are a few milliseconds apart.
    ///
    /// # Panics
    /// Never: the day exists.
    pub fn new(seed: u64) -> Self {
        let mut random = Rng::with_seed(seed);
        let visits = (0..VISITS).map(|_| (uuid(&mut random), uuid(&mut random))).collect();
        Self { random, now: "2026-03-01T12:00:00Z".parse().expect("a time"), pause: 10_000, visits }
    }

    /// So many events, spread over so long a time.
    pub fn over(time: Duration, count: usize) -> Self {
        let pause = 2 * time.as_micros() / count.max(1) as u128;
        Self { pause: i64::try_from(pause).unwrap_or(i64::MAX).max(1), ..Self::new(count as u64) }
    }

    /// The next `count` events.
    pub fn take(&mut self, count: usize) -> Vec<Event> {
        (0..count).map(|_| self.event()).collect()
    }

    /// The next `batches` batches of `size` events each, as the store takes them.
    pub fn batches(&mut self, batches: usize, size: usize) -> Vec<Batch> {
        (0..batches).map(|_| batch(self.take(size))).collect()
    }

    /// A random id, as a platform gives one to an event that came without.
    pub fn id(&mut self) -> DocumentId {
        uuid(&mut self.random).into()
    }

    fn event(&mut self) -> Event {
        self.now += SignedDuration::from_micros(self.random.i64(0..=self.pause));
        let id = uuid(&mut self.random);
        let random = &mut self.random;
        let visit = random.usize(0..VISITS);
        // Now and then a visitor leaves and another one comes.
        if random.u32(0..20) == 0 {
            self.visits[visit] = (uuid(random), uuid(random));
        }
        let (session, profile) = self.visits[visit];
        let event_type = event_type(random);
        let (source, page) = (pick(random, &SOURCES), pick(random, &WORDS));
        let title: Vec<&str> = (0..5).map(|_| pick(random, &WORDS)).collect();
        let title = title.join(" ");
        let body = json!({
            "type": event_type,
            "name": event_type.replace('-', " "),
            "metadata": {
                "time": { "insert": self.now.to_string(), "create": self.now.to_string() },
                "ip": format!("10.{}.{}.{}", random.u8(..), random.u8(..), random.u8(..)),
                "status": "collected",
                "channel": "web",
            },
            "source": { "id": source },
            "session": { "id": session },
            "profile": { "id": profile },
            "properties": {
                "url": format!("https://shop.example.com/{page}/{}", random.u32(1..100_000)),
                "title": title,
                "product": { "sku": format!("SKU-{:06}", random.u32(..1_000_000)), "quantity": random.u8(1..5) },
                "price": f64::from(random.u32(100..50_000)) / 100.0,
                "currency": "EUR",
                "referrer": "https://search.example.org/results",
            },
            "tags": { "values": [page], "count": 1 },
        });
        match body {
            serde_json::Value::Object(body) => (id.into(), body),
            _ => unreachable!("the macro was given an object"),
        }
    }
}

/// Events as one batch of the store.
pub fn batch(events: Vec<Event>) -> Batch {
    let mut batch = Batch::default();
    for (id, body) in events {
        batch.put(EVENT, id, body);
    }
    batch
}

fn uuid(random: &mut Rng) -> Uuid {
    Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid()
}

fn pick(random: &mut Rng, of: &[&'static str]) -> &'static str {
    of[random.usize(..of.len())]
}

fn event_type(random: &mut Rng) -> &'static str {
    let mut point = random.u32(..100);
    for (name, weight) in TYPES {
        if point < weight {
            return name;
        }
        point -= weight;
    }
    TYPES[0].0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_about_600_bytes_of_text() {
        let events = Events::new(7).take(1000);
        let bytes: usize =
            events.iter().map(|(_, body)| serde_json::to_string(body).expect("JSON").len()).sum();
        assert!((580..=620).contains(&(bytes / 1000)), "{} bytes", bytes / 1000);
    }

    #[test]
    fn the_same_seed_makes_the_same_events_and_another_one_others() {
        assert_eq!(Events::new(1).take(50), Events::new(1).take(50));
        assert_ne!(Events::new(1).take(50), Events::new(2).take(50));
    }

    #[test]
    fn no_id_comes_twice() {
        let ids: std::collections::HashSet<_> =
            Events::new(1).take(10_000).into_iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), 10_000);
    }
}
