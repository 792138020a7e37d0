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

/// A fault. Small, because every step may return one.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// The system call, or a phrase where it was none. By a pointer of one word, for a result of two registers.
    pub call: &'static &'static str,
    /// Which one of the step's list.
    pub item: u32,
    /// Why; 0 where the call says all.
    pub errno: u16,
    /// Where.
    pub step: Step,
}
static_assertions::const_assert!(size_of::<Fault>() == 16);

impl Fault {
    /// A fault of a system call.
    #[cold]
    #[inline(never)]
    pub fn new(step: Step, item: usize, call: &'static &'static str, errno: Errno) -> Fault {
        Fault { call, item: item as u32, errno: errno.raw_os_error() as u16, step }
    }
}

/// Room for what a file system or a hook has to say.
pub const NOTE: usize = 200;
/// Room for a call's name.
const CALL: usize = 56;
/// Bytes of a fault on its way to the parent.
pub const WIRE: usize = 8 + CALL;

/// Text of bounded length that needs no heap.
pub type Note = heapless::Vec<u8, NOTE>;

impl Fault {
    /// For the channel.
    pub fn encode(&self) -> [u8; WIRE] {
        let mut wire = [0; WIRE];
        wire[1] = self.step as u8;
        wire[2..4].copy_from_slice(&self.errno.to_ne_bytes());
        wire[4..8].copy_from_slice(&self.item.to_ne_bytes());
        for (to, from) in wire[8..].iter_mut().zip(self.call.bytes()) {
            *to = from;
        }
        wire
    }
}

/// A fault as the parent hears it.
#[derive(Clone, Debug)]
pub struct Told {
    /// See [`Fault`], likewise those that follow.
    pub step: Step,
    /// An index.
    pub item: usize,
    /// The call's name.
    pub call: heapless::Vec<u8, CALL>,
    /// 0 for none.
    pub errno: i32,
    /// What more was said of it.
    pub note: Note,
}

impl Told {
    /// From the channel; none if it can't be a fault.
    pub fn decode(wire: &[u8], note: Note) -> Option<Told> {
        let wire: &[u8; WIRE] = wire.try_into().ok()?;
        let call = &wire[8..];
        let length = call.iter().position(|&byte| byte == 0).unwrap_or(CALL);
        Some(Told {
            step: *STEPS.get(usize::from(wire[1]))?,
            item: u32::from_ne_bytes([wire[4], wire[5], wire[6], wire[7]]) as usize,
            call: heapless::Vec::from_slice(&call[..length]).ok()?,
            errno: i32::from(u16::from_ne_bytes([wire[2], wire[3]])),
            note,
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
    fn at(self, step: Step, item: usize, call: &'static &'static str) -> Result<T, Fault>;
}

impl<T> At<T> for Result<T, Errno> {
    fn at(self, step: Step, item: usize, call: &'static &'static str) -> Result<T, Fault> {
        self.map_err(|errno| Fault::new(step, item, call, errno))
    }
}
