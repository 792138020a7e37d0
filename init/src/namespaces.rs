//! Namespaces that clone3(2) didn't make: joined ones, and those that have to wait.

use crate::Child;
use crate::fault::{At, Fault, Step};
use crate::sys::process::{set_groups, set_namespaces, unshare};
use core::fmt::Write;
use linux_raw_sys::general::{CLONE_NEWCGROUP, CLONE_NEWTIME, CLONE_NEWUSER};
use rustix::fd::AsFd;
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

/// Moves into the container's cgroups, unless born there, and makes the cgroup namespace, whose root is where
/// its maker stands.
pub fn enter_cgroups(child: &Child<'_>) -> Result<(), Fault> {
    let doors = child.handles.channel.receive_doors()?;
    for (item, door) in doors.iter().enumerate() {
        rustix::io::write(door, b"0").at(Step::Cgroup, item, &"write to tasks or cgroup.procs")?;
    }
    if child.plan.namespaces.late & CLONE_NEWCGROUP == 0 {
        return Ok(());
    }
    unshare(CLONE_NEWCGROUP).at(Step::Namespaces, 0, &"unshare (cgroup)")
}

/// Joins what the parent has opened.
pub fn join(child: &Child<'_>) -> Result<(), Fault> {
    for (item, (flags, fd)) in child.handles.joins.iter().enumerate() {
        set_namespaces(fd.as_fd(), *flags).at(Step::Namespaces, item, &"setns")?;
    }
    Ok(())
}

/// Becomes root of the user namespace, for files made in it to have an owner. One without a root stays as is.
pub fn become_root(child: &Child<'_>) -> Result<(), Fault> {
    let namespaces = &child.plan.namespaces;
    if namespaces.new & CLONE_NEWUSER == 0 && !child.handles.joined_user {
        return Ok(());
    }
    let tolerate = |result| match result {
        Err(Errno::INVAL) => Ok(()),
        other => other,
    };
    let (uid, gid) = (Uid::ROOT, Gid::ROOT);
    if child.plan.process.set_groups {
        tolerate(set_groups(&[])).at(Step::UserNamespace, 0, &"setgroups")?;
    }
    tolerate(set_thread_res_gid(gid, gid, gid)).at(Step::UserNamespace, 0, &"setresgid")?;
    tolerate(set_thread_res_uid(uid, uid, uid)).at(Step::UserNamespace, 0, &"setresuid")
}

/// Makes a time namespace with offsets: they can be set only while nobody is inside.
pub fn set_clocks(child: &Child<'_>) -> Result<(), Fault> {
    let namespaces = &child.plan.namespaces;
    if namespaces.late & CLONE_NEWTIME == 0 {
        return Ok(());
    }
    unshare(CLONE_NEWTIME).at(Step::TimeOffsets, 0, &"unshare")?;
    for (item, offset) in namespaces.offsets.iter().enumerate() {
        let mut line = heapless::String::<64>::new();
        let clock = offset.clock.to_str().unwrap_or("");
        write!(line, "{clock} {} {}", offset.secs, offset.nanos).map_err(|_| Errno::RANGE).at(Step::TimeOffsets, item, &"too long")?;
        child.handles.procfs.write(c"self/timens_offsets", line.as_bytes()).at(Step::TimeOffsets, item, &"timens_offsets")?;
    }
    // `ns/time_for_children` is a magic link, which alone leads to a namespace: opened by its own name.
    let file = rustix::fs::openat(
        child.handles.procfs.fd(), c"self/ns/time_for_children", OFlags::RDONLY | OFlags::CLOEXEC, rustix::fs::Mode::empty(),
    );
    let file = file.at(Step::TimeOffsets, 0, &"ns/time_for_children")?;
    set_namespaces(file.as_fd(), CLONE_NEWTIME).at(Step::TimeOffsets, 0, &"setns")
}
