//! The kinds of documents that the platform keeps.

use storage::{FieldType, Kind, Schema, StoreError};

/// An event, as a source sent it or the platform made it.
pub(crate) const EVENT: &str = "event";
/// A visit.
pub(crate) const SESSION: &str = "session";
/// A visitor.
pub(crate) const PROFILE: &str = "profile";
/// An id that another profile was known by: leads to the profile that took it over.
pub(crate) const PROFILE_ALIAS: &str = "profile-alias";
/// Where events may come from.
pub(crate) const EVENT_SOURCE: &str = "event-source";
/// One of the customer's people.
pub(crate) const USER: &str = "user";
/// Who has an e-mail address: its id is the hash of the address, so that no address is taken twice.
pub(crate) const USER_CLAIM: &str = "user-claim";
/// A login: its id is the hash of the token.
pub(crate) const TOKEN: &str = "token";

/// When a document was stored, in events, sessions and profiles.
pub(crate) const INSERTED: &str = "metadata.time.insert";

/// The declaration of all kinds, for the store to be built with.
///
/// # Errors
/// Never for the kinds as they stand; the signature is that of [`Schema::new`].
pub fn schema() -> Result<Schema, StoreError> {
    let event = Kind::new(EVENT)
        .with_field(INSERTED, FieldType::Date)
        .with_field("type", FieldType::Text)
        .with_field("session.id", FieldType::Text)
        .with_field("profile.id", FieldType::Text)
        .with_field("source.id", FieldType::Text)
        .with_index(&[INSERTED])
        .with_index(&["type", INSERTED])
        .with_index(&["session.id", INSERTED])
        .with_index(&["profile.id", INSERTED])
        .with_time_field(INSERTED);
    let session = Kind::new(SESSION)
        .with_field(INSERTED, FieldType::Date)
        .with_field("profile.id", FieldType::Text)
        .with_index(&[INSERTED])
        .with_index(&["profile.id", INSERTED])
        .with_time_field(INSERTED);
    let profile = Kind::new(PROFILE)
        .with_field(INSERTED, FieldType::Date)
        .with_index(&[INSERTED])
        .with_time_field(INSERTED);
    let token = Kind::new(TOKEN).with_field("expires", FieldType::Date).with_index(&["expires"]);
    Schema::new(
        1,
        vec![
            event,
            session,
            profile,
            Kind::new(PROFILE_ALIAS),
            Kind::new(EVENT_SOURCE).with_field("name", FieldType::Text),
            Kind::new(USER).with_field("email", FieldType::Text),
            Kind::new(USER_CLAIM),
            token,
        ],
    )
}
