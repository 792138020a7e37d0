//! What a container's process still has to do once its seccomp filter is loaded, and whether the filter lets it: else the
//! process would be killed on its way, and nobody could say why.

use super::Job;
use super::refusal::Result;
use crate::seccomp::arch::Arch;
use crate::seccomp::reach::{Worst, worst};
use init::plan::Seccomp;
use linux_raw_sys::general::*;

/// A call: its number here, its name, and whether it may be answered with an error: there is another way then, or the error
/// is told of as any other.
type Need = (u32, &'static str, Worst);

macro_rules! needs {
    ($worst:ident: $($number:ident)*) => {
        &[$(($number, stringify!($number), Worst::$worst)),*]
    };
}

/// From the loading to execve(2), where the filter is loaded while there are capabilities for it (`init/src/lib.rs`).
const EARLY: &[Need] = needs!(Made: __NR_setgroups __NR_setresgid __NR_setresuid __NR_prctl __NR_capget __NR_capset
    __NR_umask __NR_newfstatat __NR_sendto __NR_read __NR_dup3 __NR_rt_sigaction __NR_rt_sigprocmask __NR_close
    __NR_execve);
const EARLY_TRIES: &[Need] =
    needs!(Answered: __NR_faccessat __NR_chdir __NR_getcwd __NR_close_range __NR_accept4);

/// More for hooks of the container's.
const HOOKS: &[Need] = needs!(Answered: __NR_pipe2 __NR_write __NR_ioctl __NR_clone3 __NR_clone __NR_ppoll __NR_waitid
    __NR_getpid);

/// Where it is loaded last of all.
const LATE: &[Need] = needs!(Made: __NR_execve);

/// More where somebody is to be asked.
const LISTENER: &[Need] = needs!(Made: __NR_sendmsg);

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
    for (number, name, most) in needed.flat_map(|(_, list)| *list) {
        if worst(seccomp.program, *number, native.audit()) <= *most {
            continue;
        }
        let why = match late {
            true => ": the container's program can't be started without",
            false => {
                ": without process.noNewPrivileges it is loaded before the process becomes the container's user"
            }
        };
        let name = name.strip_prefix("__NR_").unwrap_or(name);
        return Err(job.refuse("", &["must allow ", name, why].concat()));
    }
    Ok(())
}
