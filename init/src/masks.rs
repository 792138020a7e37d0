//! `linux.readonlyPaths` and `linux.maskedPaths`. A path is opened once, and what is found there is covered
//! through the descriptor: nothing that the image does with links can aim the mount elsewhere.

use crate::Child;
use crate::devices::open_null;
use crate::fault::{At, Call, Fault, Step};
use crate::mounts::{READONLY, put_bind, put_filesystem};
use crate::plan::FsOption;
use crate::rootfs::{Rootfs, is_dir};
use core::ffi::CStr;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;

/// Opens a path to be covered; what doesn't exist needs no cover. A file with a slash behind it does exist.
fn find(rootfs: &Rootfs, path: &CStr) -> Result<Option<OwnedFd>, Fault> {
    match rootfs.open(path, OFlags::PATH) {
        Ok(found) => Ok(Some(found)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(Fault::new(Call::Openat2, errno)),
    }
}

/// Binds each path over itself, read-only; its other attributes stay.
pub fn readonly(child: &Child<'_>, rootfs: &Rootfs) -> Result<(), Fault> {
    for path in child.each(Step::ReadonlyPath, child.plan.readonly_paths) {
        if let Some(found) = find(rootfs, path)? {
            put_bind(child, rootfs, found.as_fd(), found.as_fd(), path, READONLY).at(Call::Bind)?;
        }
    }
    Ok(())
}

/// Covers files with /dev/null and directories with an empty read-only tmpfs, the same one for all: a
/// superblock for each costs the host memory and time.
pub fn mask(child: &Child<'_>, rootfs: &Rootfs) -> Result<(), Fault> {
    let (mut null, mut empty) = (None, None);
    for path in child.each(Step::MaskedPath, child.plan.masked_paths) {
        let Some(found) = find(rootfs, path)? else {
            continue;
        };
        if is_dir(found.as_fd()).at(Call::Fstat)? {
            cover_directory(child, rootfs, &found, path, &mut empty).at(Call::MountTmpfs)?;
        } else {
            cover_file(child, rootfs, &found, path, &mut null).at(Call::BindNull)?;
        }
    }
    Ok(())
}

fn cover_file(
    child: &Child<'_>,
    rootfs: &Rootfs,
    found: &OwnedFd,
    path: &CStr,
    null: &mut Option<OwnedFd>,
) -> Result<(), Errno> {
    let null = match null {
        Some(null) => null,
        none => none.insert(open_null(rootfs)?),
    };
    put_bind(child, rootfs, null.as_fd(), found.as_fd(), path, 0)
}

fn cover_directory(
    child: &Child<'_>,
    rootfs: &Rootfs,
    found: &OwnedFd,
    path: &CStr,
    empty: &mut Option<OwnedFd>,
) -> Result<(), Errno> {
    if let Some(empty) = empty {
        return put_bind(child, rootfs, empty.as_fd(), found.as_fd(), path, READONLY);
    }
    let option = |key| FsOption {
        key,
        value: Some(c"1"),
    };
    *empty = put_filesystem(
        child,
        found.as_fd(),
        c"tmpfs",
        &[option(c"nr_blocks"), option(c"nr_inodes")],
        READONLY,
    )?;
    Ok(())
}
