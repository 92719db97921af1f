/// Learned alignments: closed-form references, gradients against differences, synthetic pairs with a known answer, bytes.
import Foundation
import Platform
import Testing
import VectorMath

@Suite struct AlignmentReferenceTests {
    @Test(.enabled(if: SharedData.hasTransportCases, SharedData.noTransportCases)) func procrustesAndRidgeCase() throws {
        let reference = try SharedData.transportCase("g02_procrustes_ridge")
        let x = SharedData.matrix(reference.input["x"]), y = SharedData.matrix(reference.input["y"])
        let rotation = try LinearMaps.procrustes(x, y)
        #expect(distance(rotation, SharedData.matrix(reference.expect["procrustes"])) <= reference.tolerance)
        #expect(distance(x.times(rotation), y) < 1e-9)
        let lambda = SharedData.number(reference.input["lambda_"]) ?? .nan
        let ridge = try LinearMaps.ridge(x, y, lambda: lambda)
        #expect(distance(ridge, SharedData.matrix(reference.expect["ridge"])) <= reference.tolerance)
    }

    @Test func procrustesBetweenDimensionsIsSemiOrthogonal() throws {
        let x = randomMatrix(40, 7, seed: 41), y = randomMatrix(40, 4, seed: 42)
        let map = try LinearMaps.procrustes(x, y)
        #expect(distance(map.transposeTimes(map), .identity(4)) < 1e-12)
    }
}

@Suite struct AlignmentGradientTests {
    /// Central differences over every parameter of a function of some matrices.
    private func expectGradients(
        _ gradients: [Matrix<Double>], of parameters: [Matrix<Double>], _ loss: ([Matrix<Double>]) -> Double
    ) {
        let h = 1e-5
        for (p, matrix) in parameters.enumerated() {
            for i in matrix.elements.indices {
                var up = parameters, down = parameters
                up[p].elements[i] += h
                down[p].elements[i] -= h
                let slope = (loss(up) - loss(down)) / (2 * h)
                #expect(abs(slope - gradients[p].elements[i]) < 1e-6 * max(1, abs(slope)), "parameter \(p), element \(i)")
            }
        }
    }

    private let items = [0, 1, 2, 1, 3]  // two pairs share an item

    @Test(arguments: Activation.allCases, [false, true]) func contrastive(activation: Activation, hasHidden: Bool) {
        let x = randomMatrix(5, 4, seed: 51), y = randomMatrix(5, 3, seed: 52)
        func head(_ d: Int, _ seed: UInt64) -> ProjectionHead<Double> {
            let map = randomMatrix(d, 3, seed: seed)
            guard hasHidden else { return ProjectionHead(map: map) }
            return ProjectionHead(
                map: map, hidden: randomMatrix(d, 6, seed: seed + 1), bias: randomMatrix(1, 6, seed: seed + 2),
                output: randomMatrix(6, 3, seed: seed + 3), activation: activation)
        }
        let source = head(4, 60), target = head(3, 70), scale = 0.7
        let a = source.forward(x), b = target.forward(y)
        let loss = ContrastiveLoss(a.unit, b.unit, logScale: scale, items: items)
        let gradients = source.backward(loss.sourceGradient, a) + target.backward(loss.targetGradient, b)
            + [Matrix([[loss.logScaleGradient]])]
        let split = source.parameters.count
        expectGradients(gradients, of: source.parameters + target.parameters + [Matrix([[scale]])]) { parameters in
            var f = source, g = target
            f.parameters = Array(parameters[..<split])
            g.parameters = Array(parameters[split..<parameters.count - 1])
            return ContrastiveLoss(
                f.forward(x).unit, g.forward(y).unit, logScale: parameters[parameters.count - 1][0, 0], items: items
            ).value
        }
    }

    @Test(arguments: Activation.allCases) func ranking(activation: Activation) {
        let a = randomMatrix(5, 3, seed: 53).normalizingRows(), b = randomMatrix(5, 3, seed: 54).normalizingRows()
        let scorer = PairScorer(
            hidden: randomMatrix(6, 4, seed: 55), bias: randomMatrix(1, 4, seed: 56), output: randomMatrix(4, 1, seed: 57),
            scale: Matrix([[2.5]]), activation: activation)
        let tape = scorer.forward(a, b)
        let gradients = scorer.backward(ListwiseLoss(logits: tape.scores, items: items).gradient, tape)
        expectGradients(gradients, of: scorer.parameters) { parameters in
            var other = scorer
            other.parameters = parameters
            return ListwiseLoss(logits: other.forward(a, b).scores, items: items).value
        }
    }

    @Test func lossOfKnownLogits() {
        // Two pairs, logits of 0: each direction is log 2. Shared items leave nothing to tell apart.
        let zero = Matrix<Double>(rows: 2, columns: 2)
        #expect(abs(ListwiseLoss(logits: zero, items: [0, 1]).value - log(2)) < 1e-12)
        #expect(abs(ListwiseLoss(logits: zero, items: [4, 4]).value) < 1e-12)
    }
}

/// Pairs whose targets are a rotated (or mixed down) copy of the sources plus noise and a shift.
private func syntheticPairs(_ items: Int, _ dx: Int, _ dy: Int, noise: Double, seed: UInt64) throws -> AlignmentData {
    let x = randomMatrix(items, dx, seed: seed)
    let map = QRDecomposition(randomMatrix(max(dx, dy), min(dx, dy), seed: seed + 1)).q
    let image = dx >= dy ? x.times(map) : x.timesTranspose(map)
    var y = image + noise * randomMatrix(items, dy, seed: seed + 2)
    for i in 0..<items { y[i, 0] += 2 }
    return AlignmentData(sources: x.converted(to: Float.self), targets: y.converted(to: Float.self))
}

private func quickOptions(_ method: AlignmentMethod) -> AlignmentTrainingOptions {
    var options = AlignmentTrainingOptions(method: method)
    options.epochs = 4
    options.batchSize = 32
    options.folds = 2
    options.hiddenWidth = method == .ranking ? 8 : nil
    return options
}

@Suite struct AlignmentTrainingTests {
    @Test(arguments: AlignmentMethod.allCases.filter { $0 != .center }, [(10, 10), (12, 7), (7, 12)])
    func rotatedPairsAreFound(method: AlignmentMethod, dimensions: (Int, Int)) throws {
        let data = try syntheticPairs(160, dimensions.0, dimensions.1, noise: 0.1, seed: 80)
        let trained = try trainAlignment(data, options: quickOptions(method))
        let forth = trained.report.sourceToTarget, chance = forth.chance[0]
        // A semi-orthogonal map into more dimensions loses nothing; into fewer it loses what it must.
        #expect((forth.learned.recall(at: 1) ?? 0) > 0.6, "\(method)")
        #expect((forth.transformed.recall(at: 10) ?? 0) > 0.6, "\(method)")
        #expect(chance < 0.05 && forth.candidates == 32 && trained.report.heldOutItems == 32)
        #expect((forth.cosine != nil) == (dimensions.0 == dimensions.1))
        #expect(trained.report.warning == nil)
    }

    @Test func centringRemovesAShift() throws {
        let x = randomMatrix(200, 8, seed: 81)
        var y = x + 0.3 * randomMatrix(200, 8, seed: 82)
        for i in 0..<200 { y[i, 3] += 6 }
        let data = AlignmentData(sources: x.converted(to: Float.self), targets: y.converted(to: Float.self))
        let report = try trainAlignment(data, options: AlignmentTrainingOptions(method: .center)).report
        #expect(report.targetToSource.learned.meanReciprocalRank.value
            > (report.targetToSource.cosine?.meanReciprocalRank.value ?? 1) + 0.05)
    }

    @Test func fewPairsOfAlignedEncodersAreShrunkTowardsTheIdentity() throws {
        // 30 training items in 24 dimensions: an unshrunk map would fit noise.
        let x = randomMatrix(40, 24, seed: 83), y = x + 0.5 * randomMatrix(40, 24, seed: 84)
        let data = AlignmentData(sources: x.converted(to: Float.self), targets: y.converted(to: Float.self))
        for method in [AlignmentMethod.procrustes, .ridge] {
            let report = try trainAlignment(data, options: AlignmentTrainingOptions(method: method)).report
            #expect((report.settings["shrinkage"] ?? report.settings["towards-identity"] ?? 0) > 0, "\(method)")
            #expect(report.sourceToTarget.learned.meanReciprocalRank.value
                >= (report.sourceToTarget.cosine?.meanReciprocalRank.value ?? 1) - 0.15, "\(method)")
        }
    }

    @Test(arguments: AlignmentMethod.allCases)
    func aSeedGivesOneModelOnAnyNumberOfThreads(method: AlignmentMethod) throws {
        let data = try syntheticPairs(60, 9, 9, noise: 0.3, seed: 85)
        var options = quickOptions(method)
        options.threads = 1
        let one = try trainAlignment(data, options: options)
        options.threads = 3
        let three = try trainAlignment(data, options: options)
        #expect(one.model == three.model && one.report == three.report)
        options.seed = 9
        #expect(one.model != (try trainAlignment(data, options: options).model))
    }

    @Test func heldOutItemsNeverMeetTraining() throws {
        // Every item has two targets; were they split apart, recall on random pairs would exceed chance.
        let x = randomMatrix(120, 6, seed: 86), y = randomMatrix(240, 6, seed: 87)
        let pairs = (0..<240).map { AlignmentPair(source: $0 / 2, target: $0, item: $0 / 2) }
        let data = AlignmentData(sources: x.converted(to: Float.self), targets: y.converted(to: Float.self), pairs: pairs)
        let report = try trainAlignment(data, options: quickOptions(.ridge)).report
        #expect(report.sourceToTarget.candidates == 2 * report.heldOutItems)
        #expect(report.trainingItems + report.heldOutItems == 120 && report.trainingPairs == 2 * report.trainingItems)
        #expect((report.sourceToTarget.learned.recall(at: 10) ?? 1) < report.sourceToTarget.chance[2] + 0.35)
    }

    @Test func uselessModelsAreWarnedAbout() throws {
        let x = randomMatrix(200, 16, seed: 88), y = randomMatrix(200, 5, seed: 89)
        let data = AlignmentData(sources: x.converted(to: Float.self), targets: y.converted(to: Float.self))
        let report = try trainAlignment(data, options: quickOptions(.cca)).report
        #expect(report.warning?.contains("guessing") == true)
    }

    @Test func refusalsAndCancellation() throws {
        let data = try syntheticPairs(30, 5, 4, noise: 0.1, seed: 90)
        #expect(throws: AlignmentError.dimensionsDiffer(method: .center, source: 5, target: 4)) {
            try trainAlignment(data, options: AlignmentTrainingOptions(method: .center))
        }
        let few = AlignmentData(sources: data.sources, targets: data.targets, pairs: Array(data.pairs.prefix(3)))
        #expect(throws: AlignmentError.tooFewItems(got: 3, needed: 20)) {
            try trainAlignment(few, options: AlignmentTrainingOptions(method: .ridge))
        }
        let cancellation = Cancellation()
        cancellation.cancel()
        #expect(throws: AlignmentError.cancelled) {
            try trainAlignment(data, options: quickOptions(.contrastive), cancellation: cancellation)
        }
    }

    @Test func progressNamesEveryEpoch() throws {
        let data = try syntheticPairs(60, 6, 5, noise: 0.2, seed: 91)
        var epochs: [Int] = []
        _ = try trainAlignment(data, options: quickOptions(.contrastive)) { progress in
            if progress.stage == "epoch" {
                epochs.append(progress.done)
                #expect(progress.loss != nil && progress.validation != nil && progress.total == 4)
            }
        }
        #expect(epochs == Array(1...epochs.count) && !epochs.isEmpty)
    }
}

@Suite struct AlignmentModelTests {
    private func model(_ method: AlignmentMethod, hidden: Int? = nil) throws -> AlignmentModel {
        var options = quickOptions(method)
        options.hiddenWidth = hidden ?? options.hiddenWidth
        return try trainAlignment(try syntheticPairs(50, 6, 5, noise: 0.2, seed: 92), options: options).model
    }

    @Test(arguments: [AlignmentMethod.procrustes, .ridge, .cca, .contrastive, .ranking])
    func bytesRoundTripAndDamageIsRefused(method: AlignmentMethod) throws {
        let original = try model(method), bytes = original.encoded()
        #expect(try AlignmentModel(decoding: bytes) == original)
        for count in stride(from: 0, to: bytes.count, by: 7) {
            #expect(throws: AlignmentError.self) { try AlignmentModel(decoding: Array(bytes.prefix(count))) }
        }
        #expect(throws: AlignmentError.self) { try AlignmentModel(decoding: bytes + [0]) }
        for seed in 0..<200 as Range<UInt64> {
            var random = SeededRandom(seed: seed), damaged = bytes
            damaged[random.index(below: min(damaged.count, 80))] ^= UInt8(1 + random.index(below: 255))
            _ = try? AlignmentModel(decoding: damaged)  // must not trap, seed by seed
        }
    }

    @Test(arguments: [AlignmentMethod.ridge, .cca, .contrastive, .ranking])
    func oneQueryScoresAsTheWholeMatrixDoes(method: AlignmentMethod) throws {
        let model = try model(method)
        let x = randomMatrix(3, 6, seed: 93).converted(to: Float.self), y = randomMatrix(4, 5, seed: 94).converted(to: Float.self)
        let all = model.scores(model.embed(x, of: .source), model.embed(y, of: .target))
        for i in 0..<3 {
            let one = model.score(query: Array(x.row(i)), of: .source, candidates: y)
            for j in 0..<4 { #expect(abs(one[j] - Double(all[i, j])) < 1e-4) }
        }
        let back = model.score(query: Array(y.row(1)), of: .target, candidates: x)
        for i in 0..<3 { #expect(abs(back[i] - Double(all[i, 1])) < 1e-4) }
    }

    @Test func transformedQueriesOrderCandidatesAsTheScoreButForLength() throws {
        let trained = try model(.cca)
        let model = try AlignmentModel(
            method: .cca, sourceDimension: 6, targetDimension: 5,
            parameters: trained.parameters.filter { !$0.key.hasSuffix(".back") })
        let x = randomMatrix(2, 6, seed: 95).converted(to: Float.self)
        let y = randomMatrix(6, 5, seed: 96).converted(to: Float.self).normalizingRows()
        let moved = model.transform(x, of: .source)
        #expect(moved.columns == 5)
        let mean = (model.parameters["target.mean"]?.elements ?? []).map { Double($0) }
        let map = try #require(model.parameters["target.map"])
        let lengths = y.subtractingFromRows(mean).times(map).squaredRowNorms().map { $0.squareRoot() }
        let dots = moved.timesTranspose(y), exact = model.scores(model.embed(x, of: .source), model.embed(y, of: .target))
        // score·length and the dot product differ by a constant and a factor that depend on the query alone.
        for i in 0..<2 {
            let u = (0..<6).map { Double(exact[i, $0]) * lengths[$0] }, v = (0..<6).map { Double(dots[i, $0]) }
            let factor = (u[1] - u[0]) / (v[1] - v[0])
            for j in 2..<6 { #expect(abs((u[j] - u[0]) - factor * (v[j] - v[0])) < 1e-3) }
        }
    }

    @Test func hiddenHeadsLeadBackByRegression() throws {
        let model = try model(.contrastive, hidden: 8)
        #expect(model.parameters["target.back"]?.columns == 5 && model.parameters["source.hidden"]?.columns == 8)
        let moved = model.transform(randomMatrix(3, 6, seed: 97).converted(to: Float.self), of: .source)
        for norm in moved.squaredRowNorms() { #expect(abs(norm - 1) < 1e-5) }
    }

    @Test func shapesThatDoNotFitAreRefused() {
        #expect(throws: AlignmentError.malformedModel("source.mean is missing")) {
            try AlignmentModel(method: .center, sourceDimension: 3, targetDimension: 3, parameters: [:])
        }
        #expect(throws: AlignmentError.self) {
            try AlignmentModel(
                method: .center, sourceDimension: 3, targetDimension: 2,
                parameters: ["source.mean": Matrix([[0, 0, 0]]), "target.mean": Matrix([[0, 0]])])
        }
    }
}
