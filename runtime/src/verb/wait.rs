//! `wait`: until a container has ended; its exit code, if somebody has seen it.

use crate::cli::{Code, Global, Options};
use crate::container::{Container, id};
use crate::ending;
use crate::error::Error;
use crate::error::Result;
use crate::host::Host;
use crate::text::{fill, unpacked};
use rustix::event::{PollFd, PollFlags, poll};

/// The exit code when the container has ended and nobody has seen how.
const UNKNOWN: Code = 254;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let id = id(options.positional(0))?;
    let host = Host::look()?;
    let container = Container::find(&global.root, id)?;
    // Opened now: `delete` may be faster than the last look.
    let early = ending::open(&container.dir)?;
    if let Some(pidfd) = container.open_init(&host.procfs)? {
        let fd = &mut [PollFd::new(&pidfd, PollFlags::IN)];
        let waited = rustix::io::retry_on_intr(|| poll(fd, None));
        waited.map_err(|errno| Error::call(packed!("waiting for the container: poll"), errno))?;
    } else if container.init.is_none() {
        return Err(Error::fill(
            packed!("container {} has no process yet"),
            &[id],
        ));
    }
    let file = match early {
        None => ending::open(&container.dir)?,
        early => early,
    };
    let ending = file.as_ref().map(ending::settled).transpose()?.flatten();
    Ok(match ending {
        Some(ending) => ending.exit.code.into(),
        None => {
            let why = unpacked(packed!(
                "has ended; its exit code is not known, since nobody watched it (create or run it with --monitor)"
            ));
            global.report.error(&fill("container {} {}", &[id, &why]));
            UNKNOWN
        }
    })
}
