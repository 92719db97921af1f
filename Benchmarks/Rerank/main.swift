// Re-ranking 1,000 stored candidates by each exact metric, beside reading and decompressing them alone. Prints a JSON line.
//
//     swift run -c release rerank-benchmark [rows] [dimension] [repeats]
//
// Interleaved: every repeat measures reading alone and each metric on the same random rows. Processor milliseconds, least of
// all repeats; the page cache is warm. "overReading" is the whole stage over reading alone: near 1, arithmetic is hidden.
import Foundation
import Storage
import VectorMath

private struct Corpus {
    let directory: URL
    let store: Store
    let modality: ModalityRecord
    let rows: [RowID]

    init(count: Int, dimension: Int) throws {
        directory = FileManager.default.temporaryDirectory.appendingPathComponent("rerank-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        var options = StoreOptions()
        options.expectedDimension = dimension
        store = try Store(path: directory.appendingPathComponent("db").path, access: .create, options: options)
        let made = try store.write { writer in
            try writer.createModality(
                named: "v", in: writer.ensureCollection(named: "c").id, dimension: dimension, tokenDimension: nil)
        }
        var random = SystemRandomNumberGenerator()
        for start in stride(from: 0, to: count, by: 1_000) {
            let size = min(1_000, count - start)
            let batch = try EncodedBatch.encode(
                BatchInput(
                    dimension: dimension, ids: (start..<start + size).map(String.init),
                    items: [String?](repeating: nil, count: size), metadata: [String?](repeating: nil, count: size),
                    vectors: (0..<size * dimension).map { _ in gaussian(&random) * 0.05 }))
            _ = try store.write { try $0.insert(batch, into: made, onConflict: .error) }
        }
        modality = made
        rows = try store.read { try $0.rows(of: made.id) }
    }

    func remove() { try? FileManager.default.removeItem(at: directory) }
}

/// Roughly normal, as embeddings' components are: what the codecs expect.
private func gaussian(_ random: inout SystemRandomNumberGenerator) -> Float {
    (0..<6).reduce(into: Float(-3)) { sum, _ in sum += Float.random(in: 0..<1, using: &random) }
}

/// Processor milliseconds of this process.
private func milliseconds(_ body: () throws -> Void) rethrows -> Double {
    let start = clock()
    try body()
    return Double(clock() - start) * 1000 / Double(CLOCKS_PER_SEC)
}

private func measure(_ corpus: Corpus, candidates: Int, repeats: Int) throws -> [String: Double] {
    var best: [String: Double] = [:]
    func note(_ name: String, _ body: () throws -> Void) rethrows {
        best[name] = min(best[name] ?? .infinity, try milliseconds(body))
    }
    var sum = 0.0  // keeps the work from being optimised away
    for _ in 0..<repeats {
        let rows = corpus.rows.shuffled().prefix(candidates).sorted()
        try corpus.store.read { reader in
            var query = [Float](repeating: 0, count: corpus.modality.dimension)
            _ = try reader.forEachVector(Array(rows.prefix(1)), of: corpus.modality) { _, vector in
                for index in vector.indices { query[index] = vector[index] }
            }
            _ = try reader.forEachVector(rows, of: corpus.modality) { sum += Double($1[0]) }  // both start warm
            try note("reading") {
                _ = try reader.forEachVector(rows, of: corpus.modality) { sum += Double($1[0]) }
            }
            for metric in VectorMetric.allCases {
                let scorer = VectorScorer(metric, query: query)
                try note(metric.rawValue) {
                    _ = try reader.forEachVector(rows, of: corpus.modality) { sum += scorer.score($1) }
                }
            }
        }
    }
    precondition(sum.isFinite)
    return best
}

private func number(_ position: Int, _ otherwise: Int) -> Int {
    CommandLine.arguments.count > position ? Int(CommandLine.arguments[position]) ?? otherwise : otherwise
}

let (rows, dimension, repeats) = (number(1, 20_000), number(2, 768), number(3, 30))
private let corpus = try Corpus(count: rows, dimension: dimension)
defer { corpus.remove() }
private let best = try measure(corpus, candidates: min(1_000, rows), repeats: repeats)
private let reading = best["reading"] ?? 0
private let fields = best.sorted { $0.key < $1.key }.map { name, value in
    #""\#(name)":{"ms":\#((value * 1000).rounded() / 1000),"overReading":\#((value / reading * 1000).rounded() / 1000)}"#
}
print(#"{"rows":\#(rows),"dimension":\#(dimension),"candidates":\#(min(1_000, rows)),\#(fields.joined(separator: ","))}"#)
