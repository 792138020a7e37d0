//! config.json as serde reads it into owned values: the opponent in the benchmark, and the model in the tests.
//!
//! A value shows itself (`{:?}`) as spec-min's does, so that the two are compared as text.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::ffi::CString;
use std::fmt;
use std::marker::PhantomData;

/// Text, shown as a C string is.
#[derive(serde::Deserialize, Default)]
pub struct Text(String);

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        CString::new(self.0.as_str())
            .map_err(|_| fmt::Error)?
            .fmt(f)
    }
}

/// A dictionary in the order of the document.
#[derive(Default)]
pub struct Map<V>(Vec<(Text, V)>);

impl<V: fmt::Debug> fmt::Debug for Map<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.0.iter().map(|(key, value)| (key, value)))
            .finish()
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Map<V> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs<V>(PhantomData<V>);

        impl<'de, V: Deserialize<'de>> Visitor<'de> for Pairs<V> {
            type Value = Map<V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Map<V>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Map(pairs))
            }
        }

        from.deserialize_map(Pairs(PhantomData))
    }
}

/// A struct that is read from an object; serde's own take an array as well.
struct Object<T>(PhantomData<T>);

/// What serde makes of a struct, whatever it is read from.
trait Members<'de>: Sized {
    fn members<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error>;
}

impl<'de, T: Members<'de>> Visitor<'de> for Object<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::members(map)
    }
}

/// A member that is `null` is absent.
fn absent<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(
    from: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

macro_rules! objects {
    ($(struct $name:ident { $($field:ident : $type:ty = $($required:ident)? $key:literal,)* })*) => {$(
        objects! { @struct $name [] $($field : $type = $($required)? $key,)* }

        impl<'de> Members<'de> for $name {
            fn members<A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
                // Serde's own reading: `remote` makes it a function of the type and not of the trait.
                $name::deserialize(MapAccessDeserializer::new(map))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                from.deserialize_map(Object(PhantomData))
            }
        }
    )*};
    (@struct $name:ident [$($done:tt)*]) => {
        #[derive(serde::Deserialize, Debug, Default)]
        #[serde(remote = "Self")]
        #[allow(missing_docs, dead_code, reason = "spec-min documents them; here they are only shown")]
        pub struct $name { $($done)* }
    };
    (@struct $name:ident [$($done:tt)*] $field:ident : $type:ty = required $key:literal, $($more:tt)*) => {
        objects! { @struct $name [$($done)* #[serde(rename = $key)] $field: $type,] $($more)* }
    };
    (@struct $name:ident [$($done:tt)*] $field:ident : $type:ty = $key:literal, $($more:tt)*) => {
        objects! {
            @struct $name
            [$($done)* #[serde(rename = $key, default, deserialize_with = "absent")] $field: $type,]
            $($more)*
        }
    };
}

objects! {
    struct Spec {
        oci_version: Option<Text> = "ociVersion",
        process: Option<Process> = "process",
        root: Option<Root> = "root",
        hostname: Option<Text> = "hostname",
        domainname: Option<Text> = "domainname",
        mounts: Vec<Mount> = "mounts",
        hooks: Hooks = "hooks",
        annotations: Map<Text> = "annotations",
        linux: Linux = "linux",
    }

    struct Root {
        path: Option<Text> = "path",
        readonly: bool = "readonly",
    }

    struct Mount {
        destination: Option<Text> = "destination",
        kind: Option<Text> = "type",
        source: Option<Text> = "source",
        options: Vec<Text> = "options",
        uid_mappings: Vec<IdMapping> = "uidMappings",
        gid_mappings: Vec<IdMapping> = "gidMappings",
    }

    struct IdMapping {
        container_id: u32 = required "containerID",
        host_id: u32 = required "hostID",
        size: u32 = required "size",
    }

    struct Process {
        terminal: bool = "terminal",
        console_size: Option<ConsoleSize> = "consoleSize",
        user: User = "user",
        args: Vec<Text> = "args",
        env: Vec<Text> = "env",
        cwd: Option<Text> = "cwd",
        capabilities: Option<Capabilities> = "capabilities",
        rlimits: Vec<Rlimit> = "rlimits",
        no_new_privileges: bool = "noNewPrivileges",
        apparmor_profile: Option<Text> = "apparmorProfile",
        selinux_label: Option<Text> = "selinuxLabel",
        oom_score_adj: Option<i32> = "oomScoreAdj",
        scheduler: Option<Scheduler> = "scheduler",
        io_priority: Option<IoPriority> = "ioPriority",
        exec_cpu_affinity: Option<ExecCpuAffinity> = "execCPUAffinity",
    }

    struct ConsoleSize {
        height: u64 = required "height",
        width: u64 = required "width",
    }

    struct User {
        uid: u32 = "uid",
        gid: u32 = "gid",
        umask: Option<u32> = "umask",
        additional_gids: Vec<u32> = "additionalGids",
    }

    struct Capabilities {
        bounding: Vec<Text> = "bounding",
        effective: Vec<Text> = "effective",
        inheritable: Vec<Text> = "inheritable",
        permitted: Vec<Text> = "permitted",
        ambient: Vec<Text> = "ambient",
    }

    struct Rlimit {
        kind: Option<Text> = "type",
        soft: u64 = required "soft",
        hard: u64 = required "hard",
    }

    struct Scheduler {
        policy: Option<Text> = "policy",
        nice: i32 = "nice",
        priority: i32 = "priority",
        flags: Vec<Text> = "flags",
        runtime: u64 = "runtime",
        deadline: u64 = "deadline",
        period: u64 = "period",
    }

    struct IoPriority {
        class: Option<Text> = "class",
        priority: i32 = "priority",
    }

    struct ExecCpuAffinity {
        initial: Option<Text> = "initial",
        last: Option<Text> = "final",
    }

    struct Hooks {
        prestart: Vec<Hook> = "prestart",
        create_runtime: Vec<Hook> = "createRuntime",
        create_container: Vec<Hook> = "createContainer",
        start_container: Vec<Hook> = "startContainer",
        poststart: Vec<Hook> = "poststart",
        poststop: Vec<Hook> = "poststop",
    }

    struct Hook {
        path: Option<Text> = "path",
        args: Vec<Text> = "args",
        env: Option<Vec<Text>> = "env",
        timeout: Option<i64> = "timeout",
    }

    struct Linux {
        uid_mappings: Vec<IdMapping> = "uidMappings",
        gid_mappings: Vec<IdMapping> = "gidMappings",
        sysctl: Map<Text> = "sysctl",
        resources: Option<Resources> = "resources",
        cgroups_path: Option<Text> = "cgroupsPath",
        namespaces: Vec<Namespace> = "namespaces",
        devices: Vec<Device> = "devices",
        net_devices: Map<NetDevice> = "netDevices",
        seccomp: Option<Seccomp> = "seccomp",
        rootfs_propagation: Option<Text> = "rootfsPropagation",
        masked_paths: Vec<Text> = "maskedPaths",
        readonly_paths: Vec<Text> = "readonlyPaths",
        mount_label: Option<Text> = "mountLabel",
        intel_rdt: Option<IntelRdt> = "intelRdt",
        personality: Option<Personality> = "personality",
        time_offsets: TimeOffsets = "timeOffsets",
        memory_policy: Option<MemoryPolicy> = "memoryPolicy",
    }

    struct Namespace {
        kind: Option<Text> = "type",
        path: Option<Text> = "path",
    }

    struct Device {
        kind: Option<Text> = "type",
        path: Option<Text> = "path",
        major: Option<i64> = "major",
        minor: Option<i64> = "minor",
        file_mode: Option<u32> = "fileMode",
        uid: Option<u32> = "uid",
        gid: Option<u32> = "gid",
    }

    struct NetDevice {
        name: Option<Text> = "name",
    }

    struct IntelRdt {
        clos_id: Option<Text> = "closID",
        schemata: Vec<Text> = "schemata",
        l3_cache_schema: Option<Text> = "l3CacheSchema",
        mem_bw_schema: Option<Text> = "memBwSchema",
        enable_monitoring: bool = "enableMonitoring",
    }

    struct Personality {
        domain: Option<Text> = "domain",
        flags: Vec<Text> = "flags",
    }

    struct TimeOffsets {
        monotonic: Option<TimeOffset> = "monotonic",
        boottime: Option<TimeOffset> = "boottime",
    }

    struct TimeOffset {
        secs: i64 = "secs",
        nanosecs: u32 = "nanosecs",
    }

    struct MemoryPolicy {
        mode: Option<Text> = "mode",
        nodes: Option<Text> = "nodes",
        flags: Vec<Text> = "flags",
    }

    struct Resources {
        unified: Map<Text> = "unified",
        devices: Vec<DeviceRule> = "devices",
        memory: Option<Memory> = "memory",
        cpu: Option<Cpu> = "cpu",
        pids: Option<Pids> = "pids",
        block_io: Option<BlockIo> = "blockIO",
        hugepage_limits: Vec<HugepageLimit> = "hugepageLimits",
        network: Option<Network> = "network",
        rdma: Map<Rdma> = "rdma",
    }

    struct DeviceRule {
        allow: bool = "allow",
        kind: Option<Text> = "type",
        major: Option<i64> = "major",
        minor: Option<i64> = "minor",
        access: Option<Text> = "access",
    }

    struct Memory {
        limit: Option<i64> = "limit",
        reservation: Option<i64> = "reservation",
        swap: Option<i64> = "swap",
        kernel: Option<i64> = "kernel",
        kernel_tcp: Option<i64> = "kernelTCP",
        swappiness: Option<u64> = "swappiness",
        disable_oom_killer: Option<bool> = "disableOOMKiller",
        use_hierarchy: Option<bool> = "useHierarchy",
        check_before_update: Option<bool> = "checkBeforeUpdate",
    }

    struct Cpu {
        shares: Option<u64> = "shares",
        quota: Option<i64> = "quota",
        burst: Option<u64> = "burst",
        period: Option<u64> = "period",
        realtime_runtime: Option<i64> = "realtimeRuntime",
        realtime_period: Option<u64> = "realtimePeriod",
        cpus: Option<Text> = "cpus",
        mems: Option<Text> = "mems",
        idle: Option<i64> = "idle",
    }

    struct Pids {
        limit: Option<i64> = "limit",
    }

    struct BlockIo {
        weight: Option<u16> = "weight",
        leaf_weight: Option<u16> = "leafWeight",
        weight_device: Vec<WeightDevice> = "weightDevice",
        throttle_read_bps_device: Vec<ThrottleDevice> = "throttleReadBpsDevice",
        throttle_write_bps_device: Vec<ThrottleDevice> = "throttleWriteBpsDevice",
        throttle_read_iops_device: Vec<ThrottleDevice> = "throttleReadIOPSDevice",
        throttle_write_iops_device: Vec<ThrottleDevice> = "throttleWriteIOPSDevice",
    }

    struct WeightDevice {
        major: i64 = required "major",
        minor: i64 = required "minor",
        weight: Option<u16> = "weight",
        leaf_weight: Option<u16> = "leafWeight",
    }

    struct ThrottleDevice {
        major: i64 = required "major",
        minor: i64 = required "minor",
        rate: Option<u64> = "rate",
    }

    struct HugepageLimit {
        page_size: Option<Text> = "pageSize",
        limit: u64 = required "limit",
    }

    struct Network {
        class_id: Option<u32> = "classID",
        priorities: Vec<InterfacePriority> = "priorities",
    }

    struct InterfacePriority {
        name: Option<Text> = "name",
        priority: u32 = required "priority",
    }

    struct Rdma {
        hca_handles: Option<u32> = "hcaHandles",
        hca_objects: Option<u32> = "hcaObjects",
    }

    struct Seccomp {
        default_action: Option<Text> = "defaultAction",
        default_errno_ret: Option<u32> = "defaultErrnoRet",
        architectures: Vec<Text> = "architectures",
        flags: Option<Vec<Text>> = "flags",
        listener_path: Option<Text> = "listenerPath",
        listener_metadata: Option<Text> = "listenerMetadata",
        syscalls: Vec<Syscall> = "syscalls",
    }

    struct Syscall {
        names: Vec<Text> = "names",
        action: Option<Text> = "action",
        errno_ret: Option<u32> = "errnoRet",
        args: Vec<SyscallArg> = "args",
    }

    struct SyscallArg {
        index: u32 = required "index",
        value: u64 = required "value",
        value_two: u64 = "valueTwo",
        op: Option<Text> = "op",
    }
}
