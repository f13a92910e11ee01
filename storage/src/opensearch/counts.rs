//! Counting by value and by time.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aggregate::Counter;
use crate::check;
use crate::error::StoreError;
use crate::histogram::{Span, Spans};
use crate::kind::FieldType;
use crate::opensearch::layout::{milliseconds_field, sort_field};
use crate::opensearch::plan::Plan;
use crate::opensearch::read::Documents;
use crate::opensearch::terms;
use crate::query::{Aggregation, Buckets, Filter, Interval, Scalar};

/// How many buckets one question asks for; the engine gives 65 535 at most.
const MAX_BUCKETS: usize = 10_000;
const MAX_SHARD_TERMS: usize = 50_000;

#[derive(Deserialize)]
struct Answer<A> {
    aggregations: A,
}

#[derive(Deserialize)]
struct Counted<K> {
    counted: Listed<K>,
}

#[derive(Deserialize)]
struct Listed<K> {
    buckets: Vec<Bucket<K>>,
    #[serde(default)]
    sum_other_doc_count: u64,
    /// What a shard may have left out; 0 where one shard has all, or none had more than it told.
    #[serde(default)]
    doc_count_error_upper_bound: u64,
    after_key: Option<Value>,
}

#[derive(Deserialize)]
struct Bucket<K> {
    key: K,
    doc_count: u64,
}

impl Documents<'_> {
    pub(super) async fn aggregate(
        &self,
        filter: &Filter,
        aggregation: &Aggregation,
    ) -> Result<Buckets, StoreError> {
        let plan = Plan::new(self.kind, filter);
        if plan.is_exact {
            let counted = match aggregation {
                Aggregation::Terms { path, size } => self.by_value(&plan, path, *size).await?,
                Aggregation::Histogram { path, interval, zone } => {
                    self.by_time(&plan, path, *interval, zone).await?
                }
            };
            if let Some(counted) = counted {
                return Ok(counted);
            }
        }
        let mut counter = Counter::new(self.kind, aggregation)?;
        self.each(&plan, filter, |document| counter.add(&document.body)).await?;
        Ok(counter.finish())
    }

    async fn counted<K: serde::de::DeserializeOwned>(
        &self,
        plan: &Plan,
        aggregation: Value,
    ) -> Result<Listed<K>, StoreError> {
        let body = json!({"size": 0, "track_total_hits": false, "aggs": {"counted": aggregation}});
        let answer: Answer<Counted<K>> =
            self.engine.hosts.ask(self.search_request(&plan.query, body)).await?;
        Ok(answer.aggregations.counted)
    }

    /// `None` where a value is too long to be read from what was counted, or where shards have not told all.
    async fn by_value(&self, plan: &Plan, path: &str, size: usize) -> Result<Option<Buckets>, StoreError> {
        let mut request = json!({"terms": {
            "size": size.max(1),
            // All that a tenant shares is in one shard, and nothing is estimated. Of its own shards each tells so many.
            "shard_size": MAX_SHARD_TERMS,
            "order": [{"_count": "desc"}, {"_key": "asc"}],
        }});
        let declared = self.kind.field(path);
        match declared {
            Some(field) => request["terms"]["field"] = sort_field(&field.path).into(),
            None => {
                let key = terms::path_key(path);
                request["terms"]["field"] = terms::field(&key, terms::TEXT).into();
                request["terms"]["include"] =
                    format!("{key}[{}{}{}].*", terms::BOOL, terms::NUMBER, terms::TEXT).into();
            }
        }
        if self.own_alias().is_none() {
            // The engine's other way begins with all the values of all tenants, after every refresh.
            request["terms"]["execution_hint"] = "map".into();
        }
        let found: Listed<String> = self.counted(plan, request).await?;
        if found.doc_count_error_upper_bound > 0 {
            return Ok(None);
        }
        let beyond: u64 = found.buckets.iter().skip(size).map(|bucket| bucket.doc_count).sum();
        let read = |key: &str| match declared {
            Some(field) => terms::decode_sorted(field.field_type, key),
            None => {
                let (letter, value) = key.get(terms::KEY..)?.split_at_checked(1)?;
                terms::decode(letter.chars().next()?, value)
            }
        };
        let values: Option<Vec<(Scalar, u64)>> = found
            .buckets
            .iter()
            .take(size)
            .map(|bucket| Some((read(&bucket.key)?, bucket.doc_count)))
            .collect();
        Ok(values.map(|values| Buckets::Terms { values, other: found.sum_other_doc_count + beyond }))
    }

    /// `None` where the field is not one of instants.
    async fn by_time(
        &self,
        plan: &Plan,
        path: &str,
        interval: Interval,
        zone: &str,
    ) -> Result<Option<Buckets>, StoreError> {
        if self.kind.field(path).is_none_or(|field| field.field_type != FieldType::Date) {
            return Ok(None);
        }
        let field = milliseconds_field(path);
        let mut counter = Counter::new(
            self.kind,
            &Aggregation::Histogram { path: path.to_owned().into(), interval, zone: zone.to_owned() },
        )?;
        let mut spans = Spans::new(interval, check::time_zone(zone)?);
        let Some((first, last)) = self.ends(plan, &field).await? else { return Ok(Some(counter.finish())) };
        match spans_between(&mut spans, first, last) {
            Some(spans) => {
                for (span, count) in self.in_spans(plan, &field, spans).await? {
                    counter.add_bucket(span, count);
                }
            }
            None => {
                for (second, count) in self.by_second(plan, &field).await? {
                    counter.add_bucket(spans.span(second).bucket, count);
                }
            }
        }
        Ok(Some(counter.finish()))
    }

    /// The seconds of the first and the last instant.
    async fn ends(&self, plan: &Plan, field: &str) -> Result<Option<(i64, i64)>, StoreError> {
        #[derive(Deserialize)]
        struct Ends {
            first: End,
            last: End,
        }
        #[derive(Deserialize)]
        struct End {
            value: Option<f64>,
        }
        let body = json!({"size": 0, "track_total_hits": false, "aggs": {
            "first": {"min": {"field": field}}, "last": {"max": {"field": field}}
        }});
        let answer: Answer<Ends> = self.engine.hosts.ask(self.search_request(&plan.query, body)).await?;
        let second = |end: End| end.value.map(|milliseconds| whole(milliseconds).div_euclid(1000));
        Ok(second(answer.aggregations.first).zip(second(answer.aggregations.last)))
    }

    async fn in_spans(
        &self,
        plan: &Plan,
        field: &str,
        spans: Vec<Span>,
    ) -> Result<Vec<(Timestamp, u64)>, StoreError> {
        let ranges: Vec<Value> = spans
            .iter()
            .map(|Span { seconds, .. }| {
                let end = |second: i64| second.saturating_mul(1000);
                json!({"from": end(seconds.start), "to": end(seconds.end)})
            })
            .collect();
        let found: Listed<Value> =
            self.counted(plan, json!({"range": {"field": field, "ranges": ranges}})).await?;
        // The engine answers in the order of their beginnings, which is that of time.
        let counts = found.buckets.iter().map(|bucket| bucket.doc_count);
        Ok(spans.iter().map(|span| span.bucket).zip(counts).collect())
    }

    /// Each second in which there is anything, however many they are.
    async fn by_second(&self, plan: &Plan, field: &str) -> Result<Vec<(i64, u64)>, StoreError> {
        #[derive(Deserialize)]
        struct Key {
            second: f64,
        }
        let (mut seconds, mut after) = (Vec::new(), None);
        loop {
            let mut composite = json!({
                "size": MAX_BUCKETS,
                "sources": [{"second": {"histogram": {"field": field, "interval": 1000}}}],
            });
            if let Some(after) = after {
                composite["after"] = after;
            }
            let found: Listed<Key> = self.counted(plan, json!({"composite": composite})).await?;
            let is_last = found.buckets.len() < MAX_BUCKETS;
            seconds.extend(
                found
                    .buckets
                    .into_iter()
                    .map(|bucket| (whole(bucket.key.second).div_euclid(1000), bucket.doc_count)),
            );
            after = found.after_key;
            if is_last || after.is_none() {
                return Ok(seconds);
            }
        }
    }
}

/// Milliseconds, which the engine counts in floating point: exact for the years that an instant can have.
#[expect(
    clippy::cast_possible_truncation,
    reason = "milliseconds of the years up to 9999 are whole and far below 2^53"
)]
fn whole(milliseconds: f64) -> i64 {
    milliseconds as i64
}

/// All spans from one second to another; `None` if they are too many for one question.
fn spans_between(spans: &mut Spans, first: i64, last: i64) -> Option<Vec<Span>> {
    let (mut all, mut second) = (Vec::new(), first);
    while second <= last {
        if all.len() == MAX_BUCKETS {
            return None;
        }
        let span = spans.span(second);
        second = span.seconds.end;
        all.push(span);
    }
    Some(all)
}
