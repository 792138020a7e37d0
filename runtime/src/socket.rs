//! Unix sockets that carry one file descriptor: `--console-socket`, `--pidfd-socket`, and the pair
//! over which a container in the foreground hands over its terminal.
//!
//! The protocol is runc's: a stream socket, one message, whose bytes are a name and whose ancillary
//! data is exactly one descriptor.

use crate::error::{Error, Result};
use crate::text::{c, decimal};
use init::sys::rights;
use rustix::fd::{AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{FileType, Mode, OFlags, open};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with, socketpair,
};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A name longer than any that a pseudoterminal has; the receivers' limit (runc's docs/terminals).
const NAME_MAX: usize = 4096;

/// The address of a socket's path, together with what makes it valid.
pub(crate) struct Address {
    /// Where the socket is.
    pub(crate) unix: SocketAddrUnix,
    _directory: Option<OwnedFd>,
}

impl Address {
    /// An address has room for 107 bytes of path (unix(7)); a longer path goes through its
    /// directory's descriptor.
    pub(crate) fn of(path: &Path) -> Result<Address> {
        let path = path.as_os_str().as_bytes();
        let failed = |errno| Error::of("", path, errno);
        match SocketAddrUnix::new(c(&[path]).as_c_str()) {
            Ok(unix) => {
                return Ok(Address {
                    unix,
                    _directory: None,
                });
            }
            Err(Errno::NAMETOOLONG) => {}
            Err(errno) => return Err(failed(errno)),
        }
        let Some(slash) = path.iter().rposition(|byte| *byte == b'/') else {
            return Err(failed(Errno::NAMETOOLONG));
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory =
            open(c(&[&path[..=slash]]).as_c_str(), flags, Mode::empty()).map_err(failed)?;
        let number = decimal(directory.as_raw_fd() as u64);
        let short = c(&[b"/proc/self/fd/", number.as_bytes(), &path[slash..]]);
        let unix = SocketAddrUnix::new(short.as_c_str()).map_err(failed)?;
        Ok(Address {
            unix,
            _directory: Some(directory),
        })
    }
}

impl Address {
    /// One of the names that aren't files, which begin with a NUL byte (unix(7)).
    pub(crate) fn of_abstract(name: &[u8]) -> core::result::Result<Address, Errno> {
        Ok(Address {
            unix: SocketAddrUnix::new_abstract_name(name)?,
            _directory: None,
        })
    }
}

/// Connects to a listening stream socket.
pub fn connect(path: &Path) -> Result<OwnedFd> {
    let address = Address::of(path)?;
    let socket = unconnected(SocketType::STREAM)?;
    rustix::net::connect(&socket, &address.unix).map_err(|errno| refusal(path, errno))?;
    Ok(socket)
}

/// A unix socket without a name.
pub(crate) fn unconnected(kind: SocketType) -> Result<OwnedFd> {
    socket_with(AddressFamily::UNIX, kind, SocketFlags::CLOEXEC, None)
        .map_err(|errno| Error::call("socket", errno))
}

/// connect(2) says "connection refused" to a file that isn't a socket as it does to a socket that
/// nobody listens on.
#[cold]
fn refusal(path: &Path, errno: Errno) -> Error {
    let path = path.as_os_str().as_bytes();
    let why = match errno {
        Errno::CONNREFUSED => match rustix::fs::stat(c(&[path]).as_c_str()) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Socket => {
                packed!("{}: nobody listens on this socket")
            }
            Ok(_) => packed!("{}: this file is not a socket"),
            Err(_) => return Error::of("", path, errno),
        },
        Errno::PROTOTYPE => packed!("{}: this socket is not a stream socket"),
        _ => return Error::of("", path, errno),
    };
    Error::fill_bytes(why, &[path])
}

/// Two connected stream sockets.
pub fn pair() -> Result<(OwnedFd, OwnedFd)> {
    let made = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    );
    made.map_err(|errno| Error::call("socketpair", errno))
}

/// Sends one descriptor under a name.
pub fn send_fd(socket: BorrowedFd, name: &[u8], fd: BorrowedFd) -> Result<()> {
    rights::send(socket, name, &[fd]).map_err(|errno| Error::call("sendmsg", errno))
}

/// Receives one descriptor and its name; waits for it.
pub fn recv_fd(socket: BorrowedFd) -> Result<(Vec<u8>, OwnedFd)> {
    let mut name = vec![0; NAME_MAX];
    let mut files = rights::Files::new();
    let length = match rights::receive(socket, &mut name, &mut files) {
        Ok(length) if files.len() <= 1 => length,
        Ok(_) | Err(Errno::TOOBIG) => {
            return Err(Error::new(packed!(
                "more than one descriptor came over the socket"
            )));
        }
        Err(errno) => return Err(Error::call("recvmsg", errno)),
    };
    name.truncate(length);
    match files.pop() {
        Some(fd) => Ok((name, fd)),
        None => Err(Error::new(packed!(
            "the socket was closed before a descriptor came"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fd::AsFd;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixDatagram, UnixListener};
    use std::path::PathBuf;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("mote-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        path
    }

    #[test]
    fn a_descriptor_travels_under_its_name() {
        let (near, far) = pair().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        send_fd(near.as_fd(), b"/dev/pts/7", writer.as_fd()).unwrap();
        drop(writer);
        let (name, fd) = recv_fd(far.as_fd()).unwrap();
        assert_eq!(name, b"/dev/pts/7");
        assert!(
            rustix::io::fcntl_getfd(&fd)
                .unwrap()
                .contains(rustix::io::FdFlags::CLOEXEC)
        );
        File::from(fd).write_all(b"x").unwrap();
        let mut text = String::new();
        File::from(reader).read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        drop(near);
        let error = recv_fd(far.as_fd()).unwrap_err().to_string();
        assert_eq!(error, "the socket was closed before a descriptor came");
    }

    #[test]
    fn paths_of_any_length_connect() {
        let base = directory("socket");
        let deep = base.join("d".repeat(150));
        std::fs::create_dir_all(&deep).unwrap();
        // Bound under a short name: the standard library can't bind a long one.
        let listener = UnixListener::bind(base.join("s")).unwrap();
        std::fs::rename(base.join("s"), deep.join("s")).unwrap();
        connect(&deep.join("s")).unwrap();
        listener.accept().unwrap();
        let error = connect(&deep.join("n".repeat(150)))
            .unwrap_err()
            .to_string();
        std::fs::remove_dir_all(&base).unwrap();
        assert!(
            error.ends_with("file name too long (ENAMETOOLONG)"),
            "{error}"
        );
    }

    #[test]
    fn what_is_not_a_listening_stream_socket_is_called_so() {
        let base = directory("not-a-socket");
        File::create(base.join("file")).unwrap();
        drop(UnixListener::bind(base.join("deaf")).unwrap());
        let _datagram = UnixDatagram::bind(base.join("datagram")).unwrap();
        let error = |name: &str| {
            let text = connect(&base.join(name)).unwrap_err().to_string();
            text.strip_prefix(&format!("{}/{name}: ", base.display()))
                .unwrap()
                .to_string()
        };
        assert_eq!(error("file"), "this file is not a socket");
        assert_eq!(error("deaf"), "nobody listens on this socket");
        assert_eq!(error("datagram"), "this socket is not a stream socket");
        assert_eq!(error("absent"), "no such file or directory (ENOENT)");
        std::fs::remove_dir_all(&base).unwrap();
    }
}
