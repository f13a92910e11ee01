//! [`ErrorBody`]: the one shape in which our programs tell a client what went wrong.

use serde_json::{Value, json};

use crate::fields::FieldError;

/// The body of an error answer: `{"detail", "code"}`, or RFC 9457 problem details for clients that ask for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorBody {
    /// The HTTP status.
    pub status: u16,
    /// A stable word for the kind of error, such as `tenant_unknown`.
    pub code: &'static str,
    /// What a person reads.
    pub detail: Detail,
}

/// The `detail` of an [`ErrorBody`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Detail {
    /// One sentence.
    Text(String),
    /// The rows of a 422.
    Fields(Vec<FieldError>),
}

/// The media type of RFC 9457.
pub const PROBLEM_JSON: &str = "application/problem+json";

impl ErrorBody {
    /// A body whose detail is one sentence.
    pub fn text(status: u16, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: Detail::Text(detail.into()) }
    }

    /// A 422 with its rows.
    pub fn fields(rows: Vec<FieldError>) -> Self {
        Self { status: 422, code: "invalid", detail: Detail::Fields(rows) }
    }

    /// The media type and the text of the body. `accept` is what the client's `Accept` header says; a client that names
    /// `application/problem+json` gets that.
    pub fn render(&self, accept: Option<&str>) -> (&'static str, String) {
        if accept.is_some_and(|accept| accept.contains(PROBLEM_JSON)) {
            (PROBLEM_JSON, self.problem().to_string())
        } else {
            ("application/json", self.plain().to_string())
        }
    }

    fn plain(&self) -> Value {
        match &self.detail {
            Detail::Text(text) => json!({ "detail": text, "code": self.code }),
            Detail::Fields(rows) => json!({ "detail": rows, "code": self.code }),
        }
    }

    fn problem(&self) -> Value {
        let title = self.code.replace('_', " ");
        let mut problem =
            json!({ "type": "about:blank", "title": title, "status": self.status, "code": self.code });
        match &self.detail {
            Detail::Text(text) => problem["detail"] = json!(text),
            Detail::Fields(rows) => problem["errors"] = json!(rows),
        }
        problem
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_shape_it_asks_for() {
        let body = ErrorBody::text(404, "tenant_unknown", "Tenant [x] not allowed.");
        assert_eq!(
            body.render(None),
            (
                "application/json",
                r#"{"code":"tenant_unknown","detail":"Tenant [x] not allowed."}"#.to_owned()
            )
        );
        let (media_type, text) = body.render(Some("text/html, application/problem+json"));
        assert_eq!(media_type, PROBLEM_JSON);
        let problem: Value = serde_json::from_str(&text).expect("json");
        assert_eq!((&problem["title"], &problem["status"]), (&json!("tenant unknown"), &json!(404)));
    }

    #[test]
    fn the_rows_of_a_422_move_to_errors_in_a_problem() {
        let body = ErrorBody::fields(vec![FieldError::in_body("name", "missing", "Field required")]);
        let (_, plain) = body.render(None);
        let (_, problem) = body.render(Some(PROBLEM_JSON));
        let plain: Value = serde_json::from_str(&plain).expect("json");
        let problem: Value = serde_json::from_str(&problem).expect("json");
        assert_eq!(plain["detail"][0]["loc"], json!(["body", "name"]));
        assert_eq!(problem["errors"], plain["detail"]);
    }
}
