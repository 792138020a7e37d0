//! `linux.sysctl`: only what belongs to a namespace of the container, never to the host.

use super::Job;
use super::refusal::Result;
use crate::text::{is_name, split};
use core::ffi::CStr;
use init::plan::Sysctl;
use linux_raw_sys::general::{CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWUSER, CLONE_NEWUTS};

/// Paths below /proc/sys and the namespace that they are of; one that ends in a slash is for all below it.
const NAMESPACED: [(&[u8], u32); 12] = [
    (b"fs/mqueue/", CLONE_NEWIPC),
    (b"kernel/domainname", CLONE_NEWUTS),
    (b"kernel/msgmax", CLONE_NEWIPC),
    (b"kernel/msgmnb", CLONE_NEWIPC),
    (b"kernel/msgmni", CLONE_NEWIPC),
    (b"kernel/sem", CLONE_NEWIPC),
    (b"kernel/shm_rmid_forced", CLONE_NEWIPC),
    (b"kernel/shmall", CLONE_NEWIPC),
    (b"kernel/shmmax", CLONE_NEWIPC),
    (b"kernel/shmmni", CLONE_NEWIPC),
    (b"net/", CLONE_NEWNET),
    (b"user/", CLONE_NEWUSER),
];

/// Before the path in the plan, which is below /proc.
const SYS: &[u8] = b"sys/";

/// The plan's part.
pub fn lower<'a>(job: &Job<'_, 'a>) -> Result<&'a [Sysctl<'a>]> {
    let map = job.spec.linux.sysctl;
    let mut list = job.arena.list(map.len())?;
    for (name, value) in map.iter() {
        let path = path(job, name)?;
        if let Err(refused) = check(job, &path.to_bytes()[SYS.len()..]) {
            job.gather(job.about(refused, name.to_bytes()))?;
            continue;
        }
        list.push(Sysctl { path, value })?;
    }
    Ok(list.finish())
}

/// sysctl.d(5): if the first separator is a slash the name is a path already; else dots and slashes change places,
/// which is how an interface's name can have a dot in it.
fn path<'a>(job: &Job<'_, 'a>, name: &CStr) -> Result<&'a CStr> {
    let bytes = name.to_bytes();
    let dotted = bytes.iter().find(|byte| matches!(byte, b'.' | b'/')) == Some(&b'.');
    let buffer = job.arena.bytes(SYS.len() + bytes.len() + 1)?;
    buffer[..SYS.len()].copy_from_slice(SYS);
    for (to, &from) in buffer[SYS.len()..].iter_mut().zip(bytes) {
        *to = match from {
            b'.' if dotted => b'/',
            b'/' if dotted => b'.',
            other => other,
        };
    }
    Ok(CStr::from_bytes_until_nul(buffer).unwrap_or_default())
}

fn check(job: &Job<'_, '_>, path: &[u8]) -> Result<()> {
    const PROPERTY: &str = "linux.sysctl";
    let mut parts = split(path, b'/');
    if !parts.all(is_name) {
        return Err(job.refuse(PROPERTY, packed!("is not a name below /proc/sys")));
    }
    let row = NAMESPACED.iter().find(|(known, _)| match known {
        [.., b'/'] => path.starts_with(known),
        known => path == *known,
    });
    let why = match row {
        None if path == b"kernel/hostname" => packed!("use the property hostname"),
        None => packed!("is the whole host's, not a container's"),
        Some(&(_, flag)) if !job.kinds.has(flag) => return Err(job.needs(PROPERTY, flag)),
        Some(&(_, CLONE_NEWNET)) if job.facts.joins_own_network => {
            packed!("the network namespace is the host's")
        }
        Some(_) => return Ok(()),
    };
    Err(job.refuse(PROPERTY, why))
}
