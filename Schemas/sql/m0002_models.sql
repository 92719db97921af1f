-- Trained alignments between two modalities. What every column means: Schemas/FORMAT.md.

CREATE TABLE model (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    collection     INTEGER NOT NULL REFERENCES collection (id),
    name           TEXT NOT NULL,
    version        INTEGER NOT NULL CHECK (version > 0),
    from_modality  INTEGER NOT NULL REFERENCES modality (id),
    to_modality    INTEGER NOT NULL REFERENCES modality (id),
    from_producer  TEXT,
    to_producer    TEXT,
    method         TEXT NOT NULL,
    created_at     TEXT NOT NULL,
    report         TEXT NOT NULL,
    held_out_items TEXT NOT NULL,
    checksum       INTEGER NOT NULL,
    bytes          BLOB NOT NULL,
    UNIQUE (collection, name)
) STRICT;
