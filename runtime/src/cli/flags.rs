//! Every option, one row each, in a list for each verb. The order of the rows is the order in the
//! help.

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

/// The option that every verb has.
pub(super) const HELP: Flag = switch("help", Some('h'), "show help");

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
    HELP,
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

pub(super) static CREATE: &[Flag] = &[
    BUNDLE,
    CONSOLE_SOCKET,
    PIDFD_SOCKET,
    PID_FILE,
    NO_PIVOT,
    NO_NEW_KEYRING,
    PRESERVE_FDS,
];

pub(super) static RUN: &[Flag] = &[
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

pub(super) static EXEC: &[Flag] = &[
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

pub(super) static KILL: &[Flag] =
    &[switch("all", Some('a'), "don't complain about a stopped container").hidden()];

pub(super) static DELETE: &[Flag] = &[switch(
    "force",
    Some('f'),
    "kill it first if it runs; don't complain if it isn't there",
)];

pub(super) static LIST: &[Flag] = &[FORMAT, switch("quiet", Some('q'), "print only the ids")];

pub(super) static SPEC: &[Flag] = &[
    BUNDLE,
    switch("rootless", None, "a config that an ordinary user can run"),
];

pub(super) static PS: &[Flag] = &[FORMAT];
