/// What several options that name files must not do together. Opens nothing.
import Foundation

extension ParsedArguments {
    /// Refuses standard input for two of these options or arguments: it can be read once.
    package func refuseSharedStandardInput(among names: [String]) throws(UsageError) {
        let readers = names.flatMap { name in texts(name).filter { $0 == "-" }.map { _ in spelling(name) } }
        guard readers.count < 2 else {
            throw usageError("standard input is read once, and \(readers.joined(separator: " and ")) both name it")
        }
    }

    /// Refuses one file (or standard output) for the results of two of these options: one would be lost.
    package func refuseSharedOutput(among names: [String]) throws(UsageError) {
        var writers: [String: String] = [:]
        for name in names {
            guard let path = textIfGiven(name) else { continue }
            let place = path == "-" ? path : URL(fileURLWithPath: path).standardizedFileURL.path
            if let other = writers.updateValue(name, forKey: place) {
                let what = path == "-" ? "standard output" : path
                throw usageError("\(spelling(other)) and \(spelling(name)) both write to \(what)")
            }
        }
    }

    private func spelling(_ name: String) -> String { command.option(named: name)?.spelling ?? name }
}
