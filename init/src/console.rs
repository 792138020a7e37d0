//! The container's terminal and its standard input, output and error.

use crate::Child;
use crate::fault::{At, Call, Fault, Step};
use crate::mounts::put_bind;
use crate::plan::Switch;
use crate::rootfs::{Rootfs, is_character_device, kind, own, status};
use crate::sys::process::{duplicate_to, standard_streams};
use crate::sys::rights;
use linux_raw_sys::general::S_IFLNK;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{OFlags, fstatfs};
use rustix::io::Errno;
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
    child.step(Step::Console);
    let master = open_multiplexer(rootfs).at(Call::Ptmx)?;
    unlockpt(&master).at(Call::Unlockpt)?;
    // By the descriptor, not by a name below /dev/pts that may be swapped (CVE-2025-52565).
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let slave = ioctl_tiocgptpeer(&master, flags).at(Call::Slave)?;
    if let (rows @ 1.., columns @ 1..) = child.plan.process.size {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).at(Call::SetSize)?;
    }
    if child.plan.root.switch != Switch::Stay {
        bind_console(child, rootfs, &slave).at(Call::BindConsole)?;
    }
    if let Some(socket) = child.handles.console {
        rights::send(socket, b"/dev/pts/ptmx", &[master.as_fd()]).at(Call::SendMaster)?;
    }
    Ok(Some(slave))
}

fn open_multiplexer(rootfs: &Rootfs) -> Result<OwnedFd, Errno> {
    let master = rootfs.open(c"/dev/pts/ptmx", OFlags::RDWR | OFlags::NOCTTY)?;
    let stat = status(master.as_fd())?;
    #[allow(
        clippy::unnecessary_cast,
        reason = "f_type differs in width between machines"
    )]
    let devpts = fstatfs(&master)?.f_type as u32 == DEVPTS_SUPER_MAGIC && stat.st_ino == PTMX_INODE;
    if devpts && is_character_device(&stat, 5, 2) {
        Ok(master)
    } else {
        Err(Errno::NODEV)
    }
}

fn bind_console(child: &Child<'_>, rootfs: &Rootfs, slave: &OwnedFd) -> Result<(), Errno> {
    let place = rootfs.place(c"/dev/console")?;
    let target = match place.open() {
        Err(Errno::NOENT) => place.make(0o666),
        result => result,
    }?;
    if kind(target.as_fd())? == S_IFLNK {
        return Err(Errno::LOOP);
    }
    put_bind(
        child,
        rootfs,
        slave.as_fd(),
        target.as_fd(),
        c"/dev/console",
        0,
    )
}

/// Puts the slave, or what the parent prepared, on descriptors 0 to 2, and makes the slave the controlling
/// terminal of the session that this process leads.
pub fn settle(child: &Child<'_>, slave: Option<OwnedFd>) -> Result<(), Fault> {
    if let Some(slave) = &slave {
        child.step(Step::Console);
        rustix::process::ioctl_tiocsctty(slave).at(Call::SetControl)?;
    }
    child.step(Step::Stdio);
    for number in 0..3 {
        let prepared = child.handles.stdio.as_ref().map(|stdio| &stdio[number]);
        if let Some(fd) = slave.as_ref().or(prepared) {
            duplicate_to(fd.as_fd(), number as i32, false).at(Call::Dup3)?;
        }
    }
    give_to_user(child)
}

/// The user must be able to open /dev/stdin and its like again.
fn give_to_user(child: &Child<'_>) -> Result<(), Fault> {
    let uid = child.plan.process.uid;
    for fd in standard_streams() {
        // A caller may have closed it.
        let Ok(stat) = status(fd) else { continue };
        if is_character_device(&stat, 1, 3) || stat.st_uid == uid {
            continue;
        }
        match own(fd, uid, stat.st_gid) {
            // Not ours to give away (an unmapped owner, a read-only file system): it stays usable as it is.
            Ok(()) | Err(Errno::PERM | Errno::ROFS | Errno::INVAL | Errno::NOSYS) => {}
            Err(errno) => return Err(Fault::new(Call::Fchown, errno)),
        }
    }
    Ok(())
}
