/// Metrics as a concept: names, the user's own, defaults, evaluation, and how many candidates they need.
import Causeway
import Testing

struct MetricTests {
    @Test func namesAreReadWithTheirParametersAndWrittenCanonically() throws {
        let expected = [
            "cosine": "cosine", "chi-square": "chi-square", "wasserstein": "wasserstein",
            "wasserstein:euclidean": "wasserstein", "wasserstein:cosine": "wasserstein:cosine",
            "wasserstein:sqeuclidean": "wasserstein:sqeuclidean", "wasserstein2:sqeuclidean": "wasserstein2",
            "wasserstein2:cosine": "wasserstein2:cosine", "sinkhorn": "sinkhorn",
            "sinkhorn:epsilon=0.5:cosine": "sinkhorn:cosine:epsilon=0.5", "sinkhorn:divergence": "sinkhorn:divergence",
            "max-sim": "max-sim", "chamfer:cosine": "chamfer", "chamfer:euclidean": "chamfer:euclidean",
            "sliced-wasserstein:directions=64": "sliced-wasserstein",
            "sliced-wasserstein:directions=9:order=2": "sliced-wasserstein:order=2:directions=9",
            "gaussian-wasserstein": "gaussian-wasserstein",
        ]
        for (written, canonical) in expected {
            let metric = try Metric(named: written)
            #expect(metric.name == canonical)
            #expect(try Metric(named: canonical) == metric)
            #expect(metric.operand == (["cosine", "chi-square"].contains(canonical) ? .vectors : .tokenSets))
            #expect(metric.isSimilarity == ["cosine", "max-sim"].contains(canonical))
        }
        for name in Metric.names { #expect(try Metric(named: name).name == name) }
        for name in ["", "earth-mover", "Cosine"] {
            #expect(throws: CausewayError.unknownMetric(name)) { try Metric(named: name) }
        }
        for name in [
            "cosine:x", "wasserstein:manhattan", "wasserstein:", "sinkhorn:epsilon=0", "sinkhorn:epsilon=nan", "max-sim:cosine",
            "sliced-wasserstein:order=3", "sliced-wasserstein:directions=0", "chamfer:euclidean:cosine",
        ] {
            #expect { try Metric(named: name) } throws: { error in
                if case CausewayError.badMetric(name, _)? = error as? CausewayError { true } else { false }
            }
        }
    }

    @Test func aCollectionKeepsItsDefaultMetric() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(tokenEmbeddings(3, seed: 1), into: "v")
        #expect(try collection.defaultMetric() == .cosine)
        try collection.setDefaultMetric(Metric(named: "wasserstein:cosine"))
        #expect(try Database(path: temporary.path).collection("c").defaultMetric().name == "wasserstein:cosine")
        try collection.setDefaultMetric(nil)
        #expect(try collection.storedDefaultMetric() == nil)
    }

    @Test func evaluationRanksAsAnExactSearchDoes() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let texts = tokenEmbeddings(40, seed: 6, prefix: "t", copies: false)
        try collection.insert(tokenEmbeddings(50, seed: 5), into: "image")
        try collection.insert(texts, into: "text")
        for metric in [Metric.wasserstein, .maxSim, .chamfer] {
            var first = 0
            for text in texts {
                let answer = try collection.search(
                    .embedding(id: text.id, from: "text"), in: "image",
                    options: SearchOptions(k: 5, metric: metric, effort: .exact))
                if answer.hits.contains(where: { $0.item == text.item }) { first += 1 }
            }
            let evaluation = try collection.evaluate(
                from: "text", to: "image", options: EvaluationOptions(metrics: [metric], at: [5]))
            // Copies have an item of their own, so every item has one embedding on either side.
            #expect(evaluation.queries == 40)
            #expect(abs(evaluation.metrics[0].recall[0].figure.value - Double(first) / 40) < 1e-12, "\(metric)")
        }
    }

    @Test func evaluationRefusesTokensThatAreNotThere() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        try collection.insert(tokenEmbeddings(5, seed: 5), into: "image")
        try collection.insert([Embedding(id: "0", vector: [1, 2, 3, 4, 5, 6])], into: "text")
        #expect(throws: CausewayError.invalidArgument(
            reason: "wasserstein compares token sets, and modality text has none",
            remedy: "ingest tokens with the embeddings, or choose a metric on vectors")) {
            try collection.evaluate(from: "text", to: "image", options: EvaluationOptions(metrics: [.wasserstein]))
        }
    }

    /// Under cosine a zero token has no direction, so a set of them nothing to compare.
    @Test func aQueryWithoutContentIsLeftOutAndCounted() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        var texts = tokenEmbeddings(12, seed: 6, copies: false)
        try collection.insert(tokenEmbeddings(12, seed: 5, copies: false), into: "image")
        let options = EvaluationOptions(metrics: [.maxSim, .wasserstein], at: [1])
        texts[3].tokens = TokenSet([[Float](repeating: 0, count: 6)])
        texts[4].tokens = nil
        try collection.insert(texts, into: "text")
        let evaluation = try collection.evaluate(from: "text", to: "image", options: options)
        #expect(evaluation.queries == 12 && evaluation.embeddings == 12)
        #expect(evaluation.metrics.map(\.queries) == [10, 11] && evaluation.metrics.map(\.embeddings) == [12, 12])
        #expect(evaluation.notes == [
            "2 queries of text cannot be compared by max-sim and were left out",
            "1 query of text cannot be compared by wasserstein and was left out",
        ])
        let rest = texts.filter { $0.id != "3" && $0.id != "4" }
        try collection.insert(rest, into: "rest")
        let without = try collection.evaluate(from: "rest", to: "image", options: options)
        #expect(evaluation.metrics[0].recall[0].figure.value == without.metrics[0].recall[0].figure.value)
        let back = try collection.evaluate(
            from: "image", to: "text", options: EvaluationOptions(metrics: [.cosine, .maxSim, .wasserstein], at: [1]))
        #expect(back.metrics.map(\.queries) == [12, 12, 12] && back.metrics.map(\.embeddings) == [12, 10, 11])
    }

    /// What shows a query's own item is no answer to look for, in its own modality and across.
    @Test func budgetsAreMeasuredWithoutTheQuerysOwnItem() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let embeddings = tokenEmbeddings(400, seed: 9, copies: false)
        try collection.insert(embeddings, into: "image")
        try collection.insert(embeddings, into: "text")
        func candidates(_ from: String) throws -> Int? {
            try collection.tuneIndex(from: from, to: "image", recall: 0.9, k: 1, metric: .wasserstein)?.candidates
        }
        // Its own twin is by far the nearest under either metric; the next under both are another matter.
        for from in ["image", "text"] { #expect(try #require(try candidates(from)) > 20, "\(from)") }
    }

    @Test(.enabled(if: isOptimised, "many embeddings"))
    func aSampleMeasuresItsShareOfManyHits() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let embeddings = tokenEmbeddings(17_000, dimension: 4, seed: 3, copies: false)
        try collection.insert(embeddings, into: "v")
        // 4,000 of a third of the rows would stand for the best 12,000, more than any search compares.
        let tuning = try #require(try collection.tuneIndex(from: "v", to: "v", recall: 0.5, k: 4_000, metric: .maxSim))
        #expect(tuning.k == 4_000 && tuning.candidates >= 4_000 && tuning.candidates <= 10_000)
        #expect {
            try collection.tuneIndex(from: "v", to: "v", recall: 0.5, k: 16_000, metric: .maxSim)
        } throws: { error in
            "\(error)".hasPrefix("no number of candidates up to 10000 is known to hold the best 16000 by max-sim of the 17000")
        }
    }

    @Test func theMeasuredBudgetReachesTheRecallAndSearchesUseIt() throws {
        let temporary = try TemporaryDatabase()
        let collection = temporary.collection()
        let count = isOptimised ? 1_500 : 1_200
        try collection.insert(tokenEmbeddings(count, dimension: 5, seed: 21), into: "v")
        let unmeasured = try collection.search(.embedding(id: "3"), in: "v", options: SearchOptions(metric: .wasserstein))
        #expect(unmeasured.explanation.candidates == 1_000)
        #expect(unmeasured.explanation.notes.first?.hasPrefix("no candidate budget is measured for wasserstein") == true)

        let tuning = try #require(try collection.tuneIndex(from: "v", to: "v", recall: 0.95, metric: .wasserstein))
        #expect(tuning.metric == "wasserstein" && tuning.lowerBound >= 0.95 && tuning.candidates <= count)
        var reached = 0
        let ids = stride(from: 1, to: count, by: count / (isOptimised ? 150 : 20)).map(String.init)
        for id in ids {
            func hits(_ effort: SearchOptions.Effort) throws -> SearchAnswer {
                try collection.search(
                    .embedding(id: id), in: "v", options: SearchOptions(metric: .wasserstein, effort: effort))
            }
            let approximate = try hits(.recall(0.95))
            #expect(approximate.explanation.candidates == tuning.candidates)
            #expect(approximate.explanation.notes == [])
            let worst = try hits(.exact).hits.last!.score
            reached += approximate.hits.count { $0.score <= worst }
        }
        // The table promises the lower bound of what it measured, so that the mean of other queries is no less.
        #expect(Double(reached) / Double(10 * ids.count) >= 0.95, "\(reached) of \(10 * ids.count)")

        let replaced = tokenEmbeddings(count / 4, dimension: 5, seed: 22)
        try collection.insert(replaced, into: "v", options: IngestOptions(onConflict: .replace))
        let options = SearchOptions(metric: .wasserstein, effort: .recall(0.95))
        let notes = try collection.search(.embedding(id: "3"), in: "v", options: options).explanation.notes
        #expect(notes.count == 1 && notes[0].hasPrefix("the recall table is stale"), "\(notes)")
        #expect(notes.first?.contains("`causeway index tune --metric wasserstein`") == true)
    }
}
