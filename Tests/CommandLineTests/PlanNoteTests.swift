/// A search that does more than the usual says so on standard error.
import Foundation
import Testing

@Suite struct PlanNoteTests {
    @Test func aScanForWantOfAMeasuredBudgetIsTold() throws {
        var dice = Dice(seed: 72)
        let values = dice.floats(2_100 * 8)
        let database = try TestDatabase()
        try database.fill(values, dimension: 8)
        #expect(try database.run("index", "build").succeeded)
        func notes(_ more: String...) throws -> String {
            let query = ["--collection", "c", "--to", "m", "--vector", vectorText(values[..<8])]
            let found = try database.run("search", with: query + more)
            #expect(found.succeeded && found.ids.count == 10, "\(found.summary)")
            return found.errorText
        }
        #expect(try notes("--metric", "dot", "--recall", "0.999").contains(
            "note: exact scan: no number of cosine candidates is known to hold the best by dot"))
        #expect(try notes("--metric", "dot", "--exact").isEmpty)
        #expect(try notes("--recall", "0.9").isEmpty)
    }
}
