//! The one clone3(2): from a plan to a process that walks it.
//!
//! Two things may come before it. A pid namespace is joined by whoever makes the process, not by the process.
//! And a user namespace to join must be joined first of all. Who can't go back from there, sends one more process, which makes
//! the real one as its own sibling and ends.

use crate::agent;
use crate::error::{Error, Result};
use crate::fault::explain;
use crate::host::Host;
use crate::text::decimal;
use core::cell::Cell;
use init::Handles;
use init::channel::{Channel, Report};
use init::fault::{Call, Fault, Place, Step};
use init::namespaces::{EARLY, FIRST, kinds};
use init::plan::{Instruction, Plan};
use init::sys::clone::{Clone, clone};
use init::sys::process::{adopt, exit, set_namespaces};
use init::sys::start::environment_vector;
use linux_raw_sys::general::{CLONE_FILES, CLONE_NEWPID, CLONE_NEWUSER, CLONE_PARENT};
use rustix::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

/// What the host opened for this process.
#[derive(Debug)]
pub struct Outfit<'o> {
    /// See [`Handles`]; likewise those that follow.
    pub stdio: Option<[OwnedFd; 3]>,
    /// The console socket's connection, or our end of the pair.
    pub console: Option<BorrowedFd<'o>>,
    /// The listening socket of `create`.
    pub listener: Option<OwnedFd>,
    /// Namespaces to join, the user namespace first.
    pub joins: &'o [(u32, OwnedFd)],
    /// Who joins those that the process can't join itself.
    pub joiner: Joiner,
    /// Bind mounts' sources.
    pub trees: Vec<(usize, OwnedFd)>,
    /// The cgroups for mounts of them.
    pub cgroups: &'o [init::cgroups::Hierarchy<'o>],
    /// The v2 cgroup to be born in.
    pub cgroup: Option<OwnedFd>,
}

/// A process on its way. Dropping it while it is not yet the program kills it.
#[derive(Debug)]
pub struct Started {
    /// In mote's pid namespace.
    pub pid: Pid,
    /// The process, whatever becomes of its number.
    pub pidfd: OwnedFd,
    /// To it.
    pub channel: Channel,
    /// The first process of the container that it enters; none for that process itself.
    pub entered: Option<Pid>,
    armed: bool,
    /// Whether the next answer was given before it was asked for.
    answered: Cell<bool>,
}

impl Started {
    /// From here on its end is somebody else's business.
    pub fn release(&mut self) {
        self.armed = false;
    }

    /// What it says next; its fault as an error.
    pub fn listen(&self, plan: &Plan<'_>) -> Result<Report> {
        let (first, status) = match self.entered {
            Some(first) => (first, "running"),
            None => (self.pid, "creating"),
        };
        listen(&self.channel, plan, self.pid, first, status)
    }

    /// Waits for a report that must be there before the program runs.
    pub fn expect(&self, plan: &Plan<'_>) -> Result<Report> {
        match self.listen(plan)? {
            Report::End => Err(self.died()),
            report => Ok(report),
        }
    }

    /// The first answer: the doors of its cgroups.
    pub fn admit(&self, plan: &Plan<'_>, doors: &[OwnedFd]) -> Result<()> {
        let borrowed: Vec<BorrowedFd<'_>> = doors.iter().map(AsFd::as_fd).collect();
        let sent = self.channel.send_doors(&borrowed);
        self.heard(plan, sent)
    }

    /// The program of its filter, if it has one.
    pub fn send_filter(&self, plan: &Plan<'_>, program: &[Instruction]) -> Result<()> {
        if plan.process.seccomp.is_none() {
            return Ok(());
        }
        let sent = self.channel.send_filter(program);
        self.heard(plan, sent)
    }

    /// Gives the next answer now, when nothing is to be done before it: that spares both sides a wait for each
    /// other.
    pub fn answer_ahead(&self, plan: &Plan<'_>) -> Result<()> {
        self.answer(plan)?;
        self.answered.set(true);
        Ok(())
    }

    /// Lets it go on.
    pub fn answer(&self, plan: &Plan<'_>) -> Result<()> {
        if self.answered.take() {
            return Ok(());
        }
        let sent = self.channel.answer();
        self.heard(plan, sent)
    }

    /// The last answer; waits until the program runs.
    pub fn go(&self, plan: &Plan<'_>) -> Result<()> {
        let out_of_step = || Error::new(packed!("the container's process is out of step"));
        if self.answered.get() {
            let failed = |errno| Error::call(packed!("waiting for the container's process"), errno);
            // A listener must be handed over at once: hooks of the container may be asked about already.
            if !plan.process.asks() {
                self.channel.wait_for_end().map_err(failed)?;
            }
            if !matches!(self.expect(plan)?, Report::Ready) {
                return Err(out_of_step());
            }
        }
        self.answer(plan)?;
        match self.listen(plan)? {
            Report::End => Ok(()),
            _ => Err(out_of_step()),
        }
    }

    fn heard(&self, plan: &Plan<'_>, sent: core::result::Result<(), Errno>) -> Result<()> {
        match sent {
            Ok(()) => Ok(()),
            // It is gone, but may have said why.
            Err(Errno::PIPE | Errno::CONNRESET) => self.expect(plan).and(Err(self.died())),
            Err(errno) => Err(Error::call(
                packed!("writing to the container's first process"),
                errno,
            )),
        }
    }

    /// How it ended without a word: by a signal that somebody sent it, the OOM killer for one.
    fn died(&self) -> Error {
        let waited = waitid(
            WaitId::PidFd(self.pidfd.as_fd()),
            WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        );
        match waited
            .ok()
            .flatten()
            .and_then(|status| status.terminating_signal())
        {
            Some(signal) => Error::fill(
                packed!(
                    "the container's first process was killed by signal {} before its program ran; if nobody sent it, a memory \
                 limit is too small"
                ),
                &[&decimal(signal as u64)],
            ),
            None => Error::new(packed!(
                "the container's first process ended before its program ran"
            )),
        }
    }
}

impl Started {
    /// Kills it and waits for its end.
    pub fn end(&mut self) {
        if core::mem::replace(&mut self.armed, false) {
            let _ = rustix::process::pidfd_send_signal(&self.pidfd, rustix::process::Signal::KILL);
            let _ = waitid(WaitId::PidFd(self.pidfd.as_fd()), WaitIdOptions::EXITED);
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.end();
    }
}

/// What a process says next; its fault as an error. A filter's listener goes where the plan says.
pub fn listen(
    channel: &Channel,
    plan: &Plan<'_>,
    pid: Pid,
    first: Pid,
    status: &str,
) -> Result<Report> {
    let failed = |errno| Error::call(packed!("reading from the container's first process"), errno);
    loop {
        match channel.listen().map_err(failed)? {
            Report::Listener(listener) => agent::hand_over(plan, listener, pid, first, status)?,
            Report::Fault(fault) => return Err(explain(&fault, plan)),
            report => return Ok(report),
        }
    }
}

/// What to do when a process can't be born in the v2 cgroup.
#[derive(Debug)]
pub enum Otherwise {
    /// Say so.
    Fail,
    /// Make it elsewhere; it may move there itself.
    Without,
    /// Try another cgroup.
    Elsewhere(OwnedFd),
}

/// Makes the process.
pub fn launch(
    host: &Host,
    plan: &Plan<'_>,
    outfit: Outfit<'_>,
    otherwise: &mut dyn FnMut(Errno) -> Otherwise,
) -> Result<Started> {
    let failed = |call: &'static str| move |errno| Error::call(call, errno);
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(failed("socketpair"))?;
    let new = u64::from(plan.namespaces.new);
    let handles = Handles {
        channel: Channel(theirs),
        procfs: &host.procfs,
        stdio: outfit.stdio,
        console: outfit.console,
        listener: outfit.listener,
        joins: outfit.joins,
        joined: 0,
        trees: &outfit.trees,
        cgroups: outfit.cgroups,
        environment: environment_vector(),
        mask: host.mask,
    };
    if outfit.joiner.is_another() {
        return by_way_of_another(plan, handles, ours);
    }
    join_first(outfit.joins, FIRST).map_err(failed("joining the pid namespace: setns"))?;
    let cgroup = outfit.cgroup.as_ref().map(AsFd::as_fd);
    let cloned = match clone(new, cgroup) {
        Err(errno) if cgroup.is_some() => match otherwise(errno) {
            Otherwise::Fail => Err(errno),
            Otherwise::Without => clone(new, None),
            Otherwise::Elsewhere(dir) => clone(new, Some(dir.as_fd())),
        },
        result => result,
    };
    if matches!(cloned, Ok(Clone::Child)) {
        // Or the end of the parent would never be noticed.
        drop(ours);
        init::start(plan, handles);
    }
    if let Joiner::Mote(back) = outfit.joiner {
        // Hooks run in mote's own pid namespace.
        set_namespaces(back.as_fd(), CLONE_NEWPID)
            .map_err(failed("leaving the pid namespace: setns"))?;
    }
    drop(handles);
    match cloned {
        Ok(Clone::Parent(pid, pidfd)) => Ok(Started {
            pid,
            pidfd,
            channel: Channel(ours),
            entered: None,
            armed: true,
            answered: Cell::new(false),
        }),
        Ok(Clone::Child) => exit(1),
        Err(errno) => Err(refused(errno, new, outfit.cgroup.is_some())),
    }
}

/// What clone3(2) says when a namespace can't be had.
fn refused(errno: Errno, new: u64, into_cgroup: bool) -> Error {
    let user = new & u64::from(CLONE_NEWUSER) != 0;
    let hint = match errno {
        Errno::PERM if user => {
            packed!(
                "; may this user make user namespaces (/proc/sys/kernel/unprivileged_userns_clone, AppArmor)?"
            )
        }
        Errno::PERM => {
            packed!(
                "; making namespaces takes root or a user namespace: `spec --rootless` writes a config with one"
            )
        }
        Errno::INVAL => packed!("; the kernel lacks one of the namespaces in linux.namespaces"),
        Errno::NOSPC | Errno::USERS => packed!("; a limit in /proc/sys/user is reached"),
        Errno::BUSY if into_cgroup => {
            packed!("; the cgroup gives controllers to its children and takes no process itself")
        }
        _ => packed!(""),
    };
    Error::call(
        packed!("making the container's first process: clone3"),
        errno,
    )
    .and(hint)
}

/// Who joins what has to be joined before the process is made.
#[derive(Debug)]
pub enum Joiner {
    /// There is nothing.
    Nobody,
    /// mote itself, which goes back to this pid namespace.
    Mote(OwnedFd),
    /// One more process. Then nobody can be born in a cgroup.
    Another,
}

impl Joiner {
    /// Who it is for these namespaces. mote couldn't come back from a user namespace; nor from a pid namespace if it isn't
    /// privileged over its own, like root of a user namespace that has none of its own, as in rootless podman.
    /// The container's first process couldn't join what belongs to the host from a `new` user namespace of its own.
    pub fn of(host: &Host, joins: &[(u32, OwnedFd)], new: u32) -> Result<Joiner> {
        let joined = kinds(joins);
        if joined & CLONE_NEWUSER != 0 || joined & !FIRST != 0 && new & CLONE_NEWUSER != 0 {
            return Ok(Joiner::Another);
        }
        if joined & FIRST == 0 {
            return Ok(Joiner::Nobody);
        }
        let own = host.open_own(c"self/ns/pid_for_children")?;
        Ok(match set_namespaces(own.as_fd(), CLONE_NEWPID) {
            Ok(()) => Joiner::Mote(own),
            Err(_) => Joiner::Another,
        })
    }

    /// Whether it is one more process.
    pub fn is_another(&self) -> bool {
        matches!(self, Joiner::Another)
    }
}

/// Joins those that must be joined before the process is made.
fn join_first(joins: &[(u32, OwnedFd)], first: u32) -> core::result::Result<(), Errno> {
    for (flags, fd) in joins {
        if flags & first != 0 {
            set_namespaces(fd.as_fd(), flags & first)?;
        }
    }
    Ok(())
}

/// A process that shares our descriptors joins, makes the real one as our child, and says which it is.
fn by_way_of_another(plan: &Plan<'_>, mut handles: Handles<'_>, ours: OwnedFd) -> Result<Started> {
    let failed = |call: &'static str| move |errno| Error::call(call, errno);
    let (read, write) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(failed("pipe"))?;
    match clone(u64::from(CLONE_FILES), None)
        .map_err(failed("making a process to join the namespaces: clone3"))?
    {
        Clone::Child => match join_and_clone(&mut handles, plan.namespaces.new) {
            Ok(Clone::Child) => {
                drop(ours);
                init::start(plan, handles)
            }
            Ok(Clone::Parent(pid, pidfd)) => {
                let mut word = [0; 8];
                word[..4].copy_from_slice(&pid.as_raw_nonzero().get().to_ne_bytes());
                // The table of descriptors is shared, so the number means the same to the parent.
                word[4..].copy_from_slice(&pidfd.into_raw_fd().to_ne_bytes());
                let _ = rustix::io::write(&write, &word);
                exit(0)
            }
            Err(errno) => {
                let place = Place {
                    step: Step::Namespaces,
                    item: 0,
                };
                handles
                    .channel
                    .report(place, Fault::new(Call::Setns, errno));
                exit(1)
            }
        },
        Clone::Parent(_, other) => {
            let _ = rustix::io::retry_on_intr(|| {
                waitid(WaitId::PidFd(other.as_fd()), WaitIdOptions::EXITED)
            });
            drop((handles, write));
            let mut word = [0; 8];
            let length = rustix::io::retry_on_intr(|| rustix::io::read(&read, &mut word))
                .map_err(failed("read"))?;
            let number =
                |bytes: &[u8]| i32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            match (length, Pid::from_raw(number(&word[..4]))) {
                (8, Some(pid)) => Ok(Started {
                    pid,
                    pidfd: adopt(number(&word[4..])),
                    channel: Channel(ours),
                    entered: None,
                    armed: true,
                    answered: Cell::new(false),
                }),
                _ => match Channel(ours).listen() {
                    Ok(Report::Fault(fault)) => Err(explain(&fault, plan)),
                    _ => Err(Error::new(packed!(
                        "joining the namespaces failed without a word"
                    ))),
                },
            }
        }
    }
}

fn join_and_clone(handles: &mut Handles<'_>, new: u32) -> core::result::Result<Clone, Errno> {
    for (flags, fd) in handles.joins {
        let early = flags & EARLY;
        if early != 0 && set_namespaces(fd.as_fd(), early).is_ok() {
            handles.joined |= early;
        }
    }
    join_first(handles.joins, FIRST & !handles.joined)?;
    clone(u64::from(new | CLONE_PARENT), None)
}

/// Opens the namespaces that a config gives by path, and checks that each is of its type.
pub fn open_joins(plan: &Plan<'_>) -> Result<Vec<(u32, OwnedFd)>> {
    let open = |join: &init::plan::Join<'_>| {
        let failed = |errno| Error::of("linux.namespaces", join.path.to_bytes(), errno);
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::CLOEXEC;
        let fd = rustix::fs::open(join.path, flags, rustix::fs::Mode::empty()).map_err(failed)?;
        match init::sys::process::namespace_type(fd.as_fd()) {
            Ok(found) if found == join.flag => Ok((join.flag, fd)),
            Ok(_) => Err(Error::fill(
                packed!("{}: it is a namespace of another type"),
                &[failed(Errno::INVAL).text()],
            )),
            Err(_) => Err(Error::fill(
                packed!("{}: not a namespace"),
                &[failed(Errno::INVAL).text()],
            )),
        }
    };
    let mut joins = Vec::new();
    for join in plan.namespaces.join {
        joins.push(open(join)?);
    }
    Ok(joins)
}
