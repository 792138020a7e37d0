//! What is refused until it is supported, and the values that ask for nothing.

use super::{FACTS, accepted, refused};

#[test]
fn by_name() {
    for (pointer, text) in [
        ("/linux/intelRdt", r#"{"closID": "a"}"#),
        ("/linux/netDevices", r#"{"eth0": {}}"#),
        ("/linux/resources/unified", r#"{"cpu.weight": "1"}"#),
        ("/linux/resources/pids/limit", "0"),
        ("/linux/resources/pids/limit", "10"),
        (
            "/linux/resources/hugepageLimits",
            r#"[{"pageSize": "2MB", "limit": 1}]"#,
        ),
        ("/linux/resources/rdma", r#"{"mlx": {"hcaHandles": 1}}"#),
        ("/linux/resources/memory/limit", "1"),
        ("/linux/resources/memory/reservation", "1"),
        ("/linux/resources/memory/swap", "1"),
        ("/linux/resources/memory/swappiness", "0"),
        ("/linux/resources/memory/disableOOMKiller", "true"),
        ("/linux/resources/cpu/shares", "2"),
        ("/linux/resources/cpu/quota", "1"),
        ("/linux/resources/cpu/burst", "1"),
        ("/linux/resources/cpu/period", "1"),
        ("/linux/resources/cpu/realtimeRuntime", "1"),
        ("/linux/resources/cpu/realtimePeriod", "1"),
        ("/linux/resources/cpu/cpus", r#""0""#),
        ("/linux/resources/cpu/mems", r#""0""#),
        ("/linux/resources/cpu/idle", "1"),
        ("/linux/resources/blockIO/weight", "10"),
        ("/linux/resources/blockIO/leafWeight", "10"),
        (
            "/linux/resources/blockIO/weightDevice",
            r#"[{"major": 1, "minor": 1}]"#,
        ),
        (
            "/linux/resources/blockIO/throttleReadBpsDevice",
            r#"[{"major": 1, "minor": 1}]"#,
        ),
        (
            "/linux/resources/blockIO/throttleWriteBpsDevice",
            r#"[{"major": 1, "minor": 1}]"#,
        ),
        (
            "/linux/resources/blockIO/throttleReadIOPSDevice",
            r#"[{"major": 1, "minor": 1}]"#,
        ),
        (
            "/linux/resources/blockIO/throttleWriteIOPSDevice",
            r#"[{"major": 1, "minor": 1}]"#,
        ),
        ("/linux/resources/network/classID", "1"),
        (
            "/linux/resources/network/priorities",
            r#"[{"name": "eth0", "priority": 1}]"#,
        ),
    ] {
        let property = pointer[1..].replace('/', ".");
        assert_eq!(
            refused(&[(pointer, text)], &FACTS),
            format!("config.json: {property}: not supported yet; leave it out"),
            "{text}"
        );
    }
}

#[test]
fn what_asks_for_nothing_passes() {
    for (pointer, text) in [
        ("/linux/resources", "null"),
        ("/linux/resources", "{}"),
        (
            "/linux/resources",
            r#"{"unified": {}, "devices": null, "memory": {}, "cpu": {}, "pids": {}, "blockIO": {}, "hugepageLimits": [],
                "network": {}, "rdma": {}}"#,
        ),
        (
            "/linux/resources",
            r#"{"memory": {"limit": -1, "swap": 0, "disableOOMKiller": false, "checkBeforeUpdate": true},
                "cpu": {"shares": 0, "quota": -1, "period": 0, "cpus": "", "mems": "", "idle": 0}, "pids": {"limit": -1},
                "blockIO": {"weight": 0}, "network": {"classID": 0}}"#,
        ),
        ("/linux/seccomp", "null"),
        ("/linux/netDevices", "{}"),
        ("/process/execCPUAffinity", "{}"),
        ("/linux/memoryPolicy", "{}"),
    ] {
        accepted(&[(pointer, text)], &FACTS, |_| ());
    }
}
