//! mote's end-to-end suite; tests/README.md says how to run it.
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
mod stdio;
mod terminal;

use harness::Module;
use std::process::ExitCode;

/// Every theme. The serial ones run alone, after the others.
const MODULES: &[Module] = &[
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
    stdio::MODULE,
    terminal::MODULE,
];

fn main() -> ExitCode {
    harness::runner::main(MODULES)
}
