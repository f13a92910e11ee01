//! Namespaced documents: a durable store in which no tenant can reach another's data
