//! Every option, one row each, in a list for each verb. The order of the rows is the order in the
//! help.

/// One option: `NAME,LETTER VALUE ...`, of which only the name must be.
pub struct Flag {
    words: &'static str,
    /// What it does, in half a sentence. Empty for what is accepted from callers that give it, but left out of the
    /// help.
    pub help: &'static str,
}

const fn flag(words: &'static str, help: &'static str) -> Flag {
    Flag { words, help }
}

impl Flag {
    /// The name after `--`, or after one `-` as Go's programs have it.
    pub fn long(&self) -> &'static str {
        split(split(self.words, b' ').0, b',').0
    }

    /// The letter after `-`, or nothing.
    pub fn short(&self) -> &'static str {
        split(split(self.words, b' ').0, b',').1
    }

    /// What its value is, in capitals, for the help; nothing for a switch.
    pub fn value(&self) -> &'static str {
        let value = split(self.words, b' ').1;
        value.strip_suffix(" ...").unwrap_or(value)
    }

    /// Is followed by a value.
    pub fn takes_value(&self) -> bool {
        !self.value().is_empty()
    }

    /// May be given several times, every value counting.
    pub fn repeated(&self) -> bool {
        self.words.ends_with(" ...")
    }
}

/// What stands before and after the first such byte.
#[inline(never)]
fn split(text: &'static str, byte: u8) -> (&'static str, &'static str) {
    match text.bytes().position(|other| other == byte) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    }
}

/// The option that every verb has.
pub(super) const HELP: Flag = flag("help,h", "show help");

/// The options before the verb; they are taken after it too.
pub static GLOBAL: &[Flag] = &[
    flag("debug", "log what mote does (--log-level debug)"),
    flag("log FILE", "append the log to FILE instead of stderr"),
    flag("log-format FORMAT", "'text' (default) or 'json'"),
    flag(
        "log-level LEVEL",
        "'error', 'warning', 'info' (default) or 'debug'",
    ),
    flag(
        "root DIR",
        "where containers' state is kept, best on a tmpfs",
    ),
    flag(
        "systemd-cgroup",
        "leave cgroups to systemd, with cgroupsPath slice:prefix:name",
    ),
    flag(
        "rootless WHEN",
        "ignore refusals by cgroups: 'true', 'false' or 'auto' (default)",
    ),
    // There are no checkpoints.
    flag("criu PATH", ""),
    HELP,
    flag("version,v", "print the version"),
];

const BUNDLE: Flag = flag(
    "bundle,b DIR",
    "the bundle, by default the current directory",
);
const CONSOLE_SOCKET: Flag = flag(
    "console-socket PATH",
    "unix socket that is sent the terminal's master end",
);
const PIDFD_SOCKET: Flag = flag(
    "pidfd-socket PATH",
    "unix socket that is sent a pidfd of the process",
);
const PID_FILE: Flag = flag("pid-file FILE", "write the process id to FILE");
const NO_PIVOT: Flag = flag(
    "no-pivot",
    "enter the root by moving mounts, not by pivot_root",
);
const NO_NEW_KEYRING: Flag = flag("no-new-keyring", "keep the caller's session keyring");
const PRESERVE_FDS: Flag = flag(
    "preserve-fds N",
    "pass on N file descriptors after stdio and LISTEN_FDS",
);
const DETACH: Flag = flag("detach,d", "return as soon as the process runs");
const FORMAT: Flag = flag("format,f FORMAT", "'table' (default) or 'json'");

const MONITOR: Flag = flag(
    "monitor",
    "leave a small process behind that keeps how the container ended",
);

pub(super) static CREATE: &[Flag] = &[
    BUNDLE,
    CONSOLE_SOCKET,
    PIDFD_SOCKET,
    PID_FILE,
    NO_PIVOT,
    NO_NEW_KEYRING,
    PRESERVE_FDS,
    MONITOR,
];

pub(super) static RUN: &[Flag] = &[
    BUNDLE,
    CONSOLE_SOCKET,
    PIDFD_SOCKET,
    PID_FILE,
    NO_PIVOT,
    NO_NEW_KEYRING,
    PRESERVE_FDS,
    MONITOR,
    DETACH,
    flag("keep", "keep the container's state after its process ended"),
    flag(
        "no-subreaper",
        "leave orphans of the container to the caller's reaper",
    ),
    flag(
        "rootfs DIR",
        "run a command in DIR with the default config instead of a bundle",
    ),
    flag("rw", "with --rootfs: leave the root writable"),
];

pub(super) static EXEC: &[Flag] = &[
    CONSOLE_SOCKET,
    PIDFD_SOCKET,
    PID_FILE,
    flag("cwd DIR", "the process's current directory"),
    flag("env,e NAME=VALUE ...", "add an environment variable"),
    flag("tty,t", "give the process a terminal"),
    flag("user,u UID[:GID]", "run as this user and group"),
    flag("additional-gids,g GID ...", "add a supplementary group"),
    flag("process,p FILE", "a process.json that says everything"),
    DETACH,
    flag("process-label LABEL", "the process's SELinux label"),
    flag("apparmor PROFILE", "the process's AppArmor profile"),
    flag(
        "no-new-privs",
        "the process can't gain privileges by execve",
    ),
    flag("cap,c CAPABILITY ...", "add a capability"),
    PRESERVE_FDS,
    flag(
        "cgroup [CONTROLLER,...:]PATH ...",
        "a cgroup below the container's",
    ),
    flag("ignore-paused", "go ahead although the container is paused"),
];

// A stopped container, of which runc complains without it, is no reason to complain.
pub(super) static KILL: &[Flag] = &[flag("all,a", "")];

pub(super) static DELETE: &[Flag] = &[flag(
    "force,f",
    "kill it first if it runs; don't complain if it isn't there",
)];

pub(super) static LIST: &[Flag] = &[FORMAT, flag("quiet,q", "print only the ids")];

pub(super) static CHECK: &[Flag] = &[
    BUNDLE,
    FORMAT,
    flag(
        "host",
        "say also what this kernel and host can't give to it",
    ),
];

pub(super) static SPEC: &[Flag] = &[
    BUNDLE,
    flag("rootless", "a config that an ordinary user can run"),
    flag(
        "from-legacy",
        "convert a config.json (and runtime.json) from before 1.0.0",
    ),
];

pub(super) static PS: &[Flag] = &[FORMAT];

pub(super) static EVENTS: &[Flag] = &[
    flag("interval TIME", "time between two lines, by default 5s"),
    flag("stats", "print one line and end"),
];

pub(super) static SECCOMP: &[Flag] = &[
    flag(
        "arch ARCH",
        "as `uname -m` or SCMP_ARCH_* says; by default this machine's",
    ),
    BUNDLE,
    flag("config FILE", "a config.json outside a bundle"),
];

pub(super) static UPDATE: &[Flag] = &[
    flag(
        "resources,r FILE",
        "linux.resources as JSON, '-' for stdin, instead of the other options",
    ),
    flag("blkio-weight N", "I/O weight, 10 to 1000"),
    flag("cpu-period USECS", "period of the quota"),
    flag("cpu-quota USECS", "CPU time in each period"),
    flag("cpu-burst USECS", "unused CPU time kept for later"),
    flag("cpu-share N", "CPU weight, 2 to 262144"),
    flag("cpu-rt-period USECS", "period for realtime tasks"),
    flag("cpu-rt-runtime USECS", "CPU time in each of them"),
    flag("cpuset-cpus LIST", "CPUs, such as 0-3,7"),
    flag("cpuset-mems LIST", "memory nodes"),
    flag("cpu-idle N", "1: run only when nothing else wants to"),
    flag("memory SIZE", "memory, such as 512m, or -1 for no limit"),
    flag("memory-reservation SIZE", "memory that it keeps"),
    flag("memory-swap SIZE", "memory and swap together"),
    flag("pids-limit N", "processes and threads"),
    flag("l3-cache-schema SCHEMA", "share of caches, such as L3:0=ff"),
    flag(
        "mem-bw-schema SCHEMA",
        "share of memory bandwidth, such as MB:0=50",
    ),
    flag("kernel-memory SIZE", ""),
    flag("kernel-memory-tcp SIZE", ""),
];

// Each may also be a parameter of the kernel's command line, `mote.NAME=VALUE`.
pub(super) static INIT: &[Flag] = &[
    flag(
        "containers DIR",
        "where the bundles are, '/containers' by default",
    ),
    flag(
        "log-dir DIR",
        "where the containers' output goes, '/run/log/mote' by default",
    ),
    flag(
        "end WHAT",
        "when all are done: 'poweroff' (default), 'reboot', 'halt' or 'shell'",
    ),
    flag("hostname NAME", "the host's name"),
    flag("shell PATH", "the rescue shell, '/bin/sh' by default"),
    flag("rescue YES", "1: run the rescue shell first"),
    flag("cgroup VERSION", "v1: mount cgroups v1 even if there is v2"),
];
