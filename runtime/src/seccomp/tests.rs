//! Names and numbers.

use super::arch::{ARCHS, called, named};
use super::syscalls::{COUNT, Finder, Numbers, id, name};
use init::sys::arena::Arena;

#[test]
fn every_name_is_found() {
    let mut last = String::new();
    for at in 1..=COUNT as u16 {
        let name = name(at);
        assert!(last < name, "{last} {name}");
        assert_eq!(id(name.as_bytes()), Some(at), "{name}");
        for other in [
            &name[1..],
            &name[..name.len() - 1],
            &format!("{name}_"),
            &format!("{name}\0"),
        ] {
            if let Some(other_id) = id(other.as_bytes()) {
                assert_ne!(other_id, at);
            }
        }
        last = name;
    }
    for other in ["", "_", "a", "zzz", "\u{1}", "\0accept", "accept\u{6}4"] {
        assert_eq!(id(other.as_bytes()), None, "{other}");
    }
}

/// In any order, with others between.
#[test]
fn one_after_the_other() {
    let names: Vec<String> = (1..=COUNT as u16).map(name).collect();
    let mut finder = Finder::START;
    let mut at = 1;
    for turn in 0..20_000 {
        // Steps of all sizes, mostly small ones.
        at = (at + 1 + turn % 3 * (turn % 97)) % COUNT;
        assert_eq!(finder.id(names[at].as_bytes()), Some(at as u16 + 1));
        if turn % 5 == 0 {
            let other = ["zz", "", "acceptx", "getpgx", "mq_", "write_"][turn / 5 % 6];
            assert_eq!(finder.id(other.as_bytes()), None);
        }
    }
}

/// From each machine's asm/unistd.h.
#[test]
fn numbers() {
    let arena = Arena::new(1 << 20).unwrap();
    let numbers = Numbers::unpack(&arena, 17).unwrap();
    for (arch, call, number) in [
        ("X86_64", "read", 0),
        ("X86_64", "execve", 59),
        ("X86_64", "file_setattr", 469),
        ("X32", "execve", 0x4000_0208),
        ("X32", "read", 0x4000_0000),
        ("X86", "execve", 11),
        ("AARCH64", "openat", 56),
        ("ARM", "set_tls", 0xf0005),
        ("ARM", "cacheflush", 0xf0002),
        ("RISCV64", "riscv_flush_icache", 259),
        ("PPC64LE", "clone3", 435),
        ("PPC", "switch_endian", 363),
        ("S390X", "s390_sthyi", 380),
        ("S390", "mmap2", 192),
        ("LOONGARCH64", "clone", 220),
        ("MIPS", "read", 4003),
        ("MIPSEL64", "read", 5000),
        ("MIPS64N32", "read", 6000),
        ("M68K", "atomic_barrier", 336),
        ("SHEB", "socket", 340),
        ("PARISC", "accept", 35),
        ("PARISC64", "mseal", 462),
    ] {
        let arch = called(arch.as_bytes()).unwrap();
        let id = id(call.as_bytes()).unwrap();
        let at = numbers
            .of(arch.table())
            .iter()
            .position(|other| *other == id);
        assert_eq!(
            at.map(|at| arch.number(at)),
            Some(number),
            "{} {call}",
            arch.name
        );
    }
}

#[test]
fn architectures() {
    for arch in &ARCHS {
        let name = format!("SCMP_ARCH_{}", arch.name);
        assert!(core::ptr::eq(named(name.as_bytes()).unwrap(), arch));
        assert!(core::ptr::eq(called(name.as_bytes()).unwrap(), arch));
        assert!(core::ptr::eq(
            called(arch.name.to_lowercase().as_bytes()).unwrap(),
            arch
        ));
    }
    assert_eq!(called(b"i686").unwrap().name, "X86");
    assert!(
        called(b"vax").is_none() && named(b"X86").is_none() && named(b"SCMP_ARCH_x86").is_none()
    );
    // linux/audit.h.
    for (name, audit) in [
        ("X86_64", 0xc000_003e),
        ("X32", 0xc000_003e),
        ("X86", 0x4000_0003),
        ("AARCH64", 0xc000_00b7),
        ("ARM", 0x4000_0028),
        ("RISCV64", 0xc000_00f3),
        ("PPC64", 0x8000_0015),
        ("PPC64LE", 0xc000_0015),
        ("PPC", 0x14),
        ("S390X", 0x8000_0016),
        ("S390", 0x16),
        ("LOONGARCH64", 0xc000_0102),
        ("MIPS64", 0x8000_0008),
        ("MIPSEL64", 0xc000_0008),
        ("MIPS64N32", 0xa000_0008),
        ("MIPSEL64N32", 0xe000_0008),
        ("MIPS", 8),
        ("MIPSEL", 0x4000_0008),
        ("M68K", 4),
        ("SH", 0x4000_002a),
        ("SHEB", 0x2a),
        ("PARISC", 15),
        ("PARISC64", 0x8000_000f),
    ] {
        assert_eq!(called(name.as_bytes()).unwrap().audit(), audit, "{name}");
    }
}
