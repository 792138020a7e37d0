//! Keeps mote's own file out of the container's reach.
//!
//! A process of the container can get at the program that is entering it through `/proc/PID/exe`, or be told to
//! execute `/proc/self/exe`; whoever opens that for writing once it no longer runs owns the host (CVE-2019-5736).
//! So before a container is touched mote runs itself again from a file that can't be written to: its own, on a
//! read-only mount that is attached nowhere, or, where it may not make mounts, a sealed copy in memory. A file
//! that is on a read-only mount already needs neither.
//!
//! `runtime/docs/sealing.md` has the alternatives that were measured.

use crate::error::{Error, Result};
use init::mounts::{READONLY, clone_tree};
use init::procfs::Procfs;
use init::sys::mount::{Change, set_attributes};
use init::sys::process::execute_file;
use init::sys::start;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{
    MemfdFlags, Mode, OFlags, SealFlags, StatVfsMountFlags, fcntl_add_seals, fcntl_get_seals,
    fstat, fstatvfs, memfd_create, openat, sendfile,
};
use rustix::io::Errno;

const SEALS: SealFlags = SealFlags::SEAL
    .union(SealFlags::SHRINK)
    .union(SealFlags::GROW)
    .union(SealFlags::WRITE);

/// How often a copy is tried to be sealed; the kernel waits for 75 ms each time (memfd_wait_for_pins, mm/memfd.c).
const PATIENCE: u32 = 20;

/// Returns when this process runs from a file that can't be written to; otherwise it becomes such a process.
pub fn seal() -> Result<()> {
    let failed = |errno| {
        Error::call(
            packed!("protecting mote's own program from the container"),
            errno,
        )
    };
    let procfs =
        Procfs::open().map_err(|errno| Error::call(packed!("/proc (is it mounted?)"), errno))?;
    // The one magic link that mote follows on purpose, and it is its own.
    let exe = openat(
        procfs.fd(),
        c"self/exe",
        OFlags::RDONLY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(failed)?;
    if is_sealed(&exe).map_err(failed)? {
        return Ok(());
    }
    let hint =
        packed!("; neither open_tree nor memfd_create works here: put mote on a read-only mount");
    let safe = read_only(&exe).or_else(|_| copy(&exe));
    let safe = safe.map_err(|errno| failed(errno).and(hint))?;
    Err(failed(execute_file(
        safe.as_fd(),
        &start::argument_vector(),
        &start::environment_vector(),
    )))
}

fn is_sealed(exe: &OwnedFd) -> core::result::Result<bool, Errno> {
    if fstatvfs(exe)?.f_flag.contains(StatVfsMountFlags::RDONLY) {
        return Ok(true);
    }
    Ok(fcntl_get_seals(exe).is_ok_and(|seals| seals.contains(SEALS)))
}

/// The file itself, by a mount of its own. Whoever opens it through `exe` comes by that mount.
fn read_only(exe: &OwnedFd) -> core::result::Result<OwnedFd, Errno> {
    let tree = clone_tree(exe.as_fd(), c"", false)?;
    set_attributes(
        tree.as_fd(),
        false,
        Change {
            set: READONLY,
            ..Change::default()
        },
    )?;
    Ok(tree)
}

/// A copy that nobody can write to (memfd_create(2), fcntl(2) "File Sealing").
fn copy(exe: &OwnedFd) -> core::result::Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 don't know MFD_EXEC; later ones may be set to want it.
    let copy = match memfd_create(c"mote", flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create(c"mote", flags)?,
        result => result?,
    };
    let mut left = fstat(exe)?.st_size as usize;
    while left > 0 {
        match sendfile(&copy, exe, None, left)? {
            0 => return Err(Errno::IO),
            sent => left = left.saturating_sub(sent),
        }
    }
    // While the kernel itself holds one of its pages, as when it moves memory, it can't be sealed.
    for _ in 0..PATIENCE {
        match fcntl_add_seals(&copy, SEALS) {
            Err(Errno::BUSY) => {}
            result => return result.map(|()| copy),
        }
    }
    Err(Errno::BUSY)
}
