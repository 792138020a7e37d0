//! `root`, `linux.rootfsPropagation`, `hostname` and `domainname`.

use super::Job;
use super::paths::{from_base, given, required};
use super::refusal::Result;
use super::words::{Words, words};
use core::ffi::CStr;
use init::plan::{Root, Switch};
use linux_raw_sys::general::{
    CLONE_NEWNS, CLONE_NEWUTS, MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE, MS_UNBINDABLE,
};

/// The words of mount(8) for the ways in which mounts propagate; also mount options.
const PROPAGATIONS: Words = words! {
    "private" = MS_PRIVATE,
    "rprivate" = MS_PRIVATE | MS_REC,
    "shared" = MS_SHARED,
    "rshared" = MS_SHARED | MS_REC,
    "slave" = MS_SLAVE,
    "rslave" = MS_SLAVE | MS_REC,
    "unbindable" = MS_UNBINDABLE,
    "runbindable" = MS_UNBINDABLE | MS_REC,
};

/// Longest name of a host or a domain (__NEW_UTS_LEN, linux/utsname.h).
const UTS_NAME_MAX: usize = 64;

/// The plan's part.
pub fn lower<'a>(job: &Job<'_, 'a>) -> Result<Root<'a>> {
    let Some(root) = job.spec.root.get() else {
        return Err(job.refuse("root", packed!("required: where the container's files are")));
    };
    let path = required(
        job,
        root.path,
        "root.path",
        packed!("the directory of the container's files"),
    )?;
    let own_mounts = job.kinds.has(CLONE_NEWNS);
    if root.readonly && !own_mounts {
        job.gather(job.needs("root.readonly", CLONE_NEWNS))?;
    }
    let mut wanted = 0;
    job.part(&mut wanted, propagation(job))?;
    Ok(Root {
        path: from_base(job.arena, job.facts.bundle, path)?,
        readonly: root.readonly,
        host_propagation: host_propagation(wanted),
        propagation: wanted,
        switch: match (own_mounts, job.facts.no_pivot) {
            (false, _) => Switch::Chroot,
            (true, true) => Switch::Move,
            (true, false) => Switch::Pivot,
        },
    })
}

/// Without a word for it the host's later mounts reach the container and none of the container's the host. What isn't
/// to be shared isn't below `/` either: what is mounted on a bind mount of a shared tree would stay on the host. An
/// unbindable tree could not be bound from any more, so the host's copy only becomes private.
fn host_propagation(wanted: u32) -> u32 {
    match wanted {
        0 => MS_SLAVE | MS_REC,
        wanted if wanted & MS_SHARED != 0 => wanted,
        wanted if wanted & MS_UNBINDABLE != 0 => MS_PRIVATE | MS_REC,
        wanted => wanted | MS_REC,
    }
}

fn propagation(job: &Job<'_, '_>) -> Result<u32> {
    let Some(word) = given(job.spec.linux.rootfs_propagation) else {
        return Ok(0);
    };
    const PATH: &str = "linux.rootfsPropagation";
    let flags = PROPAGATIONS.number(job, Some(word), PATH)?;
    if !job.kinds.has(CLONE_NEWNS) {
        return Err(job.needs(PATH, CLONE_NEWNS));
    }
    if job.facts.no_pivot && flags & MS_PRIVATE != 0 {
        return Err(job.refuse_text(PATH, word, packed!("can't be had together with --no-pivot")));
    }
    Ok(flags)
}

/// `hostname` or `domainname`.
#[inline(never)]
pub fn uts_name<'a>(
    job: &Job<'_, 'a>,
    property: &str,
    name: Option<&'a CStr>,
) -> Result<Option<&'a CStr>> {
    match given(name) {
        None => Ok(None),
        Some(_) if !job.kinds.has(CLONE_NEWUTS) => Err(job.needs(property, CLONE_NEWUTS)),
        Some(name) if name.count_bytes() > UTS_NAME_MAX => {
            Err(job.refuse_text(property, name, packed!("the kernel takes 64 bytes")))
        }
        name => Ok(name),
    }
}
