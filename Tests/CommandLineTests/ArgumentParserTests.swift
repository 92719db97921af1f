/// What the argument parser accepts and refuses, and in which words.
import CausewayCLI
import Testing

@Suite struct ArgumentParserTests {
    private func parse(_ arguments: String...) throws(UsageError) -> ParsedArguments {
        try ArgumentParser.parse(arguments, for: SearchCommand.description)
    }

    private func refusal(_ line: String) -> String? {
        do {
            _ = try ArgumentParser.parse(line.split(separator: " ").map(String.init), for: SearchCommand.description)
            return nil
        } catch { return error.what + (error.suggestion.map { " [\($0)]" } ?? "") }
    }

    @Test func readsEverySpellingOfAnOption() throws {
        for spelling in [["-k", "7"], ["-k7"], ["-k=7"], ["--k=7"], ["--k", "7"]] {
            let line = ["a.db", "--collection=photos", "--id", "x"] + spelling
            let parsed = try ArgumentParser.parse(line, for: SearchCommand.description)
            #expect(parsed.integer("k") == 7, "\(spelling)")
            #expect(parsed.text("DB") == "a.db")
            #expect(parsed.text("collection") == "photos")
        }
        #expect(try parse("a.db", "--coll", "c", "--id", "x").text("collection") == "c")
        #expect(try parse("a.db", "--collection=", "--id", "x").text("collection") == "")
        #expect(try parse("a.db", "--collection=a=b", "--id", "x").text("collection") == "a=b")
    }

    @Test func bundlesFlags() throws {
        let parsed = try parse("a.db", "-xqk3", "--collection", "c", "--id=x")
        #expect(parsed.flag("exact") && parsed.flag("quiet") && parsed.integer("k") == 3)
    }

    @Test func defaultsAreNotGiven() throws {
        let parsed = try parse("a.db", "--collection", "c", "--id", "x")
        #expect(parsed.integer("k") == 10)
        #expect(!parsed.isGiven("k"))
        #expect(parsed.integers("at") == [1, 5, 10])
        #expect(parsed.realIfGiven("recall") == nil)
        #expect(!parsed.flag("exact"))
    }

    @Test func dashAndNegativeNumbersAreValues() throws {
        #expect(try parse("a.db", "--collection", "c", "--vector", "-1,2.5").text("vector") == "-1,2.5")
        #expect(try parse("a.db", "--collection", "c", "--vector", "-.5,1").text("vector") == "-.5,1")
        #expect(try parse("a.db", "--collection", "c", "--vector", "-").text("vector") == "-")
        #expect(try parse("-", "--collection", "c", "--vector=--x").text("DB") == "-")
    }

    @Test func twoDashesEndTheOptions() throws {
        let parsed = try parse("--collection", "c", "--id", "x", "--", "--a.db")
        #expect(parsed.text("DB") == "--a.db")
    }

    @Test func manyValuesEndAtTheNextOption() throws {
        let parsed = try parse("a.db", "--id", "x", "y", "-3", "--collection", "c", "--between", "image", "text", "--id=z")
        #expect(parsed.texts("id") == ["x", "y", "-3", "z"])
        #expect(parsed.texts("between") == ["image", "text"])
    }

    @Test func repeatableOptionsCollect() throws {
        let parsed = try parse("a.db", "--label", "p", "--label=q", "--collection", "c", "--id=x", "--between", "a", "b")
        #expect(parsed.texts("label") == ["p", "q"])
    }

    @Test func refusesUnknownOptionsWithTheNearestSpelling() {
        #expect(refusal("a.db --metrc dot") == "unknown option '--metrc' [--metric]")
        #expect(refusal("a.db --collecton=c") == "unknown option '--collecton' [--collection]")
        #expect(refusal("a.db --zebra") == "unknown option '--zebra'")
        #expect(refusal("a.db -z") == "unknown option '-z'")
        #expect(refusal("a.db -metric dot") == "unknown option '-m' [--metric]")
        #expect(refusal("a.db --secre") == "unknown option '--secre'")
    }

    @Test func refusesWrongValues() {
        #expect(refusal("a.db -k 0") == "option '-k': expected an integer from 1 to 10000, got '0'")
        #expect(refusal("a.db -k ten") == "option '-k': expected an integer from 1 to 10000, got 'ten'")
        #expect(refusal("a.db --recall nan") == "option '--recall': expected a number from 0.01 to 1.0, got 'nan'")
        #expect(
            refusal("a.db --metric cosin")
                == "option '--metric': expected one of cosine, dot, euclidean, got 'cosin' [cosine]")
        #expect(refusal("a.db --at 1,,5") == "option '--at': expected an integer from 1 to 1000, got ''")
        #expect(refusal("a.db --exact=yes") == "option '--exact' takes no value")
    }

    @Test func refusesWhatIsMissingOrTooMuch() {
        #expect(refusal("--collection c --id=x") == "DB is missing")
        #expect(
            refusal("--collection c --id x a.db")
                == "DB is missing ('a.db' was read as a value of '--id': write DB before the options)")
        #expect(refusal("a.db --id=x") == "option '--collection C' is missing")
        #expect(refusal("a.db b.db --collection c --id=x") == "unexpected argument 'b.db'")
        #expect(refusal("a.db --collection") == "option '--collection' needs a value: --collection C")
        #expect(refusal("a.db --between image --exact") == "option '--between' needs 2 values: --between M1 M2")
        #expect(refusal("a.db --collection c --collection d --id=x") == "option '--collection' is given twice")
        #expect(refusal("a.db --collection --exact")?.contains("but '--exact' follows") == true)
    }

    @Test func refusesBrokenRulesBetweenOptions() {
        #expect(refusal("a.db --collection c") == "one of '--vector' or '--id' is needed")
        #expect(refusal("a.db --collection c --id=x --vector=v") == "'--vector' and '--id' exclude each other")
        #expect(refusal("a.db --collection c --id=x --recall 0.9 -x") == "'--recall' and '--exact' exclude each other")
        #expect(refusal("a.db --collection c --id=x --label p") == "'--label' needs '--between' beside it")
    }

    @Test func descriptionsAreSound() {
        #expect(sampleProgram.faults() == [])
        #expect(Program.causeway.faults() == [])
        var broken = SearchCommand.description
        broken.options += [.flag("exact", help: "again"), .value("n", "N", kind: .integer(1...2), default: "3", help: "")]
        broken.constraints.append(.requires("exact", "nowhere"))
        broken.positionals = [PositionalDescription("A", .optional, help: ""), .database()]
        #expect(broken.faults().count == 4, "\(broken.faults())")
    }
}
