/// Mini-batch training with Adam, early stopping and the best parameters kept. Knows no particular model.
import Foundation
import Platform

/// What the trainer needs of a model.
protocol GradientModel {
    var parameters: [Matrix<Float>] { get set }
    /// For each parameter, how strongly it is pulled back to its start.
    var decays: [Double] { get }
    func lossAndGradients(_ batch: [AlignmentPair]) -> (loss: Double, gradients: [Matrix<Float>])
    /// Larger is better.
    func validationScore() -> Double
    /// Keeps parameters in their range after a step.
    mutating func restrain()
}

/// Adam's memory for a list of parameters.
struct AdamOptimizer {
    private var first: [[Float]]
    private var second: [[Float]]
    private let anchors: [Matrix<Float>]
    private let decays: [Double]
    private var steps = 0

    init(_ parameters: [Matrix<Float>], decays: [Double]) {
        first = parameters.map { [Float](repeating: 0, count: $0.elements.count) }
        second = first
        anchors = parameters
        self.decays = decays
    }

    mutating func step(_ parameters: inout [Matrix<Float>], _ gradients: [Matrix<Float>], rate: Double) {
        steps += 1
        let beta1 = 0.9, beta2 = 0.999
        for i in parameters.indices {
            let step = AdamStep(
                rate: Float(rate), beta1: Float(beta1), beta2: Float(beta2),
                correction1: Float(1 / (1 - pow(beta1, Double(steps)))),
                correction2: Float(1 / (1 - pow(beta2, Double(steps)))), epsilon: 1e-8, decay: Float(decays[i]))
            adamStep(
                &parameters[i].elements, gradient: gradients[i].elements, anchor: anchors[i].elements, first: &first[i],
                second: &second[i], step: step)
        }
    }
}

struct GradientTrainer {
    var epochs: Int
    var batchSize: Int
    var learningRate: Double
    var patience: Int
    var seed: UInt64
    var cancellation: Cancellation?
    var progress: AlignmentProgressHandler?

    /// Trains in place and leaves the parameters of the best validation score, which may be the starting ones.
    /// Returns the epoch they are from (0: the start) and the last one run.
    func train<Model: GradientModel>(
        _ model: inout Model, on pairs: [AlignmentPair]
    ) throws(AlignmentError) -> (best: Int, last: Int) {
        var optimizer = AdamOptimizer(model.parameters, decays: model.decays)
        var best = (score: model.validationScore(), epoch: 0, parameters: model.parameters)
        var random = SeededRandom(seed: seed), order = pairs
        let batches = max(1, (pairs.count + batchSize / 2) / batchSize), total = epochs * batches
        var step = 0
        for epoch in 1...max(epochs, 1) {
            random.shuffle(&order)
            var losses = 0.0
            for index in 0..<batches {
                if cancellation?.isCancelled == true { throw .cancelled }
                let first = index * batchSize, last = index == batches - 1 ? pairs.count : first + batchSize
                let (loss, gradients) = model.lossAndGradients(Array(order[first..<min(last, pairs.count)]))
                guard loss.isFinite else { throw .diverged(epoch: epoch) }
                var parameters = model.parameters
                optimizer.step(&parameters, gradients, rate: learningRate * Self.schedule(step, total))
                model.parameters = parameters
                model.restrain()
                losses += loss
                step += 1
            }
            let score = model.validationScore()
            if score > best.score { best = (score, epoch, model.parameters) }
            progress?(AlignmentProgress(
                stage: "epoch", done: epoch, total: epochs, loss: losses / Double(batches), validation: score))
            if epoch - best.epoch >= patience || epoch == epochs {
                model.parameters = best.parameters
                return (best.epoch, epoch)
            }
        }
        model.parameters = best.parameters
        return (best.epoch, epochs)
    }

    /// Linear warm-up over a twentieth of the steps, then a cosine down to a twentieth of the rate.
    private static func schedule(_ step: Int, _ total: Int) -> Double {
        let warm = max(1, total / 20)
        if step < warm { return Double(step + 1) / Double(warm) }
        let share = Double(step - warm) / Double(max(total - warm, 1))
        return 0.05 + 0.95 * 0.5 * (1 + cos(.pi * share))
    }
}
