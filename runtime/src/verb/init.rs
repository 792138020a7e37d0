//! `init`: the first process of a machine that has nothing else. It runs the containers of a directory.
//!
//! This reads what is wanted; what is done with it is in [`init::machine`] and [`init::supervise`]. What fails is
//! said and survived: process 1 has nobody to give an error to, and its end is the kernel's.

mod annotations;
mod order;

use crate::bundle::{self, absolute, no_memory, unreadable};
use crate::cli::{Code, Global, Options};
use crate::error::{Error, Result};
use crate::plan::words::{Words, words};
use crate::socket::Address;
use crate::text::{self, c, decimal};
use crate::{container, errno, files, seal};
use annotations::{Document, Wishes};
use core::mem::ManuallyDrop;
use init::machine;
use init::say::Console;
use init::supervise::output::Log;
use init::supervise::service::{Course, Orders, Output};
use init::supervise::{End, Host, Service, run as supervise};
use init::sys::arena::Arena;
use init::sys::signal::{self, Set};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::process::{getpid, set_child_subreaper};
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;

/// Room for what is kept of all containers: some thousand of them. Only what is used costs memory.
const MEMORY: usize = 4 << 20;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let first = getpid().is_init();
    // Here nothing is mounted yet, and so neither locked with the new root nor done twice.
    let sealed = seal::seal();
    let left = if first {
        machine::leave_initramfs()
    } else {
        Ok(())
    };
    let settings = Settings::read(options, first);
    let mut missing = Vec::new();
    if first {
        let v1 = settings.get("cgroup") == Some(b"v1");
        machine::mount_missing(v1, &mut |target, errno| missing.push((target, errno)));
        let _ = machine::open_console();
    }
    let console =
        machine::stderr(first).map_err(|errno| Error::call(packed!("standard error"), errno))?;
    let console = Console::new(console, errno::words);
    for (target, errno) in missing {
        console.failed(b"mounting", target.to_bytes(), errno);
    }
    if let Err(error) = sealed {
        console.say(&[error.text().as_bytes()]);
    }
    if let Err(errno) = left {
        console.failed(
            b"leaving the initramfs",
            b"a container may come back to it",
            errno,
        );
    }
    let mask = signal::set_mask(Set::ALL).unwrap_or(Set::NONE);
    let shell = c(&[settings.get("shell").unwrap_or(b"/bin/sh")]);
    if first {
        machine::settle(&console, settings.get("hostname"));
        if settings.get("rescue").is_some_and(|word| word != b"0") {
            machine::shell(&console, &shell, mask);
        }
    }
    let wanted = settings.end(&console);
    let (asked, status) = match keep(global, &settings, &console, mask) {
        Ok(result) => result,
        Err(error) if !machine::is_own() => return Err(error),
        Err(error) => {
            console.say(&[error.text().as_bytes()]);
            (None, 255)
        }
    };
    if !machine::is_own() {
        return Ok(status.into());
    }
    let end = asked.unwrap_or(wanted);
    if end == End::Shell {
        machine::shell(&console, &shell, mask);
    }
    machine::end(&console, end, status)
}

/// Options, and the kernel's parameters of the same names.
struct Settings<'o> {
    options: &'o Options,
    parameters: Vec<u8>,
}

impl Settings<'_> {
    /// The kernel's words are for the process that it starts.
    fn read(options: &Options, first: bool) -> Settings<'_> {
        let host = init::procfs::Procfs::open().ok().filter(|_| first);
        let mut buffer = [0; 4096];
        let line = host.and_then(|procfs| {
            procfs
                .read(c"cmdline", &mut buffer)
                .ok()
                .map(<[u8]>::to_vec)
        });
        let parameters = line.unwrap_or_default();
        Settings {
            options,
            parameters,
        }
    }

    fn get(&self, name: &str) -> Option<&[u8]> {
        let given = self.options.text(name).map(OsStr::as_bytes);
        given.or_else(|| {
            let values = text::words(&self.parameters).filter_map(|word| {
                let rest = word.strip_prefix(b"mote.")?.strip_prefix(name.as_bytes())?;
                match rest.first() {
                    None => Some(&b"1"[..]),
                    Some(b'=') => rest.get(1..),
                    Some(_) => None,
                }
            });
            values.last()
        })
    }

    /// An absolute path.
    fn path<'m>(&self, memory: &'m Arena, name: &str, otherwise: &str) -> Result<&'m CStr> {
        let given = self.get(name).unwrap_or(otherwise.as_bytes());
        let whole = absolute(Some(OsStr::from_bytes(given)))?.unwrap_or_default();
        bundle::text(memory, whole.as_os_str().as_bytes())
    }

    fn end(&self, console: &Console) -> End {
        const WORDS: Words = words! { "poweroff", "reboot", "halt", "shell" };
        let Some(word) = self.get("end") else {
            return End::PowerOff;
        };
        if let Some(place) = WORDS.place(word) {
            return [End::PowerOff, End::Reboot, End::Halt, End::Shell][place];
        }
        let expected = b"\": expected poweroff, reboot, halt or shell; it will be poweroff";
        console.say(&[b"end \"", word, expected]);
        End::PowerOff
    }
}

/// Runs the containers until all are done.
fn keep(
    global: &Global,
    settings: &Settings<'_>,
    console: &Console,
    mask: Set,
) -> Result<(Option<End>, u8)> {
    let _ = set_child_subreaper(Some(getpid()));
    // What is made here stays as long as the process.
    let memory = Arena::new(MEMORY).map_err(|errno| Error::call("memory", errno))?;
    let memory = &*ManuallyDrop::new(memory);
    let signals = signal::descriptor(Set::ALL).map_err(|errno| Error::call("signalfd", errno))?;
    let signals = ManuallyDrop::new(signals);
    let program = open(c"/proc/self/exe", OFlags::PATH)?;
    let null = open(c"/dev/null", OFlags::RDWR)?;
    let containers = settings.path(memory, "containers", "/containers")?;
    let logs = settings.path(memory, "log-dir", "/run/log/mote")?;
    let _ = files::make_directories(logs.to_bytes(), 0o755);
    let root = bundle::text(memory, global.root.as_os_str().as_bytes())?;
    let fd = decimal(console.fd().as_raw_fd() as u64);
    let log = memory
        .text(&[b"/proc/self/fd/", fd.as_bytes()])
        .map_err(no_memory)?;
    let words = [c"mote", c"--root", root, c"--systemd-cgroup"];
    let (notify, variable) = match listen(memory) {
        Ok((socket, variable)) => (Some(ManuallyDrop::new(socket)), variable),
        Err(errno) => {
            console.failed(b"readiness", b"NOTIFY_SOCKET", errno);
            (None, c"")
        }
    };
    let mut found = ManuallyDrop::new(find(containers, console)?);
    order::sort(&mut found);
    let services = services(&found, console, memory)?;
    let host = Host {
        console,
        program: program.as_fd(),
        null: null.as_fd(),
        signals: signals.as_fd(),
        notify: notify.as_ref().map(|socket| socket.as_fd()),
        variable,
        mask,
        words: &words[..3 + usize::from(global.systemd_cgroup)],
        log,
        root,
        containers,
        logs,
    };
    Ok(supervise(&host, &mut ManuallyDrop::new(services)))
}

/// A file that stays open.
fn open(path: &CStr, flags: OFlags) -> Result<ManuallyDrop<OwnedFd>> {
    let opened = rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
    opened
        .map(ManuallyDrop::new)
        .map_err(|errno| Error::of("", path.to_bytes(), errno))
}

/// Where those who start containers report readiness, and the variable that says so.
fn listen(memory: &Arena) -> core::result::Result<(OwnedFd, &CStr), Errno> {
    let kind = SocketType::DGRAM;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)?;
    let pid = decimal(getpid().as_raw_pid() as u64);
    let variable = memory.text(&[b"NOTIFY_SOCKET=@mote-init-", pid.as_bytes()])?;
    let name = variable.to_bytes().get(15..).unwrap_or_default();
    rustix::net::bind(&socket, &Address::of_abstract(name)?.unix)?;
    Ok((socket, variable))
}

/// A bundle, and what its annotations say.
struct Found {
    id: CString,
    wishes: Wishes,
}

impl order::Named for Found {
    fn name(&self) -> &[u8] {
        self.id.to_bytes()
    }

    fn after(&self) -> &[u8] {
        &self.wishes.after
    }
}

/// The containers, in order.
fn services<'a>(
    found: &'a [Found],
    console: &Console,
    memory: &'a Arena,
) -> Result<Vec<Service<'a>>> {
    let mut services = ManuallyDrop::new(Vec::with_capacity(found.len()));
    for (place, Found { id, wishes }) in found.iter().enumerate() {
        let mut after = memory.list(place).map_err(no_memory)?;
        let mut take = |other| {
            let _ = after.push(other);
        };
        order::before(found, place, &mut take, &mut |other, why| {
            console.say(&[id.to_bytes(), b": after ", other, b": ", why.as_bytes()]);
        });
        let settings = wishes.settings;
        let log = match settings.output {
            Output::Log => Log::new(),
            _ => Err(Errno::NOENT),
        };
        let orders = Orders {
            id,
            after: after.finish(),
            settings,
        };
        services.push(Service {
            orders,
            course: Course::NEW,
            log: log.ok(),
        });
    }
    Ok(ManuallyDrop::into_inner(services))
}

/// Every directory with a config.json, by name.
fn find(directory: &CStr, console: &Console) -> Result<Vec<Found>> {
    let opened = open(directory, OFlags::RDONLY | OFlags::DIRECTORY)?;
    let mut found: Vec<Found> = Vec::new();
    let listed = files::entries(opened.as_fd(), &mut |file, _| {
        let name = file.to_bytes();
        let path = c(&[name, b"/config.json"]);
        match read(opened.as_fd(), &path, &mut |error| {
            console.say(&[name, b": ", error.text().as_bytes()])
        }) {
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(errno) => console.failed(b"reading", path.to_bytes(), errno),
            Ok(_) if container::id(Some(OsStr::from_bytes(name))).is_err() => {
                console.say(&[name, b": can't be a container's id; passed over"]);
            }
            Ok(wishes) => {
                let place = found.iter().take_while(|other| *other.id < *file).count();
                found.insert(
                    place,
                    Found {
                        id: file.to_owned(),
                        wishes,
                    },
                );
            }
        }
    });
    listed.map_err(|errno| Error::of("", directory.to_bytes(), errno))?;
    Ok(found)
}

/// The document's memory is given back: what counts is what its bundle's next start finds there.
fn read(
    directory: BorrowedFd<'_>,
    path: &CStr,
    tell: &mut dyn FnMut(Error),
) -> core::result::Result<Wishes, Errno> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(directory, path, flags, Mode::empty())?;
    let size = rustix::fs::fstat(&file)?.st_size as usize;
    let memory = Arena::new(size + 1)?;
    let buffer = memory.bytes(size)?;
    // Memory is one piece, and so is what a file gives to one read of its size.
    let length = rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut *buffer))?;
    let document = spec_min::parse::<Document<'_>>(buffer.get_mut(..length).unwrap_or_default());
    Ok(match document {
        Ok(document) => annotations::read(&document, tell),
        Err(error) => {
            tell(unreadable("config.json", error));
            Wishes::default()
        }
    })
}
