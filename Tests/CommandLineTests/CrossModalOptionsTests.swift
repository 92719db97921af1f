/// Options of cross-modal commands that must do what they say or be refused: none is ignored without a word.
import CausewayCLI
import Foundation
import Testing

@Suite struct CrossModalOptionsTests {
    @Test func crossSearchesUseTheCollectionsDefaultMetric() throws {
        let pairs = try StoredPairs()
        #expect(pairs.run("set", "--default-metric", "manhattan").status == .done)
        let merged = pairs.run("search", "--from", "text", "--to", "image,text", "--id", "text-7", "--format", "jsonl")
        #expect(merged.output.contains(#""metric":"manhattan","distance":"#) && !merged.output.contains("cosine"))
        let bank = pairs.run("search", "--from", "text", "--to", "image", "--id", "text-7", "--normalize", "bank")
        #expect(bank.status == .failed && bank.errors.contains("manhattan") && bank.errors.contains("--metric cosine"))
        let named = pairs.run(
            "search", "--from", "text", "--to", "image", "--id", "text-7", "--normalize", "bank", "--metric", "cosine")
        #expect(named.status == .done)
        let calibrated = try pairs.object("align calibrate", "--from", "text", "--to", "image")
        #expect(calibrated["score"] as? String == "manhattan")
        let probable = pairs.run(
            "search", "--from", "text", "--to", "image", "--id", "text-7", "--min-probability", "0", "--format", "jsonl")
        #expect(probable.output.contains(#""metric":"manhattan""#) && !probable.errors.contains("calibration"))
    }

    @Test func whatCannotBeCalibratedIsToldInTheTermsOfTheCommand() throws {
        let pairs = try StoredPairs()
        let calibrated = pairs.run("align calibrate", "--from", "text", "--to", "text")
        #expect(calibrated.status == .failed && calibrated.errors.contains("; ingest pairs under the same item\n"))
        let found = pairs.run("search", "--from", "text", "--to", "text", "--id", "text-7", "--min-probability", "0.5")
        #expect(found.status == .failed && found.errors.contains("or search without --min-probability"), "\(found.errors)")
    }

    @Test func aRecallUnderABankIsSaidToBeOfTheCandidates() throws {
        let pairs = try StoredPairs()
        func errors(_ more: String...) -> String {
            let output = MemoryChannel(), errors = MemoryChannel()
            let words = ["search", pairs.database, "-c", "c", "--from", "text", "--to", "image", "--id", "text-7"] + more
            #expect(Program.causeway.run(words, in: Surroundings(output: output, errors: errors)) == .done)
            return errors.text
        }
        #expect(errors("--normalize", "bank", "--recall", "0.99").contains("candidates by cosine"))
        #expect(!errors("--normalize", "bank").contains("candidates by cosine"))
        #expect(!errors("--recall", "0.99").contains("candidates by cosine"))
    }

    @Test func threadsServeASingleCrossSearchToo() throws {
        let pairs = try StoredPairs()
        for threads in ["1", "2"] {
            let outcome = pairs.run(
                "search", "--from", "text", "--to", "image", "--id", "text-7", "--normalize", "bank", "--timing", "--threads",
                threads)
            #expect(outcome.status == .done && outcome.errors.contains(#""threads":\#(threads)"#), "\(outcome.errors)")
        }
    }

    @Test func timingIsOneLineOfFiguresThatAgree() throws {
        let pairs = try StoredPairs()
        let file = pairs.directory + "/timed.npy"
        #expect(pairs.run("export", "--modality", "text", "--to", file).status == .done)
        let errors = pairs.run("search", "--to", "image", "--from", "text", "--queries", file, "--timing").errors
        let lines = errors.split(separator: "\n").filter { $0.hasPrefix("{") }
        let line = try #require(lines.first)
        let told = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
        func number(_ key: String) throws -> Double { try #require(told[key] as? Double, "\(key) in \(line)") }
        #expect(lines.count == 1)
        #expect(try number("threads") == 1, "as many as nobody asked for")
        let (queries, seconds) = (try number("queries"), try number("seconds"))
        #expect(queries > 1 && seconds > 0)
        #expect(abs(try number("queriesPerSecond") * seconds / queries - 1) < 0.01)
        let (p50, p99) = (try number("p50Ms"), try number("p99Ms"))
        #expect(p50 > 0 && p50 <= p99 && p99 <= 1000 * seconds)
    }

    @Test func tablesOfManyCrossQueriesHaveNoEmptyColumns() throws {
        let pairs = try StoredPairs()
        let file = pairs.directory + "/q.npy"
        #expect(pairs.run("export", "--modality", "text", "--to", file).status == .done)
        func title(_ more: String...) -> [String] {
            let output = MemoryChannel(), errors = MemoryChannel()
            let words = ["search", pairs.database, "-c", "c", "--from", "text", "--queries", file, "-k", "2", "--format", "table"]
            #expect(Program.causeway.run(words + more, in: Surroundings(output: output, errors: errors)) == .done)
            return output.text.split(separator: "\n").first?.split(separator: " ").map(String.init) ?? []
        }
        #expect(title("--to", "image", "--normalize", "bank") == ["query", "rank", "id", "item", "similarity"])
        #expect(
            title("--to", "image,text", "--metric", "euclidean")
                == ["query", "rank", "id", "item", "modality", "standardized", "distance"])
        #expect(title("--to", "image", "--via", "text") == ["query", "rank", "id", "item", "similarity", "via"])
        for more in [["--normalize", "bank"], []] {
            let output = MemoryChannel(), errors = MemoryChannel()
            let words = ["search", pairs.database, "-c", "c", "--to", "image", "--queries", file, "--explain"] + more
            let status = Program.causeway.run(
                words + ["--format", "table"], in: Surroundings(output: output, errors: errors))
            #expect(status == .usage && errors.text.contains("--explain"))
        }
    }

    @Test func cautionsOfSeveralTargetsAreToldOnce() throws {
        let pairs = try StoredPairs()
        let output = MemoryChannel(), errors = MemoryChannel()
        let words = ["search", pairs.database, "-c", "c", "--from", "text", "--to", "image,text", "--id", "text-7"]
        #expect(Program.causeway.run(words, in: Surroundings(output: output, errors: errors)) == .done)
        #expect(errors.text.components(separatedBy: "there is no index").count <= 2, "\(errors.text)")
    }

    @Test func anAuditOfNothingIsRefused() throws {
        let outcome = try StoredPairs().run(
            "evaluate", "--from", "text", "--to", "image", "--approximate", "--where", "item = 'none'")
        #expect(outcome.status == .failed && outcome.errors.contains("the filter matches nothing"))
        #expect(outcome.output.isEmpty)
        let exact = try StoredPairs().run("evaluate", "--from", "text", "--to", "image", "--where", "item = '3'")
        #expect(exact.status == .usage && exact.errors.contains("--approximate"))
    }

    @Test func evaluationRefusesABankThatCorrectsNothing() throws {
        let pairs = try StoredPairs()
        let words = ["evaluate", "--from", "text", "--to", "image", "--normalize", "bank", "--metrics"]
        let refused = pairs.run(words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], "manhattan")
        #expect(refused.status == .failed && refused.errors.contains("query bank"))
        let both = pairs.run(
            words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7], "manhattan,cosine")
        #expect(both.status == .done && both.errors.contains("manhattan is without the query bank"))
    }

    @Test func whatIsNamedTwiceIsEvaluatedOnce() throws {
        let object = try StoredPairs().object(
            "evaluate", "--from", "text", "--to", "image", "--at", "10,5,5", "--metrics", "cosine,dot,cosine")
        let metrics = try #require(object["metrics"] as? [[String: Any]])
        #expect(metrics.map { $0["metric"] as? String } == ["cosine", "dot"])
        let text = try StoredPairs().run(
            "evaluate", "--from", "text", "--to", "image", "--at", "10,5,5", "--format", "json").output
        // Once as a figure and once as an interval.
        #expect(text.components(separatedBy: #""recall@5""#).count == 3)
        let ten = try #require(text.range(of: "recall@10")), five = try #require(text.range(of: "recall@5"))
        #expect(ten.lowerBound < five.lowerBound)
    }

    @Test func trainingRefusesWhatItsMethodDoesNotUse() throws {
        let pairs = try StoredPairs()
        let center = pairs.run(
            "align train", "--from", "text", "--to", "image", "--name", "m", "--method", "center", "--lambda", "3",
            "--epochs", "4", "--hidden", "9")
        #expect(center.status == .usage && center.errors.contains("--epochs, --hidden, --lambda"))
        let ranking = pairs.run(
            "align train", "--from", "text", "--to", "image", "--name", "m", "--method", "ranking", "--lambda", "3")
        #expect(ranking.status == .usage && ranking.errors.contains("ranking does not use --lambda"))
    }

    @Test(arguments: ["a,b", "", " ", "a b", "tab\t", "bell\u{7}"]) func aModelsNameCanBeNamed(name: String) throws {
        let outcome = try StoredPairs().run(
            "align train", "--from", "text", "--to", "image", "--method", "center", "--name", name)
        #expect(outcome.status == .failed || outcome.status == .usage)
        #expect(outcome.errors.contains("commas"), "\(outcome.errors)")
    }

    @Test func modelsAreRefusedWhereMetricsAreStored() throws {
        let pairs = try StoredPairs()
        let set = pairs.run("set", "--default-metric", "learned:m")
        let tune = pairs.run("index tune", "--from", "text", "--to", "image", "--metric", "learned:m")
        for outcome in [set, tune] { #expect(outcome.status == .usage && outcome.errors.contains("is not allowed here")) }
        #expect(pairs.run("search", "--help").output.contains("learned:NAME for a trained model"))
    }

    @Test func edgesForQueriesThatFitNoGraphAreRefused() throws {
        let pairs = try StoredPairs()
        let small = pairs.directory + "/small.jsonl"
        try #"{"modality":"small","id":"a","vector":[1,2]}"#.appending("\n")
            .write(toFile: small, atomically: true, encoding: .utf8)
        #expect(pairs.run("ingest", small).status == .done)
        let other = pairs.run("index build", "--for", "small")
        #expect(other.status == .failed && other.errors.contains("2 dimensions"))
        let own = pairs.run("index build", "--modality", "image", "--for", "image")
        #expect(own.status == .failed && own.errors.contains("itself"))
        #expect(pairs.run("index build", "--for", "text").status == .done)
        #expect(pairs.run("index build", "--for", "none").status == .done)
    }
}
