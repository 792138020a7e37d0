//! The bundle: a directory with a config.json, or what `run --rootfs` makes up in its place.

use crate::cli::{Global, Options};
use crate::container::id;
use crate::error::{Error, Result};
use crate::verb::spec::{Template, default_config, unified_cgroups};
use init::sys::arena::Arena;
use spec_min::Spec;
use std::ffi::OsStr;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStrExt;
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
        let dir = options.text("bundle").map(Path::new);
        if let Some(dir) = dir {
            std::env::set_current_dir(dir).map_err(|error| Error::io(format_args!("bundle {}", dir.display()), &error))?;
        }
        let path = std::env::current_dir().map_err(|error| Error::io("bundle", &error))?;
        let config = match options.text("rootfs") {
            Some(rootfs) => made_up(global, options, rootfs)?,
            None => read(&path)?,
        };
        Ok(Bundle { id, path, config })
    }

    /// The document, decoded in a copy of its own.
    pub fn parse<'a>(&self, arena: &'a Arena) -> Result<Spec<'a>> {
        parse(&self.config, arena)
    }

    /// Memory for its plan.
    pub fn arena(&self) -> Result<Arena> {
        arena(self.config.len())
    }
}

/// Decodes a config.json.
pub fn parse<'a>(config: &[u8], arena: &'a Arena) -> Result<Spec<'a>> {
    let buffer = arena.bytes(config.len()).map_err(|errno| Error::os("config.json", errno))?;
    buffer.copy_from_slice(config);
    spec_min::parse_spec(buffer).map_err(|error| Error::new(format!("config.json:{error}")))
}

/// Memory for the plan of a document of that length.
pub fn arena(length: usize) -> Result<Arena> {
    let size = length + crate::plan::arena_size(length) + (1 << 20);
    Arena::new(size).map_err(|errno| Error::os("memory for the plan: mmap", errno))
}

fn read(bundle: &Path) -> Result<Vec<u8>> {
    std::fs::read("config.json").map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(format!(
            "config.json: no such file or directory (ENOENT) in the bundle {}; `spec` writes a template",
            bundle.display()
        )),
        _ => Error::io(format_args!("{}/config.json", bundle.display()), &error),
    })
}

/// The default config, for a command given on the command line.
fn made_up(global: &Global, options: &Options, rootfs: &OsStr) -> Result<Vec<u8>> {
    let words: Vec<&[u8]> = options.rest().iter().map(|word| word.as_bytes()).collect();
    if words.is_empty() {
        return Err(Error::new("run --rootfs: which command? `run --rootfs DIR ID -- COMMAND [ARGUMENT...]`"));
    }
    let rootfs = std::fs::canonicalize(rootfs).map_err(|error| Error::io(format_args!("--rootfs {}", Path::new(rootfs).display()), &error))?;
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal() && !options.flag("detach");
    let user = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
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
    path.map(|path| std::path::absolute(path).map_err(|error| Error::io(Path::new(path).display(), &error))).transpose()
}
