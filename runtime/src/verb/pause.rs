//! `pause`: freezes every process of the container.

use crate::cli::{Code, Global, Options};
use crate::container::{Container, Status, id};
use crate::error::{Error, Result};
use crate::host::Host;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let id = id(options.positional(0))?;
    let host = Host::look()?;
    let container = Container::lock(&global.root, id)?;
    match container.status(&host.procfs)? {
        Status::Running | Status::Created => container.group()?.freeze()?,
        other => {
            return Err(Error::fill(
                packed!("container not running: it is {}"),
                &[other.name()],
            ));
        }
    }
    Ok(0)
}
