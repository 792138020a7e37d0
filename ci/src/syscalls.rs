//! `cargo ci syscalls`: the seccomp compiler's tables of system calls, made from the kernel's own headers as Debian
//! packages them for every machine at once, and packed so that all of them take some six kilobytes.

mod headers;
mod pack;

use crate::apt;
use crate::sh::{self, Result};
use headers::Machine;
use pack::Table;

/// Where the tables stand.
const PATH: &str = "runtime/src/seccomp/tables.rs";

/// The machines in the order of the packed numbers: a compiler unpacks no further than the last that it needs, so
/// the usual ones come first. Which architecture of the spec uses which is in `runtime/src/seccomp/arch.rs`.
#[rustfmt::skip]
const MACHINES: &[Machine] = &[
    Machine::new("X86_64", "x86/asm/unistd_64.h"),
    Machine::new("X32", "x86/asm/unistd_x32.h"),
    Machine::new("X86", "x86/asm/unistd_32.h"),
    Machine::new("AARCH64", "arm64/asm/unistd_64.h"),
    Machine::new("ARM", "arm/asm/unistd-eabi.h"),
    Machine::new("RISCV64", "riscv/asm/unistd_64.h"),
    Machine::new("PPC64", "powerpc/asm/unistd_64.h"),
    Machine::new("PPC", "powerpc/asm/unistd_32.h"),
    Machine::new("S390X", "s390/asm/unistd_64.h"),
    Machine::new("S390", "s390/asm/unistd_32.h"),
    Machine::new("LOONGARCH64", "loongarch/asm/unistd_64.h"),
    Machine::new("MIPS64", "mips/asm/unistd_n64.h"),
    Machine::new("MIPS64N32", "mips/asm/unistd_n32.h"),
    Machine::new("MIPS", "mips/asm/unistd_o32.h"),
    Machine::new("M68K", "m68k/asm/unistd_32.h"),
    Machine::new("SH", "sh/asm/unistd_32.h"),
    Machine::new("PARISC", "parisc/asm/unistd_32.h"),
    Machine::new("PARISC64", "parisc/asm/unistd_64.h"),
];

/// What kernels after Debian 13's 6.12 have for every machine (scripts/syscall.tbl up to 7.3; the numbers are in
/// linux-libc-dev 7.3.4 of trixie-backports).
const SINCE: &[(&str, u32)] = &[
    ("setxattrat", 463),
    ("getxattrat", 464),
    ("listxattrat", 465),
    ("removexattrat", 466),
    ("open_tree_attr", 467),
    ("file_getattr", 468),
    ("file_setattr", 469),
    ("listns", 470),
    ("rseq_slice_yield", 471),
    ("fchroot", 472),
];

/// What they have for some.
const SINCE_FOR: &[(&str, &str, u32)] = &[
    ("X86_64", "uprobe", 336),
    ("X32", "uprobe", 336),
    ("LOONGARCH64", "memfd_secret", 447),
];

/// The task: writes the tables.
pub fn run(_: &[String]) -> Result {
    let path = sh::top().join(PATH);
    let text = generate()?;
    if sh::read(&path).is_ok_and(|present| present == text) {
        sh::say(format!("{PATH} is up to date"));
        return Ok(());
    }
    sh::write(&path, text)?;
    sh::say(format!("wrote {PATH}"));
    Ok(())
}

/// An error when the committed tables are not what the generator makes.
pub fn check() -> Result {
    if sh::read(&sh::top().join(PATH))? == generate()? {
        return Ok(());
    }
    Err(format!(
        "{PATH} differs from what `cargo ci syscalls` writes: run it and commit the result"
    ))
}

fn generate() -> Result<String> {
    let uapi = apt::unpacked("amd64", "linux-libc-dev")?.join("usr/lib/linux/uapi");
    let mut tables = Vec::new();
    for machine in MACHINES {
        let mut table = machine.read(&uapi)?;
        table.extend(
            SINCE
                .iter()
                .map(|&(name, number)| (name.to_owned(), number)),
        );
        let here = SINCE_FOR.iter().filter(|row| row.0 == machine.name);
        table.extend(here.map(|&(_, name, number)| (name.to_owned(), number)));
        tables.push(Table::new(machine.name, table)?);
    }
    pack::render(&tables)
}
