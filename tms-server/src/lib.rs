//! The tenant management service: registers, activates and suspends tenants
