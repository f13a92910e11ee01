//! [`DataError`]: why the platform did not do what a tenant asked.

use storage::StoreError;
use tenant_core::FieldError;

/// Why the platform did not do what it was asked. Knows nothing of HTTP.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// Fields of the request are wrong.
    #[error("the request has {} invalid fields", .0.len())]
    Invalid(Vec<FieldError>),
    /// The source may not send this.
    #[error(transparent)]
    Source(#[from] SourceRefusal),
    /// Nobody is logged in by this.
    #[error(transparent)]
    Login(#[from] LoginRefusal),
    /// Something that must be unique is taken.
    #[error("{0}")]
    Conflict(String),
    /// The same documents were changed by others again and again; sending it again is safe.
    #[error("the same documents are being changed by many requests")]
    Contended,
    /// What all events of the request would repeat is too much together.
    #[error("the events of the request would take too much room")]
    TooLarge,
    /// Too many logins are being worked on; trying again is safe.
    #[error("too many logins are being worked on")]
    Busy,
    /// The platform cannot do it for a reason of its own, which is in the message.
    #[error("{0}")]
    Internal(&'static str),
    /// The store failed.
    #[error(transparent)]
    Storage(#[from] StoreError),
}

/// Why events of a source are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceRefusal {
    /// There is no such source in this context.
    #[error("Invalid event source `{0}`.")]
    Unknown(String),
    /// The source is switched off.
    #[error("Event source disabled.")]
    Disabled,
    /// The source is of another type than the endpoint.
    #[error(
        "This endpoint allows only bridges of types ['{endpoint}'], but the even source `{name}`.`{id}` has types {types:?}. \
         Change bridge type in event source to one that has endpoint type `{endpoint}`."
    )]
    WrongType {
        /// What the endpoint takes.
        endpoint: &'static str,
        /// The source's name.
        name: String,
        /// The source's id.
        id: String,
        /// The source's types.
        types: Vec<String>,
    },
}

/// Why a login is refused. The texts are the original's (contract 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LoginRefusal {
    /// No such user, or another password: nobody is told which.
    #[error("Incorrect username or password.")]
    Incorrect,
    /// The account is switched off.
    #[error("This account was disabled")]
    Disabled,
    /// The account's time is over.
    #[error("This account has expired.")]
    Expired,
}
