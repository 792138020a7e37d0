//! What only Linux has (config-linux.md), but for resources and seccomp, which have files of their own.

use core::ffi::CStr;

use super::{IdMapping, Resources, Seccomp};
use crate::{List, Map, Maybe};

crate::object! {
    /// The `linux` section (config-linux.md).
    pub struct Linux<'a> {
        /// The user namespace's user ids.
        uid_mappings: List<'a, IdMapping> = "uidMappings",
        /// The user namespace's group ids.
        gid_mappings: List<'a, IdMapping> = "gidMappings",
        /// Kernel parameters to set: name under /proc/sys, with dots or slashes, to value.
        sysctl: Map<'a, &'a CStr> = "sysctl",
        /// Limits; absent differs from empty in that nothing is asked for at all.
        resources: Maybe<Resources<'a>> = "resources",
        /// The control group, absolute or relative to where the runtime puts its own.
        cgroups_path: Option<&'a CStr> = "cgroupsPath",
        /// The namespaces to make or to join.
        namespaces: List<'a, Namespace<'a>> = "namespaces",
        /// Device files to make.
        devices: List<'a, Device<'a>> = "devices",
        /// Network interfaces of the host, by name, to move into the container.
        net_devices: Map<'a, NetDevice<'a>> = "netDevices",
        /// Which system calls it may make.
        seccomp: Maybe<Seccomp<'a>> = "seccomp",
        /// `private`, `shared`, `slave` or `unbindable`, perhaps with an `r` before it.
        rootfs_propagation: Option<&'a CStr> = "rootfsPropagation",
        /// Paths that the container can't look into.
        masked_paths: List<'a, &'a CStr> = "maskedPaths",
        /// Paths that the container can't change.
        readonly_paths: List<'a, &'a CStr> = "readonlyPaths",
        /// The SELinux context for the mounts.
        mount_label: Option<&'a CStr> = "mountLabel",
        /// Shares of cache and memory bandwidth.
        intel_rdt: Maybe<IntelRdt<'a>> = "intelRdt",
        /// The execution domain.
        personality: Maybe<Personality<'a>> = "personality",
        /// The time namespace's clocks.
        time_offsets: TimeOffsets = "timeOffsets",
        /// Which NUMA nodes memory comes from.
        memory_policy: Maybe<MemoryPolicy<'a>> = "memoryPolicy",
    }

    /// One namespace (config-linux.md, "Namespaces").
    pub struct Namespace<'a> {
        /// `pid`, `network`, `mount`, `ipc`, `uts`, `user`, `cgroup` or `time`.
        kind: Option<&'a CStr> = "type",
        /// The namespace's file if it is to be joined, absolute; absent for a new one.
        path: Option<&'a CStr> = "path",
    }

    /// One device file (config-linux.md, "Devices").
    pub struct Device<'a> {
        /// `c`, `u`, `b` or `p`, as for mknod(1).
        kind: Option<&'a CStr> = "type",
        /// Where, absolute, inside the container.
        path: Option<&'a CStr> = "path",
        /// Major number; needed unless the type is `p`.
        major: Option<i64> = "major",
        /// Minor number; needed unless the type is `p`.
        minor: Option<i64> = "minor",
        /// Permission bits, 0..=0o777.
        file_mode: Option<u32> = "fileMode",
        /// Owner, an id inside the container.
        uid: Option<u32> = "uid",
        /// Group, an id inside the container.
        gid: Option<u32> = "gid",
    }

    /// A network interface to move (config-linux.md, "Network Devices").
    pub struct NetDevice<'a> {
        /// Its name inside the container; absent keeps the name.
        name: Option<&'a CStr> = "name",
    }

    /// Cache and memory bandwidth (config-linux.md, "IntelRdt"), see the kernel's resctrl documentation.
    pub struct IntelRdt<'a> {
        /// The class of service: a directory under /sys/fs/resctrl.
        clos_id: Option<&'a CStr> = "closID",
        /// Lines for the class's `schemata` file.
        schemata: List<'a, &'a CStr> = "schemata",
        /// A schema line for the L3 cache.
        l3_cache_schema: Option<&'a CStr> = "l3CacheSchema",
        /// A schema line for memory bandwidth.
        mem_bw_schema: Option<&'a CStr> = "memBwSchema",
        /// Whether to make a monitoring group for the container.
        enable_monitoring: bool = "enableMonitoring",
    }

    /// The execution domain (config-linux.md, "Personality"), see personality(2).
    pub struct Personality<'a> {
        /// `LINUX` or `LINUX32`.
        domain: Option<&'a CStr> = "domain",
        /// The spec defines none yet.
        flags: List<'a, &'a CStr> = "flags",
    }

    /// The time namespace's clocks (config-linux.md, "Offset for Time Namespace").
    pub struct TimeOffsets {
        /// For CLOCK_MONOTONIC.
        monotonic: Maybe<TimeOffset> = "monotonic",
        /// For CLOCK_BOOTTIME.
        boottime: Maybe<TimeOffset> = "boottime",
    }

    /// By how much one clock differs from the host's.
    pub struct TimeOffset {
        /// Whole seconds.
        secs: i64 = "secs",
        /// Nanoseconds on top of them.
        nanosecs: u32 = "nanosecs",
    }

    /// NUMA nodes (config-linux.md, "Memory policy"), see set_mempolicy(2).
    pub struct MemoryPolicy<'a> {
        /// `MPOL_*`.
        mode: Option<&'a CStr> = "mode",
        /// A list such as `0-3,7`.
        nodes: Option<&'a CStr> = "nodes",
        /// `MPOL_F_*`.
        flags: List<'a, &'a CStr> = "flags",
    }
}
