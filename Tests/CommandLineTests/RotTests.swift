/// Bytes that change on the disk: in stored vectors, in graph files, in the database file. Each is reported, nothing crashes,
/// and searches go on from what is sound.
import Foundation
import Testing

@Suite(.serialized) struct VectorRotTests {
    private static let rows = 600
    private static let dimension = 32
    private static let victim = 17

    /// Where the bytes of a row lie in the database file: its components as they are, or one of the three byte planes that
    /// the exponent split of FORMAT.md keeps raw.
    private func placesOfBytes(of vector: [Float], in file: Data) throws -> [Int] {
        let rotated = vector.map { $0.bitPattern << 1 | $0.bitPattern >> 31 }
        let planes = [0, 8, 16].map { shift in rotated.map { UInt8(truncatingIfNeeded: $0 >> shift) } }
        let found = ([float32Bytes(vector)] + planes).compactMap { file.range(of: Data($0)) }
        let places = found.flatMap { $0.map { $0 - file.startIndex } }
        try #require(!places.isEmpty, "the vector's bytes are nowhere in the file")
        return places
    }

    private func fixture(_ dice: inout Dice, rows: Int = rows, indexed: Bool = false) throws -> (TestDatabase, [Float]) {
        let values = dice.floats(rows * Self.dimension)
        let database = try TestDatabase()
        try database.fill(values, dimension: Self.dimension)
        if indexed { #expect(try database.run("index", "build").succeeded) }
        #expect(try database.run("compact").succeeded)  // the log is empty: the rows are in the file itself
        return (database, values)
    }

    private func search(
        _ database: TestDatabase, _ vector: some Sequence<Float>, k: Int = 10, _ more: [String] = []
    ) throws -> Finished {
        try database.run(
            "search", with: ["--collection", "c", "--to", "m", "--vector", vectorText(vector), "-k", "\(k)"] + more)
    }

    private func damageVictim(_ database: TestDatabase, _ values: [Float], _ dice: inout Dice) throws {
        let vector = Array(values[Self.victim * Self.dimension..<(Self.victim + 1) * Self.dimension])
        let file = database.folder.data("d.db")
        let places = try placesOfBytes(of: vector, in: file)
        let place = places[dice.below(places.count)]
        try database.overwrite("d.db", at: place, with: [file[place] ^ UInt8(1 + dice.below(255))])
    }

    /// The only right answers there are cannot be read: an error that says so, not a figure and not a trap.
    @Test func evaluatingAgainstDamagedAnswersIsAnError() throws {
        var dice = Dice(seed: seed(14))
        let database = try TestDatabase()
        let vectors = (0..<2).map { _ in dice.floats(Self.dimension) }
        let records = zip(["a", "b"], vectors).map { modality, vector in
            #"{"modality":"\#(modality)","id":"1","vector":\#(vectorText(vector))}"#
        }
        try database.folder.write(Data((records.joined(separator: "\n") + "\n").utf8), to: "pair.jsonl")
        #expect(try database.run("ingest", with: ["--collection", "c", database.folder.file("pair.jsonl")]).succeeded)
        #expect(try database.run("compact").succeeded)
        let file = database.folder.data("d.db")
        let place = try placesOfBytes(of: vectors[1], in: file)[0]
        try database.overwrite("d.db", at: place, with: [file[place] ^ 1])
        let found = try database.run("evaluate", with: ["--collection", "c", "--from", "a", "--to", "b"])
        #expect(found.status == 1 && found.isOneClearLine && found.errorText.contains("checksum"), "\(found.summary)")
    }

    @Test func aChangedByteOfAVectorIsReportedAndSearchGoesOn() throws {
        let seed = seed(11)
        var dice = Dice(seed: seed)
        let (database, values) = try fixture(&dice)
        let victim = "\(Self.victim)"
        let vector = values[Self.victim * Self.dimension..<(Self.victim + 1) * Self.dimension]
        let before = try search(database, vector, k: 11).ids
        #expect(before.first == victim)
        try damageVictim(database, values, &dice)

        let check = try database.run("check", with: ["--deep"])
        #expect(check.status == 3, "seed \(seed): \(check.summary)")
        #expect(check.objects.contains { ($0["place"] as? String)?.contains("'\(victim)'") == true }, "\(check.summary)")
        let get = try database.run("get", with: TestDatabase.of("m") + ["--id", victim])
        #expect(get.status == 1 && get.isOneClearLine && get.errorText.contains("m \(victim)"), "\(get.summary)")
        #expect(try database.run("get", with: TestDatabase.of("m") + ["--id", "18"]).succeeded)
        let byVictim = try database.run("search", with: ["--collection", "c", "--to", "m", "--id", victim])
        #expect(byVictim.status == 1 && byVictim.isOneClearLine, "\(byVictim.summary)")
        for more in [[], ["--exact"]] {
            let after = try search(database, vector, more)
            #expect(after.succeeded && after.ids == Array(before.dropFirst()), "seed \(seed): \(after.summary)")
            #expect(after.errorText.contains("damaged row"), "\(after.summary)")
        }
        let export = try database.run("export", with: TestDatabase.of("m") + ["--to", "out.npy"])
        #expect(export.status == 1 && export.isOneClearLine, "\(export.summary)")
        #expect(!FileManager.default.fileExists(atPath: database.folder.file("out.npy")))

        try heal(database, Array(vector))
    }

    /// The remedy that `check` names.
    private func heal(_ database: TestDatabase, _ vector: [Float]) throws {
        try database.folder.write(NpyFile.floats(vector, dimension: Self.dimension), to: "one.npy")
        try database.folder.write(Data("\(Self.victim)\n".utf8), to: "one.txt")
        let healed = try database.ingest(["one.npy", "--ids", "one.txt", "--on-conflict", "replace"])
        #expect(healed.succeeded, "\(healed.summary)")
        try database.expectSound("after replacing the damaged row")
        #expect(try search(database, vector).ids.first == "\(Self.victim)")
    }

    @Test(.enabled(if: HeavyTests.run, HeavyTests.reason))
    func aChangedByteOfAnIndexedVectorIsLeftOutByTheApproximateSearchToo() throws {
        let seed = seed(12)
        var dice = Dice(seed: seed)
        let (database, values) = try fixture(&dice, rows: 2_500, indexed: true)
        let vector = values[Self.victim * Self.dimension..<(Self.victim + 1) * Self.dimension]
        let before = try search(database, vector, k: 11, ["--exact"]).ids
        try damageVictim(database, values, &dice)
        #expect(try database.run("check", with: ["--deep"]).status == 3)
        let after = try search(database, vector)
        #expect(after.succeeded && after.ids.count == 10 && !after.ids.contains("\(Self.victim)"), "\(after.summary)")
        #expect(Set(after.ids).intersection(before.dropFirst()).count >= 8, "seed \(seed): \(after.ids) for \(before)")
        #expect(after.errorText.contains("damaged row"), "\(after.summary)")
        let rebuilt = try database.run("index", "rebuild")
        #expect(rebuilt.objects.first?["damagedRows"] as? Int == 1, "\(rebuilt.summary)")
    }

    /// Wherever a byte changes: no crash, and either it is reported or nothing of the content has changed.
    @Test(.enabled(if: HeavyTests.run, HeavyTests.reason))
    func aChangedByteAnywhereIsReportedOrHarmless() throws {
        let flips = 60, seed = seed(13)
        var dice = Dice(seed: seed)
        // Rows enough that most pages hold something: an empty page has nothing to report.
        let (database, values) = try fixture(&dice, rows: 4_000)
        let content = Data(float32Bytes(values))
        let listed = try database.run("list", with: TestDatabase.of("m") + ["--all"]).output
        let file = database.folder.data("d.db")
        var reported = 0
        for flip in 0..<flips {
            let place = flip < 12 ? flip * 9 : dice.below(file.count)
            let change = UInt8(1 + dice.below(255))
            try database.overwrite("d.db", at: place, with: [file[place] ^ change])
            let check = try database.run("check", with: ["--deep"])
            let here: Comment = "seed \(seed), byte \(place) changed by \(change)"
            #expect([0, 1, 3].contains(check.status), "\(here): \(check.summary)")
            let found = try search(database, values[..<Self.dimension])
            #expect([0, 1].contains(found.status), "\(here): \(found.summary)")
            if check.succeeded {
                let isSame = try database.vectors() == content
                #expect(isSame, "\(here): the vectors changed, and check says nothing")
                let isListed = try database.run("list", with: TestDatabase.of("m") + ["--all"]).output == listed
                #expect(isListed, "\(here): the rows changed, and check says nothing")
            } else {
                reported += 1
            }
            try restore(database, file)
        }
        #expect(reported > flips / 3, "only \(reported) of \(flips) changes were reported: seed \(seed)")
    }

    private func restore(_ database: TestDatabase, _ file: Data) throws {
        for name in database.files() where name != "d.db" {
            try FileManager.default.removeItem(atPath: database.folder.file(name))
        }
        try database.folder.write(file, to: "d.db")
    }
}

/// Files that are no database of ours, or no longer.
struct NotADatabaseTests {
    private static let commands: [[String]] = [
        ["info"], ["check"], ["check", "--deep"], ["list", "--collection", "c", "--modality", "m"],
        ["search", "--collection", "c", "--to", "m", "--vector", "[1]"],
        ["ingest", "--collection", "c", "--modality", "m", "m.npy"], ["index", "build"], ["compact"],
        ["delete", "--collection", "c", "--modality", "m", "--id", "1"],
    ]

    /// Every command refuses with one clear line that names the file, and touches nothing; to `check`, damage of a file that
    /// says it is ours is a finding.
    private func expectRefused(_ what: String, isOurs: Bool = false, make: (TestDatabase) throws -> Void) throws {
        let database = try TestDatabase()
        try database.folder.write(NpyFile.floats([1, 2, 3, 4], dimension: 2), to: "m.npy")
        try make(database)
        let before = database.folder.data("d.db")
        let names = database.files()
        for command in Self.commands {
            let words = command.prefix { !$0.hasPrefix("-") }
            let done = try database.program.run(
                Array(words) + [database.path] + command.dropFirst(words.count), in: database.folder.path)
            if isOurs && command[0] == "check" && done.errorText.isEmpty {
                #expect(done.status == 3, "\(what), \(command): \(done.summary)")
                #expect(done.objects.count == 1 && done.output.contains("d.db"), "\(what), \(command): \(done.summary)")
            } else {
                #expect(done.status == 1, "\(what), \(command): \(done.summary)")
                #expect(done.isOneClearLine && done.errorText.contains("d.db"), "\(what), \(command): \(done.summary)")
            }
            let isSame = database.folder.data("d.db") == before
            #expect(isSame, "\(what), \(command): the file was changed")
            // SQLite makes its log and the index of it before it looks at a database that says it has them.
            let left = database.files().filter { !isOurs || !$0.hasSuffix("-wal") && !$0.hasSuffix("-shm") }
            #expect(left == names, "\(what), \(command): left \(left)")
        }
    }

    @Test func aDirectory() throws {
        try expectRefused("a directory") {
            try FileManager.default.createDirectory(atPath: $0.path, withIntermediateDirectories: false)
        }
    }

    @Test func aTextFile() throws {
        try expectRefused("a text file") {
            try $0.folder.write(Data(String(repeating: "id,name,year\n", count: 100).utf8), to: "d.db")
        }
    }

    @Test func aShortTextFile() throws {
        try expectRefused("a short text file") { try $0.folder.write(Data("hello\n".utf8), to: "d.db") }
    }

    @Test(arguments: [0, 77, 0x4750_4B47] as [UInt32]) func anotherProgramsDatabase(applicationID: UInt32) throws {
        try expectRefused("another program's database") {
            try $0.folder.write(ForeignDatabase.data(applicationID: applicationID), to: "d.db")
        }
    }

    /// Bytes 60 to 63 of a SQLite file are the user version, which is our format.
    @Test func aNewerFormat() throws {
        try expectRefused("a newer format", isOurs: true) {
            try $0.fill([1, 2, 3, 4], dimension: 2)
            try $0.overwrite("d.db", at: 60, with: [0, 0, 0, 99])
        }
    }

    @Test(arguments: [
        ("magic", 0, [UInt8](repeating: 0, count: 16)), ("page size", 16, [0x13, 0x37]), ("schema format", 44, [0, 0, 0, 9]),
        ("application id", 68, [1, 2, 3, 4]), ("first page", 100, [UInt8](repeating: 0xA5, count: 400)),
    ])
    func aGarbledHeader(what: String, offset: Int, bytes: [UInt8]) throws {
        try expectRefused("garbled \(what)", isOurs: true) {
            try $0.fill([1, 2, 3, 4], dimension: 2)
            try $0.overwrite("d.db", at: offset, with: bytes)
        }
    }

    /// One byte is what SQLite itself makes of an empty file on some systems: it counts as empty.
    @Test(arguments: [2, 50, 99, 100, 1_000]) func aTruncatedHeader(count: Int) throws {
        try expectRefused("\(count) bytes of a database", isOurs: true) {
            try $0.fill([1, 2, 3, 4], dimension: 2)
            try $0.folder.write($0.folder.data("d.db").prefix(count), to: "d.db")
        }
    }

    /// Past the schema anything may be missing: some commands still work, none crashes, and `check` reports it.
    @Test func aTruncatedDatabaseIsReported() throws {
        let database = try TestDatabase()
        var dice = Dice(seed: 14)
        try database.fill(dice.floats(300 * 32), dimension: 32)
        #expect(try database.run("compact").succeeded)
        let whole = database.folder.data("d.db")
        for share in [0.3, 0.6, 0.9] {
            try database.folder.write(whole.prefix(Int(Double(whole.count) * share)), to: "d.db")
            let check = try database.run("check", with: ["--deep"])
            #expect(check.status == 3, "\(share) of a database: \(check.summary)")
            let remedies = check.objects.compactMap { $0["remedy"] as? String }
            #expect(remedies.contains { $0.contains("backup") && !$0.contains("check --deep") }, "\(check.summary)")
            let repair = try database.run("repair")
            #expect(repair.status == 3 && repair.output.contains("not repaired; restore a backup"), "\(repair.summary)")
            try database.folder.write(whole.prefix(Int(Double(whole.count) * share)), to: "d.db")
            for command in Self.commands.prefix(5) {
                let done = try database.program.run([command[0], database.path] + command.dropFirst(), in: database.folder.path)
                #expect([0, 1, 3].contains(done.status), "\(share) of a database, \(command): \(done.summary)")
            }
        }
    }
}
