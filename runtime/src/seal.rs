//! Keeps mote's own file out of the container's reach.
//!
//! A process of the container can get at the program that is entering it through `/proc/PID/exe`, or be told to
//! execute `/proc/self/exe`; whoever opens that for writing once it no longer runs owns the host (CVE-2019-5736).
//! So before a container is touched mote runs itself again from a sealed copy in memory, which nobody can write
//! to. A file on a read-only mount needs no copy: `exe` leads through that mount.
//!
//! `runtime/docs/sealing.md` has the alternatives that were measured.

use crate::error::{Error, Result};
use init::sys::arena::Arena;
use init::sys::exec::Vector;
use init::sys::process::execute_file;
use rustix::fs::{MemfdFlags, OFlags, SealFlags, StatVfsMountFlags, fcntl_add_seals, fcntl_get_seals, fstat, fstatvfs, memfd_create, openat, sendfile};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use rustix::fs::Mode;
use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;

const SEALS: SealFlags = SealFlags::SEAL.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::WRITE);

/// Returns when this process runs from a file that can't be written to; otherwise it becomes such a process.
pub fn seal() -> Result<()> {
    let procfs = init::procfs::Procfs::open().map_err(|errno| Error::os("/proc", errno))?;
    let failed = |call: &'static str| move |errno| Error::os(format_args!("sealing mote's own program: {call}"), errno);
    // The one magic link that mote follows on purpose, and it is its own.
    let exe = openat(procfs.fd(), c"self/exe", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).map_err(failed("/proc/self/exe"))?;
    if is_sealed(&exe).map_err(failed("fstatvfs"))? {
        return Ok(());
    }
    let copy = copy(&exe).map_err(failed("memfd_create"))?;
    let arena = Arena::new(4 << 20).map_err(failed("mmap"))?;
    let text = |word: OsString| CString::new(word.into_vec()).unwrap_or_default();
    let words: Vec<CString> = std::env::args_os().map(text).collect();
    let settings: Vec<CString> = crate::host::environment();
    let args = Vector::new(&arena, words.len(), words.iter().map(CString::as_c_str), 0).map_err(failed("argv"))?;
    let env = Vector::new(&arena, settings.len(), settings.iter().map(CString::as_c_str), 0).map_err(failed("envp"))?;
    Err(failed("execveat")(execute_file(copy.as_fd(), &args, &env)))
}

fn is_sealed(exe: &OwnedFd) -> core::result::Result<bool, Errno> {
    if fcntl_get_seals(exe).is_ok_and(|seals| seals.contains(SEALS)) {
        return Ok(true);
    }
    Ok(fstatvfs(exe)?.f_flag.contains(StatVfsMountFlags::RDONLY))
}

fn copy(exe: &OwnedFd) -> core::result::Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Kernels before 6.3 don't know MFD_EXEC; later ones may be set to want it (memfd_create(2)).
    let copy = match memfd_create(c"mote", flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => memfd_create(c"mote", flags)?,
        result => result?,
    };
    let mut left = usize::try_from(fstat(exe)?.st_size).map_err(|_| Errno::FBIG)?;
    while left > 0 {
        match sendfile(&copy, exe, None, left)? {
            0 => return Err(Errno::IO),
            sent => left -= sent,
        }
    }
    fcntl_add_seals(&copy, SEALS)?;
    Ok(copy)
}
