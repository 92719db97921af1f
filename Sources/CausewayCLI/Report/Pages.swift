/// What the pages of `gap --report` and `evaluate --report` show, section by section. Measures nothing but the cost curve.
import Causeway
import Foundation

extension OptionDescription {
    static let report = OptionDescription.value(
        "report", "FILE.html", kind: .file, help: "also write one self-contained page with pictures")
}

/// Replaces the file at once, so that a reader never sees half a page.
func writeReport(_ html: String, to path: String) throws {
    do {
        try Data(html.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
        throw CommandFailure(.failed, "cannot write \(path): \(error.localizedDescription)", remedy: "name another file")
    }
}

// MARK: The gap

func gapPage(_ report: ModalityGapReport, _ picture: ModalityPicture?, collection: String) -> String {
    let (first, second) = (report.between[0], report.between[1])
    var page = ReportPage(
        title: "The gap between \(first) and \(second) in \(collection)",
        summary: "\(report.sampled) \(report.isPaired ? "pairs" : "rows of each modality") were sampled, in two halves. "
            + "Raw means the stored vectors at unit length; centred, each modality's mean subtracted.")
    if let picture { page.add(picture, first, second) }
    page.add(
        section: "Gap before and after centring",
        note: "Each chart has a scale of its own; the line marks what there would be with nothing to find (null).",
        report.measures.map(\.figure))
    page.add(
        table: "All measures", note: "What each figure does not say stands beside it.",
        columns: ["measure", "raw", "null", "centred", "null", "n", "caution"],
        rows: report.measures.map { measure in
            [measure.name, rounded(measure.value), measure.null.map { rounded($0) } ?? "–", rounded(measure.centred),
             measure.centredNull.map { rounded($0) } ?? "–", String(measure.n), measure.caution]
        } + report.leftOut.map { [$0.name, "–", "–", "–", "–", "–", $0.caution] })
    return page.html
}

extension ModalityGapReport.Measure {
    fileprivate var figure: String {
        let values = [value, centred, null ?? 0, centredNull ?? 0, 0]
        let range = (values.min() ?? 0)...(values.max() ?? 1)
        var chart = Chart(
            name, description: "Raw \(short(value)), centred \(short(centred)), null \(null.map { short($0) } ?? "none").",
            x: 0...2, y: range)
        chart.drawAxes(xTitle: "", yTitle: name, xLabels: [(0.5, "raw"), (1.5, "centred")])
        for (place, value, null, colour) in [(0.2, value, null, "var(--a)"), (1.2, centred, centredNull, "var(--b)")] {
            chart.drawBar(from: place, to: place + 0.6, value, colour)
            if let null { chart.drawLine([(place - 0.1, null), (place + 0.7, null)], colour: "var(--c)") }
        }
        return chart.figure
    }
}

// MARK: An evaluation

/// The page of an evaluation; where the target has an index, with its recall at several widths, measured here.
func evaluationPage(
    _ evaluation: Evaluation, of collection: EmbeddingCollection, _ options: EvaluationOptions
) throws -> String {
    var page = ReportPage(
        title: "Finding \(evaluation.to) by \(evaluation.from) in \(collection.name)",
        summary: "\(evaluation.queries) queries among \(evaluation.items) embeddings"
            + (evaluation.onHeldOutItems ? ", of items that no training saw." : ".")
            + " Intervals are 95 %, by bootstrap over queries.")
    page.add(
        section: "Recall by metric", note: "The share of queries with a right answer among the best k.",
        (evaluation.metrics.first?.recall.indices).map { $0.map { evaluation.recallFigure($0) } } ?? [])
    page.add(
        table: "All figures", note: "With their intervals.",
        columns: ["metric"] + (evaluation.metrics.first?.recall.map { "recall@\($0.k)" } ?? []) + ["median rank", "MRR", "MAP"],
        rows: evaluation.metrics.map { metric in
            [metric.label] + (metric.recall.map(\.figure)
                + [metric.medianRank, metric.meanReciprocalRank, metric.meanAveragePrecision]).map(\.words)
        })
    if let figure = try costFigure(evaluation, of: collection, options) {
        page.add(
            section: "Recall against the cost of the index",
            note: "Stored queries, cosine, compared with the exact search; each point is a width of the graph search.", [figure])
    }
    if let picture = try collection.picture(between: evaluation.from, and: evaluation.to, seed: options.seed) {
        page.add(picture, evaluation.from, evaluation.to)
    }
    return page.html
}

extension Evaluation {
    fileprivate func recallFigure(_ slot: Int) -> String {
        let k = metrics[0].recall[slot].k
        let words = metrics.map { "\($0.label) \(short($0.recall[slot].figure.value))" }.joined(separator: ", ")
        var chart = Chart("Recall@\(k)", description: words + ".", x: 0...Double(metrics.count), y: 0...1)
        chart.drawAxes(
            xTitle: "", yTitle: "recall@\(k)",
            xLabels: metrics.enumerated().map { (Double($0) + 0.5, String($1.label.prefix(60 / max(metrics.count, 4)))) })
        for (index, metric) in metrics.enumerated() {
            let figure = metric.recall[slot].figure
            chart.drawBar(from: Double(index) + 0.2, to: Double(index) + 0.8, figure.value, "var(--a)")
            chart.drawInterval(at: Double(index) + 0.5, low: figure.low, high: figure.high)
        }
        return chart.figure
    }
}

/// nil where there is no index or the modalities share no space.
private func costFigure(
    _ evaluation: Evaluation, of collection: EmbeddingCollection, _ options: EvaluationOptions
) throws -> String? {
    let (from, to) = (try collection.modality(evaluation.from), try collection.modality(evaluation.to))
    let state = try collection.indexStatus(of: to.name).state
    guard state == .current || state == .stale, from.dimension == to.dimension else { return nil }
    var points: [(x: Double, y: Double)] = [], words: [String] = []
    for width in [10, 20, 40, 80, 160, 320] {
        var audit = IndexAuditOptions()
        (audit.at, audit.queries, audit.effort) = ([10], 64, .width(width))
        (audit.seed, audit.threads) = (options.seed, options.threads)
        guard let recall = try collection.auditIndex(from: from.name, to: to.name, options: audit).metrics.first?.recalls.first
        else { continue }
        points.append((recall.milliseconds, recall.mean.value))
        words.append("width \(width): \(short(recall.mean.value)) in \(short(recall.milliseconds)) ms")
    }
    guard let slowest = points.map(\.x).max(), let least = points.map(\.y).min() else { return nil }
    var chart = Chart(
        "Recall@10 against time", description: words.joined(separator: "; ") + ".", x: 0...slowest,
        y: min(least, 0.9)...1)
    chart.drawAxes(xTitle: "milliseconds a query, one thread", yTitle: "recall@10 against exact")
    chart.drawLine(points, colour: "var(--a)")
    return chart.figure
}

// MARK: Both

extension ReportPage {
    fileprivate mutating func add(_ picture: ModalityPicture, _ first: String, _ second: String) {
        let scenes = [("raw", picture.raw), ("centred", picture.centred)]
        add(
            section: "Matched and mismatched pairs",
            note: "Cosines of \(picture.pairs) pairs and of all other combinations, each as shares of its own kind.",
            scenes.map { histogram($0.1.similarities, $0.0) })
        add(
            section: "The two clouds", note: "In the first two principal components of both together.",
            scenes.map { plane($0.1.plane, $0.0, first, second) })
    }

    private func histogram(_ bins: ModalityPicture.Similarities, _ form: String) -> String {
        func shares(_ counts: [Int]) -> [Double] {
            let total = Double(max(counts.reduce(0, +), 1))
            return counts.map { Double($0) / total }
        }
        func mean(_ counts: [Int]) -> Double {
            let step = (bins.high - bins.low) / Double(max(counts.count, 1))
            return zip(shares(counts), counts.indices).reduce(0) { $0 + $1.0 * (bins.low + (Double($1.1) + 0.5) * step) }
        }
        let (matched, mismatched) = (shares(bins.matched), shares(bins.mismatched))
        var chart = Chart(
            "Similarities, \(form)",
            description: "Mean cosine of matched pairs \(short(mean(bins.matched))), of mismatched "
                + "\(short(mean(bins.mismatched))).",
            x: bins.low...bins.high, y: 0...((matched + mismatched).max() ?? 1))
        chart.drawAxes(xTitle: "cosine", yTitle: "share")
        chart.drawBars(mismatched, colour: "var(--b)")
        chart.drawBars(matched, colour: "var(--a)")
        chart.drawLegend([("matched", "var(--a)"), ("mismatched", "var(--b)")])
        return chart.figure
    }

    private func plane(_ plane: ModalityPicture.Plane, _ form: String, _ first: String, _ second: String) -> String {
        let all = plane.first + plane.second
        let shares = plane.shares.map { "\(Int(($0 * 100).rounded())) %" }.joined(separator: " and ")
        var chart = Chart(
            "Clouds, \(form)",
            description: "\(plane.first.count) \(first) and \(plane.second.count) \(second) embeddings; the axes hold \(shares) "
                + "of the variance.",
            x: (all.map(\.x).min() ?? 0)...(all.map(\.x).max() ?? 1),
            y: (all.map(\.y).min() ?? 0)...(all.map(\.y).max() ?? 1))
        chart.drawAxes(xTitle: "first component", yTitle: "second component")
        chart.drawPoints(plane.first, colour: "var(--a)")
        chart.drawPoints(plane.second, colour: "var(--b)")
        chart.drawLegend([(first, "var(--a)"), (second, "var(--b)")])
        return chart.figure
    }
}
