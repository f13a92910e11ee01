//! [`Page`]: the document as HTML. It has no script and loads nothing, and its policy forbids both.

use std::fmt::Write as _;

use axum::body::Bytes;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

const STYLE: &str = include_str!("page.css");
const METHODS: [&str; 4] = ["get", "post", "patch", "delete"];

#[derive(Debug)]
pub(super) struct Page {
    pub(super) html: Bytes,
    /// What `Content-Security-Policy` is to say.
    pub(super) policy: String,
}

impl Page {
    pub(super) fn of(document: &Value) -> Self {
        let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        let mut html = Html::default();
        html.document(document);
        Self { html: html.0.into(), policy }
    }
}

#[derive(Default)]
struct Html(String);

impl Html {
    fn document(&mut self, document: &Value) {
        let title = text(&document["info"]["title"]);
        self.raw("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">");
        self.raw("<meta name=\"viewport\" content=\"width=device-width\">");
        self.raw(&format!("<title>{}</title><style>{STYLE}</style>\n", escape(title)));
        self.raw(&format!(
            "<h1>{} <small>{}</small></h1>\n",
            escape(title),
            escape(text(&document["info"]["version"]))
        ));
        self.prose(text(&document["info"]["description"]));
        self.raw("<p><a href=\"openapi.json\">openapi.json</a></p>\n<nav>");
        let paths = document["paths"].as_object();
        for (path, item) in paths.into_iter().flatten() {
            for (method, _) in operations(item) {
                let name = format!("{} {path}", method.to_uppercase());
                self.raw(&format!("<a href=\"#{}\">{}</a>\n", anchor(method, path), escape(&name)));
            }
        }
        self.raw("</nav>\n");
        for (path, item) in paths.into_iter().flatten() {
            operations(item).for_each(|(method, operation)| self.operation(method, path, operation));
        }
        self.raw("<h2>Bodies</h2>\n");
        for (name, schema) in document["components"]["schemas"].as_object().into_iter().flatten() {
            self.schema(name, schema);
        }
    }

    fn operation(&mut self, method: &str, path: &str, operation: &Value) {
        let heading = format!("<b>{}</b> {}", method.to_uppercase(), escape(path));
        self.raw(&format!("<section id=\"{}\"><h3>{heading}</h3>\n", anchor(method, path)));
        self.prose(text(&operation["summary"]));
        self.prose(text(&operation["description"]));
        self.raw(&format!("<p>{}</p>\n", escape(&who(operation))));
        self.raw("<table>\n");
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            let name = format!(
                "{} <small>{}</small>",
                escape(text(&parameter["name"])),
                escape(text(&parameter["in"]))
            );
            self.row(&name, &shape(&parameter["schema"]), text(&parameter["description"]));
        }
        let body = &operation["requestBody"];
        if body.is_object() {
            self.row("body", &media(&body["content"]), text(&body["description"]));
        }
        for (status, response) in operation["responses"].as_object().into_iter().flatten() {
            self.row(&escape(status), &media(&response["content"]), text(&response["description"]));
        }
        self.raw("</table></section>\n");
    }

    fn schema(&mut self, name: &str, schema: &Value) {
        let name = escape(name);
        self.raw(&format!("<section id=\"body-{name}\"><h3>{name}</h3>\n"));
        self.prose(text(&schema["description"]));
        let required = schema["required"].as_array();
        let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
        self.raw("<table>\n");
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let optional = if is_required(name) { "" } else { " <small>may be absent</small>" };
            self.row(&format!("{}{optional}", escape(name)), &shape(field), text(&field["description"]));
        }
        if schema["properties"].is_null() {
            self.row("", &shape(schema), "");
        }
        self.raw("</table></section>\n");
    }

    /// `name` and `shape` are HTML, `description` is text.
    fn row(&mut self, name: &str, shape: &str, description: &str) {
        self.raw(&format!("<tr><th>{name}<td>{shape}<td>"));
        self.prose(description);
        self.raw("\n");
    }

    /// Paragraphs, with code between backticks.
    fn prose(&mut self, text: &str) {
        for paragraph in text.split("\n\n").filter(|paragraph| !paragraph.is_empty()) {
            self.raw("<p>");
            for (i, part) in paragraph.split('`').enumerate() {
                let part = escape(part);
                self.raw(&if i % 2 == 1 { format!("<code>{part}</code>") } else { part });
            }
            self.raw("</p>");
        }
    }

    fn raw(&mut self, html: &str) {
        self.0.push_str(html);
    }
}

fn operations(item: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
    METHODS.into_iter().filter_map(|method| Some((method, item.get(method)?)))
}

/// Who may do it, in words.
fn who(operation: &Value) -> String {
    let scheme =
        operation["security"].get(0).and_then(Value::as_object).and_then(|schemes| schemes.iter().next());
    match scheme {
        None => "For everybody.".to_owned(),
        Some((name, roles)) => match roles.as_array().map_or(0, Vec::len) {
            0 => format!("Needs a {name}."),
            _ => format!("Needs a {name} of an operator's key."),
        },
    }
}

/// The media types of a body and what they hold, as HTML.
fn media(content: &Value) -> String {
    let types = content.as_object().into_iter().flatten();
    let types = types.filter(|(name, _)| *name != "application/problem+json");
    let shown = types.map(|(name, content)| match name.as_str() {
        "application/json" => shape(&content["schema"]),
        _ => escape(name),
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// A schema in a line, as HTML.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#body-{name}\">{name}</a>");
    }
    for word in ["oneOf", "anyOf", "allOf"] {
        if let Some(choices) = schema[word].as_array() {
            return choices.iter().map(shape).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(|word| escape(&word.to_string())).collect::<Vec<_>>().join(" or ");
    }
    let mut names: Vec<String> = match &schema["type"] {
        Value::Array(names) => names.iter().map(|name| escape(text(name))).collect(),
        name => vec![escape(text(name))],
    };
    for name in &mut names {
        if name == "array" {
            *name = format!("list of {}", shape(&schema["items"]));
        } else if name == "object" && schema["additionalProperties"].is_object() {
            *name = format!("object of {}", shape(&schema["additionalProperties"]));
        }
    }
    let mut shown = names.join(" or ");
    if let Some(format) = schema["format"].as_str() {
        let _ = write!(shown, " <small>{}</small>", escape(format));
    }
    shown
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn anchor(method: &str, path: &str) -> String {
    let path: String = path.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    format!("{method}{path}")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn html(document: &Value) -> String {
        String::from_utf8(Page::of(document).html.to_vec()).expect("text")
    }

    #[test]
    fn every_operation_and_body_is_there_and_every_link_leads_to_one() {
        let document = super::super::document();
        let html = html(&document);
        let ids: Vec<&str> = html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        for (path, item) in document["paths"].as_object().expect("paths") {
            for method in item.as_object().expect("operations").keys() {
                assert!(ids.contains(&anchor(method, path).as_str()), "{method} {path}");
                let heading = format!("<h3><b>{}</b> {path}</h3>", method.to_uppercase());
                assert!(html.contains(&heading), "{heading}");
            }
        }
        for name in document["components"]["schemas"].as_object().expect("schemas").keys() {
            assert!(ids.contains(&format!("body-{name}").as_str()), "{name}");
        }
        let unique: std::collections::HashSet<_> = ids.iter().collect();
        assert_eq!(unique.len(), ids.len());
        for link in html.split("href=\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(ids.contains(&link), "{link}");
        }
    }

    #[test]
    fn it_loads_nothing_and_runs_nothing() {
        let page = Page::of(&super::super::document());
        let html = String::from_utf8(page.html.to_vec()).expect("text");
        for forbidden in ["<script", " src=", "http:", "https:", "url(", "@import", " style=", " on"] {
            let tags: Vec<&str> = html.split('<').filter_map(|rest| rest.split('>').next()).collect();
            assert!(!tags.iter().any(|tag| format!("<{tag}").contains(forbidden)), "{forbidden}");
        }
        assert!(!STYLE.contains("url(") && !STYLE.contains("@import"));
        let style =
            html.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).expect("a style");
        let hash = BASE64_STANDARD.encode(Sha256::digest(style));
        assert!(
            page.policy.starts_with("default-src 'none';") && page.policy.contains(&hash),
            "{}",
            page.policy
        );
    }

    #[test]
    fn texts_are_texts() {
        let evil = "<img src=x onerror=alert(1)>&\"";
        let document = json!({
            "info": { "title": evil, "version": evil, "description": evil },
            "paths": { evil: { "get": {
                "summary": evil, "description": evil, "security": [{ evil: [] }],
                "parameters": [{ "name": evil, "in": evil, "schema": { "type": evil }, "description": evil }],
                "responses": { evil: { "description": evil, "content": { evil: {} } } },
            } } },
            "components": { "schemas": { evil: { "description": evil, "properties": { evil: { "enum": [evil] } } } } },
        });
        let html = html(&document);
        assert!(!html.contains("<img") && html.contains("&lt;img"), "{html}");
    }
}
