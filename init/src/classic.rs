//! mount(2) for kernels before 5.12 and sandboxes that deny the new calls. The target is named by its
//! descriptor's entry in the host's /proc, which the container doesn't control; all of it happens before
//! pivot_root(2), while that /proc is still there.

use crate::plan::{Filesystem, FsOption};
use crate::procfs::fd_path;
use crate::text::append;
use core::ffi::CStr;
use heapless::VecView;
use linux_raw_sys::general as raw;
use rustix::fd::BorrowedFd;
use rustix::fs::fstatvfs;
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount as mount2, mount_change, mount_remount,
};

/// Each attribute of a mount and mount(2)'s flag for it.
const FLAGS: [(u32, u32); 8] = [
    (raw::MOUNT_ATTR_RDONLY, raw::MS_RDONLY),
    (raw::MOUNT_ATTR_NOSUID, raw::MS_NOSUID),
    (raw::MOUNT_ATTR_NODEV, raw::MS_NODEV),
    (raw::MOUNT_ATTR_NOEXEC, raw::MS_NOEXEC),
    (raw::MOUNT_ATTR_NOATIME, raw::MS_NOATIME),
    (raw::MOUNT_ATTR_STRICTATIME, raw::MS_STRICTATIME),
    (raw::MOUNT_ATTR_NODIRATIME, raw::MS_NODIRATIME),
    // Kernel 5.10.
    (raw::MOUNT_ATTR_NOSYMFOLLOW, raw::MS_NOSYMFOLLOW),
];

/// Flags that statfs(2) shows with the values that mount(2) takes,
const SAME: u32 = raw::MS_RDONLY
    | raw::MS_NOSUID
    | raw::MS_NODEV
    | raw::MS_NOEXEC
    | raw::MS_NOATIME
    | raw::MS_NODIRATIME;
/// and those with values of their own: ST_RELATIME and ST_NOSYMFOLLOW (linux/statfs.h).
const SHOWN: [(u32, u32); 2] = [(0x1000, raw::MS_RELATIME), (0x2000, raw::MS_NOSYMFOLLOW)];

/// Flags of a superblock by the names that fsconfig(2) has for them.
const SUPERBLOCK: [(&CStr, u32); 5] = [
    (c"sync", raw::MS_SYNCHRONOUS),
    (c"dirsync", raw::MS_DIRSYNC),
    (c"lazytime", raw::MS_LAZYTIME),
    (c"mand", raw::MS_MANDLOCK),
    (c"iversion", raw::MS_I_VERSION),
];

#[inline(never)]
fn flags_of(set: u64) -> MountFlags {
    let given = FLAGS.iter().filter(|(bit, _)| set & u64::from(*bit) != 0);
    MountFlags::from_bits_retain(given.fold(0, |all, (_, flag)| all | flag))
}

/// Binds one open file or directory to another.
pub fn bind(source: BorrowedFd<'_>, target: BorrowedFd<'_>, recursive: bool) -> Result<(), Errno> {
    let flags = if recursive {
        MountFlags::BIND | MountFlags::REC
    } else {
        MountFlags::BIND
    };
    mount2(
        fd_path(source).as_c_str(),
        fd_path(target).as_c_str(),
        c"",
        flags,
        None,
    )
}

/// A new file system on what `target` is open on. `TOOBIG` if its options are longer than mount(2) takes: a page.
pub fn filesystem(
    target: BorrowedFd<'_>,
    fs: &Filesystem<'_>,
    more: Option<&FsOption<'_>>,
    set: u64,
) -> Result<(), Errno> {
    let mut data = heapless::Vec::<u8, 4096>::new();
    let data = join(&mut data, fs.options, more).map_err(|_| Errno::TOOBIG)?;
    let mut flags = flags_of(set);
    for (_, flag) in SUPERBLOCK
        .iter()
        .filter(|(name, _)| fs.flags.contains(name))
    {
        flags |= MountFlags::from_bits_retain(*flag);
    }
    mount2(
        fs.source,
        fd_path(target).as_c_str(),
        fs.kind,
        flags,
        Some(data),
    )
}

fn join<'b>(
    data: &'b mut VecView<u8>,
    options: &[FsOption<'_>],
    more: Option<&FsOption<'_>>,
) -> Result<&'b CStr, Errno> {
    for option in options.iter().chain(more) {
        let (comma, equals) = (!data.is_empty(), option.value.is_some());
        let value = option.value.unwrap_or_default().to_bytes();
        let (comma, equals) = (&b","[..usize::from(comma)], &b"="[..usize::from(equals)]);
        append(data, &[comma, option.key.to_bytes(), equals, value])?;
    }
    append(data, &[b"\0"])?;
    CStr::from_bytes_with_nul(data).map_err(|_| Errno::INVAL)
}

/// Changes attributes of one mount. mount(2) sets them all at once, so the present ones are read first; that
/// also keeps those which a user namespace may not clear.
pub fn remount(mount: BorrowedFd<'_>, set: u64, clear: u64) -> Result<(), Errno> {
    remount_at(fd_path(mount).as_c_str(), mount, set, clear)
}

/// The same with the name that mount(2) shall use for it.
pub fn remount_at(path: &CStr, mount: BorrowedFd<'_>, set: u64, clear: u64) -> Result<(), Errno> {
    let present = fstatvfs(mount)?.f_flag;
    let mut flags = MountFlags::from_bits_retain(present.bits() as u32 & SAME);
    for (_, flag) in SHOWN
        .iter()
        .filter(|(shown, _)| present.bits() as u32 & shown != 0)
    {
        flags |= MountFlags::from_bits_retain(*flag);
    }
    flags &= !flags_of(clear);
    if set & u64::from(raw::MOUNT_ATTR__ATIME) != 0 {
        flags &= !(MountFlags::NOATIME | MountFlags::RELATIME | MountFlags::STRICTATIME);
    }
    mount_remount(path, flags | flags_of(set) | MountFlags::BIND, c"")
}

/// Sets propagation by mount(2)'s own flags.
pub fn propagate(mount: BorrowedFd<'_>, propagation: u32) -> Result<(), Errno> {
    mount_change(
        fd_path(mount).as_c_str(),
        MountPropagationFlags::from_bits_retain(propagation),
    )
}
