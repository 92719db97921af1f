/// Single bits of the numbers by which modalities, collections and models are known, and of row numbers, flipped by a bad disk:
/// nothing traps, what is answered is true, and repair takes from the vectors what they know.
import Causeway
import Foundation
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct CatalogueRotTests {
    private static let some = [0, 4, 16, 31, 32, 62, 63]

    /// A closed database of two modalities and a model between them, and what it holds.
    private struct Sound {
        let temporary: TemporaryDatabase
        let bytes: Data
        let images: [Embedding]
        let hits: [Hit]
        var path: String { temporary.path }

        init() throws {
            temporary = try TemporaryDatabase()
            let collection = temporary.collection()
            var images = clusteredEmbeddings(40, dimension: 16, seed: 1)
            var random = TestRandom(5)
            for index in 0..<4 { images[index].tokens = TokenSet([random.vector(64), random.vector(64)], weights: [1, 2]) }
            try collection.insert(images, into: "image")
            try collection.insert(clusteredEmbeddings(40, dimension: 16, seed: 2, offset: 0.2), into: "text")
            try collection.trainModel(named: "bridge", from: "text", to: "image", options: TrainingOptions(method: .center))
            hits = try collection.search(.vector(images[7].vector), in: "image").hits
            #expect(try temporary.database.check(deep: true).isEmpty)
            temporary.database.close()
            bytes = try Data(contentsOf: URL(filePath: temporary.path))
            self.images = images
        }

        /// The database after some SQL.
        func damaged(_ sql: String) throws -> Database {
            for suffix in ["-wal", "-shm"] { try? FileManager.default.removeItem(atPath: path + suffix) }
            try bytes.write(to: URL(filePath: path))
            try execute(sql, on: path)
            return try Database(path: path, access: .readWrite, upkeep: .manual)
        }
    }

    /// What a call gives, nil where it fails with an error of ours.
    private func answer<R>(_ what: String, _ body: () throws -> R) -> R? {
        do {
            return try body()
        } catch is CausewayError {
            return nil
        } catch {
            Issue.record("\(what): \(error)")
            return nil
        }
    }

    private func expectErrorsOrTrueAnswers(
        _ database: Database, _ sound: Sound, _ what: String, isAllThere: Bool = true
    ) {
        let collection = database.collection("c")
        for image in sound.images[..<6] {
            if let found = answer(what, { try collection.embedding(id: image.id, in: "image") }) ?? nil {
                #expect(found == image, "\(what)")
            }
        }
        if let answer = answer(what, { try collection.search(.vector(sound.images[7].vector), in: "image") }) {
            #expect(!isAllThere || answer.hits == sound.hits || answer.explanation.damagedRows > 0, "\(what)")
        }
        var across = CrossSearchOptions()
        across.model = "bridge"
        _ = answer(what) { try collection.search([.embedding(id: "3", from: "text")], across: ["image"], options: across) }
        _ = answer(what) { try collection.list(in: "image") }
        _ = answer(what) { try collection.models() }
        _ = answer(what) { try database.info() }
    }

    /// - Returns: whether everything is as it was.
    private func isWhole(_ database: Database, _ sound: Sound) throws -> Bool {
        let collection = database.collection("c")
        let image = try collection.modality("image")
        return try image.count == 40 && image.dimension == 16 && image.tokenDimension == 64
            && sound.images.allSatisfy { try collection.embedding(id: $0.id, in: "image") == $0 }
    }

    private static func flip(_ column: String, of table: String, bit: Int, _ row: String) -> String {
        "UPDATE \(table) SET \(column) = (\(column) | (1 << \(bit))) - (\(column) & (1 << \(bit))) WHERE \(row)"
    }

    @Test(arguments: ["dimension", "token_dimension", "live", "last_change", "last_generation"])
    func noNumberOfAModalityTrapsAndRepairKnowsItAgain(column: String) throws {
        let sound = try Sound()
        for bit in column.contains("dimension") ? Array(0..<64) : Self.some {
            let what = "\(column) bit \(bit)"
            let database = try sound.damaged(Self.flip(column, of: "modality", bit: bit, "name = 'image'"))
            defer { database.close() }
            expectErrorsOrTrueAnswers(database, sound, what)
            let quick = try database.check(deep: false), deep = try database.check(deep: true)
            // Smaller numbers are those of a larger database.
            let isPlain = bit == 63 || bit > 30 && !column.hasPrefix("last")
            if isPlain { #expect(quick.contains { $0.place == "c/image" || $0.place == "modality image" }, "\(what)") }
            if column.contains("dimension") {
                #expect(deep.contains { $0.place == "c/image" && $0.problem.contains(column) }, "\(what): \(deep)")
            }
            guard bit < 18 || Self.some.contains(bit) else { continue }
            #expect(try database.repair(keepsCopy: false).remaining.isEmpty, "\(what)")
            #expect(try database.check(deep: true).isEmpty && isWhole(database, sound), "\(what)")
        }
    }

    /// Also beside one that nothing can mend, the others are checked, repaired and searched.
    @Test func aModalityThatNothingKnowsIsNamedAndTheOthersGoOn() throws {
        let sound = try Sound()
        let database = try sound.damaged(
            """
            DELETE FROM token_code; DELETE FROM token_set; DELETE FROM vector WHERE row IN (SELECT row FROM embedding WHERE
            modality = (SELECT id FROM modality WHERE name = 'image')); UPDATE modality SET dimension = 0 WHERE name = 'image';
            UPDATE vector SET checksum = checksum + 1 WHERE row = (SELECT max(row) FROM vector)
            """)
        defer { database.close() }
        #expect(try database.check(deep: false).contains { $0.place == "c/image" && $0.problem.contains("dimension is 0") })
        #expect(try database.check(deep: true).contains { $0.place == "c/text id '39'" })
        let report = try database.repair(keepsCopy: false)
        #expect(report.steps.contains { $0.place == "c/text id '39'" }, "\(report)")
        let left = try #require(report.remaining.first { $0.place == "c/image" })
        #expect(left.remedy.contains("restore a backup") && !left.remedy.contains("repair"))
        #expect(throws: CausewayError.self) { try database.collection("c").search(.vector([1]), in: "image") }
        #expect(try database.collection("c").search(.embedding(id: "3", from: "text"), in: "text").hits.count == 10)
    }

    @Test(arguments: [
        ("modality", "id"), ("modality", "collection"), ("collection", "id"), ("model", "id"), ("model", "collection"),
        ("model", "version"), ("model", "from_modality"), ("model", "to_modality"), ("model", "checksum"),
        ("embedding", "row"), ("vector", "row"), ("embedding", "sequence"), ("setting", "value"),
    ])
    func noOtherNumberTraps(table: String, column: String) throws {
        let sound = try Sound()
        // Of this no token set is stored.
        let row = switch table {
        case "embedding", "vector": "row = 6"
        case "setting": "name = 'sequence'"
        default: "id = 1"
        }
        // What belongs to a modality of another number is in none, which only a deep check tells from deleted.
        let isAllThere = table != "modality"
        // Other rows have the smaller numbers.
        for bit in Self.some where column != "row" || bit > 7 {
            let what = "\(table).\(column) bit \(bit)"
            let database = try sound.damaged(Self.flip(column, of: table, bit: bit, row))
            defer { database.close() }
            expectErrorsOrTrueAnswers(database, sound, what, isAllThere: isAllThere)
            _ = try database.check(deep: false)
            #expect(try isAllThere || !database.check(deep: true).isEmpty, "\(what)")
            let report = try database.repair(keepsCopy: false)
            let left = try database.check(deep: true).filter { $0.severity == .damage }
            #expect(left.map(\.place) == report.remaining.map(\.place), "\(what)")
            // A vector and an embedding of different rows know nothing of each other, and repair takes both out.
            expectErrorsOrTrueAnswers(database, sound, what, isAllThere: isAllThere && column != "row")
        }
    }

    @Test(arguments: ["-9223372036854775808", "9223372036854775807"]) func noRowNumberTraps(number: String) throws {
        let sound = try Sound()
        let database = try sound.damaged(
            ["embedding", "vector"].map { "UPDATE \($0) SET row = \(number) WHERE row = 6" }.joined(separator: ";"))
        defer { database.close() }
        expectErrorsOrTrueAnswers(database, sound, number)
        _ = try database.check(deep: true)
        _ = try database.repair(keepsCopy: false)
        expectErrorsOrTrueAnswers(database, sound, number)
    }
}
