// swift-tools-version: 6.2
// The package: one library, one executable, no third-party package. Layers are described in README.md;
// Tests/HouseRulesTests enforces the arrows between them.
import PackageDescription

/// Warnings are errors where CI runs, so that a newer compiler's new warning never stops a user's build.
let warningsAreErrors = Context.environment["CI"] != nil

let swiftSettings: [SwiftSetting] = [.strictMemorySafety()]
    + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

func module(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: swiftSettings)
}

let package = Package(
    name: "causeway",
    platforms: [.macOS(.v15)],
    products: [
        .library(name: "Causeway", targets: ["Causeway"]),
        .executable(name: "causeway", targets: ["CausewayCLI"]),
    ],
    targets: [
        .systemLibrary(
            name: "CSQLite", pkgConfig: "sqlite3",
            providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite3"])]),
        .systemLibrary(
            name: "CLZ4", pkgConfig: "liblz4",
            providers: [.apt(["liblz4-dev"]), .brew(["lz4"])]),
        .target(name: "CKernels"),
        .target(
            name: "Schemas", path: "Schemas", exclude: ["FORMAT.md", "FORMAT-graph.md", "json"],
            resources: [.embedInCode("sql")], swiftSettings: swiftSettings),

        module("Platform", ["CKernels"]),
        module("VectorMath", ["CKernels", "Platform"]),
        module("ProximityGraph", ["VectorMath", "CKernels", "Platform"]),
        module("VectorFiles", ["CKernels", "Platform"]),
        module("Storage", ["CSQLite", "CLZ4", "CKernels", "Schemas", "Platform"]),
        module("Causeway", ["Storage", "ProximityGraph", "VectorMath", "VectorFiles", "Platform"]),
        .executableTarget(
            name: "CausewayCLI", dependencies: ["Causeway"], swiftSettings: swiftSettings),
        .executableTarget(
            name: "rerank-benchmark", dependencies: ["Causeway", "Storage"], path: "Benchmarks/Rerank",
            swiftSettings: swiftSettings),
        .executableTarget(
            name: "transport-benchmark", dependencies: ["Platform", "VectorFiles", "VectorMath"],
            path: "Benchmarks/Transport", swiftSettings: swiftSettings),

        .target(
            name: "TestSupport", dependencies: ["Platform"], path: "Tests/TestSupport", swiftSettings: swiftSettings),
        tests("HouseRulesTests", []),
        tests("PlatformTests", ["Platform", "CKernels"]),
        tests("StorageTests", ["TestSupport", "Storage", "Platform", "CSQLite", "CKernels"]),
        tests("VectorFilesTests", ["TestSupport", "VectorFiles", "Platform"]),
        tests("VectorMathTests", ["VectorMath", "CKernels", "Platform"]),
        tests("ProximityGraphTests", ["ProximityGraph", "VectorMath", "CKernels", "Platform"]),
        tests("CausewayTests", ["TestSupport", "Causeway", "Platform", "VectorMath", "CSQLite"]),
        tests("CommandLineTests", ["CausewayCLI", "Causeway", "Platform"]),
    ],
    swiftLanguageModes: [.v6]
)
