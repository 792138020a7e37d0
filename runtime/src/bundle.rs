//! The bundle: a directory with a config.json, or what `run --rootfs` makes up in its place.

use crate::cli::{Global, Options};
use crate::container::id;
use crate::error::{Error, Result};
use crate::files;
use crate::legacy;
use crate::plan::misread;
use crate::report::{Level, Reporter};
use crate::verb::spec::{Template, default_config, unified_cgroups};
use init::sys::arena::Arena;
use rustix::io::Errno;
use rustix::stdio;
use rustix::termios::isatty;
use spec_min::Spec;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What `create` and `run` are asked for.
#[derive(Debug)]
pub struct Bundle {
    /// The container's id.
    pub id: String,
    /// Absolute.
    pub path: PathBuf,
    /// The document as it was read; it is kept with the container's state.
    pub config: Vec<u8>,
}

impl Bundle {
    /// Reads it, and makes its directory the current one: hooks are run there.
    pub fn open(global: &Global, options: &Options) -> Result<Bundle> {
        let id = id(options.positional(0))?.to_string();
        let path = enter(options)?;
        let config = match options.text("rootfs") {
            Some(rootfs) => made_up(global, options, rootfs)?,
            None => read(&path)?,
        };
        Ok(Bundle { id, path, config })
    }

    /// The same for a bundle that no container is made from.
    pub fn look(options: &Options) -> Result<Bundle> {
        let path = enter(options)?;
        let config = read(&path)?;
        let id = String::new();
        Ok(Bundle { id, path, config })
    }

    /// The document, decoded in a copy of its own.
    pub fn parse<'a>(&self, arena: &'a Arena) -> Result<&'a Spec<'a>> {
        parse(&self.config, arena)
    }

    /// Memory for its plan.
    pub fn arena(&self) -> Result<Arena> {
        arena(self.config.len())
    }
}

/// Decodes a config.json.
pub fn parse<'a>(config: &[u8], arena: &'a Arena) -> Result<&'a Spec<'a>> {
    let spec = spec_min::parse_spec(copy(config, arena)?).map_err(|error| {
        let (path, text) = error.message.parts();
        Error::new(misread("config.json", &error)).and(legacy::hint(path, text, config))
    })?;
    Ok(arena.put(spec).map_err(no_memory)?)
}

/// A copy of the document that may be written to.
pub fn copy<'a>(config: &[u8], arena: &'a Arena) -> Result<&'a mut [u8]> {
    let buffer = arena
        .bytes(config.len())
        .map_err(|errno| Error::call("config.json", errno))?;
    buffer.copy_from_slice(config);
    Ok(buffer)
}

/// What is said of a document that can't be read.
#[cold]
#[inline(never)]
pub fn unreadable(document: &str, error: spec_min::Error) -> Error {
    Error::new(misread(document, &error))
}

/// Under `--debug`: warns of keys that an object has twice, which is right for JSON and hardly ever what is meant.
pub fn warn_of_repeated_keys(report: &Reporter, document: &str, text: &[u8]) {
    if report.level() < Level::Debug {
        return;
    }
    let colons = text.iter().filter(|byte| **byte == b':').count();
    let mut slots = vec![spec_min::Slot::default(); 2 * colons + 1];
    // Of a thousand of them the first are enough.
    let _ = spec_min::repeated_keys(&mut text.to_vec(), &mut slots, 20, &mut |error| {
        report.warn(&misread(document, error));
    });
}

/// Memory for the plan of a document of that length.
pub fn arena(length: usize) -> Result<Arena> {
    let size = length + crate::plan::arena_size(length) + (1 << 20);
    Arena::new(size).map_err(|errno| Error::call(packed!("memory for the plan: mmap"), errno))
}

/// Makes the bundle's directory the current one.
fn enter(options: &Options) -> Result<PathBuf> {
    let dir = options.text("bundle").map(Path::new);
    if let Some(dir) = dir {
        let entered = rustix::process::chdir(dir);
        entered.map_err(|errno| Error::of("bundle", dir.as_os_str().as_bytes(), errno))?;
    }
    let path = rustix::process::getcwd(Vec::new())
        .map_err(|errno| Error::call(packed!("bundle: getcwd"), errno))?;
    Ok(PathBuf::from(OsString::from_vec(path.into_bytes())))
}

fn read(bundle: &Path) -> Result<Vec<u8>> {
    files::read(Path::new("config.json")).map_err(|errno| {
        let error = Error::fill_bytes(packed!("{}/config.json"), &[bundle.as_os_str().as_bytes()])
            .with(errno);
        match errno {
            Errno::NOENT => Error::fill(packed!("{}; `spec` writes a template"), &[error.text()]),
            _ => error,
        }
    })
}

/// The default config, for a command given on the command line.
fn made_up(global: &Global, options: &Options, rootfs: &OsStr) -> Result<Vec<u8>> {
    let words: Vec<&[u8]> = options.rest().iter().map(|word| word.as_bytes()).collect();
    if words.is_empty() {
        return Err(Error::new(packed!(
            "run --rootfs: which command? `run --rootfs DIR ID -- COMMAND [ARGUMENT...]`"
        )));
    }
    let rootfs = absolute(Some(rootfs))?.unwrap_or_default();
    let terminal = isatty(stdio::stdin()) && isatty(stdio::stdout()) && !options.flag("detach");
    let user = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    let text = default_config(&Template {
        terminal,
        args: &words,
        root: rootfs.as_os_str().as_bytes(),
        readonly: !options.flag("rw"),
        cgroup_namespace: unified_cgroups(),
        rootless: (global.rootless() && user.0 != 0).then_some(user),
    });
    Ok(text.into_bytes())
}

/// A path from the command line, to be used after the bundle has become the current directory.
pub fn absolute(path: Option<&OsStr>) -> Result<Option<PathBuf>> {
    let Some(path) = path.map(Path::new) else {
        return Ok(None);
    };
    if path.is_absolute() {
        return Ok(Some(path.to_owned()));
    }
    let here = rustix::process::getcwd(Vec::new()).map_err(|errno| Error::call("getcwd", errno))?;
    Ok(Some(
        Path::new(OsStr::from_bytes(here.as_bytes())).join(path),
    ))
}

/// Text in the plan's memory.
#[inline(never)]
pub fn text<'a>(arena: &'a Arena, bytes: &[u8]) -> Result<&'a core::ffi::CStr> {
    arena.text(&[bytes]).map_err(no_memory)
}

/// What the plan's memory says when it is full.
#[cold]
pub fn no_memory(errno: Errno) -> Error {
    Error::call(packed!("memory for the plan"), errno)
}
