//! Reading asm/unistd.h and its parts.

use crate::sh::{self, Result};
use std::path::Path;

/// Where ARM's own calls stand in its table: their numbers in the kernel are 0xf0001 and up.
pub const ARM_PRIVATE: u32 = 0x200;

/// A machine's system call interface.
pub struct Machine {
    /// As in `SCMP_ARCH_*`.
    pub name: &'static str,
    /// Below /usr/lib/linux/uapi.
    header: &'static str,
}

impl Machine {
    pub const fn new(name: &'static str, header: &'static str) -> Machine {
        Machine { name, header }
    }

    /// Names and numbers; a number is what the header adds to the machine's base, if it has one.
    pub fn read(&self, uapi: &Path) -> Result<Vec<(String, u32)>> {
        let path = uapi.join(self.header);
        let mut calls = defined(&sh::read(&path)?, "__NR_");
        if self.name == "ARM" {
            let text = sh::read(&path.with_file_name("unistd.h"))?;
            let own = defined(&text, "__ARM_NR_");
            calls.extend(own.into_iter().map(|(name, at)| (name, ARM_PRIVATE + at)));
        }
        if calls.len() < 200 {
            return Err(format!("{}: hardly any system calls", path.display()));
        }
        Ok(calls)
    }
}

/// Each `#define PREFIXname NUMBER` and `#define PREFIXname (BASE + NUMBER)`. Numbers that were never used or taken
/// back have names too, which no profile may use.
fn defined(text: &str, prefix: &str) -> Vec<(String, u32)> {
    let calls = text.lines().filter_map(|line| {
        let mut words = line.strip_prefix("#define")?.split_whitespace();
        let name = words.next()?.strip_prefix(prefix)?;
        let number = words.last()?.trim_end_matches(')');
        let number = number.rsplit('+').next()?.parse().ok()?;
        let used = !name.starts_with("reserved") && !name.starts_with("unused");
        used.then(|| (name.to_owned(), number))
    });
    calls.collect()
}
