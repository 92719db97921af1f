/// What can go wrong when an alignment is trained or a model read.

package enum AlignmentError: Error, Equatable, Sendable, CustomStringConvertible {
    case tooFewItems(got: Int, needed: Int)
    case dimensionsDiffer(method: AlignmentMethod, source: Int, target: Int)
    case cancelled
    case algebra(LinearAlgebraError)
    case diverged(epoch: Int)
    case malformedModel(String)

    package var description: String {
        switch self {
        case .tooFewItems(let got, let needed):
            "training needs pairs of at least \(needed) items, the collection holds \(got): add pairs"
        case .dimensionsDiffer(let method, let source, let target):
            "\(method.rawValue) needs equal dimensions, these are \(source) and \(target): use ridge, cca or contrastive"
        case .cancelled: "training was cancelled; nothing was kept"
        case .algebra(let error): "training failed: \(error)"
        case .diverged(let epoch): "training diverged in epoch \(epoch): lower the learning rate"
        case .malformedModel(let reason): "the stored model cannot be used: \(reason); train it again"
        }
    }
}
