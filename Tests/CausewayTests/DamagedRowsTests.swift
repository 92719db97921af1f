/// Rows that an index has and its table has not, vectors that fail their checksum, and lists of models that cannot be read: none
/// traps, none is passed over without a word, and `check` names each.
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
        let database = try opened(temporary, after: "DELETE FROM embedding WHERE (row % 3 = 0 OR row > 290) AND row < 300")
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

    // MARK: Vectors that fail their checksum

    /// A model between two modalities, and the database opened again with one vector damaged.
    private func withModel(damaging id: String) throws -> (temporary: TemporaryDatabase, sound: [String: [Hit]], Database) {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 60)
        var training = TrainingOptions(method: .ridge)
        training.lambda = 0.01
        try collection.trainModel(named: "m", from: "text", to: "image", options: training)
        let query = Query.embedding(id: "t9-0", from: "text")
        var sound: [String: [Hit]] = [:]
        for options in Self.options {
            let hits = try collection.search([query], across: ["image"], options: options)[0].hits
            sound["\(options)"] = hits.map { Hit(id: $0.id, item: $0.item, score: $0.score) }
        }
        temporary.database.close()
        try execute(
            "UPDATE vector SET checksum = checksum + 1 WHERE row = (SELECT row FROM embedding WHERE id = '\(id)')",
            on: temporary.path)
        return (temporary, sound, try Database(path: temporary.path, access: .readWrite, upkeep: .manual))
    }

    /// With and without a bank, of every row and of candidates.
    private static var options: [CrossSearchOptions] {
        [SearchOptions.Effort.exact, .recall(0.9)].flatMap { effort in
            ScoreNormalization.allCases.map { normalization in
                var options = CrossSearchOptions(search: SearchOptions(k: 60, effort: effort))
                (options.model, options.normalization) = ("m", normalization)
                return options
            }
        }
    }

    @Test func aDamagedVectorIsLeftOutOfLearnedAndBankSearch() throws {
        let (_, sound, database) = try withModel(damaging: "i9")
        defer { database.close() }
        let query = Query.embedding(id: "t9-0", from: "text")
        for options in Self.options {
            let answer = try database.collection("c").search([query], across: ["image"], options: options)[0]
            let expected = try #require(sound["\(options)"]).map(\.id).filter { $0 != "i9" }
            #expect(expected.count == 59 && Set(answer.hits.map(\.id)) == Set(expected), "\(options)")
            if options.normalization == .none { #expect(answer.hits.map(\.id) == expected, "\(options)") }
            #expect(answer.explanation.damagedRows == 1, "\(options)")
            #expect(answer.explanation.notes.contains("1 damaged row was left out; run `causeway check --deep`"), "\(options)")
        }
        let collection = database.collection("c")
        for normalization in [ScoreNormalization.none, .bank] {
            let evaluation = try collection.evaluate(
                from: "text", to: "image", scores: [.model("m")], normalization: normalization)
            #expect(evaluation.queries > 0)
        }
        var training = TrainingOptions(method: .ridge)
        training.replaces = true
        let error = #expect(throws: CausewayError.self) {
            try collection.trainModel(named: "m", from: "text", to: "image", options: training)
        }
        guard case .damaged? = error else {
            Issue.record("\(error!)")
            return
        }
    }

    @Test func aDamagedStoredQueryIsLeftOutOfBanksAndCalibrations() throws {
        let (temporary, _, database) = try withModel(damaging: "t3-0")
        defer { database.close() }
        try execute("UPDATE model SET held_out_items = json_insert(held_out_items, '$[#]', '3')", on: temporary.path)
        let query = Query.embedding(id: "t9-0", from: "text")
        for var options in Self.options {
            options.minProbability = 0
            let answer = try database.collection("c").search([query], across: ["image"], options: options)[0]
            #expect(answer.hits.count == 60 && answer.explanation.damagedRows == 0, "\(options)")
        }
    }

    // MARK: Models

    @Test(arguments: ["'[\"1\"'", "'{}'", "''", "'[1]'"]) func aListOfHeldOutItemsThatCannotBeReadIsDamage(list: String) throws {
        let (temporary, _, database) = try withModel(damaging: "none")
        defer { database.close() }
        #expect(try database.check(deep: true).isEmpty)
        try execute("UPDATE model SET held_out_items = \(list)", on: temporary.path)
        let collection = database.collection("c"), options = Self.options[0]
        func refuses(_ what: String, _ body: () throws -> Void) {
            let error = #expect(throws: CausewayError.self) { try body() }
            guard case .damaged(_, let problem, let remedy)? = error else {
                Issue.record("\(what): \(error!)")
                return
            }
            #expect(problem.contains("held-out items") && remedy.contains("train it again"), "\(what)")
        }
        refuses("calibrate") { try collection.calibrate(from: "text", to: "image", options: options) }
        refuses("evaluate") { _ = try collection.evaluate(from: "text", to: "image", scores: [.model("m")]) }
        #expect(try collection.model(named: "m").obstacle?.contains("held-out items") == true)
        let findings = try database.check(deep: true)
        #expect(findings.map(\.place) == ["c model 'm'"] && findings[0].problem.contains("held-out items"))
        #expect(try database.repair(keepsCopy: false).steps.map(\.place) == ["c model 'm'"])
        #expect(try database.check(deep: true).isEmpty)
    }

    /// Without a held-out item there is nothing that may calibrate it.
    @Test func noHeldOutItemsAreNotAll() throws {
        let (temporary, _, database) = try withModel(damaging: "none")
        defer { database.close() }
        try execute("UPDATE model SET held_out_items = '[]'", on: temporary.path)
        #expect(throws: CausewayError.self) {
            try database.collection("c").calibrate(from: "text", to: "image", options: Self.options[0])
        }
    }
}
