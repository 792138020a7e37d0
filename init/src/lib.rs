//! The container's side of a start: one list, from clone3(2) to execve(2).
//!
//! - The plan is fixed before this code runs; a step does what it says and asks nothing.
//! - No allocation, no libc, one thread: the process is a copy-on-write fork of mote.
//! - A fault is data: step, item, errno. The parent, who has the same plan, makes it words.
//! - Nothing below the container's root is named by a path that the kernel resolves from the host's `/`.
//!
//! [`start`] is the list. [`plan`] is what it walks. [`sys`] is the only unsafe code.
//!
//! [`machine`] and [`supervise`] are process 1 of a machine, which keeps to the same rules for a reason of its own: it
//! may never fail, so it does not allocate.
#![no_std]

pub mod cgroups;
pub mod channel;
mod classic;
mod console;
mod copyup;
mod devices;
pub mod fault;
mod filter;
pub mod hooks;
mod identity;
pub mod kernel;
pub mod machine;
mod masks;
pub mod mounts;
pub mod namespaces;
pub mod packed;
pub mod plan;
pub mod procfs;
mod program;
pub mod rootfs;
pub mod say;
pub mod supervise;
mod switch;
pub mod sys;
pub mod text;

use channel::Channel;
use core::cell::{Cell, OnceCell};
use core::convert::Infallible;
use core::ffi::CStr;
use fault::{At, Call, Fault, Place, Step};
use hooks::{Reason, Stage};
use linux_raw_sys::general::{CLONE_NEWPID, CLONE_NEWUSER};
use plan::{Hook, Plan};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::OFlags;
use rustix::io::Errno;
use sys::exec::Vector;
use sys::signal;

/// What the host opened for the child, which inherits it.
#[derive(Debug)]
pub struct Handles<'h> {
    /// To the parent.
    pub channel: Channel,
    /// The host's /proc.
    pub procfs: &'h procfs::Procfs,
    /// What goes on descriptors 0 to 2 if there is no terminal; none leaves the caller's.
    pub stdio: Option<[OwnedFd; 3]>,
    /// Where the terminal's master is sent.
    pub console: Option<BorrowedFd<'h>>,
    /// Where `start` connects; none when the parent itself stays to say "go".
    pub listener: Option<OwnedFd>,
    /// Namespaces to join: flags and a namespace's file, or all flags and a pidfd. The child is in the [first](namespaces::FIRST)
    /// already.
    pub joins: &'h [(u32, OwnedFd)],
    /// Those of the [early](namespaces::EARLY) ones that it is in, too.
    pub joined: u32,
    /// Sources of bind mounts that only the host can reach: index in `mounts`, detached tree.
    pub trees: &'h [(usize, OwnedFd)],
    /// The cgroups of the container, for mounts of them.
    pub cgroups: &'h [cgroups::Hierarchy<'h>],
    /// The environment of mote, for hooks without one.
    pub environment: Vector<'h>,
    /// The caller's signal mask, which the program gets back.
    pub mask: signal::Set,
}

/// The child, as its steps see it.
#[derive(Debug)]
pub struct Child<'c> {
    plan: &'c Plan<'c>,
    handles: &'c Handles<'c>,
    /// See [`Child::new_mount_calls`].
    new_mount_calls: OnceCell<bool>,
    /// Whether the parent has said that id maps are written, limits raised and cgroups made.
    settled: Cell<bool>,
    /// How many bytes of its filter have come.
    filter: Cell<usize>,
    /// What it is at, for the fault that ends it.
    place: Cell<Place>,
}

impl Child<'_> {
    /// Whether mounts are made by the calls that work on descriptors. Asked for when the first is made: in the
    /// namespaces where the answer counts.
    fn new_mount_calls(&self) -> bool {
        *self.new_mount_calls.get_or_init(sys::mount::has_new_calls)
    }

    /// Begins a step.
    #[inline(never)]
    fn step(&self, step: Step) {
        self.place.set(Place { step, item: 0 });
    }

    /// Begins an item of the step.
    fn item(&self, item: u32) {
        self.place.set(Place {
            item,
            ..self.place.get()
        });
    }

    /// Goes through a step's list, item by item.
    fn each<'l, T>(&self, step: Step, list: &'l [T]) -> impl Iterator<Item = &'l T> {
        list.iter().zip(0..).map(move |(one, item)| {
            self.place.set(Place { step, item });
            one
        })
    }

    /// The tree that the host opened for the mount this is at.
    fn tree(&self) -> Option<BorrowedFd<'_>> {
        let item = self.place.get().item as usize;
        self.handles
            .trees
            .iter()
            .find(|(index, _)| *index == item)
            .map(|(_, tree)| tree.as_fd())
    }

    /// Waits, once, until the parent has done what only it may do to this process, and enters the cgroups.
    fn settled(&self) -> Result<(), Fault> {
        if self.settled.replace(true) {
            return Ok(());
        }
        let place = self.place.get();
        namespaces::enter_cgroups(self)?;
        self.place.set(place);
        Ok(())
    }

    /// Tells whoever waits for it what went wrong, and ends.
    fn fail(&self, channel: &Channel, fault: Fault) -> ! {
        channel.report(self.place.get(), fault);
        sys::process::exit(1)
    }
}

/// Becomes the container's program. Whatever goes wrong before that is told to the parent.
pub fn start(plan: &Plan<'_>, handles: Handles<'_>) -> ! {
    let child = Child {
        plan,
        handles: &handles,
        new_mount_calls: OnceCell::new(),
        settled: Cell::new(false),
        filter: Cell::new(0),
        place: Cell::new(Place {
            step: Step::Channel,
            item: 0,
        }),
    };
    let Err(fault) = list(&child);
    child.fail(&handles.channel, fault)
}

fn list(child: &Child<'_>) -> Result<Infallible, Fault> {
    let (plan, handles, process) = (child.plan, child.handles, &child.plan.process);

    kernel::stay_on_cpu();
    rustix::process::umask(rustix::fs::Mode::empty());
    let _ = rustix::process::setsid();
    if plan.namespaces.new & CLONE_NEWUSER == 0 {
        hide_memory(child)?;
    } else {
        // Nothing can be done in the user namespace before its ids are mapped. And not yet hidden: what is
        // belongs to the host's root, whose files below /proc/self this process could not write to then.
        child.settled()?;
    }
    if namespaces::kinds(handles.joins) & !CLONE_NEWPID != 0 {
        // A cgroup namespace to join may hide the cgroups to enter.
        child.settled()?;
    }
    namespaces::join(child)?;
    namespaces::set_clocks(child)?;
    namespaces::become_root(child)?;
    hide_memory(child)?;
    kernel::join_keyring(child)?;
    kernel::bring_loopback_up(child)?;

    let mut rootfs = switch::prepare(child)?;
    for mount in child.each(Step::Mount, plan.mounts) {
        mounts::attach(child, &mut rootfs, mount)?;
    }
    for device in child.each(Step::Device, plan.devices) {
        devices::make(child, &rootfs, device)?;
    }
    for link in child.each(Step::Link, plan.links) {
        devices::link(&rootfs, link)?;
    }
    child.settled()?;
    runtime_hooks(child)?;
    let (hooks, step) = (plan.hooks.create_container, Step::CreateContainerHook);
    container_hooks(
        child,
        &handles.channel,
        hooks,
        "creating",
        step,
        handles.environment,
    )?;

    let slave = console::open(child, &rootfs)?;
    if plan.root.switch != plan::Switch::Stay {
        program::make_cwd(child, &rootfs)?;
    }
    mounts::late_readonly(child, &rootfs)?;
    masks::readonly(child, &rootfs)?;
    masks::mask(child, &rootfs)?;
    switch::enter(child, &rootfs)?;
    switch::make_root_readonly(child, &rootfs)?;

    kernel::set_names(child)?;
    kernel::set_sysctl(child)?;
    console::settle(child, slave)?;
    kernel::set_character(child)?;
    let mut home = identity::Home::new();
    if process.find_home {
        process
            .env
            .append(identity::find_home(&rootfs, process.uid, &mut home));
    }
    drop(rootfs);

    identity::forbid_new_privileges(child)?;
    kernel::label(child)?;
    kernel::set_limits(child)?;
    // Once as root of the namespace, who may pass everywhere, and once more as the user, whose own directory
    // may be on a file system that lets nobody else in: one of the two must work.
    let early = program::enter_cwd(child);
    identity::drop_bounding(child, &process.capabilities)?;
    filter::receive(child);
    filter::put_on(child, &handles.channel, false)?;
    identity::become_user(child)?;
    identity::take_capabilities(child, &process.capabilities)?;
    // A change of ids may have undone it (fs.suid_dumpable).
    hide_memory(child)?;
    if early.is_err() {
        program::enter_cwd(child)?;
    }
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(process.umask));
    let mut found = program::Found::new();
    let path = program::find(child, &mut found)?;

    child.step(Step::Channel);
    handles.channel.ready()?;
    handles.channel.wait();
    // What the host opened is of no more use, and this process may wait for long.
    let last = handles.listener.as_ref().unwrap_or(&handles.channel.0);
    let socket = close_all_but(last, process.keep_fds, Some(handles.procfs))?;
    let channel = if handles.listener.is_some() {
        accept_start(socket, process.keep_fds)?
    } else {
        Channel(socket)
    };
    let result = container_hooks(
        child,
        &channel,
        plan.hooks.start_container,
        "created",
        Step::StartContainerHook,
        process.env,
    );
    let Err(fault) = result.and_then(|()| run(child, path, &channel));
    child.fail(&channel, fault)
}

/// The point of no return: closes what may have been opened since, restores what execve(2) hands on, and goes.
fn run(child: &Child<'_>, path: &CStr, channel: &Channel) -> Result<Infallible, Fault> {
    kernel::set_cpus(child)?;
    child.step(Step::Args);
    signal::default_all().at(Call::Sigaction)?;
    signal::set_mask(child.handles.mask).at(Call::Sigprocmask)?;
    sys::process::close_from(channel.0.as_raw_fd() + 1);
    filter::put_on(child, channel, true)?;
    child.step(Step::Args);
    Err(program::run(&child.plan.process, path, channel))
}

/// No other process of the container may trace this one or open what it has open (CVE-2016-9962). execve(2)
/// undoes it.
fn hide_memory(child: &Child<'_>) -> Result<(), Fault> {
    child.step(Step::UserNamespace);
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)
        .at(Call::Dumpable)
}

/// The parent runs `prestart` and `createRuntime`, if there are any.
fn runtime_hooks(child: &Child<'_>) -> Result<(), Fault> {
    let hooks = &child.plan.hooks;
    if hooks.prestart.is_empty() && hooks.create_runtime.is_empty() {
        return Ok(());
    }
    child.step(Step::Channel);
    child.handles.channel.mounted()?;
    child.handles.channel.wait();
    Ok(())
}

fn container_hooks(
    child: &Child<'_>,
    channel: &Channel,
    hooks: &[Hook<'_>],
    status: &str,
    step: Step,
    environment: Vector<'_>,
) -> Result<(), Fault> {
    if hooks.is_empty() {
        return Ok(());
    }
    kernel::set_cpus(child)?;
    let pid = rustix::process::getpid().as_raw_nonzero().get() as u32;
    let stage = Stage {
        state: child.plan.state,
        status,
        pid,
        environment,
        mask: child.handles.mask,
    };
    child.step(step);
    hooks::run(hooks, &stage).map_err(|failure| {
        child.item(failure.item as u32);
        let mut note = describe(failure.reason);
        let room = note.capacity() - note.len() - 2;
        let output = &failure.output[failure.output.len().saturating_sub(room)..];
        if !output.is_empty() {
            let _ = text::append(&mut note, &[b": ", output]);
        }
        channel.note(&note);
        match failure.reason {
            Reason::Call(_, errno) => Fault::new(Call::Unnamed, errno),
            _ => Fault::without_errno(),
        }
    })
}

/// A hook's end in words.
pub fn describe(reason: Reason) -> fault::Note {
    let (before, number, after) = match reason {
        Reason::Exit(code) => ("exit status ".as_bytes(), Some(code as u32), ""),
        Reason::Signal(number) => (&b"killed by signal "[..], Some(number as u32), ""),
        Reason::Timeout(secs) => (&b"killed after "[..], Some(secs), " s (its timeout)"),
        Reason::Call(call, _) => {
            let mut note = fault::Note::new();
            call.text().unpack(&mut |byte| {
                let _ = note.push(byte);
            });
            return note;
        }
    };
    let mut room = text::Digits::default();
    let number = number.map_or(&b""[..], |number| {
        text::digits(&mut room, number.into(), 10)
    });
    let mut note = fault::Note::new();
    let _ = text::append(&mut note, &[before, number, after.as_bytes()]);
    note
}

/// Closes every descriptor but 0 to 2, those that the program inherits, and `last`, which becomes the one after
/// them, close-on-exec.
fn close_all_but(
    last: &OwnedFd,
    keep: u32,
    procfs: Option<&procfs::Procfs>,
) -> Result<OwnedFd, Fault> {
    let first = 3 + keep as i32;
    let list = procfs
        .filter(|_| !sys::process::has_close_range())
        .map(|procfs| list_open(procfs, first + 1));
    let list = list.transpose().at(Call::ListOpen)?;
    sys::process::duplicate_to(last.as_fd(), first, true).at(Call::Dup3)?;
    match &list {
        Some(list) => sys::process::close_listed(first + 1, list),
        None => sys::process::close_from(first + 1),
    }
    Ok(sys::process::adopt(first))
}

/// The list of open descriptors, at a number of `least` or above. What the caller of mote left open may lie above
/// the limit that the container has by now.
fn list_open(procfs: &procfs::Procfs, least: i32) -> Result<OwnedFd, Errno> {
    let list = procfs.file(c"self/fd", OFlags::RDONLY | OFlags::DIRECTORY)?;
    rustix::io::fcntl_dupfd_cloexec(list, least)
}

/// Waits for `start` on the listening socket; what is returned leads to whoever asked.
fn accept_start(listener: OwnedFd, keep: u32) -> Result<Channel, Fault> {
    let flags = rustix::net::SocketFlags::CLOEXEC;
    let connection = rustix::io::retry_on_intr(|| rustix::net::accept_with(&listener, flags));
    let connection = connection.at(Call::Accept)?;
    // Its number is the listener's from here on.
    core::mem::forget(listener);
    let channel = Channel(close_all_but(&connection, keep, None)?);
    core::mem::forget(connection);
    channel.wait();
    Ok(channel)
}
