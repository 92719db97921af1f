/// SIGINT in the middle of long commands of the real program: status 130, a sound database, and the work can go on.
import Foundation
import Testing

@Suite(.serialized, .enabled(if: HeavyTests.run, HeavyTests.reason)) struct IngestInterruptTests {
    private static let rows = 4_000
    private static let dimension = 32
    private static let batch = 20

    /// Sends SIGINT as soon as rows are committed; returns nil when the process was faster.
    private func interrupt(_ running: Running, when ready: () throws -> Bool) throws -> Finished? {
        while try !ready() {
            guard running.isRunning else { return nil }
        }
        running.kill(SIGINT)
        let done = running.wait(timeLimit: 30)
        return done.succeeded ? nil : done
    }

    @Test func anInterruptedIngestKeepsWholeBatchesAndResumes() throws {
        var dice = Dice(seed: 51)
        let values = dice.floats(Self.rows * Self.dimension)
        let database = try TestDatabase()
        try database.folder.write(NpyFile.floats(values, dimension: Self.dimension), to: "m.npy")
        let arguments = TestDatabase.of("m") + ["m.npy", "--batch", "\(Self.batch)"]
        admitInterrupts()  // a child inherits what its parent's thread blocks
        let ingest = try database.start("ingest", with: arguments)
        let interrupted = try interrupt(ingest) { (try database.count() ?? 0) > 0 }
        let done = try #require(interrupted, "the ingest was too fast")
        #expect(done.ending == .exited(130), "\(done.summary)")
        #expect(done.isOneClearLine && done.errorText.contains("interrupted"), "\(done.summary)")
        try database.expectSound("after SIGINT")
        let rows = try database.count() ?? -1
        #expect(rows > 0 && rows < Self.rows && rows % Self.batch == 0, "\(rows) rows")
        let resumed = try database.run("ingest", with: arguments + ["--resume"])
        #expect(resumed.object?["inserted"] as? Int == Self.rows - rows, "\(resumed.summary)")
        #expect(resumed.object?["resumedAfter"] as? Int == rows, "\(resumed.summary)")
        let isEqual = try database.vectors() == Data(float32Bytes(values))
        #expect(isEqual, "resumed, and the rows differ from the source")
        try database.expectSound("resumed")
    }

    @Test func anInterruptedBuildChangesNothing() throws {
        var dice = Dice(seed: 52)
        let database = try TestDatabase()
        try database.fill(dice.floats(6_000 * Self.dimension), dimension: Self.dimension)
        let start = Date()
        #expect(try database.run("index", "build").succeeded)
        let whole = Date().timeIntervalSince(start)
        for fraction in [0.2, 0.4, 0.7] {
            admitInterrupts()
            let rebuild = try database.start("index", "rebuild")
            let begin = Date()
            let done = try interrupt(rebuild) { Date().timeIntervalSince(begin) > fraction * whole }
            if let done { #expect(done.ending == .exited(130), "at \(fraction) of \(whole) s: \(done.summary)") }
            let ended = Date().timeIntervalSince(begin)
            #expect(ended < fraction * whole + 2, "ended \(ended) s after its start, \(fraction * whole) s before the signal")
            try database.expectSound("a build interrupted at \(fraction)")
            let found = try database.run("search", with: ["--collection", "c", "--to", "m", "--id", "17"])
            #expect(found.ids.count == 10 && !found.errorText.contains("exact scan"), "\(found.summary)")
        }
        #expect(try database.run("index", "rebuild").succeeded)
        #expect(database.graphFiles().count == 1, "\(database.graphFiles())")
    }
}
