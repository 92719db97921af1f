/// The program as a user meets it: help, statuses, error lines, formats, closed pipes.
import CausewayCLI
import Testing

@Suite struct ProgramTests {
    @Test func helpPageOfACommand() {
        let expected = """
            Find the nearest embeddings.

            Usage: causeway search DB --collection C [-k K] [--metric NAME] (--vector JSON|FILE | --id ID...)
                                   [--between M1 M2] [--recall R | --exact] [--label L] [--at 1,5,10]
                                   [--format FORMAT] [--quiet] [--help]

            Results come best first; equal scores are ordered by id.

            Arguments:
              DB                          the database file

            Options:
              --collection C              the collection
              -k K                        results per query (default 10)
              --metric NAME               how embeddings are compared: cosine, dot, euclidean
              --vector JSON|FILE          a query vector
              --id ID...                  queries that are stored already
              --between M1 M2             two modalities
              --recall R                  share of the true results wanted
              --label L                   may be given several times
              --at 1,5,10                 ranks to report (default 1,5,10)
              -x, --exact                 scan everything
              --format FORMAT             how results are printed: table on a terminal, jsonl otherwise:
                                          table, json, jsonl
              -q, --quiet                 no progress, no notes
              -h, --help                  show this help

            Examples:
              causeway search photos.db --collection photos --id cap-7

            """
        #expect(run("search --help") == Outcome(status: .done, output: expected, errors: ""))
        #expect(run("search a.db --nonsense -h").output == expected)
    }

    @Test func helpOnEveryLevel() {
        let all = run("--help")
        #expect(all.status == .done && all.output.contains("index break") && all.output.contains("Search:"))
        let group = run("index --help")
        #expect(group.output.hasPrefix("Work on indexes\n\nUsage: causeway index COMMAND"))
        #expect(!group.output.contains("search"))
        #expect(run("--version").output == "causeway 9.9\n")
    }

    @Test func wrongUsageIsOneLineAndStatusTwo() {
        let unknown = run("serch a.db")
        #expect(unknown.status == .usage && unknown.output.isEmpty)
        #expect(unknown.errors == "causeway: unknown command 'serch'; did you mean 'search'? see 'causeway --help'\n")
        #expect(run("index").errors == "causeway: 'index' needs one of break; see 'causeway index --help'\n")
        #expect(run("index brake").errors.contains("did you mean 'break'? see 'causeway index --help'"))
        #expect(
            run("search a.db --metrc dot").errors
                == "causeway: unknown option '--metrc'; did you mean '--metric'? see 'causeway search --help'\n")
        #expect(run("").status == .usage)
        let hostile = run(["search", "--x\n\u{1B}[2J"])
        #expect(hostile.errors.dropLast().allSatisfy { !$0.isNewline } && !hostile.errors.contains("\u{1B}"))
    }

    @Test func failuresHaveTheirStatusAndLine() {
        let locked = run("index break locked")
        #expect(locked.status == .locked)
        #expect(locked.errors == "causeway: photos.db is locked\\nby another writer; try again later\n")
        #expect(run("index break foreign") == Outcome(
            status: .badInput, output: "", errors: "causeway: row 7 of a.npy: not a number\n"))
        #expect(run("index break damage") == Outcome(status: .damage, output: "", errors: ""))
        #expect(run("index break interrupt").status == .interrupted)
    }

    @Test func formatsFollowTheTerminal() {
        let line = "search a.db --collection c --id x yy"
        let lines = #"{"rank":1,"id":"x","score":0.5}"# + "\n" + #"{"rank":2,"id":"yy","score":0.25}"# + "\n"
        #expect(run(line).output == lines)
        let table = "rank  id  similarity\n   1  x       0.5000\n   2  yy      0.2500\n"
        #expect(run(line, output: MemoryChannel(isTerminal: true, columns: 60)).output == table)
        #expect(run(line + " --format table").output == table)
        let array = "[\n" + lines.dropLast().split(separator: "\n").joined(separator: ",\n") + "\n]\n"
        #expect(run(line + " --format=json").output == array)
    }

    @Test func singleObjects() {
        #expect(run("index break").output == #"{"name":"x","size":{"rows":3,"mean":0.25}}"# + "\n")
        let shown = run("index break", output: MemoryChannel(isTerminal: true)).output
        #expect(shown == "name       x\nsize.rows  3\nsize.mean  0.2500\n")
    }

    @Test func aClosedPipeEndsQuietlyAndAFullDiskDoesNot() {
        let closed = run("search a.db --collection c --id x", output: MemoryChannel(failing: .closed))
        #expect(closed == Outcome(status: .done, output: "", errors: ""))
        let full = run("search a.db --collection c --id x", output: MemoryChannel(failing: .failed(reason: "disk full")))
        #expect(full.status == .failed && full.errors.contains("disk full"))
    }
}
