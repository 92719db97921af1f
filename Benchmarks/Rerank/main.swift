// Searches that re-rank 1,000 stored candidates by each exact metric, beside reading and decompressing the same rows, for
// Benchmarks/rerank.py. Prints a line of JSON; judges nothing itself.
//
//     rerank-benchmark ROWS DIMENSION ROUNDS
//
// A round asks one new query by every metric: a search for the best 10 of 1,000 candidates of the graph, whose stage of
// exact comparison is timed by the search itself, and then the rows of those candidates read and decompressed alone. Both
// open the database anew, so that no decoded vector is left from before, and warm up on another query. Medians of all rounds,
// on the wall: "overReading" is the median of the rounds' own ratios. Cosine reads only what its error bounds leave open.
import Causeway
import Foundation
import Storage

private let candidateCount = 1_000

private struct Corpus {
    let directory: URL
    var path: String { directory.appendingPathComponent("db").path }
    let dimension: Int
    private let centres: [[Float]]

    init(rows: Int, dimension: Int) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("rerank-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        self.dimension = dimension
        centres = (0..<200).map { _ in (0..<dimension).map { _ in gaussian() } }
        let database = try Database(path: path)
        for start in stride(from: 0, to: rows, by: 1_000) {
            let part = (start..<min(start + 1_000, rows)).map { Embedding(id: String($0), vector: vector()) }
            try database.collection("c").insert(part, into: "v")
        }
        try database.collection("c").buildIndex()
        database.close()
    }

    /// Near one of the centres.
    func vector() -> [Float] {
        let centre = centres[Int.random(in: 0..<centres.count)]
        return centre.map { $0 + 0.8 * gaussian() }
    }

    func remove() { try? FileManager.default.removeItem(at: directory) }
}

/// Roughly normal, as embeddings' components are: what the codecs expect.
private func gaussian() -> Float { (0..<6).reduce(into: Float(-3)) { sum, _ in sum += Float.random(in: 0..<1) } * 0.05 }

private func milliseconds(_ body: () throws -> Void) rethrows -> Double {
    let spent = try ContinuousClock().measure(body).components
    return Double(spent.seconds) * 1e3 + Double(spent.attoseconds) * 1e-15
}

private func options(_ metric: Metric, k: Int = 10) -> SearchOptions {
    SearchOptions(k: k, metric: metric, effort: .width(candidateCount), candidates: candidateCount)
}

/// The rows that a search for the query compares.
private func candidates(_ corpus: Corpus, _ query: [Float]) throws -> [RowID] {
    let database = try Database(path: corpus.path, access: .readOnly)
    defer { database.close() }
    let hits = try database.collection("c").search(.vector(query), in: "v", options: options(.cosine, k: candidateCount)).hits
    return try Store(path: corpus.path, access: .readOnly).read { reader in
        let modality = try modality(in: reader)
        return try hits.compactMap { try reader.row(id: $0.id, in: modality.id) }.sorted()
    }
}

private func modality(in reader: Reader) throws -> ModalityRecord {
    guard let collection = try reader.collection(named: "c"), let modality = try reader.modality(named: "v", in: collection.id)
    else { preconditionFailure("the corpus has just been made") }
    return modality
}

private func search(_ corpus: Corpus, _ query: [Float], by metric: Metric) throws -> Explanation {
    let database = try Database(path: corpus.path, access: .readOnly)
    defer { database.close() }
    let collection = database.collection("c")
    _ = try collection.search(.vector(corpus.vector()), in: "v", options: SearchOptions(k: 1, metric: metric, effort: .width(10)))
    let found = try collection.search(.vector(query), in: "v", options: options(metric)).explanation
    precondition(found.candidates == candidateCount, "the search compared \(found.candidates) candidates: \(found.plan)")
    return found
}

private func reading(_ corpus: Corpus, _ rows: [RowID]) throws -> Double {
    try Store(path: corpus.path, access: .readOnly).read { reader in
        let modality = try modality(in: reader)
        var sum = 0.0  // keeps the work from being optimised away
        _ = try reader.forEachVector(Array(rows.prefix(10)), of: modality) { sum += Double($1[0]) }
        let spent = try milliseconds { _ = try reader.forEachVector(rows, of: modality) { sum += Double($1[0]) } }
        precondition(sum.isFinite)
        return spent
    }
}

private func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }

private func number(_ position: Int, _ otherwise: Int) -> Int {
    CommandLine.arguments.count > position ? Int(CommandLine.arguments[position]) ?? otherwise : otherwise
}

let (rows, dimension, rounds) = (number(1, 20_000), number(2, 768), max(number(3, 15), 1))
precondition(rows > 2_000, "fewer rows have no graph")
private let corpus = try Corpus(rows: rows, dimension: dimension)
defer { corpus.remove() }
private var comparing: [String: [Double]] = [:], alone: [String: [Double]] = [:], whole: [String: [Double]] = [:]
private var read: [String: Int] = [:]
for _ in 0..<rounds {
    let query = corpus.vector()
    let same = try candidates(corpus, query)
    for metric in Metric.all {
        let found = try search(corpus, query, by: metric)
        comparing[metric.name, default: []].append((found.seconds[.rerank] ?? 0) * 1e3)
        whole[metric.name, default: []].append(found.totalSeconds * 1e3)
        read[metric.name] = found.reranked
        alone[metric.name, default: []].append(try reading(corpus, same))
    }
}
private func brief(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
private let fields = Metric.all.map(\.name).map { name in
    let (spent, bare) = (comparing[name] ?? [], alone[name] ?? [])
    return #""\#(name)":{"exactStageMs":\#(brief(median(spent))),"searchMs":\#(brief(median(whole[name] ?? []))),"#
        + #""readingMs":\#(brief(median(bare))),"overReading":\#(brief(median(zip(spent, bare).map { $0 / $1 }))),"#
        + #""vectorsRead":\#(read[name] ?? 0)}"#
}
print(
    #"{"rows":\#(rows),"dimension":\#(dimension),"candidates":\#(candidateCount),"rounds":\#(rounds),"#
        + fields.joined(separator: ",") + "}")
