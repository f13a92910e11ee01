-- Texts that are sorted or compared by their bytes say so, whatever the database's collation is.
CREATE TABLE tenant (
    id             TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    incarnation    TEXT COLLATE "C" NOT NULL UNIQUE,
    name           TEXT NOT NULL,
    status         TEXT NOT NULL CHECK (status IN ('pending', 'active', 'suspended', 'deleting')),
    email          TEXT NOT NULL,
    install_token  TEXT NOT NULL,
    public_reason  TEXT,
    private_reason TEXT,
    expire         TEXT,
    limits         TEXT NOT NULL,
    storage        TEXT,
    labels         TEXT NOT NULL,
    license_id     TEXT,
    created        TEXT NOT NULL
);

-- Own domains, in normal form; each belongs to one tenant.
CREATE TABLE tenant_host (
    host      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    position  BIGINT NOT NULL
);
CREATE INDEX tenant_host_by_tenant ON tenant_host (tenant_id, position);

CREATE TABLE api_key (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    scope   TEXT NOT NULL CHECK (scope IN ('directory', 'operator')),
    label   TEXT NOT NULL,
    created TEXT NOT NULL
);
CREATE INDEX api_key_by_label ON api_key (label);

-- One row for each generation of a key that still opens something. `until` is set when a rotation ends its life.
CREATE TABLE api_key_secret (
    key_id     TEXT COLLATE "C" NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    sha256     BYTEA NOT NULL,
    until      TEXT,
    PRIMARY KEY (key_id, generation)
);

-- What access tokens are signed with; the newest row signs.
CREATE TABLE signing_secret (
    id      BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    secret  BYTEA NOT NULL,
    created TEXT NOT NULL
);
