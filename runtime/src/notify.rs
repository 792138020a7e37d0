//! What a service manager hands to the service inside the container: readiness (`NOTIFY_SOCKET`,
//! sd_notify(3)) and listening sockets (`LISTEN_FDS`, sd_listen_fds(3)).
//!
//! The manager takes notifications only from processes of its service, which the container's are
//! not. So the container gets a socket of ours, and of what arrives there the word that the service
//! is ready is passed on.

use crate::error::{Error, Result};
use crate::report::Reporter;
use crate::socket::{Address, send_fd, unconnected};
use crate::text::{c, decimal, fill, number, split};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketType, recv, send};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Pid;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Where the container finds the directory with the socket.
pub const DIRECTORY_INSIDE: &str = "/run/notify";

/// The container's variable that names the socket.
pub const VARIABLE_INSIDE: &str = "NOTIFY_SOCKET=/run/notify/notify.sock";

/// How long the manager may take to say that it has dealt with our messages.
const BARRIER: Timespec = Timespec {
    tv_sec: 30,
    tv_nsec: 0,
};

/// The manager's socket, if there is one.
pub fn host(variable: impl Fn(&str) -> Option<OsString>) -> Option<OsString> {
    variable("NOTIFY_SOCKET").filter(|name| !name.is_empty())
}

/// Makes the directory that is to be bound, read-only, on [`DIRECTORY_INSIDE`]; returns its path.
pub fn make_directory(state: &Path) -> Result<PathBuf> {
    let path = c(&[state.as_os_str().as_bytes(), b"/notify"]);
    let made = rustix::fs::mkdir(&path, Mode::from_raw_mode(0o755));
    made.map_err(|errno| Error::of("", path.as_bytes(), errno))?;
    Ok(PathBuf::from(OsStr::from_bytes(path.as_bytes())))
}

/// The container's socket and a line to the manager.
pub struct Notify {
    socket: OwnedFd,
    host: OwnedFd,
}

impl Notify {
    /// Puts the socket into the directory of a container's state and connects to the manager's. A variable that is
    /// left over, of a manager who has gone, is told of and no more.
    pub fn listen(state: &Path, host: &OsStr, report: &Reporter) -> Result<Option<Notify>> {
        let host = match manager(host) {
            Ok(host) => host,
            Err(error) => {
                report.warn(error.text());
                return Ok(None);
            }
        };
        let path = c(&[state.as_os_str().as_bytes(), b"/notify/notify.sock"]);
        let address = Address::of(Path::new(OsStr::from_bytes(path.as_bytes())))?;
        let socket = unconnected(SocketType::DGRAM)?;
        // Of a `start` that was killed.
        let _ = rustix::fs::unlink(&path);
        rustix::net::bind(&socket, &address.unix)
            // Whatever user the service runs as may write to it.
            .and_then(|()| rustix::fs::chmod(&path, Mode::from_raw_mode(0o777)))
            .map_err(|errno| Error::of("", path.as_bytes(), errno))?;
        Ok(Some(Notify { socket, host }))
    }

    /// Polls as readable when the container has said something.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Takes one message, which must be there; returns its line that says the service is ready.
    pub fn take(&self) -> Result<Option<Vec<u8>>> {
        let mut buffer = [0; 4096];
        let length = match recv(&self.socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            Ok((_, length)) => length.min(buffer.len()),
            Err(Errno::AGAIN | Errno::INTR) => 0,
            Err(errno) => return Err(Error::call(packed!("container's NOTIFY_SOCKET"), errno)),
        };
        let mut lines = split(&buffer[..length], b'\n');
        Ok(lines
            .find(|line| line.starts_with(b"READY="))
            .map(<[u8]>::to_vec))
    }

    /// Waits until the service is ready, and passes that on, or until its process has gone.
    pub fn wait(&self, pidfd: BorrowedFd, pid: Pid, report: &Reporter) -> Result<()> {
        loop {
            let mut fds = [
                PollFd::new(&self.socket, PollFlags::IN),
                PollFd::from_borrowed_fd(pidfd, PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(Error::call("poll", errno)),
            }
            let (spoken, gone) = (fds[0].revents(), fds[1].revents());
            if !spoken.is_empty() {
                if let Some(line) = self.take()? {
                    self.ready(&line, pid)?;
                    return self.barrier(report);
                }
            } else if !gone.is_empty() {
                return Ok(());
            }
        }
    }

    /// Tells the manager that the service is ready and which process it is to watch.
    pub fn ready(&self, line: &[u8], main: Pid) -> Result<()> {
        self.say(&[line, b"\n"].concat())?;
        self.say(fill("MAINPID={}\n", &[&decimal(main.as_raw_pid() as u64)]).as_bytes())
    }

    fn say(&self, text: &[u8]) -> Result<()> {
        let sent = send(&self.host, text, SendFlags::NOSIGNAL);
        sent.map(drop)
            .map_err(|errno| Error::call("NOTIFY_SOCKET", errno))
    }

    /// Waits until the manager has closed the descriptor it is sent, which it does after all that
    /// came before: it must know the main process before this one, whom it knows, goes away.
    fn barrier(&self, report: &Reporter) -> Result<()> {
        let failed = |errno| Error::call(packed!("NOTIFY_SOCKET: BARRIER"), errno);
        let (ours, theirs) = pipe_with(PipeFlags::CLOEXEC).map_err(failed)?;
        send_fd(self.host.as_fd(), b"BARRIER=1", theirs.as_fd())
            .map_err(|error| error.under("NOTIFY_SOCKET: BARRIER"))?;
        drop(theirs);
        let mut fds = [PollFd::new(&ours, PollFlags::empty())];
        match poll(&mut fds, Some(&BARRIER)) {
            Ok(0) => report.warn("NOTIFY_SOCKET: no answer to BARRIER in 30 s; went on without"),
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(failed(errno)),
        }
        Ok(())
    }
}

/// Connects to the manager; `@` stands for the NUL byte of an abstract address, unix(7).
fn manager(host: &OsStr) -> Result<OwnedFd> {
    let failed = |errno| Error::of("", &[b"NOTIFY_SOCKET=", host.as_bytes()].concat(), errno);
    let socket = unconnected(SocketType::DGRAM)?;
    let address = match host.as_bytes().strip_prefix(b"@") {
        Some(name) => Address::of_abstract(name).map_err(failed)?,
        None => Address::of(Path::new(host))?,
    };
    rustix::net::connect(&socket, &address.unix).map_err(failed)?;
    Ok(socket)
}

/// Descriptors, from 3 on, that are for the service.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listening {
    /// How many.
    pub count: u32,
    /// What `LISTEN_FDNAMES` calls them.
    pub names: Option<OsString>,
}

impl Listening {
    /// Those that the variables speak of, if it is this process they were meant for.
    pub fn passed_to(own: Pid, variable: impl Fn(&str) -> Option<OsString>) -> Listening {
        let numeral = |name| variable(name).and_then(|text| number(text.as_bytes()));
        let count = numeral("LISTEN_FDS").and_then(|count| u32::try_from(count).ok());
        match (count, numeral("LISTEN_PID")) {
            (Some(count @ 1..), Some(pid)) if pid == own.as_raw_pid() as u64 => Listening {
                count,
                names: variable("LISTEN_FDNAMES"),
            },
            _ => Listening::default(),
        }
    }

    /// The variables that tell the container's process 1 of them.
    pub fn variables(&self) -> Vec<OsString> {
        if self.count == 0 {
            return Vec::new();
        }
        let mut variables = vec![
            fill("LISTEN_FDS={}", &[&decimal(self.count.into())]).into(),
            OsString::from("LISTEN_PID=1"),
        ];
        if let Some(names) = &self.names {
            let mut variable = OsString::from("LISTEN_FDNAMES=");
            variable.push(names);
            variables.push(variable);
        }
        variables
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Format, Level};
    use rustix::process::{PidfdFlags, pidfd_open};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixDatagram;
    use std::process::{Command, Stdio};

    struct Service {
        base: PathBuf,
        manager: UnixDatagram,
        notify: Notify,
    }

    fn service(name: &str) -> Service {
        let base = std::env::temp_dir().join(format!("mote-notify-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&base).unwrap();
        let host = base.join("host");
        let manager = UnixDatagram::bind(&host).unwrap();
        assert_eq!(make_directory(&base).unwrap(), base.join("notify"));
        let report = Reporter::new(Level::Error, Format::Text);
        let notify = Notify::listen(&base, host.as_os_str(), &report);
        let notify = notify.unwrap().unwrap();
        Service {
            base,
            manager,
            notify,
        }
    }

    #[test]
    fn readiness_is_passed_on() {
        let Service {
            base,
            manager,
            notify,
        } = service("ready");
        let path = base.join("notify/notify.sock");
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o777
        );
        let client = UnixDatagram::unbound().unwrap();
        client.send_to(b"STATUS=starting", &path).unwrap();
        client.send_to(b"STATUS=up\nREADY=1\nX=2", &path).unwrap();
        let heard = std::thread::spawn(move || {
            let mut buffer = [0; 100];
            let first = manager.recv(&mut buffer).unwrap();
            let mut text = String::from_utf8_lossy(&buffer[..first]).into_owned();
            let second = manager.recv(&mut buffer).unwrap();
            text += &String::from_utf8_lossy(&buffer[..second]);
            // Without room for it, the barrier's descriptor is closed by the kernel.
            let third = manager.recv(&mut buffer).unwrap();
            text + &String::from_utf8_lossy(&buffer[..third])
        });
        let own = rustix::process::getpid();
        let pidfd = pidfd_open(own, PidfdFlags::empty()).unwrap();
        notify
            .wait(
                pidfd.as_fd(),
                own,
                &Reporter::new(Level::Error, Format::Text),
            )
            .unwrap();
        std::fs::remove_dir_all(&base).unwrap();
        assert_eq!(
            heard.join().unwrap(),
            format!("READY=1\nMAINPID={own}\nBARRIER=1")
        );
    }

    #[test]
    fn the_end_of_the_process_ends_the_wait() {
        let Service { base, notify, .. } = service("gone");
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let pid = Pid::from_raw(child.id() as i32).unwrap();
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).unwrap();
        drop(child.stdin.take());
        notify
            .wait(
                pidfd.as_fd(),
                pid,
                &Reporter::new(Level::Error, Format::Text),
            )
            .unwrap();
        child.wait().unwrap();
        std::fs::remove_dir_all(&base).unwrap();
    }

    #[test]
    fn listening_descriptors() {
        let own = Pid::from_raw(7).unwrap();
        let rows = [
            (Some("2"), Some("7"), None, 2),
            (Some("2"), Some("7"), Some("a:b"), 2),
            (Some("2"), Some("8"), None, 0),
            (Some("2"), None, None, 0),
            (None, Some("7"), None, 0),
            (Some("0"), Some("7"), None, 0),
            (Some("-1"), Some("7"), None, 0),
            (Some("x"), Some("7"), None, 0),
        ];
        for (fds, pid, names, count) in rows {
            let listening = Listening::passed_to(own, |name| {
                let value = match name {
                    "LISTEN_FDS" => fds,
                    "LISTEN_PID" => pid,
                    _ => names,
                };
                value.map(OsString::from)
            });
            assert_eq!(listening.count, count);
            let variables = listening.variables();
            assert_eq!(
                variables.first().is_some_and(|text| text == "LISTEN_FDS=2"),
                count == 2
            );
            assert_eq!(
                variables.iter().any(|text| text == "LISTEN_FDNAMES=a:b"),
                names.is_some()
            );
        }
    }
}
