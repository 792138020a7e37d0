//! mote's end-to-end suite; tests/README.md says how to run it.
mod bad_config;
mod bad_input;
mod bus;
mod cgroups;
mod check;
mod cli;
mod devices;
mod ending;
mod engines;
mod escapes;
mod events;
mod exec;
mod exec_flags;
mod fallbacks;
mod harness;
mod hooks;
mod idmap;
mod init;
mod kernel_settings;
mod kill;
mod legacy;
mod lifecycle;
mod limits;
mod listing;
mod logs;
mod mounts;
mod namespaces;
mod netdevices;
mod notify;
mod privileges;
mod process;
mod races;
mod rootfs;
mod rootless;
mod seccomp;
mod security;
mod stdio;
mod stress;
mod systemd;
mod terminal;
mod update;
mod wrong_configs;

use harness::Module;
use std::process::ExitCode;

/// Every theme. The serial ones run alone, after the others.
const MODULES: &[Module] = &[
    bad_config::MODULE,
    bad_input::MODULE,
    bus::MODULE,
    cgroups::MODULE,
    check::MODULE,
    cli::MODULE,
    devices::MODULE,
    ending::MODULE,
    engines::MODULE,
    escapes::MODULE,
    events::MODULE,
    exec::MODULE,
    exec_flags::MODULE,
    fallbacks::MODULE,
    hooks::MODULE,
    idmap::MODULE,
    init::MODULE,
    kernel_settings::MODULE,
    kill::MODULE,
    legacy::MODULE,
    lifecycle::MODULE,
    limits::MODULE,
    listing::MODULE,
    logs::MODULE,
    mounts::MODULE,
    namespaces::MODULE,
    netdevices::MODULE,
    notify::MODULE,
    privileges::MODULE,
    process::MODULE,
    races::MODULE,
    rootfs::MODULE,
    rootless::MODULE,
    seccomp::MODULE,
    security::MODULE,
    stdio::MODULE,
    stress::MODULE,
    systemd::MODULE,
    terminal::MODULE,
    update::MODULE,
    wrong_configs::MODULE,
];

fn main() -> ExitCode {
    harness::runner::main(MODULES)
}
