//! What was found out about the host and the command line, so that the plan itself asks nobody.

use core::ffi::CStr;

/// Everything that decides the plan besides the document.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What errors call the document: `config.json` or `process.json`.
    pub document: &'static str,
    /// The container's id.
    pub id: &'a CStr,
    /// The bundle, absolute.
    pub bundle: &'a CStr,
    /// `--rootless`, or what `auto` came to: cgroups that may not be written are passed over.
    pub rootless: bool,
    /// `--systemd-cgroup`.
    pub systemd: bool,
    /// Effective user id.
    pub euid: u32,
    /// Effective group id.
    pub egid: u32,
    /// Whether the runtime itself stands in a user namespace other than the first.
    pub in_user_namespace: bool,
    /// Whether `/proc/PID/setgroups` says `deny`: PID is the runtime for `create`, the container's first
    /// process for `exec`.
    pub setgroups_denied: bool,
    /// Whether the network namespace to join is the runtime's own: then its sysctls are the host's.
    pub joins_own_network: bool,
    /// Whether there is a /proc/kcore for /dev/core to point to.
    pub kcore: bool,
    /// Whether the kernel may have SELinux, and labels can be set.
    pub selinux: bool,
    /// Whether the process is still to be made, so that its filter is needed as a program.
    pub makes: bool,
    /// `--no-pivot`.
    pub no_pivot: bool,
    /// `--no-new-keyring`.
    pub no_new_keyring: bool,
    /// Descriptors after 2 that the program inherits: those of LISTEN_FDS and of `--preserve-fds`.
    pub keep_fds: u32,
    /// `--debug`: system calls that this runtime doesn't know by name are told of.
    pub debug: bool,
    /// `NAME=value` put behind the document's environment, over equal names: LISTEN_FDS, NOTIFY_SOCKET.
    pub extra_env: &'a [&'a CStr],
}

impl Facts<'static> {
    /// Where only the document matters.
    pub const OF_DOCUMENT: Facts<'static> = Facts {
        document: "config.json",
        id: c"",
        bundle: c"",
        rootless: false,
        systemd: false,
        euid: 0,
        egid: 0,
        in_user_namespace: false,
        setgroups_denied: false,
        joins_own_network: false,
        kcore: false,
        selinux: true,
        makes: true,
        no_pivot: false,
        no_new_keyring: false,
        keep_fds: 0,
        debug: false,
        extra_env: &[],
    };
}
