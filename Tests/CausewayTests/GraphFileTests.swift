/// The graph files beside a database as files: who may read them, what they are called, and which are removed.
import Causeway
import Foundation
import Testing

@Suite(.enabled(if: isOptimised, "kernels are slow without optimisation"))
struct GraphFileTests {
    /// A database with an index, closed.
    private static func indexed() throws -> TemporaryDatabase {
        let temporary = try TemporaryDatabase()
        try temporary.collection().insert(clusteredEmbeddings(2_050, dimension: 8, seed: 1), into: "v")
        try temporary.collection().buildIndex()
        temporary.database.close()
        return temporary
    }

    private static func files(_ temporary: TemporaryDatabase) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: temporary.directory).sorted()
    }

    @Test func allFilesAreAsPrivateAsTheDatabase() throws {
        let temporary = try Self.indexed()
        for name in try Self.files(temporary) where name != "test.db" {
            try FileManager.default.removeItem(atPath: temporary.file(name))
        }
        try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: temporary.path)
        let database = try Database(path: temporary.path, upkeep: .manual)
        defer { database.close() }
        #expect(try database.collection("c").buildIndex().map(\.outcome) == [.built])
        let files = try Self.files(temporary)
        #expect(files.contains { $0.contains("-graph-") } && files.contains("test.db-graphs-lock"), "\(files)")
        for name in files {
            let found = try FileManager.default.attributesOfItem(atPath: temporary.file(name))[.posixPermissions] as? Int
            #expect(found == 0o600, "\(name)")
        }
    }

    /// Nothing outside its directory is a graph of a database, and nothing but a regular file is one.
    @Test(.timeLimit(.minutes(10)), arguments: ["'pipe'", "'../test.db-graph-1-1'", "'../../../../etc/passwd'", "''", nil])
    func aFileThatIsNoGraphIsNeverOpenedOrWaitedFor(name: String?) throws {
        let temporary = try Self.indexed()
        let graph = try #require(try Self.files(temporary).first { $0.contains("-graph-") })
        try FileManager.default.removeItem(atPath: temporary.file(graph))
        for name in [graph, "pipe"] { try makePipe(temporary.file(name)) }
        if let name { try execute("UPDATE generation SET file_name = \(name)", on: temporary.path) }
        let database = try Database(path: temporary.path, access: .readWrite, upkeep: .manual)
        defer { database.close() }
        #expect(try database.collection("c").search(.vector([1, 0, 0, 0, 0, 0, 0, 0]), in: "v").hits.count == 10)
        #expect(try database.check(deep: false).map(\.severity) == [.damage])
        #expect(try database.repair(keepsCopy: false).remaining == [])
        #expect(try database.check(deep: true) == [])
    }

    /// A database that was moved takes the graph of its old name along, and a copy borrows it.
    @Test(arguments: [false, true]) func theGraphOfAnOldNameGoesWhenAnotherIsBuilt(isCopy: Bool) throws {
        let temporary = try Self.indexed()
        let new = temporary.file("new.db")
        if isCopy {
            try FileManager.default.copyItem(atPath: temporary.path, toPath: new)
        } else {
            try FileManager.default.moveItem(atPath: temporary.path, toPath: new)
        }
        let database = try Database(path: new, upkeep: .manual)
        defer { database.close() }
        #expect(try database.collection("c").indexStatus(of: "v").state == .current)
        #expect(try database.collection("c").buildIndex(options: IndexOptions(rebuild: true)).map(\.outcome) == [.built])
        #expect(try database.collection("c").indexStatus(of: "v").state == .current)
        let graphs = try Self.files(temporary).filter { $0.contains("-graph-") }
        let (own, old) = (graphs.count { $0.hasPrefix("new.db") }, graphs.count { $0.hasPrefix("test.db") })
        #expect(own == 1 && old == (isCopy ? 1 : 0), "\(graphs)")
    }

    #if os(Linux)
    /// "é" as one scalar and as two: where names are bytes, two databases.
    @Test func aDatabaseRemovesNoGraphOfOneWhoseNameOnlyLooksTheSame() throws {
        let temporary = try TemporaryDatabase()
        let databases = try ["caf\u{E9}.db", "cafe\u{301}.db"].map { name in
            let database = try Database(path: temporary.file(name), upkeep: .manual)
            try database.collection("c").insert(clusteredEmbeddings(2_050, dimension: 8, seed: 1), into: "v")
            try database.collection("c").buildIndex()
            return database
        }
        defer { for database in databases { database.close() } }
        for database in databases { try database.compact() }
        for database in databases { #expect(try database.collection("c").indexStatus(of: "v").state == .current) }
    }
    #endif
}
