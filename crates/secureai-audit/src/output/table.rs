//! Plain tables: a head, a rule, rows; two spaces between columns.

/// Which side a column's values keep to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// A table under construction.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    head: Vec<(String, Align)>,
    rows: Vec<Vec<String>>,
    /// Columns that a narrow terminal goes without, the first of them first.
    left_out: Vec<usize>,
}

/// What a narrow terminal is to have left for the last column, in characters.
const LAST_COLUMN: usize = 20;

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            head: columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect(),
            rows: Vec::new(),
            left_out: Vec::new(),
        }
    }

    /// The same, going without these columns, one after the other, where there is too little room for the last one.
    pub(crate) fn leaving_out(mut self, names: &[&str]) -> Self {
        let at = |name: &&str| self.head.iter().position(|(head, _)| head == name);
        self.left_out = names.iter().filter_map(at).collect();
        self
    }

    /// Adds a row; one value a column.
    pub(crate) fn row<S: Into<String>>(&mut self, values: impl IntoIterator<Item = S>) {
        let row: Vec<String> = values.into_iter().map(Into::into).collect();
        debug_assert_eq!(row.len(), self.head.len());
        self.rows.push(row);
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The text, each line at most `columns` wide.
    pub(crate) fn render(&self, columns: Option<usize>) -> String {
        let mut widths: Vec<usize> = (0..self.head.len()).map(|at| self.width_of(at)).collect();
        for &at in &self.left_out {
            let last = widths.last().copied().unwrap_or(0);
            let taken: usize = widths.iter().map(|width| if *width > 0 { width + 2 } else { 0 }).sum();
            let needed = taken.saturating_sub(2 + last) + last.min(LAST_COLUMN);
            if columns.is_some_and(|columns| needed > columns) {
                widths[at] = 0;
            }
        }
        let mut text = String::new();
        let names: Vec<String> = self.head.iter().map(|(name, _)| name.to_uppercase()).collect();
        self.push_line(&mut text, &names, &widths, columns);
        for row in &self.rows {
            self.push_line(&mut text, row, &widths, columns);
        }
        text
    }

    fn width_of(&self, at: usize) -> usize {
        let values = self.rows.iter().map(|row| row[at].chars().count());
        values.chain([self.head[at].0.chars().count()]).max().unwrap_or(0)
    }

    fn push_line(&self, text: &mut String, values: &[String], widths: &[usize], columns: Option<usize>) {
        let mut line = String::new();
        for ((value, width), (_, align)) in values.iter().zip(widths).zip(&self.head) {
            if *width == 0 && !value.is_empty() {
                continue;
            }
            if !line.is_empty() {
                line.push_str("  ");
            }
            let padding = " ".repeat(width.saturating_sub(value.chars().count()));
            match align {
                Align::Left => line.extend([value.as_str(), padding.as_str()]),
                Align::Right => line.extend([padding.as_str(), value.as_str()]),
            }
        }
        let line = line.trim_end();
        match columns {
            Some(columns) if line.chars().count() > columns => {
                text.extend(line.chars().take(columns - 1));
                text.push('…');
            }
            _ => text.push_str(line),
        }
        text.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_narrow_terminal_goes_without_what_can_be_left_out() {
        let columns = ["who", "ip", "message"].map(|name| (name, Align::Left));
        let mut table = Table::new(&columns).leaving_out(&["ip", "who"]);
        table.row(["ada@example.com", "203.0.113.66", "Ada signed in from somewhere else"]);
        let lines = |width| table.render(Some(width)).lines().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(66)[1], "ada@example.com  203.0.113.66  Ada signed in from somewhere else");
        assert_eq!(lines(51)[1], "ada@example.com  203.0.113.66  Ada signed in from …");
        assert_eq!(lines(50)[0], "WHO              MESSAGE");
        assert_eq!(lines(50)[1], "ada@example.com  Ada signed in from somewhere else");
        assert_eq!(lines(30)[1], "Ada signed in from somewhere …");
    }

    #[test]
    fn columns_line_up_and_long_lines_are_cut() {
        let mut table = Table::new(&[("name", Align::Left), ("n", Align::Right), ("note", Align::Left)]);
        table.row(["a", "1,000", "first"]);
        table.row(["longer", "7", "a note that goes on"]);
        assert_eq!(
            table.render(None),
            "NAME        N  NOTE\na       1,000  first\nlonger      7  a note that goes on\n"
        );
        assert_eq!(table.render(Some(20)).lines().last().unwrap(), "longer      7  a no…");
    }
}
