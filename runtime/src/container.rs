//! A container's directory, `ROOT/ID`, and what can be told of the container from it and the kernel.
//!
//! - `state.json`: what was decided before anything was made; written once, so a mote that is killed at any
//!   later line leaves enough for `delete --force`.
//! - `config.json`: the document as it was at `create`; later changes in the bundle have no effect (runtime.md).
//! - `init`: a symbolic link whose text is the first process's pid and start time: made, read and removed in
//!   one system call each.
//! - `start`: the socket where `start` says "go"; it is there as long as the container is only created.
//! - `end`: how it ended, if somebody watches; see [`crate::ending`].
//! - `notify/`: the socket that stands for systemd's, if there is one.
//!
//! The status is always derived: no file says "running". The directory itself is what commands lock.

use crate::cgroup::Group;
use crate::ending;
use crate::error::{Error, Result, lossy};
use crate::files;
use crate::host::of_process;
use crate::json::{Layout, Writer};
use crate::rdt::Rdt;
use crate::text::{c, decimal, fill, is_name, number, split};
use core::ffi::CStr;
use init::procfs::Procfs;
use init::sys::time::{milliseconds, pause};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, chmodat, flock, mkdirat, open,
    readlinkat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with,
};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::cell::Cell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Longest id: it is the name of a directory (NAME_MAX, linux/limits.h).
const ID_MAX: usize = 255;
/// How many milliseconds a command waits for another one's lock.
const PATIENCE: i64 = 10_000;

/// Checks an id by runc's rule.
pub fn id(text: Option<&OsStr>) -> Result<&str> {
    let refuse = |why: &str| {
        Error::fill_bytes(
            packed!("container id \"{}\": {}"),
            &[text.unwrap_or_default().as_bytes(), why.as_bytes()],
        )
    };
    let id = text
        .and_then(OsStr::to_str)
        .ok_or_else(|| refuse("must be text"))?;
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_+.-".contains(&byte);
    if !is_name(id.as_bytes()) || !id.bytes().all(legal) {
        return Err(refuse(
            "must be letters, digits, `_`, `+`, `.` or `-`, and neither `.` nor `..`",
        ));
    }
    if id.len() > ID_MAX {
        return Err(Error::new(packed!(
            "container id: too long, 255 characters may be"
        )));
    }
    Ok(id)
}

/// `ROOT/ID`, open.
#[derive(Debug)]
pub struct Dir {
    fd: OwnedFd,
    /// Where it is.
    pub path: PathBuf,
    /// Whether the lock is this command's.
    locked: Cell<bool>,
}

impl Dir {
    /// Makes the directory and locks it.
    pub fn create(root: &Path, id: &str) -> Result<Dir> {
        let path = root.join(id);
        match mkdirat(CWD, &*files::c_path(&path), Mode::from_raw_mode(0o711)) {
            Ok(()) => {}
            Err(Errno::EXIST) => {
                return Err(Error::fill(
                    packed!("container with given ID already exists: {}; `delete {}` removes it"),
                    &[id, id],
                ));
            }
            Err(errno) => {
                return Err(Error::of(
                    "state directory",
                    path.as_os_str().as_bytes(),
                    errno,
                ));
            }
        }
        let dir = Dir::open(root, id)?.ok_or_else(|| {
            Error::of("state directory", path.as_os_str().as_bytes(), Errno::NOENT)
        })?;
        dir.lock(0)?;
        Ok(dir)
    }

    /// Opens the directory of a container that there is.
    pub fn open(root: &Path, id: &str) -> Result<Option<Dir>> {
        let path = root.join(id);
        match open(&*files::c_path(&path), DIRECTORY, Mode::empty()) {
            Ok(fd) => Ok(Some(Dir {
                fd,
                path,
                locked: Cell::new(false),
            })),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(Error::of(
                "state directory",
                path.as_os_str().as_bytes(),
                errno,
            )),
        }
    }

    /// Takes the lock that changes need, waiting for another command that has it. It ends with the process.
    pub fn lock(&self, patience: i64) -> Result<()> {
        let start = milliseconds();
        loop {
            match flock(&self.fd, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    self.locked.set(true);
                    return Ok(());
                }
                Err(Errno::AGAIN) if milliseconds() - start < patience => pause(10_000),
                Err(Errno::AGAIN) => {
                    return Err(Error::fill_bytes(
                        packed!("{}: another mote command is at work on this container"),
                        &[self.path.as_os_str().as_bytes()],
                    ));
                }
                Err(errno) => return Err(self.failed("", errno)),
            }
        }
    }

    /// Gives the lock back: the container is ready for other commands.
    pub fn unlock(&self) {
        let _ = flock(&self.fd, FlockOperation::Unlock);
        self.locked.set(false);
    }

    /// Takes the lock again, unless another command has removed the directory meanwhile.
    pub fn lock_if_there(&self) -> bool {
        self.lock(PATIENCE).is_ok()
            && rustix::fs::fstat(&self.fd).is_ok_and(|stat| stat.st_nlink > 0)
    }

    /// Whether another command has the lock; asking changes a lock of one's own.
    fn is_locked(&self) -> bool {
        !self.locked.get()
            && flock(&self.fd, FlockOperation::NonBlockingLockShared) == Err(Errno::AGAIN)
    }

    /// Writes a file, once. Whoever reads it before it is whole finds no document, which counts as no file.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        files::open_at(self.fd.as_fd(), name, flags, 0o600)
            .and_then(|file| files::write_all(file.as_fd(), content))
            .map_err(|errno| self.failed(name, errno))
    }

    #[cold]
    fn failed(&self, name: &str, errno: Errno) -> Error {
        Error::fill_bytes(
            packed!("{}/{}"),
            &[self.path.as_os_str().as_bytes(), name.as_bytes()],
        )
        .with(errno)
    }

    /// Reads a file; none if there is none.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>> {
        match files::read_at(self.fd.as_fd(), name) {
            Ok(content) => Ok(Some(content)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.failed(name, errno)),
        }
    }

    /// Records the first process.
    pub fn set_init(&self, init: Init) -> Result<()> {
        let text = fill(
            "{} {}",
            &[&decimal(init.pid.as_raw_pid() as u64), &decimal(init.start)],
        );
        symlinkat(&*c(&[text.as_bytes()]), &self.fd, c"init")
            .map_err(|errno| self.failed("init", errno))
    }

    fn init(&self) -> Option<Init> {
        let text = readlinkat(&self.fd, c"init", Vec::new()).ok()?;
        let mut numbers = split(text.to_bytes(), b' ').map(number);
        let (pid, start) = (numbers.next()??, numbers.next()??);
        Some(Init {
            pid: Pid::from_raw(pid.try_into().ok()?)?,
            start,
        })
    }

    /// The socket's address by a descriptor: a path may be longer than an address takes (unix(7)).
    fn address(&self) -> core::result::Result<SocketAddrUnix, Errno> {
        let number = decimal(self.fd.as_raw_fd() as u64);
        SocketAddrUnix::new(&*c(&[b"/proc/self/fd/", number.as_bytes(), b"/start"]))
    }

    fn socket() -> core::result::Result<OwnedFd, Errno> {
        socket_with(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )
    }

    /// Makes the socket that `start` connects to.
    pub fn listen(&self) -> Result<OwnedFd> {
        let make = || {
            let socket = Dir::socket()?;
            bind(&socket, &self.address()?)?;
            chmodat(
                &self.fd,
                c"start",
                Mode::from_raw_mode(0o600),
                AtFlags::empty(),
            )?;
            listen(&socket, 1)?;
            Ok(socket)
        };
        make().map_err(|errno| self.failed("start", errno))
    }

    /// What stands in the socket's place while `run` creates: until its program runs a container is not running.
    pub fn hold(&self) -> Result<()> {
        symlinkat(c".", &self.fd, c"start").map_err(|errno| self.failed("start", errno))
    }

    /// Takes that away.
    pub fn let_go(&self) -> Result<()> {
        unlinkat(&self.fd, c"start", AtFlags::empty()).map_err(|errno| self.failed("start", errno))
    }

    /// Connects to the created container and removes the socket: from here on it counts as started, and if
    /// "go" never comes its process ends.
    pub fn connect(&self) -> Result<OwnedFd> {
        let make = || {
            let socket = Dir::socket()?;
            connect(&socket, &self.address()?)?;
            unlinkat(&self.fd, c"start", AtFlags::empty())?;
            Ok(socket)
        };
        make().map_err(|errno| self.failed("start", errno))
    }

    /// Whether the program is still to run. The placeholder counts only while its `run` is at work: one that was
    /// killed has left it behind.
    fn is_waiting(&self) -> bool {
        match rustix::fs::statat(&self.fd, c"start", AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Symlink => {
                self.is_locked()
            }
            found => found.is_ok(),
        }
    }

    /// Removes the directory and all that mote puts there.
    pub fn remove(&self) -> Result<()> {
        for name in [c"init", c"start", c"config.json", c"state.json"] {
            let _ = unlinkat(&self.fd, name, AtFlags::empty());
        }
        let path = files::c_path(&self.path);
        let remove = || unlinkat(CWD, &*path, AtFlags::REMOVEDIR);
        let removed = remove().or_else(|_| {
            let _ = unlinkat(&self.fd, &*c(&[ending::FILE.as_bytes()]), AtFlags::empty());
            let _ = unlinkat(&self.fd, c"notify/notify.sock", AtFlags::empty());
            let _ = unlinkat(&self.fd, c"notify", AtFlags::REMOVEDIR);
            remove()
        });
        match removed {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(self.failed("", errno)),
        }
    }
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::CLOEXEC);

/// The first process, told apart from a later one of the same pid by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Init {
    /// In the pid namespace of whoever made it.
    pub pid: Pid,
    /// Clock ticks since boot (proc_pid_stat(5), field 22).
    pub start: u64,
}

impl Init {
    /// Reads a process's start time; none if it is gone, or dead and not yet waited for.
    pub fn look(procfs: &Procfs, pid: Pid) -> Option<Init> {
        let path = of_process(pid, "stat");
        let mut buffer = [0; 1024];
        let text = procfs.read(&path, &mut buffer).ok()?;
        // The program's name, in parentheses, may hold anything, even `)`.
        let end = text.iter().rposition(|byte| *byte == b')')?;
        let mut fields = split(text.get(end + 2..)?, b' ');
        let state = fields.next()?;
        let start = number(fields.nth(18)?)?;
        (!matches!(state, b"Z" | b"X")).then_some(Init { pid, start })
    }
}

/// What a container is up to (runtime.md, "State"; `paused` is runc's).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// `create` is at work.
    Creating,
    /// Waiting for `start`.
    Created,
    /// The program runs.
    Running,
    /// Frozen.
    Paused,
    /// The first process is gone.
    Stopped,
}

impl Status {
    /// Whether it has a first process that other commands may work on.
    pub fn is_alive(self) -> bool {
        !matches!(self, Status::Stopped | Status::Creating)
    }

    /// As `state` prints it.
    pub fn name(self) -> &'static str {
        match self {
            Status::Creating => "creating",
            Status::Created => "created",
            Status::Running => "running",
            Status::Paused => "paused",
            Status::Stopped => "stopped",
        }
    }
}

spec_min::object! {
    /// `state.json`, mote's own: what is recorded of a container.
    pub struct Record<'a> {
        /// The bundle's absolute path.
        bundle: &'a CStr = "bundle",
        /// The root file system's absolute path.
        rootfs: &'a CStr = "rootfs",
        /// When it was created, in RFC 3339.
        created: &'a CStr = "created",
        /// /proc/sys/kernel/random/boot_id: a pid of an earlier boot means nothing.
        boot: &'a CStr = "boot",
        /// As [`Group::save`] wrote it.
        cgroup: &'a CStr = "cgroup",
        /// Whether it has a pid namespace of its own, whose end takes every process along.
        private_pids: bool = "privatePids",
        /// As [`crate::rdt::Rdt::save`] wrote it; empty for no class.
        rdt: &'a CStr = "rdt",
    }
}

impl Record<'_> {
    /// The text of state.json.
    pub fn json(&self) -> String {
        let mut json = Writer::new(Layout::Compact);
        json.open_object();
        let mut text = |key, value: &CStr| {
            json.key(key);
            json.bytes(value.to_bytes());
        };
        text("bundle", self.bundle);
        text("rootfs", self.rootfs);
        text("created", self.created);
        text("boot", self.boot);
        text("cgroup", self.cgroup);
        text("rdt", self.rdt);
        json.switch("privatePids", self.private_pids);
        json.close();
        json.finish()
    }
}

/// A text of [`Record`], which is UTF-8 when it was read.
pub fn text(text: &CStr) -> &str {
    text.to_str().unwrap_or_default()
}

/// This boot's name; empty where the kernel gives none.
pub fn boot_id(procfs: &Procfs) -> String {
    let mut buffer = [0; 64];
    let text = procfs
        .read(c"sys/kernel/random/boot_id", &mut buffer)
        .unwrap_or_default();
    lossy(text.trim_ascii_end())
}

/// A container that there is.
#[derive(Debug)]
pub struct Container {
    /// Its id.
    pub id: String,
    /// Its directory.
    pub dir: Dir,
    /// What is known of it; empty if `create` was killed early.
    pub record: Record<'static>,
    /// Its first process as recorded, alive or not.
    pub init: Option<Init>,
}

impl Container {
    /// Finds the container that a command is for. It stays open to the command's end.
    pub fn find(root: &Path, id: &str) -> Result<&'static Container> {
        Ok(Box::leak(Container::open(root, id)?))
    }

    /// The same, and locks it against other commands.
    pub fn lock(root: &Path, id: &str) -> Result<&'static Container> {
        let container = Container::lock_remains(root, id)?;
        container.check_whole()?;
        Ok(container)
    }

    /// The same where what a killed `create` has left will do.
    pub fn lock_remains(root: &Path, id: &str) -> Result<&'static Container> {
        let dir = Container::dir(root, id)?;
        dir.lock(PATIENCE)?;
        // Whoever had the lock before may have removed everything, and somebody else made it anew.
        let same = rustix::fs::fstat(&dir).map(|stat| stat.st_ino)
            == rustix::fs::stat(&*files::c_path(&dir.path)).map(|stat| stat.st_ino);
        if !same {
            return Err(Error::fill(
                packed!("container does not exist any more: {}"),
                &[id],
            ));
        }
        Ok(Box::leak(Container::read(dir, id)?))
    }

    /// One of many.
    pub fn open(root: &Path, id: &str) -> Result<Box<Container>> {
        let container = Container::read(Container::dir(root, id)?, id)?;
        container.check_whole()?;
        Ok(container)
    }

    fn dir(root: &Path, id: &str) -> Result<Dir> {
        Dir::open(root, id)?
            .ok_or_else(|| Error::fill(packed!("container does not exist: {}"), &[id]))
    }

    fn check_whole(&self) -> Result<()> {
        if self.record.boot.is_empty() {
            let id = &self.id;
            return Err(Error::fill(
                packed!("container {} was never finished; `delete --force {}` clears it away"),
                &[id, id],
            ));
        }
        Ok(())
    }

    /// Who made it.
    pub fn owner(&self) -> u32 {
        rustix::fs::fstat(&self.dir).map_or(u32::MAX, |stat| stat.st_uid)
    }

    #[inline(never)]
    fn read(dir: Dir, id: &str) -> Result<Box<Container>> {
        let document = dir.read("state.json")?.unwrap_or_default();
        let record = spec_min::parse(document.leak()).unwrap_or_default();
        let init = dir.init();
        Ok(Box::new(Container {
            id: id.to_string(),
            dir,
            record,
            init,
        }))
    }

    /// Its cgroups, for the rest of the command.
    pub fn group(&self) -> Result<&'static mut Group> {
        Ok(Box::leak(Group::load(text(self.record.cgroup))?))
    }

    /// Its class of resctrl.
    pub fn rdt(&self, procfs: &Procfs) -> Result<Option<Rdt>> {
        Rdt::load(procfs, text(self.record.rdt), &self.id)
    }

    /// The first process, if it lives.
    pub fn alive(&self, procfs: &Procfs) -> Option<Init> {
        let recorded = self.init?;
        let same_boot = text(self.record.boot) == boot_id(procfs);
        Init::look(procfs, recorded.pid).filter(|now| same_boot && now.start == recorded.start)
    }

    /// A pidfd of the first process, if it lives.
    pub fn open_init(&self, procfs: &Procfs) -> Result<Option<OwnedFd>> {
        let Some(init) = self.alive(procfs) else {
            return Ok(None);
        };
        match pidfd_open(init.pid, PidfdFlags::empty()) {
            // The number may have changed hands between the two looks.
            Ok(pidfd) => Ok(self.alive(procfs).map(|_| pidfd)),
            Err(Errno::SRCH) => Ok(None),
            Err(errno) => Err(Error::call(
                packed!("pidfd_open of the container's first process"),
                errno,
            )),
        }
    }

    /// What it is up to.
    pub fn status(&self, procfs: &Procfs) -> Result<Status> {
        if self.init.is_none() {
            return Ok(if self.dir.is_locked() {
                Status::Creating
            } else {
                Status::Stopped
            });
        }
        if self.alive(procfs).is_none() {
            return Ok(Status::Stopped);
        }
        if Group::load(text(self.record.cgroup))?.is_frozen()? {
            return Ok(Status::Paused);
        }
        Ok(if self.dir.is_waiting() {
            Status::Created
        } else {
            Status::Running
        })
    }
}
