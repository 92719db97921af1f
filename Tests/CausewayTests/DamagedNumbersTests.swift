/// Numbers of graphs and measurements that a bad disk or a foreign tool changed: nothing traps, answers stay true, `check` names
/// what cannot be, and `repair` removes it.
import Causeway
import Foundation
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct DamagedNumbersTests {
    private static let integers = ["-9223372036854775808", "9223372036854775807", "-1", "0", "2.0"]
    /// SQLite has no NaN: infinities are as near as it comes.
    private static let reals = ["-1.0", "0.0", "2.0", "9e999", "-9e999"]

    /// The columns of each table that hold numbers, and what each is set to.
    private static let columns: [(table: String, column: String, values: [String])] =
        ["k", "width", "candidates", "measured_at", "generation"].map { ("tuning", $0, integers) }
        + ["recall_target", "recall_mean", "recall_p5", "recall_minimum", "recall_lower"].map { ("tuning", $0, reals) }
        + ["generation", "checksum", "through_sequence", "node_count"].map { ("generation", $0, integers) }
        + ["queries", "hits", "matches", "measured_at", "from_count", "to_count"].map { ("calibration", $0, integers) }
        + ["slope", "intercept", "temperature"].map { ("calibration", $0, reals) }

    /// Two modalities of the same items, indexed, measured, calibrated; the files of a closed database.
    private static func sound() throws -> (temporary: TemporaryDatabase, hits: [Hit]) {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(clusteredEmbeddings(2_050, dimension: 8, seed: 1), into: "image")
        try collection.insert(clusteredEmbeddings(100, dimension: 8, seed: 2, offset: 0.2), into: "text")
        try collection.buildIndex()
        for normalization in [ScoreNormalization.none, .bank] {
            var options = CrossSearchOptions()
            options.normalization = normalization
            try collection.calibrate(from: "text", to: "image", options: options)
        }
        #expect(try temporary.database.check(deep: true).isEmpty)
        let hits = try collection.search(query, in: "image", options: SearchOptions(effort: .exact)).hits
        temporary.database.close()
        return (temporary, hits)
    }

    private static var query: Query { .vector(clusteredEmbeddings(1, dimension: 8, seed: 3)[0].vector, from: "text") }

    /// A copy of the files of a database.
    private static func copy(_ original: TemporaryDatabase) throws -> TemporaryDatabase {
        let copy = try TemporaryDatabase()
        copy.database.close()
        try FileManager.default.removeItem(atPath: copy.directory)
        try FileManager.default.copyItem(atPath: original.directory, toPath: copy.directory)
        return copy
    }

    /// Searches, status and check.
    private func expectTrueAnswers(_ database: Database, _ truth: [Hit], _ what: String) throws {
        let collection = database.collection("c")
        let scores = Dictionary(uniqueKeysWithValues: truth.map { ($0.id, $0.score) })
        for recall in [0.9, 0.999] {
            let options = SearchOptions(effort: .recall(recall))
            let hits = try collection.search(Self.query, in: "image", options: options).hits
            #expect(hits.count == 10 && hits.count { scores[$0.id] != nil } >= 5, "\(what) recall \(recall)")
            for hit in hits { if let score = scores[hit.id] { #expect(hit.score == score, "\(what)") } }
        }
        let found = try collection.search(Self.query, in: "image", options: SearchOptions(k: 20, metric: .manhattan)).hits
        #expect(found.count == 20, "\(what)")
        for name in ["image", "text"] { _ = try collection.indexStatus(of: name) }
        _ = try database.check(deep: false)
    }

    /// Searches that a calibration serves.
    private func expectProbabilities(_ database: Database, _ what: String) throws {
        let collection = database.collection("c")
        for normalization in [ScoreNormalization.none, .bank] {
            var options = CrossSearchOptions()
            (options.normalization, options.minProbability) = (normalization, 0)
            let answer = try collection.search([Self.query], across: ["image"], options: options)[0]
            #expect(answer.hits.allSatisfy { (0...1).contains($0.probability ?? -1) }, "\(what) \(normalization)")
        }
    }

    @Test func noNumberOfAMeasurementOrGraphTrapsOrMisleads() throws {
        let (sound, truth) = try Self.sound()
        let bytes = try Data(contentsOf: URL(filePath: sound.path))
        for (table, column, values) in Self.columns {
            for value in values {
                let what = "\(table).\(column) = \(value)"
                try bytes.write(to: URL(filePath: sound.path))
                try execute("UPDATE OR REPLACE \(table) SET \(column) = \(value)", on: sound.path)
                let database = try Database(path: sound.path, access: .readOnly)
                defer { database.close() }
                if table == "calibration" {
                    try expectProbabilities(database, what)
                } else {
                    try expectTrueAnswers(database, truth, what)
                }
                // Any finite slope may have been learned.
                guard value.hasPrefix("-"), !["slope", "intercept"].contains(column) else { continue }
                #expect(try database.check(deep: false).map(\.place) == [table], "\(what)")
            }
        }
    }

    @Test func graphsAreBuiltWhateverTheDatabaseSaysOfTheOneBefore() throws {
        let (sound, _) = try Self.sound()
        let changes = ["generation", "checksum", "through_sequence", "node_count"].map { "\($0) = 9223372036854775807" }
            + ["'$.dimension', 0", "'$.connectivity', 1", "'$.mergedRows', 9223372036854775807", "'$.mergedRows', -1"]
            .map { "settings = json_set(settings, \($0))" }
        for change in changes {
            let damaged = try Self.copy(sound)
            try execute("UPDATE generation SET \(change)", on: damaged.path)
            let database = try Database(path: damaged.path, access: .readWrite, upkeep: .manual)
            defer { database.close() }
            let collection = database.collection("c")
            _ = try collection.indexStatus(of: "image")
            // More than a quarter: enough for a merge.
            try collection.insert(clusteredEmbeddings(600, dimension: 8, seed: 4, prefix: "n"), into: "image")
            #expect(throws: CausewayError.cancelled, "\(change)") {
                try collection.buildIndex(modalities: ["image"]) { !$0.stage.hasPrefix("tune") }
            }
            #expect(try collection.indexStatus(of: "image").state == .current, "\(change)")
            #expect(try database.check(deep: true).isEmpty, "\(change)")
        }
    }

    /// Each row of the table with one number of its own that cannot be, or can but is not so.
    @Test func measurementsAreMadeAgainWhateverTheTableSays() throws {
        let (sound, _) = try Self.sound()
        let columns = Self.columns.filter { $0.table == "tuning" }
        for choice in 0..<2 {
            let damaged = try Self.copy(sound)
            let sets = columns.enumerated().map { index, entry in
                let row = "(query_modality + length(metric) + k + CAST(100 * recall_target AS INTEGER)) % \(columns.count)"
                return "\(entry.column) = CASE WHEN \(row) = \(index) THEN \(entry.values[choice]) ELSE \(entry.column) END"
            }
            try execute("UPDATE OR REPLACE tuning SET " + sets.joined(separator: ", "), on: damaged.path)
            let database = try Database(path: damaged.path, access: .readWrite, upkeep: .manual)
            defer { database.close() }
            let collection = database.collection("c")
            try collection.insert(clusteredEmbeddings(600, dimension: 8, seed: 4, prefix: "n"), into: "image")
            #expect(try collection.buildIndex(options: IndexOptions(rebuild: true)).map(\.outcome) == [.built, .tooSmall])
            let table = try collection.indexStatus(of: "image").tunings.filter { $0.metric == "cosine" && $0.k == 10 }
            #expect(Set(table.map(\.recallTarget)).isSuperset(of: [0.9, 0.95, 0.98, 0.99]), "\(choice)")
            _ = try database.repair(keepsCopy: false)
            #expect(try database.check(deep: true).isEmpty, "\(choice)")
        }
    }

    @Test func settingsOfAGraphThatCannotBeAreNamed() throws {
        let (sound, truth) = try Self.sound()
        for sql in ["'$.dimension', 0", "'$.connectivity', 999", "'$.mergedRows', -1", "'$.constructionBreadth', 77"] {
            let damaged = try Self.copy(sound)
            try execute("UPDATE generation SET settings = json_set(settings, \(sql))", on: damaged.path)
            let database = try Database(path: damaged.path, access: .readWrite, upkeep: .manual)
            defer { database.close() }
            try expectTrueAnswers(database, truth, sql)
            #expect(try database.check(deep: false).map(\.severity) == [.damage], "\(sql)")
            #expect(try database.repair(keepsCopy: false).remaining.isEmpty, "\(sql)")
            #expect(try database.check(deep: true).isEmpty, "\(sql)")
        }
    }

    @Test(arguments: [-1, 0, 1, 2, .nan, .infinity]) func aRecallThatCannotBeIsRefused(recall: Double) throws {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(clusteredEmbeddings(30, dimension: 8, seed: 1), into: "v")
        #expect(throws: CausewayError.self) { try temporary.collection().tuneIndex(from: "v", to: "v", recall: recall) }
    }
}
