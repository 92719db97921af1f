/// What the filter language means and what it refuses, and that a printed filter is read back as the same tree.
import Causeway
import Testing

@Suite struct FilterParserTests {
    private func parse(_ text: String) throws -> FilterExpression { try FilterExpression(parsing: text) }

    private func attribute(_ path: String...) -> FilterField { .attribute(path) }

    private func refusal(_ text: String) -> String? {
        do throws(FilterError) {
            _ = try FilterExpression(parsing: text)
            return nil
        } catch { return error.description }
    }

    @Test func readsTheExampleOfTheContract() throws {
        let text = """
            license = 'cc-by' AND year >= 2019 AND tags CONTAINS 'cat' AND
            NOT archived AND author.name IN ('a','b') AND title LIKE 'red%' AND note IS NULL
            """
        #expect(try parse(text) == .and([
            .compare(attribute("license"), .eq, .text("cc-by")), .compare(attribute("year"), .ge, .integer(2019)),
            .contains(attribute("tags"), .text("cat")), .not(.isTrue(attribute("archived"))),
            .among(attribute("author", "name"), [.text("a"), .text("b")]), .like(attribute("title"), "red%"),
            .isNull(attribute("note")),
        ]))
    }

    @Test func notBindsTighterThanAndThanOr() throws {
        let (a, b, c) = (FilterExpression.isTrue(attribute("a")), FilterExpression.isTrue(attribute("b")),
                         FilterExpression.isTrue(attribute("c")))
        #expect(try parse("a or b and not c") == .or([a, .and([b, .not(c)])]))
        #expect(try parse("(a OR b) AND c") == .and([.or([a, b]), c]))
        #expect(try parse("a AND b AND c") == .and([a, b, c]))
        #expect(try parse("a AND (b AND c)") == .and([a, .and([b, c])]))
        #expect(try parse("((a))") == a)
        #expect(try parse("NOT NOT a") == .not(.not(a)))
        #expect(try parse("NOT a = 1") == .not(.compare(attribute("a"), .eq, .integer(1))))
    }

    @Test func readsEveryComparison() throws {
        let signs: [(String, FilterComparison)] = [
            ("=", .eq), ("==", .eq), ("<>", .ne), ("!=", .ne), ("<", .lt), ("<=", .le), (">", .gt), (">=", .ge),
        ]
        for (sign, comparison) in signs {
            #expect(try parse("a\(sign)1") == .compare(attribute("a"), comparison, .integer(1)), "\(sign)")
            #expect(try parse("1 \(sign) a") == parse("a \(comparison.mirrored.rawValue) 1"), "\(sign) mirrored")
        }
        #expect(try parse("2019 <= year") == .compare(attribute("year"), .ge, .integer(2019)))
    }

    @Test func readsValues() throws {
        func value(_ text: String) throws -> FilterValue? {
            if case .compare(_, .eq, let value) = try parse("a = \(text)") { value } else { nil }
        }
        #expect(try value("'it''s'") == .text("it's"))
        #expect(try value("''") == .text(""))
        #expect(try value("'\u{301}'") == .text("\u{301}"))
        #expect(try value("-9223372036854775808") == .integer(.min))
        #expect(try value("9223372036854775807") == .integer(.max))
        #expect(try value("+5") == .integer(5))
        #expect(try value("2.") == .real(2))
        #expect(try value("-.5") == .real(-0.5))
        #expect(try value("1e3") == .real(1000))
        #expect(try value("TRUE") == .bool(true))
        #expect(try value("false") == .bool(false))
    }

    @Test func readsFields() throws {
        #expect(try parse("id LIKE 'cap-%'") == .like(.id, "cap-%"))
        #expect(try parse("item IN ('x')") == .among(.item, [.text("x")]))
        #expect(try parse("\"id\" = 1") == .compare(attribute("id"), .eq, .integer(1)))
        #expect(try parse("\"item\" CONTAINS 1") == .contains(attribute("item"), .integer(1)))
        #expect(try parse("id.x") == .isTrue(attribute("id", "x")))
        #expect(try parse("a . \"b c\".\"say \"\"no\"\"\"") == .isTrue(attribute("a", "b c", "say \"no\"")))
        #expect(try parse("\"NOT\"") == .isTrue(attribute("NOT")))
        #expect(try parse("größe_2 > 1") == .compare(attribute("größe_2"), .gt, .integer(1)))
        #expect(try parse("a.in = 1") == .compare(attribute("a", "in"), .eq, .integer(1)))
    }

    /// Ids are row numbers by default, and texts for all that.
    @Test func aNumberBesideAnIdIsItsText() throws {
        #expect(try parse("id = 77") == .compare(.id, .eq, .text("77")))
        #expect(try parse("item <> 077") == .compare(.item, .ne, .text("077")))
        #expect(try parse("-5 = id") == .compare(.id, .eq, .text("-5")))
        #expect(try parse("1.50 != item") == .compare(.item, .ne, .text("1.50")))
        #expect(try parse("id IN (1, '2', 3)") == .among(.id, [.text("1"), .text("2"), .text("3")]))
        #expect(try parse("id NOT IN (1)") == .not(.among(.id, [.text("1")])))
        #expect(try parse("id >= 'b'") == .compare(.id, .ge, .text("b")))
        // What no id can be is refused, rather than matching nothing.
        #expect(refusal("id < 100")?.hasPrefix("column 6: 'id' is a text, and texts are not in the order of numbers") == true)
        #expect(refusal("3 <= item")?.hasPrefix("column 1: 'item' is a text, and texts are not in the order") == true)
        #expect(refusal("id BETWEEN 1 AND 3")?.hasPrefix("column 12: 'id' is a text") == true)
        #expect(refusal("id = TRUE") == "column 6: 'id' is a text: expected a text or a number, but found 'TRUE'")
        #expect(refusal("a OR item IN (FALSE)")?.hasPrefix("column 15: 'item' is a text") == true)
        #expect(refusal("id CONTAINS 'x'") == "column 1: 'id' is a text: expected a comparison after it")
    }

    @Test func negatedTestsAreComplements() throws {
        let a = attribute("a")
        #expect(try parse("a IS NOT NULL") == .not(.isNull(a)))
        #expect(try parse("a NOT IN (1, 2.5)") == .not(.among(a, [.integer(1), .real(2.5)])))
        #expect(try parse("a not like 'x'") == .not(.like(a, "x")))
        #expect(try parse("a NOT CONTAINS TRUE") == .not(.contains(a, .bool(true))))
        let between = FilterExpression.and([.compare(a, .ge, .integer(1)), .compare(a, .le, .integer(3))])
        #expect(try parse("a BETWEEN 1 AND 3 AND b") == .and([between, .isTrue(attribute("b"))]))
        #expect(try parse("a NOT BETWEEN 1 AND 3") == .not(between))
        #expect(try parse("a <> TRUE") == .compare(a, .ne, .bool(true)))
    }

    @Test func refusesWithColumnAndExpectation() {
        #expect(refusal("year = 1 AND b >=") == "column 18: expected a value after '>=', but the filter ends")
        #expect(refusal("") == "column 1: expected an attribute, but the filter ends")
        #expect(refusal("a b") == "column 3: expected AND, OR or the end after 'a', but found 'b'")
        #expect(refusal("(a OR b") == "column 8: expected ')' for the '(' of column 1 after 'b', but the filter ends")
        #expect(refusal("a = NULL") == "column 5: expected a value (NULL is tested by IS NULL) after '=', but found 'NULL'")
        #expect(refusal("a < TRUE")?.hasPrefix("column 5: expected a text or a number") == true)
        #expect(refusal("a IN ()")?.hasPrefix("column 7: expected a value after '('") == true)
        #expect(refusal("a IN (1 2)")?.hasPrefix("column 9: expected ',' or ')'") == true)
        #expect(refusal("a LIKE 5")?.hasPrefix("column 8: expected a pattern in single quotes") == true)
        #expect(refusal("a IS 5")?.hasPrefix("column 6: expected NULL or NOT NULL") == true)
        #expect(refusal("a NOT 5")?.hasPrefix("column 7: expected IN, LIKE, CONTAINS or BETWEEN") == true)
        #expect(refusal("a = 'x") == "column 5: expected a closing ' for the text that starts here")
        #expect(refusal("a = 1; DROP TABLE x") == "column 6: unexpected character ';'")
        #expect(refusal("a = 1 -- x")?.hasPrefix("column 7: expected a number") == true)
        #expect(refusal("a = 99999999999999999999")?.contains("exceeds 64 bits") == true)
        #expect(refusal("a = 1e999")?.contains("too large") == true)
        #expect(refusal("a = 12abc")?.hasPrefix("column 7: expected the number to end here") == true)
        #expect(refusal("id") == "column 1: 'id' is a text: expected a comparison after it")
        #expect(refusal("1 = 1")?.hasPrefix("column 5: expected an attribute") == true)
        #expect(refusal("a. = 1")?.hasPrefix("column 4: expected a name after '.'") == true)
        #expect(refusal("AND = 1")?.contains("keyword") == true)
        #expect(refusal("a = \u{0}")?.contains("U+0") == true)
    }

    @Test func depthAndLengthAreBounded() {
        func nested(_ depth: Int) -> String {
            String(repeating: "(", count: depth) + "a" + String(repeating: ")", count: depth)
        }
        #expect(refusal(nested(FilterExpression.depthMax - 1)) == nil)
        #expect(refusal(nested(100_000))?.contains("inside one another") == true)
        #expect(refusal(String(repeating: "NOT ", count: 50_000) + "a")?.contains("inside one another") == true)
        #expect(refusal("a = '" + String(repeating: "x", count: 300_000) + "'")?.contains("longer than") == true)
    }

    // MARK: Round trip

    @Test func printedFiltersReadBackAsTheSameTree() throws {
        for seed in UInt64(0)..<2000 {
            var trees = RandomTrees(seed: seed)
            let tree = trees.expression(depth: 5)
            let read = try parse(tree.description)
            #expect(read == tree, "seed \(seed): \(tree)")
        }
    }

    /// Damaged filters are refused or read; never a trap.
    @Test func mutilatedFiltersNeverTrap() throws {
        var refused = 0
        for seed in UInt64(0)..<2000 {
            var trees = RandomTrees(seed: seed)
            var scalars = Array(trees.expression(depth: 3).description.unicodeScalars)
            for _ in 0..<3 where !scalars.isEmpty {
                let place = Int(trees.next() % UInt64(scalars.count))
                if trees.next() % 2 == 0 { scalars.remove(at: place) } else { scalars[place] = trees.oddScalar() }
            }
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars)
            do { _ = try parse(String(text)) } catch let error as FilterError {
                refused += 1
                #expect((1...scalars.count + 1).contains(error.column), "seed \(seed): \(error)")
            }
        }
        #expect(refused > 500)
    }
}

/// Random trees in the shape the parser makes: junctions of two operands or more, lists of one value or more.
private struct RandomTrees {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    /// SplitMix64 (Steele, Lea and Flood 2014).
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    private mutating func below(_ bound: Int) -> Int { Int(next() % UInt64(bound)) }

    mutating func oddScalar() -> Unicode.Scalar {
        let odd: [Unicode.Scalar] = ["'", "\"", "(", ")", ".", "=", "<", "!", "-", "e", "9", "\u{0}", "\u{301}", "é", " "]
        return odd[below(odd.count)]
    }

    private mutating func text() -> String {
        let names = ["a", "year", "id", "item", "not", "IN", "", "größe", "a b", "x.y", "_1", "1x", "in\u{301}"]
        if below(2) == 0 { return names[below(names.count)] }
        var view = String.UnicodeScalarView()
        for _ in 0..<below(6) { view.append(oddScalar()) }
        return String(view)
    }

    private mutating func field() -> FilterField {
        switch below(6) {
        case 0: .id
        case 1: .item
        default: attribute()
        }
    }

    private mutating func attribute() -> FilterField { .attribute((0...below(3)).map { _ in text() }) }

    /// Ids and items are compared with texts.
    private mutating func value(of field: FilterField, ordered: Bool = false) -> FilterValue {
        guard case .attribute = field else { return .text(text()) }
        switch below(ordered ? 4 : 5) {
        case 0: return .text(text())
        case 1: return .integer(Int64(bitPattern: next()))
        case 2: return .integer(Int64(below(7)) - 3)
        case 3:
            let number = Double(bitPattern: next())
            return .real(number.isFinite ? number : -0.0)
        default: return .bool(below(2) == 0)
        }
    }

    mutating func expression(depth: Int) -> FilterExpression {
        if depth > 0, below(2) == 0 {
            switch below(3) {
            case 0: return .not(expression(depth: depth - 1))
            case 1: return .and((0...below(3) + 1).map { _ in expression(depth: depth - 1) })
            default: return .or((0...below(3) + 1).map { _ in expression(depth: depth - 1) })
            }
        }
        switch below(6) {
        case 0:
            let comparison = FilterComparison.allCases[below(FilterComparison.allCases.count)], field = field()
            return .compare(field, comparison, value(of: field, ordered: comparison != .eq && comparison != .ne))
        case 1:
            let field = field()
            return .among(field, (0...below(3)).map { _ in value(of: field) })
        case 2: return .like(field(), text())
        case 3:
            let field = attribute()
            return .contains(field, value(of: field))
        case 4: return .isNull(field())
        default: return .isTrue(attribute())
        }
    }
}
