//! Namespaces that clone3(2) didn't make: joined ones, and those that have to wait.

use crate::Child;
use crate::fault::{At, Call, Fault, Step};
use crate::rootfs::open_at;
use crate::sys::process::{set_groups, set_namespaces, unshare};
use crate::sys::rights::Files;
use crate::text::{Digits, digits, put};
use linux_raw_sys::general::{
    CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWTIME, CLONE_NEWUSER,
    CLONE_NEWUTS,
};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

/// Moves into the container's cgroups, unless born there, and makes the cgroup namespace, whose root is where
/// its maker stands.
pub fn enter_cgroups(child: &Child<'_>) -> Result<(), Fault> {
    let mut doors = Files::new();
    child.handles.channel.receive_doors(&mut doors);
    for door in child.each(Step::Cgroup, &doors) {
        rustix::io::write(door, b"0").at(Call::Door)?;
    }
    child.step(Step::Namespaces);
    if child.plan.namespaces.late & CLONE_NEWCGROUP == 0 {
        return Ok(());
    }
    unshare(CLONE_NEWCGROUP).at(Call::UnshareCgroup)
}

/// The namespaces that are joined by whoever makes the process.
pub const FIRST: u32 = CLONE_NEWUSER | CLONE_NEWPID;
/// Those that are tried before the user namespace is entered: one that doesn't belong to it can't be joined from within
/// (nsenter(1) goes both ways, too).
pub const EARLY: u32 = CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWTIME;

/// The kinds of namespaces to join.
pub fn kinds(joins: &[(u32, OwnedFd)]) -> u32 {
    joins.iter().fold(0, |all, (flags, _)| all | flags)
}

/// Joins the others that the parent has opened.
pub fn join(child: &Child<'_>) -> Result<(), Fault> {
    for (flags, fd) in child.each(Step::Namespaces, child.handles.joins) {
        let flags = flags & !(FIRST | child.handles.joined);
        if flags != 0 {
            set_namespaces(fd.as_fd(), flags).at(Call::Setns)?;
        }
    }
    Ok(())
}

/// Becomes root of the user namespace, for files made in it to have an owner; where that has no root, the process's
/// own user, who has all capabilities until then as well.
pub fn become_root(child: &Child<'_>) -> Result<(), Fault> {
    child.step(Step::UserNamespace);
    let namespaces = &child.plan.namespaces;
    if (namespaces.new | kinds(child.handles.joins)) & CLONE_NEWUSER == 0 {
        return Ok(());
    }
    let process = &child.plan.process;
    if process.set_groups {
        either(&mut |_| set_groups(&[]), 0).at(Call::Setgroups)?;
    }
    let gid = &mut |id| {
        let id = Gid::from_raw(id);
        set_thread_res_gid(id, id, id)
    };
    either(gid, process.gid).at(Call::Setresgid)?;
    let uid = &mut |id| {
        let id = Uid::from_raw(id);
        set_thread_res_uid(id, id, id)
    };
    either(uid, process.uid).at(Call::Setresuid)
}

/// Root, or else `other`, or nobody if neither is mapped.
fn either(set: &mut dyn FnMut(u32) -> Result<(), Errno>, other: u32) -> Result<(), Errno> {
    for id in [0, other] {
        match set(id) {
            Err(Errno::INVAL) => {}
            result => return result,
        }
    }
    Ok(())
}

/// Makes a time namespace with offsets: they can be set only while nobody is inside.
pub fn set_clocks(child: &Child<'_>) -> Result<(), Fault> {
    child.step(Step::TimeOffsets);
    let (namespaces, procfs) = (&child.plan.namespaces, child.handles.procfs);
    if namespaces.late & CLONE_NEWTIME == 0 {
        return Ok(());
    }
    unshare(CLONE_NEWTIME).at(Call::Unshare)?;
    for offset in child.each(Step::TimeOffsets, namespaces.offsets) {
        let (mut secs, mut nanos) = (Digits::default(), Digits::default());
        let sign = if offset.secs < 0 { &b" -"[..] } else { b" " };
        let (secs, nanos) = (
            digits(&mut secs, offset.secs.unsigned_abs(), 10),
            digits(&mut nanos, offset.nanos.into(), 10),
        );
        let mut line = heapless::Vec::<u8, 64>::new();
        let line = put(
            &mut line,
            &[offset.clock.to_bytes(), sign, secs, b" ", nanos],
        )
        .at(Call::LongClock)?;
        procfs
            .write(c"self/timens_offsets", line.to_bytes())
            .at(Call::Clocks)?;
    }
    // `ns/time_for_children` is a magic link, which alone leads to a namespace: opened by its own name.
    let file = open_at(procfs.fd(), c"self/ns/time_for_children", OFlags::RDONLY)
        .at(Call::TimeForChildren)?;
    set_namespaces(file.as_fd(), CLONE_NEWTIME).at(Call::Setns)
}
