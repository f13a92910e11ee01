# Thin names over cargo and scripts/.

# All that CI runs.
test *arguments:
    scripts/test {{arguments}}

fmt:
    cargo fmt --all

lint:
    cargo clippy --release --workspace --all-targets --all-features -- -D warnings

doc:
    cargo doc --release --workspace --all-features --no-deps

# The platform on this machine.
run *arguments:
    cargo run --release -p api-server -- dev {{arguments}}
