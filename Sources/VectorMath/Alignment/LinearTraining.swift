/// Trains the closed-form methods: every setting on a grid is judged by retrieval on left-out items, the best is fitted to all.
import Foundation
import Platform

/// A linear pair of maps into a common space, nil being the identity, with the settings that made it. Where `components` lists
/// several, the leading columns alone are alternatives.
struct LinearCandidate {
    var settings: [String: Double]
    var a: Matrix<Double>?
    var b: Matrix<Double>?
    var components: [Int] = []
}

/// The maps chosen, with the means to subtract first.
struct LinearFit {
    var a: Matrix<Float>?
    var b: Matrix<Float>?
    var meanX: [Double]
    var meanY: [Double]
    var settings: [String: Double]

    var parameters: [String: Matrix<Float>] {
        var result = [
            "source.mean": Matrix(rows: 1, columns: meanX.count, elements: meanX.map { Float($0) }),
            "target.mean": Matrix(rows: 1, columns: meanY.count, elements: meanY.map { Float($0) }),
        ]
        if let a { result["source.map"] = a }
        if let b { result["target.map"] = b }
        return result
    }
}

/// Fits to unit rows.
struct LinearTrainer {
    let data: AlignmentData
    let options: AlignmentTrainingOptions
    let cancellation: Cancellation?
    let progress: AlignmentProgressHandler?
    private static let validationRowsMax = 1_500

    func fit(_ method: AlignmentMethod, _ pairs: [AlignmentPair]) throws(AlignmentError) -> LinearFit {
        let subset = AlignmentData(sources: data.sources, targets: data.targets, pairs: pairs)
        let isLarge = max(data.sources.columns, data.targets.columns) > 1_000
        let count = max(2, isLarge ? min(options.folds, 3) : options.folds)
        let folds = subset.split(shares: [Double](repeating: 1 / Double(count), count: count), seed: options.seed &+ 1)
        let moments = folds.map { PairMoments(data, $0, threads: options.threads) }
        var total = moments[0]
        for other in moments.dropFirst() { total = total + other }
        if method == .center { return finish(LinearCandidate(settings: [:]), 0, total) }

        var sums: [[Double]] = []
        for (index, fold) in folds.enumerated() {
            if cancellation?.isCancelled == true { throw .cancelled }
            let scores = try judge(method, total - moments[index], fold)
            sums = sums.isEmpty ? scores : zip(sums, scores).map { zip($0, $1).map { $0 + $1 } }
            progress?(AlignmentProgress(stage: "cross-validation", done: index + 1, total: count))
        }
        var best = (candidate: 0, alternative: 0)
        for (i, row) in sums.enumerated() {
            for (j, sum) in row.enumerated() where sum > sums[best.candidate][best.alternative] { best = (i, j) }
        }
        let candidates = try Self.candidates(method, total, options)
        return finish(candidates[best.candidate], best.alternative, total)
    }

    /// Mean reciprocal rank of every candidate and alternative on a fold, fitted to the others.
    private func judge(
        _ method: AlignmentMethod, _ training: PairMoments, _ fold: [AlignmentPair]
    ) throws(AlignmentError) -> [[Double]] {
        let set = RetrievalSet(data, fold, rowsMax: Self.validationRowsMax)
        let x = set.sources.subtractingFromRows(training.meanX), y = set.targets.subtractingFromRows(training.meanY)
        return try Self.candidates(method, training, options).map { candidate in
            let ex = candidate.a.map { x.times($0.converted(to: Float.self), threads: options.threads) } ?? x
            let ey = candidate.b.map { y.times($0.converted(to: Float.self), threads: options.threads) } ?? y
            let counts = candidate.components.isEmpty ? [ex.columns] : candidate.components
            return counts.map { k in
                set.meanReciprocalRank(
                    ex.leadingColumns(k).normalizingRows(), ey.leadingColumns(k).normalizingRows(), threads: options.threads)
            }
        }
    }

    private func finish(_ candidate: LinearCandidate, _ alternative: Int, _ moments: PairMoments) -> LinearFit {
        var fit = LinearFit(
            a: candidate.a?.converted(to: Float.self), b: candidate.b?.converted(to: Float.self), meanX: moments.meanX,
            meanY: moments.meanY, settings: candidate.settings)
        if !candidate.components.isEmpty {
            let k = candidate.components[alternative]
            fit.a = fit.a?.leadingColumns(k)
            fit.b = fit.b?.leadingColumns(k)
            fit.settings["components"] = Double(k)
        }
        return fit
    }
}

extension LinearTrainer {
    private static let ridgeGrid = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
    private static let canonicalGrid = [0.001, 0.01, 0.1, 0.3, 1, 3, 10, 30]
    private static let shrinkageGrid = [0, 0.25, 0.5, 0.75, 0.9, 0.97]

    /// All settings tried, in one order whatever the moments.
    static func candidates(
        _ method: AlignmentMethod, _ moments: PairMoments, _ options: AlignmentTrainingOptions
    ) throws(AlignmentError) -> [LinearCandidate] {
        do throws(LinearAlgebraError) {
            switch method {
            case .procrustes: return try procrustes(moments, options)
            case .ridge: return try ridge(moments, options)
            case .cca: return try canonical(moments, options)
            default: return [LinearCandidate(settings: [:])]
            }
        } catch { throw .algebra(error) }
    }

    /// Between equal dimensions the cross-covariance is shrunk towards the identity; otherwise components are left out.
    private static func procrustes(
        _ moments: PairMoments, _ options: AlignmentTrainingOptions
    ) throws(LinearAlgebraError) -> [LinearCandidate] {
        let cross = moments.covarianceXY, d = cross.rows
        guard d == cross.columns else {
            let svd = try LeadingSingularVectors(cross, threads: options.threads)
            let counts = componentGrid(svd.values.count, options)
            return counts.map { k in
                LinearCandidate(
                    settings: ["components": Double(k)],
                    a: svd.left.leadingColumns(k).timesTranspose(svd.right.leadingColumns(k), threads: options.threads))
            }
        }
        let norm = max(cross.squaredFrobeniusNorm.squareRoot(), .leastNormalMagnitude)
        let unit = (1 / norm) * cross, identity = (1 / Double(d).squareRoot()) * Matrix<Double>.identity(d)
        var result: [LinearCandidate] = []
        for alpha in options.lambda.map({ [min(max($0, 0), 1)] }) ?? shrinkageGrid {
            let blend = (1 - alpha) * unit + alpha * identity
            let map = try LinearMaps.polarFactor(blend, options.threads)
            result.append(LinearCandidate(settings: ["shrinkage": alpha], a: map))
        }
        return result
    }

    private static func ridge(
        _ moments: PairMoments, _ options: AlignmentTrainingOptions
    ) throws(LinearAlgebraError) -> [LinearCandidate] {
        let path = try RidgePath(moments, threads: options.threads)
        let isSquare = moments.meanX.count == moments.meanY.count
        var result: [LinearCandidate] = []
        for towards in isSquare ? [false, true] : [false] {
            for lambda in options.lambda.map({ [$0] }) ?? ridgeGrid {
                result.append(LinearCandidate(
                    settings: ["lambda": lambda, "towards-identity": towards ? 1 : 0],
                    a: path.map(lambda: lambda, towardsIdentity: towards)))
            }
        }
        return result
    }

    /// Columns are weighted by a power of their correlation (Gong et al. 2014), which decides how much weak ones count.
    private static func canonical(
        _ moments: PairMoments, _ options: AlignmentTrainingOptions
    ) throws(LinearAlgebraError) -> [LinearCandidate] {
        let path = try CanonicalPath(moments, threads: options.threads)
        var result: [LinearCandidate] = []
        for regularizer in options.lambda.map({ [$0] }) ?? canonicalGrid {
            let maps = try path.maps(regularizer: regularizer)
            for power in [0, 0.5, 1] {
                let weights = maps.correlations.map { pow(max($0, 0), power) }
                result.append(LinearCandidate(
                    settings: ["lambda": regularizer, "power": power], a: maps.a.scalingColumns(by: weights),
                    b: maps.b.scalingColumns(by: weights), components: componentGrid(weights.count, options)))
            }
        }
        return result
    }

    /// 1, 2, 4 … and all of them.
    private static func componentGrid(_ count: Int, _ options: AlignmentTrainingOptions) -> [Int] {
        if let fixed = options.components { return [min(max(fixed, 1), count)] }
        return (0..<20).map { 1 << $0 }.filter { $0 < count && (count < 64 || $0 >= 8) } + [count]
    }
}
