/// Metrics on token sets at the command line: the shape of results and explanations, queries from files, statuses.
import CausewayCLI
import Foundation
import Testing

@Suite final class TokenCommandTests {
    private let directory = NSTemporaryDirectory() + "causeway-tokens-" + UUID().uuidString
    private var database: String { directory + "/t.db" }

    init() throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        // Item n holds the tokens (n, 0) and (0, n): neighbours by number are neighbours by transport.
        let lines = (1...6).map { n in
            #"{"modality":"image","id":"\#(n)","vector":[\#(n),1],"tokens":[[\#(n),0],[0,\#(n)]]}"#
        } + [#"{"modality":"plain","id":"p","vector":[1,1]}"#]
        try (lines.joined(separator: "\n") + "\n").write(toFile: directory + "/in.jsonl", atomically: true, encoding: .utf8)
        #expect(causeway("ingest", database, "-c", "c", directory + "/in.jsonl").status == .done)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    private func causeway(_ arguments: String...) -> Outcome {
        let (output, errors) = (MemoryChannel(), MemoryChannel())
        let status = Program.causeway.run(arguments, in: Surroundings(output: output, errors: errors))
        return Outcome(status: status, output: output.text, errors: errors.text)
    }

    private func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    private func search(_ arguments: String...) -> Outcome {
        let (output, errors) = (MemoryChannel(), MemoryChannel())
        let status = Program.causeway.run(
            ["search", database, "-c", "c", "--to", "image"] + arguments, in: Surroundings(output: output, errors: errors))
        return Outcome(status: status, output: output.text, errors: errors.text)
    }

    @Test func aStoredEmbeddingIsSearchedByItsTokens() throws {
        let outcome = search("--id", "3", "--metric", "wasserstein", "-k", "3")
        #expect(outcome.status == .done)
        let hits = try outcome.output.split(separator: "\n").map { try object(String($0)) }
        #expect(hits.map { $0["id"] as? String } == ["3", "2", "4"])
        #expect(hits[0]["metric"] as? String == "wasserstein")
        #expect(abs((hits[1]["distance"] as? Double ?? 0) - 1) < 1e-6)
    }

    @Test func explainAddsTheWorkAndThePlanOfEveryHit() throws {
        let answer = try object(search("--id", "3", "--metric", "wasserstein", "-k", "2", "--exact", "--explain").output)
        let explain = try #require(answer["explain"] as? [String: Any])
        let work = ["solved", "abandoned", "pruned"].map { explain[$0] as? Int ?? -1 }
        #expect(work.reduce(0, +) == 6)
        #expect(explain["withoutTokens"] as? Int == 0)
        let results = try #require(answer["results"] as? [[String: Any]])
        let plan = try #require(results[1]["transportPlan"] as? [[String: Any]])
        #expect(plan.map { $0["queryToken"] as? Int } == [0, 1])
        #expect(plan.map { $0["token"] as? Int } == [0, 1])
        #expect(plan.map { $0["mass"] as? Double } == [0.5, 0.5])
    }

    @Test func theCollectionsDefaultMetricIsUsedAndShown() throws {
        #expect(causeway("set", database, "-c", "c", "--default-metric", "max-sim").status == .done)
        #expect(search("--id", "3", "-k", "1").output.contains(#""metric":"max-sim""#))
        #expect(search("--id", "3", "-k", "1", "--metric", "cosine").output.contains(#""metric":"cosine""#))
        #expect(causeway("info", database).output.contains(#""defaultMetric":"max-sim""#))
        #expect(causeway("set", database, "-c", "c", "--default-metric", "nonsense").status == .usage)
        #expect(causeway("set", database, "-c", "c", "--default-metric", "cosine", "--id", "3").status == .usage)
    }

    @Test func queriesFromAFileBringTheirTokens() throws {
        try npy("queries.npy", [3, 1, 5, 1], shape: "(2, 2)")
        try npy("tokens.npy", [3, 0, 0, 3, 5, 0, 0, 5], shape: "(4, 2)")
        try offsets("offsets.npy", [0, 2, 4])
        let files = ["--queries", directory + "/queries.npy", "--query-tokens", directory + "/tokens.npy"]
        let good = ["search", database, "-c", "c", "--to", "image", "--metric", "wasserstein", "-k", "1"] + files
            + ["--query-token-offsets", directory + "/offsets.npy"]
        let output = MemoryChannel()
        #expect(Program.causeway.run(good, in: Surroundings(output: output, errors: MemoryChannel())) == .done)
        let lines = try output.text.split(separator: "\n").map { try object(String($0)) }
        #expect(lines.map { ($0["results"] as? [[String: Any]])?.first?["id"] as? String } == ["3", "5"])

        try offsets("offsets.npy", [0, 2, 3])
        let errors = MemoryChannel()
        #expect(Program.causeway.run(good, in: Surroundings(output: MemoryChannel(), errors: errors)) == .badInput)
        #expect(errors.text.contains("offsets from 0 to 3 for 4 tokens"))
    }

    @Test func crossSearchesTakeTokensOrRefuseThem() throws {
        let labels = (1...6).map { #"{"modality":"label","id":"l\#($0)","item":"\#($0)","vector":[\#($0)]}"# }
        try (labels.joined(separator: "\n") + "\n").write(toFile: directory + "/l.jsonl", atomically: true, encoding: .utf8)
        #expect(causeway("ingest", database, "-c", "c", directory + "/l.jsonl").status == .done)
        // The vectors are all one: only the tokens tell the queries apart.
        try npy("queries.npy", [1, 1, 1, 1], shape: "(2, 2)")
        try npy("tokens.npy", [3, 0, 0, 3, 5, 0, 0, 5], shape: "(4, 2)")
        try offsets("offsets.npy", [0, 2, 4])
        let words = [
            "search", database, "-c", "c", "--to", "label", "--via", "image", "-k", "1", "--queries", directory + "/queries.npy",
            "--query-tokens", directory + "/tokens.npy", "--query-token-offsets", directory + "/offsets.npy", "--from", "image",
        ]
        for batch in [[], ["--batch", "1"]] {
            let output = MemoryChannel(), errors = MemoryChannel()
            let status = Program.causeway.run(
                words + ["--metric", "wasserstein"] + batch, in: Surroundings(output: output, errors: errors))
            #expect(status == .done, "\(errors.text)")
            let answers = try output.text.split(separator: "\n").map { try object(String($0)) }
            #expect(answers.map { ($0["results"] as? [[String: Any]])?.first?["id"] as? String } == ["l3", "l5"])
        }
        let errors = MemoryChannel()
        let refused = Program.causeway.run(words, in: Surroundings(output: MemoryChannel(), errors: errors))
        #expect(refused == .usage && errors.text.contains("cosine compares vectors"))
    }

    /// The plan is of the embedding of the modality between, which `via` names.
    @Test func explainAddsThePlanToCrossSearchesToo() throws {
        let labels = (1...6).map { #"{"modality":"label","id":"l\#($0)","item":"\#($0)","vector":[\#($0)]}"# }
        try (labels.joined(separator: "\n") + "\n").write(toFile: directory + "/l.jsonl", atomically: true, encoding: .utf8)
        #expect(causeway("ingest", database, "-c", "c", directory + "/l.jsonl").status == .done)
        let words = ["search", database, "-c", "c", "--to", "label", "--via", "image", "--from", "image", "--id", "3", "-k", "2"]
            + ["--metric", "wasserstein", "--explain", "--format"]
        func output(_ format: String) -> String {
            let output = MemoryChannel()
            #expect(Program.causeway.run(words + [format], in: Surroundings(output: output, errors: MemoryChannel())) == .done)
            return output.text
        }
        let results = try #require(try object(output("json"))["results"] as? [[String: Any]])
        #expect(results.map { $0["via"] as? String } == ["3", "2"])
        let plan = try #require(results[1]["transportPlan"] as? [[String: Any]])
        #expect(plan.map { $0["queryToken"] as? Int } == [0, 1] && plan.map { $0["mass"] as? Double } == [0.5, 0.5])
        #expect(output("table").contains("queryToken"))
        #expect(!search("--id", "3", "--metric", "wasserstein", "--format", "json").output.contains("transportPlan"))
    }

    @Test func tokensOfQueriesThatNothingComparesAreRefused() throws {
        try npy("queries.npy", [3, 1], shape: "(1, 2)")
        try npy("tokens.npy", [3, 0], shape: "(1, 2)")
        try offsets("offsets.npy", [0, 1])
        let refused = search(
            "--queries", directory + "/queries.npy", "--query-tokens", directory + "/tokens.npy", "--query-token-offsets",
            directory + "/offsets.npy", "--metric", "manhattan")
        #expect(refused.status == .usage && refused.errors.contains("--query-tokens is of no use: manhattan compares vectors"))
    }

    @Test func aMaskDropsThePaddingOfQueries() throws {
        // The second token of each set is padding far away: without the mask it decides.
        try npy("queries.npy", [3, 1, 5, 1], shape: "(2, 2)")
        try npy("tokens.npy", [3, 0, 0, 3, 99, 99, 5, 0, 99, 99, 0, 5], shape: "(6, 2)")
        try offsets("offsets.npy", [0, 3, 6])
        try npy("mask.npy", [1, 1, 0, 1, 0, 1], shape: "(6,)")
        let words = [
            "search", database, "-c", "c", "--to", "image", "--metric", "wasserstein", "-k", "1", "--queries",
            directory + "/queries.npy", "--query-tokens", directory + "/tokens.npy", "--query-token-offsets",
            directory + "/offsets.npy",
        ]
        func distances(_ more: [String]) throws -> [Double] {
            let output = MemoryChannel()
            #expect(Program.causeway.run(words + more, in: Surroundings(output: output, errors: MemoryChannel())) == .done)
            let answers = try output.text.split(separator: "\n").map { try object(String($0)) }
            return answers.compactMap { ($0["results"] as? [[String: Any]])?.first?["distance"] as? Double }
        }
        #expect(try distances(["--query-token-mask", directory + "/mask.npy"]) == [0, 0])
        #expect(try distances([]).allSatisfy { $0 > 10 })

        try npy("mask.npy", [0, 0, 0, 1, 0, 1], shape: "(6,)")
        let errors = MemoryChannel()
        let refused = Program.causeway.run(
            words + ["--query-token-mask", directory + "/mask.npy"], in: Surroundings(output: MemoryChannel(), errors: errors))
        #expect(refused == .badInput && errors.text.contains("no token of the row is left by the mask"))
        #expect(search("--id", "3", "--metric", "wasserstein", "--query-token-mask", "x.npy").status == .usage)
    }

    /// The third query's weights are at fault, and the message leads there.
    @Test(arguments: [([-1, 2], "weight 0 is negative"), ([0, 0], "all weights are zero")] as [([Float], String)])
    func badWeightsOfQueriesAreLocated(last: [Float], fault: String) throws {
        try npy("queries.npy", [3, 1, 5, 1, 4, 1], shape: "(3, 2)")
        try npy("tokens.npy", [3, 0, 0, 3, 5, 0, 0, 5, 4, 0, 0, 4], shape: "(6, 2)")
        try offsets("offsets.npy", [0, 2, 4, 6])
        try npy("weights.npy", [1, 1, 1, 1] + last, shape: "(6,)")
        let refused = search(
            "--metric", "wasserstein", "-k", "1", "--queries", directory + "/queries.npy", "--query-tokens",
            directory + "/tokens.npy", "--query-token-offsets", directory + "/offsets.npy", "--query-token-weights",
            directory + "/weights.npy")
        #expect(refused.status == .badInput && refused.errors.contains("weights.npy, row 2: \(fault)"), "\(refused.errors)")
    }

    /// Of two options that say how many candidates a metric on token sets compares, one would be ignored.
    @Test func whatHasNoSayIsRefused() {
        for more in [["--recall", "0.9"], ["--ef", "20"], ["--exact"]] {
            let words = ["search", database, "-c", "c", "--to", "image", "--id", "3", "--candidates", "10"] + more
            for metric in ["wasserstein", "cosine"] where metric == "wasserstein" || more == ["--exact"] {
                let output = MemoryChannel(), errors = MemoryChannel()
                let status = Program.causeway.run(
                    words + ["--metric", metric], in: Surroundings(output: output, errors: errors))
                #expect(status == .usage && errors.text.contains(more[0]), "\(metric) \(more): \(errors.text)")
                #expect(errors.text.contains("--candidates"), "\(metric) \(more): \(errors.text)")
            }
        }
        #expect(search("--id", "3", "--candidates", "10", "--recall", "0.9").status == .done)
    }

    @Test func evaluateTellsHowManyQueriesEachMetricCompared() throws {
        let records = """
            {"modality":"other","id":"3","vector":[1,2]}
            {"modality":"other","id":"4","vector":[2,1],"tokens":[[1,1]]}

            """
        try records.write(toFile: directory + "/o.jsonl", atomically: true, encoding: .utf8)
        #expect(causeway("ingest", database, "-c", "c", directory + "/o.jsonl").status == .done)
        let words = ["evaluate", database, "-c", "c", "--from", "other", "--to", "image", "--metrics", "cosine,max-sim"]
        func output(_ format: String) -> String {
            let output = MemoryChannel(), surroundings = Surroundings(output: output, errors: MemoryChannel())
            #expect(Program.causeway.run(words + ["--format", format], in: surroundings) == .done)
            return output.text
        }
        let metrics = try #require(try object(output("json"))["metrics"] as? [[String: Any]])
        #expect(metrics.map { $0["queries"] as? Int } == [2, 1] && metrics.map { $0["embeddings"] as? Int } == [6, 6])
        let title = output("table").split(separator: "\n")[1].split(separator: " ")
        #expect(title.prefix(3) == ["metric", "queries", "recall@1"])
    }

    @Test func evaluateTellsHowManyCandidatesATokenMetricNeeds() throws {
        // Captions whose tokens say the opposite of their vectors: cosine puts the nearest by transport last. As many as show a
        // recall of 0.99.
        let count = 280
        let lines = (1...count).map { n in
            #"{"modality":"caption","id":"c\#(n)","item":"\#(n)","vector":[\#(count + 1 - n),\#(n)],"tokens":[[\#(n),0]]}"#
        } + (1...count).map { n in
            #"{"modality":"photo","id":"p\#(n)","item":"\#(n)","vector":[\#(n),\#(count + 1 - n)],"tokens":[[\#(n),0]]}"#
        }
        try (lines.joined(separator: "\n") + "\n").write(toFile: directory + "/pairs.jsonl", atomically: true, encoding: .utf8)
        #expect(causeway("ingest", database, "-c", "d", directory + "/pairs.jsonl").status == .done)
        let words = ["evaluate", database, "-c", "d", "--from", "caption", "--to", "photo", "--metrics", "cosine,wasserstein"]
        let json = MemoryChannel()
        #expect(Program.causeway.run(words, in: Surroundings(output: json, errors: MemoryChannel())) == .done)
        let metrics = try #require(try object(json.text)["metrics"] as? [[String: Any]])
        #expect(metrics[0]["candidateBudgets"] == nil)
        let budgets = try #require(metrics[1]["candidateBudgets"] as? [[String: Any]])
        #expect(budgets.map { $0["recall"] as? Double } == [0.95, 0.99] && budgets.allSatisfy { $0["k"] as? Int == 10 })
        // Half of the captions have their best among the last by cosine: nearly all must be compared.
        #expect(budgets.allSatisfy { ($0["candidates"] as? Int).map { $0 > 210 && $0 <= count } ?? false }, "\(budgets)")

        let table = MemoryChannel()
        let surroundings = Surroundings(output: table, errors: MemoryChannel())
        #expect(Program.causeway.run(words + ["--format", "table"], in: surroundings) == .done)
        #expect(table.text.contains("wasserstein: of its exact best 10, 95 % are among "), "\(table.text)")

        // Where none is named, all go by the collection's own.
        #expect(causeway("set", database, "-c", "d", "--default-metric", "wasserstein:cosine").status == .done)
        let pair = ["-c", "d", "--from", "caption", "--to", "photo"]
        for command in [["evaluate"], ["evaluate", "--approximate"], ["index", "tune", "--recall", "0.5"]] {
            let output = MemoryChannel(), errors = MemoryChannel()
            let words = command.prefix { !$0.hasPrefix("-") } + [database] + command.drop { !$0.hasPrefix("-") } + pair
            let status = Program.causeway.run(Array(words), in: Surroundings(output: output, errors: errors))
            #expect(status == .done, "\(words): \(errors.text)")
            #expect(output.text.contains("\"wasserstein:cosine\""), "\(words): \(output.text)")
        }
    }

    @Test func whatCannotBeComparedEndsInOneLine() {
        let plain = causeway("search", database, "-c", "c", "--to", "plain", "--vector", "[1,1]", "--metric", "wasserstein")
        #expect(plain.status == .failed && plain.output.isEmpty)
        #expect(plain.errors.contains("wasserstein compares token sets, and modality plain has none"))
        #expect(plain.errors.split(separator: "\n").count == 1)
        let bare = search("--vector", "[1,1]", "--metric", "max-sim")
        #expect(bare.status == .failed && bare.errors.contains("the query has none"))
        #expect(search("--id", "3", "--metric", "wasserstein:manhattan").status == .usage)
        #expect(search("--id", "3", "--metric", "earth").status == .usage)
        #expect(search("--id", "3", "--query-tokens", "x.npy").status == .usage)
    }

    // MARK: Small .npy files

    private func npy(_ name: String, _ values: [Float], shape: String) throws {
        var bytes = header("{'descr': '<f4', 'fortran_order': False, 'shape': \(shape), }")
        for value in values { bytes += littleEndian(UInt64(value.bitPattern), 4) }
        try Data(bytes).write(to: URL(fileURLWithPath: directory + "/" + name))
    }

    private func offsets(_ name: String, _ values: [Int64]) throws {
        var bytes = header("{'descr': '<i8', 'fortran_order': False, 'shape': (\(values.count),), }")
        for value in values { bytes += littleEndian(UInt64(bitPattern: value), 8) }
        try Data(bytes).write(to: URL(fileURLWithPath: directory + "/" + name))
    }

    private func littleEndian(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }

    private func header(_ text: String) -> [UInt8] {
        let length = (10 + text.utf8.count + 1 + 63) / 64 * 64
        let padded = text + String(repeating: " ", count: length - 10 - text.utf8.count - 1) + "\n"
        return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(padded.utf8.count & 255), UInt8(padded.utf8.count >> 8)]
            + Array(padded.utf8)
    }
}
