/// What transport and late interaction refuse to compute on. Each input error is found before anything is computed.

/// Which of the two token sets an error is about.
package enum TransportSide: String, Sendable { case query, candidate }

package enum TransportError: Error, Equatable, Sendable, CustomStringConvertible {
    case emptyTokenSet(TransportSide)
    /// Tokens exist, but none has both weight and, under cosine, length.
    case noContent(TransportSide)
    case raggedTokens(TransportSide, values: Int, dimension: Int)
    case dimensionMismatch(query: Int, candidate: Int)
    case weightCountMismatch(TransportSide, tokens: Int, weights: Int)
    case negativeWeight(TransportSide, index: Int)
    case nonFiniteWeight(TransportSide, index: Int)
    case zeroWeights(TransportSide)
    case nonFiniteToken(TransportSide, index: Int)
    case costOutOfRange(row: Int, column: Int)
    case tooManyTokens(rows: Int, columns: Int)
    case notConverged(iterations: Int, marginalError: Double)

    package var description: String {
        switch self {
        case .emptyTokenSet(let side): "the \(side) has no tokens; give at least one"
        case .noContent(let side):
            "no token of the \(side) has both weight and length; under cosine a zero vector has no direction"
        case .raggedTokens(let side, let values, let dimension) where dimension < 1:
            "the \(values) values of the \(side) are in tokens of several lengths; give all tokens one length"
        case .raggedTokens(let side, let values, let dimension):
            "\(values) values of the \(side) are no whole number of \(dimension)-dimensional tokens"
        case .dimensionMismatch(let query, let candidate):
            "tokens of the query have \(query) dimensions, those of the candidate \(candidate); use one encoder for both"
        case .weightCountMismatch(let side, let tokens, let weights):
            "the \(side) has \(tokens) tokens and \(weights) weights; give one weight for each token"
        case .negativeWeight(let side, let index): "weight \(index) of the \(side) is negative; weights are masses"
        case .nonFiniteWeight(let side, let index): "weight \(index) of the \(side) is not a finite number"
        case .zeroWeights(let side): 
            "all weights of the \(side) are zero, or too small for float32; give one of about 1"
        case .nonFiniteToken(let side, let index): "token \(index) of the \(side) holds NaN or infinity"
        case .costOutOfRange(let row, let column):
            "the cost of row \(row) and column \(column) is not a number of magnitude below 1e150"
        case .tooManyTokens(let rows, let columns):
            "a cost matrix of \(rows) by \(columns) is larger than this program allocates; use fewer tokens"
        case .notConverged(let iterations, let marginalError):
            "after \(iterations) iterations the marginals are still off by \(marginalError); use a larger epsilon"
        }
    }
}
