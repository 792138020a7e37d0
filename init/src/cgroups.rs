//! The container's view of its cgroups, for a mount of type `cgroup` or `cgroup2`.

use crate::Child;
use crate::fault::{At, Call, Fault};
use crate::mounts::{READONLY, clone_tree, make_readonly, move_to, put_bind, put_filesystem};
use crate::plan::{FsOption, Mount};
use crate::rootfs::{Rootfs, open, open_at};
use crate::sys::mount::{Change, set_attributes};
use core::ffi::CStr;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, symlinkat};
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
pub fn attach(child: &Child<'_>, rootfs: &Rootfs, mount: &Mount<'_>) -> Result<OwnedFd, Fault> {
    // A cgroup namespace shows the place where the process stood when it made it.
    child.settled()?;
    let target = rootfs.make_dir(mount.target, 0o755).at(Call::MountPoint)?;
    let mounted = || rootfs.open(mount.target, OFlags::PATH).at(Call::Openat2);
    if let [only] = child.handles.cgroups
        && only.unified
    {
        hierarchy(child, only, rootfs, mount.target, target.as_fd(), mount.set)
            .at(Call::MountCgroup2)?;
        return mounted();
    }
    let options = [FsOption {
        key: c"mode",
        value: Some(c"755"),
    }];
    put_filesystem(
        child,
        target.as_fd(),
        c"tmpfs",
        &options,
        mount.set & !READONLY,
    )
    .at(Call::MountTmpfs)?;
    let within = Rootfs::new(mounted()?);
    for one in child.handles.cgroups.iter().filter(|one| !one.unified) {
        version_1(child, one, &within, mount.set)
            .inspect_err(|_| child.handles.channel.note(one.name.to_bytes()))
            .at(Call::MountCgroup)?;
    }
    if mount.set & READONLY != 0 {
        make_readonly(child, within.fd()).at(Call::MountSetattr)?;
    }
    mounted()
}

fn version_1(
    child: &Child<'_>,
    one: &Hierarchy<'_>,
    within: &Rootfs,
    set: u64,
) -> Result<(), Errno> {
    let parent = within.fd();
    mkdirat(parent, one.name, Mode::from_raw_mode(0o755))?;
    let dir = open_at(parent, one.name, OFlags::PATH | OFlags::NOFOLLOW)?;
    hierarchy(child, one, within, one.name, dir.as_fd(), set)?;
    // `cpu` and `cpuacct` lead to `cpu,cpuacct`.
    for name in words(one.name, &mut [0; WORDS])?.filter(|name| *name != one.name) {
        symlinkat(one.name, parent, name)?;
    }
    Ok(())
}

/// A private cgroup namespace gets a mount of its own, rooted at the container's cgroup; otherwise, or where
/// the kernel doesn't let us mount one, the container's directory is bound. `path` is the target's in `rootfs`.
fn hierarchy(
    child: &Child<'_>,
    one: &Hierarchy<'_>,
    rootfs: &Rootfs,
    path: &CStr,
    target: BorrowedFd<'_>,
    set: u64,
) -> Result<(), Errno> {
    if (child.plan.cgroup.private || one.unified) && mount(child, one, target, set).is_ok() {
        return Ok(());
    }
    if !child.new_mount_calls() {
        return put_bind(
            child,
            rootfs,
            open(one.path, OFlags::PATH)?.as_fd(),
            target,
            path,
            set,
        );
    }
    let tree = clone_tree(CWD, one.path, false)?;
    set_attributes(
        tree.as_fd(),
        false,
        Change {
            set,
            ..Default::default()
        },
    )?;
    move_to(tree.as_fd(), target)
}

/// A v1 hierarchy is named by its controllers, one flag each, or by its name.
fn mount(
    child: &Child<'_>,
    one: &Hierarchy<'_>,
    target: BorrowedFd<'_>,
    set: u64,
) -> Result<Option<OwnedFd>, Errno> {
    if one.unified {
        return put_filesystem(child, target, c"cgroup2", &[], set);
    }
    if one.option.to_bytes().starts_with(b"name=") {
        let name = FsOption {
            key: c"name",
            value: Some(one.name),
        };
        return put_filesystem(child, target, c"cgroup", &[name], set);
    }
    let mut room = [0; WORDS];
    let mut options = heapless::Vec::<FsOption<'_>, 8>::new();
    for key in words(one.option, &mut room)? {
        options
            .push(FsOption { key, value: None })
            .map_err(|_| Errno::INVAL)?;
    }
    put_filesystem(child, target, c"cgroup", &options, set)
}

/// Room for [`words`].
const WORDS: usize = 256;

/// The words of a list with commas.
fn words<'b>(
    list: &CStr,
    room: &'b mut [u8; WORDS],
) -> Result<impl Iterator<Item = &'b CStr>, Errno> {
    let bytes = list.to_bytes_with_nul();
    let text = room.get_mut(..bytes.len()).ok_or(Errno::NAMETOOLONG)?;
    for (to, byte) in text.iter_mut().zip(bytes) {
        *to = if *byte == b',' { 0 } else { *byte };
    }
    Ok(text
        .split_inclusive(|byte| *byte == 0)
        .filter_map(|word| CStr::from_bytes_with_nul(word).ok()))
}
