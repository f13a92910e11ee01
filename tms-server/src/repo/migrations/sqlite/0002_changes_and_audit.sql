-- One row: which database this is, and its newest change. Each change of a tenant bumps it in its own transaction, so that
-- the order of changes is the order of commits.
CREATE TABLE feed_head (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    db    TEXT NOT NULL,
    n     INTEGER NOT NULL,
    nonce TEXT NOT NULL
) STRICT;

-- The latest changes, without a gap up to the head; `at` in milliseconds since 1970.
CREATE TABLE change (
    n           INTEGER NOT NULL PRIMARY KEY,
    nonce       TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    incarnation TEXT NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('tenant', 'gone')),
    at          INTEGER NOT NULL
) STRICT;

-- The change that made the tenant so.
ALTER TABLE tenant ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;

-- The tenants that are there already, in the order of their creation.
INSERT INTO change (n, nonce, tenant_id, incarnation, kind, at)
SELECT row_number() OVER (ORDER BY created, id), lower(hex(randomblob(8))), id, incarnation, 'tenant', unixepoch() * 1000
FROM tenant;

UPDATE tenant SET revision = change.n FROM change WHERE change.tenant_id = tenant.id;

-- A uuid of version 4, without its hyphens.
INSERT INTO feed_head (id, db, n, nonce)
SELECT
    1,
    lower(
        hex(randomblob(6)) || '4' || substr(hex(randomblob(2)), 2)
        || substr('89ab', 1 + (random() & 3), 1) || substr(hex(randomblob(8)), 2)
    ),
    coalesce(max(n), 0),
    coalesce((SELECT nonce FROM change ORDER BY n DESC LIMIT 1), '0')
FROM change;

-- Who changed what; `key_id` is null where the program did it by itself.
CREATE TABLE audit (
    seq       INTEGER NOT NULL PRIMARY KEY,
    at        TEXT NOT NULL,
    action    TEXT NOT NULL,
    tenant_id TEXT,
    key_id    TEXT,
    key_scope TEXT,
    was       TEXT,
    became    TEXT
) STRICT;
CREATE INDEX audit_by_tenant ON audit (tenant_id, seq);

CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;
CREATE TRIGGER audit_is_not_removed BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit is append-only');
END;

-- When an earlier signing secret stops being good.
ALTER TABLE signing_secret ADD COLUMN until TEXT;
