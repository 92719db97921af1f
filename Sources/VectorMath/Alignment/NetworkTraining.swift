/// Trains the two learned methods: projection heads with symmetric InfoNCE, and the pair-scoring network with a listwise loss.
/// Both start from the better of two linear models on the validation items: centred vectors as they are, or canonical maps.
/// Between encoders that share no space the ranking network rarely gets past its start: it sees pairs that the canonical maps
/// were fitted to, and which they put far closer together than new ones (mean reciprocal rank 0.84 against 0.33 on Flickr8k).
/// A NumPy twin does the same; given maps fitted to other pairs it gains on the validation items, and nothing on held-out ones.
import Foundation
import Platform

/// Rows ready for the heads: unit, centred; with the validation items apart.
private struct PreparedData {
    let sources: Matrix<Float>
    let targets: Matrix<Float>
    let validation: RetrievalSet

    init(_ data: AlignmentData, _ fit: LinearFit, _ validation: [AlignmentPair], rowsMax: Int) {
        sources = data.sources.subtractingFromRows(fit.meanX)
        targets = data.targets.subtractingFromRows(fit.meanY)
        let centred = AlignmentData(sources: sources, targets: targets, pairs: data.pairs)
        self.validation = RetrievalSet(centred, validation, rowsMax: rowsMax)
    }
}

private struct ContrastiveModel: GradientModel {
    var source: ProjectionHead<Float>
    var target: ProjectionHead<Float>
    var logScale = Matrix<Float>([[Float(log(1 / 0.07))]])
    let data: PreparedData
    let decay: Double
    let threads: Int
    /// CLIP's bound: logits never above 100.
    private static let logScaleMax = Float(log(100.0))

    var parameters: [Matrix<Float>] {
        get { source.parameters + target.parameters + [logScale] }
        set {
            let count = source.parameters.count
            source.parameters = Array(newValue[..<count])
            target.parameters = Array(newValue[count..<newValue.count - 1])
            logScale = newValue[newValue.count - 1]
        }
    }

    var decays: [Double] {
        let head = source.parameters.indices.map { $0 == 0 ? decay : 0 }
        return head + target.parameters.indices.map { $0 == 0 ? decay : 0 } + [0]
    }

    func lossAndGradients(_ batch: [AlignmentPair]) -> (loss: Double, gradients: [Matrix<Float>]) {
        let x = source.forward(data.sources.gathering(batch.map(\.source)), threads: threads)
        let y = target.forward(data.targets.gathering(batch.map(\.target)), threads: threads)
        let loss = ContrastiveLoss(
            x.unit, y.unit, logScale: logScale.elements[0], items: batch.map(\.item), threads: threads)
        let gradients = source.backward(loss.sourceGradient, x, threads: threads)
            + target.backward(loss.targetGradient, y, threads: threads)
        return (loss.value, gradients + [Matrix([[loss.logScaleGradient]])])
    }

    func validationScore() -> Double {
        data.validation.meanReciprocalRank(
            source.forward(data.validation.sources, threads: threads).unit,
            target.forward(data.validation.targets, threads: threads).unit, threads: threads)
    }

    mutating func restrain() { logScale.elements[0] = min(max(logScale.elements[0], 0), Self.logScaleMax) }
}

private struct RankingModel: GradientModel {
    var scorer: PairScorer<Float>
    let sources: Matrix<Float>  // embedded
    let targets: Matrix<Float>
    let validation: RetrievalSet  // of embedded rows
    let decay: Double
    let threads: Int

    var parameters: [Matrix<Float>] {
        get { scorer.parameters }
        set { scorer.parameters = newValue }
    }
    var decays: [Double] { [decay, 0, decay, 0] }

    func lossAndGradients(_ batch: [AlignmentPair]) -> (loss: Double, gradients: [Matrix<Float>]) {
        let a = sources.gathering(batch.map(\.source)), b = targets.gathering(batch.map(\.target))
        let tape = scorer.forward(a, b, threads: threads)
        let loss = ListwiseLoss(logits: tape.scores, items: batch.map(\.item))
        return (loss.value, scorer.backward(loss.gradient, tape, threads: threads))
    }

    func validationScore() -> Double {
        let scores = scorer.forward(validation.sources, validation.targets, threads: threads).scores
        func mean(_ matrix: Matrix<Float>, _ relevance: Relevance) -> Double {
            let ranks = (0..<matrix.rows).compactMap { i -> Double? in
                QueryOutcome(scores: matrix.row(i).map { Double($0) }, relevant: relevance.byQuery[i], higherIsBetter: true)?
                    .reciprocalRank
            }
            return ranks.reduce(0, +) / Double(max(ranks.count, 1))
        }
        return (mean(scores, validation.forward) + mean(scores.transposed(), validation.backward)) / 2
    }

    mutating func restrain() {}
}

/// Fits to unit rows.
struct NetworkTrainer {
    let data: AlignmentData
    let options: AlignmentTrainingOptions
    let cancellation: Cancellation?
    let progress: AlignmentProgressHandler?
    private static let validationRowsMax = 1_000
    /// Scoring every validation pair costs the square of this.
    private static let rankingValidationRowsMax = 200
    private static let probePairs = 256
    private static let scaleGrid: [Double] = [3, 5, 7, 10, 14, 20, 28, 40, 56, 80]

    func train(
        _ training: [AlignmentPair], validation: [AlignmentPair]
    ) throws(AlignmentError) -> (parameters: [String: Matrix<Float>], settings: [String: Double]) {
        let start = try startingFit(training, validation)
        return options.method == .ranking
            ? try trainRanking(start, training, validation) : try trainContrastive(start, training, validation)
    }

    private func startingFit(
        _ training: [AlignmentPair], _ validation: [AlignmentPair]
    ) throws(AlignmentError) -> LinearFit {
        let linear = LinearTrainer(data: data, options: options, cancellation: cancellation, progress: progress)
        let canonical = try linear.fit(.cca, training)
        guard data.sources.columns == data.targets.columns else { return canonical }
        let plain = try linear.fit(.center, training)
        return score(plain, validation) >= score(canonical, validation) ? plain : canonical
    }

    private func score(_ fit: LinearFit, _ validation: [AlignmentPair]) -> Double {
        let prepared = PreparedData(data, fit, validation, rowsMax: Self.validationRowsMax).validation
        let x = ProjectionHead(map: fit.a).forward(prepared.sources, threads: options.threads).unit
        let y = ProjectionHead(map: fit.b).forward(prepared.targets, threads: options.threads).unit
        return prepared.meanReciprocalRank(x, y, threads: options.threads)
    }

    private func trainer(epochs: Int, batch: Int, rate: Double) -> GradientTrainer {
        GradientTrainer(
            epochs: max(options.epochs ?? epochs, 1), batchSize: max(options.batchSize ?? batch, 2),
            learningRate: options.learningRate ?? rate, patience: max(options.patience, 1), seed: options.seed &+ 2,
            cancellation: cancellation, progress: progress)
    }

    /// The logit scale of least loss on unit rows of some pairs, so that training need not look for it.
    private func startingScale(_ x: Matrix<Float>, _ y: Matrix<Float>, _ pairs: [AlignmentPair]) -> Double {
        let cosines = x.timesTranspose(y, threads: options.threads), items = pairs.map(\.item)
        let losses = Self.scaleGrid.map { ListwiseLoss(logits: Float($0) * cosines, items: items).value }
        return Self.scaleGrid[losses.indices.min { losses[$0] < losses[$1] } ?? 0]
    }

    private func trainContrastive(
        _ start: LinearFit, _ training: [AlignmentPair], _ validation: [AlignmentPair]
    ) throws(AlignmentError) -> (parameters: [String: Matrix<Float>], settings: [String: Double]) {
        let prepared = PreparedData(data, start, validation, rowsMax: Self.validationRowsMax)
        var random = SeededRandom(seed: options.seed &+ 3)
        var model = ContrastiveModel(
            source: head(start.a, prepared.sources, &random), target: head(start.b, prepared.targets, &random),
            data: prepared, decay: options.decay ?? 10, threads: options.threads)
        let probe = Array(validation.prefix(Self.probePairs))
        let x = model.source.forward(prepared.sources.gathering(probe.map(\.source)), threads: options.threads).unit
        let y = model.target.forward(prepared.targets.gathering(probe.map(\.target)), threads: options.threads).unit
        model.logScale.elements[0] = Float(log(startingScale(x, y, probe)))
        let epochs = try trainer(epochs: 60, batch: 256, rate: 3e-4).train(&model, on: training)
        var fit = start
        (fit.a, fit.b) = (model.source.map, model.target.map)
        var parameters = fit.parameters
        for (name, head) in [("source", model.source), ("target", model.target)] {
            parameters["\(name).hidden"] = head.hidden
            parameters["\(name).bias"] = head.bias
            parameters["\(name).output"] = head.output
        }
        var settings = start.settings
        settings["epochs"] = Double(epochs.last)
        settings["best-epoch"] = Double(epochs.best)
        settings["temperature"] = exp(-Double(model.logScale.elements[0]))
        return (parameters, settings)
    }

    /// The starting map scaled so that outputs have length one on average, with a hidden branch that starts at zero.
    private func head(_ map: Matrix<Float>?, _ rows: Matrix<Float>, _ random: inout SeededRandom) -> ProjectionHead<Float> {
        let start = map ?? .identity(rows.columns)
        let outputs = rows.times(start, threads: options.threads).squaredFrobeniusNorm / Double(max(rows.rows, 1))
        let scaled = outputs > 0 ? Float(1 / outputs.squareRoot()) * start : start
        guard let width = options.hiddenWidth, width > 0 else { return ProjectionHead(map: scaled) }
        let hidden = Matrix<Float>(
            rows: rows.columns, columns: width, elements: (0..<rows.columns * width).map { _ in Float(random.normal()) })
        return ProjectionHead(
            map: scaled, hidden: hidden, bias: Matrix(rows: 1, columns: width),
            output: Matrix(rows: width, columns: scaled.columns), activation: options.activation)
    }

    private func trainRanking(
        _ start: LinearFit, _ training: [AlignmentPair], _ validation: [AlignmentPair]
    ) throws(AlignmentError) -> (parameters: [String: Matrix<Float>], settings: [String: Double]) {
        let prepared = PreparedData(data, start, validation, rowsMax: Self.rankingValidationRowsMax)
        let (a, b) = (ProjectionHead(map: start.a), ProjectionHead(map: start.b))
        let x = a.forward(prepared.sources, threads: options.threads).unit
        let y = b.forward(prepared.targets, threads: options.threads).unit
        let embedded = AlignmentData(sources: x, targets: y, pairs: data.pairs)
        var random = SeededRandom(seed: options.seed &+ 3)
        let width = max(options.hiddenWidth ?? 64, 1)
        var model = RankingModel(
            scorer: PairScorer(dimension: x.columns, width: width, activation: options.activation, random: &random),
            sources: x, targets: y,
            validation: RetrievalSet(embedded, validation, rowsMax: Self.rankingValidationRowsMax), decay: options.decay ?? 0.1,
            threads: options.threads)
        let probe = Array(validation.prefix(Self.probePairs))
        model.scorer.scale.elements[0] = Float(
            startingScale(x.gathering(probe.map(\.source)), y.gathering(probe.map(\.target)), probe))
        let epochs = try trainer(epochs: 12, batch: 48, rate: 1e-3).train(&model, on: training)
        var parameters = start.parameters
        parameters["scorer.hidden"] = model.scorer.hidden
        parameters["scorer.bias"] = model.scorer.bias
        parameters["scorer.output"] = model.scorer.output
        parameters["scorer.scale"] = model.scorer.scale
        var settings = start.settings
        settings["epochs"] = Double(epochs.last)
        settings["best-epoch"] = Double(epochs.best)
        return (parameters, settings)
    }
}
