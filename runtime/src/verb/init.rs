//! `init`: the first process of a machine that has nothing else. It runs the containers of a directory.
//!
//! This reads what is wanted; what is done with it is in [`init::machine`] and [`init::supervise`]. What fails is
//! said and survived: process 1 has nobody to give an error to, and its end is the kernel's.

mod annotations;
mod order;

use crate::bundle::text;
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
    let mut services = services(global, settings, console, &memory)?;
    let host = Host {
        console,
        program,
        null,
        signals,
        notify,
        environment: environment(0).map_err(call("memory"))?,
        notify_environment,
        mask,
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

/// The bundles of the directory, in order.
fn services<'a>(
    global: &Global,
    settings: &Settings<'_>,
    console: &Console,
    memory: &'a Arena,
) -> Result<Vec<Service<'a>>> {
    let absolute = |name, otherwise: &'static str| {
        let given = settings.get(name).unwrap_or(otherwise.as_bytes());
        crate::bundle::absolute(Some(OsStr::from_bytes(given)))
    };
    let directory = absolute("containers", "/containers")?.unwrap_or_default();
    let logs = absolute("log-dir", "/run/log/mote")?.unwrap_or_default();
    make_directories(logs.as_os_str().as_bytes());
    let found = find(&directory, console)?;
    let named: Vec<order::Named<'_>> = found
        .iter()
        .map(|(name, wishes)| order::Named {
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
    let fd = decimal(console.fd().as_raw_fd() as u64);
    let log = ["/proc/self/fd/", &*fd].concat();
    let loggable = files::open(
        Path::new(&log),
        OFlags::WRONLY | OFlags::APPEND | OFlags::NOCTTY,
        0,
    )
    .is_ok();
    let shared = [
        Some("mote"),
        Some("--root"),
        global.root.to_str(),
        loggable.then_some("--log"),
        loggable.then_some(&*log),
    ];
    let shared = shared
        .iter()
        .flatten()
        .map(|word| text(memory, word.as_bytes()));
    let shared = shared.collect::<Result<Vec<&CStr>>>()?;
    let mut services = Vec::with_capacity(sorted.len());
    for (at, before) in &sorted {
        let (name, wishes) = &found[*at];
        let path = |pieces: &[&[u8]]| text(memory, &pieces.concat());
        let id = path(&[name.as_bytes()])?;
        let words = |own: &[&'a CStr]| {
            let all = shared.iter().chain(own).copied();
            Vector::new(memory, shared.len() + own.len(), all, 0).map_err(crate::bundle::no_memory)
        };
        let bundle = path(&[directory.as_os_str().as_bytes(), b"/", name.as_bytes()])?;
        let mut after = memory
            .list(before.len())
            .map_err(crate::bundle::no_memory)?;
        for place in before {
            after.push(*place).map_err(crate::bundle::no_memory)?;
        }
        let logs = logs.as_os_str().as_bytes();
        let orders = Orders {
            id,
            start: words(&[c"run", c"--detach", c"--bundle", bundle, id])?,
            remove: words(&[c"delete", c"--force", id])?,
            record: path(&[
                global.root.as_os_str().as_bytes(),
                b"/",
                name.as_bytes(),
                b"/init",
            ])?,
            log: path(&[logs, b"/", name.as_bytes(), b".log"])?,
            old_log: path(&[logs, b"/", name.as_bytes(), b".log.1"])?,
            after: after.finish(),
            settings: wishes.settings,
        };
        let log = match wishes.settings.output {
            Output::Log => Log::new()
                .map_err(|errno| console.failed(b"log", name.as_bytes(), errno))
                .ok(),
            _ => None,
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
fn find(directory: &Path, console: &Console) -> Result<Vec<(String, Wishes)>> {
    let failed = |errno| Error::of("", directory.as_os_str().as_bytes(), errno);
    let opened = files::open(directory, OFlags::RDONLY | OFlags::DIRECTORY, 0).map_err(failed)?;
    let mut names: Vec<String> = Vec::new();
    let listed = files::entries(opened.as_fd(), &mut |name, _| {
        names.push(lossy(name.to_bytes()))
    });
    listed.map_err(failed)?;
    names.sort_unstable();
    let mut found = Vec::new();
    for name in names {
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
            Ok(wishes) => found.push((name, wishes)),
        }
    }
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
