//! `process.capabilities`: names to bits.

use super::Job;
use super::words::{Words, words};
use core::ffi::CStr;
use init::plan::Capabilities;
use spec_min::List;

/// The capabilities in the order of their numbers (linux/capability.h).
pub const NAMES: Words = words! {
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
};

/// The plan's part; without `capabilities` the process has none. The kernel refuses a whole set for one capability that
/// another set lacks, so those are left out: runc's own template has such.
pub fn lower(job: &Job<'_, '_>, sets: Option<&spec_min::Capabilities<'_>>) -> Capabilities {
    let Some(sets) = sets else {
        return Capabilities::default();
    };
    let permitted = mask(job, "process.capabilities.permitted", sets.permitted);
    let inheritable = mask(job, "process.capabilities.inheritable", sets.inheritable);
    Capabilities {
        bounding: mask(job, "process.capabilities.bounding", sets.bounding),
        permitted,
        inheritable,
        effective: permitted & mask(job, "process.capabilities.effective", sets.effective),
        ambient: permitted & inheritable & mask(job, "process.capabilities.ambient", sets.ambient),
    }
}

/// A name that this runtime doesn't know may be a newer kernel's: the spec wants a warning, not an error.
#[inline(never)]
fn mask(job: &Job<'_, '_>, set: &str, names: List<'_, &CStr>) -> u64 {
    let mut mask = 0;
    for (at, name) in names.iter().enumerate() {
        match NAMES.place(name.to_bytes()) {
            Some(bit) => mask |= 1 << bit,
            None => {
                let odd = job.refuse_text("", name, packed!("unknown capability, left out"));
                job.warn(job.element(odd, set, at));
            }
        }
    }
    mask
}
