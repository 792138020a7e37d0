//! Tables as runc prints them: cells of at least 12 columns, 3 blanks between them.

const MIN_WIDTH: usize = 12;
const PADDING: usize = 3;

/// A table to be printed.
#[derive(Debug)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// One with these headings.
    pub fn new(headings: &[&str]) -> Table {
        let mut table = Table { rows: Vec::new() };
        table.row(headings);
        table
    }

    /// Adds a row.
    pub fn row(&mut self, cells: &[&str]) {
        self.rows.push(cells.iter().map(|cell| cell.to_string()).collect());
    }

    /// Its lines. The last column is not padded.
    pub fn text(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width = |column: usize| {
            let longest = self.rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max();
            (longest.unwrap_or(0) + PADDING).max(MIN_WIDTH)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
                text.push_str(cell);
                if at + 1 < columns {
                    text.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
                }
            }
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths() {
        let mut table = Table::new(&["ID", "PID"]);
        table.row(&["a-rather-long-id", "7"]);
        assert_eq!(table.text(), "ID                 PID\na-rather-long-id   7\n");
    }
}
