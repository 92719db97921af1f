/// Which rows can be believed that hold graphs, measurements, how far ingests have come, and how tokens are kept. One that holds
/// what the program never writes, such as a count below zero or the name of a file elsewhere, counts as absent wherever it is
/// read: what it stood for is made again, and costs time alone. `check` names such rows, and `repair` removes them.

struct DerivedTable {
    let name: String
    /// SQL over the table's columns; true of whatever the program writes.
    let isSound: String
    /// How what was removed is made again.
    let remake: String

    static let all = [generation, tuning, calibration, ingestSource, tokenStorage]

    static let generation = DerivedTable(
        name: "generation",
        isSound: """
            (generation BETWEEN 1 AND \(numberMax) AND checksum BETWEEN 0 AND \(UInt32.max)
            AND through_sequence BETWEEN 0 AND \(numberMax) AND node_count BETWEEN 0 AND \(UInt32.max)
            AND instr(file_name, '/') = 0 AND file_name GLOB '?*-graph-' || modality || '-' || generation)
            """,
        remake: "`causeway index build` makes the graph again")

    static let tuning = DerivedTable(
        name: "tuning",
        isSound: """
            (k BETWEEN 1 AND 65536 AND recall_target > 0 AND recall_target < 1
            AND width BETWEEN k AND \(countMax) AND candidates BETWEEN k AND \(countMax)
            AND recall_mean BETWEEN 0 AND 1 AND recall_p5 BETWEEN 0 AND 1 AND recall_minimum BETWEEN 0 AND 1
            AND recall_lower BETWEEN 0 AND 1 AND generation BETWEEN 0 AND \(numberMax) AND \(isPast))
            """,
        remake: "`causeway index build`, or `index tune` of a metric on tokens, measures it again")

    static let calibration = DerivedTable(
        name: "calibration",
        isSound: """
            (slope > -9e999 AND slope < 9e999 AND intercept > -9e999 AND intercept < 9e999
            AND (temperature IS NULL OR temperature > 0 AND temperature < 9e999)
            AND queries BETWEEN 1 AND \(countMax) AND hits BETWEEN 1 AND \(countMax) AND matches BETWEEN 0 AND hits
            AND from_count BETWEEN 0 AND \(countMax) AND to_count BETWEEN 0 AND \(countMax) AND \(isPast))
            """,
        remake: "`causeway align calibrate` stores it again")

    static let ingestSource = DerivedTable(
        name: "ingest_source", isSound: "(rows_done BETWEEN 0 AND \(numberMax) AND finished IN (0, 1))",
        remake: "`causeway ingest` of that source begins anew")

    static let tokenStorage = DerivedTable(
        name: "setting",
        isSound: "(name NOT GLOB 'token-storage/*' OR value IN (\(tokenStorages)))",
        remake: "tokens of that modality are kept as they are given")

    private static let tokenStorages = TokenStorage.allCases.map { "'\($0.rawValue)'" }.joined(separator: ", ")

    /// What counts up one by one never gets here, and any two can be added.
    static let numberMax = Int64(1) << 62
    /// Of rows: as many as a graph has room for.
    private static let countMax = Int64(1) << 32
    /// Nothing is measured on a state that has not been.
    private static let isPast = "measured_at BETWEEN 0 AND (SELECT value FROM setting WHERE name = 'sequence')"

    func fault(of count: some BinaryInteger) -> String {
        counted(count, "row holds", "rows hold") + " values that cannot be"
    }
}
