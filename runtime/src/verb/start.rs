//! `start`: tells a created container's process to go.

use crate::cli::{Code, Global, Options};
use crate::container::{Container, Status, id};
use crate::error::{Error, Result};
use crate::host::Host;
use crate::launch::listen;
use crate::notify;
use crate::stored::Stored;
use crate::tend;
use init::channel::{Channel, Report};
use rustix::fd::AsFd;
use rustix::fs::{Access, AtFlags, accessat};
use rustix::process::{PidfdFlags, pidfd_open};

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let id = id(options.positional(0))?;
    let host = Host::look()?;
    let container = Container::lock(&global.root, id)?;
    match container.status(&host.procfs)? {
        Status::Created => {}
        Status::Stopped => {
            return Err(Error::new(packed!(
                "cannot start a container that has stopped"
            )));
        }
        Status::Running => {
            return Err(Error::new(packed!(
                "cannot start an already running container"
            )));
        }
        other => {
            return Err(Error::fill(
                packed!("cannot start a container in the {} state"),
                &[other.name()],
            ));
        }
    }
    let stored = Stored::read(container)?
        .ok_or_else(|| Error::fill(packed!("{}: config.json is gone"), &[id]))?;
    let facts = stored.facts(global, container)?;
    let plan = stored.plan(&facts)?;
    let init = container
        .alive(&host.procfs)
        .ok_or_else(|| Error::new(packed!("cannot start a container that has stopped")))?;
    let failed = |errno| {
        Error::call(
            packed!("pidfd_open of the container's first process"),
            errno,
        )
    };
    let pidfd = pidfd_open(init.pid, PidfdFlags::empty()).map_err(failed)?;

    // Bound before the program can speak to it.
    let manager = notify::host(crate::host::variable);
    let manager = manager
        .filter(|_| accessat(&container.dir, c"notify", Access::EXISTS, AtFlags::empty()).is_ok());
    let notify = manager
        .map(|manager| notify::Notify::listen(&container.dir.path, &manager, &global.report))
        .transpose()?
        .flatten();

    let channel = Channel(container.dir.connect()?);
    channel
        .answer()
        .map_err(|errno| Error::call(packed!("writing to the container's first process"), errno))?;
    match listen(&channel, plan, init.pid, init.pid, "created")? {
        Report::End => {}
        _ => {
            return Err(Error::new(packed!(
                "the container's first process is out of step"
            )));
        }
    }
    let pid = init.pid.as_raw_nonzero().get() as u32;
    let hooked = tend::run_hooks(
        host,
        plan,
        "poststart",
        (0, plan.hooks.poststart),
        "running",
        pid,
    );
    if let Err(error) = hooked {
        // What `run` does as well: such a container is not left behind.
        if let Err(error) = super::delete::away(global, host, container) {
            global.report.warn(error.text());
        }
        return Err(error);
    }
    if let Some(notify) = notify {
        notify.wait(pidfd.as_fd(), init.pid, &global.report)?;
    }
    Ok(0)
}
