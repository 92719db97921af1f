/// A database whose token sets have no codes, as format 3 left it: the same answers before and after it gets them.
import Foundation
import Testing

@Suite struct TokenUpgradeTests {
    private let folder = TemporaryFolder()

    private func causeway(_ arguments: String...) throws -> Finished {
        let finished = try Executable.causeway().run(arguments, in: folder.path)
        try #require(finished.succeeded, "causeway \(arguments): \(finished.summary)")
        return finished
    }

    /// Hits by each metric, and how many token sets were read for them.
    private func answers() throws -> (hits: [String], read: [Int]) {
        var hits: [String] = [], read: [Int] = []
        for metric in ["wasserstein", "wasserstein2:cosine", "max-sim", "chamfer"] {
            let found = try causeway(
                "search", "t.db", "-c", "c", "--to", "m", "--id", "7", "--metric", metric, "-k", "3", "--exact", "--explain")
            let object = try JSONSerialization.jsonObject(with: found.outputBytes) as? [String: Any]
            let results = try #require(object?["results"] as? [[String: Any]])
            hits.append(results.map { "\($0["id"] ?? "") \($0["distance"] ?? $0["similarity"] ?? "")" }.joined(separator: ", "))
            read.append(try #require((object?["explain"] as? [String: Any])?["reranked"] as? Int))
        }
        return (hits, read)
    }

    @Test(.enabled(if: Executable.python(importing: "sqlite3") != nil, "no python3 with sqlite3"))
    func searchesAnswerTheSameBeforeAndAfterCodesAreMade() throws {
        let lines = (0..<300).map { item -> String in
            let tokens = (0..<3).map { token in
                "[" + (0..<64).map { "\(((item * 31 + token * 17 + $0 * $0) % 23) - 11)" }.joined(separator: ",") + "]"
            }
            return #"{"modality":"m","id":"\#(item)","vector":[\#(item),1],"tokens":[\#(tokens.joined(separator: ","))]}"#
        }
        try folder.write(Data((lines.joined(separator: "\n") + "\n").utf8), to: "in.jsonl")
        _ = try causeway("ingest", "t.db", "-c", "c", "in.jsonl")
        let coded = try answers()
        #expect(coded.read.allSatisfy { $0 < 150 }, "\(coded.read)")

        let script = "import sqlite3; d = sqlite3.connect('t.db'); d.execute('DROP TABLE token_code'); "
            + "d.execute('PRAGMA user_version = 3'); d.commit(); d.close()"
        let changed = try #require(Executable.python(importing: "sqlite3")).run(["-c", script], in: folder.path)
        try #require(changed.succeeded, "\(changed.errorText)")
        let uncoded = try answers()
        #expect(uncoded.hits == coded.hits && uncoded.read == [300, 300, 300, 300])
        let check = try causeway("check", "--deep", "t.db")
        #expect(check.output.contains("300 token sets have no codes"), "\(check.summary)")

        let built = try causeway("index", "build", "t.db", "--format", "json")
        #expect(built.output.contains("\"codedTokenSets\":300"), "\(built.output)")
        let again = try answers()
        #expect(again.hits == coded.hits && again.read == coded.read)
        #expect(try !causeway("check", "--deep", "t.db").output.contains("codes"))
        #expect(try causeway("index", "build", "t.db", "--format", "json").output.contains("\"codedTokenSets\":0"))
    }
}
