//! [`Common`]: what holds for every operation and is said once, here.

use utoipa::Modify;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn, PathItem};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr};

/// The access token, for most operations. Of its roles `operator` is a key's scope.
const TOKEN: &str = "token";
/// The API key, for one.
const KEY: &str = "key";

/// Adds what security asks for, and the errors that follow from it, from a body and from the database.
pub(super) struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut OpenApi) {
        let token = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .description(Some("An access token from `POST /token`, good for five minutes."));
        let key = ApiKeyValue::with_description("X-Api-Key", "An API key.");
        let components = document.components.get_or_insert_default();
        components.add_security_scheme(TOKEN, SecurityScheme::Http(token.build()));
        components.add_security_scheme(KEY, SecurityScheme::ApiKey(ApiKey::Header(key)));
        for (path, item) in &mut document.paths.paths {
            operations(item).for_each(|operation| complete(path, operation));
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn complete(path: &str, operation: &mut Operation) {
    let (secured, operator) = needs(operation);
    if secured {
        add(operation, "401", "`unauthorized`: no access token, or one that is not good any more");
    }
    if operator {
        add(operation, "403", "`forbidden`: the key's scope is not `operator`");
    }
    if path.starts_with("/api-key") || path == "/token" {
        add(operation, "429", "`too_many_attempts`: too many wrong keys from this address");
    }
    if operation.parameters.iter().flatten().any(in_query) {
        add(operation, "422", "`invalid`: parameters are wrong; `detail` lists them");
    }
    if operation.request_body.is_some() {
        add(operation, "400", "`body_unreadable`: the body did not arrive whole");
        add(operation, "413", "`body_too_large`: the body has more than 1 MiB");
        add(operation, "422", "`invalid`: fields are missing or wrong; `detail` lists them");
    }
    // What is always the same needs nothing that could fail.
    if !matches!(path, "/livez" | "/openapi.json" | "/docs" | "/metrics") {
        add(operation, "500", "`internal`: a fault of the service; its log has the cause");
        add(operation, "503", "`database_unavailable`, `timeout`: try again");
    }
    let responses = operation.responses.responses.iter_mut();
    for (status, response) in responses.filter(|(status, _)| status.as_str() >= "400") {
        if let RefOr::T(response) = response {
            complete_error(status, response);
        }
    }
}

fn in_query(parameter: &RefOr<Parameter>) -> bool {
    matches!(parameter, RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query)
}

/// Whether an access token is needed, and whether it must be an operator's.
fn needs(operation: &Operation) -> (bool, bool) {
    let schemes = serde_json::to_value(&operation.security).unwrap_or_default();
    let roles = schemes.as_array().and_then(|schemes| schemes.iter().find_map(|scheme| scheme.get(TOKEN)));
    let roles = roles.and_then(|roles| roles.as_array());
    (roles.is_some(), roles.is_some_and(|roles| !roles.is_empty()))
}

/// Adds an error, or another reason for one that is there.
fn add(operation: &mut Operation, status: &str, reason: &str) {
    let known = operation.responses.responses.get_mut(status);
    match known {
        Some(RefOr::T(response)) => response.description = format!("{}\n\n{reason}", response.description),
        _ => {
            let response = ResponseBuilder::new().description(reason).build();
            operation.responses.responses.insert(status.to_owned(), RefOr::T(response));
        }
    }
}

fn complete_error(status: &str, response: &mut Response) {
    let schema = if status == "422" { "Invalid" } else { "Error" };
    for (media_type, schema) in [("application/json", schema), ("application/problem+json", "Problem")] {
        let content = Content::new(Some(Ref::from_schema_name(schema)));
        response.content.insert(media_type.to_owned(), content.into());
    }
    if matches!(status, "429" | "503") {
        let seconds = ObjectBuilder::new().schema_type(Type::Integer);
        let header = HeaderBuilder::new()
            .schema(Some(seconds))
            .description(Some("Seconds until it is worth another try."));
        response.headers.insert("Retry-After".to_owned(), header.build().into());
    }
}
