//! mount(2) for kernels before 5.12 and sandboxes that deny the new calls. The target is named by its
//! descriptor's entry in the host's /proc, which the container doesn't control; all of it happens before
//! pivot_root(2), while that /proc is still there.

use crate::Child;
use crate::copyup;
use crate::fault::{At, Fault};
use crate::mounts::{Place, READONLY};
use crate::plan::{Filesystem, FsOption, Mount};
use crate::procfs::fd_path;
use crate::rootfs::Rootfs;
use core::ffi::CStr;
use linux_raw_sys::general as raw;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, PROC_SUPER_MAGIC, StatVfsMountFlags, fstatfs, fstatvfs, openat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount as mount2, mount_bind, mount_bind_recursive, mount_change, mount_remount};

/// Each attribute of a mount and mount(2)'s flag for it.
const FLAGS: [(u64, MountFlags); 8] = [
    (raw::MOUNT_ATTR_RDONLY as u64, MountFlags::RDONLY),
    (raw::MOUNT_ATTR_NOSUID as u64, MountFlags::NOSUID),
    (raw::MOUNT_ATTR_NODEV as u64, MountFlags::NODEV),
    (raw::MOUNT_ATTR_NOEXEC as u64, MountFlags::NOEXEC),
    (raw::MOUNT_ATTR_NOATIME as u64, MountFlags::NOATIME),
    (raw::MOUNT_ATTR_STRICTATIME as u64, MountFlags::STRICTATIME),
    (raw::MOUNT_ATTR_NODIRATIME as u64, MountFlags::NODIRATIME),
    (raw::MOUNT_ATTR_NOSYMFOLLOW as u64, NOSYMFOLLOW),
];

/// Kernel 5.10.
const NOSYMFOLLOW: MountFlags = MountFlags::from_bits_retain(raw::MS_NOSYMFOLLOW);

fn flags_of(set: u64) -> MountFlags {
    FLAGS.iter().filter(|(bit, _)| set & bit != 0).fold(MountFlags::empty(), |all, (_, flag)| all | *flag)
}

/// A bind mount; the descriptor of its root.
pub fn bind(
    child: &Child<'_>, rootfs: &Rootfs, place: &Place, mount: &Mount<'_>, path: &CStr, recursive: bool,
) -> Result<OwnedFd, Fault> {
    let Place { step, item } = *place;
    let source = openat(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())
        .at(step, item, &"open of the source")?;
    if mount.target == c"/proc" && fstatfs(&source).at(step, item, &"fstatfs")?.f_type != PROC_SUPER_MAGIC {
        return Err(Fault::new(step, item, &"only a procfs may be bound to /proc", Errno::INVAL));
    }
    let target = crate::mounts::target_like(rootfs, mount.target, source.as_fd()).at(step, item, &"mount point")?;
    bind_to(source.as_fd(), target.as_fd(), recursive).at(step, item, &"mount")?;
    let mounted = reach(child, rootfs, mount.target).at(step, item, &"openat2")?;
    if mount.set | mount.clear != 0 {
        remount(mounted.as_fd(), mount.set, mount.clear).at(step, item, &"mount (remount)")?;
    }
    no_recursion(place, mount)?;
    Ok(mounted)
}

/// What was just mounted. Over the root itself the root's own descriptor doesn't see it; its name on the host does.
fn reach(child: &Child<'_>, rootfs: &Rootfs, target: &CStr) -> Result<OwnedFd, Errno> {
    if target == c"/" {
        return openat(CWD, child.plan.root.path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty());
    }
    rootfs.open(target, OFlags::PATH)
}

/// Binds one open file or directory to another.
pub fn bind_to(source: BorrowedFd<'_>, target: BorrowedFd<'_>, recursive: bool) -> Result<(), Errno> {
    let (source, target) = (fd_path(source), fd_path(target));
    if recursive {
        mount_bind_recursive(source.as_c_str(), target.as_c_str())
    } else {
        mount_bind(source.as_c_str(), target.as_c_str())
    }
}

/// A new file system; the descriptor of its root.
pub fn filesystem(
    child: &Child<'_>, rootfs: &Rootfs, place: &Place, mount: &Mount<'_>, fs: &Filesystem<'_>,
    more: Option<FsOption<'_>>, target: OwnedFd,
) -> Result<OwnedFd, Fault> {
    let Place { step, item } = *place;
    let mut data = heapless::Vec::<u8, 4096>::new();
    let joined = join(&mut data, fs.options.iter().chain(more.as_ref())).ok_or(Errno::NAMETOOLONG);
    let data = joined.at(step, item, &"the options are longer than a page")?;
    let set = if mount.late_readonly { mount.set & !READONLY } else { mount.set };
    let mut flags = flags_of(set);
    for flag in fs.flags {
        flags |= match flag.to_bytes() {
            b"sync" => MountFlags::SYNCHRONOUS,
            b"dirsync" => MountFlags::DIRSYNC,
            b"lazytime" => MountFlags::from_bits_retain(raw::MS_LAZYTIME),
            b"mand" => MountFlags::PERMIT_MANDATORY_FILE_LOCKING,
            b"iversion" => MountFlags::from_bits_retain(raw::MS_I_VERSION),
            _ => MountFlags::empty(),
        };
    }
    let made = mount2(fs.source, fd_path(target.as_fd()).as_c_str(), fs.kind, flags, Some(data));
    made.at(step, item, &"mount")?;
    let mounted = reach(child, rootfs, mount.target).at(step, item, &"openat2")?;
    if fs.copy_up {
        copyup::copy(target.as_fd(), mounted.as_fd()).at(step, item, &"tmpcopyup")?;
    }
    no_recursion(place, mount)?;
    Ok(mounted)
}

fn join<'a, 'b>(
    data: &'b mut heapless::Vec<u8, 4096>, options: impl Iterator<Item = &'a FsOption<'a>>,
) -> Option<&'b CStr> {
    for option in options {
        if !data.is_empty() {
            data.push(b',').ok()?;
        }
        data.extend_from_slice(option.key.to_bytes()).ok()?;
        if let Some(value) = option.value {
            data.push(b'=').ok()?;
            data.extend_from_slice(value.to_bytes()).ok()?;
        }
    }
    data.push(0).ok()?;
    CStr::from_bytes_until_nul(data).ok()
}

fn no_recursion(place: &Place, mount: &Mount<'_>) -> Result<(), Fault> {
    if mount.set_recursive | mount.clear_recursive == 0 {
        return Ok(());
    }
    Err(Fault::new(place.step, place.item, &"recursive options need mount_setattr", Errno::NOSYS))
}

/// Changes attributes of one mount. mount(2) sets them all at once, so the present ones are read first; that
/// also keeps those which a user namespace may not clear.
pub fn remount(mount: BorrowedFd<'_>, set: u64, clear: u64) -> Result<(), Errno> {
    remount_at(fd_path(mount).as_c_str(), mount, set, clear)
}

/// The same with the name that mount(2) shall use for it.
pub fn remount_at(path: &CStr, mount: BorrowedFd<'_>, set: u64, clear: u64) -> Result<(), Errno> {
    let present = fstatvfs(mount)?.f_flag;
    const SEEN: [(StatVfsMountFlags, MountFlags); 8] = [
        (StatVfsMountFlags::RDONLY, MountFlags::RDONLY),
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
        // ST_NOSYMFOLLOW (linux/statfs.h).
        (StatVfsMountFlags::from_bits_retain(0x2000), NOSYMFOLLOW),
    ];
    let present = SEEN.iter().filter(|(bit, _)| present.contains(*bit));
    let mut flags = present.fold(MountFlags::empty(), |all, (_, flag)| all | *flag);
    flags &= !flags_of(clear);
    if set & u64::from(raw::MOUNT_ATTR__ATIME) != 0 {
        flags &= !(MountFlags::NOATIME | MountFlags::RELATIME | MountFlags::STRICTATIME);
    }
    flags |= flags_of(set) | MountFlags::BIND;
    mount_remount(path, flags, c"")
}

/// Sets propagation by mount(2)'s own flags.
pub fn propagate(mount: BorrowedFd<'_>, propagation: u32) -> Result<(), Errno> {
    mount_change(fd_path(mount).as_c_str(), MountPropagationFlags::from_bits_retain(propagation))
}

/// A file system of mote's own choice.
pub fn put_filesystem(
    target: BorrowedFd<'_>, kind: &CStr, options: &[FsOption<'_>], set: u64,
) -> Result<(), Errno> {
    let mut data = heapless::Vec::<u8, 4096>::new();
    let data = join(&mut data, options.iter()).ok_or(Errno::NAMETOOLONG)?;
    mount2(kind, fd_path(target).as_c_str(), kind, flags_of(set), Some(data))
}
