//! `delete`: removes what `create` made.

use crate::cli::{Code, Global, Options};
use crate::container::{Container, Dir, Status, id};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::stored::Stored;
use crate::tend;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::process::{Signal, pidfd_send_signal};
use std::time::Duration;

/// How long a killed process may take to be gone.
const PATIENCE: Duration = Duration::from_secs(10);

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let id = id(options.positional(0))?;
    let force = options.flag("force");
    if Dir::open(&global.root, id)?.is_none() {
        return if force {
            Ok(0)
        } else {
            Err(Error::fill(packed!("container does not exist: {}"), &[id]))
        };
    }
    let host = Host::look()?;
    let container = match Container::lock_remains(&global.root, id) {
        // Somebody else was faster.
        Err(_) if force && Dir::open(&global.root, id)?.is_none() => return Ok(0),
        result => result?,
    };
    let status = container.status(&host.procfs)?;
    if !force && !matches!(status, Status::Stopped | Status::Created) {
        let status = status.name();
        return Err(Error::fill(
            packed!("cannot delete container {} that is not stopped: {}; `delete --force` ends it"),
            &[id, status],
        ));
    }
    away(global, host, container)?;
    Ok(0)
}

/// Ends a container that is locked, whatever its status, and destroys it (runtime.md, "Lifecycle", steps 12 and 13).
pub fn away(global: &Global, host: &Host, container: &Container) -> Result<()> {
    if let Some(pidfd) = container.open_init(&host.procfs)? {
        end(container, &pidfd)?;
    }
    destroy(global, host, container)
}

fn end(container: &Container, pidfd: &OwnedFd) -> Result<()> {
    let failed = |errno| Error::call(packed!("killing the container's first process"), errno);
    match pidfd_send_signal(pidfd, Signal::KILL) {
        Ok(()) | Err(Errno::SRCH) => {}
        Err(errno) => return Err(failed(errno)),
    }
    let group = container.group()?;
    if group.is_frozen().unwrap_or(false) {
        group.thaw()?;
    }
    let wait = Timespec {
        tv_sec: PATIENCE.as_secs() as i64,
        tv_nsec: 0,
    };
    let died =
        rustix::io::retry_on_intr(|| poll(&mut [PollFd::new(pidfd, PollFlags::IN)], Some(&wait)));
    match died.map_err(failed)? {
        0 => Err(Error::new(packed!("container init still running"))),
        _ => Ok(()),
    }
}

/// Cgroups, state, then the hooks that are told of it.
fn destroy(global: &Global, host: &Host, container: &Container) -> Result<()> {
    let stored = Stored::read(container)?;
    let group = container.group()?;
    group.kill_all(PATIENCE)?;
    group.remove()?;
    // Where resctrl is no longer mounted nothing of it is left.
    if let Ok(Some(rdt)) = container.rdt(&host.procfs) {
        rdt.remove()?;
    }
    container.dir.remove()?;
    let Some(stored) = stored else { return Ok(()) };
    let facts = stored.facts(global, container)?;
    // A config that was good at `create` is good now, or the hooks are out of reach.
    let Ok(plan) = stored.plan(&facts) else {
        return Ok(());
    };
    tend::run_last_hooks(host, plan, &global.report);
    Ok(())
}
