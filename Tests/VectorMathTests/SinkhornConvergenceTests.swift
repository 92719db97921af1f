// Entropic transport where plain Sinkhorn iterations crawl: few tokens, skewed weights, copies, one cost, small epsilons.
import Foundation
import Testing
import VectorMath

@Suite struct SinkhornConvergenceTests {
    private struct Problem {
        var costs: CostMatrix
        var a: [Double], b: [Double]
        var spread: Double { costs.range.upperBound - costs.range.lowerBound }
    }

    private static let shapes = [(1, 1), (1, 6), (6, 1), (2, 2), (2, 2), (2, 3), (3, 3), (5, 4), (4, 9), (16, 16)]

    /// Weights down to 1e-12; every third problem has copies within and between its sets.
    private func problem(_ seed: Int) throws -> Problem {
        var random = SeededRandom(UInt64(seed))
        let (m, n) = Self.shapes[seed % Self.shapes.count]
        let ground = GroundCost.allCases[seed / 2 % 3]
        func weights(_ count: Int) -> [Double]? {
            let skew = [0.0, 4, 12][seed / 3 % 3]
            return skew == 0 ? nil : random.doubles(count).map { pow(10, -skew * $0) }
        }
        let x = try random.cloud(m, 4, ground, weights: weights(m))
        var y = try random.cloud(n, 4, ground, weights: weights(n))
        if seed % 3 == 0 {
            let copies = (0..<n).flatMap { j in (0..<4).map { x.values[j / 2 % m * 4 + $0] } }
            y = try TokenCloud(values: copies, dimension: 4, weights: y.weights, ground: ground, side: .candidate)
        }
        let costs = CostMatrix()
        try costs.fillExactly(rows: x, columns: y)
        return Problem(costs: costs, a: x.normalisedWeights, b: y.normalisedWeights)
    }

    /// The plan of the potentials meets the marginals and has the costs told: together they prove the value.
    @Test func everyProblemConvergesToAPlanThatProvesIt() throws {
        for seed in 0..<400 {
            let problem = try problem(seed), (a, b) = (problem.a, problem.b)
            let masses = TransportMasses(rowWeights: a, rowCount: a.count, columnWeights: b, columnCount: b.count)
            let optimum = provenOptimum(problem.costs, masses, "seed \(seed)")
            for share in seed % 8 == 0 ? [0.05, 1e-3, 1e-5, 1e-9, 0] : [0.05] {
                var settings = SinkhornSettings.relative(share, to: problem.costs)
                settings.tolerance = 1e-6
                settings.iterationsMax = 2_000
                let note = Comment(rawValue: "seed \(seed) share \(share)"), slack = 2e-6 * problem.spread + 1e-12
                let value = try sinkhorn(problem.costs, rowWeights: a, columnWeights: b, settings)
                #expect(value.linearCost >= optimum - slack && value.entropicDual >= value.linearCost - slack, note)
                let entropy = settings.epsilon * log(Double(min(a.count, b.count)))
                #expect(value.entropicDual <= optimum + entropy + slack, note)
                guard !value.rowPotentials.isEmpty else { continue }
                expectMarginals(problem, value, settings.epsilon, note)
            }
        }
    }

    private func expectMarginals(_ problem: Problem, _ value: SinkhornValue, _ epsilon: Double, _ note: Comment) {
        var rows = problem.a.map { _ in 0.0 }, columns = problem.b.map { _ in 0.0 }, cost = 0.0
        for i in rows.indices {
            for j in columns.indices {
                let exponent = (value.rowPotentials[i] + value.columnPotentials[j] - problem.costs[i, j]) / epsilon
                let mass = problem.a[i] * problem.b[j] * exp(exponent)
                (rows[i], columns[j], cost) = (rows[i] + mass, columns[j] + mass, cost + mass * problem.costs[i, j])
            }
        }
        #expect(zip(rows, problem.a).reduce(0) { $0 + abs($1.0 - $1.1) } < 2e-6, note)
        #expect(zip(columns, problem.b).reduce(0) { $0 + abs($1.0 - $1.1) } < 2e-6, note)
        #expect(abs(cost - value.linearCost) < 1e-6 * problem.spread + 1e-12, note)
    }

    /// Two tokens against two have a closed answer, and splitting tokens into copies changes no value.
    @Test func twoByTwoAndItsSplitsEqualTheClosedAnswer() throws {
        for seed in 0..<200 {
            var random = SeededRandom(UInt64(seed))
            let costs = random.doubles(4).map { 3 + $0 }, skew = Double(seed % 3 * 5)
            let (a, b) = (pow(10, -skew * random.doubles(1)[0]) / 2, pow(10, -skew * random.doubles(1)[0]) / 2)
            let parts = [1 + seed % 3, 1 + seed % 2], others = [1 + seed % 2, 1 + seed % 4]
            func split(_ weight: Double, _ parts: [Int]) -> [(token: Int, weight: Double)] {
                [0, 1].flatMap { token -> [(token: Int, weight: Double)] in
                    let mass = token == 0 ? weight : 1 - weight
                    return (0..<parts[token]).map { _ in (token, mass / Double(parts[token])) }
                }
            }
            let rows = split(a, parts), columns = split(b, others)
            let matrix = try CostMatrix(
                rows.flatMap { row in columns.map { costs[row.token * 2 + $0.token] } }, rows: rows.count,
                columns: columns.count)
            let spread = costs.max()! - costs.min()!
            for share in [0.5, 0.05, 0.01] {
                let expected = closed(costs, a, b, epsilon: share * spread)
                let value = try sinkhorn(
                    matrix, rowWeights: rows.map(\.weight), columnWeights: columns.map(\.weight),
                    SinkhornSettings(epsilon: share * spread, tolerance: 1e-10, iterationsMax: 1_000))
                #expect(abs(value.linearCost - expected) < 1e-8 * spread, "seed \(seed) share \(share)")
            }
        }
    }

    /// The mass p of the first cell solves p(1 − a − b + p) = ρ(a − p)(b − p), ρ being the cells' ratio of kernels.
    private func closed(_ costs: [Double], _ a: Double, _ b: Double, epsilon: Double) -> Double {
        let ratio = exp(-(costs[0] + costs[3] - costs[1] - costs[2]) / epsilon)
        guard ratio <= 1 else {
            return closed([costs[1], costs[0], costs[3], costs[2]], a, 1 - b, epsilon: epsilon)
        }
        let half = 1 - a - b + ratio * (a + b), root = (half * half + 4 * (1 - ratio) * ratio * a * b).squareRoot()
        let mass = half >= 0 ? 2 * ratio * a * b / (half + root) : (root - half) / (2 * (1 - ratio))
        let masses = [mass, a - mass, b - mass, 1 - a - b + mass]
        return zip(masses, costs).reduce(0) { $0 + $1.0 * $1.1 }
    }

    @Test func oneCostForAllIsTheAnswer() throws {
        for (m, n) in [(1, 1), (3, 2), (4, 4)] {
            let costs = try CostMatrix(Array(repeating: 0.7, count: m * n), rows: m, columns: n)
            let (a, b) = (Array(repeating: 1 / Double(m), count: m), Array(repeating: 1 / Double(n), count: n))
            for settings in [SinkhornSettings.relative(0.05, to: costs), SinkhornSettings(epsilon: 0.3)] {
                let value = try sinkhorn(costs, rowWeights: a, columnWeights: b, settings)
                #expect(abs(value.linearCost - 0.7) < 1e-14 && abs(value.entropicDual - 0.7) < 1e-14)
            }
        }
    }

    @Test func divergencesAreNotNegativeAndZeroForEqualSets() throws {
        for seed in 0..<60 {
            var random = SeededRandom(UInt64(seed))
            let ground = GroundCost.allCases[seed % 3]
            let weights = random.doubles(4).map { pow(10, -12 * $0) }
            let x = try random.cloud(4, 3, ground, weights: seed % 2 == 0 ? weights : nil)
            let y = try random.cloud(1 + seed % 5, 3, ground)
            for epsilon in [0.5, 0.02, 1e-4] {
                let settings = SinkhornSettings(epsilon: epsilon, tolerance: 1e-8, iterationsMax: 2_000)
                #expect(try sinkhornDivergence(x, x, settings) == 0, "seed \(seed)")
                #expect(try sinkhornDivergence(x, y, settings) > -1e-7, "seed \(seed) epsilon \(epsilon)")
            }
        }
    }
}
