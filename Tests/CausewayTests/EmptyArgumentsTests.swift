/// Nothing, less than nothing, and more than there can be, handed to the library: refused with a remedy or answered with what
/// there is, never a trap.
import Causeway
import Testing

struct EmptyArgumentsTests {
    @Test func aListOfNoFilesIsRefused() throws {
        let temporary = try TemporaryDatabase()
        let refusal = #expect(throws: CausewayError.self) { try temporary.collection().ingest(MatrixFiles([]), into: "v") }
        #expect(refusal?.description == "there is no matrix to ingest; name at least one file")
    }

    @Test func nothingAskedIsAnsweredWithNothing() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 30)
        let query = Query.embedding(id: "i3", from: "image")
        #expect(try collection.insert([], into: "image").inserted == 0)
        #expect(try collection.delete(ids: [], from: "image") == 0)
        #expect(try collection.list(in: "image", limit: 0).isEmpty)
        #expect(try collection.list(in: "image", limit: 0, where: "item = '3'").isEmpty)
        #expect(try collection.search([], in: "image").isEmpty)
        #expect(try collection.search([], across: ["image"], options: CrossSearchOptions()).isEmpty)
        #expect(try collection.search([query], across: [], options: CrossSearchOptions()).isEmpty)
        #expect(try collection.buildIndex(modalities: []).isEmpty)
        var audit = IndexAuditOptions()
        (audit.worstMax, audit.metrics) = (-1, [])
        #expect(try collection.auditIndex(from: "image", to: "image", options: audit).metrics.isEmpty)
        audit.metrics = [.cosine]
        #expect(try collection.auditIndex(from: "image", to: "image", options: audit).metrics.count == 1)
    }

    @Test func countsThatCannotBeAreRefused() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 30)
        try collection.insert(clusteredEmbeddings(30, dimension: 9, seed: 3), into: "other")
        for count in [0, -1] {
            let search = SearchOptions(k: count)
            #expect(throws: CausewayError.self) {
                try collection.search(.embedding(id: "i3"), in: "image", options: search)
            }
            #expect(throws: CausewayError.self) { try collection.tuneIndex(from: "image", to: "image", recall: 0.9, k: count) }
            #expect(throws: CausewayError.self) {
                let options = EvaluationOptions(metrics: [.cosine], queries: count)
                return try collection.evaluate(from: "other", to: "image", options: options)
            }
            #expect(throws: CausewayError.self) { try collection.picture(between: "other", and: "image", pairsMax: count) }
            var training = TrainingOptions(method: .ridge)
            training.itemsMax = count
            #expect(throws: CausewayError.self) {
                try collection.trainModel(named: "m", from: "text", to: "image", options: training)
            }
            var audit = IndexAuditOptions()
            audit.at = count == 0 ? [] : [count]
            #expect(throws: CausewayError.self) { try collection.auditIndex(from: "image", to: "image", options: audit) }
        }
        for filter in [nil, "item = '3'"] {
            #expect(throws: CausewayError.self) { try collection.list(in: "image", limit: -1, where: filter) }
        }
    }

    private static let integers = [Int.max, .max - 1, .max / 2, 1 << 31, 1, 0, -1, .min + 1, .min]
    private static let reals = [
        Double.infinity, -.infinity, .nan, .greatestFiniteMagnitude, 2, 1, 1.0.nextDown, 0.5, .leastNonzeroMagnitude, 0, -1,
    ]

    /// Answered, or refused in the words of the library; a trap would end the tests.
    private func survives(_ what: String, _ body: () throws -> Void) {
        do {
            try body()
        } catch {
            #expect(error is CausewayError && !"\(error)".isEmpty, "\(what): \(error)")
        }
    }

    /// Two modalities of one dimension, with tokens.
    private func twins(_ temporary: TemporaryDatabase, _ count: Int) throws -> EmbeddingCollection {
        let collection = temporary.collection()
        try collection.insert(tokenEmbeddings(count, seed: 1, copies: false), into: "image")
        try collection.insert(tokenEmbeddings(60, seed: 2, copies: false), into: "text")
        return collection
    }

    private func searches(_ collection: EmbeddingCollection, isWide: Bool, _ options: SearchOptions, _ what: String) {
        let queries = [Query.embedding(id: "3", from: "text"), .embedding(id: "4", from: "text")]
        for metric in [Metric.cosine, .manhattan, .maxSim] {
            for filter in [nil, "id <> '7'"] {
                var options = options
                (options.metric, options.filter) = (metric, filter)
                survives(what) { _ = try collection.search(queries, in: "image", options: options) }
                var across = CrossSearchOptions(search: options)
                survives(what) { _ = try collection.search(queries, across: ["image"], options: across) }
                guard isWide else { continue }
                across.normalization = .bank
                survives(what) { _ = try collection.search(queries, across: ["image", "text"], options: across) }
                (across.normalization, across.via) = (.none, "text")
                survives(what) { _ = try collection.search(queries, across: ["image"], options: across) }
            }
        }
    }

    @Test(arguments: isOptimised ? [80, 2_100] : [80]) func noNumberOfHitsOrCandidatesIsATrap(count: Int) throws {
        let temporary = try TemporaryDatabase()
        let collection = try twins(temporary, count)
        try collection.buildIndex()
        let isWide = count < 100
        for number in isWide ? Self.integers : [.max, 1 << 31, 0, .min] {
            searches(collection, isWide: isWide, SearchOptions(k: number), "k \(number)")
            searches(collection, isWide: isWide, SearchOptions(k: number, effort: .exact), "k \(number), exact")
            searches(collection, isWide: isWide, SearchOptions(candidates: number), "candidates \(number)")
            searches(collection, isWide: isWide, SearchOptions(effort: .width(number)), "width \(number)")
            survives("tune \(number)") { _ = try collection.tuneIndex(from: "text", to: "image", recall: 0.5, k: number) }
            survives("tune tokens \(number)") {
                _ = try collection.tuneIndex(from: "text", to: "image", recall: 0.5, k: number, metric: .maxSim)
            }
        }
        for number in isWide ? Self.reals : [.infinity, .nan, 1.0.nextDown, .leastNonzeroMagnitude] {
            searches(collection, isWide: isWide, SearchOptions(effort: .recall(number)), "recall \(number)")
            survives("tune \(number)") { _ = try collection.tuneIndex(from: "text", to: "image", recall: number) }
        }
    }

    /// What "all" looks like in a program.
    @Test(arguments: isOptimised ? [80, 2_100] : [80]) func moreThanThereIsMeansAll(count: Int) throws {
        let temporary = try TemporaryDatabase()
        let collection = try twins(temporary, count)
        try collection.buildIndex()
        let query = Query.embedding(id: "3", from: "text")
        for metric in [Metric.cosine, .manhattan, .maxSim] {
            for effort in [SearchOptions.Effort.recall(0.9), .width(.max), .exact] {
                let options = SearchOptions(k: .max, metric: metric, effort: effort)
                #expect(try collection.search(query, in: "image", options: options).hits.count == count, "\(metric) \(effort)")
            }
        }
        var across = CrossSearchOptions(search: SearchOptions(k: .max))
        #expect(try collection.search([query], across: ["image", "text"], options: across)[0].hits.count == count + 60)
        across.normalization = .bank
        #expect(try collection.search([query], across: ["image"], options: across)[0].hits.count == count)
    }

    @Test func noNumberOfThreadsQueriesOrRowsIsATrap() throws {
        let temporary = try TemporaryDatabase()
        let collection = try twins(temporary, 80)
        let queries = (0..<20).map { Query.embedding(id: String($0), from: "text") }
        for number in Self.integers {
            survives("threads") { _ = try collection.search(queries, in: "image", threads: number) }
            survives("threads") { _ = try collection.search(queries, across: ["image"], options: .init(), threads: number) }
            survives("threads") { _ = try collection.calibrate(from: "text", to: "image", threads: number) }
            survives("threads") { _ = try collection.buildIndex(options: IndexOptions(threads: number)) }
            survives("threads") { _ = try collection.maintainIndexes(threads: number) }
            survives("threads") { _ = try collection.tuneIndex(from: "text", to: "image", recall: 0.5, threads: number) }
            survives("limit") { _ = try collection.list(in: "image", limit: number) }
            survives("limit") { _ = try collection.list(in: "image", limit: number, where: "id <> '7'") }
            survives("batch") {
                let options = IngestOptions(onConflict: .replace, batchSize: number)
                try collection.insert(tokenEmbeddings(3, seed: 1, copies: false), into: "image", options: options)
            }
            for part in 0..<4 {
                var audit = IndexAuditOptions(), evaluation = EvaluationOptions()
                switch part {
                case 0: (audit.at, evaluation.at) = ([5, number], [5, number])
                case 1: (audit.queries, evaluation.queries) = (number, number)
                case 2: (audit.threads, evaluation.threads) = (number, number)
                default: (audit.worstMax, audit.effort) = (number, .width(number))
                }
                survives("audit \(part)") { _ = try collection.auditIndex(from: "text", to: "image", options: audit) }
                survives("evaluate \(part)") { _ = try collection.evaluate(from: "text", to: "image", options: evaluation) }
                survives("evaluate with a bank \(part)") {
                    _ = try collection.evaluate(
                        from: "text", to: "image", scores: nil, normalization: .bank, options: evaluation)
                }
            }
            survives("picture") { _ = try collection.picture(between: "text", and: "image", pairsMax: number) }
            for part in 0..<3 {
                var gap = ModalityGapOptions(seed: .max)
                switch part {
                case 0: gap.sampleMax = number
                case 1: gap.transportSampleMax = number
                default: gap.threads = number
                }
                survives("gap \(part)") { _ = try collection.gap(between: "text", and: "image", options: gap) }
            }
        }
    }

    @Test(.enabled(if: isOptimised, "kernels are slow without optimisation"))
    func noThreadCountStopsAGraphFromBeingBuilt() throws {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(clusteredEmbeddings(2_000, dimension: 6, seed: 1), into: "v")
        for threads in [0, Int.min] {
            let options = IndexOptions(threads: threads, rebuild: true)
            #expect(try temporary.collection().buildIndex(options: options).map(\.outcome) == [.built], "\(threads)")
        }
    }

    @Test func noSettingOfATrainingIsATrap() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 40)
        func train(_ method: LearnedModel.Method, _ what: String, _ change: (inout TrainingOptions) -> Void) {
            var options = TrainingOptions(method: method)
            (options.replaces, options.seed, options.epochs) = (true, .max, 1)
            change(&options)
            survives(what) { _ = try collection.trainModel(named: "m", from: "text", to: "image", options: options) }
        }
        for number in Self.integers {
            for method in [LearnedModel.Method.contrastive, .ranking] {
                train(method, "epochs \(number)") { $0.epochs = number }
                train(method, "batch \(number)") { $0.batchSize = number }
                train(method, "hidden \(number)") { $0.hiddenWidth = number }
            }
            train(.cca, "items \(number)") { $0.itemsMax = number }
            train(.ridge, "threads \(number)") { $0.threads = number }
        }
        for number in Self.reals {
            for method in [LearnedModel.Method.ridge, .cca, .procrustes] {
                train(method, "lambda \(number)") { $0.lambda = number }
                train(method, "held out \(number)") { $0.holdOut = number }
            }
            train(.contrastive, "rate \(number)") { $0.learningRate = number }
        }
    }

    @Test func whatIsNoProbabilityAndNoWaitIsRefused() throws {
        let temporary = try TemporaryDatabase()
        let collection = try bridgedCollection(temporary, pairs: 30)
        for number in Self.reals {
            var options = CrossSearchOptions()
            options.minProbability = number
            #expect(throws: CausewayError.self, "\(number)") {
                try collection.search([.embedding(id: "i3", from: "image")], across: ["text"], options: options)
            }
            if number >= 0 {
                let database = try Database(path: temporary.file("wait"), lockWait: number, upkeep: .manual)
                defer { database.close() }
                let count = try database.collection("c").insert(
                    [Embedding(id: "1", vector: [1])], into: "v", options: IngestOptions(onConflict: .replace))
                #expect(count.inserted + count.replaced == 1, "\(number)")
            } else {
                #expect(throws: CausewayError.invalidArgument(
                    reason: "a wait of \(number) seconds", remedy: "wait for 0 seconds or more")) {
                    try Database(path: temporary.file("wait"), lockWait: number)
                }
            }
        }
    }
}
