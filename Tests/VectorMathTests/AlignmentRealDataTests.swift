/// Alignments on real pairs, where the shared data is present; in optimised builds only. Prints the figures it checks.
import Foundation
import Testing
import VectorMath

@Suite(.serialized, .enabled(if: isOptimised)) struct AlignmentRealDataTests {
    private func describe(_ name: String, _ trained: TrainedAlignment, _ time: Duration) {
        func recalls(_ summary: RetrievalSummary?) -> String {
            summary.map { $0.recall.map { String(format: "%.1f", 100 * $0.hits.value) }.joined(separator: "/") } ?? "–"
        }
        let report = trained.report
        for (label, side) in [("→", report.sourceToTarget), ("←", report.targetToSource)] {
            let chance = side.chance.map { String(format: "%.1f", 100 * $0) }.joined(separator: "/")
            print("figure: \(name) \(report.method.rawValue) \(label) learned \(recalls(side.learned)), as a graph query "
                + "\(recalls(side.transformed)), cosine \(recalls(side.cosine)), chance \(chance) of \(side.candidates)")
        }
        print("figure: \(name) \(report.method.rawValue) \(time), \(report.settings), \(report.warning ?? "no warning")")
    }

    private func train(_ name: String, _ data: AlignmentData, _ options: AlignmentTrainingOptions) throws -> AlignmentReport {
        var trained: TrainedAlignment?
        let time = try ContinuousClock().measure { trained = try trainAlignment(data, options: options) }
        let result = try #require(trained)
        describe(name, result, time)
        return result.report
    }

    @Test(arguments: [AlignmentMethod.cca, .contrastive, .ranking]) func wikipediaBeatsChance(method: AlignmentMethod) throws {
        guard let text = SharedData.floats("wikipedia/text.npy"), let image = SharedData.floats("wikipedia/image.npy")
        else { return }
        var options = AlignmentTrainingOptions(method: method)
        options.lambda = 0.03
        options.epochs = method == .ranking ? 2 : nil
        let report = try train("wikipedia", AlignmentData(sources: text, targets: image), options)
        let side = report.targetToSource
        #expect((side.learned.recall(at: 10) ?? 0) > 1.5 * side.chance[2])
    }

    @Test(arguments: [AlignmentMethod.cca])
    func unalignedEncodersAreBridged(method: AlignmentMethod) throws {
        guard let text = SharedData.floats("flickr8k-train/text_raw.npy"),
            let image = SharedData.floats("flickr8k-train/image_raw.npy"),
            let index = SharedData.array("flickr8k-train/caption_image.npy")
        else { return }
        // One caption of five keeps this to seconds.
        let rows = Array(stride(from: 0, to: text.rows, by: 5))
        let photos = rows.map { Int(index.values[$0]) }
        let pairs = photos.enumerated().map { AlignmentPair(source: $0, target: $1, item: $1) }
        let data = AlignmentData(sources: text.gathering(rows), targets: image, pairs: pairs)
        var options = AlignmentTrainingOptions(method: method)
        options.lambda = 3
        options.patience = 3
        let report = try train("flickr8k", data, options)
        #expect((report.sourceToTarget.learned.recall(at: 10) ?? 0) > 5 * report.sourceToTarget.chance[2])
    }

    @Test(arguments: [AlignmentMethod.center, .ridge]) func alignedEncoders(method: AlignmentMethod) throws {
        guard let image = SharedData.floats("modality-gap/clip_image.npy"),
            let text = SharedData.floats("modality-gap/clip_text.npy")
        else { return }
        let report = try train("clip", AlignmentData(sources: image, targets: text), AlignmentTrainingOptions(method: method))
        let plain = try #require(report.sourceToTarget.cosine)
        #expect((report.sourceToTarget.learned.recall(at: 10) ?? 0) > (plain.recall(at: 10) ?? 1) - 0.15)
    }
}
