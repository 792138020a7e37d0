//! Small files of a cgroup filesystem, by directory descriptor and relative path.

use crate::files;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Mode, OFlags, mkdirat, unlinkat};
use rustix::io::{self, Errno};
use std::ffi::CString;

/// Opens one file; a cgroup file is never a symbolic link, so none is followed.
#[inline(never)]
pub fn open(dir: BorrowedFd<'_>, path: &str, access: OFlags) -> Result<OwnedFd, Errno> {
    files::open_at(dir, path, access | OFlags::NOFOLLOW, 0)
}

/// A directory that can be listed and started from.
pub fn open_dir(dir: BorrowedFd<'_>, path: &str) -> Result<OwnedFd, Errno> {
    open(dir, path, OFlags::RDONLY | OFlags::DIRECTORY)
}

/// Everything in the file, which must be UTF-8 (EILSEQ otherwise).
#[inline(never)]
pub fn read(dir: BorrowedFd<'_>, path: &str) -> Result<String, Errno> {
    let bytes = files::rest(open(dir, path, OFlags::RDONLY)?.as_fd())?;
    String::from_utf8(bytes).map_err(|_| Errno::ILSEQ)
}

/// One write, as the kernel's parsers of these files want it.
#[inline(never)]
pub fn write(dir: BorrowedFd<'_>, path: &str, text: &str) -> Result<(), Errno> {
    put(&open(dir, path, OFlags::WRONLY)?, text)
}

/// The same into a file that is open already.
#[inline(never)]
pub fn put(file: &OwnedFd, text: &str) -> Result<(), Errno> {
    io::retry_on_intr(|| io::write(file, text.as_bytes())).map(drop)
}

/// Makes one cgroup.
#[inline(never)]
pub fn make(dir: BorrowedFd<'_>, path: &str) -> Result<(), Errno> {
    mkdirat(dir, c_string(path)?, Mode::from_raw_mode(0o755))
}

/// A path for the kernel; one copy of the code for all.
#[inline(never)]
pub fn c_string(path: &str) -> Result<CString, Errno> {
    CString::new(path).map_err(|_| Errno::INVAL)
}

/// Removes one cgroup.
#[inline(never)]
pub fn remove(dir: BorrowedFd<'_>, path: &str) -> Result<(), Errno> {
    unlinkat(dir, c_string(path)?, AtFlags::REMOVEDIR)
}

/// What an object that is on its way out, or gone, answers.
pub fn gone(errno: Errno) -> bool {
    matches!(errno, Errno::NOENT | Errno::NODEV)
}

/// The same for a whole step, which then was not needed.
pub fn unless_gone(done: Result<(), Errno>) -> Result<(), Errno> {
    match done {
        Err(errno) if gone(errno) => Ok(()),
        done => done,
    }
}

/// What someone without the right to change cgroups is told (promise of `--rootless`).
pub fn forbidden(errno: Errno) -> bool {
    matches!(errno, Errno::ACCESS | Errno::PERM | Errno::ROFS)
}

/// Sleeps for `micros` and doubles it, but not beyond `most`.
#[inline(never)]
pub fn pause(micros: &mut u64, most: u64) {
    init::sys::time::pause(*micros as u32);
    *micros = (*micros * 2).min(most);
}
