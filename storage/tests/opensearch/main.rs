//! The OpenSearch backend against a real cluster: `export TENANTRY_TEST_OPENSEARCH=$(scripts/opensearch start)`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the figures are what the page on OpenSearch tells"
)]

mod between;
mod cluster;
mod conforms;
mod data;
mod dedicated;
mod foreign;
mod killed;
mod late;
mod load;
mod many;
mod nginx;
mod own;
mod proxy;
mod support;
mod ties;
mod tls;
mod upgrade;
mod walls;
