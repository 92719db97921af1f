/// The limits of filters: what the parser takes is answered, on a small stack too; what it does not take is a bad filter.
import Causeway
import Dispatch
import Foundation
import Synchronization
import Testing

struct FilterLimitTests {
    private func filled() throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase()
        let text = String(repeating: "x", count: 5_000)
        let embeddings = (1...3).map {
            Embedding(id: "\($0)", vector: [Float($0)], metadata: #"{"n":\#($0),"yes":true,"text":"\#(text)"}"#)
        }
        try temporary.collection().insert(embeddings, into: "v")
        return temporary
    }

    /// As threads of some systems have it; frames are several times as large without optimisation.
    private func onSmallStack<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
        let result = Mutex<Result<Value, any Error>?>(nil)
        let done = DispatchSemaphore(value: 0)
        let thread = Thread {
            result.withLock { $0 = Result(catching: body) }
            done.signal()
        }
        thread.stackSize = isOptimised ? 512 << 10 : 8 << 20
        thread.start()
        done.wait()
        return try #require(result.withLock { $0 }).get()
    }

    private func matches(_ filter: String, _ temporary: TemporaryDatabase) throws -> [String] {
        let collection = temporary.collection()
        return try onSmallStack { try collection.list(in: "v", where: filter).map(\.id) }
    }

    /// As many of the parts as fit.
    private func longest(_ start: String, _ end: String, _ part: (Int) -> String) -> String {
        var text = start
        for number in 0... {
            let next = part(number)
            if text.utf8.count + next.utf8.count + end.utf8.count > FilterExpression.textBytesMax { break }
            text += next
        }
        return text + end
    }

    @Test func asManyPartsAsFitAreTaken() throws {
        let temporary = try filled()
        #expect(try matches(longest("n IN (9", ")") { ",\($0)" }, temporary) == ["1", "2", "3"])
        #expect(try matches(longest("n IN (1", ")") { _ in ",9" }, temporary) == ["1"])
        #expect(try matches(longest("id IN (2", ", '3')") { ",'x\($0)'" }, temporary) == ["2", "3"])
        #expect(try matches(longest("item IN ('2'", ")") { ",'x\($0)'" }, temporary) == ["2"])
        #expect(try matches(longest("n = 3", "") { " OR n = \($0 + 5)" }, temporary) == ["3"])
        #expect(try matches(longest("n > 2", "") { _ in " OR n < 2" }, temporary) == ["1", "3"])
        #expect(try matches(longest("n > 2", "") { _ in " AND yes" }, temporary) == ["3"])
        #expect(try temporary.collection().delete(where: longest("n IN (9", ")") { ",\($0)" }, from: "v") == 3)
    }

    @Test func whatIsAsDeepAsTheParserTakesIsAnswered() throws {
        let temporary = try filled()
        let depth = FilterExpression.depthMax - 1
        func nested(_ opening: String, _ inner: String) -> String {
            let isOpen = opening.hasSuffix("(")
            let times = opening.hasPrefix("NOT (") ? depth / 2 : depth
            return String(repeating: opening, count: times) + inner + String(repeating: isOpen ? ")" : "", count: times)
        }
        #expect(try matches(nested("NOT ", "n = 2"), temporary) == ["1", "3"], "an odd number of them")
        #expect(try matches(nested("NOT (", "n = 2"), temporary) == ["1", "3"])
        let deepest = nested("n = 1 OR yes AND (", "n NOT BETWEEN 3 AND 5")
        #expect(try matches(deepest, temporary) == ["1", "2"])
        #expect(try matches(nested("n = 1 AND yes OR (", "n NOT BETWEEN 3 AND 5"), temporary) == ["1", "2"])
    }

    @Test func patternsAreBounded() throws {
        let temporary = try filled()
        func pattern(_ length: Int) -> String { "text LIKE '\(String(repeating: "x", count: length - 1))%'" }
        #expect(try matches(pattern(FilterExpression.patternBytesMax), temporary) == ["1", "2", "3"])
        let wild = String(repeating: "%x", count: FilterExpression.patternBytesMax / 2)
        #expect(try matches("text LIKE '\(wild)'", temporary) == ["1", "2", "3"])
        for filter in [pattern(FilterExpression.patternBytesMax + 1), "n = 1 AND " + pattern(20_000)] {
            do {
                _ = try temporary.collection().delete(where: filter, from: "v")
                Issue.record("a long pattern was taken")
            } catch let error as CausewayError {
                guard case .badFilter(_, let column, let reason) = error else { throw error }
                #expect(column == (filter.hasPrefix("n") ? 21 : 11))
                #expect(reason == "the pattern is longer than 4096 bytes; put % in place of a part of it")
                #expect(error.description.count < 400)
            }
        }
    }
}
