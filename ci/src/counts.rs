//! Real numbers of passed, failed and skipped tests, read from what the test programs print.

use std::fmt;
use std::ops::AddAssign;

/// How many of each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Counts {
    /// Ran and held.
    pub passed: u32,
    /// Ran and did not hold.
    pub failed: u32,
    /// Did not run; the reason is printed where it happens.
    pub skipped: u32,
}

impl Counts {
    /// One check's outcome.
    pub fn one(passed: bool) -> Counts {
        Counts {
            passed: u32::from(passed),
            failed: u32::from(!passed),
            skipped: 0,
        }
    }

    /// Reads `test result: ok. 12 passed; 0 failed; 1 ignored; ...` (libtest)
    /// or `12 passed, 0 failed, 1 skipped` (our end-to-end harness).
    pub fn parse(line: &str) -> Option<Counts> {
        let line = line.strip_prefix("test result: ").map_or(line, |rest| {
            rest.split_once(". ").map_or(rest, |(_, rest)| rest)
        });
        let mut fields = line.split([',', ';']).map(str::trim);
        let mut field = |words: &[&str]| {
            let (number, word) = fields.next()?.split_once(' ')?;
            words.contains(&word).then_some(())?;
            number.parse::<u32>().ok()
        };
        Some(Counts {
            passed: field(&["passed"])?,
            failed: field(&["failed"])?,
            skipped: field(&["ignored", "skipped"])?,
        })
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} passed, {} failed, {} skipped",
            self.passed, self.failed, self.skipped
        )
    }
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn both_forms_are_read() {
        let libtest = "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(
            Counts::parse(libtest),
            Some(Counts {
                passed: 12,
                failed: 0,
                skipped: 1
            })
        );
        let failed =
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(
            Counts::parse(failed),
            Some(Counts {
                passed: 1,
                failed: 2,
                skipped: 0
            })
        );
        assert_eq!(
            Counts::parse("3 passed, 4 failed, 5 skipped"),
            Some(Counts {
                passed: 3,
                failed: 4,
                skipped: 5
            })
        );
    }

    #[test]
    fn other_lines_are_not_counts() {
        for line in [
            "",
            "test a::b ... ok",
            "running 3 tests",
            "3 passed",
            "x passed, 0 failed, 0 skipped",
        ] {
            assert_eq!(Counts::parse(line), None, "{line}");
        }
    }
}
