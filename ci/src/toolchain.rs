//! The static musl toolchain: Debian's rustc with the source of std, lld, and each machine's musl start files.

use crate::apt;
use crate::sh::{self, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One machine that mote is built for.
pub struct Arch {
    /// Our name, as in `target/dist/mote-<name>`; `std::env::consts::ARCH` differs for ppc64le only.
    pub name: &'static str,
    /// Rust's name of the machine, the first part of the target triple.
    pub rust: &'static str,
    /// Debian's architecture, for apt.
    pub debian: &'static str,
    /// musl's directory name below `/usr/lib`.
    pub musl: &'static str,
    /// `e_machine` of its ELF files (elf.h EM_*).
    pub machine: u16,
    /// Flags of rustc that only this machine needs.
    pub flags: &'static [&'static str],
    /// When the linker's LLVM inlines: the costs of an instruction and of a call. The best were found by trying.
    inlining: (u32, u32),
    /// Options of LLVM for its machine code.
    code: &'static [&'static str],
    /// How many KiB its binary may have. Each is to have 320 in the end; where it has more it may not grow further.
    kib: u64,
    /// Whether seccompiler knows it, which makes the filter of `tests/deny`.
    pub seccompiler: bool,
}

impl Arch {
    /// The most bytes that its binary may have.
    pub fn most(&self) -> u64 {
        self.kib * 1024
    }
}

/// rustix has stable inline assembly on the other three only; elsewhere it would go through libc.
const RUSTIX_ASM: &[&str] = &["--cfg=rustix_use_experimental_asm"];

/// Instructions stay in the program's order, in which more runs of them are equal than in an order that suits a processor.
const IN_ORDER: &str = "-enable-misched=false";

/// The five machines.
pub const ARCHES: &[Arch] = &[
    Arch {
        name: "x86_64",
        rust: "x86_64",
        debian: "amd64",
        musl: "x86_64-linux-musl",
        machine: 62,
        flags: &[],
        inlining: (100, 600),
        code: &["-disable-lsr", "-outliner-benefit-threshold=3"],
        kib: 362,
        seccompiler: true,
    },
    Arch {
        name: "aarch64",
        rust: "aarch64",
        debian: "arm64",
        musl: "aarch64-linux-musl",
        machine: 183,
        // Atomic operations in place: there are few, and nothing runs what would look for better instructions.
        flags: &["-Ctarget-feature=-outline-atomics"],
        inlining: (30, 200),
        // Registers are saved and restored by helpers that all functions share; an address takes one instruction, as the whole is
        // smaller than 1 MiB.
        code: &["-homogeneous-prolog-epilog", "-code-model=tiny", IN_ORDER],
        kib: 318,
        seccompiler: true,
    },
    Arch {
        name: "ppc64le",
        rust: "powerpc64le",
        debian: "ppc64el",
        musl: "powerpc64le-linux-musl",
        machine: 21,
        flags: RUSTIX_ASM,
        inlining: (4, 40),
        // Without vectors no function has to keep them for its caller, and constants need no place in memory.
        code: &["-mattr=-altivec,-vsx"],
        kib: 452,
        seccompiler: false,
    },
    Arch {
        name: "s390x",
        rust: "s390x",
        debian: "s390x",
        musl: "s390x-linux-musl",
        machine: 22,
        flags: RUSTIX_ASM,
        inlining: (30, 200),
        code: &[],
        kib: 399,
        seccompiler: false,
    },
    Arch {
        name: "riscv64",
        rust: "riscv64gc",
        debian: "riscv64",
        musl: "riscv64-linux-musl",
        machine: 243,
        // The linker makes one instruction of the two of each call and far jump, which all of them are within reach of. Code that is
        // outlined depends on it (Elf::check_t1).
        flags: &["-Ctarget-feature=+relax"],
        inlining: (30, 200),
        code: &[IN_ORDER],
        kib: 281,
        seccompiler: true,
    },
];

/// What apt has to install; the compiler is beside rustup's, never in its place.
const PACKAGES: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "rust-web-src",
    "libstd-rust-web-dev",
    "lld-22",
    "gcc",
    "libc6-dev",
];
const CARGO: &str = "/usr/bin/cargo";
/// The compiler of the shipped binaries.
pub const RUSTC: &str = "/usr/bin/rustc";
const LINKER: &str = "/usr/bin/ld.lld-22";

/// The row of `name`, or an error that lists the names.
pub fn arch(name: &str) -> Result<&'static Arch> {
    ARCHES.iter().find(|arch| arch.name == name).ok_or_else(|| {
        let names: Vec<&str> = ARCHES.iter().map(|arch| arch.name).collect();
        format!(
            "'{name}' is not an architecture of mote; they are {}",
            names.join(" ")
        )
    })
}

/// The machine we run on.
pub fn native() -> Result<&'static Arch> {
    match std::env::consts::ARCH {
        "powerpc64" => arch("ppc64le"),
        name => arch(name),
    }
}

/// In libunwind.a's place, which std asks for by name: a linker script. Immediate-abort panics unwind nothing; what is
/// left is std's personality function, which nobody calls, and which takes these names on some machines; and libtest's
/// backtraces.
const NO_UNWINDING: &str = "PROVIDE(_Unwind_GetTextRelBase = abort); PROVIDE(_Unwind_GetDataRelBase = abort);\n\
     PROVIDE(_Unwind_Backtrace = abort); PROVIDE(_Unwind_GetIP = abort);\n";

/// A machine's musl: where its start files, `libc.a` and headers are.
pub struct Sysroot {
    /// `crt1.o`, `rcrt1.o`, `crti.o`, `crtn.o`, `libc.a` and the stand-in for `libunwind.a`.
    pub lib: PathBuf,
    /// The C headers.
    pub include: PathBuf,
}

/// Fetches musl for `arch` when it is not there yet.
pub fn sysroot(arch: &Arch) -> Result<Sysroot> {
    let files = apt::unpacked(arch.debian, "musl-dev")?;
    let lib = files.join("usr/lib").join(arch.musl);
    let include = files.join("usr/include").join(arch.musl);
    for name in ["rcrt1.o", "crti.o", "crtn.o", "libc.a"] {
        if !lib.join(name).exists() {
            return Err(format!(
                "musl-dev of {} has no {name}; remove {} and try again",
                arch.debian,
                files.display()
            ));
        }
    }
    sh::write(&lib.join("libunwind.a"), NO_UNWINDING)?;
    Ok(Sysroot { lib, include })
}

/// A cargo that builds for `arch` with musl, std from source and immediate-abort panics; `verb` is `build` or `rustc`.
/// Its output is in `built(arch)`. The caller adds the package.
pub fn cargo(arch: &Arch, verb: &str) -> Result<Command> {
    apt::need(PACKAGES)?;
    let sysroot = sysroot(arch)?;
    let mut command = Command::new(CARGO);
    command
        .arg(verb)
        .args(["--release", "--target", &triple(arch)]);
    command.args([
        "-Zbuild-std=std,panic_abort",
        "-Zbuild-std-features=optimize_for_size",
        "-Zpanic-immediate-abort",
    ]);
    command.args(["--config", "profile.release.panic=\"immediate-abort\""]);
    command.current_dir(sh::top());
    command
        .env("RUSTC", RUSTC)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", target_dir()?);
    command.env(
        "CARGO_ENCODED_RUSTFLAGS",
        flags(arch, &sysroot).join("\u{1f}"),
    );
    // What a rustup cargo, which runs us, sets for its own children.
    for name in [
        "CARGO",
        "LD_LIBRARY_PATH",
        "RUSTUP_TOOLCHAIN",
        "RUSTUP_HOME",
        "RUSTC_WRAPPER",
        "RUSTFLAGS",
    ] {
        command.env_remove(name);
    }
    Ok(command)
}

/// Functions with one caller stay apart: one giant of them has a large frame, and long instructions for it.
const INLINING: (u32, u32) = (100, 500);

fn inlining((instruction, call): (u32, u32)) -> [String; 2] {
    [
        format!("-inline-instr-cost={instruction}"),
        format!("-inline-call-penalty={call}"),
    ]
}

/// How LLVM makes machine code of the whole program.
const CODE: &[&str] = &[
    // Equal runs of instructions once.
    "-enable-machine-outliner=always",
    "-machine-outliner-reruns=2",
    "-tail-merge-size=2",
    // Functions that differ in constants alone once.
    "-enable-global-merge-func",
    // Blocks in the order that needs the fewest jumps.
    "-apply-ext-tsp-for-size",
    // Comparisons are shorter than small tables.
    "-min-jump-table-entries=8",
    // What is worked out before a loop, or once for a function, takes a register for a long time, and pushes others to the stack.
    "-split-spill-mode=size",
    "-disable-machine-licm",
    "-disable-constant-hoisting",
];

/// Flags of the rustc that links a program, beside those of all crates: it optimises the whole, and so does lld after it, twice.
/// Only then is known what has come to do nothing, such as all that runs when memory is freed (init/src/sys/heap.rs).
pub fn whole_program(arch: &Arch) -> Vec<String> {
    let mut flags: Vec<String> = vec![
        "-Clinker-plugin-lto".into(),
        "-Clink-arg=--lto-newpm-passes=lto<Oz>,lto<Oz>".into(),
    ];
    let code = CODE
        .iter()
        .chain(arch.code)
        .map(|&option| option.to_owned());
    for option in inlining(arch.inlining).into_iter().chain(code) {
        flags.extend(["-Clink-arg=-mllvm".into(), format!("-Clink-arg={option}")]);
    }
    flags
}

fn flags(arch: &Arch, sysroot: &Sysroot) -> Vec<String> {
    let file = |name: &str| sysroot.lib.join(name).display().to_string();
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = vec![
        format!("-Clinker={LINKER}"),
        "-Clinker-flavor=ld".into(),
        "-Clink-self-contained=no".into(),
        "-Ctarget-feature=+crt-static".into(),
        "-Cforce-unwind-tables=no".into(),
        // rustc knows static PIE on two of the machines only; elsewhere it would link for a fixed address, with which the start
        // files of a static PIE crash.
        "-Clink-arg=-pie".into(),
        "-Clink-arg=--no-dynamic-linker".into(),
        // A static PIE's start files go around the objects.
        format!("-Zpre-link-args={} {}", file("rcrt1.o"), file("crti.o")),
        format!("-Clink-arg=-L{}", sysroot.lib.display()),
        format!("-Clink-arg={}", file("crtn.o")),
        "-Clink-arg=--build-id=none".into(),
        // Nothing is unwound.
        "-Clink-arg=--no-eh-frame-hdr".into(),
        // Equal functions once, and relocations of addresses in a few bits each: a tenth of the file.
        "-Clink-arg=--icf=all".into(),
        "-Clink-arg=--pack-dyn-relocs=relr".into(),
        // Equal runs of instructions can only be outlined where nothing lies below the stack pointer.
        "-Cno-redzone=yes".into(),
        // The program starts without the C library (init/src/sys/start.rs).
        "--cfg=mote_alone".into(),
        // Calls of our own functions, not through a table.
        "-Zplt=yes".into(),
        // A panic tells nothing: it ends the program at once.
        "-Zlocation-detail=none".into(),
        remap(&sh::top(), "/mote"),
    ];
    let inlining = inlining(INLINING).into_iter();
    flags.extend(inlining.map(|option| format!("-Cllvm-args={option}")));
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    if let Some(home) = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))) {
        flags.push(remap(&home, "/cargo"));
    }
    flags.extend(arch.flags.iter().map(|&flag| flag.to_owned()));
    flags
}

/// Where `cargo` leaves the programs.
pub fn built(arch: &Arch) -> Result<PathBuf> {
    Ok(target_dir()?.join(triple(arch)).join("release"))
}

fn target_dir() -> Result<PathBuf> {
    sh::target("musl")
}

/// Rust's name of the machine with Linux and musl.
pub fn triple(arch: &Arch) -> String {
    format!("{}-unknown-linux-musl", arch.rust)
}
