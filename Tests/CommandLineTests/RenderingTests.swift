/// JSON, tables, numbers and progress as text.
import CausewayCLI
import Foundation
import Synchronization
import Testing

@Suite struct RenderingTests {
    @Test func jsonIsCompactOrIndented() {
        let value: JSONValue = ["b": 1, "a": [1.5, nil, true], "c": ["d": "x"], "e": .raw("{\"k\":\n1}"), "f": .object([])]
        #expect(value.compact == #"{"b":1,"a":[1.5,null,true],"c":{"d":"x"},"e":{"k": 1},"f":{}}"#)
        #expect(JSONValue.array([["a": 1], ["a": 2]]).indented == "[\n  {\n    \"a\": 1\n  },\n  {\n    \"a\": 2\n  }\n]")
    }

    @Test func jsonEscapesWhatItMust() throws {
        let text = "\"\\/\u{0}\u{1F}\n\r\té😀\u{2028}"
        let written = JSONValue.text(text).compact
        #expect(written.hasPrefix(#""\"\\/\u0000\u001f\n\r\t"#))
        let read = try JSONSerialization.jsonObject(with: Data(written.utf8), options: .fragmentsAllowed)
        #expect(read as? String == text)
    }

    @Test func jsonNumbersReadBackAsTheSameBits() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let bits = random.next() as UInt64
            let number = Double(bitPattern: bits)
            guard number.isFinite else { continue }
            #expect(Double(JSONValue.real(number).compact)?.bitPattern == bits, "bits \(bits)")
        }
        #expect(JSONValue.real(.nan).compact == "null")
        #expect(JSONValue.float(-.infinity).compact == "null")
        #expect(JSONValue.float(0.1).compact == "0.1")
        #expect(JSONValue.real(-0.0).compact == "-0.0")
        #expect(JSONValue.integer(Int64.min).compact == "-9223372036854775808")
    }

    @Test func tablesAlignNumbersToTheRightAndKnowWideCharacters() {
        var table = Table(["name", "rows", "note"])
        table.add(["橋", 5, "x"])
        table.add(["pont", 12_345, nil])
        table.add(["e\u{301}té\n", nil, "y"])
        #expect(table.lines(width: nil) == ["name    rows  note", "橋         5  x", "pont   12345", "été\\n         y"])
    }

    @Test func tablesCutTextNotNumbersToTheTerminal() {
        var table = Table(["id", "score"])
        table.add([.text(String(repeating: "a", count: 50)), 0.125])
        let lines = table.lines(width: 24)
        #expect(lines == ["id                 score", "aaaaaaaaaaaaaaa…  0.1250"])
        #expect(table.lines(width: 5).allSatisfy { $0.count <= 8 + 2 + 6 })
    }

    @Test func numbersForEyes() {
        #expect(rounded(0.31) == "0.3100")
        #expect(rounded(-1.99999) == "-2.0000")
        #expect(rounded(-0.0) == "0.0000")
        #expect(rounded(1e-7) == "1e-07")
        #expect(rounded(0.0007375723281943802) == "0.0007376")
        #expect(rounded(-0.00012, decimals: 3) == "-0.00012")
        #expect(rounded(2.00049e-12) == "2e-12")
        #expect(rounded(1e12) == "1000000000000.0")
        #expect(rounded(2.5, decimals: 1) == "2.5")
        #expect(grouped(1_234_567) == "1,234,567")
        #expect(grouped(-100) == "-100")
        #expect(duration(200) == "3 min 20 s")
        #expect(duration(7500) == "2 h 5 min")
        #expect(duration(.infinity) == "very long")
    }

    /// A clock that a test turns by hand.
    private final class Clock: Sendable {
        private let seconds = Mutex(0.0)
        func set(_ new: Double) { seconds.withLock { $0 = new } }
        var now: @Sendable () -> Double { { self.seconds.withLock { $0 } } }
    }

    @Test func progressInPipesIsALineEveryFewSeconds() {
        let channel = MemoryChannel(), clock = Clock()
        let progress = Progress("ingest", unit: "rows", total: 100_000, channel: channel, now: clock.now)
        for second in 0...12 {
            clock.set(Double(second))
            progress.update(second * 5000)
        }
        clock.set(20)
        progress.update(100_000)
        progress.finish()
        progress.update(1)
        let lines = channel.text.split(separator: "\n")
        #expect(lines.count == 4, "\(channel.text)")
        #expect(lines.first == "ingest: 25%, 25,000 of 100,000 rows, 5,000 rows/s, 15 s left")
        #expect(lines.last == "ingest: 100,000 rows in 20 s, 5,000 rows/s")
    }

    @Test func aSlowRateIsNotRoundedAway() {
        let channel = MemoryChannel(), clock = Clock()
        let progress = Progress("train", unit: "steps", total: 4, channel: channel, now: clock.now)
        clock.set(6.4)
        progress.update(4)
        progress.finish()
        #expect(channel.text.split(separator: "\n").last == "train: 4 steps in 6.4 s, 0.6 steps/s", "\(channel.text)")
    }

    @Test func progressOfShortWorkInPipesIsSilent() {
        let channel = MemoryChannel(), clock = Clock()
        let progress = Progress("ingest", unit: "rows", total: 10, channel: channel, now: clock.now)
        clock.set(4)
        progress.update(10)
        progress.finish()
        #expect(channel.text.isEmpty)
    }

    @Test func progressOnATerminalIsABarThatGoesAway() {
        let channel = MemoryChannel(isTerminal: true, columns: 80), clock = Clock()
        let progress = Progress("build", unit: "nodes", total: 200, alreadyDone: 50, channel: channel, now: clock.now)
        clock.set(0.05)
        progress.update(60)
        clock.set(1)
        progress.update(100)
        progress.finish()
        #expect(channel.text.contains("█") && channel.text.contains("100 of 200 nodes, 50 nodes/s, 2.0 s left"))
        #expect(channel.text.hasSuffix("\r\u{1B}[K"))
        #expect(!channel.text.contains("\n"))
        #expect(channel.text.split(separator: "\r").allSatisfy { $0.count <= 84 })
    }
}
