//! Limits by control groups (config-linux.md, "Control groups"). Alone it is what `update --resources` takes.
//!
//! Every limit is an `Option`: what is absent is left as it is.

use core::ffi::CStr;

use crate::{List, Map, Maybe};

crate::object! {
    /// The `linux.resources` section.
    pub struct Resources<'a> {
        /// Files of cgroup v2 and what to write into them ("Unified").
        unified: Map<'a, &'a CStr> = "unified",
        /// Which devices may be used; the order counts.
        devices: List<'a, DeviceRule<'a>> = "devices",
        /// Memory.
        memory: Maybe<Memory> = "memory",
        /// Processors.
        cpu: Maybe<Cpu<'a>> = "cpu",
        /// Number of tasks.
        pids: Maybe<Pids> = "pids",
        /// Block devices.
        block_io: Maybe<BlockIo<'a>> = "blockIO",
        /// Huge pages.
        hugepage_limits: List<'a, HugepageLimit<'a>> = "hugepageLimits",
        /// Classes of network traffic.
        network: Maybe<Network<'a>> = "network",
        /// RDMA: limits by device name.
        rdma: Map<'a, Rdma> = "rdma",
    }

    /// One rule for devices ("Allowed Device list").
    pub struct DeviceRule<'a> {
        /// Whether it allows or denies.
        allow: bool = "allow",
        /// `a` (all), `c` or `b`; absent is all.
        kind: Option<&'a CStr> = "type",
        /// Major number; absent is any.
        major: Option<i64> = "major",
        /// Minor number; absent is any.
        minor: Option<i64> = "minor",
        /// Some of `r`, `w` and `m`.
        access: Option<&'a CStr> = "access",
    }

    /// Memory ("Memory"); sizes in bytes, -1 for no limit.
    pub struct Memory {
        /// Limit of usage.
        limit: Option<i64> = "limit",
        /// Soft limit.
        reservation: Option<i64> = "reservation",
        /// Limit of memory and swap together.
        swap: Option<i64> = "swap",
        /// Deprecated: limit of kernel memory.
        kernel: Option<i64> = "kernel",
        /// Deprecated: limit of the kernel's TCP buffers.
        kernel_tcp: Option<i64> = "kernelTCP",
        /// vm.swappiness of the group, 0..=100.
        swappiness: Option<u64> = "swappiness",
        /// Whether tasks wait for memory instead of being killed.
        disable_oom_killer: Maybe<bool> = "disableOOMKiller",
        /// Deprecated: whether usage counts for the groups above.
        use_hierarchy: Maybe<bool> = "useHierarchy",
        /// Whether to refuse a limit below the present usage.
        check_before_update: Maybe<bool> = "checkBeforeUpdate",
    }

    /// Processors ("CPU"); times in microseconds.
    pub struct Cpu<'a> {
        /// Relative weight, cgroup v1's scale: 2..=262144.
        shares: Option<u64> = "shares",
        /// Time in each period, -1 for no limit.
        quota: Option<i64> = "quota",
        /// How much unused time may be kept for later.
        burst: Option<u64> = "burst",
        /// The period of the quota.
        period: Option<u64> = "period",
        /// Time for realtime tasks in each of their periods.
        realtime_runtime: Option<i64> = "realtimeRuntime",
        /// The period for realtime tasks.
        realtime_period: Option<u64> = "realtimePeriod",
        /// The CPUs to run on, a list such as `0-3,7`.
        cpus: Option<&'a CStr> = "cpus",
        /// The memory nodes to use, such a list too.
        mems: Option<&'a CStr> = "mems",
        /// 1 runs the group only when nothing else wants to.
        idle: Option<i64> = "idle",
    }

    /// Tasks ("PIDs").
    pub struct Pids {
        /// How many; -1 for no limit.
        limit: Option<i64> = "limit",
    }

    /// Block devices ("Block IO").
    pub struct BlockIo<'a> {
        /// Relative weight, 10..=1000.
        weight: Option<u16> = "weight",
        /// The weight against the groups below.
        leaf_weight: Option<u16> = "leafWeight",
        /// Weights for single devices.
        weight_device: List<'a, WeightDevice> = "weightDevice",
        /// Limits of reading, in bytes per second.
        throttle_read_bps_device: List<'a, ThrottleDevice> = "throttleReadBpsDevice",
        /// Limits of writing, in bytes per second.
        throttle_write_bps_device: List<'a, ThrottleDevice> = "throttleWriteBpsDevice",
        /// Limits of reading, in operations per second.
        throttle_read_iops_device: List<'a, ThrottleDevice> = "throttleReadIOPSDevice",
        /// Limits of writing, in operations per second.
        throttle_write_iops_device: List<'a, ThrottleDevice> = "throttleWriteIOPSDevice",
    }

    /// One block device's weight.
    pub struct WeightDevice {
        /// Major number.
        major: i64 = required "major",
        /// Minor number.
        minor: i64 = required "minor",
        /// Relative weight, 10..=1000.
        weight: Option<u16> = "weight",
        /// The weight against the groups below.
        leaf_weight: Option<u16> = "leafWeight",
    }

    /// One block device's limit.
    pub struct ThrottleDevice {
        /// Major number.
        major: i64 = required "major",
        /// Minor number.
        minor: i64 = required "minor",
        /// Bytes or operations per second.
        rate: Option<u64> = "rate",
    }

    /// A limit of huge pages of one size ("Huge page limits").
    pub struct HugepageLimit<'a> {
        /// The size, such as `2MB`.
        page_size: Option<&'a CStr> = "pageSize",
        /// Bytes.
        limit: u64 = required "limit",
    }

    /// Classes of network traffic ("Network"), cgroup v1 only.
    pub struct Network<'a> {
        /// The class that packets get.
        class_id: Option<u32> = "classID",
        /// Priorities by interface.
        priorities: List<'a, InterfacePriority<'a>> = "priorities",
    }

    /// One interface's priority.
    pub struct InterfacePriority<'a> {
        /// The interface.
        name: Option<&'a CStr> = "name",
        /// Its priority.
        priority: u32 = required "priority",
    }

    /// Limits of one RDMA device ("RDMA").
    pub struct Rdma {
        /// How many handles.
        hca_handles: Option<u32> = "hcaHandles",
        /// How many objects.
        hca_objects: Option<u32> = "hcaObjects",
    }
}
