//! How the container's root file system becomes `/`.

use crate::Child;
use crate::classic::remount_at;
use crate::fault::{At, Call, Fault, Step};
use crate::mounts::{READONLY, clone_tree, make_readonly, move_to};
use crate::plan::{Root, Switch};
use crate::procfs::Procfs;
use crate::rootfs::{Rootfs, open};
use crate::text::{is, put, split};
use core::ffi::CStr;
use linux_raw_sys::general::{MS_REC, MS_SHARED};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, OFlags, statfs};
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind_recursive, mount_change,
    mount_move, unmount,
};
use rustix::process::{chdir, chroot, fchdir, pivot_root};

/// f_type of the two file systems that an initramfs can be (linux/magic.h).
const INITRAMFS: [i64; 2] = [0x8584_58f6, 0x0102_1994];

/// Makes the root file system a mount of its own, cut off from the host as the plan says.
pub fn prepare(child: &Child<'_>) -> Result<Rootfs, Fault> {
    child.step(Step::Root);
    let root = &child.plan.root;
    match root.switch {
        Switch::Stay => return open_dir(c"/").map(Rootfs::new).at(Call::OpenRoot),
        Switch::Chroot => return open_dir(root.path).map(Rootfs::new).at(Call::Open),
        Switch::Pivot | Switch::Move => {}
    }
    change(c"/", root.host_propagation).at(Call::PropagationOfHost)?;
    let first = || is_first_root(child.handles.procfs);
    if root.switch == Switch::Pivot && first().at(Call::LeaveInitramfs)? {
        leave_first_root().at(Call::LeaveInitramfs)?;
    }
    if root.host_propagation & MS_SHARED != 0 {
        make_parent_private(root.path).at(Call::PropagationOfParent)?;
    }
    attach(child, root).map(Rootfs::new).at(Call::BindRoot)
}

fn attach(child: &Child<'_>, root: &Root<'_>) -> Result<OwnedFd, Errno> {
    if child.new_mount_calls() {
        let tree = clone_tree(CWD, root.path, true)?;
        move_to(tree.as_fd(), open_dir(root.path)?.as_fd())?;
        return Ok(tree);
    }
    mount_bind_recursive(root.path, root.path)?;
    open_dir(root.path)
}

fn open_dir(path: &CStr) -> Result<OwnedFd, Errno> {
    open(path, OFlags::PATH | OFlags::DIRECTORY)
}

#[inline(never)]
fn change(path: &CStr, propagation: u32) -> Result<(), Errno> {
    mount_change(path, MountPropagationFlags::from_bits_retain(propagation))
}

/// Whether `/` is the kernel's first root, which has no parent mount, so that pivot_root(2) can't replace it.
pub fn is_first_root(procfs: &Procfs) -> Result<bool, Errno> {
    #[allow(
        clippy::unnecessary_cast,
        reason = "f_type differs in width between machines"
    )]
    let kind = statfs(c"/")?.f_type as i64;
    if !INITRAMFS.contains(&kind) {
        return Ok(false);
    }
    // proc_pid_mountinfo(5): the mount's id comes first, its parent's second, the mount point fifth. What has no
    // parent is its own. The list begins at the root, or near it.
    let mut buffer = [0u8; 4096];
    let text = procfs.read(c"self/mountinfo", &mut buffer)?;
    let is_root = |line: &&[u8]| split(line, b' ').nth(4) == Some(b"/");
    let Some(line) = split(text, b'\n').find(is_root) else {
        return Ok(true);
    };
    let mut fields = split(line, b' ');
    Ok(fields.next() == fields.next())
}

/// A copy laid over the first root has a parent.
pub fn leave_first_root() -> Result<(), Errno> {
    // pivot_root(2) can't replace it either when that parent is shared, and the host may not see the copy.
    let set_apart = || change(c"/", MountPropagationFlags::PRIVATE.bits());
    if crate::sys::mount::has_new_calls() {
        let copy = clone_tree(CWD, c"/", true)?;
        set_apart()?;
        move_to(copy.as_fd(), open_dir(c"/")?.as_fd())?;
        fchdir(&copy)?;
    } else {
        set_apart()?;
        mount_bind_recursive(c"/", c"/")?;
        // A path that starts at `/` starts at the old root; `..` of it leads to what covers it.
        chdir(c"/..")?;
    }
    chroot(c".")
}

/// pivot_root(2) refuses a new root whose parent mount is shared. The parent's mount point is the nearest
/// directory above that is one.
#[inline(never)]
fn make_parent_private(path: &CStr) -> Result<(), Errno> {
    let mut text = heapless::Vec::<u8, 4097>::new();
    let mut length = path.count_bytes();
    loop {
        match change(
            put(&mut text, &[&path.to_bytes()[..length]])?,
            MountPropagationFlags::PRIVATE.bits(),
        ) {
            Err(Errno::INVAL) if length > 1 => {}
            result => return result,
        }
        length = path.to_bytes()[..length]
            .iter()
            .rposition(|&byte| byte == b'/')
            .unwrap_or(0)
            .max(1);
    }
}

/// Enters it. From here on a path from `/` is the container's.
pub fn enter(child: &Child<'_>, rootfs: &Rootfs) -> Result<(), Fault> {
    child.step(Step::Root);
    let root = &child.plan.root;
    if root.switch == Switch::Stay {
        return Ok(());
    }
    fchdir(rootfs.fd()).at(Call::Fchdir)?;
    match root.switch {
        Switch::Pivot => pivot()?,
        Switch::Move => {
            cover_views_of_the_kernel(child.handles.procfs, root.path).at(Call::CoverViews)?;
            mount_move(c".", c"/").at(Call::MoveRoot)?;
        }
        Switch::Chroot | Switch::Stay => {}
    }
    if root.switch != Switch::Pivot {
        chroot(c".").at(Call::Chroot)?;
    }
    chdir(c"/").at(Call::Chdir)?;
    if root.propagation != 0 {
        change(c"/", root.propagation).at(Call::Propagation)?;
    }
    Ok(())
}

/// With `.` for both, the old root comes to lie over the new one and is taken off (pivot_root(2), NOTES).
fn pivot() -> Result<(), Fault> {
    let old = open_dir(c"/").at(Call::OpenRoot)?;
    pivot_root(c".", c".").at(Call::PivotRoot)?;
    fchdir(&old).at(Call::Fchdir)?;
    // Taking it off must not reach the host.
    change(c".", MountPropagationFlags::DOWNSTREAM.bits() | MS_REC).at(Call::PropagationOfOld)?;
    unmount(c".", UnmountFlags::DETACH).at(Call::Umount)
}

/// `root.readonly`, the last change to the root.
pub fn make_root_readonly(child: &Child<'_>, rootfs: &Rootfs) -> Result<(), Fault> {
    if !child.plan.root.readonly {
        return Ok(());
    }
    if child.new_mount_calls() {
        make_readonly(child, rootfs.fd()).at(Call::MountSetattrReadonly)
    } else {
        remount_at(c"/", rootfs.fd(), READONLY, 0).at(Call::MountReadonly)
    }
}

/// `--no-pivot` leaves the host's tree below the container's: a procfs or sysfs there, unmasked, would still
/// satisfy the kernel when the container asks to mount one. Each is taken off, or covered where it can't be.
#[inline(never)]
fn cover_views_of_the_kernel(procfs: &Procfs, rootfs: &CStr) -> Result<(), Errno> {
    let mut buffer = [0u8; 65536];
    let text = procfs.read(c"self/mountinfo", &mut buffer)?;
    let full = text.len() == 65536;
    let mut path = heapless::Vec::<u8, 4096>::new();
    for line in split(text, b'\n') {
        // proc_pid_mountinfo(5): root and mount point come fourth and fifth, the type after a lone `-`.
        let mut fields = split(line, b' ');
        let (Some(root), Some(target)) = (fields.nth(3), fields.next()) else {
            continue;
        };
        let of_kernel = fields.any(|field| field == b"-")
            && fields
                .next()
                .is_some_and(|kind| is(kind, "proc") || is(kind, "sysfs"));
        let ours = target
            .strip_prefix(rootfs.to_bytes())
            .is_some_and(|rest| matches!(rest.first(), None | Some(b'/')));
        if of_kernel && root == b"/" && !ours {
            let Ok(path) = put(&mut path, &[target]) else {
                continue;
            };
            if unmount(path, UnmountFlags::DETACH).is_err() {
                let _ = mount(c"tmpfs", path, c"tmpfs", MountFlags::RDONLY, None);
            }
        }
    }
    if full { Err(Errno::OVERFLOW) } else { Ok(()) }
}
