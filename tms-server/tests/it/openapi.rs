//! The document says what the service does: its routes, and the shapes of its answers.

use reqwest::Method;
use serde_json::{Value, json};

use crate::process::run;
use crate::support::{Answer, As, Tms};

async fn document(tms: &Tms) -> Value {
    tms.send(tms.request(Method::GET, "/openapi.json")).await.ok()
}

/// The path with something in the place of its parameters.
fn filled(path: &str) -> String {
    path.replace("{tenant}", "nobody")
        .replace("{host}", "nobody.example")
        .replace("{id}", "none")
        .replace("{key}", "x")
}

/// That every path of the document is a route, and that every route is in it, is tested beside the routes.
#[tokio::test]
async fn every_method_of_every_route_is_in_the_document_and_every_one_there_is_routed() {
    let tms = Tms::start().await;
    let operator = tms.operator().await;
    let weird = Method::from_bytes(b"WEIRD").expect("a method");
    for (path, item) in document(&tms).await["paths"].as_object().expect("paths") {
        let answer = operator.call(weird.clone(), &filled(path), None).await;
        answer.is(405, "method_not_allowed");
        let allowed = answer.headers["allow"].to_str().expect("text").to_owned();
        let documented = item.as_object().expect("operations");
        for method in documented.keys() {
            assert!(
                allowed.split(',').any(|word| word.eq_ignore_ascii_case(method)),
                "{method} {path}: {allowed}"
            );
        }
        // Axum answers HEAD wherever it answers GET.
        for word in allowed.split(',').filter(|word| *word != "HEAD") {
            if !documented.contains_key(&word.to_ascii_lowercase()) {
                let method = Method::from_bytes(word.as_bytes()).expect("a method");
                operator.call(method, &filled(path), None).await.is(404, "not_found");
            }
        }
    }
}

/// Where a value differs from a schema; a small part of JSON Schema, as much as our document uses.
fn differs(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).expect("it leads somewhere");
        return differs(document, target, value);
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(choices) = schema[word].as_array() {
            let differences: Option<Vec<String>> =
                choices.iter().map(|choice| differs(document, choice, value)).collect();
            return differences.map(|all| all.join(" and "));
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return (!words.contains(value)).then(|| format!("{value} is none of {words:?}"));
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let fits = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().any(|known| known == kind),
        Value::Null => true,
        known => known == kind,
    };
    if !fits {
        return Some(format!("{value} is not {}", schema["type"]));
    }
    let open = schema["properties"].is_null() && schema["additionalProperties"].is_null();
    match value {
        Value::Object(_) if open => None,
        Value::Array(items) => items.iter().find_map(|item| differs(document, &schema["items"], item)),
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let missing = required.map(str::to_owned).find(|name| !fields.contains_key(name));
            missing.map(|name| format!("{name} is missing")).or_else(|| {
                fields.iter().find_map(|(name, value)| {
                    let known = schema["properties"].get(name).or_else(|| schema.get("additionalProperties"));
                    match known {
                        Some(known) => differs(document, known, value).map(|why| format!("{name}: {why}")),
                        None => Some(format!("{name} is not in the document")),
                    }
                })
            })
        }
        _ => None,
    }
}

/// Answers and what the document says of them.
struct Compared<'a> {
    document: Value,
    operator: As<'a>,
}

impl Compared<'_> {
    fn check(&self, method: &Method, template: &str, answer: &Answer) {
        let operation = &self.document["paths"][template][method.as_str().to_lowercase()];
        let status = answer.status.as_str();
        let at = format!("{method} {template} {status}");
        assert!(operation["responses"][status].is_object(), "{at} is not in the document: {answer:?}");
        let media_type = answer.headers["content-type"].to_str().expect("text");
        let schema = &operation["responses"][status]["content"][media_type]["schema"];
        assert!(schema.is_object(), "{at} has no {media_type}");
        assert_eq!(differs(&self.document, schema, &answer.body), None, "{at}: {}", answer.body);
    }

    /// Asks as an operator.
    async fn ask(&self, method: Method, template: &str, path: &str, body: Value) -> Answer {
        let body = (!body.is_null()).then_some(body);
        let answer = self.operator.call(method.clone(), path, body.as_ref()).await;
        self.check(&method, template, &answer);
        answer
    }
}

#[tokio::test]
async fn answers_have_the_shapes_that_the_document_says() {
    let (get, post, patch, delete) = (Method::GET, Method::POST, Method::PATCH, Method::DELETE);
    let tms = Tms::start().await;
    let (document, operator) = (document(&tms).await, tms.operator().await);
    let compared = Compared { document, operator };
    let full = json!({
        "name": "acme", "email": "a@b", "hosts": ["shop.example"], "labels": { "plan": "gold" }, "storage": "shared",
        "limits": { "burst": 5 }, "expire": "2100-01-01T00:00:00Z", "license_id": "l",
    });
    for (method, template, path, body) in [
        (&post, "/tenant", "/tenant", full.clone()),
        (&post, "/tenant", "/tenant", full),
        (&post, "/tenant", "/tenant", json!({ "hosts": [1] })),
        (&post, "/tenant", "/tenant", json!({ "name": "bare", "email": "a@b" })),
        (&post, "/tenant/{tenant}/activate", "/tenant/acme/activate", Value::Null),
        (&post, "/tenant/{tenant}/activate", "/tenant/nobody/activate", Value::Null),
        (
            &post,
            "/tenant/{tenant}/suspend",
            "/tenant/acme/suspend",
            json!({ "public_reason": "a", "private_reason": "b" }),
        ),
        (&post, "/tenant/{tenant}/suspend", "/tenant/bare/suspend", Value::Null),
        (&post, "/tenant/{tenant}/suspend", "/tenant/acme/suspend", json!({ "public_reason": 1 })),
        (&patch, "/tenant/{tenant}", "/tenant/bare", json!({ "labels": { "a": "b" }, "expire": null })),
        (&patch, "/tenant/{tenant}", "/tenant/bare", json!({ "hosts": ["shop.example"] })),
        (&patch, "/tenant/{tenant}", "/tenant/bare", json!({ "name": "other" })),
        (&patch, "/tenant/{tenant}", "/tenant/nobody", json!({})),
        (&get, "/tenant", "/tenant", Value::Null),
        (&get, "/tenant", "/tenant?limit=1", Value::Null),
        (&get, "/tenant", "/tenant?limit=0", Value::Null),
        (&get, "/audit", "/audit", Value::Null),
        (&get, "/audit", "/audit?tenant=acme&limit=1", Value::Null),
        (&get, "/audit", "/audit?after=x", Value::Null),
        (&get, "/tenant/{tenant}", "/tenant/acme", Value::Null),
        (&get, "/tenant/{tenant}", "/tenant/nobody", Value::Null),
        (&get, "/host/{host}", "/host/shop.example", Value::Null),
        (&get, "/host/{host}", "/host/nobody.example", Value::Null),
        (&post, "/tenant/{tenant}/resume", "/tenant/acme/resume", Value::Null),
        (&post, "/tenant/{tenant}/verify-token", "/tenant/acme/verify-token", json!({ "token": "x" })),
        (&post, "/tenant/{tenant}/verify-token", "/tenant/nobody/verify-token", json!({ "token": "x" })),
        (&get, "/livez", "/livez", Value::Null),
        (&get, "/readyz", "/readyz", Value::Null),
        (&get, "/openapi.json", "/openapi.json", Value::Null),
        (&post, "/keys", "/keys", json!({ "scope": "worker" })),
        (&post, "/keys/{id}/rotate", "/keys/none/rotate", Value::Null),
        (&delete, "/keys/{id}", "/keys/none", Value::Null),
    ] {
        compared.ask(method.clone(), template, path, body).await;
    }
    let issued = compared
        .ask(post.clone(), "/keys", "/keys", json!({ "scope": "directory", "label": "mine" }))
        .await
        .ok();
    let path = format!("/keys/{}", issued["id"].as_str().expect("an id"));
    let rotate = format!("{path}/rotate");
    let rotated =
        compared.ask(post.clone(), "/keys/{id}/rotate", &rotate, json!({ "overlap_s": 9 })).await.ok();
    let key = rotated["key"].as_str().expect("a key").to_owned();
    compared.ask(get.clone(), "/keys", "/keys", Value::Null).await;
    let directory = tms.with_key(&key).await;
    compared.check(&get, "/tenant/{tenant}", &directory.get("/tenant/acme").await);
    compared.check(&get, "/keys", &directory.get("/keys").await);
    compared.ask(delete, "/keys/{id}", &path, Value::Null).await;
    compared.check(&get, "/tenant", &directory.get("/tenant").await);
    compared.check(&post, "/token", &tms.exchange(crate::support::KEY).await);
    while tms.exchange("wrong").await.status != 429 {}
    compared.check(&post, "/token", &tms.exchange("wrong").await);
    compared.check(&get, "/api-key/{key}", &tms.send(tms.request(Method::GET, "/api-key/wrong")).await);
    let problem = tms.request(Method::GET, "/tenant").header("accept", "application/problem+json");
    compared.check(&get, "/tenant", &tms.send(problem).await);
}

#[test]
fn a_value_that_differs_is_noticed() {
    let schema =
        json!({ "type": "object", "required": ["a"], "properties": { "a": { "type": ["string", "null"] } } });
    assert_eq!(differs(&Value::Null, &schema, &json!({ "a": null })), None);
    for other in [json!({}), json!({ "a": 1 }), json!({ "a": "x", "b": 1 }), json!([])] {
        assert!(differs(&Value::Null, &schema, &other).is_some(), "{other}");
    }
}

#[tokio::test]
async fn the_page_is_served_with_a_policy_that_lets_it_load_nothing() {
    let tms = Tms::start().await;
    let answer = tms.request(Method::GET, "/docs").send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    let policy = answer.headers()["content-security-policy"].to_str().expect("text").to_owned();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("script-src") && !policy.contains("unsafe"),
        "{policy}"
    );
    let html = answer.text().await.expect("text");
    assert!(html.contains("/tenant/{tenant}/suspend"));
}

#[tokio::test]
async fn the_program_prints_the_document_that_it_serves() {
    let tms = Tms::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let printed = run(folder.path(), &["openapi"]).ok();
    assert_eq!(serde_json::from_str::<Value>(&printed).expect("json"), document(&tms).await);
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0, "nothing is made");
}
