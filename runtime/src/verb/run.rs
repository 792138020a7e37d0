//! `run`: create and start in one, and by default stay until the program ends.

use super::create::{Request, Stay, create};
use crate::cli::{Code, Global, Options};
use crate::error::{Error, Result};
use crate::seal;

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    seal::seal()?;
    let stay = if options.flag("detach") {
        Stay::Detach
    } else {
        Stay::Attach
    };
    let request = Request::read(global, options, stay)?;
    if stay == Stay::Attach && !options.flag("no-subreaper") {
        let reaper = rustix::process::set_child_subreaper(Some(rustix::process::getpid()));
        reaper.map_err(|errno| Error::call(packed!("PR_SET_CHILD_SUBREAPER"), errno))?;
    }
    let arena = request.bundle.arena()?;
    let mut created = create(global, &request, &arena)?;
    created.go()?;
    match stay {
        Stay::Attach => created.attend(options.flag("keep")),
        _ => created.detach().map(|()| 0),
    }
}
