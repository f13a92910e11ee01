//! The tenant directory over HTTP: a client of the tenant management service, and a cache that survives its outages
