/// The completion scripts: accepted by the shells that are installed, and offering what the descriptions declare.
import CausewayCLI
import Foundation
import Testing

@Suite struct CompletionsTests {
    /// The output and status of a shell, nil where it is not installed.
    private func runShell(_ name: String, _ arguments: [String], input: String) throws -> (Int32, String)? {
        let search = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin").split(separator: ":")
        let found = search.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
        guard let found else {
            print("skipped: \(name) is not installed")
            return nil
        }
        let process = Process(), stdin = Pipe(), stdout = Pipe()
        process.executableURL = URL(fileURLWithPath: found)
        process.arguments = arguments
        process.standardInput = stdin
        process.standardOutput = stdout
        process.standardError = stdout
        try process.run()
        stdin.fileHandleForWriting.write(Data(input.utf8))
        try stdin.fileHandleForWriting.close()
        let output = String(decoding: stdout.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        return (process.terminationStatus, output)
    }

    @Test(arguments: Shell.allCases) func scriptsHaveTheShellsSyntax(shell: Shell) throws {
        for program in [sampleProgram, .causeway] {
            guard let (status, output) = try runShell(shell.rawValue, ["-n"], input: program.completions(for: shell))
            else { return }
            #expect(status == 0 && output.isEmpty, "\(shell): \(output)")
        }
    }

    @Test func bashOffersCommandsOptionsAndChoices() throws {
        func offers(_ words: String...) throws -> String? {
            let list = (["causeway"] + words).map { "'\($0)'" }.joined(separator: " ")
            let script = sampleProgram.completions(for: .bash)
                + "\nCOMP_WORDS=(\(list)); COMP_CWORD=\(words.count); _causeway; echo \"${COMPREPLY[*]}\"\n"
            return try runShell("bash", ["--norc"], input: script)?.1.trimmingCharacters(in: .whitespacesAndNewlines)
        }
        guard try offers("se") != nil else { return }
        #expect(try offers("") == "search index completions")
        #expect(try offers("se") == "search")
        #expect(try offers("index", "") == "break")
        #expect(try offers("search", "a.db", "--met") == "--metric")
        #expect(try offers("search", "a.db", "--metric", "") == "cosine dot euclidean")
        #expect(try offers("search", "a.db", "--metric", "=", "d") == "dot")
        #expect(try offers("search", "a.db", "--format", "js") == "json jsonl")
        #expect(try offers("search", "a.db", "--sec") == "")
        #expect(try offers("completions", "z") == "zsh")
    }

    @Test func everyOptionIsInEveryScript() {
        for shell in Shell.allCases {
            let script = sampleProgram.completions(for: shell)
            for option in SearchCommand.description.allOptions {
                let name = shell == .fish && !option.isShortOnly ? "-l \(option.name)" : option.name
                #expect(script.contains(name) != option.isHidden, "\(shell) \(option.name)")
            }
        }
    }
}
