//! The service described: an OpenAPI document for programs, and a page of it for people.

mod common;
mod page;
pub(crate) mod schemas;

use std::sync::Arc;

use axum::body::Bytes;
use serde_json::Value;
use utoipa::OpenApi as _;

use self::common::Common;
use crate::routes::{api_key, audit, changes, docs, health, keys, list, metrics, tenants};

/// The document and the page, made once.
#[derive(Debug, Clone)]
pub(crate) struct Docs(Arc<Rendered>);

#[derive(Debug)]
struct Rendered {
    document: Bytes,
    page: page::Page,
}

impl Docs {
    pub(crate) fn new() -> Self {
        let document = document();
        let page = page::Page::of(&document);
        Self(Arc::new(Rendered { document: document.to_string().into(), page }))
    }

    /// The document as JSON.
    pub(crate) fn document(&self) -> Bytes {
        self.0.document.clone()
    }

    /// The page as HTML, and the policy that it is to be served with.
    pub(crate) fn page(&self) -> (Bytes, &str) {
        (self.0.page.html.clone(), &self.0.page.policy)
    }
}

/// The document.
pub(crate) fn document() -> Value {
    // All keys in it are texts: there is nothing that could fail.
    serde_json::to_value(Document::openapi()).unwrap_or_default()
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Tenant Management Service",
        description = "Registers, activates and suspends tenants, and tells API servers which there are.\n\nExchange an API \
                       key for an access token at `POST /token`; send that as bearer token. It lives five minutes. A key has \
                       a scope: `directory` reads what routing needs, `operator` does everything.\n\nEvery error is JSON with \
                       `detail`, for people, and `code`, for programs.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0")
    ),
    paths(
        api_key::by_header,
        api_key::by_path,
        list::list,
        tenants::create,
        tenants::get,
        tenants::patch,
        tenants::activate,
        tenants::suspend,
        tenants::resume,
        tenants::verify_token,
        tenants::by_host,
        changes::follow,
        audit::list,
        keys::list,
        keys::issue,
        keys::rotate,
        keys::revoke,
        health::live,
        health::ready,
        metrics::metrics,
        docs::document,
        docs::page,
    ),
    components(schemas(schemas::Error, schemas::Invalid, schemas::Problem)),
    modifiers(&Common)
)]
struct Document;

#[cfg(test)]
mod tests {
    use super::*;

    /// Every `$ref` of the document.
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for reference in found {
            let pointer = reference.strip_prefix('#').expect("in this document");
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_a_summary_and_its_errors() {
        let document = document();
        let mut names = std::collections::HashSet::new();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("operations") {
                let at = format!("{method} {path}");
                assert!(names.insert(operation["operationId"].as_str().expect("a name").to_owned()), "{at}");
                assert!(operation["summary"].is_string(), "{at}");
                let responses = operation["responses"].as_object().expect("responses");
                assert!(responses.contains_key("200"), "{at}");
                let by_token = operation["security"][0].get("token").is_some();
                assert_eq!(responses.contains_key("401"), by_token, "{at}");
                for (status, response) in responses.iter().filter(|(status, _)| status.as_str() >= "400") {
                    assert!(response["content"]["application/json"].is_object(), "{at} {status}");
                    assert!(
                        response["description"].as_str().is_some_and(|text| text.contains('`')),
                        "{at} {status}"
                    );
                }
            }
        }
    }
}
