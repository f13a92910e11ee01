CREATE TABLE tenant (
    id             TEXT NOT NULL PRIMARY KEY,
    incarnation    TEXT NOT NULL UNIQUE,
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
) STRICT;

-- Own domains, in normal form; each belongs to one tenant.
CREATE TABLE tenant_host (
    host      TEXT NOT NULL PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenant (id) ON DELETE CASCADE,
    position  INTEGER NOT NULL
) STRICT;
CREATE INDEX tenant_host_by_tenant ON tenant_host (tenant_id, position);

CREATE TABLE api_key (
    id      TEXT NOT NULL PRIMARY KEY,
    scope   TEXT NOT NULL CHECK (scope IN ('directory', 'operator')),
    label   TEXT NOT NULL,
    created TEXT NOT NULL
) STRICT;
CREATE INDEX api_key_by_label ON api_key (label);

-- One row for each generation of a key that still opens something. `until` is set when a rotation ends its life.
CREATE TABLE api_key_secret (
    key_id     TEXT NOT NULL REFERENCES api_key (id) ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    sha256     BLOB NOT NULL,
    until      TEXT,
    PRIMARY KEY (key_id, generation)
) STRICT;

-- What access tokens are signed with; the newest row signs.
CREATE TABLE signing_secret (
    id      INTEGER PRIMARY KEY,
    secret  BLOB NOT NULL,
    created TEXT NOT NULL
) STRICT;
