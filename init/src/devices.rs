//! Device nodes and the links below /dev.

use crate::Child;
use crate::fault::{At, Call, Fault};
use crate::mounts::put_bind;
use crate::plan::{Device, Link};
use crate::rootfs::{Place, Rootfs, is_character_device, is_device, open, own, status};
use core::ffi::CStr;
use linux_raw_sys::general::S_IFMT;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, FileType, Mode, OFlags, makedev, mknodat, readlinkat_raw, symlinkat, unlinkat,
};
use rustix::io::Errno;

/// Makes one of `devices`, by mknod(2) or by binding the host's node.
pub fn make(child: &Child<'_>, rootfs: &Rootfs, device: &Device<'_>) -> Result<(), Fault> {
    if child.plan.bind_devices && is_device(device.mode) {
        return bind(child, rootfs, device);
    }
    let place = rootfs.place(device.path).at(Call::Parent)?;
    let (kind, mode) = (
        FileType::from_raw_mode(device.mode),
        Mode::from_raw_mode(device.mode & 0o7777),
    );
    match mknodat(&place.parent, place.name, kind, mode, number(device)) {
        // One that the image or a mount brought along will do if it is the same: verified below.
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(Fault::new(Call::Mknod, errno)),
    }
    let node = place.open().at(Call::Open)?;
    verify(node.as_fd(), device).at(Call::OtherFile)?;
    if device.uid | device.gid != 0 {
        own(node.as_fd(), device.uid, device.gid).at(Call::Chown)?;
    }
    Ok(())
}

fn bind(child: &Child<'_>, rootfs: &Rootfs, device: &Device<'_>) -> Result<(), Fault> {
    let source = open(device.path, OFlags::PATH).at(Call::OpenOnHost)?;
    verify(source.as_fd(), device).at(Call::OtherDevice)?;
    let target = rootfs.make_file(device.path).at(Call::MountPoint)?;
    put_bind(
        child,
        rootfs,
        source.as_fd(),
        target.as_fd(),
        device.path,
        0,
    )
    .at(Call::Bind)
}

/// What mknod(2) takes and stat(2) says: 0 for what is no device.
fn number(device: &Device<'_>) -> u64 {
    if is_device(device.mode) {
        makedev(device.major, device.minor)
    } else {
        0
    }
}

#[inline(never)]
fn verify(node: BorrowedFd<'_>, device: &Device<'_>) -> Result<(), Errno> {
    let stat = status(node)?;
    let same_number = !is_device(device.mode) || stat.st_rdev == number(device);
    if stat.st_mode & S_IFMT == device.mode & S_IFMT && same_number {
        Ok(())
    } else {
        Err(Errno::EXIST)
    }
}

/// The container's /dev/null, if it is the real one: what is bound over masked files (CVE-2025-31133).
pub fn open_null(rootfs: &Rootfs) -> Result<OwnedFd, Errno> {
    let null = rootfs.open(c"/dev/null", OFlags::PATH | OFlags::NOFOLLOW)?;
    if is_character_device(&status(null.as_fd())?, 1, 3) {
        Ok(null)
    } else {
        Err(Errno::NODEV)
    }
}

/// Makes one of `links`. One that is there already stays, but for /dev/ptmx, which must be that of our devpts.
pub fn link(rootfs: &Rootfs, link: &Link<'_>) -> Result<(), Fault> {
    let place = rootfs.place(link.path).at(Call::Parent)?;
    let make = || symlinkat(link.target, &place.parent, place.name);
    match make() {
        Err(Errno::EXIST) if link.path == c"/dev/ptmx" && !leads_to(&place, link.target) => {
            unlinkat(&place.parent, place.name, AtFlags::empty()).at(Call::Unlink)?;
            make().at(Call::Symlink)
        }
        Err(Errno::EXIST) => Ok(()),
        result => result.at(Call::Symlink),
    }
}

fn leads_to(place: &Place<'_>, target: &CStr) -> bool {
    let mut text = [0u8; 64];
    let length = readlinkat_raw(&place.parent, place.name, &mut text[..]).unwrap_or(0);
    text[..length] == *target.to_bytes()
}
