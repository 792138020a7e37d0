//! The task runner: `cargo ci <task>`. Each task sets up what it needs, says what it does, and may be repeated.

mod apt;
mod bench;
mod boot;
mod counts;
mod demo;
mod dist;
mod elf;
mod emulated;
mod fragments;
mod fuzz;
mod mangling;
mod properties;
mod reproduce;
mod sh;
mod size;
mod syscalls;
mod test;
mod tidy;
mod toolchain;

use std::process::ExitCode;

/// One task: a row of the help, and the function behind it.
struct Task {
    name: &'static str,
    arguments: &'static str,
    help: &'static str,
    run: fn(&[String]) -> sh::Result,
}

const TASKS: &[Task] = &[
    Task {
        name: "demo",
        arguments: "",
        help: "build the static binary for this machine and run a container with it",
        run: demo::run,
    },
    Task {
        name: "test",
        arguments: "",
        help: "everything CI runs: tidy, unit tests, dist, end-to-end tests; ends in the counts",
        run: test::run,
    },
    Task {
        name: "dist",
        arguments: "[arch...]",
        help: "leave target/dist/mote-<arch>; arch: x86_64 aarch64 ppc64le s390x riscv64; all, with checksums, if none is named",
        run: dist::run,
    },
    Task {
        name: "reproduce",
        arguments: "[arch...]",
        help: "build twice, in two places, and compare",
        run: reproduce::run,
    },
    Task {
        name: "boot",
        arguments: "[guest...]",
        help: "Debian's kernel of each machine under QEMU, with mote and the tests inside",
        run: boot::run,
    },
    Task {
        name: "emulated",
        arguments: "[arch...]",
        help: "the crates' own tests on the other machines, under QEMU's user emulation",
        run: emulated::run,
    },
    Task {
        name: "size",
        arguments: "[arch...]",
        help: "bytes of each binary, per section and per crate",
        run: size::run,
    },
    Task {
        name: "bench",
        arguments: "[parse] [--rounds N]",
        help: "time and memory beside serde_json, crun, runc and the kernel's floor, in one run",
        run: bench::run,
    },
    Task {
        name: "properties",
        arguments: "",
        help: "write runtime/docs/properties.md anew: the properties of config.json and their support",
        run: properties::run,
    },
    Task {
        name: "fuzz",
        arguments: "[seconds] [target]",
        help: "coverage-guided fuzzing; target: parse plan process state resources seccomp legacy dbus",
        run: fuzz::run,
    },
    Task {
        name: "syscalls",
        arguments: "",
        help: "write the tables of system calls from the kernel's headers",
        run: syscalls::run,
    },
    Task {
        name: "fragments",
        arguments: "",
        help: "choose the fragments of packed texts anew; the old ones stay right when texts change",
        run: fragments::run,
    },
    Task {
        name: "tidy",
        arguments: "",
        help: "format, clippy, and the architecture's rules about the source text",
        run: tidy::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = arguments.split_first() else {
        return usage();
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        return usage();
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprintln!("ci: no task is called '{name}'");
        usage();
        return ExitCode::from(2);
    };
    match (task.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ci {name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    println!("usage: cargo ci <task>");
    for task in TASKS {
        let left = format!("{} {}", task.name, task.arguments);
        println!("  {left:<24} {}", task.help);
    }
    ExitCode::SUCCESS
}
