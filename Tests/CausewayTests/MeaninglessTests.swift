/// Names and bytes that are stored soundly and mean nothing: `check` names them, `repair` takes them out, and `info` goes on.
import Causeway
import Testing

struct MeaninglessTests {
    private static let cases: [(sql: String, place: String, isSeenByQuickCheck: Bool)] = [
        ("INSERT OR REPLACE INTO setting VALUES ('token-storage/1', 5)", "setting", true),
        ("UPDATE collection SET default_metric = 'nonsense'", "collection c", true),
        // The CRC-32C of "123456789" is in every textbook.
        ("UPDATE model SET bytes = CAST('123456789' AS BLOB), checksum = 3808858755", "c model 'm'", false),
        ("UPDATE model SET report = '[]'", "c model 'm'", false),
    ]

    @Test(arguments: MeaninglessTests.cases.indices) func whatMeansNothingIsNamedAndTakenOut(index: Int) throws {
        let (sql, place, isSeenByQuickCheck) = Self.cases[index]
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 40)
        try collection.setDefaultMetric(.manhattan)
        try collection.trainModel(named: "m", from: "text", to: "image", options: TrainingOptions(method: .ridge))
        #expect(try temporary.database.check(deep: true) == [])
        temporary.database.close()
        try execute(sql, on: temporary.path)

        let database = try Database(path: temporary.path, access: .readWrite, upkeep: .manual)
        defer { database.close() }
        let name = try database.info().collections.map(\.defaultMetricName)
        #expect(name == [sql.contains("nonsense") ? "nonsense" : "manhattan"], "\(sql)")
        #expect(try database.check(deep: false).map(\.place) == (isSeenByQuickCheck ? [place] : []), "\(sql)")
        let found = try database.check(deep: true)
        #expect(found.map(\.place) == [place] && found[0].severity == .damage, "\(sql): \(found)")
        let report = try database.repair()
        #expect(report.steps.map(\.place) == [place] && report.remaining == [] && report.copy != nil, "\(sql): \(report)")
        #expect(try database.check(deep: true) == [], "\(sql)")
        let metric = try database.collection("c").defaultMetric()
        #expect(metric == (sql.contains("nonsense") ? .cosine : .manhattan), "\(sql)")
        #expect(try database.collection("c").models().count == (sql.contains("model") ? 0 : 1), "\(sql)")
    }
}
