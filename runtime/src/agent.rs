//! Hands a seccomp filter's listener to whoever answers for the calls that it asks about: `listenerPath`.
//!
//! The agent gets one message on a stream socket: the container process state (runtime-spec, config-linux.md, "The
//! Container Process State"), and with it the descriptor.

use crate::SPEC_VERSION;
use crate::error::{Error, Result, lossy};
use crate::json::{Layout, Writer};
use crate::socket;
use crate::text::decimal;
use init::plan::Plan;
use rustix::fd::{AsFd, OwnedFd};
use rustix::process::Pid;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// `pid` is the process that has the filter, `first` the container's first one.
pub fn hand_over(
    plan: &Plan<'_>,
    listener: OwnedFd,
    pid: Pid,
    first: Pid,
    status: &str,
) -> Result<()> {
    let Some(to) = plan.process.seccomp.and_then(|seccomp| seccomp.listener) else {
        return Err(Error::new(packed!(
            "the container's process is out of step"
        )));
    };
    let [pid, first] = [pid, first].map(|pid| decimal(pid.as_raw_pid() as u64));
    let state = plan.state;
    let state = [
        state.head,
        status.as_bytes(),
        state.middle,
        first.as_bytes(),
        state.tail,
    ];
    let mut json = Writer::new(Layout::Compact);
    json.open_object();
    json.text("ociVersion", SPEC_VERSION);
    json.key("fds");
    json.raw("[\"seccompFd\"]");
    json.key("pid");
    json.raw(&pid);
    if !to.metadata.is_empty() {
        json.key("metadata");
        json.bytes(to.metadata.to_bytes());
    }
    json.key("state");
    json.raw(&lossy(&state.concat()));
    json.close();
    let path = Path::new(OsStr::from_bytes(to.path.to_bytes()));
    socket::connect(path)
        .and_then(|agent| {
            socket::send_fd(agent.as_fd(), json.finish().as_bytes(), listener.as_fd())
        })
        .map_err(|error| Error::fill(packed!("linux.seccomp.listenerPath: {}"), &[error.text()]))
}
