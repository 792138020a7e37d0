//! `process.capabilities`: names to bits.

use super::Job;
use super::refusal::Quoted;
use core::ffi::CStr;
use init::plan::Capabilities;
use spec_min::List;

/// The capabilities in the order of their numbers (linux/capability.h).
pub const NAMES: [&str; 41] = [
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
];

/// The plan's part; without `capabilities` the process has none.
pub fn lower(job: &mut Job<'_, '_>, sets: Option<&spec_min::Capabilities<'_>>) -> Capabilities {
    let Some(sets) = sets else {
        return Capabilities::default();
    };
    let bounding = mask(job, "bounding", sets.bounding);
    let permitted = mask(job, "permitted", sets.permitted);
    let inheritable = mask(job, "inheritable", sets.inheritable);
    let effective = mask(job, "effective", sets.effective);
    let ambient = mask(job, "ambient", sets.ambient);
    Capabilities {
        bounding,
        permitted,
        inheritable,
        effective: within(job, "effective", effective, permitted, "permitted"),
        ambient: within(
            job,
            "ambient",
            ambient,
            permitted & inheritable,
            "permitted and inheritable",
        ),
    }
}

/// A name that this runtime doesn't know may be a newer kernel's: the spec wants a warning, not an error.
fn mask(job: &mut Job<'_, '_>, set: &str, names: List<'_, &CStr>) -> u64 {
    let mut mask = 0;
    for (at, name) in names.iter().enumerate() {
        match NAMES
            .iter()
            .position(|known| known.as_bytes() == name.to_bytes())
        {
            Some(bit) => mask |= 1 << bit,
            None => job.warn(
                format_args!("process.capabilities.{set}[{at}]"),
                format_args!("{}: unknown capability, left out", Quoted(name)),
            ),
        }
    }
    mask
}

/// The kernel refuses a whole set for one capability that another set lacks.
fn within(job: &mut Job<'_, '_>, set: &str, mask: u64, limit: u64, others: &str) -> u64 {
    for (bit, name) in NAMES.iter().enumerate() {
        if (mask & !limit) >> bit & 1 == 1 {
            job.warn(
                format_args!("process.capabilities.{set}"),
                format_args!("\"{name}\": left out, because it must be {others} too"),
            );
        }
    }
    mask & limit
}
