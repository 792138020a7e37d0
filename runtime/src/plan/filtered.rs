//! What a container's process still has to do once its seccomp filter is loaded, and whether the filter lets it: else the
//! process would be killed on its way, and nobody could say why.

use super::Job;
use super::refusal::Result;
use crate::seccomp::arch::Arch;
use crate::seccomp::reach::{Worst, worst};
use crate::seccomp::syscalls::{self, Numbers};
use crate::text::fill;
use init::plan::Seccomp;
use linux_raw_sys::general::*;

/// Numbers of calls, and how they may be answered.
type Needs = (Worst, &'static [u32]);

/// From the loading to execve(2), where the filter is loaded while there are capabilities for it (`init/src/lib.rs`).
const EARLY: Needs = (
    Worst::Made,
    &[
        __NR_setgroups,
        __NR_setresgid,
        __NR_setresuid,
        __NR_prctl,
        __NR_capget,
        __NR_capset,
        __NR_umask,
        __NR_newfstatat,
        __NR_sendto,
        __NR_read,
        __NR_dup3,
        __NR_rt_sigaction,
        __NR_rt_sigprocmask,
        __NR_close,
        __NR_execve,
    ],
);
/// An error is told of as any other, or there is another way then.
const EARLY_TRIES: Needs = (
    Worst::Answered,
    &[
        __NR_faccessat,
        __NR_chdir,
        __NR_getcwd,
        __NR_close_range,
        __NR_accept4,
    ],
);

/// More for hooks of the container's.
const HOOKS: Needs = (
    Worst::Answered,
    &[
        __NR_pipe2,
        __NR_write,
        __NR_ioctl,
        __NR_clone3,
        __NR_clone,
        __NR_ppoll,
        __NR_waitid,
        __NR_getpid,
    ],
);

/// Where it is loaded last of all.
const LATE: Needs = (Worst::Made, &[__NR_execve]);

/// More where somebody is to be asked.
const LISTENER: Needs = (Worst::Made, &[__NR_sendmsg]);

/// Refuses a filter that its own process would not get past.
pub fn check(job: &Job<'_, '_>, native: &Arch, seccomp: &Seccomp<'_>, late: bool) -> Result<()> {
    let hooked = !job.spec.hooks.start_container.is_empty();
    let lists = [
        (late, LATE),
        (!late, EARLY),
        (!late, EARLY_TRIES),
        (!late && hooked, HOOKS),
        (seccomp.listener.is_some(), LISTENER),
    ];
    let needed = lists.iter().filter(|(needed, _)| *needed);
    for (_, (most, numbers)) in needed {
        let fails = |number: &&u32| worst(seccomp.program, **number, native.audit()) > *most;
        let Some(number) = numbers.iter().find(fails) else {
            continue;
        };
        let why = match late {
            true => ": the container's program can't be started without",
            false => {
                ": without process.noNewPrivileges it is loaded before the process becomes the container's user"
            }
        };
        let known = Numbers::unpack(job.arena, native.table())?;
        let name = native.call(&known, *number).map(syscalls::name);
        let name = name.unwrap_or_default();
        return Err(job.refuse("", &fill("must allow {}{}", &[&name, why])));
    }
    Ok(())
}
