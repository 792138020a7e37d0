//! What runs in a guest beside mote: the files that make Debian's unpacked packages a system that boots.

/// One kind of guest.
pub struct Userland {
    /// Where the programs and tests lie in the initramfs; empty, or a path that ends in `/`.
    pub place: &'static str,
    /// The directory below `target/debian` that the packages are unpacked in.
    pub name: &'static str,
    /// Debian's packages with the programs that the tests use on their host; what they depend on comes with them.
    pub packages: &'static [&'static [&'static str]],
    /// Subtrees of them that stay out: nobody reads them there.
    pub left_out: &'static [&'static str],
    /// Directories and files below the place that no package has, in this order; a name that ends in `/` is a directory, and the
    /// last of a name counts.
    pub files: &'static [&'static [(&'static str, u32, &'static str)]],
    /// Symbolic links below the place.
    pub links: &'static [(&'static str, &'static str)],
    /// Modules of the kernel that the tests use and that need no others.
    pub modules: &'static [&'static str],
    /// MiB of memory.
    pub memory: u32,
    /// What `/init` is.
    pub init: Init,
    /// What is added to the kernel's command line.
    pub parameters: &'static str,
    /// Parts of lines that the console must have, in this order.
    pub says: &'static [&'static str],
}

/// The first process.
pub enum Init {
    /// mote itself, which runs the first container, and then the tests as another one.
    Mote,
    /// mote too, with the containers of [`super::appliance`].
    Appliance,
    /// A script.
    Script(&'static str),
    /// A link to a program of Debian's.
    Link(&'static str),
}

/// An appliance: nothing but mote as init and the bundles of two containers. That of the tests has the machine's own
/// namespaces, but for its mounts.
pub const MOTE: Userland = Userland {
    place: "containers/suite/rootfs/",
    name: "programs",
    packages: &[PROGRAMS],
    left_out: LEFT_OUT,
    files: &[FILES, ACCOUNTS],
    links: &[],
    modules: MODULES,
    memory: 2048,
    init: Init::Mote,
    parameters: "quiet",
    says: &[],
};

/// The same with no program beside the tests but busybox, which is soon fetched and soon loaded.
pub const SMALL: Userland = Userland {
    name: "busybox-static",
    packages: &[&["busybox-static"]],
    links: &[("bin", "usr/bin"), ("sbin", "usr/bin")],
    ..MOTE
};

/// A script as init: the tests' root is the kernel's first one.
pub const BUSYBOX: Userland = Userland {
    place: "",
    init: Init::Script(include_str!("init.sh")),
    ..MOTE
};

/// The same packages with systemd as init. The tests are a service of it; user 1000 has a manager of its own.
pub const SYSTEMD: Userland = Userland {
    place: "",
    name: "programs",
    packages: &[PROGRAMS],
    left_out: &[
        "usr/lib/udev",
        "usr/share/bash-completion",
        "usr/share/doc",
        "usr/share/info",
        "usr/share/locale",
        "usr/share/man",
        "usr/share/perl5",
        // With engines come the runtimes that mote takes the place of, and networks.
        "usr/bin/crun",
        "usr/lib/cni",
        "usr/sbin/runc",
    ],
    files: &[ACCOUNTS, WITH_SYSTEMD],
    links: &[
        ("var/run", "/run"),
        (
            "etc/systemd/system/default.target",
            "/usr/lib/systemd/system/multi-user.target",
        ),
        (
            "etc/systemd/system/multi-user.target.wants/suite.service",
            "/etc/systemd/system/suite.service",
        ),
        // There is no device to wait for, nobody to log in, and nothing that is kept.
        ("etc/systemd/system/systemd-udevd.service", "/dev/null"),
        (
            "etc/systemd/system/systemd-udevd-control.socket",
            "/dev/null",
        ),
        (
            "etc/systemd/system/systemd-udevd-kernel.socket",
            "/dev/null",
        ),
        (
            "etc/systemd/system/systemd-udev-trigger.service",
            "/dev/null",
        ),
        (
            "etc/systemd/system/systemd-hwdb-update.service",
            "/dev/null",
        ),
        (
            "etc/systemd/system/systemd-journal-catalog-update.service",
            "/dev/null",
        ),
        ("etc/systemd/system/modprobe@.service", "/dev/null"),
        ("etc/systemd/system/getty.target", "/dev/null"),
        ("etc/systemd/system/ldconfig.service", "/dev/null"),
    ],
    init: Init::Link("usr/lib/systemd/systemd"),
    parameters: "quiet loglevel=3 systemd.show_status=0 systemd.gpt_auto=0 systemd.firstboot=0",
    ..MOTE
};

/// The same with engines, which are to drive mote.
pub const ENGINES: Userland = Userland {
    name: "engines",
    packages: &[PROGRAMS, DRIVERS],
    files: &[ACCOUNTS, WITH_SYSTEMD, WITH_ENGINES],
    modules: &["fs/overlayfs/overlay.ko"],
    memory: 3072,
    ..SYSTEMD
};

/// No tests and no programs of Debian's but what the containers have for themselves.
pub const APPLIANCE: Userland = Userland {
    place: "",
    packages: &[],
    files: &[],
    modules: &[],
    init: Init::Appliance,
    says: super::appliance::STOPPED,
    ..MOTE
};

const PROGRAMS: &[&str] = &[
    "base-files",
    "bash",
    "bsdutils",
    "busybox-static",
    "dash",
    "dbus",
    "dbus-user-session",
    "iproute2",
    "libpam-systemd",
    "mount",
    "systemd-sysv",
    "uidmap",
    "util-linux",
];
const DRIVERS: &[&str] = &[
    "catatonit",
    "containerd",
    "docker-cli",
    "docker.io",
    "podman",
];
const MODULES: &[&str] = &["drivers/block/virtio_blk.ko", "drivers/net/veth.ko"];
const LEFT_OUT: &[&str] = &["usr/lib/systemd", "usr/lib/udev", "usr/share"];
const FILES: &[(&str, u32, &str)] = &[
    ("etc/", 0o755, ""),
    ("proc/", 0o755, ""),
    ("sys/", 0o755, ""),
    ("dev/", 0o755, ""),
    ("run/", 0o755, ""),
    ("root/", 0o700, ""),
    ("tmp/", 0o1777, ""),
];
const ACCOUNTS: &[(&str, u32, &str)] = &[
    ("etc/passwd", 0o644, PASSWD),
    ("etc/group", 0o644, GROUP),
    ("etc/subuid", 0o644, ""),
    ("etc/subgid", 0o644, ""),
];
const WITH_SYSTEMD: &[(&str, u32, &str)] = &[
    ("etc/hostname", 0o644, "guest\n"),
    ("etc/fstab", 0o644, ""),
    // With an id it is not this machine's first boot.
    (
        "etc/machine-id",
        0o444,
        "0123456789abcdef0123456789abcdef\n",
    ),
    ("etc/pam.d/other", 0o644, PAM),
    ("etc/pam.d/systemd-user", 0o644, PAM),
    ("etc/systemd/system/multi-user.target.wants/", 0o755, ""),
    ("home/user/", 0o755, ""),
    ("var/lib/systemd/linger/", 0o755, ""),
    ("var/lib/systemd/linger/user", 0o644, ""),
    (
        "etc/systemd/system/suite.service",
        0o644,
        include_str!("suite.service"),
    ),
];
const WITH_ENGINES: &[(&str, u32, &str)] = &[
    ("etc/subuid", 0o644, "user:100000:65536\n"),
    ("etc/subgid", 0o644, "user:100000:65536\n"),
    ("var/tmp/", 0o1777, ""),
];
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home/user:/bin/sh\n";
const GROUP: &str = "root:x:0:\nuser:x:1000:\n";
const PAM: &str = "account required pam_permit.so\nauth required pam_permit.so\npassword required pam_deny.so\n\
    session required pam_permit.so\nsession optional pam_systemd.so\n";
