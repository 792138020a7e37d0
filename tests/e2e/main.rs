//! mote's end-to-end suite; tests/README.md says how to run it.
mod bad_input;
mod cgroups;
mod cli;
mod devices;
mod exec;
mod harness;
mod hooks;
mod kill;
mod lifecycle;
mod listing;
mod mounts;
mod namespaces;
mod notify;
mod process;
mod rootless;
mod security;
mod stdio;
mod stress;
mod terminal;

use harness::Module;
use std::process::ExitCode;

/// Every theme. The serial ones run alone, after the others.
const MODULES: &[Module] = &[
    bad_input::MODULE,
    cgroups::MODULE,
    cli::MODULE,
    devices::MODULE,
    exec::MODULE,
    hooks::MODULE,
    kill::MODULE,
    lifecycle::MODULE,
    listing::MODULE,
    mounts::MODULE,
    namespaces::MODULE,
    notify::MODULE,
    process::MODULE,
    rootless::MODULE,
    security::MODULE,
    stdio::MODULE,
    stress::MODULE,
    terminal::MODULE,
];

fn main() -> ExitCode {
    harness::runner::main(MODULES)
}
