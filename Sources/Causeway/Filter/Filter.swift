/// Parts of a filter's text made from values of a program. Reads no filter: FilterParser does.

/// What a user typed, or any other text, enters a filter by these, whatever quotes and keywords it holds:
///
/// ```swift
/// let filter = "\(Filter.attribute(key)) = \(Filter.quoted(author)) AND year >= \(year)"
/// ```
public enum Filter {
    /// A text as a value: in single quotes, those inside doubled. In a pattern of LIKE, `%` and `_` stay what they are there.
    public static func quoted(_ text: String) -> String { FilterValue.text(text).description }

    /// The name of an attribute: in double quotes, those inside doubled, where it is not a plain word.
    /// - Parameter keys: those of the objects inside it, for an attribute further in.
    public static func attribute(_ name: String, _ keys: String...) -> String {
        FilterField.attribute([name] + keys).description
    }
}
