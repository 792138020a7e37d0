//! The container's terminal and its standard input, output and error.

use crate::Child;
use crate::fault::{At, Fault, Step};
use crate::mounts::put_bind;
use crate::plan::Switch;
use crate::rootfs::Rootfs;
use crate::sys::process::{duplicate_to, standard_streams};
use core::mem::MaybeUninit;
use linux_raw_sys::general::{S_IFCHR, S_IFMT};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Gid, Mode, OFlags, Uid, fchown, fstat, fstatfs, makedev, openat};
use rustix::io::{Errno, IoSlice};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::pty::{OpenptFlags, ioctl_tiocgptpeer, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// f_type of devpts (linux/magic.h) and the inode of its multiplexer (fs/devpts/inode.c).
const DEVPTS_SUPER_MAGIC: u32 = 0x1cd1;
const PTMX_INODE: u64 = 2;

/// Makes a pseudo-terminal of the container's devpts, hands its master to the socket, and returns its slave.
pub fn open(child: &Child<'_>, rootfs: &Rootfs) -> Result<Option<OwnedFd>, Fault> {
    if !child.plan.process.terminal {
        return Ok(None);
    }
    let master = open_multiplexer(rootfs).at(Step::Console, 0, &"/dev/pts/ptmx (is a devpts mounted on /dev/pts?)")?;
    unlockpt(&master).at(Step::Console, 0, &"unlockpt")?;
    // By the descriptor, not by a name below /dev/pts that may be swapped (CVE-2025-52565).
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = ioctl_tiocgptpeer(&master, flags).at(Step::Console, 0, &"TIOCGPTPEER")?;
    if let (rows @ 1.., columns @ 1..) = child.plan.process.size {
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&master, size).at(Step::Console, 0, &"TIOCSWINSZ")?;
    }
    if child.plan.root.switch != Switch::Stay {
        bind_console(child, rootfs, &slave).at(Step::Console, 0, &"bind over /dev/console")?;
    }
    if let Some(socket) = child.handles.console {
        send_master(socket, master.as_fd()).at(Step::Console, 0, &"sending the master to the console socket")?;
    }
    Ok(Some(slave))
}

fn open_multiplexer(rootfs: &Rootfs) -> Result<OwnedFd, Errno> {
    let master = rootfs.open(c"/dev/pts/ptmx", OFlags::RDWR | OFlags::NOCTTY)?;
    let stat = fstat(&master)?;
    #[allow(clippy::unnecessary_cast, reason = "f_type differs in width between machines")]
    let devpts = fstatfs(&master)?.f_type as u32 == DEVPTS_SUPER_MAGIC && stat.st_ino == PTMX_INODE;
    let node = stat.st_mode & S_IFMT == S_IFCHR && stat.st_rdev == makedev(5, 2);
    if devpts && node { Ok(master) } else { Err(Errno::NODEV) }
}

fn bind_console(child: &Child<'_>, rootfs: &Rootfs, slave: &OwnedFd) -> Result<(), Errno> {
    let place = rootfs.place(c"/dev/console")?;
    let make = OFlags::CREATE | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let console = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = match openat(&place.parent, place.name, console, Mode::empty()) {
        Err(Errno::NOENT) => {
            drop(openat(&place.parent, place.name, make, Mode::from_raw_mode(0o666))?);
            openat(&place.parent, place.name, console, Mode::empty())?
        }
        result => result?,
    };
    if rustix::fs::FileType::from_raw_mode(fstat(&target)?.st_mode) == rustix::fs::FileType::Symlink {
        return Err(Errno::LOOP);
    }
    put_bind(child, rootfs, slave.as_fd(), target.as_fd(), c"/dev/console", 0)
}

fn send_master(socket: BorrowedFd<'_>, master: BorrowedFd<'_>) -> Result<(), Errno> {
    let fds = [master];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    sendmsg(socket, &[IoSlice::new(b"/dev/pts/ptmx")], &mut control, SendFlags::NOSIGNAL).map(drop)
}

/// Puts the slave, or what the parent prepared, on descriptors 0 to 2, and makes the slave the controlling
/// terminal of the session that this process leads.
pub fn settle(child: &Child<'_>, slave: Option<OwnedFd>) -> Result<(), Fault> {
    let put = |fd: BorrowedFd<'_>, number| duplicate_to(fd, number, false).at(Step::Stdio, 0, &"dup3");
    if let Some(slave) = &slave {
        rustix::process::ioctl_tiocsctty(slave).at(Step::Console, 0, &"TIOCSCTTY")?;
        for number in 0..3 {
            put(slave.as_fd(), number)?;
        }
    } else if let Some(stdio) = &child.handles.stdio {
        for (fd, number) in stdio.iter().zip(0..) {
            put(fd.as_fd(), number)?;
        }
    }
    give_to_user(child)
}

/// The user must be able to open /dev/stdin and its like again.
fn give_to_user(child: &Child<'_>) -> Result<(), Fault> {
    let uid = child.plan.process.uid;
    for fd in standard_streams() {
        // A caller may have closed it.
        let Ok(stat) = fstat(fd) else { continue };
        let null = stat.st_mode & S_IFMT == S_IFCHR && stat.st_rdev == makedev(1, 3);
        if null || stat.st_uid == uid {
            continue;
        }
        match fchown(fd, Some(Uid::from_raw(uid)), Some(Gid::from_raw(stat.st_gid))) {
            // Not ours to give away (an unmapped owner, a read-only file system): it stays usable as it is.
            Ok(()) | Err(Errno::PERM | Errno::ROFS | Errno::INVAL | Errno::NOSYS) => {}
            Err(errno) => return Err(Fault::new(Step::Stdio, 0, &"fchown", errno)),
        }
    }
    Ok(())
}
