//! What went wrong in the child: a number and a place, made into words by the parent, which has the same plan.

use core::fmt;
use rustix::io::Errno;

/// Where in the child's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Step {
    /// Talking to the parent.
    Channel,
    /// `linux.cgroupsPath`.
    Cgroup,
    /// `linux.namespaces`.
    Namespaces,
    /// Becoming root of the user namespace.
    UserNamespace,
    /// `linux.timeOffsets`.
    TimeOffsets,
    /// The session keyring.
    Keyring,
    /// The loopback interface.
    Loopback,
    /// The root file system.
    Root,
    /// `mounts[item]`.
    Mount,
    /// Device nodes, the default ones first.
    Device,
    /// The links below /dev.
    Link,
    /// The terminal.
    Console,
    /// A `createContainer` hook.
    CreateContainerHook,
    /// A `startContainer` hook.
    StartContainerHook,
    /// `linux.readonlyPaths[item]`.
    ReadonlyPath,
    /// `linux.maskedPaths[item]`.
    MaskedPath,
    /// `linux.sysctl`.
    Sysctl,
    /// `hostname`.
    Hostname,
    /// `domainname`.
    Domainname,
    /// `process.rlimits[item]`.
    Rlimit,
    /// `process.user`.
    User,
    /// `process.capabilities`.
    Capabilities,
    /// `process.noNewPrivileges`.
    NoNewPrivileges,
    /// `process.scheduler`.
    Scheduler,
    /// `process.ioPriority`.
    IoPriority,
    /// `linux.personality`.
    Personality,
    /// `process.apparmorProfile`.
    Apparmor,
    /// `process.selinuxLabel`.
    Selinux,
    /// `process.cwd`.
    Cwd,
    /// `process.args[0]`.
    Args,
    /// Standard input, output and error.
    Stdio,
}

/// Every step, in the order of its number.
const STEPS: [Step; 31] = {
    use Step::*;
    [
        Channel, Cgroup, Namespaces, UserNamespace, TimeOffsets, Keyring, Loopback, Root, Mount, Device, Link, Console,
        CreateContainerHook, StartContainerHook, ReadonlyPath, MaskedPath, Sysctl, Hostname, Domainname, Rlimit,
        User, Capabilities, NoNewPrivileges, Scheduler, IoPriority, Personality, Apparmor, Selinux, Cwd, Args, Stdio,
    ]
};
const _: () = {
    let mut at = 0;
    while at < STEPS.len() {
        assert!(STEPS[at] as usize == at);
        at += 1;
    }
};

/// Room for what the kernel or the file itself had to say.
pub const DETAIL: usize = 160;
/// Bytes of a fault on its way to the parent.
pub const WIRE: usize = 8 + 32 + DETAIL;

/// Text of bounded length that needs no heap.
pub type Detail = heapless::Vec<u8, DETAIL>;

/// A fault.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Where.
    pub step: Step,
    /// Which one of the step's list.
    pub item: u32,
    /// The system call, or a phrase where it was none.
    pub call: heapless::Vec<u8, 32>,
    /// Why; 0 where the call says all.
    pub errno: i32,
    /// More, such as the name of a missing interpreter.
    pub detail: Detail,
}

impl Fault {
    /// A fault of a system call.
    pub fn new(step: Step, item: usize, call: &str, errno: Errno) -> Fault {
        let mut fault = Fault {
            step,
            item: item as u32,
            call: heapless::Vec::new(),
            errno: errno.raw_os_error(),
            detail: Detail::new(),
        };
        let call = call.as_bytes();
        let _ = fault.call.extend_from_slice(&call[..call.len().min(32)]);
        fault
    }

    /// Adds what more is known; what doesn't fit is cut.
    pub fn with(mut self, detail: &[u8]) -> Fault {
        self.detail.clear();
        let _ = self.detail.extend_from_slice(&detail[..detail.len().min(DETAIL)]);
        self
    }

    /// For the channel.
    pub fn encode(&self) -> [u8; WIRE] {
        let mut wire = [0; WIRE];
        wire[0] = self.step as u8;
        wire[2..4].copy_from_slice(&(self.errno as u16).to_ne_bytes());
        wire[4..8].copy_from_slice(&self.item.to_ne_bytes());
        wire[8..8 + self.call.len()].copy_from_slice(&self.call);
        wire[40..40 + self.detail.len()].copy_from_slice(&self.detail);
        wire
    }

    /// From the channel; none if it can't be one.
    pub fn decode(wire: &[u8]) -> Option<Fault> {
        if wire.len() != WIRE {
            return None;
        }
        let until_nul = |bytes: &'_ [u8]| bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        let call = &wire[8..40];
        let detail = &wire[40..];
        Some(Fault {
            step: *STEPS.get(usize::from(wire[0]))?,
            item: u32::from_ne_bytes(wire[4..8].try_into().ok()?),
            call: heapless::Vec::from_slice(&call[..until_nul(call)]).ok()?,
            errno: i32::from(u16::from_ne_bytes(wire[2..4].try_into().ok()?)),
            detail: Detail::from_slice(&detail[..until_nul(detail)]).ok()?,
        })
    }
}

impl fmt::Display for Step {
    /// The property of config.json that the step carries out, where there is one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Channel => "the channel to mote",
            Step::Cgroup => "linux.cgroupsPath",
            Step::Namespaces => "linux.namespaces",
            Step::UserNamespace => "the user namespace",
            Step::TimeOffsets => "linux.timeOffsets",
            Step::Keyring => "the session keyring",
            Step::Loopback => "the loopback interface",
            Step::Root => "root.path",
            Step::Mount => "mounts",
            Step::Device => "devices",
            Step::Link => "links below /dev",
            Step::Console => "process.terminal",
            Step::CreateContainerHook => "hooks.createContainer",
            Step::StartContainerHook => "hooks.startContainer",
            Step::ReadonlyPath => "linux.readonlyPaths",
            Step::MaskedPath => "linux.maskedPaths",
            Step::Sysctl => "linux.sysctl",
            Step::Hostname => "hostname",
            Step::Domainname => "domainname",
            Step::Rlimit => "process.rlimits",
            Step::User => "process.user",
            Step::Capabilities => "process.capabilities",
            Step::NoNewPrivileges => "process.noNewPrivileges",
            Step::Scheduler => "process.scheduler",
            Step::IoPriority => "process.ioPriority",
            Step::Personality => "linux.personality",
            Step::Apparmor => "process.apparmorProfile",
            Step::Selinux => "process.selinuxLabel",
            Step::Cwd => "process.cwd",
            Step::Args => "exec",
            Step::Stdio => "standard input, output and error",
        })
    }
}

/// Gives an errno its place.
pub trait At<T> {
    /// `step[item]: call`.
    fn at(self, step: Step, item: usize, call: &str) -> Result<T, Fault>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step, item: usize, call: &str) -> Result<T, Fault> {
        self.map_err(|errno| Fault::new(step, item, call, errno))
    }
}
