//! Tables as runc prints them: cells of at least 12 columns, 3 blanks between them.

const MIN_WIDTH: usize = 12;
const PADDING: usize = 3;

/// A table to be printed.
#[derive(Debug)]
pub struct Table {
    columns: usize,
    cells: Vec<String>,
}

impl Table {
    /// One with these headings.
    pub fn new(headings: &[&str]) -> Table {
        let mut table = Table {
            columns: headings.len(),
            cells: Vec::new(),
        };
        table.row(headings);
        table
    }

    /// Adds a row, which must have a cell for every heading.
    pub fn row(&mut self, cells: &[&str]) {
        for cell in cells {
            self.cells.push(cell.to_string());
        }
    }

    /// Its lines. The last column is not padded.
    pub fn text(&self) -> String {
        let width = |cell: &String| cell.chars().count() + PADDING;
        let mut widths = vec![MIN_WIDTH; self.columns];
        for row in self.cells.chunks(self.columns) {
            for (widest, cell) in widths.iter_mut().zip(row) {
                *widest = width(cell).max(*widest);
            }
        }
        let mut text = String::new();
        for row in self.cells.chunks(self.columns) {
            for (at, (widest, cell)) in widths.iter().zip(row).enumerate() {
                text.push_str(cell);
                if at + 1 == self.columns {
                    text.push('\n');
                    break;
                }
                for _ in width(cell)..*widest + PADDING {
                    text.push(' ');
                }
            }
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
        assert_eq!(
            table.text(),
            "ID                 PID\na-rather-long-id   7\n"
        );
    }
}
