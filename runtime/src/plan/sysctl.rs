//! `linux.sysctl`: only what belongs to a namespace of the container, never to the host.

use super::Job;
use super::refusal::{Quoted, Result, refuse};
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
        check(job, name, &path.to_bytes()[SYS.len()..])?;
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
    CStr::from_bytes_until_nul(buffer).map_err(|_| unknown(name))
}

fn unknown(name: &CStr) -> super::Refusal {
    refuse(
        format_args!("linux.sysctl"),
        format_args!("{}: is not a name below /proc/sys", Quoted(name)),
    )
}

fn check(job: &Job<'_, '_>, name: &CStr, path: &[u8]) -> Result<()> {
    let quoted = Quoted(name);
    let property = format_args!("linux.sysctl");
    if path
        .split(|&byte| byte == b'/')
        .any(|part| matches!(part, b"" | b"." | b".."))
    {
        return Err(unknown(name));
    }
    if path == b"kernel/hostname" {
        return Err(refuse(
            property,
            format_args!("{quoted}: use the property hostname"),
        ));
    }
    let row = NAMESPACED.iter().find(|(known, _)| match known {
        [.., b'/'] => path.starts_with(known),
        known => path == *known,
    });
    let Some(&(_, flag)) = row else {
        return Err(refuse(
            property,
            format_args!("{quoted}: is the whole host's, not a container's"),
        ));
    };
    if !job.kinds.has(flag) {
        let kind = super::namespaces::KINDS
            .iter()
            .find(|(_, of)| *of == flag)
            .map_or("", |(kind, _)| kind);
        return Err(refuse(
            property,
            format_args!("{quoted}: needs {{\"type\": \"{kind}\"}} in linux.namespaces"),
        ));
    }
    if flag == CLONE_NEWNET && job.facts.joins_own_network {
        return Err(refuse(
            property,
            format_args!("{quoted}: the network namespace is the host's"),
        ));
    }
    Ok(())
}
