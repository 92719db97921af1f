/// The commands of cross-modal work as a user meets them: keys of their JSON, pages that stand alone, refusals.
import CausewayCLI
import Foundation
import Testing

/// A database of 60 pairs in two modalities, made through the commands themselves.
final class StoredPairs {
    let directory = NSTemporaryDirectory() + "causeway-cross-" + UUID().uuidString
    var database: String { directory + "/x.db" }

    init() throws {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        var lines = ""
        for number in 0..<60 {
            let angle = Double(number) * 0.7
            let image = [sin(angle), cos(angle), sin(2 * angle), cos(3 * angle), 0.4]
            for (modality, shift) in [("image", 0.0), ("text", 0.8)] {
                let vector = image.enumerated().map { $1 + ($0 == 4 ? shift : 0.05 * sin(Double(number * ($0 + 2)))) }
                lines += #"{"modality":"\#(modality)","id":"\#(modality)-\#(number)","item":"\#(number)","vector":\#(vector)}"#
                lines += "\n"
            }
        }
        try lines.write(toFile: directory + "/pairs.jsonl", atomically: true, encoding: .utf8)
        #expect(run("ingest", directory + "/pairs.jsonl").status == .done)
    }

    deinit { try? FileManager.default.removeItem(atPath: directory) }

    @discardableResult
    func run(_ words: String..., collection: Bool = true) -> (status: CausewayCLI.ExitStatus, output: String, errors: String) {
        let output = MemoryChannel(), errors = MemoryChannel()
        let path = words[0].split(separator: " ").map(String.init)
        let status = Program.causeway.run(
            path + [database] + words.dropFirst() + (collection ? ["--collection", "c"] : []),
            in: Surroundings(output: output, errors: errors))
        return (status, output.text, errors.text)
    }

    func object(_ words: String...) throws -> [String: Any] {
        let output = MemoryChannel(), errors = MemoryChannel()
        let path = words[0].split(separator: " ").map(String.init)
        let status = Program.causeway.run(
            path + [database] + words.dropFirst() + ["--collection", "c", "--format", "json"],
            in: Surroundings(output: output, errors: errors))
        try #require(status == .done, "\(errors.text)")
        return try #require(JSONSerialization.jsonObject(with: Data(output.text.utf8)) as? [String: Any])
    }
}

@Suite struct CrossModalCommandTests {
    @Test func gapPrintsTheKeysOfTheContract() throws {
        let object = try StoredPairs().object("gap", "--between", "image", "text")
        #expect(object["between"] as? [String] == ["image", "text"])
        let measures = try #require(object["measures"] as? [[String: Any]])
        #expect(measures.count == 13 && object["leftOut"] == nil)
        for measure in measures {
            #expect(Set(measure.keys) == ["name", "value", "null", "n", "caution", "centred", "centredNull"])
        }
        #expect(try StoredPairs().run("gap", "--between", "image", "image").status == .usage)
    }

    @Test func anAuditKeepsTheKeysOfEvaluate() throws {
        let object = try StoredPairs().object(
            "evaluate", "--from", "text", "--to", "image", "--approximate", "--where", "item = '3'", "--at", "1,5")
        #expect(object["queries"] as? Int == 60 && object["items"] as? Int == 60)
        #expect((object["filter"] as? [String: Any])?["matches"] as? Int == 1)
        let metric = try #require((object["metrics"] as? [[String: Any]])?.first)
        #expect(metric["metric"] as? String == "cosine" && metric["recall@5"] as? Double == 1)
        #expect((metric["minimum"] as? [String: Any])?["recall@1"] as? Double == 1)
        #expect(metric["worst"] != nil && metric["p5"] != nil && metric["interval95"] != nil)
    }

    @Test func aModelGoesFromTrainingToSearchToDeletion() throws {
        let pairs = try StoredPairs()
        let trained = try pairs.object(
            "align train", "--from", "text", "--to", "image", "--method", "ridge", "--lambda", "0.1", "--name", "m")
        let forth = try #require((trained["heldOut"] as? [[String: Any]])?.first)
        #expect((forth["learned"] as? [String: Any])?["recall@10"] != nil)
        #expect((forth["cosine"] as? [String: Any])?["recall@10"] != nil)
        let found = pairs.run(
            "search", "--from", "text", "--to", "image", "--id", "text-7", "--metric", "learned:m", "-k", "3",
            "--format", "jsonl")
        let lines = found.output.split(separator: "\n")
        #expect(lines.count == 3 && lines[0].contains(#""metric":"learned:m","similarity":"#))
        let figures = try pairs.object("evaluate", "--from", "text", "--to", "image", "--metrics", "cosine,learned:m")
        #expect(figures["heldOutItemsOnly"] as? Bool == true && figures["queries"] as? Int == 12)
        #expect((figures["metrics"] as? [[String: Any]])?.map { $0["metric"] as? String } == ["cosine", "learned:m"])
        #expect(pairs.run("align list").output.contains("ridge"))
        #expect(pairs.run("align delete", "--name", "m").status == .done)
        let gone = pairs.run("search", "--from", "text", "--to", "image", "--id", "text-7", "--metric", "learned:m")
        #expect(gone.status == .failed && gone.errors.contains("has no model m"))
    }

    @Test func mergedAndProbableAnswersSayMore() throws {
        let pairs = try StoredPairs()
        let merged = pairs.run("search", "--from", "text", "--to", "image,text", "--id", "text-7", "--format", "jsonl")
        #expect(merged.output.contains(#""modality":"image""#) && merged.output.contains(#""modality":"text""#))
        let probable = pairs.run(
            "search", "--from", "text", "--to", "image", "--id", "text-7", "--min-probability", "0", "--format", "jsonl")
        #expect(probable.output.split(separator: "\n").allSatisfy { $0.contains(#""probability":"#) })
    }

    @Test func pagesStandAlone() throws {
        let pairs = try StoredPairs()
        let gap = pairs.directory + "/gap.html", evaluation = pairs.directory + "/evaluation.html"
        #expect(pairs.run("gap", "--between", "image", "text", "--report", gap).status == .done)
        #expect(
            pairs.run("evaluate", "--from", "text", "--to", "image", "--metrics", "cosine,dot", "--report", evaluation)
                .status == .done)
        for (page, charts) in [(gap, 17), (evaluation, 7)] {
            let html = try String(contentsOfFile: page, encoding: .utf8)
            for word in ["<script", "http", "url(", "@import", "src=", "NaN", "inf\""] {
                #expect(!html.contains(word), "\(page) has \(word)")
            }
            #expect(html.contains("prefers-color-scheme: dark") && html.contains("width=device-width"))
            let pictures = html.components(separatedBy: "<svg ").dropFirst()
            #expect(pictures.count == charts)
            #expect(pictures.allSatisfy { $0.contains("role=\"img\"") && $0.contains("<title>") && $0.contains("<desc>") })
            #expect(unbalancedTag(in: html) == nil)
        }
    }

    /// The first tag that is closed wrongly or not at all.
    private func unbalancedTag(in html: String) -> String? {
        var open: [String] = []
        for piece in html.components(separatedBy: "<").dropFirst() where !piece.hasPrefix("!") {
            let tag = piece.prefix { $0 != ">" }
            let name = String(tag.prefix { $0.isLetter || $0.isNumber || $0 == "/" })
            if name.hasPrefix("/") {
                guard open.popLast() == String(name.dropFirst()) else { return name }
            } else if !tag.hasSuffix("/") && name != "meta" {
                open.append(name)
            }
        }
        return open.last
    }
}
