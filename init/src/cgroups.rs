//! The container's view of its cgroups, for a mount of type `cgroup` or `cgroup2`.

use crate::Child;
use crate::fault::{At, Fault};
use crate::mounts::{Place, READONLY, clone_tree, make_readonly, move_to, put_bind, put_filesystem};
use crate::plan::{FsOption, Mount};
use crate::rootfs::Rootfs;
use core::ffi::CStr;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, symlinkat};
use rustix::io::Errno;

/// One hierarchy, as the host found it.
#[derive(Clone, Copy, Debug)]
pub struct Hierarchy<'a> {
    /// Its directory's name by convention: `cpu,cpuacct`, `systemd`.
    pub name: &'a CStr,
    /// The mount option that names it: `cpu,cpuacct`, `name=systemd`.
    pub option: &'a CStr,
    /// Whether it is cgroup v2.
    pub unified: bool,
    /// The container's own directory in the host's view.
    pub path: &'a CStr,
}

/// Attaches cgroup2, or a directory with one v1 hierarchy each.
pub fn attach(child: &Child<'_>, rootfs: &Rootfs, place: &Place, mount: &Mount<'_>) -> Result<OwnedFd, Fault> {
    // A cgroup namespace shows the place where the process stood when it made it.
    child.settled()?;
    let Place { step, item } = *place;
    let target = rootfs.make_dir(mount.target, 0o755).at(step, item, &"mount point")?;
    if let [only] = child.handles.cgroups
        && only.unified
    {
        hierarchy(child, only, rootfs, mount.target, target.as_fd(), mount.set).at(step, item, &"mounting cgroup2")?;
        return rootfs.open(mount.target, OFlags::PATH).at(step, item, &"openat2");
    }
    let options = [FsOption { key: c"mode", value: Some(c"755") }];
    put_filesystem(child, target.as_fd(), c"tmpfs", &options, mount.set & !READONLY).at(step, item, &"mounting tmpfs")?;
    let mounted = rootfs.open(mount.target, OFlags::PATH).at(step, item, &"openat2")?;
    let within = Rootfs::new(mounted);
    for one in child.handles.cgroups.iter().filter(|one| !one.unified) {
        version_1(child, one, &within, mount.set)
            .inspect_err(|_| child.handles.channel.note(one.name.to_bytes()))
            .at(step, item, &"mounting cgroup")?;
    }
    if mount.set & READONLY != 0 {
        make_readonly(child, within.fd()).at(step, item, &"mount_setattr")?;
    }
    rootfs.open(mount.target, OFlags::PATH).at(step, item, &"openat2")
}

fn version_1(child: &Child<'_>, one: &Hierarchy<'_>, within: &Rootfs, set: u64) -> Result<(), Errno> {
    let parent = within.fd();
    mkdirat(parent, one.name, Mode::from_raw_mode(0o755))?;
    let dir = openat(parent, one.name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    hierarchy(child, one, within, one.name, dir.as_fd(), set)?;
    let names = one.name.to_bytes();
    if names.contains(&b',') {
        for name in names.split(|&byte| byte == b',') {
            symlinkat(one.name, parent, name)?;
        }
    }
    Ok(())
}

/// A private cgroup namespace gets a mount of its own, rooted at the container's cgroup; otherwise, or where
/// the kernel doesn't let us mount one, the container's directory is bound. `path` is the target's in `rootfs`.
fn hierarchy(
    child: &Child<'_>, one: &Hierarchy<'_>, rootfs: &Rootfs, path: &CStr, target: BorrowedFd<'_>, set: u64,
) -> Result<(), Errno> {
    if child.plan.cgroup.private || one.unified {
        let (key, value) = match one.option.to_bytes().strip_prefix(b"name=") {
            Some(_) => (c"name", Some(one.name)),
            None => (one.option, None),
        };
        let by_name = value.map(|_| FsOption { key, value });
        let result = match (one.unified, by_name) {
            (true, _) => put_filesystem(child, target, c"cgroup2", &[], set),
            (false, Some(option)) => put_filesystem(child, target, c"cgroup", &[option], set),
            (false, None) => controllers(child, target, one.option, set),
        };
        if result.is_ok() {
            return Ok(());
        }
    }
    if !child.new_mount_calls() {
        let source = rustix::fs::open(one.path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
        return put_bind(child, rootfs, source.as_fd(), target, path, set);
    }
    let tree = clone_tree(CWD, one.path, false)?;
    crate::sys::mount::set_attributes(tree.as_fd(), false, crate::sys::mount::Change { set, ..Default::default() })?;
    move_to(tree.as_fd(), target)
}

/// A v1 hierarchy is named by its controllers, one flag each.
fn controllers(child: &Child<'_>, target: BorrowedFd<'_>, list: &CStr, set: u64) -> Result<Option<OwnedFd>, Errno> {
    let mut names = [[0u8; 32]; 8];
    let mut options = heapless::Vec::<FsOption<'_>, 8>::new();
    let parts = list.to_bytes().split(|&byte| byte == b',');
    for (part, name) in parts.zip(names.iter_mut()) {
        name.get_mut(..part.len()).filter(|room| room.len() < 32).ok_or(Errno::NAMETOOLONG)?.copy_from_slice(part);
        let key = CStr::from_bytes_until_nul(&name[..]).map_err(|_| Errno::INVAL)?;
        options.push(FsOption { key, value: None }).map_err(|_| Errno::INVAL)?;
    }
    put_filesystem(child, target, c"cgroup", &options, set)
}
