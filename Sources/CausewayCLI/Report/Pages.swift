/// What the pages of `gap --report` and `evaluate --report` show, section by section. Measures nothing but the cost curve.
import Causeway
import Foundation

extension OptionDescription {
    static let report = OptionDescription.value(
        "report", "FILE.html", kind: .file,
        help: "also write one self-contained page with pictures; - is standard output, and then the page is all of it")
}

extension Context {
    /// "-" is standard output.
    func write(report html: String, to path: String) throws {
        if path == "-" { return try output.write(html) }
        try writeReport(html, to: path)
        note("wrote \(path)")
    }
}

/// Replaces the file at once, so that a reader never sees half a page.
func writeReport(_ html: String, to path: String) throws {
    do {
        try Data(html.utf8).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
        throw CommandFailure(
            .failed, "cannot write \(path): \(reason(ofFailedWrite: error))",
            remedy: "check the directory and its permissions, or name another file")
    }
}

// MARK: The gap

func gapPage(_ report: ModalityGapReport, _ picture: ModalityPicture?, collection: String) -> String {
    let (first, second) = (report.between[0], report.between[1])
    var page = ReportPage(
        title: "The gap between \(first) and \(second) in \(collection)",
        summary: "\(report.sampled) \(report.isPaired ? "pairs" : "rows of each modality") were sampled, in two halves. "
            + "Raw means the stored vectors at unit length; centred, each modality's mean subtracted.")
    page.add(facts: report.measures.filter { ModalityGapReport.Measure.headlines.contains($0.name) }.map { measure in
        (measure.title, "\(short(measure.value)) → \(short(measure.centred))", "raw → centred")
    })
    if let picture { page.add(picture, first, second) }
    page.add(
        section: "Gap before and after centring",
        note: "A scale a measure. The dashed mark is the null: what the measure gives where there is nothing to find.",
        report.measures.map(\.figure))
    page.add(
        table: "All measures", note: "What each figure does not say stands beside it.",
        columns: ["measure", "raw", "null", "centred", "null", "n", "caution"], hasWords: true,
        rows: report.measures.map { measure in
            [measure.name, short(measure.value), measure.null.map(short) ?? "–", short(measure.centred),
             measure.centredNull.map(short) ?? "–", String(measure.n), measure.caution]
        } + report.leftOut.map { [$0.name, "–", "–", "–", "–", "–", $0.caution] })
    return page.html
}

extension ModalityGapReport.Measure {
    fileprivate static let headlines = ["centroid-gap", "debiased-wasserstein", "separability", "energy-distance"]

    /// `Centroid gap`
    fileprivate var title: String {
        let proper = ["wasserstein": "Wasserstein", "mmd": "MMD", "rbf": "RBF", "cka": "CKA", "gaussian": "Gaussian"]
        let words = name.split(separator: "-").map { proper[String($0)] ?? String($0) }.joined(separator: " ")
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    fileprivate var figure: String {
        let nulls = [null, centredNull]
        let values = [value, centred, 0] + nulls.compactMap { $0 }
        let words = nulls.map { $0.map(short) ?? "none" }
        let rows = [
            RowChart.Row(name: "raw", value: value, words: short(value), null: nulls[0], colour: "var(--a)"),
            RowChart.Row(name: "centred", value: centred, words: short(centred), null: nulls[1], colour: "var(--b)"),
        ]
        return RowChart(
            title: title,
            description: "Raw \(short(value)) (null \(words[0])), centred \(short(centred)) (null \(words[1])).", rows: rows,
            range: (values.min() ?? 0)...(values.max() ?? 1), hasAxis: false
        ).figure
    }
}

// MARK: An evaluation

/// The page of an evaluation; where the target has an index, with its recall at several widths, measured here.
func evaluationPage(
    _ evaluation: Evaluation, of collection: EmbeddingCollection, _ options: EvaluationOptions
) throws -> String {
    var page = ReportPage(
        title: "Finding \(evaluation.to) by \(evaluation.from) in \(collection.name)",
        summary: "\(evaluation.queries) queries among \(evaluation.embeddings) embeddings"
            + (evaluation.onHeldOutItems ? ", of items that no training saw." : ".")
            + " Intervals are 95 %, by bootstrap over queries.")
    page.add(facts: evaluation.facts)
    page.add(
        section: "Recall by metric",
        note: "The share of queries with a right answer among the best k, with its 95 % interval.",
        (evaluation.metrics.first?.recall.indices).map { $0.map { evaluation.recallFigure($0) } } ?? [])
    page.add(
        table: "All figures", note: "With their intervals.",
        columns: ["metric", "queries", "embeddings"] + (evaluation.metrics.first?.recall.map { "recall@\($0.k)" } ?? [])
            + ["median rank", "MRR", "MAP"],
        rows: evaluation.metrics.map { metric in
            [metric.label, String(metric.queries), String(metric.embeddings)] + (metric.recall.map(\.figure)
                + [metric.medianRank, metric.meanReciprocalRank, metric.meanAveragePrecision]).map(\.words)
        })
    if let figure = try costFigure(evaluation, of: collection, options) {
        page.add(
            section: "Recall against the cost of the index",
            note: "Stored queries, cosine, compared with the exact search. Each point is a width of the graph search, its number "
                + "below.",
            [figure])
    }
    if let picture = try collection.picture(between: evaluation.from, and: evaluation.to, seed: options.seed) {
        page.add(picture, evaluation.from, evaluation.to)
    }
    return page.html
}

extension Evaluation {
    fileprivate var facts: [(name: String, value: String, note: String)] {
        var facts = metrics.first?.recall.indices.compactMap { slot in
            metrics.max { $0.recall[slot].figure.value < $1.recall[slot].figure.value }.map { best in
                ("Recall@\(best.recall[slot].k)", fixed(100 * best.recall[slot].figure.value, decimals: 1) + " %", best.label)
            }
        } ?? []
        if let best = metrics.min(by: { $0.medianRank.value < $1.medianRank.value }) {
            facts.append(("Median rank", best.medianRank.shortest, "\(best.label), of \(embeddings)"))
        }
        return facts
    }

    fileprivate func recallFigure(_ slot: Int) -> String {
        let k = metrics[0].recall[slot].k
        let rows = metrics.map { metric in
            let figure = metric.recall[slot].figure
            return RowChart.Row(
                name: metric.label, value: figure.value, words: figure.words, interval: figure.low...max(figure.low, figure.high),
                colour: "var(--a)")
        }
        let most = rows.compactMap(\.interval?.upperBound).max() ?? 1
        return RowChart(
            title: "Recall@\(k)", description: rows.map { "\($0.name) \($0.words)" }.joined(separator: ", ") + ".", rows: rows,
            range: 0...min(1, max(0.1, (most * 10).rounded(.up) / 10))
        ).figure
    }
}

/// nil where there is no index or the modalities share no space.
private func costFigure(
    _ evaluation: Evaluation, of collection: EmbeddingCollection, _ options: EvaluationOptions
) throws -> String? {
    let (from, to) = (try collection.modality(evaluation.from), try collection.modality(evaluation.to))
    let state = try collection.indexStatus(of: to.name).state
    guard state == .current || state == .stale, from.dimension == to.dimension else { return nil }
    var points: [(x: Double, y: Double)] = [], words: [String] = [], widths: [Int] = []
    // The first width twice: its first round warms what the others find warm.
    for (round, width) in [10, 10, 20, 40, 80, 160, 320].enumerated() {
        var audit = IndexAuditOptions()
        (audit.metrics, audit.at, audit.queries, audit.effort) = ([.cosine], [10], 64, .width(width))
        (audit.seed, audit.threads) = (options.seed, options.threads)
        guard let recall = try collection.auditIndex(from: from.name, to: to.name, options: audit).metrics.first?.recalls.first
        else { continue }
        guard round > 0 else { continue }
        points.append((recall.milliseconds, recall.mean.value))
        widths.append(width)
        words.append("width \(width): \(short(recall.mean.value)) in \(short(recall.milliseconds)) ms")
    }
    guard let slowest = points.map(\.x).max(), let least = points.map(\.y).min() else { return nil }
    var chart = Chart(
        "Recall@10 against time", description: words.joined(separator: "; ") + ".", x: 0...slowest,
        y: min(least, 0.9)...1)
    chart.drawAxes(xTitle: "milliseconds a query, one thread", yTitle: "recall@10 against exact")
    chart.drawLine(points, colour: "var(--a)")
    for (point, width) in zip(points, widths) { chart.drawLabel(String(width), at: point) }
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
        chart.drawAxes(xTitle: "cosine", yTitle: "share of pairs")
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
