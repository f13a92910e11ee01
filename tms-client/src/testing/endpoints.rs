//! What the TMS answers when nothing goes wrong (contract 2, design 6), in the plainest way.

use std::sync::Arc;

use hyper::http::request::Parts;
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tenant_core::{
    ErrorBody, Placement, Reader, Tenant, TenantId, TenantName, TenantRecord, TenantStatus, parse_json,
};

use super::answer::Answer;
use super::calls::{Call, parameter};
use super::feed::Connection;
use super::records::{Kept, new_incarnation, record_of};
use super::route::Route;
use super::state::{Shared, State};

/// Carries a call out.
pub(super) fn answer(
    shared: &Arc<Shared>,
    state: &mut State,
    call: &Call,
    head: &Parts,
    body: &[u8],
) -> Answer {
    match call.route {
        Route::Token | Route::ApiKey => state.tokens.exchange(&call.key),
        _ => match state.tokens.recognise(call.bearer.as_deref()) {
            Some(token) if call.route == Route::Changes => changes(shared, state, token, call),
            Some(_) => guarded(state, call, head, body).unwrap_or_else(|error| Answer::error(&error)),
            None => Answer::error(&text(401, "unauthorized", "You are not authorized.")),
        },
    }
}

fn guarded(state: &mut State, call: &Call, head: &Parts, body: &[u8]) -> Result<Answer, ErrorBody> {
    let found = |kept: Option<&Kept>| Answer::json(&kept.map_or(Value::Null, Kept::body));
    match call.route {
        Route::List => Ok(list(state, head)),
        Route::Tenant => Ok(found(state.records.find(&call.key))),
        Route::Host => Ok(found(state.records.by_host(&call.key))),
        Route::Create => create(state, body),
        Route::Activate | Route::Suspend | Route::Resume => change(state, call, body),
        Route::VerifyToken => {
            let kept = state.records.find(&call.key).ok_or_else(|| unknown(&call.key))?;
            let token = read(body, |reader| reader.string("token"))?;
            Ok(Answer::json(&json!({ "ok": opens(&kept.record, &token) })))
        }
        Route::Token | Route::ApiKey | Route::Changes | Route::Other => Err(not_found()),
    }
}

fn changes(shared: &Arc<Shared>, state: &mut State, token: String, call: &Call) -> Answer {
    if state.feed.is_off {
        return Answer::error(&not_found());
    }
    Answer::feed(Connection::open(shared, state, token, call.cursor.as_deref()))
}

/// All tenants, or a page of them.
fn list(state: &State, head: &Parts) -> Answer {
    let limit = parameter(head, "limit").and_then(|limit| limit.parse().ok());
    let after = parameter(head, "after").and_then(|id| id.parse::<TenantId>().ok());
    let mut rest = state.records.after(after);
    let rows: Vec<_> = rest.by_ref().take(limit.unwrap_or(usize::MAX)).collect();
    let mut answer = Answer::list(rows.iter().map(|kept| kept.body()));
    if let (Some(limit), Some(last), Some(_)) = (limit, rows.last(), rest.next()) {
        let next = format!("</tenant?limit={limit}&after={}>; rel=\"next\"", last.record.tenant.id());
        answer = answer.with("link", &next);
    }
    if state.feed.is_off { answer } else { answer.with("x-cursor", &state.records.cursor()) }
}

fn create(state: &mut State, body: &[u8]) -> Result<Answer, ErrorBody> {
    let (name, email, token, storage) = read(body, |reader| {
        let name = reader.parse::<TenantName>("name");
        let storage = reader.optional_string("storage").and_then(|word| Placement::parse(&word));
        (name, reader.string("email"), reader.optional_string("install_token"), storage)
    })?;
    // A name that is at fault has refused the request already.
    let name = name.ok_or_else(|| ErrorBody::fields(Vec::new()))?;
    if state.records.find(name.id().as_str()).is_some() {
        return Err(text(409, "tenant_exists", "There is a tenant with this id already."));
    }
    let mut tenant = Tenant::new(name, new_incarnation());
    (tenant.status, tenant.storage) = (TenantStatus::Pending, storage);
    let mut record = record_of(tenant);
    record.email = email;
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        record.install_token = token.into();
    }
    Ok(put(state, record))
}

/// The three changes of status, and who else may make one: the holder of the install token, as far as that is told.
fn change(state: &mut State, call: &Call, body: &[u8]) -> Result<Answer, ErrorBody> {
    let mut record = state.records.find(&call.key).ok_or_else(|| unknown(&call.key))?.record.clone();
    let body = if body.is_empty() { b"{}".as_slice() } else { body };
    let words = ["install_token", "public_reason", "private_reason"];
    let [token, public, private] = read(body, |reader| words.map(|word| reader.optional_string(word)))?;
    if token.is_some_and(|token| !opens(&record, &token)) {
        return Err(text(403, "install_token_invalid", "The install token is not valid."));
    }
    let tenant = &mut record.tenant;
    tenant.status = match (call.route, tenant.status) {
        (Route::Activate, TenantStatus::Pending | TenantStatus::Active)
        | (Route::Resume, TenantStatus::Suspended) => TenantStatus::Active,
        (Route::Suspend, TenantStatus::Active) => TenantStatus::Suspended,
        _ => return Err(text(409, "status_conflict", "The tenant's status forbids it.")),
    };
    (tenant.public_reason, record.private_reason) = (public, private);
    Ok(put(state, record))
}

fn put(state: &mut State, record: TenantRecord) -> Answer {
    let id = record.tenant.id();
    state.records.put(record);
    Answer::json(&state.records.find(id.as_str()).map_or(Value::Null, Kept::body))
}

fn read<T>(body: &[u8], read: impl FnOnce(&mut Reader<'_>) -> T) -> Result<T, ErrorBody> {
    let body = parse_json(body).map_err(|fault| ErrorBody::fields(vec![fault]))?;
    let mut reader = Reader::body(&body);
    let found = read(&mut reader);
    reader.finish().map_err(ErrorBody::fields)?;
    Ok(found)
}

/// An empty install token opens nothing.
fn opens(record: &TenantRecord, token: &str) -> bool {
    !token.is_empty() && record.install_token.expose_secret() == token
}

fn text(status: u16, code: &'static str, detail: &str) -> ErrorBody {
    ErrorBody::text(status, code, detail)
}

fn unknown(tenant: &str) -> ErrorBody {
    text(404, "tenant_unknown", &format!("There is no tenant [{tenant}]."))
}

fn not_found() -> ErrorBody {
    text(404, "not_found", "Not Found")
}
