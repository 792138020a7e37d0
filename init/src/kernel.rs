//! Settings of the namespaces and of the process that are neither files nor identity.

use crate::Child;
use crate::fault::{At, Call, Fault, Step};
use crate::sys::{keyring, net, process, sched};
use crate::text::{number, split};
use core::ffi::CStr;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::system::{setdomainname, sethostname};

/// A new session keyring, so that the caller's keys stay the caller's.
pub fn join_keyring(child: &Child<'_>) -> Result<(), Fault> {
    if let Some(label) = child.plan.process.selinux {
        child.step(Step::Selinux);
        let result = child
            .handles
            .procfs
            .write(c"self/attr/keycreate", label.to_bytes());
        // Not every policy labels keys.
        if let Err(errno) = result
            && errno != Errno::NOENT
        {
            return Err(Fault::new(Call::Keycreate, errno));
        }
    }
    let Some(name) = child.plan.process.keyring else {
        return Ok(());
    };
    child.step(Step::Keyring);
    let serial = match keyring::join_session(name) {
        Ok(serial) => serial,
        // A kernel without keys, or a sandbox that hides them: there is nothing to keep apart.
        Err(Errno::NOSYS | Errno::PERM) => return Ok(()),
        Err(errno) => return Err(Fault::new(Call::Keyctl, errno)),
    };
    allow_search(serial).at(Call::KeyPermissions)
}

/// Lets the container's user search the keyring (KEY_USR_SEARCH), whichever uid it has by then.
fn allow_search(serial: i32) -> Result<(), Errno> {
    const KEY_USR_SEARCH: u32 = 0x0008_0000;
    let mut text = [0u8; 256];
    let length = keyring::describe(serial, &mut text)?.min(text.len());
    let mask = split(&text[..length], b';')
        .nth(3)
        .and_then(|hex| number(hex, 16))
        .ok_or(Errno::INVAL)?;
    keyring::set_permissions(serial, mask | KEY_USR_SEARCH)
}

/// Brings up the loopback of a new network namespace.
pub fn bring_loopback_up(child: &Child<'_>) -> Result<(), Fault> {
    child.step(Step::Loopback);
    if child.plan.loopback {
        net::loopback_up().at(Call::Loopback)
    } else {
        Ok(())
    }
}

/// Names of the UTS namespace.
pub fn set_names(child: &Child<'_>) -> Result<(), Fault> {
    if let Some(name) = child.plan.hostname {
        child.step(Step::Hostname);
        sethostname(name.to_bytes()).at(Call::Sethostname)?;
    }
    if let Some(name) = child.plan.domainname {
        child.step(Step::Domainname);
        setdomainname(name.to_bytes()).at(Call::Setdomainname)?;
    }
    Ok(())
}

/// `linux.sysctl`.
pub fn set_sysctl(child: &Child<'_>) -> Result<(), Fault> {
    for sysctl in child.each(Step::Sysctl, child.plan.sysctl) {
        child
            .handles
            .procfs
            .write(sysctl.path, sysctl.value.to_bytes())
            .at(Call::Write)?;
    }
    Ok(())
}

/// Stays on one CPU until [`set_cpus`]: the first page that a cgroup is charged for on a CPU takes 64 with it
/// (MEMCG_CHARGE_BATCH, mm/memcontrol.c), and a start needs fewer. Where it can't be, a start costs more memory.
pub fn stay_on_cpu() {
    let _ = sched::stay_on_cpu();
}

/// The CPUs of what is run next: as the config says, else all that the cgroup has, whatever mote was bound to.
pub fn set_cpus(child: &Child<'_>) -> Result<(), Fault> {
    let process = &child.plan.process;
    if !process.cpus.is_empty() {
        child.step(Step::Cpus);
        return sched::set_affinity(process.cpus).at(Call::SchedSetaffinity);
    }
    // The cgroup may have none of the initial ones. And who may not set all could not stay on one either.
    if process.initial_cpus.is_empty() || sched::set_affinity(process.initial_cpus).is_err() {
        let _ = sched::allow_every_cpu();
    }
    Ok(())
}

/// Scheduling, memory policy, I/O priority and personality.
pub fn set_character(child: &Child<'_>) -> Result<(), Fault> {
    let process = &child.plan.process;
    if let Some(scheduler) = &process.scheduler {
        // SCHED_DEADLINE is for those who may run everywhere.
        set_cpus(child)?;
        child.step(Step::Scheduler);
        sched::set_scheduler(scheduler).at(Call::SchedSetattr)?;
    }
    if let Some(policy) = &process.memory_policy {
        child.step(Step::MemoryPolicy);
        sched::set_memory_policy(policy).at(Call::SetMempolicy)?;
    }
    if let Some(priority) = process.io_priority {
        child.step(Step::IoPriority);
        sched::set_io_priority(priority).at(Call::Ioprio)?;
    }
    if let Some(persona) = process.personality {
        child.step(Step::Personality);
        process::set_personality(persona).at(Call::Personality)?;
    }
    Ok(())
}

/// Resource limits. The parent has raised what had to be raised; lowering needs no privilege.
pub fn set_limits(child: &Child<'_>) -> Result<(), Fault> {
    for limit in child.each(Step::Rlimit, child.plan.process.rlimits) {
        let resource = RESOURCES
            .get(limit.resource as usize)
            .copied()
            .ok_or(Errno::INVAL)
            .at(Call::Unknown)?;
        let finite = |value| (value != u64::MAX).then_some(value);
        let wanted = Rlimit {
            current: finite(limit.soft),
            maximum: finite(limit.hard),
        };
        let result = setrlimit(resource, wanted);
        if result.is_err() && getrlimit(resource) == wanted {
            continue;
        }
        result.at(Call::Setrlimit)?;
    }
    Ok(())
}

/// By RLIMIT_* number, which is the same on the five machines (asm-generic/resource.h).
pub const RESOURCES: [Resource; 16] = [
    Resource::Cpu,
    Resource::Fsize,
    Resource::Data,
    Resource::Stack,
    Resource::Core,
    Resource::Rss,
    Resource::Nproc,
    Resource::Nofile,
    Resource::Memlock,
    Resource::As,
    Resource::Locks,
    Resource::Sigpending,
    Resource::Msgqueue,
    Resource::Nice,
    Resource::Rtprio,
    Resource::Rttime,
];

/// Labels that take effect at execve(2).
pub fn label(child: &Child<'_>) -> Result<(), Fault> {
    let process = &child.plan.process;
    if let Some(profile) = process.apparmor {
        child.step(Step::Apparmor);
        let write = |path: &CStr| child.handles.procfs.write(path, profile.to_bytes());
        let result = match write(c"self/attr/apparmor/exec") {
            Err(Errno::NOENT) => write(c"self/attr/exec"),
            result => result,
        };
        result.at(Call::Apparmor)?;
    }
    if let Some(label) = process.selinux {
        child.step(Step::Selinux);
        child
            .handles
            .procfs
            .write(c"self/attr/exec", label.to_bytes())
            .at(Call::Exec)?;
    }
    Ok(())
}
