//! `tmpcopyup`: fills a new tmpfs with what the directory below it holds.

use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, Stat, Timespec, Timestamps, fchmod, fstat, futimens, mkdirat, mknodat,
    openat, readlinkat_raw, sendfile, symlinkat,
};
use rustix::io::Errno;

/// Deepest directory that is copied; each level has its buffers on the stack.
const DEPTH_MAX: u32 = 64;

/// Copies all below `from` to `to`, with owners, permissions and times.
pub fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), Errno> {
    directory(from, to, DEPTH_MAX)
}

fn directory(from: BorrowedFd<'_>, to: BorrowedFd<'_>, depth: u32) -> Result<(), Errno> {
    let depth = depth.checked_sub(1).ok_or(Errno::LOOP)?;
    let read = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let from = openat(from, c".", read, Mode::empty())?;
    let mut buffer = [core::mem::MaybeUninit::<u8>::uninit(); 2048];
    let mut entries = RawDir::new(&from, &mut buffer);
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            one(from.as_fd(), to, name, depth)?;
        }
    }
    Ok(())
}

fn one(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &core::ffi::CStr, depth: u32) -> Result<(), Errno> {
    let path = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let source = openat(from, name, path, Mode::empty())?;
    let stat = fstat(&source)?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            mkdirat(to, name, mode)?;
            let copy = openat(to, name, OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
            directory(source.as_fd(), copy.as_fd(), depth)?;
            finish(&copy, &stat)
        }
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let source = openat(from, name, flags, Mode::empty())?;
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let copy = openat(to, name, flags, Mode::from_raw_mode(0o600))?;
            while sendfile(&copy, &source, None, 1 << 30)? > 0 {}
            finish(&copy, &stat)
        }
        FileType::Symlink => {
            let mut text = [0u8; 4096];
            let length = readlinkat_raw(&source, c"", &mut text[..4095])?;
            let text = core::ffi::CStr::from_bytes_until_nul(&text[..=length]).map_err(|_| Errno::INVAL)?;
            symlinkat(text, to, name)?;
            owned(to, name, &stat)
        }
        kind => {
            mknodat(to, name, kind, mode, stat.st_rdev)?;
            owned(to, name, &stat)
        }
    }
}

fn owned(dir: BorrowedFd<'_>, name: &core::ffi::CStr, stat: &Stat) -> Result<(), Errno> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
    rustix::fs::chownat(dir, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
}

/// The owner before the permissions: chown(2) clears set-user-ID bits.
fn finish(copy: &OwnedFd, stat: &Stat) -> Result<(), Errno> {
    let (uid, gid) = (rustix::fs::Uid::from_raw(stat.st_uid), rustix::fs::Gid::from_raw(stat.st_gid));
    rustix::fs::fchown(copy, Some(uid), Some(gid))?;
    fchmod(copy, Mode::from_raw_mode(stat.st_mode & 0o7777))?;
    let time = |secs: i64, nanos: u64| Timespec { tv_sec: secs, tv_nsec: nanos as _ };
    futimens(
        copy,
        &Timestamps {
            last_access: time(stat.st_atime as i64, stat.st_atime_nsec as u64),
            last_modification: time(stat.st_mtime as i64, stat.st_mtime_nsec as u64),
        },
    )
}
