//! Columns of text for people.
//! Refuses to let what it prints act on a terminal: control characters are spaces here.

use crate::sandbox::quote;
use serde_json::Value;
use unicode_width::UnicodeWidthStr;

/// Rows below a head.
pub(crate) struct Table<const N: usize>(Vec<[String; N]>);

impl<const N: usize> Table<N> {
    /// A table that has a head so far.
    pub(crate) fn new(head: [&str; N]) -> Self {
        Self(vec![head.map(str::to_uppercase)])
    }

    /// One row more.
    pub(crate) fn row(&mut self, cells: [String; N]) {
        self.0.push(cells.map(quote));
    }

    /// As text: every column as wide as its widest cell.
    pub(crate) fn text(&self) -> String {
        let width = |column: usize| self.0.iter().map(|row| row[column].width()).max().unwrap_or(0);
        let widths: [usize; N] = std::array::from_fn(width);
        let mut text = String::new();
        for row in &self.0 {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(widths) {
                line.push_str(cell);
                line.push_str(&" ".repeat(width.saturating_sub(cell.width()) + 2));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

/// A member of an answer as a cell: `-` for what is not there.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) if text.is_empty() => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Table, text};
    use serde_json::json;

    #[test]
    fn columns_are_as_wide_as_what_they_show_and_nothing_acts() {
        let mut table = Table::new(["name", "note"]);
        table.row([text(&json!("山田")), text(&json!("a\u{1b}[31m"))]);
        table.row([text(&json!(null)), text(&json!(["x", 1]))]);
        assert_eq!(table.text(), "NAME  NOTE\n山田  a [31m\n-     x,1\n");
    }
}
