//! What process 1 does to a machine that nobody else has set up, and how it leaves it.

use crate::procfs::Procfs;
use crate::say::Console;
use crate::supervise::End;
use crate::switch;
use crate::sys::clone::{Clone, clone};
use crate::sys::exec::{Vector, execve};
use crate::sys::process::{duplicate_to, exit, set_namespaces, standard_streams, unshare};
use crate::sys::signal::{self, Set};
use crate::sys::start::environment_vector;
use crate::sys::time::pause;
use crate::sys::{arena::Arena, net};
use crate::text::{put, split};
use core::ffi::CStr;
use linux_raw_sys::general::{CLONE_FS, CLONE_NEWNS, CLONE_NEWUSER};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, mkdir, open, stat, symlink, sync};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount, mount_remount};
use rustix::process::{
    Signal, WaitIdOptions, WaitOptions, ioctl_tiocsctty, pidfd_send_signal, setsid, wait,
};
use rustix::system::{RebootCommand, reboot, sethostname};

/// The inode of the machine's first pid namespace (PROC_PID_INIT_INO, linux/proc_ns.h).
const FIRST_PIDS: u64 = 0xEFFF_FFFC;

/// A file system that has its place.
struct MountPoint {
    target: &'static CStr,
    /// What is on the same file system as the target as long as nothing is mounted there.
    above: &'static CStr,
    kind: &'static CStr,
    flags: MountFlags,
    options: &'static CStr,
}

const NO_SUID: MountFlags = MountFlags::NOSUID;
const NO_DEV: MountFlags = NO_SUID.union(MountFlags::NODEV);
const NO_EXEC: MountFlags = NO_DEV.union(MountFlags::NOEXEC);

/// All of them, in order.
#[rustfmt::skip]
const MOUNTS: [MountPoint; 7] = [
    MountPoint { target: c"/dev", above: c"/", kind: c"devtmpfs", flags: NO_SUID, options: c"mode=0755" },
    MountPoint { target: c"/proc", above: c"/", kind: c"proc", flags: NO_EXEC, options: c"" },
    MountPoint { target: c"/sys", above: c"/", kind: c"sysfs", flags: NO_EXEC, options: c"" },
    MountPoint { target: c"/run", above: c"/", kind: c"tmpfs", flags: NO_DEV, options: c"mode=0755" },
    MountPoint { target: c"/dev/pts", above: c"/dev", kind: c"devpts", flags: NO_SUID.union(MountFlags::NOEXEC),
        options: c"mode=0620,ptmxmode=0666,gid=5" },
    MountPoint { target: c"/dev/shm", above: c"/dev", kind: c"tmpfs", flags: NO_DEV, options: c"mode=1777" },
    MountPoint { target: c"/sys/fs/cgroup", above: c"/sys", kind: c"cgroup2", flags: NO_EXEC, options: c"nsdelegate" },
];

/// What /dev has beside devices: link and text.
const LINKS: [(&CStr, &CStr); 4] = [
    (c"/dev/fd", c"/proc/self/fd"),
    (c"/dev/stdin", c"/proc/self/fd/0"),
    (c"/dev/stdout", c"/proc/self/fd/1"),
    (c"/dev/stderr", c"/proc/self/fd/2"),
];

/// Where a console may be, best first. The kernel's own follows its `console=`; what is written to kmsg comes there, too.
const CONSOLES: [&CStr; 4] = [c"/dev/console", c"/dev/ttyS0", c"/dev/kmsg", c"/dev/null"];

impl MountPoint {
    fn is_absent(&self) -> bool {
        let device = |path| stat(path).map(|stat| stat.st_dev);
        match device(self.target) {
            Ok(found) => Ok(found) == device(self.above),
            Err(_) => true,
        }
    }

    fn mount(&self) -> Result<(), Errno> {
        let _ = mkdir(self.target, Mode::from_raw_mode(0o755));
        mount(
            self.kind,
            self.target,
            self.kind,
            self.flags,
            Some(self.options),
        )
    }
}

/// Mounts what is missing, and calls `failed` with what can't be. `v1` asks for cgroups v1 where there is a choice.
pub fn mount_missing(v1: bool, failed: &mut dyn FnMut(&'static CStr, Errno)) {
    for point in MOUNTS.iter().filter(|point| point.is_absent()) {
        let unified = point.kind == c"cgroup2";
        let mounted = match point.mount() {
            Ok(()) if unified && v1 => mount_v1(point),
            Err(_) if unified => mount_v1(point),
            result => result,
        };
        mounted.unwrap_or_else(|errno| failed(point.target, errno));
    }
    for (link, text) in &LINKS {
        let _ = symlink(*text, *link);
    }
}

/// A directory for each controller of cgroups v1.
fn mount_v1(point: &MountPoint) -> Result<(), Errno> {
    let _ = rustix::mount::unmount(point.target, rustix::mount::UnmountFlags::DETACH);
    mount(
        c"tmpfs",
        point.target,
        c"tmpfs",
        NO_EXEC,
        Some(c"mode=0755"),
    )?;
    let mut buffer = [0u8; 4096];
    let table = Procfs::open()?;
    let table = table.read(c"cgroups", &mut buffer)?;
    let (mut path, mut option) = (
        heapless::Vec::<u8, 128>::new(),
        heapless::Vec::<u8, 64>::new(),
    );
    let mut result = Err(Errno::NODEV);
    // A line has the name, the hierarchy, the number of cgroups, and whether it is enabled; the first is a heading.
    for line in split(table, b'\n').skip(1) {
        let mut fields = split(line, b'\t');
        let (Some(name), Some(b"1")) = (fields.next(), fields.nth(2)) else {
            continue;
        };
        let path = put(&mut path, &[point.target.to_bytes(), b"/", name])?;
        let _ = mkdir(path, Mode::from_raw_mode(0o755));
        let mounted = mount(
            c"cgroup",
            path,
            c"cgroup",
            point.flags,
            Some(put(&mut option, &[name])?),
        );
        result = mounted.or(result);
    }
    result
}

/// Makes sure that there are standard streams: the kernel gives none to /init where the initramfs has no /dev/console.
pub fn open_console() -> Result<(), Errno> {
    let null = stat(c"/dev/null").map(|stat| stat.st_rdev);
    let [_, _, stderr] = standard_streams();
    let usable = rustix::fs::fstat(stderr).is_ok_and(|stat| Ok(stat.st_rdev) != null);
    if usable {
        return Ok(());
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let opened = CONSOLES
        .iter()
        .map(|path| open(*path, flags, Mode::empty()))
        .find(Result::is_ok)
        .unwrap_or(Err(Errno::NODEV))?;
    for number in 0..3 {
        duplicate_to(opened.as_fd(), number, false)?;
    }
    // Where all three were closed it has one of their numbers itself.
    if rustix::fd::AsRawFd::as_raw_fd(&opened) < 3 {
        core::mem::forget(opened);
    }
    Ok(())
}

/// A descriptor of standard error for lines of our own. As process 1's it never blocks.
pub fn stderr(first: bool) -> Result<OwnedFd, Errno> {
    let nonblocking = if first {
        OFlags::NONBLOCK
    } else {
        OFlags::empty()
    };
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOCTTY | OFlags::CLOEXEC;
    open(c"/proc/self/fd/2", flags | nonblocking, Mode::empty())
        .or_else(|_| rustix::io::fcntl_dupfd_cloexec(standard_streams()[2], 3))
}

/// Leaves the kernel's first root, if this is on it, for one that no container can take off.
///
/// The first root can't be replaced, so in every mount namespace it lies below all else, and a container that may
/// unmount its own root would come to it. So a copy is laid over it, as pivot_root(2) needs, and locked: what a mount
/// namespace inherits from one of another user namespace can't be unmounted (mount_namespaces(7)), and pivot_root
/// hands the lock on to the new root. The way there is a process in a user namespace of its own, whose mount
/// namespace this process enters; the namespace it makes then is the machine's own again, and nothing that is mounted
/// later is locked.
pub fn leave_initramfs() -> Result<(), Errno> {
    if !switch::is_first_root(&Procfs::open()?)? {
        return Ok(());
    }
    // The kernel's threads share the root and working directory of the process that it makes the first of
    // (kernel_init, init/main.c), and such a process can't change its mount namespace. They stay where they are.
    unshare(CLONE_FS)?;
    switch::leave_first_root()?;
    let (ours, theirs) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
    match clone(u64::from(CLONE_NEWUSER | CLONE_NEWNS), None)? {
        Clone::Child => {
            drop(theirs);
            let _ = rustix::io::read(&ours, &mut [0u8][..]);
            exit(0)
        }
        Clone::Parent(_, other) => {
            let entered =
                set_namespaces(other.as_fd(), CLONE_NEWNS).and_then(|()| unshare(CLONE_NEWNS));
            let _ = pidfd_send_signal(&other, Signal::KILL);
            let _ = crate::sys::process::wait(other.as_fd(), WaitIdOptions::EXITED);
            entered
        }
    }
}

/// Whether this is process 1 of the machine, not only of a pid namespace.
pub fn is_own() -> bool {
    rustix::process::getpid().is_init()
        && stat(c"/proc/self/ns/pid").is_ok_and(|stat| stat.st_ino == FIRST_PIDS)
}

/// Loopback, the host's name if it has none yet or it is given, and ctrl-alt-del, which becomes SIGINT.
pub fn settle(console: &Console, name: Option<&[u8]>) {
    if let Err(errno) = net::loopback_up() {
        console.failed(b"loopback", b"lo", errno);
    }
    let mut buffer = [0u8; 65];
    let unnamed = rustix::system::uname().nodename() == c"(none)";
    let name = name.or_else(|| {
        let file = open(
            c"/etc/hostname",
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .ok()?;
        let length = rustix::io::read(file, &mut buffer).ok()?;
        split(&buffer[..length], b'\n').next().filter(|_| unnamed)
    });
    if let Some(name) = name
        && let Err(errno) = sethostname(name)
    {
        console.failed(b"host name", name, errno);
    }
    // Refused where this is not the machine's first process.
    let _ = reboot(RebootCommand::CadOff);
}

/// Runs a shell on the console until it ends, and reaps meanwhile.
pub fn shell(console: &Console, path: &CStr, mask: Set) {
    console.say(&[
        b"rescue shell ",
        path.to_bytes(),
        b"; the machine goes on when it ends",
    ]);
    match clone(0, None) {
        Ok(Clone::Child) => {
            let _ = setsid();
            let _ = open(CONSOLES[0], OFlags::RDWR, Mode::empty()).map(|terminal| {
                let _ = ioctl_tiocsctty(&terminal);
                [0, 1, 2].map(|number| duplicate_to(terminal.as_fd(), number, false))
            });
            let _ = signal::default_all().and_then(|()| signal::set_mask(mask));
            let words = Arena::new(4096);
            let words = words.as_ref().map_err(|errno| *errno);
            let words =
                words.and_then(|arena| Vector::new(arena, 1, &mut Some(path).into_iter(), 0));
            let errno = match words {
                Ok(words) => execve(path, &words, &environment_vector()),
                Err(errno) => errno,
            };
            console.failed(b"rescue shell", path.to_bytes(), errno);
            exit(127)
        }
        Ok(Clone::Parent(pid, _)) => loop {
            match wait(WaitOptions::empty()) {
                Ok(Some((ended, _))) if ended == pid => return,
                Err(Errno::CHILD) => return,
                _ => {}
            }
        },
        Err(errno) => console.failed(b"rescue shell", path.to_bytes(), errno),
    }
}

/// Ends the machine. `status` is what its containers came to.
pub fn end(console: &Console, end: End, status: u8) -> ! {
    let (word, command) = match end {
        End::Reboot => (&b"rebooting"[..], RebootCommand::Restart),
        End::Halt => (&b"halting"[..], RebootCommand::Halt),
        End::PowerOff | End::Shell => (&b"powering off"[..], RebootCommand::PowerOff),
    };
    // Whatever is left, but for process 1 itself.
    let _ = crate::sys::process::kill_all();
    sync();
    let _ = mount_remount(c"/", MountFlags::RDONLY, c"");
    let mut room = crate::text::Digits::default();
    let status = crate::text::digits(&mut room, status.into(), 10);
    console.say(&[word, b", status ", status]);
    if let Err(errno) = reboot(command) {
        console.failed(b"reboot", word, errno);
    }
    // The last line of defence against the panic that the end of process 1 is.
    loop {
        let _ = wait(WaitOptions::empty());
        pause(1_000_000);
    }
}
