/// The tokens of a file of queries: a matrix of all tokens, and the offsets at which each query's begin.
import Platform
import VectorFiles

/// Which files hold the tokens of queries.
package struct QueryTokens: Sendable {
    package var tokens: String
    package var offsets: String
    package var weights: String?
    /// 1 or 0 a token: 0 is padding, which is dropped.
    package var mask: String?

    package init(tokens: String, offsets: String, weights: String? = nil, mask: String? = nil) {
        (self.tokens, self.offsets, self.weights, self.mask) = (tokens, offsets, weights, mask)
    }
}

package struct QueryTokenFile: Sendable {
    private let files: TokenFiles
    private let weightsPath: String?

    /// - Parameter count: of the queries.
    /// - Throws: `.badInput` where offsets, weights or mask do not fit the queries or the tokens.
    package init(_ paths: QueryTokens, count: Int, fileSystem: any FileSystem = PosixFileSystem()) throws {
        var files = MatrixFiles([])
        (files.tokens, files.tokenOffsets) = (paths.tokens, paths.offsets)
        (files.tokenWeights, files.tokenMask) = (paths.weights, paths.mask)
        let opened = try translatingErrors { try TokenFiles(files, rowCount: count, fileSystem: fileSystem) }
        guard let opened else { preconditionFailure("tokens were named") }
        (self.files, weightsPath) = (opened, paths.weights)
    }

    /// - Throws: `.badInput` naming file and row for tokens or weights that cannot be compared.
    package func tokens(of query: Int) throws -> TokenSet {
        let tokens = try translatingErrors { try files.read(query) }
        if let fault = tokens.weightFault {
            throw CausewayError.badInput(
                file: weightsPath, row: query, line: nil, reason: fault, remedy: TokenSet.weightRemedy)
        }
        return tokens
    }
}
