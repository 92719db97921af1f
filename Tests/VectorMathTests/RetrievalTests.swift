/// Ranks, averages, intervals, bank normalisation and calibration against plain definitions and real data.
import Foundation
import Testing
import VectorMath

/// By full sort: the definition, written out.
private func sortedRanks(_ scores: [Double], _ relevant: [Int], higherIsBetter: Bool) -> [Int] {
    let order = scores.indices.sorted { a, b in
        let x = scores[a].isNaN ? -.infinity : (higherIsBetter ? scores[a] : -scores[a])
        let y = scores[b].isNaN ? -.infinity : (higherIsBetter ? scores[b] : -scores[b])
        return x != y ? x > y : a < b
    }
    return order.enumerated().filter { relevant.contains($0.element) }.map { $0.offset + 1 }
}

@Suite struct RetrievalTests {
    @Test func ranksEqualAFullSortWithTies() {
        for seed in 0..<60 as Range<UInt64> {
            var random = SeededRandom(seed: seed)
            var scores = (0..<30).map { _ in Double(random.index(below: 8)) }
            if seed % 5 == 0 { scores[random.index(below: 30)] = .nan }
            let relevant = Array(random.permutation(30).prefix(1 + random.index(below: 12)))
            for higher in [true, false] {
                let ranks = relevantRanks(scores: scores, relevant: relevant, higherIsBetter: higher)
                #expect(ranks == sortedRanks(scores, relevant, higherIsBetter: higher), "seed \(seed)")
            }
        }
    }

    @Test func averagePrecisionOfAKnownOrder() {
        // Relevant at ranks 1, 3 and 4: (1/1 + 2/3 + 3/4) / 3.
        let outcome = QueryOutcome(scores: [9, 8, 7, 6, 5], relevant: [3, 0, 2], higherIsBetter: true)
        #expect(outcome?.firstRank == 1)
        #expect(abs((outcome?.averagePrecision ?? 0) - (1 + 2.0 / 3 + 0.75) / 3) < 1e-15)
        #expect(QueryOutcome(scores: [1, 2], relevant: [], higherIsBetter: true) == nil)
    }

    @Test func summaryOfKnownRanks() throws {
        var accumulator = RetrievalAccumulator()
        for rank in [1, 2, 4, 11] {
            accumulator.add(.init(firstRank: rank, averagePrecision: 1 / Double(rank), relevantCount: 1, candidateCount: 20))
        }
        accumulator.add(nil)
        let summary = try #require(accumulator.summary())
        #expect(summary.queries == 4 && summary.skipped == 1)
        #expect(summary.recall(at: 1) == 0.25 && summary.recall(at: 5) == 0.75 && summary.recall(at: 10) == 0.75)
        #expect(summary.medianRank.value == 3)
        #expect(abs(summary.meanReciprocalRank.value - (1 + 0.5 + 0.25 + 1 / 11.0) / 4) < 1e-15)
        #expect(RetrievalAccumulator().summary() == nil)
    }

    @Test func intervalsMatchTheBinomialAndRepeatForASeed() throws {
        var accumulator = RetrievalAccumulator()
        for i in 0..<400 {
            accumulator.add(.init(
                firstRank: i % 4 == 0 ? 1 : 7, averagePrecision: 0.5, relevantCount: 1, candidateCount: 9))
        }
        let summary = try #require(accumulator.summary(seed: 3, threads: 1))
        #expect(summary == accumulator.summary(seed: 3, threads: 4))
        #expect(summary != accumulator.summary(seed: 4))
        let hits = summary.recall[0].hits, half = 1.96 * (0.25 * 0.75 / 400).squareRoot()
        #expect(abs(hits.low - (0.25 - half)) < 0.012 && abs(hits.high - (0.25 + half)) < 0.012)
        #expect(summary.medianRank == Estimate(value: 7, low: 7, high: 7))
    }

    @Test func chanceIsHypergeometric() {
        #expect(abs(chanceOfHit(at: 10, relevant: 1, candidates: 200) - 0.05) < 1e-12)
        #expect(abs(chanceOfHit(at: 1, relevant: 5, candidates: 20) - 0.25) < 1e-12)
        #expect(chanceOfHit(at: 9, relevant: 2, candidates: 10) == 1)
    }

    @Test func clipRecallsEqualThePublishedLoadingCheck() throws {
        guard let image = SharedData.floats("modality-gap/clip_image.npy"),
            let text = SharedData.floats("modality-gap/clip_text.npy")
        else { return }
        let items = Array(0..<image.rows), relevance = Relevance(queryItems: items, candidateItems: items)
        let (x, y) = (image.normalizingRows(), text.normalizingRows())
        let forth = evaluateDotProducts(queries: y, candidates: x, relevance: relevance).summary()
        let back = evaluateDotProducts(queries: x, candidates: y, relevance: relevance).summary()
        #expect(forth?.recall.map { ($0.hits.value * 1000).rounded() } == [506, 766, 862])
        #expect(back?.recall.map { ($0.hits.value * 1000).rounded() } == [552, 808, 892])
    }

    @Test func histogramCountsEverythingOnce() {
        let histogram = Histogram([0, 0.1, 0.5, 0.99, 1, 7, -3, .nan], bins: 4, range: 0...1)
        #expect(histogram.counts == [3, 0, 1, 3])
        #expect(Histogram([2, 2, 2], bins: 3).counts.reduce(0, +) == 3)
        #expect(Histogram([], bins: 2).counts == [0, 0])
    }
}

@Suite struct RetrievalNormalizationTests {
    /// Candidate 0 is a hub: nearest to every query; the true partner of query i is candidate i + 1.
    private let hubbed = Matrix<Float>([[0.9, 0.8, 0.1, 0.1], [0.9, 0.1, 0.8, 0.1], [0.9, 0.1, 0.1, 0.8]])

    @Test(arguments: QueryBank.Form.allCases) func hubsAreMarkedDown(form: QueryBank.Form) {
        let bank = QueryBank(similarities: hubbed, form: form, temperature: 0.1)
        for i in 0..<3 {
            let scores = bank.normalized(hubbed.row(i).map { Double($0) })
            #expect(scores.indices.max { scores[$0] < scores[$1] } == i + 1)
        }
    }

    @Test func softmaxOffsetIsTheLogSumOverTheBank() {
        let bank = QueryBank(similarities: hubbed, form: .softmax, temperature: 0.5)
        let sum = hubbed.transposed().row(1).reduce(0.0) { $0 + exp(Double($1) / 0.5) }
        #expect(abs(bank.offsets[1] - 0.5 * log(sum)) < 1e-12)
    }

    @Test func sinkhornBalancesRowsAndColumns() {
        var random = SeededRandom(seed: 5)
        let n = 12
        let similarities = Matrix<Float>(rows: n, columns: n, elements: (0..<n * n).map { _ in Float(random.uniform()) })
        let t = 0.2, bank = QueryBank(similarities: similarities, form: .sinkhorn, temperature: t, iterations: 300)
        // With converged offsets, every candidate receives the same mass when each query spreads one unit.
        var received = [Double](repeating: 0, count: n)
        for i in 0..<n {
            let weights = bank.normalized(similarities.row(i).map { Double($0) }).map { exp($0 / t) }
            let total = weights.reduce(0, +)
            for j in 0..<n { received[j] += weights[j] / total }
        }
        for mass in received { #expect(abs(mass - 1) < 1e-6) }
    }

    @Test(arguments: QueryBank.Form.allCases) func theTemperatureIsTheOneThatFindsTheBanksPairs(form: QueryBank.Form) {
        var random = SeededRandom(seed: 6)
        let n = 40
        var similarities = Matrix<Float>(rows: n, columns: n, elements: (0..<n * n).map { _ in Float(0.3 * random.uniform()) })
        for i in 0..<n {
            similarities[i, i] += 0.25
            similarities[i, 0] += 0.4  // a hub
        }
        let relevant = (0..<n).map { [$0] }
        let chosen = QueryBank.chosenTemperature(similarities, relevant: relevant, form: form)
        // The definition: a bank of the others for every query, which the shortcut takes out of one sum.
        func score(_ t: Double) -> Double {
            let potentials = QueryBank.queryPotentials(similarities, form: form, temperature: t)
            return (0..<n).reduce(0) { total, i in
                let others = (0..<n).filter { $0 != i }
                let bank = QueryBank(
                    similarities: similarities.gathering(others), potentials: others.map { potentials[$0] }, temperature: t)
                let scores = bank.normalized(similarities.row(i).map { Double($0) })
                return total + 1 / Double(relevantRanks(scores: scores, relevant: [i], higherIsBetter: true)[0])
            }
        }
        let scores = QueryBank.temperatures.map(score)
        let best = scores.max() ?? 0
        #expect(chosen.map { abs(score($0) - best) < 1e-9 } == true, "\(form): \(chosen ?? 0), \(scores)")
        #expect(QueryBank.chosenTemperature(similarities, relevant: relevant.map { _ in [] }, form: form) == nil)
    }

    @Test func bankNormalisationLiftsRecallOnRealPairs() throws {
        guard let image = SharedData.floats("modality-gap/clip_image.npy"),
            let text = SharedData.floats("modality-gap/clip_text.npy")
        else { return }
        let scores = image.normalizingRows().timesTranspose(text.normalizingRows())
        func recall(_ offsets: (Int) -> [Double]) -> Double {
            var accumulator = RetrievalAccumulator()
            for i in 0..<500 {
                let adjusted = zip(scores.row(i), offsets(i)).map { Double($0) - $1 }
                accumulator.add(QueryOutcome(scores: adjusted, relevant: [i], higherIsBetter: true))
            }
            return accumulator.summary(resamples: 0)?.recall(at: 1) ?? 0
        }
        let plain = recall { _ in [Double](repeating: 0, count: 500) }
        let softmax = QueryBank(similarities: scores, form: .softmax, temperature: 0.01)
        let sinkhorn = QueryBank(similarities: scores, form: .sinkhorn, temperature: 0.01)
        let normalized = [recall { _ in softmax.offsets }, recall { _ in sinkhorn.offsets }]
        print("image→text Recall@1: cosine \(plain), bank softmax \(normalized[0]), Sinkhorn \(normalized[1])")
        for value in normalized { #expect(value > plain + 0.05) }
    }

    @Test func standardisationGivesMeanZeroAndDeviationOne() throws {
        let scores = [0.2, 0.4, 0.9, 0.1]
        let standard = try #require(ScoreStandardization(scores))
        let mapped = scores.map(standard.standardized)
        #expect(abs(mapped.reduce(0, +)) < 1e-12)
        #expect(abs(mapped.reduce(0) { $0 + $1 * $1 } / 3 - 1) < 1e-12)
        #expect(ScoreStandardization([1]) == nil && ScoreStandardization([1, 1]) == nil)
    }

    /// Scores from two unit normals two apart: the true posterior is logistic in the score.
    private func sample(_ count: Int, seed: UInt64) -> (matched: [Double], mismatched: [Double]) {
        var random = SeededRandom(seed: seed)
        return ((0..<count).map { _ in 2 + random.normal() }, (0..<3 * count).map { _ in random.normal() })
    }

    @Test func logisticCalibrationFindsTheTruePosterior() throws {
        let (matched, mismatched) = sample(8_000, seed: 1)
        let fit = try #require(MatchCalibration(matched: matched, mismatched: mismatched, form: .logistic))
        #expect(abs(fit.slope - 2) < 0.1 && abs(fit.intercept - (-2 - log(3))) < 0.15)
        let balanced = try #require(
            MatchCalibration(matched: matched, mismatched: mismatched, form: .logistic, prior: 0.5))
        #expect(abs(balanced.probability(1) - 0.5) < 0.03)
    }

    @Test(arguments: MatchCalibration.Form.allCases) func heldOutScoresAreCalibrated(form: MatchCalibration.Form) throws {
        let (matched, mismatched) = sample(4_000, seed: 2), held = sample(4_000, seed: 3)
        let fit = try #require(MatchCalibration(matched: matched, mismatched: mismatched, form: form))
        let points = held.matched.map { (fit.probability($0), 1.0) } + held.mismatched.map { (fit.probability($0), 0.0) }
        var error = 0.0
        for bin in 0..<10 {
            let inside = points.filter { Int(min($0.0 * 10, 9)) == bin }
            error += abs(inside.reduce(0) { $0 + $1.0 - $1.1 })
        }
        #expect(error / Double(points.count) < 0.015)
    }

    @Test(arguments: MatchCalibration.Form.allCases)
    func probabilitiesFollowTheOrderOfDistances(form: MatchCalibration.Form) throws {
        let fit = try #require(MatchCalibration(
            matched: [0.1, 0.2, 0.3, 0.5], mismatched: [0.4, 0.6, 0.8, 0.9], form: form, higherIsBetter: false))
        let probabilities = stride(from: 0.0, through: 1, by: 0.05).map(fit.probability)
        #expect(zip(probabilities, probabilities.dropFirst()).allSatisfy { $0 >= $1 })
        #expect(probabilities[0] > 0.7 && probabilities[20] < 0.3)
        #expect(probabilities.allSatisfy { (0...1).contains($0) } && fit.probability(.nan) == 0)
    }

    @Test(arguments: [true, false]) func aSlopeOfTheWrongSignIsNone(higherIsBetter: Bool) throws {
        let sign = higherIsBetter ? 1.0 : -1.0
        let good = [0.1, 0.2, 0.3, 0.25].map { $0 * sign }
        let bad = [0.7, 0.8, 0.9, 0.6, 0.65, 0.75, 0.85, 0.95].map { $0 * sign }
        let fit = try #require(MatchCalibration(
            matched: good, mismatched: bad, form: .logistic, higherIsBetter: higherIsBetter))
        #expect(fit.slope == 0 && fit.isOrdered(higherIsBetter: higherIsBetter))
        // Platt's targets: (4·5/6 + 8·1/10)/12.
        #expect(abs(fit.probability(0.4) - (4 * 5 / 6.0 + 0.8) / 12) < 1e-12)
        #expect(fit == .constant(matches: 4, mismatches: 8))
        // Stored before slopes were held to their sign.
        func stored(_ slope: Double) -> MatchCalibration {
            MatchCalibration(slope: slope, intercept: 1, matches: 4, mismatches: 8, higherIsBetter: higherIsBetter)
        }
        #expect(stored(-sign) == fit && stored(sign) == MatchCalibration(slope: sign, intercept: 1))
    }

    @Test func calibrationNeedsBothKinds() {
        #expect(MatchCalibration(matched: [], mismatched: [1], form: .logistic) == nil)
        #expect(MatchCalibration(matched: [1], mismatched: [1], form: .isotonic) == nil)
    }
}
