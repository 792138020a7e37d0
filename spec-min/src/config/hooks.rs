//! Programs that the runtime runs at points of the container's life (config.md, "POSIX-platform Hooks").

use core::ffi::CStr;

use crate::List;

crate::object! {
    /// The six lists of hooks, each run in order.
    pub struct Hooks<'a> {
        /// Deprecated: after the namespaces exist, before pivot_root, in the runtime's namespaces.
        prestart: List<'a, Hook<'a>> = "prestart",
        /// At the same time, behind the prestart hooks.
        create_runtime: List<'a, Hook<'a>> = "createRuntime",
        /// Behind those, in the container's namespaces, before pivot_root.
        create_container: List<'a, Hook<'a>> = "createContainer",
        /// During `start`, in the container, before the user's program.
        start_container: List<'a, Hook<'a>> = "startContainer",
        /// After the user's program started, in the runtime's namespaces.
        poststart: List<'a, Hook<'a>> = "poststart",
        /// After the container was deleted, in the runtime's namespaces.
        poststop: List<'a, Hook<'a>> = "poststop",
    }

    /// One program.
    pub struct Hook<'a> {
        /// Its file, absolute.
        path: Option<&'a CStr> = "path",
        /// Its arguments from `argv[0]` on, as for execv(3).
        args: List<'a, &'a CStr> = "args",
        /// Its environment. Absent differs from empty: runc then gives its own.
        env: Option<List<'a, &'a CStr>> = "env",
        /// Seconds until it is killed.
        timeout: Option<i64> = "timeout",
    }
}
