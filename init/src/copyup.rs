//! `tmpcopyup`: fills a new tmpfs with what the directory below it holds.

use crate::rootfs::{create_at, open_at, own_at, status};
use core::ffi::CStr;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, RawDir, Timespec, Timestamps, fchmod, mkdirat, mknodat,
    readlinkat_raw, sendfile, symlinkat, utimensat,
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
    let from = open_at(from, c".", OFlags::RDONLY | OFlags::DIRECTORY)?;
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

#[inline(never)]
fn one(from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, depth: u32) -> Result<(), Errno> {
    let source = open_at(from, name, OFlags::PATH | OFlags::NOFOLLOW)?;
    let stat = status(source.as_fd())?;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    let read = OFlags::RDONLY | OFlags::NOFOLLOW;
    let mut copy = None;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            mkdirat(to, name, mode)?;
            let to = copy.insert(open_at(to, name, read)?);
            directory(source.as_fd(), to.as_fd(), depth)?;
        }
        FileType::RegularFile => {
            // Whoever shares the directory may have put something else there since: not to be waited for, nor read.
            let source = open_at(from, name, read | OFlags::NONBLOCK)?;
            if FileType::from_raw_mode(status(source.as_fd())?.st_mode) != FileType::RegularFile {
                return Err(Errno::AGAIN);
            }
            let to = copy.insert(create_at(to, name, OFlags::EXCL, 0o600)?);
            while sendfile(&*to, &source, None, 1 << 30)? > 0 {}
        }
        FileType::Symlink => {
            // One byte less than there is, for the NUL.
            let mut text = [0u8; 4096];
            readlinkat_raw(&source, c"", &mut text[..4095])?;
            symlinkat(
                CStr::from_bytes_until_nul(&text).unwrap_or_default(),
                to,
                name,
            )?;
        }
        kind => mknodat(to, name, kind, mode, stat.st_rdev)?,
    }
    own_at(to, name, stat.st_uid, stat.st_gid)?;
    // The owner before the permissions: chown(2) clears set-user-ID bits.
    if let Some(copy) = &copy {
        fchmod(copy, mode)?;
    }
    #[allow(
        clippy::unnecessary_cast,
        reason = "the fields of a Stat differ between machines"
    )]
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: stat.st_atime as i64,
            tv_nsec: stat.st_atime_nsec as i64,
        },
        last_modification: Timespec {
            tv_sec: stat.st_mtime as i64,
            tv_nsec: stat.st_mtime_nsec as i64,
        },
    };
    utimensat(to, name, &times, AtFlags::SYMLINK_NOFOLLOW)
}
