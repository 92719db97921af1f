/// Damage to graph files: every section, wrong sizes, wrong files. The graph is only derived, so the answers must survive.
import Foundation
import Testing

@Suite(.serialized, .enabled(if: HeavyTests.run, HeavyTests.reason)) struct GraphRotTests {
    private static let rows = 2_500
    private static let dimension = 32

    /// An indexed database, its graph file's name and content, and what an exact search finds.
    private struct Fixture {
        let database: TestDatabase
        let values: [Float]
        let name: String
        let file: Data
        let truth: [String]

        init(seed: UInt64) throws {
            database = try TestDatabase()
            var dice = Dice(seed: seed)
            values = dice.floats(GraphRotTests.rows * GraphRotTests.dimension)
            try database.fill(values, dimension: GraphRotTests.dimension)
            let built = try database.run("index", "build")
            #expect(built.succeeded, "\(built.summary)")
            #expect(database.graphFiles().count == 1)
            name = database.graphFiles().first ?? ""
            file = database.folder.data(name)
            truth = try Self.search(database, values, ["--exact"]).ids
            #expect(truth.count == 10)
        }

        static func search(_ database: TestDatabase, _ values: [Float], _ more: [String] = []) throws -> Finished {
            let query = vectorText(values[..<GraphRotTests.dimension])
            return try database.run(
                "search", with: ["--collection", "c", "--to", "m", "--vector", query, "-k", "10"] + more)
        }

        func search(_ more: [String] = []) throws -> Finished { try Self.search(database, values, more) }
    }

    /// The section table of FORMAT-graph.md: names with the places of their bytes, padding left out.
    private func sections(of file: Data) -> [(name: String, range: Range<Int>)] {
        let bytes = Array(file.prefix(4_096))
        func number(_ offset: Int, _ count: Int) -> Int { (0..<count).reduce(0) { $0 | Int(bytes[offset + $1]) << (8 * $1) } }
        return (0..<number(20, 4)).map { index in
            let entry = 512 + 40 * index
            let start = number(entry + 8, 8)
            return (String(decoding: bytes[entry..<entry + 4], as: UTF8.self), start..<start + number(entry + 16, 8))
        }
    }

    /// Places that cover the header, every section (first, last and chosen bytes) and the zeros between sections.
    private func places(in file: Data, _ dice: inout Dice) -> [(what: String, offset: Int)] {
        var places = [0, 8, 20, 24, 40, 130, 512, 4_000, 4_092, 4_095].map { (what: "header", offset: $0) }
        for (name, range) in sections(of: file) where !range.isEmpty {
            let chosen = (0..<2).map { _ in range.lowerBound + dice.below(range.count) }
            let inside = [range.lowerBound, range.upperBound - 1] + chosen
            places += inside.map { (what: name, offset: $0) }
            if range.upperBound % 4_096 != 0 { places.append((what: "zeros after \(name)", offset: range.upperBound)) }
        }
        return places
    }

    @Test func everyChangedByteIsReportedAndSearchGoesOn() throws {
        let seed = seed(21)
        var dice = Dice(seed: seed)
        let fixture = try Fixture(seed: seed)
        let places = places(in: fixture.file, &dice)
        #expect(places.count >= 50, "\(places.count) places: the section table was not understood")
        for (what, offset) in places {
            let here: Comment = "seed \(seed), \(what), byte \(offset)"
            try fixture.database.overwrite(
                fixture.name, at: offset, with: [fixture.file[offset] ^ UInt8(1 + dice.below(255))])
            let check = try fixture.database.run("check", with: ["--deep"])
            #expect(check.status == 3, "\(here): \(check.summary)")
            #expect(check.output.contains(fixture.name), "\(here): \(check.summary)")
            let found = try fixture.search()
            #expect(found.succeeded && found.ids.count == 10, "\(here): \(found.summary)")
            #expect(Set(found.ids).intersection(fixture.truth).count >= 7, "\(here): \(found.ids) for \(fixture.truth)")
            if what == "header" {
                #expect(found.ids == fixture.truth, "\(here): \(found.summary)")
                #expect(found.errorText.contains("index cannot be used"), "\(here): \(found.summary)")
            }
            try fixture.database.folder.write(fixture.file, to: fixture.name)
        }
        try fixture.database.expectSound("everything put back")
    }

    /// A whole section of garbage: still k results, from the sound part or by an exact scan.
    @Test func sectionsOfGarbageDoNotCostResults() throws {
        let seed = seed(22)
        var dice = Dice(seed: seed)
        let fixture = try Fixture(seed: seed)
        for (name, range) in sections(of: fixture.file) where !range.isEmpty {
            for fill in ["zeros", "ones", "noise"] {
                let here: Comment = "seed \(seed), section \(name) all \(fill)"
                let garbage = (0..<range.count).map { _ in
                    fill == "zeros" ? 0 : fill == "ones" ? 0xFF : UInt8(truncatingIfNeeded: dice.next())
                }
                guard Data(garbage) != fixture.file[range] else { continue }
                try fixture.database.overwrite(fixture.name, at: range.lowerBound, with: garbage)
                let check = try fixture.database.run("check", with: ["--deep"])
                #expect(check.status == 3, "\(here): \(check.summary)")
                for more in [[], ["--where", "id != '1'"]] {
                    let found = try fixture.search(more)
                    #expect(found.succeeded && found.ids.count == 10, "\(here) \(more): \(found.summary)")
                }
                try fixture.database.folder.write(fixture.file, to: fixture.name)
            }
        }
    }

    private func expectExactAnswerAndNote(_ fixture: Fixture, _ what: Comment, checkStatus: Int32 = 3) throws {
        let found = try fixture.search()
        #expect(found.succeeded && found.ids == fixture.truth, "\(what): \(found.summary)")
        #expect(found.errorText.contains("exact scan"), "\(what): nothing says that everything was scanned: \(found.summary)")
        let check = try fixture.database.run("check")
        #expect(check.status == checkStatus && check.output.contains(fixture.name), "\(what): \(check.summary)")
        let status = try fixture.database.run("index", "status")
        #expect(status.succeeded && status.output.contains("m"), "\(what): \(status.summary)")
    }

    private func expectBuildHeals(_ fixture: Fixture, _ what: Comment, by command: String) throws {
        let healed = try fixture.database.run("index", command)
        #expect(healed.succeeded && healed.objects.first?["outcome"] as? String == "built", "\(what): \(healed.summary)")
        #expect(fixture.database.graphFiles().count == 1, "\(what): \(fixture.database.graphFiles())")
        try fixture.database.expectSound("\(what), healed by index \(command)")
        let found = try fixture.search()
        #expect(found.succeeded && !found.errorText.contains("exact scan"), "\(what): \(found.summary)")
        #expect(Set(found.ids).intersection(fixture.truth).count >= 8, "\(what): \(found.summary)")
    }

    @Test(arguments: ["missing", "empty", "header only", "truncated", "longer", "of another database", "text", "a directory"])
    func aGraphFileThatIsNotTheOneIsPassedOverAndMadeAgain(what: String) throws {
        let fixture = try Fixture(seed: 23)
        let folder = fixture.database.folder
        switch what {
        case "empty": try folder.write(Data(), to: fixture.name)
        case "header only": try folder.write(fixture.file.prefix(4_096), to: fixture.name)
        case "truncated": try folder.write(fixture.file.dropLast(4_096), to: fixture.name)
        case "longer": try folder.write(fixture.file + Data(count: 4_096), to: fixture.name)
        case "of another database": try folder.write(Fixture(seed: 24).file, to: fixture.name)
        case "text": try folder.write(Data(repeating: 0x61, count: fixture.file.count), to: fixture.name)
        default:
            try FileManager.default.removeItem(atPath: folder.file(fixture.name))
            if what == "a directory" {
                try FileManager.default.createDirectory(atPath: folder.file(fixture.name), withIntermediateDirectories: false)
            }
        }
        // A graph file may be removed at any time: that is no damage.
        try expectExactAnswerAndNote(fixture, "graph file \(what)", checkStatus: what == "missing" ? 0 : 3)
        if what == "a directory" { try FileManager.default.removeItem(atPath: folder.file(fixture.name)) }
        try expectBuildHeals(fixture, "graph file \(what)", by: "build")
    }

    /// Damage behind the header is found by the checksums only; a rebuild heals it.
    @Test(arguments: ["LVL0", "CODE", "LABL"]) func aRebuildHealsADamagedSection(name: String) throws {
        let fixture = try Fixture(seed: 25)
        let range = try #require(sections(of: fixture.file).first { $0.name == name }?.range)
        try fixture.database.overwrite(
            fixture.name, at: range.lowerBound, with: [UInt8](repeating: 0xA5, count: min(256, range.count)))
        #expect(try fixture.database.run("check", with: ["--deep"]).status == 3)
        try expectBuildHeals(fixture, "section \(name)", by: "rebuild")
    }
}
