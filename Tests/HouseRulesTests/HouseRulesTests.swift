/// The rules of the house that a machine can check, over the whole tree. Judges text, compiles nothing.
import Foundation
import Testing

@Suite struct HouseRulesTests {
    /// What each Swift module may import besides Foundation, Dispatch, Synchronization and the system's C library.
    private static let arrows: [String: Set<String>] = [
        "Platform": ["CKernels"],
        "VectorMath": ["CKernels", "Platform"],
        "ProximityGraph": ["VectorMath", "CKernels", "Platform"],
        "VectorFiles": ["CKernels", "Platform"],
        "Storage": ["CSQLite", "CLZ4", "CKernels", "Schemas", "Platform"],
        "Causeway": ["Storage", "ProximityGraph", "VectorMath", "VectorFiles", "Platform"],
        "CausewayCLI": ["Causeway"],
    ]
    private static let cModules: Set<String> = ["CKernels", "CSQLite", "CLZ4"]
    private static let systemModules: Set<String> = ["Darwin", "Glibc", "Musl"]
    private static let toolchainModules: Set<String> = ["Foundation", "Dispatch", "Synchronization"]
    private static let linesMax = 500
    private static let columnsMax = 130

    private let tree = SourceTree()

    @Test func importsFollowTheArrows() {
        for file in tree.files(under: "Sources", endings: ["swift"]) {
            guard let allowed = Self.arrows[file.module] else {
                Issue.record("\(file.path): the module '\(file.module)' has no arrows; add it to this test and to README.md")
                continue
            }
            for name in file.imports {
                let isFine = allowed.contains(name) || Self.systemModules.contains(name)
                    || Self.toolchainModules.contains(name)
                #expect(isFine, "\(file.path): \(file.module) may not import \(name)")
            }
        }
    }

    @Test func unsafeCodeLivesInUnsafeFiles() {
        for file in tree.files(under: "Sources", endings: ["swift"]) where !file.isUnsafeFile {
            for name in file.imports {
                let isC = Self.cModules.contains(name) || Self.systemModules.contains(name)
                #expect(!isC, "\(file.path) imports \(name): C is called from Unsafe.swift only")
            }
            for (number, line) in file.codeLines {
                let hasKeyword = line.split(whereSeparator: { !$0.isLetter && $0 != "_" && $0 != "@" }).contains("unsafe")
                #expect(!hasKeyword, "\(file.path):\(number): unsafe code belongs in Unsafe.swift")
            }
        }
    }

    @Test func filesAndLinesAreShort() {
        for file in tree.files(under: "Sources", "Tests", "Benchmarks", endings: ["swift", "c", "h", "py", "sql"]) {
            #expect(file.lines.count <= Self.linesMax, "\(file.path) has \(file.lines.count) lines, \(Self.linesMax) at most")
            for (index, line) in file.lines.enumerated() where line.count > Self.columnsMax {
                Issue.record("\(file.path):\(index + 1) has \(line.count) columns, \(Self.columnsMax) at most")
            }
            for (index, line) in file.lines.enumerated() where line.contains("\t") && file.ending == "swift" {
                Issue.record("\(file.path):\(index + 1) has a tab")
            }
        }
    }

    /// The first comment says in a sentence what the file is.
    @Test func filesBeginWithASentence() {
        for file in tree.files(under: "Sources", "Tests", "Benchmarks", endings: ["swift", "c", "h"]) {
            let header = file.lines.prefix { $0.hasPrefix("//") }.joined(separator: " ")
            let words = header.split(separator: " ").filter { $0.contains { $0.isLetter } }
            #expect(words.count >= 4 && header.contains("."), "\(file.path) does not begin with a sentence about itself")
        }
    }

    @Test func nothingIsLeftUnfinished() {
        let shouted = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
        let spoken = ["st" + "ub", "place" + "holder", "simpli" + "fied", "for" + " now", "not" + " implemented"]
        for file in everything {
            for (index, line) in file.lines.enumerated() {
                let lowered = line.lowercased()
                let found = shouted.filter { line.containsWord($0) } + spoken.filter { lowered.containsWord($0) }
                #expect(found.isEmpty, "\(file.path):\(index + 1) says '\(found.joined(separator: ", "))'")
            }
        }
    }

    @Test func noPathOfAMachineIsWritten() {
        let homes = ["wo" + "rk", "ro" + "ot", "ho" + "me"].map { "/" + $0 + "/" }
        let temporary = "/" + "tmp" + "/"
        for file in everything {
            for (index, line) in file.lines.enumerated() {
                let found = (file.path.hasPrefix("Sources") ? homes + [temporary] : homes).filter {
                    line.contains("\"" + $0) || line.contains(" " + $0) || line.contains("'" + $0) || line.hasPrefix($0)
                }
                #expect(found.isEmpty, "\(file.path):\(index + 1) names \(found.joined(separator: ", "))")
                #expect(!line.lowercased().containsWord("fa" + "rm"), "\(file.path):\(index + 1) names where it was written")
            }
        }
    }

    @Test func packageHasNoThirdParty() {
        let manifest = tree.file("Package.swift")
        #expect(!manifest.lines.isEmpty)
        for (number, line) in manifest.codeLines {
            #expect(!line.contains("." + "package("), "Package.swift:\(number) depends on another package")
            #expect(!line.contains("unsafe" + "Flags"), "Package.swift:\(number) has flags that stop users from depending on it")
        }
    }

    @Test func everyTestFileExpectsSomething() {
        for file in tree.files(under: "Tests", endings: ["swift"]) where file.path.hasSuffix("Tests.swift") {
            let code = file.codeLines.map(\.1)
            #expect(code.contains { $0.contains("@Test") }, "\(file.path) has no test")
            #expect(code.contains { $0.contains("#expect") || $0.contains("#require") }, "\(file.path) expects nothing")
        }
    }

    @Test func topLevelIsTheLayoutOfTheReadme() throws {
        let allowed: Set<String> = ["Package.swift", "Sources", "Tests", "Benchmarks", "Schemas", "README.md", "LICENSE"]
        let ignored = Set(tree.file(".gitignore").lines.map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "/ ")) })
        for name in try FileManager.default.contentsOfDirectory(atPath: tree.root) {
            // What the demo leaves (`/demo*/`) and other ignored things are nobody's business here.
            let isIgnored = ignored.contains { $0.hasSuffix("*") ? name.hasPrefix($0.dropLast()) : name == $0 }
            let isFine = name.hasPrefix(".") || allowed.contains(name) || isIgnored
            #expect(isFine, "'\(name)' does not belong at the top level")
        }
    }

    /// The rules must be able to fail: each is shown a breach.
    @Test func theRulesSeeABreach() {
        let file = SourceFile(
            path: "Sources/VectorMath/Bad.swift",
            text: "package import struct Storage.Row\nimport Glibc\nlet a = \"unsafe\" // unsafe\nlet b = unsafe c()\n")
        #expect(file.module == "VectorMath" && !file.isUnsafeFile)
        #expect(file.imports == ["Storage", "Glibc"])
        #expect(file.codeLines.filter { $0.1.contains("unsafe") }.map(\.0) == [4])
        #expect(SourceFile(path: "Sources/Storage/Unsafe+Rows.swift", text: "").isUnsafeFile)
        #expect(("a st" + "ub.").containsWord("st" + "ub") && !("st" + "ubborn").containsWord("st" + "ub"))
        #expect(tree.files(under: "Sources", endings: ["swift"]).count > 10, "the tree was not found at \(tree.root)")
    }

    private var everything: [SourceFile] {
        tree.files(under: "Sources", "Tests", "Benchmarks", "Schemas", endings: ["swift", "c", "h", "py", "sql", "md", "sh"])
            + ["Package.swift", "README.md", ".ci/run"].map(tree.file)
    }
}
