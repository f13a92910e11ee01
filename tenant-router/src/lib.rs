//! Middleware that finds the tenant of a request by its host, for any tower or hyper stack
