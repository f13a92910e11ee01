//! The OpenSearch backend against a real cluster: `export TENANTRY_TEST_OPENSEARCH=$(scripts/opensearch start)`.

mod between;
mod conforms;
mod data;
mod proxy;
mod support;
