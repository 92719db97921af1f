// Equal sets of equal masses, which have a solver of their own, and the duals that every solve opens with.
import Testing
import VectorMath

private func uniform(_ rows: Int, _ columns: Int) -> TransportMasses {
    TransportMasses(rowWeights: nil, rowCount: rows, columnWeights: nil, columnCount: columns)
}

@Suite(.serialized) struct TransportAssignmentTests {
    /// The same problem as the general search sees it: one more row and column of mass two, which fit only each other.
    private func generalOptimum(_ costs: [Double], _ n: Int, _ note: String) throws -> Double {
        let apart = 10 * (costs.map(abs).max() ?? 0) + 1
        var wider: [Double] = []
        for row in 0..<n { wider += costs[row * n..<(row + 1) * n] + [apart] }
        wider += [Double](repeating: apart, count: n) + [0]
        let weights = [Double](repeating: 1, count: n) + [2]
        let masses = TransportMasses(rowWeights: weights, rowCount: n + 1, columnWeights: weights, columnCount: n + 1)
        let value = try provenOptimum(CostMatrix(wider, rows: n + 1, columns: n + 1), masses, note)
        return value * Double(n + 2) / Double(n)
    }

    /// Costs of kinds that make searches differ: real numbers, many ties, two values, clusters, sums of row and column terms,
    /// twelve orders of magnitude.
    private func costs(_ n: Int, kind: Int, _ random: inout SeededRandom) -> [Double] {
        let numbers = random.doubles(n * n), terms = random.doubles(2 * n)
        switch kind {
        case 0: return numbers
        case 1: return numbers.map { ($0 * 5).rounded() - 2 }
        case 2: return numbers.map { $0 < 0.8 ? 1 : 0 }
        case 3: return numbers.indices.map { numbers[$0] / 20 + (($0 / n * 3 / n) == ($0 % n * 4 / n) ? 0 : 1) }
        case 4: return numbers.indices.map { terms[$0 / n] + terms[n + $0 % n] }
        default: return numbers.map { 1e-12 / ($0 * $0 * $0 + 1e-12) }
        }
    }

    @Test func assignmentsEqualTheGeneralSearch() throws {
        let solver = TransportSolver()
        for seed in 0..<72 {
            var random = SeededRandom(UInt64(seed))
            let n = [1, 2, 3, 4, 5, 8, 9, 16, 31, 47, 48, 70][seed / 6]
            let costs = costs(n, kind: seed % 6, &random)
            let scale = max(1, costs.map(abs).max() ?? 1)
            let matrix = try CostMatrix(costs, rows: n, columns: n)
            let value = provenOptimum(matrix, uniform(n, n), "seed \(seed)", solver: solver)
            let general = try generalOptimum(costs, n, "general, seed \(seed)")
            #expect(abs(value - general) <= 1e-12 * scale, "seed \(seed)")
        }
    }

    @Test func everyColumnIsAssignedOnceAndEqualCostsAreEqual() throws {
        let solver = TransportSolver()
        for n in [1, 2, 7, 8, 33] {
            let matrix = try CostMatrix([Double](repeating: 0.3, count: n * n), rows: n, columns: n)
            #expect(abs(provenOptimum(matrix, uniform(n, n), "\(n) equal costs", solver: solver) - 0.3) < 1e-15)
            #expect(Set(solver.plan().map(\.column)).count == n && solver.plan().map(\.row) == Array(0..<n))
        }
    }

    @Test func assignmentsGiveEqualBitsOnEveryInstructionSet() throws {
        for (seed, n) in [6, 24, 61].enumerated() {
            var random = SeededRandom(UInt64(seed))
            let costs = costs(n, kind: seed == 1 ? 1 : 0, &random)
            let matrix = try CostMatrix(costs, rows: n, columns: n)
            var seen: Set<[UInt64]> = []
            var plans: [[TransportFlow]] = []
            forEachKernelLevel { _ in
                let solver = TransportSolver()
                let value = provenOptimum(matrix, uniform(n, n), "\(n) rows", solver: solver)
                let certificate = solver.certificate()
                seen.insert(([value] + certificate.rows + certificate.columns).map(\.bitPattern))
                plans.append(solver.plan())
            }
            #expect(seen.count == 1 && plans.allSatisfy { $0 == plans[0] }, "\(n) rows")
        }
    }

    @Test func anAssignmentIsAbandonedOnlyAboveItsLimit() throws {
        let solver = TransportSolver()
        for seed in 0..<24 {
            var random = SeededRandom(UInt64(seed))
            let n = 3 + 2 * seed
            let matrix = try CostMatrix(random.doubles(n * n), rows: n, columns: n)
            let value = provenOptimum(matrix, uniform(n, n), "seed \(seed)", solver: solver)
            #expect(solver.solve(matrix, uniform(n, n), limit: value) == .optimal(value), "seed \(seed)")
            guard case .exceeds(let bound) = solver.solve(matrix, uniform(n, n), limit: value * 0.7) else {
                Issue.record("not abandoned, seed \(seed)")
                continue
            }
            #expect(bound > value * 0.7 && bound <= value + 1e-12, "seed \(seed)")
        }
    }

    @Test(.enabled(if: isOptimised)) func aThousandByAThousandOfManyTiesIsProvenOptimal() throws {
        var random = SeededRandom(8)
        for steps in [1.0, 4, 60] {
            let costs = random.doubles(1024 * 1024).map { ($0 * steps).rounded() }
            try provenOptimum(CostMatrix(costs, rows: 1024, columns: 1024), uniform(1024, 1024), "\(steps) steps")
        }
        let products: [Double] = (0..<1024 * 1024).map { cell in
            let row = cell / 1024 + 1, column = cell % 1024 + 1
            return Double(row * column)
        }
        try provenOptimum(CostMatrix(products, rows: 1024, columns: 1024), uniform(1024, 1024), "products")
    }
}

@Suite struct TransportOpeningTests {
    /// The opening is in float32: costs that leave its range must not reach the answer.
    @Test func costsBeyondFloat32AreProvenOptimal() throws {
        for seed in 0..<36 {
            var random = SeededRandom(UInt64(seed))
            let (m, n) = [(9, 9), (12, 7), (5, 5), (3, 6), (40, 18), (50, 50)][seed % 6]
            let factor = [1e-300, 1e-40, 1e37, 3e38, 1e60, 1e149][seed / 6]
            let costs: [Double] = random.doubles(m * n).enumerated().map { cell, number in
                (number * 2 - 1) * (cell % 5 == 0 ? factor : min(factor, 1))
            }
            provenOptimum(try CostMatrix(costs, rows: m, columns: n), uniform(m, n), "seed \(seed)")
        }
    }

    @Test func heavyAndLightMassesAreProvenOptimal() throws {
        let solver = TransportSolver()
        for seed in 0..<40 {
            var random = SeededRandom(UInt64(seed))
            let (m, n) = [(1, 40), (40, 1), (30, 6), (6, 30), (77, 50), (50, 16), (24, 24), (4, 2)][seed % 8]
            let left = random.doubles(m).map { seed < 20 ? 1 : $0 * $0 * $0 * $0 + 1e-12 }
            let right = random.doubles(n).map { seed % 2 == 0 ? 1 : $0 * $0 * $0 * $0 + 1e-12 }
            let masses = TransportMasses(rowWeights: left, rowCount: m, columnWeights: right, columnCount: n)
            let ties = seed % 3 == 0
            let costs = random.doubles(m * n).map { ties ? ($0 * 4).rounded() : $0 }
            provenOptimum(try CostMatrix(costs, rows: m, columns: n), masses, "seed \(seed)", solver: solver)
        }
    }
}
