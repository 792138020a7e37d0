//! Which system calls the container may make (config-linux.md, "Seccomp").

use core::ffi::CStr;

use crate::{List, Text};

crate::object! {
    /// The `linux.seccomp` section.
    pub struct Seccomp<'a> {
        /// `SCMP_ACT_*` for calls that no rule is about.
        default_action: Option<&'a CStr> = "defaultAction",
        /// The errno that goes with it.
        default_errno_ret: Option<u32> = "defaultErrnoRet",
        /// `SCMP_ARCH_*` of the calls; empty is the machine's own.
        architectures: List<'a, &'a CStr> = "architectures",
        /// `SECCOMP_FILTER_FLAG_*`. Absent differs from empty: runc then sets a default.
        flags: Option<List<'a, &'a CStr>> = "flags",
        /// The socket that gets the notification descriptor.
        listener_path: Option<&'a CStr> = "listenerPath",
        /// Text that is sent along with it.
        listener_metadata: Option<&'a CStr> = "listenerMetadata",
        /// The rules.
        syscalls: List<'a, Syscall<'a>> = "syscalls",
    }

    /// One rule for some system calls.
    pub struct Syscall<'a> {
        /// The calls.
        names: List<'a, Text<'a>> = "names",
        /// `SCMP_ACT_*` for them.
        action: Option<&'a CStr> = "action",
        /// The errno that goes with it.
        errno_ret: Option<u32> = "errnoRet",
        /// Conditions on the arguments.
        args: List<'a, SyscallArg<'a>> = "args",
    }

    /// A condition on one argument.
    pub struct SyscallArg<'a> {
        /// Which argument, from 0.
        index: u32 = required "index",
        /// What to compare with.
        value: u64 = required "value",
        /// For SCMP_CMP_MASKED_EQ: what the masked argument has to be; `value` is the mask.
        value_two: u64 = "valueTwo",
        /// `SCMP_CMP_*`.
        op: Option<&'a CStr> = "op",
    }
}
