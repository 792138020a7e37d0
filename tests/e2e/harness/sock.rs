//! The receiving end of `--console-socket` and `--pidfd-socket`: one message with a
//! name as payload and one descriptor (what runc's recvtty does).
use super::{R, fail};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, Instant};

/// A listening socket at a path of the case's.
pub struct FdSocket {
    listener: UnixListener,
}

impl FdSocket {
    /// Listens at `path`, open for every user.
    pub fn listen(path: &Path) -> R<FdSocket> {
        use std::os::unix::fs::PermissionsExt;
        let listener = UnixListener::bind(path)?;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777))?;
        listener.set_nonblocking(true)?;
        Ok(FdSocket { listener })
    }

    /// The payload and the descriptor of one message.
    pub fn receive(&self) -> R<(String, OwnedFd)> {
        let end = Instant::now() + Duration::from_secs(10);
        let stream = loop {
            match self.listener.accept() {
                Ok((stream, _)) => break stream,
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(e) => return fail(format!("nobody connected to the socket: {e}")),
            }
        };
        stream.set_nonblocking(false)?;
        let mut payload = [0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut payload)];
        let got = recvmsg(&stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let mut fds: Vec<OwnedFd> = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(list) = message {
                fds.extend(list);
            }
        }
        if fds.len() != 1 {
            return fail(format!(
                "{} descriptors came over the socket, not one",
                fds.len()
            ));
        }
        let name = String::from_utf8_lossy(&payload[..got.bytes]).into_owned();
        fds.pop().map(|fd| (name, fd)).ok_or_else(|| "no fd".into())
    }
}
