/// The one path by which embeddings enter the database: a batch, bound without copies, conflicts found by the index.

extension Writer {
    /// Inserts a batch in order. An id that exists, in the database or earlier in the batch, is refused, passed over or
    /// replaced (the old row is deleted and leaves a tombstone) by `policy`. O(rows × log database).
    /// - Throws: `.duplicateID`, `.dimensionMismatch`, `.tokenDimensionMismatch` (record a token dimension first).
    package func insert(
        _ batch: EncodedBatch, into modality: ModalityRecord, onConflict policy: ConflictPolicy
    ) throws(StorageError) -> InsertCounts {
        try changing { () throws(StorageError) in
            guard batch.dimension == modality.dimension else {
                throw .dimensionMismatch(expected: modality.dimension, got: batch.dimension, modality: modality.name)
            }
            if let got = batch.tokenDimension, got != modality.tokenDimension {
                throw .tokenDimensionMismatch(
                    expected: modality.tokenDimension ?? 0, got: got, modality: modality.name)
            }
            guard batch.count > 0 else { return InsertCounts() }
            return try PinnedBytes.with(batch.storage) { (pinned) throws(StorageError) in
                var insertion = try Insertion(batch: batch, pinned: pinned, modality: modality, policy: policy, writer: self)
                defer { insertion.finish() }
                for index in batch.rows.indices { try insertion.insert(index) }
                let counts = insertion.counts
                try record(
                    modality.id, inserted: counts.inserted + counts.replaced, deleted: counts.replaced)
                return counts
            }
        }
    }
}

/// One batch on its way in: the statements, prepared once, and what has been counted.
private struct Insertion {
    let batch: EncodedBatch
    let pinned: PinnedBytes
    let modality: ModalityRecord
    let policy: ConflictPolicy
    let writer: Writer
    let paths: [Int64]
    let embedding: Statement
    let vector: Statement
    var counts = InsertCounts()

    init(
        batch: EncodedBatch, pinned: PinnedBytes, modality: ModalityRecord, policy: ConflictPolicy, writer: Writer
    ) throws(StorageError) {
        self.batch = batch
        self.pinned = pinned
        self.modality = modality
        self.policy = policy
        self.writer = writer
        var paths: [Int64] = []
        for path in batch.paths { paths.append(try writer.pathID(path, in: modality.id)) }
        self.paths = paths
        embedding = try writer.connection.take("""
            INSERT INTO embedding (row, modality, id, item, sequence, metadata) VALUES (?1, ?2, ?3, ?4, ?1, ?5)
            ON CONFLICT (modality, id) DO NOTHING
            """)
        vector = try writer.connection.take("INSERT INTO vector (row, codec, checksum, bytes) VALUES (?, ?, ?, ?)")
        embedding.bind(2, modality.id.rawValue)
    }

    func finish() {
        writer.connection.give(embedding)
        writer.connection.give(vector)
    }

    mutating func insert(_ index: Int) throws(StorageError) {
        let row = batch.rows[index]
        var number = try writer.nextSequence()
        if try insertEmbedding(row, number: number) {
            counts.inserted += 1
        } else {
            writer.returnSequence()
            switch policy {
            case .error:
                let id = String(decoding: batch.storage[row.id], as: UTF8.self)
                throw .duplicateID(id: id, modality: modality.name, index: index)
            case .skip:
                counts.skipped += 1
                return
            case .replace:
                number = try replace(row)
                counts.replaced += 1
            }
        }
        try insertVector(row, number: number)
        if !row.attributes.isEmpty {
            try writer.insertAttributes(of: row, number: number, batch: batch, pinned: pinned, paths: paths)
        }
        if let tokens = row.tokens { try insert(tokens, number: number) }
    }

    /// False when the id exists.
    private func insertEmbedding(_ row: EncodedBatch.Row, number: Int64) throws(StorageError) -> Bool {
        embedding.bind(1, number)
        embedding.bind(3, text: row.id, of: pinned)
        if let item = row.item { embedding.bind(4, text: item, of: pinned) } else { embedding.bindNull(4) }
        if let metadata = row.metadata { embedding.bind(5, text: metadata, of: pinned) } else { embedding.bindNull(5) }
        try embedding.run()
        return writer.connection.changes == 1
    }

    private func replace(_ row: EncodedBatch.Row) throws(StorageError) -> Int64 {
        let id = String(decoding: batch.storage[row.id], as: UTF8.self)
        guard let old = try writer.row(id: id, in: modality.id), try writer.deleteOne(old.rawValue) != nil else {
            throw .corrupt(path: writer.connection.path, what: "the index of ids has '\(id)', the table has not")
        }
        let number = try writer.nextSequence()
        guard try insertEmbedding(row, number: number) else {
            throw .corrupt(path: writer.connection.path, what: "id '\(id)' is there twice")
        }
        return number
    }

    private func insertVector(_ row: EncodedBatch.Row, number: Int64) throws(StorageError) {
        vector.bind(1, number)
        vector.bind(2, row.codec.rawValue)
        vector.bind(3, Int64(row.checksum))
        vector.bind(4, blob: row.vector, of: pinned)
        try vector.run()
    }

    private func insert(_ tokens: EncodedBatch.EncodedTokens, number: Int64) throws(StorageError) {
        let statement = try writer.connection.take("""
            INSERT INTO token_set (row, count, codec, checksum, bytes, weights_codec, weights) VALUES (?, ?, ?, ?, ?, ?, ?)
            """)
        defer { writer.connection.give(statement) }
        statement.bind(1, number)
        statement.bind(2, Int64(tokens.count))
        statement.bind(3, tokens.codec.rawValue)
        statement.bind(4, Int64(tokens.checksum))
        statement.bind(5, blob: tokens.bytes, of: pinned)
        if let weights = tokens.weights {
            statement.bind(6, weights.codec.rawValue)
            statement.bind(7, blob: weights.bytes, of: pinned)
        }
        try statement.run()
        guard let code = tokens.code else { return }
        try writer.run(TokenCode.insertion) {
            $0.bind(1, number)
            $0.bind(2, TokenCode.sealed(code.checksum, row: number))
            $0.bind(3, blob: code.bytes, of: pinned)
        }
    }
}
