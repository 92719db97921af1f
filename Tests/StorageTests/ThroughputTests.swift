/// Rows per second of encoding and inserting, printed; only where CAUSEWAY_BENCHMARK is set, as figures of a shared machine
/// prove nothing. Run in release.
import Foundation
import Storage
import Testing

@Test(.enabled(if: ProcessInfo.processInfo.environment["CAUSEWAY_BENCHMARK"] != nil))
func ingestThroughputIsPrinted() throws {
    let clock = ContinuousClock()
    for (dimension, rows) in [(384, 50_000), (768, 25_000)] {
        var options = StoreOptions()
        options.expectedDimension = dimension
        let fixture = try Fixture(dimension: dimension, options: options)
        let base = plainBatch(1000, dimension: dimension)
        var encoding = Duration.zero
        var inserting = Duration.zero
        var bytes = 0
        for batch in 0..<rows / 1000 {
            var input = base
            input.ids = (0..<1000).map { "photo-\(batch * 1000 + $0)" }
            var encoded: EncodedBatch?
            encoding += try clock.measure { encoded = try EncodedBatch.encode(input) }
            let ready = encoded!
            bytes += ready.byteCount
            inserting += try clock.measure {
                _ = try fixture.store.write { try $0.insert(ready, into: fixture.modality, onConflict: .error) }
            }
        }
        var sum: Float = 0
        let scanning = try clock.measure {
            _ = try fixture.store.read { try $0.forEachVector(of: fixture.modality) { sum += $1[0] } }
        }
        func rate(_ duration: Duration) -> Int { Int(Double(rows) / (duration / .seconds(1))) }
        print("""
            \(dimension)-d, \(rows) rows: encode \(rate(encoding)) rows/s, insert \(rate(inserting)) rows/s, \
            scan \(rate(scanning)) rows/s, \(bytes / rows) bytes a row encoded (\(sum))
            """)
    }
}
