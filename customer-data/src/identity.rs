//! Which session and profile a request belongs to: the identity rules of contract 6.

use storage::{Document, DocumentId, NamespacedStore, StoreError};
use uuid::Uuid;

use crate::kinds::SESSION;
use crate::payload::TrackerPayload;
use crate::{profile, session};

/// Ids for what may turn out to be new, chosen before the first attempt: a request that is tried again stays the same.
pub(crate) struct FreshIds {
    pub(crate) profile: DocumentId,
    pub(crate) session: DocumentId,
}

impl FreshIds {
    pub(crate) fn random() -> Self {
        Self { profile: Uuid::new_v4().into(), session: Uuid::new_v4().into() }
    }
}

/// The visit that a request belongs to.
#[derive(Debug)]
pub(crate) enum SessionPart {
    /// The client named none (rule 1): a made-up one, treated as known, kept only with a new profile.
    Artificial(DocumentId),
    /// The client named one that nobody knows (rules 2 to 4, 6).
    New(DocumentId),
    /// The client named a known one (rule 5).
    Known(Document),
}

impl SessionPart {
    pub(crate) fn id(&self) -> &DocumentId {
        match self {
            Self::Artificial(id) | Self::New(id) => id,
            Self::Known(document) => &document.id,
        }
    }
}

/// The visitor that a request belongs to.
#[derive(Debug)]
pub(crate) enum ProfilePart {
    /// Nobody (rule 8).
    Nobody,
    /// A new one, under an id of ours: a client's unknown id counts as forged (rule 4).
    New(DocumentId),
    /// A known one.
    Known(Document),
}

impl ProfilePart {
    pub(crate) fn id(&self) -> Option<&DocumentId> {
        match self {
            Self::Nobody => None,
            Self::New(id) => Some(id),
            Self::Known(document) => Some(&document.id),
        }
    }
}

/// Which visit a request belongs to. Reads only.
pub(crate) async fn session_of(
    store: &NamespacedStore,
    payload: &TrackerPayload,
    fresh: &FreshIds,
) -> Result<SessionPart, StoreError> {
    let Some(id) = &payload.session else { return Ok(SessionPart::Artificial(fresh.session.clone())) };
    Ok(match store.get(SESSION, id).await? {
        Some(document) => SessionPart::Known(document),
        None => SessionPart::New(id.clone()),
    })
}

/// Which visitor a request of a visit belongs to. Reads only.
pub(crate) async fn profile_of(
    store: &NamespacedStore,
    payload: &TrackerPayload,
    session: &SessionPart,
    fresh: &FreshIds,
) -> Result<ProfilePart, StoreError> {
    // A known session's profile wins over the one that the payload names.
    let linked = match session {
        SessionPart::Known(document) => session::profile_of(&document.body),
        SessionPart::Artificial(_) | SessionPart::New(_) => None,
    };
    let found = match linked.as_ref().or(payload.profile.as_ref()) {
        Some(id) => profile::find(store, id).await?,
        None => None,
    };
    Ok(found.map_or_else(|| ProfilePart::New(fresh.profile.clone()), ProfilePart::Known))
}
