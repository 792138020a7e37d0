//! Keeps containers running: the loop of `mote init`.
//!
//! A container is started and removed by mote itself, as a child with the command line that anybody would give, so
//! its state is where every other command looks for it, and whatever can go wrong there goes wrong in that child. The
//! container's first process outlives who started it and becomes a child of this process, which learns how it ends.
//!
//! There is one thread, one epoll(7), and no allocation: all there is of memory is in place before the first turn.

pub mod output;
pub mod service;

use crate::say::Console;
use crate::sys::arena::Arena;
use crate::sys::clone::{Clone, clone};
use crate::sys::exec::Vector;
use crate::sys::process::{duplicate_to, execute_file, exit, forget_code, standard_streams};
use crate::sys::signal::{self, Set};
use crate::sys::start::environment;
use crate::sys::time::milliseconds;
use crate::text::{Digits, digits, number, put, split};
use core::ffi::CStr;
use output::Log;
use rustix::event::{Timespec, epoll};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, open, readlinkat_raw};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, WaitOptions, WaitStatus, chdir, kill_process, wait, waitid,
};
use service::{Course, KILLED, NEVER, Orders, Output, Ready, State};

/// How many milliseconds it may take to remove what is left of a container.
const REMOVAL: i64 = 60_000;

/// A status for what couldn't be started at all.
const NOT_STARTED: u8 = 255;

/// After how many milliseconds without an event the code that isn't needed to wait is given back.
const QUIET: i64 = 1000;

/// What the machine does at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum End {
    /// It is switched off.
    PowerOff,
    /// It starts anew.
    Reboot,
    /// It stops, and stays on.
    Halt,
    /// Somebody gets a shell first; then it is switched off.
    Shell,
}

/// What asks for which end. Ctrl-alt-del is SIGINT (reboot(2)), a failing power supply SIGPWR; the rest is what
/// busybox's and sysvinit's commands send.
const ENDS: [(Signal, End); 6] = [
    (Signal::TERM, End::PowerOff),
    (Signal::POWER, End::PowerOff),
    (Signal::USR2, End::PowerOff),
    (Signal::QUIT, End::PowerOff),
    (Signal::INT, End::Reboot),
    (Signal::USR1, End::Halt),
];

/// One container.
#[derive(Debug)]
pub struct Service<'a> {
    /// What is wanted.
    pub orders: Orders<'a>,
    /// What has become of it.
    pub course: Course,
    /// Where its output goes, if not to the console or nowhere.
    pub log: Option<Log>,
}

/// What all containers share.
#[derive(Debug)]
pub struct Host<'a> {
    /// Where to say what happens.
    pub console: &'a Console,
    /// mote's own program.
    pub program: BorrowedFd<'a>,
    /// /dev/null.
    pub null: BorrowedFd<'a>,
    /// A signalfd for all signals, which are blocked.
    pub signals: BorrowedFd<'a>,
    /// The socket that those who start containers report readiness to; what it says is said by their end, too.
    pub notify: Option<BorrowedFd<'a>>,
    /// `NOTIFY_SOCKET=...`, for those that report readiness.
    pub variable: &'a CStr,
    /// The signal mask that mote was started with.
    pub mask: Set,
    /// What every command line of mote begins with: its name and the options for all.
    pub words: &'a [&'a CStr],
    /// The console's name, for mote's own errors.
    pub log: &'a CStr,
    /// The directory of all state.
    pub root: &'a CStr,
    /// The directory of the bundles.
    pub containers: &'a CStr,
    /// The directory of the logs.
    pub logs: &'a CStr,
}

/// What mote is run for.
#[derive(Clone, Copy)]
enum Task {
    /// To start a container.
    Start,
    /// To remove whatever there is of it, by force.
    Remove,
}

/// A path of two parts and an ending.
type Path = heapless::Vec<u8, 4608>;

/// Runs until no container runs or will run again. Returns what was asked for, if anything, and the first exit status
/// other than 0, in the order of the list, of a container that ended by itself.
pub fn run(host: &Host<'_>, services: &mut [Service<'_>]) -> (Option<End>, u8) {
    let mut supervisor = Supervisor {
        host,
        services,
        end: None,
    };
    let epoll = supervisor.watch();
    loop {
        supervisor.reap();
        supervisor.advance();
        let done = |service: &Service<'_>| service.course.state == State::Done;
        if supervisor.services.iter().all(done) {
            break;
        }
        supervisor.wait(&epoll);
    }
    for at in 0..supervisor.services.len() {
        while supervisor.write_log(at) {}
    }
    let failed = |service: &Service<'_>| Some(service.course.status).filter(|status| *status != 0);
    let status = supervisor.services.iter().find_map(failed).unwrap_or(0);
    (supervisor.end, status)
}

struct Supervisor<'h, 's, 'a> {
    host: &'h Host<'h>,
    services: &'s mut [Service<'a>],
    /// Set once everything is to stop.
    end: Option<End>,
}

/// What an event of epoll(7) is about; from `OUTPUT` on the output of one container after the other.
const SIGNALS: u64 = 0;
const NOTIFY: u64 = 1;
const OUTPUT: u64 = 2;

impl Supervisor<'_, '_, '_> {
    /// Asks for everything that can happen.
    fn watch(&self) -> Result<OwnedFd, Errno> {
        let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let logs = self.services.iter().map(|service| &service.log);
        let outputs = logs.map(|log| log.as_ref().map(Log::source));
        let all = [Some(self.host.signals), self.host.notify]
            .into_iter()
            .chain(outputs);
        for (source, data) in all.zip(0..) {
            if let Some(source) = source {
                let data = epoll::EventData::new_u64(data);
                epoll::add(&set, source, data, epoll::EventFlags::IN)?;
            }
        }
        Ok(set)
    }

    /// Sleeps until something happens or is due, and takes what has come.
    fn wait(&mut self, epoll: &Result<OwnedFd, Errno>) {
        let due = (0..self.services.len()).map(|at| self.due(at)).min();
        // A day is as good as for ever, and no number of milliseconds that would be too large.
        let left = due
            .unwrap_or(NEVER)
            .saturating_sub(milliseconds())
            .clamp(0, 86_400_000);
        let mut events = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(u64::MAX),
        }; 16];
        let mut sleep = |time: i64| {
            let timeout = Timespec {
                tv_sec: time / 1000,
                tv_nsec: time % 1000 * 1_000_000,
            };
            epoll::wait(
                epoll.as_ref().map_err(|errno| *errno)?,
                &mut events[..],
                Some(&timeout),
            )
        };
        let mut waited = sleep(left.min(QUIET));
        if waited == Ok(0) && left > QUIET {
            forget_code();
            waited = sleep(left - QUIET);
        }
        match waited {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => {
                self.host.console.failed(b"waiting", b"epoll", errno);
                // Blindly, then: all of it can be asked for without waiting.
                crate::sys::time::pause(1_000_000);
                self.take_signals();
            }
        }
        for event in events {
            match event.data.u64() {
                SIGNALS => self.take_signals(),
                NOTIFY => self.take_notice(),
                at => drop(self.write_log(at.wrapping_sub(OUTPUT) as usize)),
            }
        }
    }

    /// When a container needs attention if nothing happens before.
    fn due(&self, at: usize) -> i64 {
        let course = &self.services[at].course;
        match course.state {
            State::Done => NEVER,
            State::Waiting if self.blocked(at) => NEVER,
            _ => course.deadline,
        }
    }

    /// Whether one of those that it starts after is not ready, and may yet be.
    fn blocked(&self, at: usize) -> bool {
        self.services[at].orders.after.iter().any(|&other| {
            let course = &self.services[other].course;
            !course.ready && course.state != State::Done
        })
    }

    /// Starts what is due, ends what has had its time.
    fn advance(&mut self) {
        let now = milliseconds();
        for at in 0..self.services.len() {
            let due = self.due(at) <= now;
            let id = self.services[at].orders.id.to_bytes();
            match self.services[at].course.state {
                State::Waiting if self.end.is_some() => {
                    self.services[at].course.state = State::Done;
                }
                State::Waiting if due => self.start(at, now),
                State::Starting(pid) if due => {
                    self.host.console.say(&[id, b" is not ready in time"]);
                    self.signal(pid, Signal::KILL);
                    self.services[at].course.status = KILLED;
                    self.remove(at);
                }
                State::Running(_) if due => {
                    self.host.console.say(&[id, b" does not stop in time"]);
                    self.remove(at);
                }
                State::Removing(pid) if due => {
                    self.host
                        .console
                        .say(&[b"removing ", id, b" takes too long"]);
                    self.signal(pid, Signal::KILL);
                    self.services[at].course.deadline = NEVER;
                }
                _ => {}
            }
        }
        if self.end.is_some() {
            let running = |service: &Service<'_>| service.course.state != State::Done;
            if let Some(last) = self.services.iter().rposition(running) {
                self.stop(last, now);
            }
        }
    }

    /// The last of those that still run is asked to end.
    fn stop(&mut self, at: usize, now: i64) {
        let Service { orders, course, .. } = &mut self.services[at];
        match course.state {
            // Who starts it goes; what there is by then of the container is asked next, or ends by itself.
            State::Starting(pid) => self.signal(pid, Signal::KILL),
            State::Running(pid) if !course.told => {
                course.told = true;
                course.deadline = now.saturating_add(orders.settings.stop_timeout);
                let signal = orders.settings.stop_signal;
                self.host.console.say(&[b"stopping ", orders.id.to_bytes()]);
                self.signal(pid, signal);
            }
            _ => {}
        }
    }

    /// The process is a child that was not waited for, so the number is its own.
    fn signal(&self, pid: Pid, signal: Signal) {
        let _ = kill_process(pid, signal);
    }

    fn start(&mut self, at: usize, now: i64) {
        let service = &mut self.services[at];
        match spawn(self.host, service, Task::Start) {
            Ok(pid) => service.course.begin(&service.orders.settings, pid, now),
            Err(errno) => {
                let id = service.orders.id.to_bytes();
                self.host.console.failed(b"starting", id, errno);
                service.course.status = NOT_STARTED;
                self.settle(at);
            }
        }
    }

    fn remove(&mut self, at: usize) {
        let service = &mut self.services[at];
        match spawn(self.host, service, Task::Remove) {
            Ok(pid) => {
                service.course.state = State::Removing(pid);
                service.course.deadline = milliseconds() + REMOVAL;
            }
            Err(errno) => {
                let id = service.orders.id.to_bytes();
                self.host.console.failed(b"removing", id, errno);
                service.course.dirty = true;
                self.settle(at);
            }
        }
    }

    fn settle(&mut self, at: usize) {
        let Service { orders, course, .. } = &mut self.services[at];
        let stopping = self.end.is_some();
        if let Some(pause) = course.settle(&orders.settings, milliseconds(), stopping) {
            let mut room = Digits::default();
            let pause = digits(&mut room, pause as u64, 10);
            let id = orders.id.to_bytes();
            self.host
                .console
                .say(&[id, b" starts again in ", pause, b" ms"]);
        }
    }

    /// Takes the status of every child that has ended: those known here, and every orphan of the machine.
    fn reap(&mut self) {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) => self.ended(pid, status_of(status)),
                Err(Errno::INTR) => {}
                _ => return,
            }
        }
    }

    fn ended(&mut self, pid: Pid, status: u8) {
        for at in 0..self.services.len() {
            let Service { orders, course, .. } = &mut self.services[at];
            match course.state {
                State::Starting(starter) if starter == pid => return self.started(at, status),
                // Who starts it has not ended yet, or only now.
                State::Starting(_) if recorded(self.host, orders.id) == Some(pid) => {
                    course.early = Some(status)
                }
                State::Running(first) if first == pid => return self.exited(at, status),
                State::Removing(remover) if remover == pid => {
                    // Killed by somebody, or for taking too long.
                    if status > 128 && course.deadline != NEVER {
                        return self.remove(at);
                    }
                    course.dirty = status != 0;
                    return self.settle(at);
                }
                _ => {}
            }
        }
    }

    /// Who was to start it has ended.
    fn started(&mut self, at: usize, status: u8) {
        let Service { orders, course, .. } = &mut self.services[at];
        let id = orders.id.to_bytes();
        if let Some(status) = course.early {
            return self.exited(at, status);
        }
        match recorded(self.host, orders.id).filter(|pid| is_child(*pid)) {
            Some(pid) => {
                course.run(&orders.settings, pid);
                self.host.console.say(&[id, b" started"]);
            }
            None => {
                let mut room = Digits::default();
                let number = digits(&mut room, status.into(), 10);
                self.host
                    .console
                    .say(&[id, b" not started, status ", number]);
                course.status = match status {
                    0 => NOT_STARTED,
                    // Not its fault: all are to end, and this was the quickest way.
                    KILLED if self.end.is_some() => 0,
                    status => status,
                };
                // Otherwise it has undone what it did, or another container has this name.
                course.lost = status > 128;
                if course.lost || course.dirty {
                    self.remove(at);
                } else {
                    self.settle(at);
                }
            }
        }
    }

    /// Its first process has ended.
    fn exited(&mut self, at: usize, status: u8) {
        let Service { orders, course, .. } = &mut self.services[at];
        let mut room = Digits::default();
        let number = digits(&mut room, status.into(), 10);
        let id = orders.id.to_bytes();
        self.host
            .console
            .say(&[id, b" exited with status ", number]);
        if !course.told {
            course.status = status;
        }
        self.remove(at);
    }

    fn take_signals(&mut self) {
        // struct signalfd_siginfo, include/uapi/linux/signalfd.h
        let mut buffer = [0u8; 128 * 8];
        let length = rustix::io::read(self.host.signals, &mut buffer).unwrap_or(0);
        for record in buffer[..length].chunks_exact(128) {
            let number = i32::from_ne_bytes([record[0], record[1], record[2], record[3]]);
            let asks = |row: &&(Signal, End)| row.0.as_raw() == number;
            if let Some(&(_, end)) = ENDS.iter().find(asks) {
                self.ask(end);
            }
        }
    }

    /// Everything is to stop; at once, if that was asked before.
    fn ask(&mut self, end: End) {
        if self.end.replace(end).is_none() {
            return self.host.console.say(&[b"stopping all containers"]);
        }
        for service in self.services.iter_mut() {
            if matches!(service.course.state, State::Running(_)) {
                service.course.deadline = 0;
            }
        }
    }

    /// What is said here is known by the end of who says it. A descriptor that comes along is closed by not being
    /// taken, which is the answer that its sender waits for (sd_notify(3), BARRIER).
    fn take_notice(&self) {
        if let Some(notify) = self.host.notify {
            let mut buffer = [0u8; 256];
            let _ = rustix::net::recv(notify, &mut buffer[..], rustix::net::RecvFlags::DONTWAIT);
        }
    }

    /// Moves some output to its log; whether there was any.
    fn write_log(&mut self, at: usize) -> bool {
        let Some(Service {
            orders,
            log: Some(log),
            ..
        }) = self.services.get_mut(at)
        else {
            return false;
        };
        let taken = log.take(self.host.logs, orders.id, orders.settings.log_size);
        taken.unwrap_or_else(|errno| {
            self.host
                .console
                .failed(b"log", orders.id.to_bytes(), errno);
            true
        })
    }
}

/// The status as a shell tells it.
pub fn status_of(status: WaitStatus) -> u8 {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code as u8,
        (None, signal) => 128 + signal.unwrap_or(0) as u8,
    }
}

/// The container's first process, by the link in its directory (`runtime/src/container.rs`), which begins with the pid.
fn recorded(host: &Host<'_>, id: &CStr) -> Option<Pid> {
    let mut path = Path::new();
    let path = put(
        &mut path,
        &[host.root.to_bytes(), b"/", id.to_bytes(), b"/init"],
    )
    .ok()?;
    let mut buffer = [0u8; 64];
    let length = readlinkat_raw(CWD, path, &mut buffer[..]).ok()?;
    let text = &buffer[..length];
    let pid = number(split(text, b' ').next()?, 10)?;
    Pid::from_raw(pid.try_into().ok()?)
}

fn is_child(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(pid), options), Err(Errno::CHILD))
}

/// Runs mote with a command line that anybody could give.
fn spawn(host: &Host<'_>, service: &Service<'_>, task: Task) -> Result<Pid, Errno> {
    match clone(0, None)? {
        Clone::Parent(pid, _) => Ok(pid),
        Clone::Child => {
            let errno = become_command(host, service, task);
            host.console.failed(b"starting", b"mote", errno);
            exit(127)
        }
    }
}

fn become_command(host: &Host<'_>, service: &Service<'_>, task: Task) -> Errno {
    let id = service.orders.id;
    let start = [c"run", c"--detach", c"--bundle", id, id];
    let remove = [c"delete", c"--force", id];
    let own: &[&CStr] = match task {
        Task::Start => &start,
        Task::Remove => &remove,
    };
    let memory = match Arena::new(1 << 20) {
        Ok(memory) => memory,
        Err(errno) => return errno,
    };
    // A console may be gone for good, and a log that can't be opened is an error.
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::NOCTTY | OFlags::CLOEXEC;
    let log: &[&CStr] = match open(host.log, flags, Mode::empty()) {
        Ok(_) => &[c"--log", host.log],
        Err(_) => &[],
    };
    let all = &mut host.words.iter().chain(log).chain(own).copied();
    let words = Vector::new(&memory, host.words.len() + 2 + own.len(), all, 0);
    // Whoever started this process may wait for its word; that is no business of the containers'.
    let theirs = environment().filter(|word| !word.to_bytes().starts_with(b"NOTIFY_SOCKET="));
    let ready = service.orders.settings.ready;
    let own = Some(host.variable).filter(|_| ready == Ready::Notify);
    let theirs = theirs.map(|word| word as &CStr);
    let all = &mut own.into_iter().chain(theirs);
    let variables = Vector::new(&memory, environment().count() + 1, all, 0);
    match (words, variables, settle_process(host, service)) {
        (Ok(words), Ok(variables), Ok(())) => execute_file(host.program, &words, &variables),
        (Err(errno), ..) | (_, Err(errno), _) | (.., Err(errno)) => errno,
    }
}

/// Directory, streams and signals of a new process.
fn settle_process(host: &Host<'_>, service: &Service<'_>) -> Result<(), Errno> {
    let [stdin, stdout, _] = standard_streams();
    let null = host.null;
    let (source, sink) = match (&service.log, service.orders.settings.output) {
        (_, Output::Console) => (stdin, stdout),
        (Some(log), _) => (null, log.sink()),
        (None, _) => (null, null),
    };
    chdir(host.containers)?;
    // The number is part of the command line.
    rustix::io::fcntl_setfd(host.console.fd(), rustix::io::FdFlags::empty())?;
    duplicate_to(source, 0, false)?;
    duplicate_to(sink, 1, false)?;
    duplicate_to(sink, 2, false)?;
    signal::default_all()?;
    signal::set_mask(host.mask).map(drop)
}
