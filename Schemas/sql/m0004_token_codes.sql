-- Token sets once more as 8-bit codes, which tell what need not be read. What the bytes are: Schemas/FORMAT.md, § Token codes.

CREATE TABLE token_code (
    row      INTEGER PRIMARY KEY REFERENCES token_set (row),
    checksum INTEGER NOT NULL,
    bytes    BLOB NOT NULL
) STRICT;

INSERT INTO setting (name, value) SELECT 'uncoded-tokens/' || id, 0 FROM modality WHERE token_dimension IS NOT NULL;
