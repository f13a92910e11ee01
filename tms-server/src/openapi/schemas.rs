//! The bodies, as the document shows them. `tests/it/openapi.rs` compares them with what is answered.
//!
//! They are descriptions and never made: what is sent is [`tenant_core::TenantBody`] and what the handlers build.
#![expect(dead_code, reason = "descriptions, of which only the derived schemas are used")]

use std::collections::BTreeMap;

use utoipa::ToSchema;

/// A tenant. The fields that routing need not know are left out for `directory` keys.
#[derive(ToSchema)]
pub(crate) struct Tenant {
    /// The letters and digits of its name.
    #[schema(example = "companyx", pattern = "^[a-z0-9]{1,40}$")]
    id: String,
    /// Its DNS label.
    #[schema(example = "company-x")]
    name: String,
    /// Which life of the id.
    #[schema(format = "uuid")]
    incarnation: String,
    status: Status,
    /// Own domains, in normal form.
    hosts: Vec<String>,
    /// What visitors are told of a suspension.
    #[schema(required)]
    public_reason: Option<String>,
    /// When it stops being served.
    #[schema(required, format = DateTime)]
    expire: Option<String>,
    limits: Limits,
    /// Where its data is.
    #[schema(required)]
    storage: Option<Placement>,
    /// What finishes its install. Operators only.
    install_token: Option<String>,
    /// Whom to write to. Operators only.
    email: Option<String>,
    /// Free words of the operator.
    labels: BTreeMap<String, String>,
    /// When it was registered.
    #[schema(format = DateTime)]
    created: String,
    /// The number of the change that made it so; greater is newer, within one database.
    revision: Option<u64>,
    /// Why it is suspended. Operators only.
    private_reason: Option<String>,
    /// Kept for clients of the original.
    #[schema(required)]
    license_id: Option<String>,
}

/// Where a tenant stands.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Status {
    Pending,
    Active,
    Suspended,
    Deleting,
}

/// Where a tenant's data is.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Placement {
    Embedded,
    Shared,
    Dedicated,
}

/// What a tenant may use; null is no limit.
#[derive(ToSchema)]
pub(crate) struct Limits {
    #[schema(required)]
    requests_per_second: Option<u32>,
    #[schema(required)]
    burst: Option<u32>,
    #[schema(required)]
    concurrent: Option<u32>,
    #[schema(required)]
    body_bytes: Option<u64>,
}

/// A tenant to be registered.
#[derive(ToSchema)]
pub(crate) struct NewTenant {
    /// A DNS label; its letters and digits become the id.
    #[schema(example = "company-x")]
    name: String,
    #[schema(example = "someone@company-x.example")]
    email: String,
    /// A uuid becomes the incarnation; anything else must be the id that belongs to the name.
    id: Option<String>,
    /// What finishes the install. Without one, or with an empty one, it is random.
    install_token: Option<String>,
    /// Own domains, outside the base domains and nobody else's.
    hosts: Option<Vec<String>>,
    #[schema(format = DateTime)]
    expire: Option<String>,
    limits: Option<NewLimits>,
    storage: Option<Placement>,
    labels: Option<BTreeMap<String, String>>,
    license_id: Option<String>,
}

/// What a tenant may use; what is left out or null is no limit.
#[derive(ToSchema)]
pub(crate) struct NewLimits {
    requests_per_second: Option<u32>,
    burst: Option<u32>,
    concurrent: Option<u32>,
    body_bytes: Option<u64>,
}

/// What is to change of a tenant. What is left out stays as it is.
#[derive(ToSchema)]
pub(crate) struct Patch {
    /// All of its own domains; `null` is none.
    hosts: Option<Vec<String>>,
    /// Each by itself; `null` lifts all.
    limits: Option<NewLimits>,
    /// Each by itself; one with `null` is removed, and `null` removes all.
    labels: Option<BTreeMap<String, Option<String>>>,
    email: Option<String>,
    /// `null`: never.
    #[schema(format = DateTime)]
    expire: Option<String>,
}

/// Whose install is to be finished.
#[derive(ToSchema)]
pub(crate) struct Activation {
    /// The tenant's install token. Operators need none.
    install_token: Option<String>,
}

/// Why a tenant is suspended.
#[derive(ToSchema)]
pub(crate) struct Reasons {
    /// What visitors are told.
    public_reason: Option<String>,
    /// What only operators see.
    private_reason: Option<String>,
}

/// An install token to be looked at.
#[derive(ToSchema)]
pub(crate) struct InstallToken {
    token: String,
}

/// Whether it is so.
#[derive(ToSchema)]
pub(crate) struct Verdict {
    ok: bool,
}

/// What a key is exchanged for.
#[derive(ToSchema)]
pub(crate) struct AccessToken {
    /// For the header `Authorization: Bearer …`.
    access_token: String,
    #[schema(example = "bearer")]
    token_type: String,
    /// Seconds that it is good for.
    expires_in: u32,
}

/// What a key allows.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
pub(crate) enum Scope {
    Directory,
    Operator,
}

/// A key to be made.
#[derive(ToSchema)]
pub(crate) struct NewKey {
    scope: Scope,
    /// What to call it.
    label: Option<String>,
}

/// A key that was just made, shown this once.
#[derive(ToSchema)]
pub(crate) struct IssuedKey {
    id: String,
    #[schema(example = "tk_0123456789abcdef_…")]
    key: String,
}

/// What is known of a key; never the key itself.
#[derive(ToSchema)]
pub(crate) struct Key {
    id: String,
    scope: Scope,
    label: String,
    /// How often it was made: 1, and one more with each rotation.
    generation: u64,
    #[schema(format = DateTime)]
    created: String,
}

/// Something that was changed.
#[derive(ToSchema)]
pub(crate) struct AuditLine {
    /// Counts from 1, in the order of commits.
    seq: u64,
    #[schema(format = DateTime)]
    at: String,
    #[schema(example = "tenant.suspend")]
    action: String,
    /// The tenant's id, where it is about one.
    #[schema(required)]
    tenant: Option<String>,
    /// Who did it; null where the program did by itself, or a command.
    #[schema(required)]
    key: Option<KeyUse>,
    /// What it was before, without secrets.
    #[schema(required, value_type = Option<Object>)]
    before: Option<BTreeMap<String, String>>,
    /// What it was then, without secrets.
    #[schema(required, value_type = Option<Object>)]
    after: Option<BTreeMap<String, String>>,
}

/// A key that somebody acted with; `env` is the environment's.
#[derive(ToSchema)]
pub(crate) struct KeyUse {
    id: String,
    scope: Scope,
}

/// How a key is rotated.
#[derive(ToSchema)]
pub(crate) struct Rotation {
    /// Seconds that the earlier key still works, 30 days at most. Without it, it ends at once.
    #[schema(maximum = 2_592_000)]
    overlap_s: Option<u64>,
}

/// How the service is.
#[derive(ToSchema)]
pub(crate) struct Health {
    status: String,
}

/// What went wrong.
#[derive(ToSchema)]
pub(crate) struct Error {
    /// For people.
    detail: String,
    /// For programs; stable.
    code: String,
}

/// What is wrong with a body, row by row.
#[derive(ToSchema)]
pub(crate) struct Invalid {
    detail: Vec<Fault>,
    #[schema(example = "invalid")]
    code: String,
}

/// One field that is wrong.
#[derive(ToSchema)]
pub(crate) struct Fault {
    r#type: String,
    /// `body`, `query` or `path`, then names of fields and places in lists.
    loc: Vec<Location>,
    msg: String,
}

/// A step on the way to a field.
#[derive(ToSchema)]
#[serde(untagged)]
pub(crate) enum Location {
    Name(String),
    Place(u64),
}

/// Problem details (RFC 9457), for clients whose `Accept` names them.
#[derive(ToSchema)]
pub(crate) struct Problem {
    r#type: String,
    title: String,
    status: u16,
    code: String,
    detail: Option<String>,
    errors: Option<Vec<Fault>>,
}
