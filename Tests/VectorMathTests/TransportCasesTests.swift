/// The shared reference cases (SciPy, POT and a linear-programming solver agreeing to 1e-9); skipped where they are not at hand.
import Foundation
import Testing
import VectorMath

/// One case of transport-cases.json.
private struct Case {
    let id: String, kind: String, tolerance: Double
    let input: [String: Any], expect: [String: Any]

    func number(_ key: String) throws -> Double { try #require(expect[key] as? Double, "\(id) \(key)") }
    func matrix(_ key: String) throws -> [[Double]] { try #require(input[key] as? [[Double]], "\(id) \(key)") }
    func weights(_ key: String) -> [Double]? { input[key] as? [Double] }

    /// Float32 cannot hold the coordinates of a few cases: those are judged by the float32 tolerance.
    func allowed(_ expected: Double, _ rows: [[Double]]...) -> Double {
        let held = rows.allSatisfy { $0.allSatisfy { $0.allSatisfy { Double(Float($0)) == $0 } } }
        return held ? max(tolerance, 4e-16 * abs(expected)) : 2e-6 * max(1, abs(expected))
    }

    func cloud(_ key: String, _ ground: GroundCost, weights: String? = nil) throws -> TokenCloud {
        let rows = try matrix(key)
        return try TokenCloud(
            values: rows.flatMap { $0.map(Float.init) }, dimension: rows[0].count,
            weights: weights.flatMap { self.weights($0) }, ground: ground, side: .query)
    }
}

/// How many there are of each kind: none may go missing unnoticed. Those of `energy_mmd`, `gaussian_w2_params`, `modality_gap`
/// and `linear_maps` are compared in GapTests and AlignmentTests, by name.
private let counts = [
    "vectors": 9, "ot_sets": 19, "ot_cost": 4, "ot_bounds": 1, "sinkhorn": 1, "sliced": 1, "maxsim": 1, "errors": 1,
    "energy_mmd": 1, "gaussian_w2": 1, "gaussian_w2_params": 1, "modality_gap": 1, "linear_maps": 1,
]

/// All cases of a kind, as many as there are to be.
private func cases(_ kind: String) throws -> [Case] {
    let found = try SharedData.transportCases().filter { $0["kind"] as? String == kind }.map { entry in
        Case(
            id: try #require(entry["id"] as? String), kind: kind, tolerance: try #require(SharedData.number(entry["tol"])),
            input: try #require(entry["input"] as? [String: Any]),
            expect: try #require(entry["expect"] as? [String: Any]))
    }
    try #require(found.count == counts[kind], "\(found.count) cases of kind \(kind)")
    return found
}

private func near(_ found: Double, _ expected: Double, _ tolerance: Double, _ note: String) {
    #expect(abs(found - expected) <= tolerance, "\(note): \(found), expected \(expected)")
}

private func value(_ metric: VectorMetric, _ x: [Float], _ y: [Float]) -> Double {
    VectorScorer(metric, query: x).score(y.span)
}

private func squareOfDistance(_ x: [Float], _ y: [Float]) -> Double { squaredDistance(x.span, y.span) }

@Suite(.enabled(if: SharedData.hasTransportCases, SharedData.noTransportCases)) struct TransportCasesTests {
    @Test func thereAreFortyTwoCasesAndTestsOfEveryKind() throws {
        let kinds = try SharedData.transportCases().compactMap { $0["kind"] as? String }
        #expect(kinds.count == 42)
        #expect(Dictionary(kinds.map { ($0, 1) }, uniquingKeysWith: +) == counts)
    }

    /// What must be refused, by the words of the case.
    @Test func rejectionCases() throws {
        func cloud(_ values: [Float], weights: [Double]? = nil, side: TransportSide = .query) throws -> TokenCloud {
            try TokenCloud(values: values, dimension: 2, weights: weights, ground: .euclidean, side: side)
        }
        let attempts: [String: [() throws -> Void]] = [
            "empty token set on either side": [{ _ = try cloud([]) }, { _ = try cloud([], side: .candidate) }],
            "weights length != token count": [{ _ = try cloud([1, 2], weights: [1, 1]) }],
            "negative weight": [{ _ = try cloud([1, 2, 3, 4], weights: [1, -1]) }],
            "all-zero weights": [{ _ = try cloud([1, 2, 3, 4], weights: [0, 0]) }],
            "NaN or infinite token component": [{ _ = try cloud([1, .nan]) }, { _ = try cloud([-.infinity, 1]) }],
            "NaN weight": [{ _ = try cloud([1, 2], weights: [.nan]) }],
            "dimension mismatch": [{
                let longer = try TokenCloud(values: [1, 2, 3], dimension: 3, ground: .euclidean, side: .candidate)
                _ = try exactCost(cloud([1, 2]), longer)
            }],
            "NaN cost": [{ _ = try CostMatrix([.nan], rows: 1, columns: 1) }],
        ]
        for one in try cases("errors") {
            let rejected = try #require(one.expect["reject"] as? [String])
            #expect(Set(rejected) == Set(attempts.keys))
            for what in rejected {
                for attempt in attempts[what] ?? [] { #expect(throws: TransportError.self, "\(what)") { try attempt() } }
            }
        }
    }

    @Test func vectorCases() throws {
        let names: [(String, VectorMetric)] = [
            ("dot", .dot), ("euclidean", .euclidean), ("manhattan", .manhattan), ("cosine_similarity", .cosine),
            ("chi2_abs", .chiSquare),
        ]
        for one in try cases("vectors") {
            let x = try #require(one.input["x"] as? [Double]), y = try #require(one.input["y"] as? [Double])
            for (name, metric) in names {
                let score = value(metric, x.map(Float.init), y.map(Float.init))
                let expected = try one.number(name)
                near(score, expected, one.allowed(expected, [x, y]), "\(one.id) \(name)")
            }
            near(squareOfDistance(x.map(Float.init), y.map(Float.init)), try one.number("sqeuclidean"), one.tolerance, one.id)
        }
    }

    @Test func tokenSetCases() throws {
        for one in try cases("ot_sets") {
            for ground in GroundCost.allCases {
                guard let expected = one.expect[ground.rawValue] as? Double else { continue }
                let x = try one.cloud("x", ground, weights: "a"), y = try one.cloud("y", ground, weights: "b")
                let value = try exactCost(x, y)
                near(value, expected, one.allowed(expected, try one.matrix("x"), try one.matrix("y")), "\(one.id) \(ground)")
                if ground == .squaredEuclidean { near(value.squareRoot(), try one.number("W2"), 1e-9, one.id) }
                let costs = CostMatrix()
                try costs.fill(rows: PackedTokens(x), columns: y)
                let single = provenOptimum(costs, pairMasses(x, y), one.id)
                near(single, expected, 2e-6 * max(1, abs(expected)), "\(one.id) \(ground) in single precision")
            }
        }
    }

    @Test func costMatrixCases() throws {
        for one in try cases("ot_cost") {
            let rows = try one.matrix("c")
            let costs = try CostMatrix(rows.flatMap { $0 }, rows: rows.count, columns: rows[0].count)
            let masses = TransportMasses(
                rowWeights: one.weights("a"), rowCount: costs.rows, columnWeights: one.weights("b"),
                columnCount: costs.columns)
            near(provenOptimum(costs, masses, one.id), try one.number("value"), one.tolerance, one.id)
        }
    }

    @Test func boundCases() throws {
        for one in try cases("ot_bounds") {
            let x = try one.cloud("x", .euclidean), y = try one.cloud("y", .euclidean)
            let costs = CostMatrix()
            try costs.fillExactly(rows: x, columns: y)
            let bounds = TransportBounds(costs, pairMasses(x, y))
            near(bounds.relaxedRows, try one.number("rwmd_x"), one.tolerance, one.id)
            near(bounds.relaxedColumns, try one.number("rwmd_y"), one.tolerance, one.id)
            near(bounds.rowsThenColumns, try one.number("rowcol"), one.tolerance, one.id)
            near(bounds.columnsThenRows, try one.number("colrow"), one.tolerance, one.id)
            near(try exactCost(x, y), try one.number("W1"), one.tolerance, one.id)
        }
    }

    @Test func sinkhornCases() throws {
        for one in try cases("sinkhorn") {
            let x = try one.cloud("x", .squaredEuclidean), y = try one.cloud("y", .squaredEuclidean)
            let costs = CostMatrix()
            for (text, expected) in one.expect {
                guard let epsilon = Double(text), let expected = expected as? [String: Double] else { continue }
                let settings = SinkhornSettings(epsilon: epsilon)
                try costs.fillExactly(rows: x, columns: y)
                let value = try sinkhorn(
                    costs, rowWeights: x.normalisedWeights, columnWeights: y.normalisedWeights, settings)
                let note = "\(one.id) epsilon \(text)"
                near(value.linearCost, try #require(expected["linear_cost"]), one.tolerance, note)
                near(value.entropicDual, try #require(expected["entropic_dual"]), one.tolerance, note)
                let divergence = try sinkhornDivergence(x, y, settings)
                near(divergence, try #require(expected["divergence"]), one.tolerance, note)
            }
            near(try exactCost(x, y), try one.number("exact"), 1e-9, one.id)
        }
    }

    @Test func slicedCases() throws {
        for one in try cases("sliced") {
            let x = try one.cloud("x", .euclidean), y = try one.cloud("y", .euclidean)
            let directions = SliceDirections(try one.matrix("directions").flatMap { $0 }, dimension: x.dimension)
            let (distance, parts) = try sliced(x, y, directions, order: 2)
            near(distance, try one.number("SW2"), one.tolerance, one.id)
            for (part, expected) in zip(parts, try #require(one.expect["per_direction"] as? [Double])) {
                near(part, expected, one.tolerance, one.id)
            }
            near(try sliced(x, y, directions, order: 1).distance, try one.number("SW1"), one.tolerance, one.id)
        }
    }

    @Test func lateInteractionCases() throws {
        for one in try cases("maxsim") {
            let x = try one.cloud("x", .cosine), y = try one.cloud("y", .cosine)
            let costs = CostMatrix()
            try costs.fillExactly(rows: x, columns: y)
            let nearest = NearestTokens(costs)
            near(nearest.maxSimSum, try one.number("maxsim_sum_x"), 2e-6, one.id)
            near(nearest.chamfer(), try one.number("chamfer_cosine"), 2e-6, one.id)
            try costs.fillExactly(rows: y, columns: x)
            near(NearestTokens(costs).maxSimSum, try one.number("maxsim_sum_y"), 4e-6, one.id)
        }
    }

    /// Transport between the clouds of the modality-gap case and of the Gaussian case.
    @Test func transportInsideTheGapCases() throws {
        for one in try cases("modality_gap") {
            near(try exactCost(one.cloud("x", .euclidean), one.cloud("y", .euclidean)), try one.number("W1_euclid"), 2e-6, one.id)
            let square = try exactCost(one.cloud("x", .squaredEuclidean), one.cloud("y", .squaredEuclidean))
            near(square.squareRoot(), try one.number("W2"), 2e-6, one.id)
        }
        for one in try cases("gaussian_w2") {
            let square = try exactCost(one.cloud("x", .squaredEuclidean), one.cloud("y", .squaredEuclidean))
            near(square.squareRoot(), try one.number("exact_W2"), 1e-9, one.id)
        }
    }
}
