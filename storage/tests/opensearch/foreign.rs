//! Indices that have our names, and are not ours: they are refused, and left as they are.

use serde_json::{Value, json};
use storage::{OpenSearchConfig, StoreError, StoreErrorKind, lifecycle};

use crate::data;
use crate::support;

struct Engine {
    url: String,
    prefix: String,
}

impl Engine {
    async fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let url = format!("{}/{path}", self.url);
        let request = reqwest::Client::new().request(method.parse().expect("a method"), url);
        let request = request.header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.expect("the engine answers");
        let text = answer.text().await.expect("an answer");
        let answer: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        assert!(answer.get("error").is_none(), "{method} {path}: {answer}");
        answer
    }

    /// An index, with one document of somebody.
    async fn index(&self, name: &str, definition: Value) {
        self.ask("PUT", name, definition).await;
        self.ask("PUT", &format!("{name}/_doc/1?refresh=true"), json!({"space": "theirs"})).await;
    }

    /// All that could have been changed of an index.
    async fn state(&self, name: &str) -> (Value, Value) {
        self.ask("POST", &format!("{name}/_refresh"), json!({})).await;
        let found = self.ask("GET", &format!("{name}/_search"), json!({})).await;
        (self.ask("GET", name, json!({})).await, found["hits"]["hits"].clone())
    }
}

/// What a store says that finds such an index; it does so each time, and changes nothing.
async fn refused(
    config: &OpenSearchConfig,
    name: impl Fn(&str) -> String,
    definition: impl Fn(&str) -> Value,
) -> StoreError {
    let engine = Engine { url: config.hosts[0].clone(), prefix: config.prefix.clone() };
    let name = name(&engine.prefix);
    engine.index(&name, definition(&engine.prefix)).await;
    let before = engine.state(&name).await;
    let store = support::open(config, data::schema());
    let tenant = data::tenant("acme");
    let mut last = None;
    for _ in 0..2 {
        let install = lifecycle::install(&store, tenant.id(), tenant.incarnation()).await;
        last = install.err();
        let write = data::data_of(&store, &tenant).write(data::batch("s1")).await;
        assert_eq!(write.expect_err("it is not ours").kind(), StoreErrorKind::Backend);
    }
    assert_eq!(engine.state(&name).await, before, "it was changed");
    let error = last.expect("it is not ours");
    assert_eq!(error.kind(), StoreErrorKind::Backend, "{error:?}");
    assert!(error.to_string().contains(&engine.prefix), "it does not say which index: {error}");
    error
}

fn reached_as(alias: String, mapping: Value) -> Value {
    json!({"aliases": {alias: {}}, "mappings": mapping})
}

#[tokio::test]
async fn an_index_that_says_nothing_of_itself_is_refused() {
    let Some(config) = support::config() else { return };
    let error = refused(
        &config,
        |prefix| format!("{prefix}-other-1"),
        |prefix| reached_as(format!("{prefix}-other"), json!({})),
    );
    assert!(error.await.to_string().contains("not ours"));
}

#[tokio::test]
async fn an_index_of_another_format_is_refused() {
    let Some(config) = support::config() else { return };
    let mapping = json!({"_meta": {"format": 2, "schema": 1}});
    let error = refused(
        &config,
        |prefix| format!("{prefix}-event-1"),
        |prefix| reached_as(format!("{prefix}-event"), mapping.clone()),
    );
    assert!(error.await.to_string().contains("another format"));
}

#[tokio::test]
async fn an_index_in_the_place_of_the_alias_is_refused() {
    let Some(config) = support::config() else { return };
    refused(&config, |prefix| format!("{prefix}-other"), |_| json!({})).await;
}

#[tokio::test]
async fn an_index_that_the_alias_does_not_lead_to_is_refused() {
    let Some(config) = support::config() else { return };
    refused(&config, |prefix| format!("{prefix}-spaces-1"), |_| json!({})).await;
}

#[tokio::test]
async fn an_alias_that_leads_to_a_foreign_index_too_is_refused() {
    let Some(config) = support::config() else { return };
    // In the order of names, ours would be found first.
    refused(
        &config,
        |prefix| format!("{prefix}-other-9"),
        |prefix| reached_as(format!("{prefix}-other"), json!({})),
    )
    .await;
}
