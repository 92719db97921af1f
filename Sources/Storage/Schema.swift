/// What a Causeway database's own description must say: identity, version, and every table and index word for word.
import Schemas

struct SchemaObject: Equatable {
    var type: String
    var name: String
    var sql: String
}

enum Schema {
    static var version: Int { Migrations.all.count }

    /// The schema that the migrations make, by making it in memory; nil only when SQLite itself refuses them.
    static let expected: [SchemaObject]? = {
        do throws(StorageError) {
            let memory = try Connection(path: "schema", for: .memory, busyTimeoutMs: 0)
            for migration in Migrations.all { try memory.execute(migration) }
            return try objects(in: memory)
        } catch {
            return nil
        }
    }()

    /// Tables, indexes, triggers and views by name; SQLite's own objects left out.
    static func objects(in connection: Connection) throws(StorageError) -> [SchemaObject] {
        let statement = try connection.take(
            "SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite^_%' ESCAPE '^' ORDER BY type, name")
        defer { connection.give(statement) }
        var found: [SchemaObject] = []
        while try statement.step() {
            found.append(SchemaObject(
                type: statement.text(0) ?? "", name: statement.text(1) ?? "", sql: statement.text(2) ?? ""))
        }
        return found
    }

    enum State { case empty, older(Int), current }

    /// Looks at a file's identity; throws for what is not ours or newer than we know.
    static func state(of connection: Connection) throws(StorageError) -> State {
        let application = Int(try connection.integer("PRAGMA application_id"))
        let version = Int(try connection.integer("PRAGMA user_version"))
        let path = connection.path
        guard application == Int(Migrations.applicationID) else {
            let isEmpty = try connection.integer("SELECT count(*) FROM sqlite_schema") == 0
            if isEmpty, application == 0, version == 0 { return .empty }
            throw .foreignDatabase(path: path, applicationID: application)
        }
        guard version <= Self.version else {
            throw .newerFormat(path: path, found: version, supported: Self.version)
        }
        guard version >= 1 else { throw .corrupt(path: path, what: "its format number is \(version)") }
        return version < Self.version ? .older(version) : .current
    }

    /// Every object of ours must be there, word for word. Others are tolerated here (`check` names them): a user may have
    /// added an index, and views and triggers never run.
    static func verify(_ connection: Connection) throws(StorageError) {
        let found = try objects(in: connection)
        for object in expected ?? [] where !found.contains(object) {
            throw .corrupt(path: connection.path, what: "\(object.type) \(object.name) is missing or altered")
        }
    }

    /// Applies the migrations that are due, in one transaction, so that a crash leaves the old state.
    static func migrate(_ connection: Connection, from version: Int, uuid: [UInt8]) throws(StorageError) {
        try connection.execute("BEGIN IMMEDIATE")
        do throws(StorageError) {
            for migration in Migrations.all[version...] { try connection.execute(migration) }
            if version == 0 {
                let insert = try connection.take("INSERT INTO setting (name, value) VALUES (?, ?)")
                defer { connection.give(insert) }
                insert.bind(1, "uuid")
                insert.bind(2, blob: uuid)
                try insert.run()
                insert.bind(1, "sequence")
                insert.bind(2, Int64(0))
                try insert.run()
                try connection.execute("PRAGMA application_id = \(Migrations.applicationID)")
            }
            try connection.execute("PRAGMA user_version = \(Self.version)")
            try connection.execute("COMMIT")
        } catch {
            if connection.isInTransaction { try connection.execute("ROLLBACK") }
            throw error
        }
    }
}

extension Connection {
    /// The first column of the first row of a query without parameters; 0 when there is no row.
    func integer(_ sql: String) throws(StorageError) -> Int64 {
        let statement = try take(sql)
        defer { give(statement) }
        return try statement.step() ? statement.int(0) : 0
    }

    func string(_ sql: String) throws(StorageError) -> String? {
        let statement = try take(sql)
        defer { give(statement) }
        return try statement.step() ? statement.text(0) : nil
    }
}
