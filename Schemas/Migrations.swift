/// The numbered SQL migrations, embedded at build time; SQLite's `user_version` counts those applied.
package enum Migrations {
    /// SQL text by number, first migration first.
    package static var all: [String] {
        [
            PackageResources.m0001_initial_sql, PackageResources.m0002_models_sql, PackageResources.m0003_calibrations_sql,
            PackageResources.m0004_token_codes_sql,
        ].map { String(decoding: $0, as: UTF8.self) }
    }

    /// `PRAGMA application_id` of every Causeway database: "Cswy" in ASCII.
    package static let applicationID: Int32 = 0x4373_7779
}
