/// How far long work has come, on standard error: a bar on a terminal, otherwise a plain line every few seconds once the
/// work has taken five. May be told from any thread; prints at most ten times a second. Measures nothing but time.
import Synchronization

package final class Progress: Sendable {
    private static let lineEverySeconds = 5.0
    private static let barEverySeconds = 0.1
    /// The rate shown is a mean that forgets with this time constant.
    private static let memorySeconds = 15.0

    private struct State {
        var done: Int
        var rate: Double?
        var sampledAt: Double
        var sampledDone: Int
        var printedAt: Double
        var isFinished = false
        var barIsShown = false
    }

    private let channel: (any OutputChannel)?
    private let what: String
    private let unit: String
    private let total: Int?
    private let alreadyDone: Int
    private let startedAt: Double
    private let now: @Sendable () -> Double
    private let state: Mutex<State>

    /// `channel` nil is silence. `total` nil is unknown; `alreadyDone` counts work of an earlier run, which no rate includes.
    /// `now` is in seconds from any origin.
    package init(
        _ what: String, unit: String, total: Int?, alreadyDone: Int = 0, channel: (any OutputChannel)?,
        now: @escaping @Sendable () -> Double
    ) {
        self.channel = channel
        self.what = what
        self.unit = unit
        self.total = total
        self.alreadyDone = alreadyDone
        self.now = now
        let start = now()
        startedAt = start
        state = Mutex(
            State(done: alreadyDone, rate: nil, sampledAt: start, sampledDone: alreadyDone, printedAt: start))
    }

    /// `done` counts from zero, `alreadyDone` included.
    package func update(_ done: Int) {
        guard let channel else { return }
        let isTerminal = channel.isTerminal
        let time = now()
        let text = state.withLock { state -> String? in
            guard !state.isFinished else { return nil }
            state.done = max(state.done, done)
            sample(&state, at: time)
            guard time - state.printedAt >= (isTerminal ? Self.barEverySeconds : Self.lineEverySeconds) else { return nil }
            state.printedAt = time
            state.barIsShown = isTerminal
            return isTerminal ? "\r" + bar(state, columns: channel.columns ?? 80) + "\u{1B}[K" : line(state) + "\n"
        }
        if let text { try? channel.write(Array(text.utf8)) }
    }

    /// Removes the bar; says in one line what was done if it took long enough to have been announced.
    package func finish() {
        guard let channel else { return }
        let seconds = now() - startedAt
        let text = state.withLock { state -> String? in
            guard !state.isFinished else { return nil }
            state.isFinished = true
            let clear = state.barIsShown ? "\r\u{1B}[K" : ""
            guard seconds >= Self.lineEverySeconds else { return clear }
            let done = state.done - alreadyDone
            let rate = rateText(Double(done) / max(seconds, 1e-9))
            return clear + "\(what): \(grouped(done)) \(unit) in \(duration(seconds)), \(rate)\n"
        }
        if let text, !text.isEmpty { try? channel.write(Array(text.utf8)) }
    }

    private func sample(_ state: inout State, at time: Double) {
        let elapsed = time - state.sampledAt
        guard elapsed >= Self.barEverySeconds else { return }
        let current = Double(state.done - state.sampledDone) / elapsed
        let weight = elapsed / (elapsed + Self.memorySeconds)
        state.rate = state.rate.map { $0 + weight * (current - $0) } ?? current
        state.sampledAt = time
        state.sampledDone = state.done
    }

    private func line(_ state: State) -> String {
        guard let total, total > 0 else { return "\(what): \(facts(state))" }
        return "\(what): \(state.done * 100 / total)%, \(facts(state))"
    }

    private func facts(_ state: State) -> String {
        var text = grouped(state.done) + (total.map { " of \(grouped($0))" } ?? "") + " \(unit)"
        guard let rate = state.rate, rate > 0 else { return text }
        text += ", " + rateText(rate)
        if let total, total > state.done { text += ", \(duration(Double(total - state.done) / rate)) left" }
        return text
    }

    private func rateText(_ rate: Double) -> String {
        "\(rate >= 10 ? grouped(Int(rate)) : rounded(rate, decimals: 1)) \(unit)/s"
    }

    private func bar(_ state: State, columns: Int) -> String {
        let facts = facts(state)
        guard let total, total > 0 else { return truncated("\(what)  \(facts)", to: columns - 1) }
        let room = min(30, columns - 1 - displayWidth(what) - displayWidth(facts) - 6)
        guard room >= 5 else { return truncated("\(what)  \(facts)", to: columns - 1) }
        let filled = min(room, state.done * room / total)
        let cells = String(repeating: "█", count: filled) + String(repeating: "░", count: room - filled)
        return "\(what)  \(cells)  \(facts)"
    }
}

/// `1234567` as `1,234,567`.
package func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    var text = ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    return (number < 0 ? "-" : "") + text
}

/// Seconds as a person says them: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`.
package func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e8 else { return "very long" }
    if seconds < 10 { return "\(rounded(max(seconds, 0), decimals: 1)) s" }
    let whole = Int(seconds.rounded())
    if whole < 60 { return "\(whole) s" }
    if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
    return "\(whole / 3600) h \(whole % 3600 / 60) min"
}
