//! The options before the verb, resolved: where state lies, how to log, which privileges to expect.

use super::options::Options;
use super::parse::parse_bool;
use crate::dbus::Bus;
use crate::error::{Error, Result};
use crate::files;
use crate::report::{Format, Level, Reporter};
use crate::text::{c, is, split, words};
use rustix::fs::{Mode, chmod};
use std::cell::OnceCell;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// What every verb is told beside its own options.
pub struct Global {
    /// The last part of the name that mote was called by.
    pub program: String,
    /// The directory of all state, absolute and never `/`. It may not exist yet.
    pub root: PathBuf,
    /// `--root` was given: a root that doesn't exist is then a mistake, not an empty list.
    pub root_given: bool,
    /// The root was put in `$XDG_RUNTIME_DIR`.
    root_in_xdg: bool,
    /// `--rootless` other than `auto`.
    rootless: Option<bool>,
    /// What that comes to, once it has been asked for.
    is_rootless: OnceCell<bool>,
    /// Once it has been asked for.
    in_user_namespace: OnceCell<bool>,
    /// `--systemd-cgroup`.
    pub systemd_cgroup: bool,
    /// Where to say things.
    pub report: Reporter,
}

impl Global {
    /// Resolves the options; opens the log file, makes nothing else.
    pub fn new(program: &str, globals: &Options) -> Result<Global> {
        let report = reporter(globals)?;
        let in_user_namespace = OnceCell::new();
        let (root, root_in_xdg) = match globals.text("root") {
            Some(given) => (given.to_owned(), false),
            None => default_root(&crate::host::variable, euid(), &|| {
                *in_user_namespace.get_or_init(self::in_user_namespace)
            }),
        };
        let root = absolute(&root)?;
        let rootless = match word(globals, "rootless", "auto") {
            "auto" => None,
            word => Some(parse_bool(word).ok_or_else(|| {
                Error::fill(
                    packed!("--rootless {}: 'true', 'false' or 'auto' is needed"),
                    &[word],
                )
            })?),
        };
        Ok(Global {
            program: program.to_string(),
            root,
            root_given: globals.text("root").is_some(),
            root_in_xdg,
            rootless,
            is_rootless: OnceCell::new(),
            in_user_namespace,
            systemd_cgroup: globals.flag("systemd-cgroup"),
            report,
        })
    }

    /// Whether cgroups that can't be written are to be expected and passed over.
    pub fn rootless(&self) -> bool {
        *self.is_rootless.get_or_init(|| {
            self.rootless.unwrap_or_else(|| {
                // Uid 0 in a user namespace may be anybody; whose systemd it has knows (runc's rule).
                let users = || Bus::connect(true).ok()?.owner();
                euid() != 0
                    || self.in_user_namespace()
                        && (!self.systemd_cgroup || users().unwrap_or(0) != 0)
            })
        })
    }

    /// Whether mote is in another user namespace than the first.
    pub fn in_user_namespace(&self) -> bool {
        *self.in_user_namespace.get_or_init(in_user_namespace)
    }

    /// Makes the root directory for a first container, for the owner's eyes only.
    pub fn make_root(&self) -> Result<()> {
        let path = self.root.as_os_str().as_bytes();
        let mut made = files::make_directories(path, 0o700);
        if self.root_in_xdg {
            // The sticky bit keeps periodic clean-ups of $XDG_RUNTIME_DIR away (XDG base directory
            // specification, "XDG_RUNTIME_DIR").
            made = made.and_then(|()| chmod(c(&[path]).as_c_str(), Mode::from_raw_mode(0o1700)));
        }
        made.map_err(|errno| Error::of("", &[b"state directory ", path].concat(), errno))
    }
}

/// The word that an option was given; what isn't UTF-8 is no word that is known.
fn word<'a>(globals: &'a Options, name: &str, otherwise: &'a str) -> &'a str {
    globals
        .text(name)
        .map_or(otherwise, |text| text.to_str().unwrap_or("\u{fffd}"))
}

fn reporter(globals: &Options) -> Result<Reporter> {
    let format = match word(globals, "log-format", "text") {
        "text" => Format::Text,
        "json" => Format::Json,
        other => return Err(Error::fill(packed!("invalid log-format: {}"), &[other])),
    };
    let name = word(globals, "log-level", "info");
    let level =
        Level::named(name).ok_or_else(|| Error::fill(packed!("invalid log-level: {}"), &[name]))?;
    let report = Reporter::new(
        if globals.flag("debug") {
            Level::Debug
        } else {
            level
        },
        format,
    );
    match globals.text("log") {
        Some(path) => report.to_file(Path::new(path)),
        None => Ok(report),
    }
}

fn euid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The first user namespace maps every id to itself (user_namespaces(7)); a kernel without user
/// namespaces has no map at all.
fn in_user_namespace() -> bool {
    let map = files::read(Path::new("/proc/self/uid_map")).unwrap_or_default();
    let mut words = words(&map);
    let mut next_is = |number| words.next().is_some_and(|word| is(word, number));
    !(map.is_empty() || next_is("0") && next_is("0") && next_is("4294967295"))
}

/// `$XDG_RUNTIME_DIR/mote` for whoever isn't the host's root, else `/run/mote`; and whether it is
/// the former. Uid 0 in a user namespace is a user in disguise, unless `$USER` says root, as it
/// does in a container that has an init of its own.
fn default_root(
    variable: &dyn Fn(&str) -> Option<OsString>,
    euid: u32,
    in_user_namespace: &dyn Fn() -> bool,
) -> (OsString, bool) {
    let root = || variable("USER").is_some_and(|user| user == "root");
    let ordinary = || euid != 0 || !root() && in_user_namespace();
    match variable("XDG_RUNTIME_DIR") {
        Some(mut directory) if !directory.is_empty() && ordinary() => {
            directory.push("/mote");
            (directory, true)
        }
        _ => (OsString::from("/run/mote"), false),
    }
}

/// Made absolute and cleaned by text alone, as a directory that doesn't exist yet can be.
fn absolute(path: &OsStr) -> Result<PathBuf> {
    let whole = crate::bundle::absolute(Some(path))?.unwrap_or_default();
    let mut clean: Vec<u8> = Vec::new();
    for part in split(whole.as_os_str().as_bytes(), b'/') {
        match part {
            b"" | b"." => {}
            b".." => clean.truncate(clean.iter().rposition(|byte| *byte == b'/').unwrap_or(0)),
            part => {
                clean.push(b'/');
                clean.extend_from_slice(part);
            }
        }
    }
    if clean.is_empty() {
        return Err(Error::new(packed!(
            "--root can't be /: state would lie among the host's directories"
        )));
    }
    Ok(PathBuf::from(OsString::from_vec(clean)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn default_roots() {
        const XDG: Option<&str> = Some("/run/user/7");
        let rows = [
            (0, false, None, None, "/run/mote", false),
            (0, false, XDG, None, "/run/mote", false),
            (0, true, XDG, None, "/run/user/7/mote", true),
            (0, true, XDG, Some("u"), "/run/user/7/mote", true),
            (0, true, XDG, Some("root"), "/run/mote", false),
            (7, false, XDG, Some("root"), "/run/user/7/mote", true),
            (7, false, None, None, "/run/mote", false),
            (7, false, Some(""), None, "/run/mote", false),
        ];
        for (euid, user_ns, xdg, user, path, in_xdg) in rows {
            let variable = |name: &str| match name {
                "USER" => user.map(OsString::from),
                _ => xdg.map(OsString::from),
            };
            assert_eq!(
                default_root(&variable, euid, &|| user_ns),
                (OsString::from(path), in_xdg)
            );
        }
    }

    #[test]
    fn roots_are_absolute_and_never_the_hosts() {
        for path in ["/", "//", "/a/..", "/../..", "/."] {
            assert!(absolute(OsStr::new(path)).is_err(), "{path}");
        }
        assert_eq!(
            absolute(OsStr::new("/a/../b/./c")).unwrap(),
            Path::new("/b/c")
        );
        assert_eq!(
            absolute(OsStr::new("x")).unwrap(),
            std::env::current_dir().unwrap().join("x")
        );
    }

    #[test]
    fn the_root_under_xdg_is_sticky() {
        let xdg = std::env::temp_dir().join(format!("mote-xdg-{}", std::process::id()));
        let mut global = Global::new("mote", &Options::default()).unwrap();
        for (in_xdg, mode) in [(true, 0o1700), (false, 0o700)] {
            global.root = xdg.join("mote");
            global.root_in_xdg = in_xdg;
            global.make_root().unwrap();
            let made = std::fs::metadata(&global.root)
                .unwrap()
                .permissions()
                .mode()
                & 0o7777;
            std::fs::remove_dir_all(&xdg).unwrap();
            assert_eq!(made, mode);
        }
    }
}
