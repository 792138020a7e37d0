//! The plan: everything decided, nothing left to ask.
//!
//! `runtime::plan` makes it from config.json, purely: every refusal happens there. The host list
//! (`runtime/src/verb/create.rs`) and the child list (`init/src/lib.rs`) only walk it. What a config leaves
//! out is an empty list here, or the value that changes nothing; an `Option` is a list of at most one.
//! All text is NUL-terminated and lives in the config's own buffer or in the plan's [`Arena`](crate::sys::arena::Arena).

use crate::sys::exec::Vector;
use crate::sys::filter::Room;
use core::ffi::CStr;

/// The most CPUs that a kernel is built for (CONFIG_NR_CPUS, arch/x86/Kconfig).
pub const CPUS_MAX: usize = 8192;

/// One container, or one `exec` into it: then every list that makes something is empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct Plan<'a> {
    /// The namespaces to make and to join.
    pub namespaces: Namespaces<'a>,
    /// Where the container's `/` comes from.
    pub root: Root<'a>,
    /// In the order of the config.
    pub mounts: &'a [Mount<'a>],
    /// Default devices first, then the configured ones.
    pub devices: &'a [Device<'a>],
    /// Whether device nodes are bound from the host: mknod(2) is impossible in a user namespace.
    pub bind_devices: bool,
    /// `/dev/fd`, `/dev/stdin`, `/dev/ptmx` and so on.
    pub links: &'a [Link<'a>],
    /// `linux.readonlyPaths`.
    pub readonly_paths: &'a [&'a CStr],
    /// `linux.maskedPaths`.
    pub masked_paths: &'a [&'a CStr],
    /// `linux.sysctl`, as paths below `/proc/sys`.
    pub sysctl: &'a [Sysctl<'a>],
    /// `hostname`, when there is one.
    pub hostname: Option<&'a CStr>,
    /// `domainname`, when there is one.
    pub domainname: Option<&'a CStr>,
    /// Whether a new network namespace waits for its loopback to be brought up.
    pub loopback: bool,
    /// `linux.netDevices`; the host list walks it.
    pub net_devices: &'a [NetDevice<'a>],
    /// What runs.
    pub process: Process<'a>,
    /// What runs around it.
    pub hooks: Hooks<'a>,
    /// The state document that hooks read, but for its status and pid.
    pub state: StateText<'a>,
    /// Membership and devices; the host list walks it.
    pub cgroup: Cgroup<'a>,
    /// `linux.intelRdt`; the host list walks it too.
    pub rdt: Option<Rdt<'a>>,
}

/// `linux.intelRdt`.
#[derive(Clone, Copy, Debug)]
pub struct Rdt<'a> {
    /// The class of service: a directory right below the mount of resctrl, or empty for the mount itself.
    pub class: &'a CStr,
    /// Whether the config has named it. Otherwise it is the container's id.
    pub named: bool,
    /// Lines for its `schemata`.
    pub lines: &'a [&'a [u8]],
    /// Whether the container has a monitoring group of its own.
    pub monitor: bool,
}

/// A network device of the host's to move into the container.
#[derive(Clone, Copy, Debug)]
pub struct NetDevice<'a> {
    /// Its name on the host.
    pub host: &'a CStr,
    /// Its name in the container, perhaps with `%d` at the end for the first free number.
    pub name: &'a CStr,
}

/// `linux.namespaces`, `uidMappings`, `gidMappings` and `timeOffsets`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Namespaces<'a> {
    /// `CLONE_NEW*` flags that the one clone3(2) takes.
    pub new: u32,
    /// `CLONE_NEW*` flags that the child takes later by unshare(2): a cgroup namespace is rooted where its
    /// maker stands, so the cgroup must be joined first; time offsets can't be set once a process is inside.
    pub late: u32,
    /// Namespaces of others, the user namespace first.
    pub join: &'a [Join<'a>],
    /// Lines of `/proc/PID/uid_map`: to write for a new user namespace, to find there for a joined one.
    pub uid_map: &'a [IdMap],
    /// Lines of `/proc/PID/gid_map`, likewise.
    pub gid_map: &'a [IdMap],
    /// Lines of `/proc/PID/timens_offsets`.
    pub offsets: &'a [TimeOffset<'a>],
}

/// A namespace given by path.
#[derive(Clone, Copy, Debug)]
pub struct Join<'a> {
    /// Its one `CLONE_NEW*` flag.
    pub flag: u32,
    /// A file of its type, such as `/proc/7/ns/net`.
    pub path: &'a CStr,
}

/// One line of an id map (user_namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdMap {
    /// First id inside.
    pub inside: u32,
    /// First id outside.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// One line of timens_offsets (time_namespaces(7)).
#[derive(Clone, Copy, Debug)]
pub struct TimeOffset<'a> {
    /// `monotonic` or `boottime`.
    pub clock: &'a CStr,
    /// Whole seconds.
    pub secs: i64,
    /// Nanoseconds below a second.
    pub nanos: u32,
}

/// The root file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Root<'a> {
    /// Absolute, in the host's view; empty for [`Switch::Stay`].
    pub path: &'a CStr,
    /// Mounted read-only as the last of all.
    pub readonly: bool,
    /// `MS_*` propagation that the host's tree gets in the new namespace first.
    pub host_propagation: u32,
    /// `MS_*` propagation of the container's `/` at the end; 0 leaves it.
    pub propagation: u32,
    /// How it becomes `/`.
    pub switch: Switch,
}

/// How the root file system becomes `/`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Switch {
    /// pivot_root(2), in a mount namespace of the container's own.
    Pivot,
    /// `--no-pivot`: the mount is moved over `/`.
    Move,
    /// No mount namespace: chroot(2) alone.
    Chroot,
    /// `exec`: the joined mount namespace has its `/`.
    #[default]
    Stay,
}

/// One of `mounts`.
#[derive(Clone, Copy, Debug)]
pub struct Mount<'a> {
    /// Absolute, resolved inside the root.
    pub target: &'a CStr,
    /// What is mounted.
    pub source: Source<'a>,
    /// `MOUNT_ATTR_*` to set.
    pub set: u64,
    /// `MOUNT_ATTR_*` to clear; only what the config names.
    pub clear: u64,
    /// The same for the whole tree below (`rro`, `rnosuid`...).
    pub set_recursive: u64,
    /// The same for the whole tree below (`rrw`, `rsuid`...).
    pub clear_recursive: u64,
    /// `MS_SHARED`, `MS_PRIVATE | MS_REC` and so on, one call each.
    pub propagation: &'a [u32],
    /// Read-only only after the devices and all mounts are made: a tmpfs, or `/dev`.
    pub late_readonly: bool,
    /// Owners of files are seen by another map. The host list does that, with the source.
    pub ids: Option<&'a MountIds<'a>>,
}

/// An idmapped mount (mount_setattr(2), "ID-mapped mounts"): the ids in the file system are those inside a user
/// namespace with these maps.
#[derive(Clone, Copy, Debug)]
pub struct MountIds<'a> {
    /// Lines of its `uid_map`; none for the user namespace that the container joins.
    pub uid_map: &'a [IdMap],
    /// Lines of its `gid_map`, likewise.
    pub gid_map: &'a [IdMap],
    /// With all mounts below (`ridmap`).
    pub recursive: bool,
}

/// What a mount attaches.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// A file or directory of the host; the path is absolute.
    Bind {
        /// Where it is.
        path: &'a CStr,
        /// With what is mounted below it (`rbind`).
        recursive: bool,
    },
    /// A new file system.
    Filesystem(&'a Filesystem<'a>),
    /// The container's view of the cgroups: cgroup2, or the v1 hierarchies side by side.
    Cgroup,
    /// Only the options of what is mounted there already (`remount`).
    Remount,
}

/// A file system to make.
#[derive(Clone, Copy, Debug)]
pub struct Filesystem<'a> {
    /// As in /proc/filesystems.
    pub kind: &'a CStr,
    /// The source, as it will show in mountinfo.
    pub source: &'a CStr,
    /// `MS_*` flags of the superblock (`sync`, `lazytime`...) as fsconfig(2) flag names.
    pub flags: &'a [&'a CStr],
    /// The data options, in order.
    pub options: &'a [FsOption<'a>],
    /// `tmpcopyup`: what the directory held is copied in.
    pub copy_up: bool,
    /// proc and sysfs go on a real directory only, reached through no symbolic link.
    pub no_symlinks: bool,
}

/// One data option.
#[derive(Clone, Copy, Debug)]
pub struct FsOption<'a> {
    /// `mode`.
    pub key: &'a CStr,
    /// `755`; none for a flag such as `newinstance`.
    pub value: Option<&'a CStr>,
}

/// A device node.
#[derive(Clone, Copy, Debug)]
pub struct Device<'a> {
    /// Absolute, inside the root.
    pub path: &'a CStr,
    /// File type and permissions, as mknod(2) takes them.
    pub mode: u32,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Owner inside.
    pub uid: u32,
    /// Group inside.
    pub gid: u32,
}

/// A symbolic link.
#[derive(Clone, Copy, Debug)]
pub struct Link<'a> {
    /// What it says.
    pub target: &'a CStr,
    /// Where it is, absolute, inside the root.
    pub path: &'a CStr,
}

/// A value below /proc/sys.
#[derive(Clone, Copy, Debug)]
pub struct Sysctl<'a> {
    /// `sys/net/ipv4/ip_forward`, below /proc.
    pub path: &'a CStr,
    /// What is written.
    pub value: &'a CStr,
}

/// `process`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Process<'a> {
    /// Whether it gets a pseudo-terminal of the container's devpts.
    pub terminal: bool,
    /// `consoleSize` as (rows, columns); (0, 0) leaves it.
    pub size: (u16, u16),
    /// argv.
    pub args: Vector<'a>,
    /// envp, with one spare slot where the child puts HOME if the config has none.
    pub env: Vector<'a>,
    /// Whether HOME is still to be found in the container's /etc/passwd.
    pub find_home: bool,
    /// The container's PATH, to look `args[0]` up in.
    pub path: &'a CStr,
    /// Absolute.
    pub cwd: &'a CStr,
    /// Ids inside the container.
    pub uid: u32,
    /// The primary group.
    pub gid: u32,
    /// All supplementary groups; an empty list drops the caller's.
    pub groups: &'a [u32],
    /// Whether setgroups(2) is called at all: not where the user namespace denies it.
    pub set_groups: bool,
    /// File mode creation mask.
    pub umask: u32,
    /// At most one a resource.
    pub rlimits: &'a [Rlimit<'a>],
    /// The five sets as bit masks.
    pub capabilities: Capabilities,
    /// PR_SET_NO_NEW_PRIVS.
    pub no_new_privileges: bool,
    /// Written by the host, which may lower it.
    pub oom_score_adj: Option<i32>,
    /// sched_setattr(2).
    pub scheduler: Option<Scheduler>,
    /// The word that ioprio_set(2) takes.
    pub io_priority: Option<u32>,
    /// The word that personality(2) takes.
    pub personality: Option<u32>,
    /// set_mempolicy(2).
    pub memory_policy: Option<MemoryPolicy<'a>>,
    /// `execCPUAffinity.initial`: the CPUs that mote itself runs on when it makes the process, bit N for CPU N. Empty:
    /// they are left as they are.
    pub initial_cpus: &'a [u64],
    /// `execCPUAffinity.final`: the process's own, once it is in its cgroup. Empty: the initial ones, or all.
    pub cpus: &'a [u64],
    /// `exec PROFILE`, as /proc/self/attr/apparmor/exec wants it.
    pub apparmor: Option<&'a CStr>,
    /// The filter of its system calls.
    pub seccomp: Option<Seccomp<'a>>,
    /// As /proc/self/attr/exec and /proc/self/attr/keycreate want it.
    pub selinux: Option<&'a CStr>,
    /// Name of the session keyring to join, `_ses.ID`.
    pub keyring: Option<&'a CStr>,
    /// How many descriptors after 2 the program inherits.
    pub keep_fds: u32,
}

impl Process<'_> {
    /// Whether somebody is to be asked about system calls, who is then told of the container's state.
    pub fn asks(&self) -> bool {
        self.seccomp
            .is_some_and(|seccomp| seccomp.listener.is_some())
    }
}

/// One of `rlimits`.
#[derive(Clone, Copy, Debug)]
pub struct Rlimit<'a> {
    /// Its name in the config, for errors.
    pub name: &'a CStr,
    /// The number prlimit(2) takes.
    pub resource: u32,
    /// Soft limit.
    pub soft: u64,
    /// Hard limit.
    pub hard: u64,
}

/// Capability sets; bit N is capability N (capabilities(7)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Capabilities {
    /// What execve(2) can ever give.
    pub bounding: u64,
    /// In force.
    pub effective: u64,
    /// May be put in force.
    pub permitted: u64,
    /// Kept through execve(2) of a file with matching ones.
    pub inheritable: u64,
    /// Kept through execve(2) of any file.
    pub ambient: u64,
}

/// `struct sched_attr`, but for its size.
#[derive(Clone, Copy, Debug, Default)]
pub struct Scheduler {
    /// SCHED_*.
    pub policy: u32,
    /// SCHED_FLAG_*.
    pub flags: u64,
    /// -20 to 19.
    pub nice: i32,
    /// 1 to 99 for the real-time policies.
    pub priority: u32,
    /// Nanoseconds, SCHED_DEADLINE.
    pub runtime: u64,
    /// Nanoseconds, SCHED_DEADLINE.
    pub deadline: u64,
    /// Nanoseconds, SCHED_DEADLINE.
    pub period: u64,
}

/// `linux.seccomp`. The program is made while the process makes its mounts, and sent to it.
#[derive(Clone, Copy, Debug)]
pub struct Seccomp<'a> {
    /// Where the process puts it.
    pub room: Room<'a>,
    /// SECCOMP_FILTER_FLAG_* for seccomp(2); with NEW_LISTENER, what it returns is a descriptor for `listener`.
    pub flags: u32,
    /// Where that goes; there is one if the filter asks anybody.
    pub listener: Option<Listener<'a>>,
}

/// Who is asked about the calls of SCMP_ACT_NOTIFY.
#[derive(Clone, Copy, Debug)]
pub struct Listener<'a> {
    /// `listenerPath`: a stream socket of the host's.
    pub path: &'a CStr,
    /// `listenerMetadata`, empty if there is none.
    pub metadata: &'a CStr,
}

/// `struct sock_filter` (linux/filter.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions to skip when a test holds,
    pub yes: u8,
    /// and when it doesn't.
    pub no: u8,
    /// The operand.
    pub value: u32,
}

/// `linux.memoryPolicy`.
#[derive(Clone, Copy, Debug)]
pub struct MemoryPolicy<'a> {
    /// MPOL_* and MPOL_F_*.
    pub mode: u32,
    /// Bit N for node N.
    pub nodes: &'a [u64],
}

/// `hooks`, each kind in its order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hooks<'a> {
    /// Deprecated twin of `create_runtime`, run before it.
    pub prestart: &'a [Hook<'a>],
    /// Host's namespaces, after the mounts, before pivot_root.
    pub create_runtime: &'a [Hook<'a>],
    /// Container's namespaces, before pivot_root.
    pub create_container: &'a [Hook<'a>],
    /// Inside, just before the program.
    pub start_container: &'a [Hook<'a>],
    /// Host, after the program was started.
    pub poststart: &'a [Hook<'a>],
    /// Host, after the container is gone.
    pub poststop: &'a [Hook<'a>],
}

/// One hook.
#[derive(Clone, Copy, Debug)]
pub struct Hook<'a> {
    /// Absolute.
    pub path: &'a CStr,
    /// argv; the path when the config has none.
    pub args: Vector<'a>,
    /// envp; none inherits that of the process that runs the hook.
    pub env: Option<Vector<'a>>,
    /// Seconds until it is killed.
    pub timeout: Option<u32>,
}

/// The state document in JSON: `head` STATUS `middle` PID `tail`.
#[derive(Clone, Copy, Debug, Default)]
pub struct StateText<'a> {
    /// Up to the opening quote of the status.
    pub head: &'a [u8],
    /// From the status's closing quote to the pid.
    pub middle: &'a [u8],
    /// From the pid to the end.
    pub tail: &'a [u8],
}

/// `linux.cgroupsPath` and `linux.resources`.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cgroup<'a> {
    /// As the config has it; none leaves the choice to us.
    pub path: Option<&'a CStr>,
    /// In order.
    pub devices: &'a [DeviceRule],
    /// All of `linux.resources` but the devices, in order.
    pub limits: &'a [Limit<'a>],
    /// The host's user that the v2 cgroup is given to, when the container may manage what is below it.
    pub owner: Option<u32>,
    /// Whether a private cgroup namespace hides the rest.
    pub private: bool,
    /// Whether a failure for want of permission is passed over (rootless).
    pub lenient: bool,
    /// Who makes it, if that is not us.
    pub unit: Option<Unit<'a>>,
}

/// What systemd is to make for the container.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// The slice that it is to be in, by its name alone.
    pub slice: &'a str,
    /// `runc-ID.scope`; a slice, if it ends so.
    pub name: &'a str,
    /// The properties that annotations ask for, as D-Bus has them: `(sv)`, each at a multiple of 8.
    pub properties: &'a [u8],
    /// Whether it is the systemd of the user, not that of the host.
    pub user: bool,
}

/// One value for a control file, in the forms of both versions of cgroups: which one the host has is seen later.
#[derive(Clone, Copy, Debug)]
pub struct Limit<'a> {
    /// The property below `linux.resources`, for messages.
    pub property: &'a str,
    /// For the v1 hierarchy of the controller that the file is named after.
    pub v1: Setting<'a>,
    /// For v2, where no v1 hierarchy has that controller.
    pub v2: Setting<'a>,
}

/// What goes into which control file.
#[derive(Clone, Copy, Debug)]
pub struct Setting<'a> {
    /// `memory.max`; empty where this version has nothing like it.
    pub file: &'a str,
    /// One write. With a blank in front it goes behind the first word that the file has now.
    pub text: &'a str,
    /// What it means when there is no such file.
    pub lacking: Lacking,
}

/// What it means that the kernel has no such file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lacking {
    /// The property can't be had.
    Fails,
    /// Nothing: the value only asks for what is so anyway.
    Passes,
    /// Nothing, if another setting of the same property finds its file.
    Other,
    /// The same as [`Lacking::Fails`]. And the value must be more than `memory.current` says.
    Above,
}

/// One of `linux.resources.devices`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceRule {
    /// Allow or deny.
    pub allow: bool,
    /// `b'a'`, `b'b'` or `b'c'`.
    pub kind: u8,
    /// None for all.
    pub major: Option<u32>,
    /// None for all.
    pub minor: Option<u32>,
    /// Bits of [`ACCESS_READ`], [`ACCESS_WRITE`], [`ACCESS_MKNOD`].
    pub access: u8,
}

/// Access bits with the values of BPF_DEVCG_ACC_* (linux/bpf.h): mknod.
pub const ACCESS_MKNOD: u8 = 1;
/// Read.
pub const ACCESS_READ: u8 = 2;
/// Write.
pub const ACCESS_WRITE: u8 = 4;
