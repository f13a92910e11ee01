//! The frames of the feed, as server-sent events (HTML, section 9.2). Each is one line of JSON.

use std::fmt::Display;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use tenant_core::{Limits, Placement, TenantStatus};

use crate::cursor::Cursor;
use crate::error::ApiError;
use crate::repo::{Change, Changed, RepoError, Stored};

/// What routing needs of a tenant (design 5): of [`tenant_core::TenantBody`] what every reader of the feed uses, and no more.
#[derive(Serialize)]
struct Routing<'a> {
    id: String,
    name: &'a str,
    incarnation: String,
    status: TenantStatus,
    hosts: &'a [String],
    public_reason: Option<&'a str>,
    expire: Option<Timestamp>,
    limits: Limits,
    storage: Option<Placement>,
    revision: u64,
}

impl<'a> Routing<'a> {
    fn of(stored: &'a Stored) -> Self {
        let tenant = &stored.record.tenant;
        Self {
            id: tenant.id().to_string(),
            name: tenant.name.as_str(),
            incarnation: tenant.incarnation.to_string(),
            status: tenant.status,
            hosts: &tenant.hosts,
            public_reason: tenant.public_reason.as_deref(),
            expire: tenant.expire,
            limits: tenant.limits,
            storage: tenant.storage,
            revision: stored.revision,
        }
    }
}

/// What became of a tenant.
pub(super) fn change(text: &mut String, change: &Change) -> Result<(), ApiError> {
    match &change.tenant {
        Changed::Now(stored) => {
            let body = serde_json::to_string(&Routing::of(stored));
            let body = body.map_err(|error| RepoError::Backend(Box::new(error)))?;
            frame(text, "tenant", Some(&change.cursor), body);
        }
        Changed::Gone { id, incarnation } => {
            let body = json!({ "id": id, "incarnation": incarnation });
            frame(text, "gone", Some(&change.cursor), body);
        }
    }
    Ok(())
}

/// The feed lives, and this is its newest change.
pub(super) fn heartbeat(text: &mut String, head: &Cursor) {
    frame(text, "heartbeat", None, json!({ "head": head.to_string() }));
}

/// The reader has to list again.
pub(super) fn reset() -> String {
    let mut text = String::new();
    frame(&mut text, "reset", None, "{}");
    text
}

fn frame(text: &mut String, event: &str, id: Option<&Cursor>, data: impl Display) {
    text.push_str("event: ");
    text.push_str(event);
    if let Some(id) = id {
        text.push_str(&format!("\nid: {id}"));
    }
    text.push_str(&format!("\ndata: {data}\n\n"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_an_event_with_its_place_and_one_line_of_data() {
        let cursor = Cursor { db: "d".repeat(32), n: 7, nonce: "e".repeat(16) };
        let (id, incarnation) = ("acme".to_owned(), "uuid".to_owned());
        let gone = Change { cursor: cursor.clone(), tenant: Changed::Gone { id, incarnation } };
        let mut text = String::new();
        change(&mut text, &gone).expect("json");
        heartbeat(&mut text, &cursor);
        let expected = format!(
            "event: gone\nid: {cursor}\ndata: {{\"id\":\"acme\",\"incarnation\":\"uuid\"}}\n\n\
             event: heartbeat\ndata: {{\"head\":\"{cursor}\"}}\n\n"
        );
        assert_eq!(text, expected);
        assert_eq!(reset(), "event: reset\ndata: {}\n\n");
    }
}
