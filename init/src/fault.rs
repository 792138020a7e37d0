//! What went wrong in the child: a number and a place, made into words by the parent, which has the same plan.

use crate::packed;
use crate::packed::Packed;
use crate::text::{append, split};
use core::num::NonZeroU32;
use rustix::io::Errno;

/// An enum whose values have texts. The texts lie one after the other in one string, which takes less than half
/// the room of a table of pointers to them; they are looked for only when something has failed.
macro_rules! texts {
    ($(#[$about:meta])* $name:ident { $($(#[$doc:meta])* $value:ident = $text:literal,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$doc])* $value,)*
        }

        impl $name {
            const TEXTS: Packed = packed!(concat!($($text, "\n"),*));

            /// Every value, in the order of its number.
            pub const ALL: &'static [$name] = &[$($name::$value),*];

            /// Its text.
            pub fn text(self) -> Packed {
                Self::TEXTS.line(self as usize)
            }
        }
    };
}

texts! {
    /// Where in the child's list. The text is the property of config.json that the step carries out, where there is one.
    Step {
        /// Talking to the parent.
        Channel = "the channel to mote",
        /// `linux.cgroupsPath`.
        Cgroup = "linux.cgroupsPath",
        /// `linux.namespaces`.
        Namespaces = "linux.namespaces",
        /// Becoming root of the user namespace.
        UserNamespace = "the user namespace",
        /// `linux.timeOffsets`.
        TimeOffsets = "linux.timeOffsets",
        /// The session keyring.
        Keyring = "the session keyring",
        /// The loopback interface.
        Loopback = "the loopback interface",
        /// The root file system.
        Root = "root.path",
        /// `mounts[item]`.
        Mount = "mounts",
        /// Device nodes, the default ones first.
        Device = "devices",
        /// The links below /dev.
        Link = "links below /dev",
        /// The terminal.
        Console = "process.terminal",
        /// A `createContainer` hook.
        CreateContainerHook = "hooks.createContainer",
        /// A `startContainer` hook.
        StartContainerHook = "hooks.startContainer",
        /// `linux.readonlyPaths[item]`.
        ReadonlyPath = "linux.readonlyPaths",
        /// `linux.maskedPaths[item]`.
        MaskedPath = "linux.maskedPaths",
        /// `linux.sysctl`.
        Sysctl = "linux.sysctl",
        /// `hostname`.
        Hostname = "hostname",
        /// `domainname`.
        Domainname = "domainname",
        /// `process.rlimits[item]`.
        Rlimit = "process.rlimits",
        /// `process.user`.
        User = "process.user",
        /// `process.capabilities`.
        Capabilities = "process.capabilities",
        /// `process.noNewPrivileges`.
        NoNewPrivileges = "process.noNewPrivileges",
        /// `process.execCPUAffinity.final`.
        Cpus = "process.execCPUAffinity.final",
        /// `process.scheduler`.
        Scheduler = "process.scheduler",
        /// `process.ioPriority`.
        IoPriority = "process.ioPriority",
        /// `linux.memoryPolicy`.
        MemoryPolicy = "linux.memoryPolicy",
        /// `linux.personality`.
        Personality = "linux.personality",
        /// `process.apparmorProfile`.
        Apparmor = "process.apparmorProfile",
        /// `process.selinuxLabel`.
        Selinux = "process.selinuxLabel",
        /// `linux.seccomp`.
        Seccomp = "linux.seccomp",
        /// `process.cwd`.
        Cwd = "process.cwd",
        /// `process.args[0]`.
        Args = "exec",
        /// Standard input, output and error.
        Stdio = "standard input, output and error",
    }
}

texts! {
    /// What failed: a system call, or a phrase where it was none.
    #[allow(missing_docs, reason = "the texts say it")]
    Call {
        /// The step, the errno and the note say all.
        Unnamed = "",
        Accept = "accept",
        Apparmor = "attr/apparmor/exec",
        Bind = "bind",
        BindConsole = "bind over /dev/console",
        BindNull = "bind of /dev/null",
        BindRoot = "bind of the root file system",
        Capget = "capget",
        Capset = "capset",
        Chdir = "chdir",
        Chown = "chown",
        Chroot = "chroot",
        Clone3 = "clone3",
        Clocks = "timens_offsets",
        CoverViews = "covering the host's procfs and sysfs",
        DropBounding = "PR_CAPBSET_DROP",
        ClearAmbient = "PR_CAP_AMBIENT",
        RaiseAmbient = "PR_CAP_AMBIENT_RAISE",
        Door = "write to tasks or cgroup.procs",
        Dumpable = "PR_SET_DUMPABLE",
        Dup = "dup",
        Dup3 = "dup3",
        Exec = "attr/exec",
        Execve = "execve",
        Fcntl = "fcntl",
        Fchdir = "fchdir",
        Fchown = "fchown",
        Fsconfig = "fsconfig",
        Fsopen = "fsopen",
        Fstat = "fstat",
        Fstatfs = "fstatfs",
        Getcwd = "getcwd",
        Interpreter = "its interpreter",
        Ioprio = "ioprio_set",
        KeepCaps = "PR_SET_KEEPCAPS",
        Keycreate = "attr/keycreate",
        Keyctl = "keyctl",
        KeyPermissions = "keyctl (permissions)",
        LeaveInitramfs = "leaving the initramfs",
        ListOpen = "/proc/self/fd",
        LongClock = "too long",
        LongOptions = "the options are longer than a page",
        Loopback = "SIOCSIFFLAGS",
        Mkdir = "mkdir",
        Mknod = "mknod",
        Mount = "mount",
        MountCgroup = "mounting cgroup",
        MountCgroup2 = "mounting cgroup2",
        MountPoint = "mount point",
        MountTmpfs = "mounting tmpfs",
        MountReadonly = "mount (readonly)",
        Remount = "mount (remount)",
        MountSetattr = "mount_setattr",
        MountSetattrReadonly = "mount_setattr (readonly)",
        MountSetattrTree = "mount_setattr (needs kernel 5.12)",
        MoveMount = "move_mount",
        MoveRoot = "moving the mount to /",
        NoNewPrivileges = "PR_SET_NO_NEW_PRIVS",
        NotFound = "executable file not found in $PATH",
        NotProcfs = "only a procfs may be bound to /proc",
        NotReal = "must be a real directory",
        Open = "open",
        Openat2 = "openat2",
        OpenRoot = "open /",
        OpenOnHost = "open on the host",
        OpenSource = "open of the source",
        OtherDevice = "another device is there on the host",
        OtherFile = "another file is there",
        Outside = "it is outside the container's root",
        Parent = "parent directory",
        Personality = "personality",
        Pipe = "pipe",
        PivotRoot = "pivot_root",
        Poll = "poll",
        Propagation = "propagation",
        PropagationOfMount = "mount propagation",
        PropagationOfHost = "propagation of /",
        PropagationOfOld = "propagation of the old root",
        PropagationOfParent = "propagation of the parent mount",
        Ptmx = "/dev/pts/ptmx (is a devpts mounted on /dev/pts?)",
        SchedSetaffinity = "sched_setaffinity",
        SchedSetattr = "sched_setattr",
        Seccomp = "seccomp",
        Send = "send",
        SendListener = "sending the filter's listener",
        SendMaster = "sending the master to the console socket",
        SetControl = "TIOCSCTTY",
        Setdomainname = "setdomainname",
        Setgroups = "setgroups",
        Sethostname = "sethostname",
        Setns = "setns",
        Setresgid = "setresgid",
        Setresuid = "setresuid",
        Setrlimit = "setrlimit",
        SetMempolicy = "set_mempolicy",
        SetSize = "TIOCSWINSZ",
        Sigaction = "rt_sigaction",
        Sigprocmask = "rt_sigprocmask",
        Slave = "TIOCGPTPEER",
        Symlink = "symlink",
        TimeForChildren = "ns/time_for_children",
        Tmpcopyup = "tmpcopyup",
        Umount = "umount of the old root",
        Unknown = "unknown",
        Unlink = "unlink",
        Unlockpt = "unlockpt",
        Unshare = "unshare",
        UnshareCgroup = "unshare (cgroup)",
        Waitid = "waitid",
        Write = "write",
    }
}

/// A place in the plan.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The step.
    pub step: Step,
    /// Which one of the step's list.
    pub item: u32,
}

/// A fault: which call, and why. One word, because most functions may return one; the child knows the place.
#[derive(Clone, Copy, Debug)]
pub struct Fault(NonZeroU32);

impl Fault {
    /// A fault of a call.
    #[cold]
    #[inline(never)]
    pub fn new(call: Call, errno: Errno) -> Fault {
        Fault::of(call, errno.raw_os_error() as u16)
    }

    /// A fault of which the note that goes before it says all.
    pub fn without_errno() -> Fault {
        Fault::of(Call::Unnamed, 0)
    }

    fn of(call: Call, errno: u16) -> Fault {
        Fault(NonZeroU32::MIN | (call as u32) << 24 | u32::from(errno) << 8)
    }

    fn call(self) -> Packed {
        Call::TEXTS.line((self.0.get() >> 24) as usize)
    }

    fn errno(self) -> u16 {
        (self.0.get() >> 8) as u16
    }

    /// For the channel.
    pub fn encode(self, place: Place) -> [u8; WIRE] {
        let mut wire = [0; WIRE];
        wire[1] = place.step as u8;
        wire[2..4].copy_from_slice(&self.errno().to_ne_bytes());
        wire[4..8].copy_from_slice(&place.item.to_ne_bytes());
        let mut room = wire[8..].iter_mut();
        self.call().unpack(&mut |byte| {
            if let Some(to) = room.next() {
                *to = byte;
            }
        });
        wire
    }
}
static_assertions::assert_eq_size!(Result<(), Fault>, u32);

/// Room for what a file system or a hook has to say.
pub const NOTE: usize = 200;
/// Room for a call's text.
const CALL: usize = 56;
/// Bytes of a fault on its way to the parent.
pub const WIRE: usize = 8 + CALL;

/// Text of bounded length that needs no heap.
pub type Note = heapless::Vec<u8, NOTE>;

/// A fault as the parent hears it.
#[derive(Clone, Debug)]
pub struct Told {
    /// See [`Place`].
    pub step: Step,
    /// See [`Place`].
    pub item: usize,
    /// The text of the call.
    pub call: heapless::Vec<u8, CALL>,
    /// 0 for none.
    pub errno: i32,
    /// What more was said of it.
    pub note: Note,
}

impl Told {
    /// Before anything was said.
    pub fn nothing() -> Told {
        Told {
            step: Step::Channel,
            item: 0,
            call: heapless::Vec::new(),
            errno: 0,
            note: Note::new(),
        }
    }

    /// Takes in what the channel brought; none if it can't be a fault.
    pub fn decode(&mut self, wire: &[u8]) -> Option<()> {
        let wire: &[u8; WIRE] = wire.try_into().ok()?;
        self.step = *Step::ALL.get(usize::from(wire[1]))?;
        self.errno = i32::from(u16::from_ne_bytes([wire[2], wire[3]]));
        self.item = u32::from_ne_bytes([wire[4], wire[5], wire[6], wire[7]]) as usize;
        let call = split(&wire[8..], 0).next()?;
        self.call.clear();
        append(&mut self.call, &[call]).ok()?;
        // The largest number that the kernel has (MAX_ERRNO, linux/err.h).
        (self.errno <= 4095).then_some(())
    }
}

/// Gives an errno its call.
pub trait At<T> {
    /// The fault of that call.
    fn at(self, call: Call) -> Result<T, Fault>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, call: Call) -> Result<T, Fault> {
        self.map_err(|errno| Fault::new(call, errno))
    }
}
