//! The architectures that the spec names: how each names itself to a filter, and which numbers its calls have.

use super::syscalls::Numbers;

/// One `SCMP_ARCH_*`.
pub struct Arch {
    /// What follows `SCMP_ARCH_`.
    pub name: &'static str,
    /// Of the ELF machine (linux/elf-em.h).
    machine: u16,
    /// Bits of [`BIG`] and so on.
    traits: u8,
    /// Its place in the tables of numbers.
    table: u8,
    /// What its numbers begin with.
    base: u32,
}

/// The high half of an argument comes first.
const BIG: u8 = 1;
/// Arguments have 64 bits.
const WIDE: u8 = 2;
/// The audit number has the 64-bit mark: not the same, as MIPS's n32 shows.
const MARKED: u8 = 4;
/// socketcall(2) and ipc(2) are, or were, the way to what other machines have calls of their own for.
const MUX: u8 = 8;
/// A filter that doesn't know a call sees number 0 in its place (arch/s390/kernel/syscall.c).
const ZERO: u8 = 16;
/// Some numbers are far above the others.
const PRIVATE: u8 = 32;

const WIDE64: u8 = WIDE | MARKED;
const LITTLE: u8 = 0;

/// Where a table has the private calls of ARM, whose numbers are from 0xf0000 on (arch/arm asm/unistd.h).
const PRIVATE_FROM: u32 = 0x200;
const PRIVATE_BASE: u32 = 0xf0000;

/// x32's mark in the number of a call (asm/unistd.h).
pub const X32_BIT: u32 = 1 << 30;

// Marks of an audit number (linux/audit.h).
const AUDIT_64BIT: u32 = 1 << 31;
const AUDIT_LITTLE: u32 = 1 << 30;
const AUDIT_N32: u32 = 1 << 29;

const fn row(name: &'static str, machine: u16, traits: u8, table: u8, base: u32) -> Arch {
    Arch {
        name,
        machine,
        traits,
        table,
        base,
    }
}

/// All of them; of each pair that shares a table, the table is named after the first.
#[rustfmt::skip]
pub static ARCHS: [Arch; 23] = [
    row("X86_64",      62,  LITTLE | WIDE64,     0,  0),
    row("X32",         62,  LITTLE | MARKED,     1,  X32_BIT),
    row("X86",         3,   LITTLE | MUX,        2,  0),
    row("AARCH64",     183, LITTLE | WIDE64,     3,  0),
    row("ARM",         40,  LITTLE | PRIVATE,    4,  0),
    row("RISCV64",     243, LITTLE | WIDE64,     5,  0),
    row("PPC64",       21,  BIG | WIDE64 | MUX,  6,  0),
    row("PPC64LE",     21,  LITTLE | WIDE64 | MUX, 6, 0),
    row("PPC",         20,  BIG | MUX,           7,  0),
    row("S390X",       22,  BIG | WIDE64 | MUX | ZERO, 8, 0),
    row("S390",        22,  BIG | MUX | ZERO,    9,  0),
    row("LOONGARCH64", 258, LITTLE | WIDE64,     10, 0),
    row("MIPS64",      8,   BIG | WIDE64,        11, 5000),
    row("MIPSEL64",    8,   LITTLE | WIDE64,     11, 5000),
    row("MIPS64N32",   8,   BIG | MARKED,        12, 6000),
    row("MIPSEL64N32", 8,   LITTLE | MARKED,     12, 6000),
    row("MIPS",        8,   BIG | MUX,           13, 4000),
    row("MIPSEL",      8,   LITTLE | MUX,        13, 4000),
    row("M68K",        4,   BIG | MUX,           14, 0),
    row("SH",          42,  LITTLE | MUX,        15, 0),
    row("SHEB",        42,  BIG | MUX,           15, 0),
    row("PARISC",      15,  BIG,                 16, 0),
    row("PARISC64",    15,  BIG | WIDE64,        17, 0),
];

/// The architecture that the spec calls so.
pub fn named(name: &[u8]) -> Option<&'static Arch> {
    let name = name.strip_prefix(b"SCMP_ARCH_")?;
    ARCHS.iter().find(|arch| arch.name.as_bytes() == name)
}

/// The same for a person, who may also say what `uname -m` says: mostly the same in small letters.
pub fn called(name: &[u8]) -> Option<&'static Arch> {
    let name = match name {
        [b'i', _, b'8', b'6'] => b"X86",
        [b'a', b'r', b'm', b'v', ..] => b"ARM",
        _ => name.strip_prefix(b"SCMP_ARCH_").unwrap_or(name),
    };
    ARCHS
        .iter()
        .find(|arch| arch.name.as_bytes().eq_ignore_ascii_case(name))
}

impl Arch {
    /// What a filter sees as `arch` (AUDIT_ARCH_*, linux/audit.h).
    pub fn audit(&self) -> u32 {
        let mut audit = u32::from(self.machine);
        for (mark, set) in [
            (AUDIT_64BIT, self.has(MARKED)),
            (AUDIT_LITTLE, !self.has(BIG)),
            (
                AUDIT_N32,
                self.has(MARKED) && !self.has(WIDE) && !self.is_x32(),
            ),
        ] {
            audit |= if set { mark } else { 0 };
        }
        audit
    }

    /// Whether its arguments have 64 bits.
    pub fn wide(&self) -> bool {
        self.has(WIDE)
    }

    /// Whether it has socketcall(2) and ipc(2) and what they stand for, both.
    pub fn multiplexes(&self) -> bool {
        self.has(MUX)
    }

    /// Whether an unknown call looks like number 0.
    pub fn hides_unknown(&self) -> bool {
        self.has(ZERO)
    }

    /// Whether its numbers carry [`X32_BIT`].
    pub fn is_x32(&self) -> bool {
        self.base == X32_BIT
    }

    /// Its place in the tables of numbers.
    pub fn table(&self) -> usize {
        self.table.into()
    }

    /// The number of a call by its place in the table.
    pub fn number(&self, at: usize) -> u32 {
        let at = at as u32;
        self.base
            + match self.has(PRIVATE) && at >= PRIVATE_FROM {
                true => at - PRIVATE_FROM + PRIVATE_BASE,
                false => at,
            }
    }

    /// The id of the call with a number.
    pub fn call(&self, numbers: &Numbers<'_>, number: u32) -> Option<u16> {
        let table = numbers.of(self.table());
        let mut calls = table.iter().enumerate().filter(|(_, id)| **id != 0);
        let call = calls.find(|(at, _)| self.number(*at) == number);
        call.map(|(_, id)| *id)
    }

    /// Which word of `struct seccomp_data` (linux/seccomp.h) has the low or the high half of an argument.
    pub fn word(&self, argument: u8, high: bool) -> u8 {
        super::graph::ARGUMENTS + 2 * argument + u8::from(high != self.has(BIG))
    }

    fn has(&self, what: u8) -> bool {
        self.traits & what != 0
    }
}
