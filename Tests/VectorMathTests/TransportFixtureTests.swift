/// Transport problems of our own with the optima of a linear program (Tests/Oracle/transport_problems.py): every clone has them.
import Foundation
import Testing
import VectorMath

/// One line of transport_problems.json. Nil weights are equal ones.
private struct Problem: Decodable {
    let ground: String
    let x: [[Float]], y: [[Float]]
    let a: [Double]?, b: [Double]?
    let optimum: Double

    func cloud(_ rows: [[Float]], _ weights: [Double]?) throws -> TokenCloud {
        try TokenCloud(
            values: rows.flatMap { $0 }, dimension: rows[0].count, weights: weights,
            ground: try #require(GroundCost(rawValue: ground)), side: .query)
    }
}

@Suite struct TransportFixtureTests {
    @Test func optimaAreThoseOfTheLinearProgram() throws {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let data = try Data(contentsOf: tests.appendingPathComponent("Oracle/transport_problems.json"))
        let problems = try JSONDecoder().decode([Problem].self, from: data)
        #expect(problems.count == 30 && Set(problems.map(\.ground)) == Set(GroundCost.allCases.map(\.rawValue)))
        for (number, problem) in problems.enumerated() {
            let x = try problem.cloud(problem.x, problem.a), y = try problem.cloud(problem.y, problem.b)
            let note = "problem \(number), \(problem.ground), \(x.count) by \(y.count)"
            let (value, scale) = (try exactCost(x, y), max(1, problem.optimum))
            #expect(abs(value - problem.optimum) <= 1e-9 * scale, "\(note): \(value), not \(problem.optimum)")
            let costs = CostMatrix()
            try costs.fill(rows: PackedTokens(x), columns: y)
            let single = provenOptimum(costs, pairMasses(x, y), note)
            #expect(abs(single - problem.optimum) <= 2e-6 * scale, "\(note), float32: \(single), not \(problem.optimum)")
        }
    }
}
