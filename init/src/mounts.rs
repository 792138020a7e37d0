//! `mounts`, one after the other, each attached to a descriptor of its target.

use crate::fault::{At, Call, Fault, Step};
use crate::plan::{Filesystem, FsOption, Mount, Source};
use crate::rootfs::{Rootfs, is_dir, open, status};
use crate::sys::mount::{Change, set_attributes};
use crate::text::{Digits, digits, put};
use crate::{Child, classic, copyup};
use core::ffi::CStr;
use linux_raw_sys::general::{CLONE_NEWUSER, MOUNT_ATTR__ATIME, MS_REC, MS_SHARED, MS_SLAVE};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, OFlags, PROC_SUPER_MAGIC, fstatfs};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, fsconfig_create,
    fsconfig_set_flag, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree,
};

/// Longest value that fsconfig(2) takes (fs/fsopen.c); mount(2) takes a page of options.
const FSCONFIG_VALUE_MAX: usize = 255;

/// MOUNT_ATTR_RDONLY.
pub const READONLY: u64 = linux_raw_sys::general::MOUNT_ATTR_RDONLY as u64;

/// Attaches one of `mounts`.
pub fn attach(child: &Child<'_>, rootfs: &mut Rootfs, mount: &Mount<'_>) -> Result<(), Fault> {
    let mounted = match &mount.source {
        Source::Bind { path, recursive } => bind(child, rootfs, mount, path, *recursive)?,
        Source::Filesystem(fs) => filesystem(child, rootfs, mount, fs)?,
        Source::Cgroup => crate::cgroups::attach(child, rootfs, mount)?,
        Source::Remount => {
            let target = rootfs.open(mount.target, OFlags::PATH).at(Call::Openat2)?;
            change(child, mount, target.as_fd())?;
            target
        }
    };
    for &propagation in mount.propagation {
        propagate(child, mounted.as_fd(), propagation).at(Call::PropagationOfMount)?;
    }
    if mount.target == c"/" {
        *rootfs = Rootfs::new(mounted);
    }
    Ok(())
}

fn bind(
    child: &Child<'_>,
    rootfs: &Rootfs,
    mount: &Mount<'_>,
    path: &CStr,
    recursive: bool,
) -> Result<OwnedFd, Fault> {
    let new = child.new_mount_calls();
    let source = match child.tree() {
        Some(tree) if new => {
            keep_apart(child, mount, tree).at(Call::PropagationOfMount)?;
            rustix::io::fcntl_dupfd_cloexec(tree, 3).at(Call::Dup)?
        }
        _ if new => clone_tree(CWD, path, recursive).at(Call::OpenSource)?,
        _ => open(path, OFlags::PATH).at(Call::OpenSource)?,
    };
    if mount.target == c"/proc" && fstatfs(&source).at(Call::Fstatfs)?.f_type != PROC_SUPER_MAGIC {
        return Err(Fault::new(Call::NotProcfs, Errno::INVAL));
    }
    if new {
        // While nobody sees it yet.
        change(child, mount, source.as_fd())?;
    }
    let target = target_like(rootfs, mount.target, source.as_fd()).at(Call::MountPoint)?;
    if new {
        move_to(source.as_fd(), target.as_fd())
            .map_err(|errno| as_mount_says(errno, source.as_fd(), target.as_fd()))
            .at(Call::MoveMount)?;
        return Ok(source);
    }
    classic::bind(source.as_fd(), target.as_fd(), recursive).at(Call::Mount)?;
    let mounted = reach(child, rootfs, mount.target)?;
    change(child, mount, mounted.as_fd())?;
    Ok(mounted)
}

/// A tree of the host is still a peer of the mount it was copied from, unlike what was copied in this namespace: what
/// is mounted on it here would be mounted on the host as well.
fn keep_apart(child: &Child<'_>, mount: &Mount<'_>, tree: BorrowedFd<'_>) -> Result<(), Errno> {
    let plan = child.plan;
    let apart = |propagation: &u32| propagation & MS_REC != 0 && propagation & MS_SHARED == 0;
    let shares =
        plan.root.host_propagation & MS_SHARED != 0 && plan.namespaces.new & CLONE_NEWUSER == 0;
    if shares || mount.propagation.first().is_some_and(apart) {
        return Ok(());
    }
    propagate(child, tree, MS_SLAVE | MS_REC)
}

/// A file on a directory is EINVAL to move_mount(2) and ENOTDIR to mount(2), which engines explain to their users.
#[cold]
fn as_mount_says(errno: Errno, source: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Errno {
    match errno {
        Errno::INVAL if is_dir(source) != is_dir(target) => Errno::NOTDIR,
        _ => errno,
    }
}

/// What mount(2) has just mounted. Over the root itself the root's own descriptor doesn't see it; its name on the
/// host does.
fn reach(child: &Child<'_>, rootfs: &Rootfs, target: &CStr) -> Result<OwnedFd, Fault> {
    if target == c"/" {
        open(child.plan.root.path, OFlags::PATH)
    } else {
        rootfs.open(target, OFlags::PATH)
    }
    .at(Call::Openat2)
}

fn filesystem(
    child: &Child<'_>,
    rootfs: &Rootfs,
    mount: &Mount<'_>,
    fs: &Filesystem<'_>,
) -> Result<OwnedFd, Fault> {
    let mut mode = heapless::Vec::<u8, 12>::new();
    let inherited = inherited_mode(fs, rootfs, mount.target, &mut mode).at(Call::Fstat)?;
    let target = rootfs.make_dir(mount.target, 0o755).at(Call::MountPoint)?;
    if fs.no_symlinks {
        // Whoever makes /proc or /sys a link wants the writes that rely on them to go elsewhere (CVE-2019-19921).
        rootfs
            .open_without_links(mount.target, OFlags::PATH | OFlags::DIRECTORY)
            .at(Call::NotReal)?;
    }
    let set = if mount.late_readonly {
        mount.set & !READONLY
    } else {
        mount.set
    };
    let long = fs.options.iter().any(|option| {
        option
            .value
            .is_some_and(|value| value.count_bytes() > FSCONFIG_VALUE_MAX)
    });
    let mounted = if child.new_mount_calls() && !long {
        let context = fsopen(fs.kind, FsOpenFlags::FSOPEN_CLOEXEC).at(Call::Fsopen)?;
        let tree = configure(context.as_fd(), fs, inherited.as_ref(), set)
            .inspect_err(|_| pass_on_complaint(child, context.as_fd()))
            .at(Call::Fsconfig)?;
        move_to(tree.as_fd(), target.as_fd()).at(Call::MoveMount)?;
        tree
    } else {
        classic::filesystem(target.as_fd(), fs, inherited.as_ref(), set).map_err(|errno| {
            let call = if errno == Errno::TOOBIG {
                Call::LongOptions
            } else {
                Call::Mount
            };
            Fault::new(call, errno)
        })?;
        reach(child, rootfs, mount.target)?
    };
    if fs.copy_up {
        copyup::copy(target.as_fd(), mounted.as_fd()).at(Call::Tmpcopyup)?;
    }
    change_recursively(mount, mounted.as_fd())?;
    Ok(mounted)
}

/// A tmpfs without a `mode` option gets that of the directory it covers, if there is one already, as runc's users expect.
fn inherited_mode<'b>(
    fs: &Filesystem<'_>,
    rootfs: &Rootfs,
    target: &CStr,
    text: &'b mut heapless::VecView<u8>,
) -> Result<Option<FsOption<'b>>, Errno> {
    if fs.kind != c"tmpfs" || fs.options.iter().any(|option| option.key == c"mode") {
        return Ok(None);
    }
    let Ok(target) = rootfs.open(target, OFlags::PATH) else {
        return Ok(None);
    };
    let mode = status(target.as_fd())?.st_mode & 0o7777;
    let value = put(text, &[digits(&mut Digits::default(), mode.into(), 8)])?;
    Ok(Some(FsOption {
        key: c"mode",
        value: Some(value),
    }))
}

/// Makes the file system and its first mount, attached to nothing yet.
fn configure(
    context: BorrowedFd<'_>,
    fs: &Filesystem<'_>,
    more: Option<&FsOption<'_>>,
    set: u64,
) -> Result<OwnedFd, Errno> {
    let source = FsOption {
        key: c"source",
        value: Some(fs.source),
    };
    let source = Some(&source).filter(|_| !fs.source.is_empty());
    for flag in fs.flags {
        fsconfig_set_flag(context, *flag)?;
    }
    for option in source.into_iter().chain(fs.options).chain(more) {
        match option.value {
            Some(value) => fsconfig_set_string(context, option.key, value),
            None => fsconfig_set_flag(context, option.key),
        }?;
    }
    fsconfig_create(context)?;
    fsmount(
        context,
        FsMountFlags::FSMOUNT_CLOEXEC,
        MountAttrFlags::from_bits_retain(set as u32),
    )
}

/// Tells what the file system itself has to say of an error: the descriptor of fsopen(2) is also its log.
#[cold]
fn pass_on_complaint(child: &Child<'_>, context: BorrowedFd<'_>) {
    let mut text = [0u8; crate::fault::NOTE];
    let length = rustix::io::read(context, &mut text[..]).unwrap_or(0);
    // A line is a severity, a blank and the text.
    if let Some(line) = text[..length].get(2..) {
        child.handles.channel.note(line.trim_ascii_end());
    }
}

/// A copy of a mount, or of a whole tree of them, attached to nothing.
#[inline(never)]
pub fn clone_tree(dir: BorrowedFd<'_>, path: &CStr, recursive: bool) -> Result<OwnedFd, Errno> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    if path.is_empty() {
        flags |= OpenTreeFlags::AT_EMPTY_PATH;
    }
    if recursive {
        flags |= OpenTreeFlags::AT_RECURSIVE;
    }
    open_tree(dir, path, flags)
}

/// Attaches a detached tree to what `target` is open on.
#[inline(never)]
pub fn move_to(tree: BorrowedFd<'_>, target: BorrowedFd<'_>) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, c"", target, c"", flags)
}

/// The target, made to be a directory or a file as the source is where it is missing.
pub fn target_like(
    rootfs: &Rootfs,
    target: &CStr,
    source: BorrowedFd<'_>,
) -> Result<OwnedFd, Errno> {
    if is_dir(source)? {
        rootfs.make_dir(target, 0o755)
    } else {
        rootfs.make_file(target)
    }
}

/// Applies the options of an existing mount.
fn change(child: &Child<'_>, mount: &Mount<'_>, on: BorrowedFd<'_>) -> Result<(), Fault> {
    let (set, clear) = (mount.set, atime_cleared(mount.set, mount.clear));
    if set | clear != 0 {
        if child.new_mount_calls() {
            set_attributes(
                on,
                false,
                Change {
                    set,
                    clear,
                    propagation: 0,
                },
            )
            .at(Call::MountSetattr)?;
        } else {
            classic::remount(on, set, clear).at(Call::Remount)?;
        }
    }
    change_recursively(mount, on)
}

fn change_recursively(mount: &Mount<'_>, on: BorrowedFd<'_>) -> Result<(), Fault> {
    let (set, clear) = (
        mount.set_recursive,
        atime_cleared(mount.set_recursive, mount.clear_recursive),
    );
    if set | clear == 0 {
        return Ok(());
    }
    set_attributes(
        on,
        true,
        Change {
            set,
            clear,
            propagation: 0,
        },
    )
    .at(Call::MountSetattrTree)
}

/// The access time modes are one field: the kernel wants all its bits cleared when one is set.
fn atime_cleared(set: u64, clear: u64) -> u64 {
    let atime = u64::from(MOUNT_ATTR__ATIME);
    if (set | clear) & atime != 0 {
        clear | atime
    } else {
        clear
    }
}

/// Sets a mount's propagation; with `MS_REC` that of the whole tree.
pub fn propagate(child: &Child<'_>, mount: BorrowedFd<'_>, propagation: u32) -> Result<(), Errno> {
    let recursive = propagation & MS_REC != 0;
    if child.new_mount_calls() {
        set_attributes(
            mount,
            recursive,
            Change {
                propagation: propagation & !MS_REC,
                ..Change::default()
            },
        )
    } else {
        classic::propagate(mount, propagation)
    }
}

/// Makes read-only, at the end, what had to be written to before.
pub fn late_readonly(child: &Child<'_>, rootfs: &Rootfs) -> Result<(), Fault> {
    for mount in child
        .each(Step::Mount, child.plan.mounts)
        .filter(|mount| mount.late_readonly)
    {
        let target = rootfs.open(mount.target, OFlags::PATH).at(Call::Openat2)?;
        make_readonly(child, target.as_fd()).at(Call::MountSetattr)?;
    }
    Ok(())
}

/// Sets the read-only flag of one mount and leaves the others.
pub fn make_readonly(child: &Child<'_>, mount: BorrowedFd<'_>) -> Result<(), Errno> {
    if child.new_mount_calls() {
        set_attributes(
            mount,
            false,
            Change {
                set: READONLY,
                ..Change::default()
            },
        )
    } else {
        classic::remount(mount, READONLY, 0)
    }
}

/// Mounts a small file system of mote's own choice on a target.
pub fn put_filesystem(
    child: &Child<'_>,
    target: BorrowedFd<'_>,
    kind: &CStr,
    options: &[FsOption<'_>],
    set: u64,
) -> Result<Option<OwnedFd>, Errno> {
    let fs = Filesystem {
        kind,
        source: kind,
        flags: &[],
        options,
        copy_up: false,
        no_symlinks: false,
    };
    if !child.new_mount_calls() {
        return classic::filesystem(target, &fs, None, set).map(|()| None);
    }
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    let tree = configure(context.as_fd(), &fs, None, set)?;
    move_to(tree.as_fd(), target)?;
    Ok(Some(tree))
}

/// Binds what one descriptor is open on over what another is, with more attributes set. `path` is where the
/// target is in the root: mount(2) needs the name to reach what it has just mounted.
pub fn put_bind(
    child: &Child<'_>,
    rootfs: &Rootfs,
    source: BorrowedFd<'_>,
    target: BorrowedFd<'_>,
    path: &CStr,
    set: u64,
) -> Result<(), Errno> {
    if child.new_mount_calls() {
        let tree = clone_tree(source, c"", true)?;
        if set != 0 {
            set_attributes(
                tree.as_fd(),
                false,
                Change {
                    set,
                    ..Change::default()
                },
            )?;
        }
        return move_to(tree.as_fd(), target);
    }
    classic::bind(source, target, true)?;
    if set == 0 {
        return Ok(());
    }
    let mounted = rootfs.open(path, OFlags::PATH)?;
    let (put, found) = (status(source)?, status(mounted.as_fd())?);
    if (put.st_dev, put.st_ino) != (found.st_dev, found.st_ino) {
        // Somebody has changed the path meanwhile.
        return Err(Errno::STALE);
    }
    classic::remount(mounted.as_fd(), set, 0)
}
