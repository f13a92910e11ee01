//! The OpenSearch backend against a real cluster: `export TENANTRY_TEST_OPENSEARCH=$(scripts/opensearch start)`.

mod conforms;
mod dedicated;
mod support;
mod upgrade;
