/// What is recorded with a published graph: how it was built. JSON in the database, one flat object.
import Foundation
import ProximityGraph
import Storage

struct GenerationSettings: Codable {
    var graph: GraphSettings
    /// The modalities named by the caller; nil when the choice was left to the build.
    var requested: [String]?
    var edges: [CrossModalEdges]
    /// Rows that came by merges since the graph was built from nothing.
    var merged = 0
    /// More rows than any graph has room for.
    private static let mergedMax = 1 << 48

    init(graph: GraphSettings, crossModal: IndexOptions.CrossModal, edges: [CrossModalEdges]) {
        self.graph = graph
        self.edges = edges
        if case .modalities(let names) = crossModal { requested = names.sorted() }
    }

    private enum Key: String, CodingKey { case requestedModalities, crossModalEdges, mergedRows }

    init(from decoder: any Decoder) throws {
        graph = try GraphSettings(from: decoder)
        let container = try decoder.container(keyedBy: Key.self)
        requested = try container.decodeIfPresent([String].self, forKey: .requestedModalities)
        edges = try container.decodeIfPresent([CrossModalEdges].self, forKey: .crossModalEdges) ?? []
        merged = try container.decodeIfPresent(Int.self, forKey: .mergedRows) ?? 0
        guard (0...Self.mergedMax).contains(merged) else {
            throw DecodingError.dataCorruptedError(
                forKey: .mergedRows, in: container, debugDescription: "\(merged) is out of range")
        }
    }

    func encode(to encoder: any Encoder) throws {
        try graph.encode(to: encoder)
        var container = encoder.container(keyedBy: Key.self)
        try container.encodeIfPresent(requested, forKey: .requestedModalities)
        try container.encode(edges, forKey: .crossModalEdges)
        if merged > 0 { try container.encode(merged, forKey: .mergedRows) }
    }

    func jsonText() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    /// Nil for settings of another version, and for damaged ones; then nothing of the graph goes on into the next.
    init?(recorded record: GenerationRecord) {
        guard let made = try? JSONDecoder().decode(Self.self, from: Data(record.settings.utf8)) else { return nil }
        self = made
    }
}

extension GenerationSettings {
    /// The quality that means these parameters; nil where none does any more.
    var quality: IndexOptions.Quality? {
        IndexOptions.Quality.allCases.first {
            GraphSettings.standard(dimension: graph.dimension, quality: $0.graph, seed: graph.seed) == graph
        }
    }

    var crossModal: IndexOptions.CrossModal { requested.map { .modalities($0) } ?? .automatic }

    /// Links were added that queries of a modality asked for.
    func hasEdges(from source: String) -> Bool { edges.contains { $0.from.hasSameBytes(as: source) && $0.outcome == .kept } }
}

extension IndexOptions.Quality {
    var graph: GraphQuality {
        switch self {
        case .fast: .fast
        case .balanced: .balanced
        case .high: .high
        }
    }
}
