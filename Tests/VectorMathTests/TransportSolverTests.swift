// The exact solver on cost matrices: closed forms, enumeration, and a proof of optimality for every solve.
import Testing
import VectorMath

private func masses(_ rows: [Double], _ columns: [Double]) -> TransportMasses {
    TransportMasses(rowWeights: rows, rowCount: rows.count, columnWeights: columns, columnCount: columns.count)
}

private func uniform(_ rows: Int, _ columns: Int) -> TransportMasses {
    TransportMasses(rowWeights: nil, rowCount: rows, columnWeights: nil, columnCount: columns)
}

@Suite struct TransportMassesTests {
    @Test func equalWeightsBecomeTheSmallestWholeNumbers() {
        #expect(uniform(77, 50).rows.allSatisfy { $0 == 50 } && uniform(77, 50).columns.allSatisfy { $0 == 77 })
        #expect(uniform(64, 64).total == 64 && uniform(6, 4).total == 12)
        #expect(masses([20, 30, 25], [25, 25, 25]).rows == [4, 6, 5])
    }

    @Test func totalsAgreeWhateverTheWeights() {
        for seed in 0..<40 {
            var random = SeededRandom(UInt64(seed))
            let left = (0..<1 + seed).map { _ in Double.random(in: 1e-12...1, using: &random) }
            let right = (0..<1 + seed / 2).map { _ in Double.random(in: 0...1e300, using: &random) }
            let made = masses(left, right)
            #expect(made.rows.reduce(0, +) == made.total && made.columns.reduce(0, +) == made.total, "seed \(seed)")
            #expect(made.rows.allSatisfy { $0 >= 0 } && made.columns.allSatisfy { $0 >= 0 }, "seed \(seed)")
            let sum = left.reduce(0, +)
            for (mass, weight) in zip(made.rows, left) {
                #expect(abs(Double(mass) / Double(made.total) - weight / sum) < 1e-15, "seed \(seed)")
            }
        }
    }

    @Test func wholeNumbersTooLargeForOneTotalStillAgree() {
        let made = masses([1e9 + 7, 3], [1e9 + 9, 5, 11])
        #expect(made.rows.reduce(0, +) == made.total && made.columns.reduce(0, +) == made.total)
    }
}

@Suite struct TransportSolverTests {
    @Test func textbookProblemsHaveTheirKnownOptima() throws {
        let textbook = try CostMatrix([4, 6, 8, 3, 5, 2, 7, 1, 9], rows: 3, columns: 3)
        #expect(abs(provenOptimum(textbook, masses([20, 30, 25], [25, 25, 25]), "textbook") - 34.0 / 15) < 1e-12)
        let constant = try CostMatrix(Array(repeating: 0.75, count: 12), rows: 3, columns: 4)
        #expect(abs(provenOptimum(constant, uniform(3, 4), "constant") - 0.75) < 1e-15)
        let wide = try CostMatrix([1e-6, 1e6, 1e6, 1e-6], rows: 2, columns: 2)
        #expect(abs(provenOptimum(wide, masses([0.3, 0.7], [0.6, 0.4]), "wide") - 300_000.0000007) < 1e-6)
        let single = try CostMatrix([-3.5], rows: 1, columns: 1)
        #expect(provenOptimum(single, uniform(1, 1), "single") == -3.5)
    }

    @Test func smallProblemsEqualEnumeration() throws {
        for seed in 0..<120 {
            var random = SeededRandom(UInt64(seed))
            let units = Int.random(in: 2...7, using: &random)
            let (left, right) = (split(units, &random), split(units, &random))
            let range = seed % 3 == 0 ? 0...3 : -1000...1000
            let costs = left.map { _ in right.map { _ in Double(Int.random(in: range, using: &random)) / 8 } }
            let matrix = try CostMatrix(costs.flatMap { $0 }, rows: left.count, columns: right.count)
            let value = provenOptimum(matrix, masses(left.map(Double.init), right.map(Double.init)), "seed \(seed)")
            #expect(abs(value - enumeratedOptimum(costs, left, right)) < 1e-12, "seed \(seed)")
        }
    }

    private func split(_ units: Int, _ random: inout SeededRandom) -> [Int] {
        var parts = [Int](repeating: 1, count: Int.random(in: 1...units, using: &random))
        for _ in parts.count..<max(units, parts.count) { parts[Int.random(in: parts.indices, using: &random)] += 1 }
        return parts
    }

    @Test func everySizeAndWeightingIsProvenOptimal() throws {
        let solver = TransportSolver()
        let sizes = [(1, 1), (1, 9), (9, 1), (7, 8), (16, 16), (33, 17), (20, 50), (64, 64), (77, 50), (3, 130), (96, 96)]
        for seed in 0..<44 {
            var random = SeededRandom(UInt64(seed))
            let (m, n) = sizes[seed % sizes.count]
            let ties = seed % 2 == 0
            let costs = random.doubles(m * n).map { ties ? ($0 * 6).rounded() : $0 }
            let matrix = try CostMatrix(costs, rows: m, columns: n)
            let weights = weightings(m, n, kind: seed / sizes.count, &random)
            provenOptimum(matrix, weights, "seed \(seed)", solver: solver)
        }
    }

    private func weightings(_ m: Int, _ n: Int, kind: Int, _ random: inout SeededRandom) -> TransportMasses {
        switch kind {
        case 0: return uniform(m, n)
        case 1:
            return masses(
                (0..<m).map { _ in Double(Int.random(in: 1...20, using: &random)) },
                (0..<n).map { _ in Double(Int.random(in: 1...20, using: &random)) })
        case 2: return masses(random.doubles(m).map { $0 + 0.01 }, random.doubles(n).map { $0 + 0.01 })
        default:  // twelve orders of magnitude, and weights of zero
            let left = random.doubles(m).enumerated().map { $0 == 0 ? 1 : $1 < 0.1 ? 0 : 1e-12 }
            return masses(left, (0..<n).map { $0 == 0 ? 1 : 1e-6 / Double($0) })
        }
    }

    @Test(.enabled(if: isOptimised)) func aThousandByAThousandIsProvenOptimal() throws {
        var random = SeededRandom(5)
        let matrix = try CostMatrix(random.doubles(1024 * 1000), rows: 1024, columns: 1000)
        provenOptimum(matrix, uniform(1024, 1000), "1024 by 1000")
        let square = try CostMatrix(random.doubles(1024 * 1024), rows: 1024, columns: 1024)
        provenOptimum(square, uniform(1024, 1024), "1024 by 1024")
    }

    /// Unequal masses of many points in a plane: most of the mass is sent in small parts over long paths.
    @Test(.enabled(if: isOptimised), arguments: [(300, 211), (256, 512), (640, 640)])
    func unequalMassesOfPointsInAPlaneAreProvenOptimal(_ m: Int, _ n: Int) throws {
        let solver = TransportSolver()
        for kind in 1...3 {
            var random = SeededRandom(UInt64(m + kind))
            let costs = CostMatrix()
            try costs.fillExactly(rows: random.cloud(m, 2, .euclidean), columns: random.cloud(n, 2, .euclidean))
            provenOptimum(costs, weightings(m, n, kind: kind, &random), "\(m) by \(n), weights \(kind)", solver: solver)
        }
    }

    @Test func equalProblemsGiveEqualBitsOnEveryInstructionSet() throws {
        var random = SeededRandom(11)
        let matrix = try CostMatrix(random.doubles(40 * 27), rows: 40, columns: 27)
        var seen: Set<UInt64> = []
        var plans: [[TransportFlow]] = []
        try forEachKernelLevel { _ in
            for _ in 0..<2 {
                let solver = TransportSolver()
                guard case .optimal(let value) = solver.solve(matrix, uniform(40, 27)) else { throw Missing() }
                seen.insert(value.bitPattern)
                plans.append(solver.plan())
            }
        }
        #expect(seen.count == 1 && plans.allSatisfy { $0 == plans[0] })
    }

    private struct Missing: Error {}

    @Test func aSolveIsAbandonedOnlyAboveItsLimit() throws {
        let solver = TransportSolver()
        for seed in 0..<30 {
            var random = SeededRandom(UInt64(seed))
            let (m, n) = (4 + seed, 20)
            let matrix = try CostMatrix(random.doubles(m * n), rows: m, columns: n)
            let value = provenOptimum(matrix, uniform(m, n), "seed \(seed)", solver: solver)
            #expect(solver.solve(matrix, uniform(m, n), limit: value) == .optimal(value), "seed \(seed)")
            #expect(solver.solve(matrix, uniform(m, n), limit: value * 1.5) == .optimal(value), "seed \(seed)")
            guard case .exceeds(let bound) = solver.solve(matrix, uniform(m, n), limit: value * 0.5) else {
                Issue.record("not abandoned, seed \(seed)")
                continue
            }
            #expect(bound > value * 0.5 && bound <= value + 1e-12, "seed \(seed)")
        }
    }

    @Test func costsThatAreNoNumbersAreRefused() {
        for bad in [Double.nan, .infinity, -.infinity, 1e200] {
            #expect(throws: TransportError.costOutOfRange(row: 1, column: 0)) {
                try CostMatrix([1, 2, bad, 3], rows: 2, columns: 2)
            }
        }
    }
}

/// True in builds whose kernels are compiled with optimisation: without it C is forty times slower.
var isOptimised: Bool {
    var optimised = true
    assert({ optimised = false; return true }())
    return optimised
}
