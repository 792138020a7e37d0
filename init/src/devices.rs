//! Device nodes and the links below /dev.

use crate::Child;
use crate::fault::{At, Fault, Step};
use crate::mounts::put_bind;
use crate::plan::{Device, Link};
use crate::rootfs::{Rootfs, own};
use core::ffi::CStr;
use linux_raw_sys::general::{S_IFBLK, S_IFCHR, S_IFMT};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, makedev, mknodat, open, openat, readlinkat_raw, symlinkat, unlinkat};
use rustix::io::Errno;

/// Makes `devices[item]`, by mknod(2) or by binding the host's node.
pub fn make(child: &Child<'_>, rootfs: &Rootfs, item: usize, device: &Device<'_>) -> Result<(), Fault> {
    let is_node = matches!(device.mode & S_IFMT, S_IFCHR | S_IFBLK);
    if child.plan.bind_devices && is_node {
        return bind(child, rootfs, item, device);
    }
    let place = rootfs.place(device.path).at(Step::Device, item, &"parent directory")?;
    let number = if is_node { makedev(device.major, device.minor) } else { 0 };
    let kind = FileType::from_raw_mode(device.mode);
    match mknodat(&place.parent, place.name, kind, Mode::from_raw_mode(device.mode & 0o7777), number) {
        // One that the image or a mount brought along will do if it is the same: verified below.
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(Fault::new(Step::Device, item, &"mknod", errno)),
    }
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let node = openat(&place.parent, place.name, flags, Mode::empty()).at(Step::Device, item, &"open")?;
    verify(node.as_fd(), device).at(Step::Device, item, &"another file is there")?;
    if device.uid | device.gid != 0 {
        own(node.as_fd(), device.uid, device.gid).at(Step::Device, item, &"chown")?;
    }
    Ok(())
}

fn bind(child: &Child<'_>, rootfs: &Rootfs, item: usize, device: &Device<'_>) -> Result<(), Fault> {
    let source = open(device.path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).at(Step::Device, item, &"open on the host")?;
    verify(source.as_fd(), device).at(Step::Device, item, &"another device is there on the host")?;
    let target = rootfs.make_file(device.path).at(Step::Device, item, &"mount point")?;
    put_bind(child, rootfs, source.as_fd(), target.as_fd(), device.path, 0).at(Step::Device, item, &"bind")
}

fn verify(node: BorrowedFd<'_>, device: &Device<'_>) -> Result<(), Errno> {
    let stat = fstat(node)?;
    let same_kind = stat.st_mode & S_IFMT == device.mode & S_IFMT;
    let is_node = matches!(device.mode & S_IFMT, S_IFCHR | S_IFBLK);
    let same_number = !is_node || stat.st_rdev == makedev(device.major, device.minor);
    if same_kind && same_number { Ok(()) } else { Err(Errno::EXIST) }
}

/// The container's /dev/null, if it is the real one: what is bound over masked files (CVE-2025-31133).
pub fn open_null(rootfs: &Rootfs) -> Result<OwnedFd, Errno> {
    let null = rootfs.open(c"/dev/null", OFlags::PATH | OFlags::NOFOLLOW)?;
    let stat = fstat(&null)?;
    let real = stat.st_mode & S_IFMT == S_IFCHR && stat.st_rdev == makedev(1, 3);
    if real { Ok(null) } else { Err(Errno::NODEV) }
}

/// Makes `links[item]`. One that is there already stays, but for /dev/ptmx, which must be that of our devpts.
pub fn link(rootfs: &Rootfs, item: usize, link: &Link<'_>) -> Result<(), Fault> {
    let place = rootfs.place(link.path).at(Step::Link, item, &"parent directory")?;
    match symlinkat(link.target, &place.parent, place.name) {
        Err(Errno::EXIST) if link.path == c"/dev/ptmx" && !leads_to(&place, link.target) => {
            unlinkat(&place.parent, place.name, AtFlags::empty()).at(Step::Link, item, &"unlink")?;
            symlinkat(link.target, &place.parent, place.name).at(Step::Link, item, &"symlink")
        }
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(errno) => Err(Fault::new(Step::Link, item, &"symlink", errno)),
    }
}

fn leads_to(place: &crate::rootfs::Place<'_>, target: &CStr) -> bool {
    let mut text = [0u8; 64];
    let length = readlinkat_raw(&place.parent, place.name, &mut text[..]).unwrap_or(0);
    text[..length] == *target.to_bytes()
}
