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
}

impl Table {
    /// An empty table with these columns.
    pub(crate) fn new(columns: &[(&str, Align)]) -> Self {
        Self {
            head: columns.iter().map(|(name, align)| ((*name).to_owned(), *align)).collect(),
            rows: Vec::new(),
        }
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
        let widths: Vec<usize> = (0..self.head.len()).map(|at| self.width_of(at)).collect();
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
