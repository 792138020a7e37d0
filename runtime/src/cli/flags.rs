//! Every option, one line each, in a list for each verb. The order of the lines is the order in the
//! help.

use crate::text::{Pieces, pieces};
use init::packed::{Packed, start};

/// One option: `NAME,LETTER VALUE ...`, of which only the name must be.
#[derive(Clone, Copy)]
pub struct Flag(&'static str);

impl Flag {
    /// The name after `--`, or after one `-` as Go's programs have it.
    pub fn long(self) -> &'static str {
        split(split(self.0, b' ').0, b',').0
    }

    /// The letter after `-`, or nothing.
    pub fn short(self) -> &'static str {
        split(split(self.0, b' ').0, b',').1
    }

    /// What its value is, in capitals, for the help; nothing for a switch.
    pub fn value(self) -> &'static str {
        let value = split(self.0, b' ').1;
        value.strip_suffix(" ...").unwrap_or(value)
    }

    /// Is followed by a value.
    pub fn takes_value(self) -> bool {
        !self.value().is_empty()
    }

    /// May be given several times, every value counting.
    pub fn repeated(self) -> bool {
        self.0.ends_with(" ...")
    }
}

/// What stands before and after the first such byte.
#[inline(never)]
fn split(text: &'static str, byte: u8) -> (&'static str, &'static str) {
    let mut parts = pieces(text, byte);
    (
        parts.next().unwrap_or_default(),
        parts.rest().unwrap_or_default(),
    )
}

/// A list of options. One text takes less room than a table of pointers to texts.
#[derive(Clone, Copy)]
pub struct Flags {
    words: &'static str,
    helps: Packed,
}

impl Flags {
    /// Each with what it does, in half a sentence. That is empty for what is accepted from callers that give it, but left
    /// out of the help.
    pub fn with_help(self) -> impl Iterator<Item = (Flag, Packed)> {
        self.into_iter().zip(self.helps.split(b'\n'))
    }
}

impl IntoIterator for Flags {
    type Item = Flag;
    type IntoIter = core::iter::Map<Pieces<'static>, fn(&'static str) -> Flag>;

    fn into_iter(self) -> Self::IntoIter {
        pieces(self.words.trim_ascii_end(), b'\n').map(Flag)
    }
}

/// A list of rows `NAME,LETTER VALUE ...|HELP`, in which nobody who runs a container looks for the help.
macro_rules! flags {
    ($($row:expr),* $(,)?) => {{
        const ROWS: &str = concat!($($row),*);
        const SPLIT: ([[u8; ROWS.len()]; 2], [usize; 2]) = columns(ROWS);
        const WORDS: [u8; SPLIT.1[0]] = start(&SPLIT.0[0]);
        const HELPS: [u8; SPLIT.1[1]] = start(&SPLIT.0[1]);
        Flags {
            words: text(&WORDS),
            helps: packed!(text(&HELPS)),
        }
    }};
}

/// What stands before the `|` of the lines, and what stands behind it; the two lengths.
const fn columns<const N: usize>(rows: &str) -> ([[u8; N]; 2], [usize; 2]) {
    let (mut columns, mut lengths) = ([[0; N]; 2], [0; 2]);
    let (mut at, mut column) = (0, 0);
    while at < N {
        let byte = rows.as_bytes()[at];
        if byte == b'|' {
            column = 1;
        } else {
            columns[column][lengths[column]] = byte;
            lengths[column] += 1;
        }
        if byte == b'\n' {
            columns[0][lengths[0]] = byte;
            lengths[0] += 1;
            column = 0;
        }
        at += 1;
    }
    (columns, lengths)
}

const fn text(bytes: &[u8]) -> &str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("a row is ASCII"),
    }
}

/// The options that several verbs have.
macro_rules! shared {
    (bundle) => {
        "bundle,b DIR|the bundle, by default the current directory\n"
    };
    (console_socket) => {
        "console-socket PATH|unix socket that is sent the terminal's master end\n"
    };
    (pidfd_socket) => {
        "pidfd-socket PATH|unix socket that is sent a pidfd of the process\n"
    };
    (pid_file) => {
        "pid-file FILE|write the process id to FILE\n"
    };
    (no_pivot) => {
        "no-pivot|enter the root by moving mounts, not by pivot_root\n"
    };
    (no_new_keyring) => {
        "no-new-keyring|keep the caller's session keyring\n"
    };
    (preserve_fds) => {
        "preserve-fds N|pass on N file descriptors after stdio and LISTEN_FDS\n"
    };
    (detach) => {
        "detach,d|return as soon as the process runs\n"
    };
    (format) => {
        "format,f FORMAT|'table' (default) or 'json'\n"
    };
    (monitor) => {
        "monitor|leave a small process behind that keeps how the container ended\n"
    };
    (create) => {
        concat!(
            shared!(bundle),
            shared!(console_socket),
            shared!(pidfd_socket),
            shared!(pid_file),
            shared!(no_pivot),
            shared!(no_new_keyring),
            shared!(preserve_fds),
            shared!(monitor),
        )
    };
}

/// No options.
pub(super) const NONE: Flags = flags!("");

/// The option that every verb has.
pub(super) const HELP: Flags = flags!("help,h|show help");

/// The options before the verb; they are taken after it too.
pub const GLOBAL: Flags = flags!(
    "debug|log what mote does (--log-level debug)\n",
    "log FILE|append the log to FILE instead of stderr\n",
    "log-format FORMAT|'text' (default) or 'json'\n",
    "log-level LEVEL|'error', 'warning', 'info' (default) or 'debug'\n",
    "root DIR|where containers' state is kept, best on a tmpfs\n",
    "systemd-cgroup|leave cgroups to systemd, with cgroupsPath slice:prefix:name\n",
    "rootless WHEN|ignore refusals by cgroups: 'true', 'false' or 'auto' (default)\n",
    // There are no checkpoints.
    "criu PATH|\n",
    "help,h|show help\n",
    "version,v|print the version\n",
);

pub(super) const CREATE: Flags = flags!(shared!(create));

pub(super) const RUN: Flags = flags!(
    shared!(create),
    shared!(detach),
    "keep|keep the container's state after its process ended\n",
    "no-subreaper|leave orphans of the container to the caller's reaper\n",
    "rootfs DIR|run a command in DIR with the default config instead of a bundle\n",
    "rw|with --rootfs: leave the root writable\n",
);

pub(super) const EXEC: Flags = flags!(
    shared!(console_socket),
    shared!(pidfd_socket),
    shared!(pid_file),
    "cwd DIR|the process's current directory\n",
    "env,e NAME=VALUE ...|add an environment variable\n",
    "tty,t|give the process a terminal\n",
    "user,u UID[:GID]|run as this user and group\n",
    "additional-gids,g GID ...|add a supplementary group\n",
    "process,p FILE|a process.json that says everything\n",
    shared!(detach),
    "process-label LABEL|the process's SELinux label\n",
    "apparmor PROFILE|the process's AppArmor profile\n",
    "no-new-privs|the process can't gain privileges by execve\n",
    "cap,c CAPABILITY ...|add a capability\n",
    shared!(preserve_fds),
    "cgroup [CONTROLLER,...:]PATH ...|a cgroup below the container's\n",
    "ignore-paused|go ahead although the container is paused\n",
);

// A stopped container, of which runc complains without it, is no reason to complain.
pub(super) const KILL: Flags = flags!("all,a|\n");

pub(super) const DELETE: Flags =
    flags!("force,f|kill it first if it runs; don't complain if it isn't there\n");

pub(super) const LIST: Flags = flags!(shared!(format), "quiet,q|print only the ids\n",);

pub(super) const CHECK: Flags = flags!(
    shared!(bundle),
    shared!(format),
    "host|say also what this kernel and host can't give to it\n",
);

pub(super) const SPEC: Flags = flags!(
    shared!(bundle),
    "rootless|a config that an ordinary user can run\n",
    "from-legacy|convert a config.json (and runtime.json) from before 1.0.0\n",
);

pub(super) const PS: Flags = flags!(shared!(format));

pub(super) const EVENTS: Flags = flags!(
    "interval TIME|time between two lines, by default 5s\n",
    "stats|print one line and end\n",
);

pub(super) const SECCOMP: Flags = flags!(
    "arch ARCH|as `uname -m` or SCMP_ARCH_* says; by default this machine's\n",
    shared!(bundle),
    "config FILE|a config.json outside a bundle\n",
);

pub(super) const UPDATE: Flags = flags!(
    "resources,r FILE|linux.resources as JSON, '-' for stdin, instead of the other options\n",
    "blkio-weight N|I/O weight, 10 to 1000\n",
    "cpu-period USECS|period of the quota\n",
    "cpu-quota USECS|CPU time in each period\n",
    "cpu-burst USECS|unused CPU time kept for later\n",
    "cpu-share N|CPU weight, 2 to 262144\n",
    "cpu-rt-period USECS|period for realtime tasks\n",
    "cpu-rt-runtime USECS|CPU time in each of them\n",
    "cpuset-cpus LIST|CPUs, such as 0-3,7\n",
    "cpuset-mems LIST|memory nodes\n",
    "cpu-idle N|1: run only when nothing else wants to\n",
    "memory SIZE|memory, such as 512m, or -1 for no limit\n",
    "memory-reservation SIZE|memory that it keeps\n",
    "memory-swap SIZE|memory and swap together\n",
    "pids-limit N|processes and threads\n",
    "l3-cache-schema SCHEMA|share of caches, such as L3:0=ff\n",
    "mem-bw-schema SCHEMA|share of memory bandwidth, such as MB:0=50\n",
    "kernel-memory SIZE|\n",
    "kernel-memory-tcp SIZE|\n",
);

// Each may also be a parameter of the kernel's command line, `mote.NAME=VALUE`.
pub(super) const INIT: Flags = flags!(
    "containers DIR|where the bundles are, '/containers' by default\n",
    "log-dir DIR|where the containers' output goes, '/run/log/mote' by default\n",
    "end WHAT|when all are done: 'poweroff' (default), 'reboot', 'halt' or 'shell'\n",
    "hostname NAME|the host's name\n",
    "shell PATH|the rescue shell, '/bin/sh' by default\n",
    "rescue YES|1: run the rescue shell first\n",
    "cgroup VERSION|v1: mount cgroups v1 even if there is v2\n",
);
