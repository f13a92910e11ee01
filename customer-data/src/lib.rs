//! What a customer data platform does for one tenant: sources, identity, profiles, sessions, events, users
