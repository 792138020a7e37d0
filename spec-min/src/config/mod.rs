//! The shape of config.json: every property that the runtime-spec defines for Linux, under its name in snake case.
//!
//! Sections for other platforms (windows, solaris, zos, freebsd, vm) are unknown keys here, and skipped. Numbers that
//! the spec requires are `required`; a required text that is absent is `None`, and the runtime says what that means.

mod hooks;
mod linux;
mod mounts;
mod process;
mod resources;
mod seccomp;

use core::ffi::CStr;

pub use hooks::*;
pub use linux::*;
pub use mounts::*;
pub use process::*;
pub use resources::*;
pub use seccomp::*;

use crate::{Map, Maybe};

crate::object! {
    /// A whole config.json (config.md).
    pub struct Spec<'a> {
        /// The version of the runtime-spec that the document follows (config.md, "Specification version").
        oci_version: Option<&'a CStr> = "ociVersion",
        /// What runs in the container. May be absent for `create`, not for `start`.
        process: Maybe<Process<'a>> = "process",
        /// The root filesystem.
        root: Maybe<Root<'a>> = "root",
        /// The name for the container's UTS namespace.
        hostname: Option<&'a CStr> = "hostname",
        /// The NIS domain name for the container's UTS namespace.
        domainname: Option<&'a CStr> = "domainname",
        /// What to mount over the root, in this order.
        mounts: crate::List<'a, Mount<'a>> = "mounts",
        /// Programs to run at points of the container's life.
        hooks: Hooks<'a> = "hooks",
        /// Metadata, some of which changes what a runtime does.
        annotations: Map<'a, &'a CStr> = "annotations",
        /// The part that only Linux has.
        linux: Linux<'a> = "linux",
    }
}
