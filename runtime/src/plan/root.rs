//! `root`, `linux.rootfsPropagation`, `hostname` and `domainname`.

use super::Job;
use super::paths::{from_base, given, required};
use super::refusal::{OneOf, Quoted, Result, refuse};
use core::ffi::CStr;
use init::plan::{Root, Switch};
use linux_raw_sys::general::{
    CLONE_NEWNS, CLONE_NEWUTS, MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE, MS_UNBINDABLE,
};

/// The words of mount(8) for the ways in which mounts propagate; also mount options.
pub const PROPAGATIONS: [(&str, u32); 8] = [
    ("private", MS_PRIVATE),
    ("rprivate", MS_PRIVATE | MS_REC),
    ("shared", MS_SHARED),
    ("rshared", MS_SHARED | MS_REC),
    ("slave", MS_SLAVE),
    ("rslave", MS_SLAVE | MS_REC),
    ("unbindable", MS_UNBINDABLE),
    ("runbindable", MS_UNBINDABLE | MS_REC),
];

/// Longest name of a host or a domain (__NEW_UTS_LEN, linux/utsname.h).
const UTS_NAME_MAX: usize = 64;

/// The plan's part.
pub fn lower<'a>(job: &mut Job<'_, 'a>) -> Result<Root<'a>> {
    let Some(root) = job.spec.root.get() else {
        return Err(refuse(
            format_args!("root"),
            format_args!("required: where the container's files are"),
        ));
    };
    let path = required(
        root.path,
        format_args!("root.path"),
        "the directory of the container's files",
    )?;
    let own_mounts = job.kinds.has(CLONE_NEWNS);
    if root.readonly && !own_mounts {
        return Err(refuse(
            format_args!("root.readonly"),
            format_args!("{NEEDS_MOUNTS}"),
        ));
    }
    let propagation = propagation(job)?;
    Ok(Root {
        path: from_base(job.arena, job.facts.bundle, path)?,
        readonly: root.readonly,
        host_propagation: host_propagation(propagation),
        propagation,
        switch: match (own_mounts, job.facts.no_pivot) {
            (false, _) => Switch::Chroot,
            (true, true) => Switch::Move,
            (true, false) => Switch::Pivot,
        },
    })
}

/// Why what mounts is refused without a mount namespace: it would be done to the host.
pub const NEEDS_MOUNTS: &str = "needs {\"type\": \"mount\"} in linux.namespaces";

/// Without a word for it the host's later mounts reach the container and none of the container's the host. An
/// unbindable tree could not be bound from any more, so the host's copy only becomes private.
fn host_propagation(wanted: u32) -> u32 {
    match wanted {
        0 => MS_SLAVE | MS_REC,
        wanted if wanted & MS_UNBINDABLE != 0 => MS_PRIVATE | (wanted & MS_REC),
        wanted => wanted,
    }
}

fn propagation(job: &Job<'_, '_>) -> Result<u32> {
    let Some(word) = given(job.spec.linux.rootfs_propagation) else {
        return Ok(0);
    };
    let path = format_args!("linux.rootfsPropagation");
    let quoted = Quoted(word);
    let Some((_, flags)) = PROPAGATIONS
        .iter()
        .find(|(name, _)| name.as_bytes() == word.to_bytes())
    else {
        let words = OneOf(PROPAGATIONS.iter().map(|(name, _)| *name));
        return Err(refuse(path, format_args!("{quoted}: expected {words}")));
    };
    if !job.kinds.has(CLONE_NEWNS) {
        return Err(refuse(path, format_args!("{NEEDS_MOUNTS}")));
    }
    if job.facts.no_pivot && flags & MS_PRIVATE != 0 {
        return Err(refuse(
            path,
            format_args!("{quoted}: can't be had together with --no-pivot"),
        ));
    }
    Ok(*flags)
}

/// `hostname` or `domainname`.
pub fn uts_name<'a>(
    job: &Job<'_, 'a>,
    property: &str,
    name: Option<&'a CStr>,
) -> Result<Option<&'a CStr>> {
    let Some(name) = given(name) else {
        return Ok(None);
    };
    let path = format_args!("{property}");
    if !job.kinds.has(CLONE_NEWUTS) {
        return Err(refuse(
            path,
            format_args!(
                "{}: needs {{\"type\": \"uts\"}} in linux.namespaces",
                Quoted(name)
            ),
        ));
    }
    let length = name.count_bytes();
    if length > UTS_NAME_MAX {
        return Err(refuse(
            path,
            format_args!("{length} bytes long: the kernel takes {UTS_NAME_MAX}"),
        ));
    }
    Ok(Some(name))
}
