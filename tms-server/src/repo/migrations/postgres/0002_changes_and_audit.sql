-- One row: which database this is, and its newest change. Each change of a tenant bumps it in its own transaction, so that
-- the order of changes is the order of commits. Whoever writes anything locks it first.
CREATE TABLE feed_head (
    id    BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    db    TEXT NOT NULL,
    n     BIGINT NOT NULL,
    nonce TEXT NOT NULL
);

-- The latest changes, without a gap up to the head; `at` in milliseconds since 1970.
CREATE TABLE change (
    n           BIGINT NOT NULL PRIMARY KEY,
    nonce       TEXT NOT NULL,
    tenant_id   TEXT COLLATE "C" NOT NULL,
    incarnation TEXT COLLATE "C" NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('tenant', 'gone')),
    at          BIGINT NOT NULL
);

-- The change that made the tenant so.
ALTER TABLE tenant ADD COLUMN revision BIGINT NOT NULL DEFAULT 0;

-- The tenants that are there already, in the order of their creation.
INSERT INTO change (n, nonce, tenant_id, incarnation, kind, at)
SELECT
    row_number() OVER (ORDER BY created, id), left(replace(gen_random_uuid()::text, '-', ''), 16), id, incarnation, 'tenant',
    extract(epoch FROM now())::bigint * 1000
FROM tenant;

UPDATE tenant SET revision = change.n FROM change WHERE change.tenant_id = tenant.id;

INSERT INTO feed_head (id, db, n, nonce)
SELECT
    1, replace(gen_random_uuid()::text, '-', ''), coalesce(max(n), 0),
    coalesce((SELECT nonce FROM change ORDER BY n DESC LIMIT 1), '0')
FROM change;

-- Who changed what; `key_id` is null where the program did it by itself.
CREATE TABLE audit (
    seq       BIGINT NOT NULL PRIMARY KEY,
    at        TEXT NOT NULL,
    action    TEXT NOT NULL,
    tenant_id TEXT COLLATE "C",
    key_id    TEXT,
    key_scope TEXT,
    was       TEXT,
    became    TEXT
);
CREATE INDEX audit_by_tenant ON audit (tenant_id, seq);

CREATE FUNCTION refuse_to_change_the_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit is append-only';
END
$$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_the_audit();

-- When an earlier signing secret stops being good.
ALTER TABLE signing_secret ADD COLUMN until TEXT;
