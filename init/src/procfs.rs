//! The host's procfs, opened and checked before anything of the container exists, for every read and write
//! below /proc. What the container mounts over its own /proc can't lead these writes astray (CVE-2019-16884,
//! CVE-2025-52881): they go through this descriptor, may not leave its mount, and follow no magic link.
//! `self` in it means the calling process, in whatever namespaces it is by then.

use crate::rootfs::{open, open_at, open_beneath, status};
use crate::text::{Digits, digits, put};
use core::ffi::CStr;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{OFlags, PROC_SUPER_MAGIC, ResolveFlags, fstatfs};
use rustix::io::{Errno, read, write};

/// The root inode of every procfs (PROC_ROOT_INO, linux/proc_fs.h).
const PROC_ROOT_INO: u64 = 1;

/// See the module.
#[derive(Debug)]
pub struct Procfs {
    root: OwnedFd,
}

impl Procfs {
    /// Opens /proc, or mounts a private one where the host has none yet.
    pub fn open() -> Result<Procfs, Errno> {
        let root = open(c"/proc", OFlags::PATH | OFlags::DIRECTORY)
            .and_then(verified)
            .or_else(|_| private())?;
        Ok(Procfs { root })
    }

    /// The root directory.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Opens a file such as `self/attr/exec`.
    #[inline(never)]
    pub fn file(&self, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS;
        match open_beneath(self.fd(), path, flags, resolve) {
            Err(Errno::NOSYS | Errno::PERM) => {
                // Without openat2(2): the path may still not have left procfs.
                let file = open_at(self.fd(), path, flags)?;
                let same = status(file.as_fd())?.st_dev == status(self.fd())?.st_dev;
                if same { Ok(file) } else { Err(Errno::XDEV) }
            }
            result => result,
        }
    }

    /// Writes a value in one call, as the files of /proc want it.
    pub fn write(&self, path: &CStr, value: &[u8]) -> Result<(), Errno> {
        let file = self.file(path, OFlags::WRONLY)?;
        if write(&file, value)? == value.len() {
            Ok(())
        } else {
            Err(Errno::IO)
        }
    }

    /// Reads up to the buffer's length.
    pub fn read<'b>(&self, path: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        let file = self.file(path, OFlags::RDONLY)?;
        let mut length = 0;
        while length < buffer.len() {
            match read(&file, &mut buffer[length..])? {
                0 => break,
                more => length += more,
            }
        }
        Ok(&buffer[..length])
    }
}

/// The descriptor, if it is the root of a procfs and not of what was put in its place.
fn verified(root: OwnedFd) -> Result<OwnedFd, Errno> {
    let real =
        fstatfs(&root)?.f_type == PROC_SUPER_MAGIC && status(root.as_fd())?.st_ino == PROC_ROOT_INO;
    if real { Ok(root) } else { Err(Errno::NOENT) }
}

/// A procfs that is mounted nowhere.
fn private() -> Result<OwnedFd, Errno> {
    use rustix::mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen,
    };
    let context = fsopen(c"proc", FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_create(context.as_fd())?;
    fsmount(
        context.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::empty(),
    )
}

/// `/proc/self/fd/N` in a buffer of its own.
#[derive(Debug)]
pub struct FdPath {
    text: heapless::Vec<u8, 40>,
}

impl FdPath {
    /// The path.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_with_nul(&self.text).unwrap_or(c"")
    }
}

/// The name that an open file has in the host's /proc.
#[inline(never)]
pub fn fd_path(fd: BorrowedFd<'_>) -> FdPath {
    let mut text = heapless::Vec::new();
    // 14 characters, at most 10 digits and the NUL fit.
    let _ = put(
        &mut text,
        &[
            b"/proc/self/fd/",
            digits(&mut Digits::default(), fd.as_raw_fd() as u64, 10),
        ],
    );
    FdPath { text }
}
