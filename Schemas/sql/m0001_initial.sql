-- Causeway's database, version 1. What every column means: Schemas/FORMAT.md. No triggers, no views, no functions:
-- the schema must mean the same under trusted_schema=OFF, and to any SQLite tool.

CREATE TABLE setting (
    name  TEXT PRIMARY KEY NOT NULL,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE collection (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT NOT NULL UNIQUE,
    default_metric TEXT
) STRICT;

CREATE TABLE modality (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    collection      INTEGER NOT NULL REFERENCES collection (id),
    name            TEXT NOT NULL,
    dimension       INTEGER NOT NULL CHECK (dimension BETWEEN 1 AND 65536),
    token_dimension INTEGER CHECK (token_dimension BETWEEN 1 AND 65536),
    producer        TEXT,
    live            INTEGER NOT NULL DEFAULT 0 CHECK (live >= 0),
    last_change     INTEGER NOT NULL DEFAULT 0,
    last_generation INTEGER NOT NULL DEFAULT 0,
    UNIQUE (collection, name)
) STRICT;

-- One version of an embedding. `row` is drawn from setting 'sequence': it is the sequence of the insertion.
CREATE TABLE embedding (
    row      INTEGER PRIMARY KEY,
    modality INTEGER NOT NULL REFERENCES modality (id),
    id       TEXT NOT NULL,
    item     TEXT,
    sequence INTEGER NOT NULL CHECK (sequence >= row),
    metadata TEXT,
    UNIQUE (modality, id)
) STRICT;

CREATE INDEX embedding_by_modality ON embedding (modality);
CREATE INDEX embedding_by_item ON embedding (modality, item) WHERE item IS NOT NULL;
CREATE INDEX embedding_by_update ON embedding (modality, sequence) WHERE sequence <> row;

CREATE TABLE vector (
    row      INTEGER PRIMARY KEY REFERENCES embedding (row),
    codec    INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    bytes    BLOB NOT NULL
) STRICT;

CREATE TABLE token_set (
    row           INTEGER PRIMARY KEY REFERENCES embedding (row),
    count         INTEGER NOT NULL CHECK (count >= 0),
    codec         INTEGER NOT NULL,
    checksum      INTEGER NOT NULL,
    bytes         BLOB NOT NULL,
    weights_codec INTEGER,
    weights       BLOB,
    CHECK ((weights IS NULL) = (weights_codec IS NULL))
) STRICT;

CREATE TABLE tombstone (
    modality INTEGER NOT NULL REFERENCES modality (id),
    sequence INTEGER NOT NULL,
    row      INTEGER NOT NULL,
    PRIMARY KEY (modality, sequence)
) STRICT, WITHOUT ROWID;

-- Metadata taken apart for filters; refilled from embedding.metadata by the program.
CREATE TABLE attribute_path (
    id       INTEGER PRIMARY KEY,
    modality INTEGER NOT NULL REFERENCES modality (id),
    path     TEXT NOT NULL,
    UNIQUE (modality, path)
) STRICT;

CREATE TABLE attribute (
    path  INTEGER NOT NULL REFERENCES attribute_path (id),
    kind  INTEGER NOT NULL,
    value ANY NOT NULL,
    row   INTEGER NOT NULL,
    PRIMARY KEY (path, kind, value, row)
) STRICT, WITHOUT ROWID;

-- The graph file in force, one a modality.
CREATE TABLE generation (
    modality         INTEGER PRIMARY KEY REFERENCES modality (id),
    generation       INTEGER NOT NULL CHECK (generation > 0),
    file_name        TEXT NOT NULL,
    checksum         INTEGER NOT NULL,
    through_sequence INTEGER NOT NULL,
    node_count       INTEGER NOT NULL,
    settings         TEXT NOT NULL,
    created_at       TEXT NOT NULL
) STRICT;

CREATE TABLE tuning (
    modality       INTEGER NOT NULL REFERENCES modality (id),
    query_modality INTEGER NOT NULL REFERENCES modality (id),
    metric         TEXT NOT NULL,
    k              INTEGER NOT NULL,
    recall_target  REAL NOT NULL,
    width          INTEGER NOT NULL,
    candidates     INTEGER NOT NULL,
    recall_mean    REAL NOT NULL,
    recall_p5      REAL NOT NULL,
    recall_minimum REAL NOT NULL,
    recall_lower   REAL NOT NULL,
    measured_at    INTEGER NOT NULL,
    generation     INTEGER NOT NULL,
    PRIMARY KEY (modality, query_modality, metric, k, recall_target)
) STRICT, WITHOUT ROWID;

CREATE TABLE ingest_source (
    source    TEXT PRIMARY KEY NOT NULL,
    rows_done INTEGER NOT NULL CHECK (rows_done >= 0),
    finished  INTEGER NOT NULL CHECK (finished IN (0, 1))
) STRICT, WITHOUT ROWID;
