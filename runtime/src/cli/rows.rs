//! Every verb and every option, one row each. Parsing, help and usage errors read these rows; the
//! order of the rows is the order in the help.

use super::{Global, Options};
use crate::error::Result;
use crate::verb;

/// One option.
pub struct Flag {
    /// The name after `--`, or after one `-` as Go's programs have it.
    pub long: &'static str,
    /// The letter after `-`.
    pub short: Option<char>,
    /// What its value is, in capitals, for the help; `None` for a switch.
    pub value: Option<&'static str>,
    /// May be given several times, every value counting.
    pub repeat: bool,
    /// Accepted for callers that give it, left out of the help.
    pub hidden: bool,
    /// What it does, in half a sentence.
    pub help: &'static str,
}

/// One command.
pub struct Verb {
    /// The word on the command line.
    pub name: &'static str,
    /// The words after it, for the help.
    pub arguments: &'static str,
    /// What it does, in half a sentence.
    pub help: &'static str,
    /// Its options, `--help` aside.
    pub flags: &'static [Flag],
    /// How many words it takes, and where its options end.
    pub words: Words,
    /// Does it. The number is the process's exit code.
    pub run: fn(&Global, &Options) -> Result<u8>,
    /// The exit code when `run` returns an error.
    pub error_code: u8,
    /// Brings a process into a container, so that the choice of cgroup driver matters.
    pub enters: bool,
}

/// The words of a verb that are not options.
pub struct Words {
    /// At least so many.
    pub min: usize,
    /// At most so many.
    pub max: usize,
    /// What stands after the first word.
    pub tail: Tail,
}

/// Where the options of a verb end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Options and words in any order.
    Mixed,
    /// The first word ends the options, so that a command's own options need no `--`.
    Verbatim,
    /// Options and words in any order; a `--` after the first word begins a command.
    Command,
}

const fn switch(long: &'static str, short: Option<char>, help: &'static str) -> Flag {
    Flag {
        long,
        short,
        value: None,
        repeat: false,
        hidden: false,
        help,
    }
}

const fn value(
    long: &'static str,
    short: Option<char>,
    value: &'static str,
    help: &'static str,
) -> Flag {
    Flag {
        long,
        short,
        value: Some(value),
        repeat: false,
        hidden: false,
        help,
    }
}

impl Flag {
    const fn repeated(mut self) -> Flag {
        self.repeat = true;
        self
    }

    const fn hidden(mut self) -> Flag {
        self.hidden = true;
        self
    }
}

const fn exactly(count: usize) -> Words {
    Words {
        min: count,
        max: count,
        tail: Tail::Mixed,
    }
}

/// The options before the verb; they are taken after it too.
pub static GLOBAL: &[Flag] = &[
    switch("debug", None, "log what mote does (--log-level debug)"),
    value(
        "log",
        None,
        "FILE",
        "append the log to FILE instead of stderr",
    ),
    value("log-format", None, "FORMAT", "'text' (default) or 'json'"),
    value(
        "log-level",
        None,
        "LEVEL",
        "'error', 'warning', 'info' (default) or 'debug'",
    ),
    value(
        "root",
        None,
        "DIR",
        "where containers' state is kept, best on a tmpfs",
    ),
    switch(
        "systemd-cgroup",
        None,
        "leave cgroups to systemd, with cgroupsPath slice:prefix:name",
    ),
    value(
        "rootless",
        None,
        "WHEN",
        "ignore refusals by cgroups: 'true', 'false' or 'auto' (default)",
    ),
    value("criu", None, "PATH", "ignored").hidden(),
    switch("help", Some('h'), "show help"),
    switch("version", Some('v'), "print the version"),
];

const BUNDLE: Flag = value(
    "bundle",
    Some('b'),
    "DIR",
    "the bundle, by default the current directory",
);
const CONSOLE_SOCKET: Flag = value(
    "console-socket",
    None,
    "PATH",
    "unix socket that is sent the terminal's master end",
);
const PIDFD_SOCKET: Flag = value(
    "pidfd-socket",
    None,
    "PATH",
    "unix socket that is sent a pidfd of the process",
);
const PID_FILE: Flag = value("pid-file", None, "FILE", "write the process id to FILE");
const NO_PIVOT: Flag = switch(
    "no-pivot",
    None,
    "enter the root by moving mounts, not by pivot_root",
);
const NO_NEW_KEYRING: Flag = switch("no-new-keyring", None, "keep the caller's session keyring");
const PRESERVE_FDS: Flag = value(
    "preserve-fds",
    None,
    "N",
    "pass on N file descriptors after stdio and LISTEN_FDS",
);
const DETACH: Flag = switch("detach", Some('d'), "return as soon as the process runs");
const FORMAT: Flag = value("format", Some('f'), "FORMAT", "'table' (default) or 'json'");

static CREATE: &[Flag] = &[
    BUNDLE,
    CONSOLE_SOCKET,
    PIDFD_SOCKET,
    PID_FILE,
    NO_PIVOT,
    NO_NEW_KEYRING,
    PRESERVE_FDS,
];

static RUN: &[Flag] = &[
    BUNDLE,
    CONSOLE_SOCKET,
    PIDFD_SOCKET,
    PID_FILE,
    NO_PIVOT,
    NO_NEW_KEYRING,
    PRESERVE_FDS,
    DETACH,
    switch(
        "keep",
        None,
        "keep the container's state after its process ended",
    ),
    switch(
        "no-subreaper",
        None,
        "leave orphans of the container to the caller's reaper",
    ),
    value(
        "rootfs",
        None,
        "DIR",
        "run a command in DIR with the default config instead of a bundle",
    ),
    switch("rw", None, "with --rootfs: leave the root writable"),
];

static EXEC: &[Flag] = &[
    CONSOLE_SOCKET,
    PIDFD_SOCKET,
    PID_FILE,
    value("cwd", None, "DIR", "the process's current directory"),
    value(
        "env",
        Some('e'),
        "NAME=VALUE",
        "add an environment variable",
    )
    .repeated(),
    switch("tty", Some('t'), "give the process a terminal"),
    value("user", Some('u'), "UID[:GID]", "run as this user and group"),
    value(
        "additional-gids",
        Some('g'),
        "GID",
        "add a supplementary group",
    )
    .repeated(),
    value(
        "process",
        Some('p'),
        "FILE",
        "a process.json that says everything",
    ),
    DETACH,
    value(
        "process-label",
        None,
        "LABEL",
        "the process's SELinux label",
    ),
    value(
        "apparmor",
        None,
        "PROFILE",
        "the process's AppArmor profile",
    ),
    switch(
        "no-new-privs",
        None,
        "the process can't gain privileges by execve",
    ),
    value("cap", Some('c'), "CAPABILITY", "add a capability").repeated(),
    PRESERVE_FDS,
    value(
        "cgroup",
        None,
        "[CONTROLLER,...:]PATH",
        "a cgroup below the container's",
    )
    .repeated(),
    switch(
        "ignore-paused",
        None,
        "go ahead although the container is paused",
    ),
];

static KILL: &[Flag] =
    &[switch("all", Some('a'), "don't complain about a stopped container").hidden()];

static DELETE: &[Flag] = &[switch(
    "force",
    Some('f'),
    "kill it first if it runs; don't complain if it isn't there",
)];

static LIST: &[Flag] = &[FORMAT, switch("quiet", Some('q'), "print only the ids")];

static SPEC: &[Flag] = &[
    BUNDLE,
    switch("rootless", None, "a config that an ordinary user can run"),
];

/// The verbs.
pub static VERBS: &[Verb] = &[
    Verb {
        name: "create",
        arguments: "<container-id>",
        help: "create a container, ready to start",
        flags: CREATE,
        words: exactly(1),
        run: verb::create::run,
        error_code: 1,
        enters: true,
    },
    Verb {
        name: "start",
        arguments: "<container-id>",
        help: "start the process of a created container",
        flags: &[],
        words: exactly(1),
        run: verb::start::run,
        error_code: 1,
        enters: false,
    },
    Verb {
        name: "run",
        arguments: "<container-id> [-- <command> [argument...]]",
        help: "create and start a container, and wait for its end",
        flags: RUN,
        words: Words {
            min: 1,
            max: 1,
            tail: Tail::Command,
        },
        run: verb::run::run,
        error_code: 1,
        enters: true,
    },
    Verb {
        name: "state",
        arguments: "<container-id>",
        help: "print a container's state as JSON",
        flags: &[],
        words: exactly(1),
        run: verb::state::run,
        error_code: 1,
        enters: false,
    },
    Verb {
        name: "kill",
        arguments: "<container-id> [signal]",
        help: "send a signal, TERM by default, to a container's init process",
        flags: KILL,
        words: Words {
            min: 1,
            max: 2,
            tail: Tail::Verbatim,
        },
        run: verb::kill::run,
        error_code: 1,
        enters: false,
    },
    Verb {
        name: "delete",
        arguments: "<container-id>",
        help: "remove what is left of a stopped container",
        flags: DELETE,
        words: exactly(1),
        run: verb::delete::run,
        error_code: 1,
        enters: false,
    },
    Verb {
        name: "list",
        arguments: "",
        help: "list the containers",
        flags: LIST,
        words: exactly(0),
        run: verb::list::run,
        error_code: 1,
        enters: false,
    },
    Verb {
        name: "exec",
        arguments: "<container-id> <command> [argument...]",
        help: "run another process in a container",
        flags: EXEC,
        words: Words {
            min: 1,
            max: usize::MAX,
            tail: Tail::Verbatim,
        },
        run: verb::exec::run,
        error_code: 255,
        enters: true,
    },
    Verb {
        name: "ps",
        arguments: "<container-id> [ps options]",
        help: "list a container's processes",
        flags: &[FORMAT],
        words: Words {
            min: 1,
            max: usize::MAX,
            tail: Tail::Verbatim,
        },
        run: verb::ps::run,
        error_code: 1,
        enters: false,
    },
    Verb {
        name: "pause",
        arguments: "<container-id>",
        help: "suspend all processes of a container",
        flags: &[],
        words: exactly(1),
        run: verb::pause::run,
        error_code: 1,
        enters: false,
    },
    Verb {
        name: "resume",
        arguments: "<container-id>",
        help: "resume the processes of a paused container",
        flags: &[],
        words: exactly(1),
        run: verb::resume::run,
        error_code: 1,
        enters: false,
    },
    Verb {
        name: "spec",
        arguments: "",
        help: "write a template config.json",
        flags: SPEC,
        words: exactly(0),
        run: verb::spec::run,
        error_code: 1,
        enters: false,
    },
    Verb {
        name: "features",
        arguments: "",
        help: "print what mote supports as JSON",
        flags: &[],
        words: exactly(0),
        run: verb::features::run,
        error_code: 1,
        enters: false,
    },
];

/// The verb with this name.
pub fn verb(name: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|verb| verb.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::{Path, PathBuf};

    #[test]
    fn names_are_unambiguous() {
        for flags in VERBS.iter().map(|verb| verb.flags).chain([GLOBAL]) {
            for (n, flag) in flags.iter().enumerate() {
                assert!(
                    flag.long.len() > 1,
                    "a single dash could not tell it from a letter"
                );
                let clash = |other: &Flag| {
                    other.long == flag.long || other.short.is_some() && other.short == flag.short
                };
                assert!(!flags[n + 1..].iter().any(clash), "{}", flag.long);
                assert!(flag.value.is_some() || !flag.repeat);
                assert!(
                    std::ptr::eq(flags, GLOBAL)
                        || !GLOBAL
                            .iter()
                            .any(|g| g.short == flag.short && g.short.is_some())
                );
            }
        }
    }

    fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                sources(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }

    /// `options.flag("detahc")` would silently be false for ever; so every literal name given to
    /// a lookup anywhere in the sources must be a row's, of the right kind.
    #[test]
    fn every_lookup_names_a_row() {
        let rows: Vec<&Flag> = VERBS
            .iter()
            .flat_map(|verb| verb.flags)
            .chain(GLOBAL)
            .collect();
        let wanted: [(&str, fn(&Flag) -> bool); 5] = [
            (".flag(\"", |flag| flag.value.is_none()),
            (".given(\"", |flag| flag.value.is_none()),
            (".text(\"", |flag| flag.value.is_some() && !flag.repeat),
            (".number(\"", |flag| flag.value.is_some() && !flag.repeat),
            (".list(\"", |flag| flag.repeat),
        ];
        let mut files = Vec::new();
        sources(
            Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src")),
            &mut files,
        );
        let mut seen = 0;
        for file in files.iter().filter(|file| !file.ends_with("cli/rows.rs")) {
            let text = std::fs::read_to_string(file).unwrap();
            for line in text
                .lines()
                .filter(|line| line.contains("options.") || line.contains("globals."))
            {
                for (call, right) in wanted {
                    for rest in line.split(call).skip(1) {
                        let name = rest.split('"').next().unwrap();
                        let known = rows.iter().any(|flag| flag.long == name && right(flag));
                        assert!(
                            known,
                            "{}: {call}{name}\" names no row of its kind",
                            file.display()
                        );
                        seen += 1;
                    }
                }
            }
        }
        assert!(seen > 5, "the lookups were not found in the sources");
    }
}
