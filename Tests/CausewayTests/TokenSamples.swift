/// Seeded token sets for the tests of metrics on them, and their oracles: the transport solver in float64, and textbook sums.
import Causeway
import VectorMath

/// Embeddings whose vector is the mean of their tokens; sizes differ, some carry weights, some are copies of another.
func tokenEmbeddings(
    _ count: Int, dimension: Int = 6, seed: UInt64, prefix: String = "", copies: Bool = true
) -> [Embedding] {
    var random = TestRandom(seed)
    let centres = (0..<8).map { _ in random.vector(dimension) }
    var embeddings: [Embedding] = []
    for number in 0..<count {
        let id = prefix + String(number)
        if copies && number % 7 == 6 {
            let original = embeddings[number - 4]
            embeddings.append(Embedding(id: id, vector: original.vector, tokens: original.tokens))
            continue
        }
        let tokens = (0..<2 + number % 5).map { _ in
            zip(centres[number % centres.count], random.vector(dimension)).map { $0 + 0.7 * $1 }
        }
        let weights = number % 3 == 1 ? tokens.indices.map { _ in Float.random(in: 0.1...2, using: &random) } : nil
        let set = Causeway.TokenSet(tokens, weights: weights)
        embeddings.append(Embedding(id: id, vector: mean(set), item: String(number), tokens: set))
    }
    return embeddings
}

func mean(_ tokens: Causeway.TokenSet) -> [Float] {
    (0..<tokens.dimension).map { component in
        let column = stride(from: component, to: tokens.values.count, by: tokens.dimension)
        return column.reduce(0) { $0 + tokens.values[$1] } / Float(tokens.count)
    }
}

func cloud(_ tokens: Causeway.TokenSet, _ ground: GroundCost) throws -> TokenCloud {
    try TokenCloud(
        values: tokens.values, dimension: tokens.dimension, weights: tokens.weights.map { $0.map(Double.init) },
        ground: ground, side: .query)
}

/// The optimal mean cost with costs and solver in float64.
func exactTransport(_ x: Causeway.TokenSet, _ y: Causeway.TokenSet, _ ground: GroundCost) throws -> Double {
    let transport = TokenTransport(PackedTokens(try cloud(x, ground)), precision: .double)
    guard case .optimal(let value) = try transport.solve(cloud(y, ground)) else { return .nan }
    return value
}

/// By the definition of each metric.
func oracleValue(_ metric: Metric, _ x: Causeway.TokenSet, _ y: Causeway.TokenSet) throws -> Double {
    switch metric.name {
    case "wasserstein": try exactTransport(x, y, .euclidean)
    case "wasserstein:cosine": try exactTransport(x, y, .cosine)
    case "wasserstein:sqeuclidean": try exactTransport(x, y, .squaredEuclidean)
    case "wasserstein2": try exactTransport(x, y, .squaredEuclidean).squareRoot()
    case "wasserstein2:cosine": (2 * (try exactTransport(x, y, .cosine))).squareRoot()
    case "max-sim": rows(x).reduce(0) { sum, row in sum + (rows(y).map { cosine(row, $0) }.max() ?? 0) }
    case "chamfer": nearest(x, y) + nearest(y, x)
    default: .nan
    }
}

private func rows(_ set: Causeway.TokenSet) -> [[Double]] {
    stride(from: 0, to: set.values.count, by: set.dimension).map { start in
        set.values[start..<start + set.dimension].map(Double.init)
    }
}

private func cosine(_ a: [Double], _ b: [Double]) -> Double {
    let dot = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
    return dot / (a.reduce(0) { $0 + $1 * $1 } * b.reduce(0) { $0 + $1 * $1 }).squareRoot()
}

/// The weighted mean cosine cost of each token's nearest in the other set.
private func nearest(_ x: Causeway.TokenSet, _ y: Causeway.TokenSet) -> Double {
    let weights = x.weights?.map(Double.init) ?? Array(repeating: 1, count: x.count)
    let total = weights.reduce(0, +)
    return zip(rows(x), weights).reduce(0) { sum, pair in
        sum + pair.1 / total * (1 - (rows(y).map { cosine(pair.0, $0) }.max() ?? 0))
    }
}
