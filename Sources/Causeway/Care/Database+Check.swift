/// Checking a database and its graph files: what is damaged, where, and what to do about it.
import Platform
import ProximityGraph
import Storage

/// One thing a check found.
public struct CheckFinding: Sendable, Equatable {
    public enum Severity: String, Sendable { case damage, warning }
    public var severity: Severity
    public var place: String
    public var problem: String
    public var remedy: String
}

extension Database {
    /// Verifies the database file and the graph files. Damage that keeps a database from being opened is thrown by its opening:
    /// see `CheckFinding.init(opening:)`.
    /// - Parameter deep: also every checksum of every vector, token set, model and graph section, and every invariant of the
    ///   graphs.
    /// - Returns: findings; empty for a sound database.
    /// - Complexity: O(pages) shallow; O(bytes) deep.
    public func check(deep: Bool) throws -> [CheckFinding] {
        var findings: [CheckFinding] = []
        do {
            try use { store in
                findings = try store.check(deep: deep).map(CheckFinding.init)
                findings += try store.read { try meaningless(in: $0, deep: deep).map(CheckFinding.init) }
                for collection in try collections() {
                    findings += try store.read { reader in
                        try reader.soundModalities(of: collection.record(in: reader).id).flatMap {
                            try checkIndex(of: $0, collection.name, in: reader, deep)
                        }
                    }
                }
            }
        } catch CausewayError.damaged(_, let what, _) {
            let finding = CheckFinding(.unreadable(what))
            if !findings.contains(finding) { findings.append(finding) }
        }
        return findings
    }

    /// A graph file that is missing is a warning: searches scan until it is made again.
    func checkIndex(
        of modality: ModalityRecord, _ collection: String, in reader: Reader, _ deep: Bool
    ) throws -> [CheckFinding] {
        try throwIfCancelled()
        guard let generation = try reader.generation(of: modality.id) else { return [] }
        let place = "index of \(collection)/\(modality.name), file \(generation.fileName)"
        func damage(_ problem: String) -> CheckFinding {
            CheckFinding(
                severity: .damage, place: place, problem: problem,
                remedy: "run `causeway index rebuild`; no embedding is lost")
        }
        switch files.open(generation, of: modality) {
        case .failure(let error) where error.isMissingFile:
            return [
                CheckFinding(
                    severity: .warning, place: place, problem: "the graph file is not there; searches scan exactly",
                    remedy: "run `causeway index build`; no embedding is lost"),
            ]
        case .failure(let error): return [damage(error.description)]
        case .success(let graph):
            guard GenerationSettings(recorded: generation)?.graph == graph.settings else {
                return [damage("what the database says of how it was built is not what the file says")]
            }
            guard deep else { return [] }
            var problems = graph.verifyChecksums()
            try throwIfCancelled()
            if problems.isEmpty { problems = graph.checkInvariants() }
            if problems.isEmpty { problems = try missingRows(graph, generation, modality, in: reader) }
            return problems.map(damage)
        }
    }

    /// Every live row that the graph should know is in it, unless its vector is zero or damaged.
    private func missingRows(
        _ graph: Graph, _ generation: GenerationRecord, _ modality: ModalityRecord, in reader: Reader
    ) throws -> [String] {
        let indexed = try reader.rows(of: modality.id).filter { $0.rawValue <= generation.throughSequence.rawValue }
        let known = graph.labelSet(containing: indexed.map(\.rawValue)).count
        guard known < indexed.count else { return [] }
        var zeroVectors = 0
        let damaged = try reader.forEachVector(indexed, of: modality) { _, vector in
            var isZero = true
            for component in vector.indices where vector[component] != 0 { isZero = false }
            if isZero { zeroVectors += 1 }
        }
        let absent = indexed.count - known - zeroVectors - damaged.count
        return absent <= 0 ? [] : ["\(absent) embeddings are missing from it"]
    }
}

extension CheckFinding {
    init(_ finding: Finding) {
        severity = finding.severity == .damage ? .damage : .warning
        place = finding.place
        problem = finding.problem
        remedy = finding.remedy
    }

    /// Damage that keeps a database from being opened, as a check would report it; nil for any other error.
    public init?(opening error: any Error) {
        guard case CausewayError.damaged(let path, let what, _) = error else { return nil }
        self.init(
            severity: .damage, place: "database", problem: "it cannot be opened: \(what)",
            remedy: "restore a backup; without one, SQLite's shell may read the rows that are left: `sqlite3 \(path) .recover`")
    }
}
