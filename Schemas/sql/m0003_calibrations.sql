-- What a score between two modalities means: the probability of a match, learned from stored pairs. Schemas/FORMAT.md.

CREATE TABLE calibration (
    from_modality INTEGER NOT NULL REFERENCES modality (id),
    to_modality   INTEGER NOT NULL REFERENCES modality (id),
    score         TEXT NOT NULL,
    model         INTEGER REFERENCES model (id) ON DELETE CASCADE,
    slope         REAL NOT NULL,
    intercept     REAL NOT NULL,
    temperature   REAL,
    queries       INTEGER NOT NULL CHECK (queries > 0),
    hits          INTEGER NOT NULL CHECK (hits > 0),
    matches       INTEGER NOT NULL CHECK (matches BETWEEN 0 AND hits),
    measured_at   INTEGER NOT NULL,
    from_count    INTEGER NOT NULL CHECK (from_count >= 0),
    to_count      INTEGER NOT NULL CHECK (to_count >= 0),
    created_at    TEXT NOT NULL,
    PRIMARY KEY (from_modality, to_modality, score)
) STRICT, WITHOUT ROWID;
