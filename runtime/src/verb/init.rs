//! `init`: the first process of a machine that has nothing else. It runs the containers of a directory.
//!
//! This reads what is wanted; what is done with it is in [`init::machine`] and [`init::supervise`]. What fails is
//! said and survived: process 1 has nobody to give an error to, and its end is the kernel's.

mod annotations;
mod order;

use crate::bundle::{no_memory, text};
use crate::cli::{Global, Options};
use crate::container;
use crate::error::{Error, Result, lossy};
use crate::text::{c, decimal};
use crate::{errno, files, seal};
use annotations::{Document, Wishes};
use init::machine;
use init::say::Console;
use init::supervise::output::Log;
use init::supervise::service::{Course, Orders, Output};
use init::supervise::{End, Host, Service, run as supervise};
use init::sys::arena::Arena;
use init::sys::exec::Vector;
use init::sys::signal::{self, Set};
use init::sys::start;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::{getpid, set_child_subreaper};
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Room for what is kept of all containers: some thousand of them. Only what is used costs memory.
const MEMORY: usize = 4 << 20;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<u8> {
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
    let console = machine::stderr(first).map_err(|errno| Error::call("standard error", errno))?;
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
        return Ok(status);
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
            let words = self.parameters.split(u8::is_ascii_whitespace);
            let mut values = words.filter_map(|word| {
                let rest = word.strip_prefix(b"mote.")?.strip_prefix(name.as_bytes())?;
                match rest.first() {
                    None => Some(&b"1"[..]),
                    Some(b'=') => rest.get(1..),
                    Some(_) => None,
                }
            });
            values.next_back()
        })
    }

    fn end(&self, console: &Console) -> End {
        match self.get("end") {
            None | Some(b"poweroff") => End::PowerOff,
            Some(b"reboot") => End::Reboot,
            Some(b"halt") => End::Halt,
            Some(b"shell") => End::Shell,
            Some(other) => {
                let words = b"\": expected poweroff, reboot, halt or shell; it will be poweroff";
                console.say(&[b"end \"", other, words]);
                End::PowerOff
            }
        }
    }
}

/// Runs the containers until all are done.
fn keep(
    global: &Global,
    settings: &Settings<'_>,
    console: &Console,
    mask: Set,
) -> Result<(Option<End>, u8)> {
    let call = |what| move |errno| Error::call(what, errno);
    let _ = set_child_subreaper(Some(getpid()));
    let signals = signal::descriptor(Set::ALL).map_err(call("signalfd"))?;
    let open = |path, flags| rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
    let program = open(c"/proc/self/exe", OFlags::PATH).map_err(call("/proc/self/exe"))?;
    let null = open(c"/dev/null", OFlags::RDWR).map_err(call("/dev/null"))?;
    let memory = Arena::new(MEMORY).map_err(call("memory"))?;
    let (notify, variable) = match listen() {
        Ok((socket, variable)) => (Some(socket), variable),
        Err(errno) => {
            console.failed(b"readiness", b"NOTIFY_SOCKET", errno);
            (None, CString::default())
        }
    };
    let theirs: Vec<&CStr> = start::environment()
        .filter(|word| {
            !word.to_bytes().starts_with(b"NOTIFY_SOCKET=")
                && !word.to_bytes().starts_with(b"LISTEN_")
        })
        .collect();
    let environment = |spare| Vector::new(&memory, theirs.len(), theirs.iter().copied(), spare);
    let notify_environment = environment(1).map_err(call("memory"))?;
    if notify.is_some() {
        notify_environment.append(text(&memory, variable.as_bytes())?);
    }
    let path = |name, otherwise: &str| {
        let given = settings.get(name).unwrap_or(otherwise.as_bytes());
        let whole = crate::bundle::absolute(Some(OsStr::from_bytes(given)))?.unwrap_or_default();
        text(&memory, whole.as_os_str().as_bytes())
    };
    let containers = path("containers", "/containers")?;
    let logs = path("log-dir", "/run/log/mote")?;
    make_directories(logs.to_bytes());
    let found = find(containers, console)?;
    let root = text(&memory, global.root.as_os_str().as_bytes())?;
    let fd = decimal(console.fd().as_raw_fd() as u64);
    let log = text(&memory, &[b"/proc/self/fd/", fd.as_bytes()].concat())?;
    let loggable = open(log, OFlags::WRONLY | OFlags::APPEND | OFlags::NOCTTY).is_ok();
    let words = [c"mote", c"--root", root, c"--log", log];
    let mut services = services(&found, console, &memory)?;
    let host = Host {
        console,
        program,
        null,
        signals,
        notify,
        environment: environment(0).map_err(call("memory"))?,
        notify_environment,
        mask,
        words: &words[..if loggable { 5 } else { 3 }],
        root,
        containers,
        logs,
    };
    Ok(supervise(&host, &mut services))
}

/// Where those who start containers report readiness.
fn listen() -> core::result::Result<(OwnedFd, CString), Errno> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    let name = ["mote-init-", &decimal(getpid().as_raw_pid() as u64)].concat();
    rustix::net::bind(
        &socket,
        &SocketAddrUnix::new_abstract_name(name.as_bytes())?,
    )?;
    Ok((socket, c(&[b"NOTIFY_SOCKET=@", name.as_bytes()])))
}

/// The containers, in order.
fn services<'a>(
    found: &'a [(String, CString, Wishes)],
    console: &Console,
    memory: &'a Arena,
) -> Result<Vec<Service<'a>>> {
    let named: Vec<order::Named<'_>> = found
        .iter()
        .map(|(name, _, wishes)| order::Named {
            name,
            after: &wishes.after,
        })
        .collect();
    let sorted = order::sort(&named, &mut |name, after, why| {
        console.say(&[
            name.as_bytes(),
            b": after ",
            after.as_bytes(),
            b": ",
            why.as_bytes(),
        ]);
    });
    let mut services = Vec::with_capacity(sorted.len());
    for (at, before) in &sorted {
        let (_, id, wishes) = &found[*at];
        let mut after = memory.list(before.len()).map_err(no_memory)?;
        before
            .iter()
            .try_for_each(|place| after.push(*place))
            .map_err(no_memory)?;
        let settings = wishes.settings;
        let log = (settings.output == Output::Log).then(Log::new);
        let log = log.and_then(|log| {
            log.map_err(|errno| console.failed(b"log", id.to_bytes(), errno))
                .ok()
        });
        let orders = Orders {
            id,
            after: after.finish(),
            settings,
        };
        services.push(Service {
            orders,
            course: Course::NEW,
            log,
        });
    }
    Ok(services)
}

/// Every directory with a config.json, by name, and what its annotations say.
fn find(directory: &CStr, console: &Console) -> Result<Vec<(String, CString, Wishes)>> {
    let failed = |errno| Error::of("", directory.to_bytes(), errno);
    let path = Path::new(OsStr::from_bytes(directory.to_bytes()));
    let opened = files::open(path, OFlags::RDONLY | OFlags::DIRECTORY, 0).map_err(failed)?;
    let mut found: Vec<(String, CString, Wishes)> = Vec::new();
    let listed = files::entries(opened.as_fd(), &mut |file, _| {
        let name = lossy(file.to_bytes());
        let config = [&*name, "/config.json"].concat();
        let read = read(opened.as_fd(), &config, &mut |error| {
            console.say(&[name.as_bytes(), b": ", error.text().as_bytes()]);
        });
        match read {
            Err(Errno::NOENT | Errno::NOTDIR) => {}
            Err(errno) => console.failed(b"reading", config.as_bytes(), errno),
            Ok(_) if container::id(Some(OsStr::new(&name))).is_err() => {
                console.say(&[name.as_bytes(), b": can't be a container's id; passed over"]);
            }
            Ok(wishes) => {
                let place = found.partition_point(|(other, ..)| *other < name);
                found.insert(place, (name, file.to_owned(), wishes));
            }
        }
    });
    listed.map_err(failed)?;
    Ok(found)
}

/// The document's memory is given back: what counts is what its bundle's next start finds there.
fn read(
    directory: rustix::fd::BorrowedFd<'_>,
    config: &str,
    tell: &mut dyn FnMut(Error),
) -> core::result::Result<Wishes, Errno> {
    let file = files::open_at(directory, config, OFlags::RDONLY, 0)?;
    let size = rustix::fs::fstat(&file)?.st_size as usize;
    let memory = Arena::new(size + 1)?;
    let buffer = memory.bytes(size)?;
    let mut length = 0;
    while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match rustix::io::retry_on_intr(|| rustix::io::read(&file, &mut *rest))? {
            0 => break,
            more => length += more,
        }
    }
    let document = spec_min::parse::<Document<'_>>(&mut buffer[..length]);
    Ok(match document {
        Ok(document) => annotations::read(&document, tell),
        Err(error) => {
            tell(Error::new(["config.json:", &error.to_string()].concat()));
            Wishes::default()
        }
    })
}

/// Whatever can't be made shows when it is used.
fn make_directories(path: &[u8]) {
    let ends = (1..path.len())
        .filter(|at| path[*at] == b'/')
        .chain([path.len()]);
    for end in ends {
        let _ = rustix::fs::mkdir(c(&[&path[..end]]).as_c_str(), Mode::from_raw_mode(0o755));
    }
}
