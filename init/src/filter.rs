//! The seccomp filter, in one of two places of the child's list.
//!
//! The parent makes the program while this process makes its mounts, and sends it.
//!
//! Without `process.noNewPrivileges` only who has CAP_SYS_ADMIN may load a filter (seccomp(2)), so it comes just before
//! the capabilities go. With it the filter is the last thing before execve(2). The plan has made sure that the filter
//! lets everything through that is done after it (`runtime/src/plan/filtered.rs`).

use crate::Child;
use crate::channel::Channel;
use crate::fault::{At, Call, Fault, Step};
use crate::sys::filter::load;
use rustix::fd::AsFd;

/// Waits for the program, if there is to be one. Without a parent there is no container to become.
pub fn receive(child: &Child<'_>) {
    let Some(seccomp) = child.plan.process.seccomp else {
        return;
    };
    let socket = child.handles.channel.0.as_fd();
    match rustix::io::retry_on_intr(|| seccomp.room.receive(socket)) {
        Ok(length) if length > 0 => child.filter.set(length),
        _ => crate::sys::process::exit(1),
    }
}

/// Loads it if `late` is its place, and hands over the listener if there is one.
pub fn put_on(child: &Child<'_>, channel: &Channel, late: bool) -> Result<(), Fault> {
    let process = &child.plan.process;
    let Some(seccomp) = process
        .seccomp
        .filter(|_| late == process.no_new_privileges)
    else {
        return Ok(());
    };
    child.step(Step::Seccomp);
    let program = seccomp.room.program(child.filter.get());
    match load(program, seccomp.flags).at(Call::Seccomp)? {
        Some(listener) => channel.listener(listener.as_fd()),
        None => Ok(()),
    }
}
