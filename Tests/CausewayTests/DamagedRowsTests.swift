/// Rows that an index has and its table has not, or the reverse: none traps, none is passed over without a word, and `check` names each.
import Causeway
import Foundation
import Testing

struct DamagedRowsTests {
    // MARK: An index that lies

    /// Changes the table of embeddings and leaves the index of the rows of a modality as it is, by letting SQLite think that it
    /// has none of them.
    private func besideTheIndex(_ sql: String, _ path: String) throws {
        func setIndex(_ description: String) throws {
            try execute(
                """
                PRAGMA writable_schema = ON;
                UPDATE sqlite_schema SET sql = \(description) WHERE name = 'embedding_by_modality';
                """, on: path)
        }
        try setIndex("sql || ' WHERE modality < 0'")
        try execute(sql, on: path)
        try setIndex("replace(sql, ' WHERE modality < 0', '')")
    }

    private func opened(_ temporary: TemporaryDatabase, after sql: String) throws -> Database {
        temporary.database.close()
        try besideTheIndex(sql, temporary.path)
        return try Database(path: temporary.path, access: .readWrite, upkeep: .manual)
    }

    @Test(arguments: ["max-sim", "chamfer"]) func queriesThatAreNoMoreAreNotMeasuredWith(name: String) throws {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(tokenEmbeddings(300, dimension: 4, seed: 6, copies: false), into: "v")
        let database = try opened(temporary, after: "DELETE FROM embedding WHERE row % 3 = 0 OR row > 290")
        defer { database.close() }
        let metric = try Metric(named: name)
        #expect(try database.collection("c").tuneIndex(from: "v", to: "v", recall: 0.9, metric: metric) != nil)
    }

    /// SQLite itself meets the damage where an item is read through the index.
    @Test func searchGoesOnAndEvaluationIsRefused() throws {
        let temporary = try TemporaryDatabase()
        for (seed, modality) in ["v", "w"].enumerated() {
            try temporary.collection().insert(clusteredEmbeddings(300, dimension: 8, seed: UInt64(seed)), into: modality)
        }
        let database = try opened(temporary, after: "DELETE FROM embedding WHERE row % 3 = 0")
        defer { database.close() }
        let collection = database.collection("c")
        #expect(try collection.search(.vector([Float](repeating: 1, count: 8)), in: "v").hits.count > 0)
        let error = #expect(throws: CausewayError.self) { try collection.evaluate(from: "v", to: "w") }
        #expect(error?.description.contains("is damaged") == true)
    }

    @Test(arguments: ["out.jsonl", "out.npy"]) func exportThatWouldLoseRowsIsRefused(name: String) throws {
        let changes = [
            "DELETE FROM embedding WHERE row = 7": "lists row 7, which is not there",
            """
            UPDATE setting SET value = 41 WHERE name = 'sequence'; UPDATE modality SET live = 41;
            INSERT INTO embedding (row, modality, id, sequence) VALUES (41, 1, 'new', 41);
            INSERT INTO vector SELECT 41, codec, checksum, bytes FROM vector WHERE row = 1
            """: "lists 40 rows, and 41 are counted",
        ]
        for (sql, problem) in changes {
            let temporary = try TemporaryDatabase()
            try temporary.collection().insert(clusteredEmbeddings(40, dimension: 4, seed: 1), into: "v")
            let database = try opened(temporary, after: sql)
            defer { database.close() }
            let file = temporary.file(name)
            func export() throws -> Int { try database.collection("c").export("v", to: ExportFiles(file)).embeddings }
            let error = #expect(throws: CausewayError.self) { try export() }
            #expect(error?.description.contains(problem) == true && error?.description.contains("repair") == true, "\(error!)")
            #expect(!FileManager.default.fileExists(atPath: file), "nothing is left")
            for deep in [false, true] {
                let findings = try database.check(deep: deep)
                let isNamed = findings.contains { $0.place == "pages" && $0.remedy.contains("causeway repair") }
                #expect(isNamed, "\(deep): \(findings)")
            }
            #expect(try database.repair(keepsCopy: false).remaining.isEmpty)
            #expect(try database.check(deep: true).isEmpty && export() == (sql.hasPrefix("DELETE") ? 39 : 41))
        }
    }
}
