//! What becomes of limits: the files and values of both versions, worked out by hand from config-linux.md and the kernel's
//! documents of the files.

use super::{FACTS, accepted, check_refusals, plan_of, refused};
use crate::plan::{Kept, Refusal, update};
use init::plan::{Lacking, Limit, Setting};
use init::sys::arena::Arena;

fn setting(setting: &Setting<'_>) -> String {
    let Setting {
        file,
        text,
        lacking,
    } = setting;
    let mark = match lacking {
        Lacking::Fails => "",
        Lacking::Passes => " ?",
        Lacking::Other => " |",
        Lacking::Above => " >",
    };
    if file.is_empty() {
        format!("-{mark}")
    } else {
        format!("{file}={text}{mark}")
    }
}

/// `property: v1; v2`, with a mark behind what may be lacking.
fn show(limits: &[Limit<'_>]) -> Vec<String> {
    let line = |limit: &Limit<'_>| {
        let (v1, v2) = (setting(&limit.v1), setting(&limit.v2));
        format!("{}: {v1}; {v2}", limit.property)
    };
    limits.iter().map(line).collect()
}

fn check(rows: &[(&str, &[&str])]) {
    for (resources, want) in rows {
        accepted(&[("/linux/resources", resources)], &FACTS, |plan| {
            assert_eq!(show(plan.cgroup.limits), *want, "{resources}");
        });
    }
}

#[test]
fn memory() {
    check(&[
        ("null", &[]),
        (r#"{"memory": {}}"#, &[]),
        (
            r#"{"memory": {"limit": 0, "swap": 0, "reservation": 0}}"#,
            &[],
        ),
        (
            r#"{"memory": {"limit": 1048576, "reservation": 4096}}"#,
            &[
                "memory.limit: memory.limit_in_bytes=1048576; memory.max=1048576",
                "memory.reservation: memory.soft_limit_in_bytes=4096; memory.low=4096",
            ],
        ),
        // v1 counts memory and swap, v2 swap alone.
        (
            r#"{"memory": {"limit": 1000, "swap": 1500}}"#,
            &[
                "memory.limit: memory.limit_in_bytes=1000; memory.max=1000",
                "memory.swap: memory.memsw.limit_in_bytes=1500; memory.swap.max=500",
            ],
        ),
        (
            r#"{"memory": {"limit": 1000, "swap": 1000}}"#,
            &[
                "memory.limit: memory.limit_in_bytes=1000; memory.max=1000",
                "memory.swap: memory.memsw.limit_in_bytes=1000; memory.swap.max=0 ?",
            ],
        ),
        (
            r#"{"memory": {"limit": 1000, "swap": -1}}"#,
            &[
                "memory.limit: memory.limit_in_bytes=1000; memory.max=1000",
                "memory.swap: memory.memsw.limit_in_bytes=-1 ?; memory.swap.max=max ?",
            ],
        ),
        // No limit of memory is none of both.
        (
            r#"{"memory": {"limit": -1, "reservation": -1}}"#,
            &[
                "memory.limit: memory.limit_in_bytes=-1 ?; memory.max=max ?",
                "memory.swap: memory.memsw.limit_in_bytes=-1 ?; memory.swap.max=max ?",
                "memory.reservation: memory.soft_limit_in_bytes=-1 ?; memory.low=max ?",
            ],
        ),
        (
            r#"{"memory": {"limit": -1, "swap": 1500}}"#,
            &[
                "memory.limit: memory.limit_in_bytes=-1 ?; memory.max=max ?",
                "memory.swap: memory.memsw.limit_in_bytes=1500; memory.swap.max=1500",
            ],
        ),
        (
            r#"{"memory": {"swappiness": 0, "disableOOMKiller": true}}"#,
            &[
                "memory.swappiness: memory.swappiness=0; -",
                "memory.disableOOMKiller: memory.oom_control=1; -",
            ],
        ),
        (
            r#"{"memory": {"disableOOMKiller": false}}"#,
            &["memory.disableOOMKiller: memory.oom_control=0 ?; - ?"],
        ),
        (
            r#"{"memory": {"limit": 1000, "swap": 2000, "checkBeforeUpdate": true}}"#,
            &[
                "memory.limit: memory.limit_in_bytes=1000; memory.max=1000 >",
                "memory.swap: memory.memsw.limit_in_bytes=2000; memory.swap.max=1000",
            ],
        ),
        (
            r#"{"memory": {"limit": 9223372036854775807}}"#,
            &[
                "memory.limit: memory.limit_in_bytes=9223372036854775807; memory.max=9223372036854775807",
            ],
        ),
    ]);
}

#[test]
fn cpu_and_pids() {
    check(&[
        (
            r#"{"cpu": {"shares": 0, "quota": 0, "period": 0, "realtimeRuntime": 0, "realtimePeriod": 0, "cpus": "", "mems": ""}}"#,
            &[],
        ),
        (
            r#"{"cpu": {"shares": 1024}}"#,
            &["cpu.shares: cpu.shares=1024; cpu.weight=100"],
        ),
        (
            r#"{"cpu": {"shares": 18446744073709551615}}"#,
            &["cpu.shares: cpu.shares=9223372036854775807; cpu.weight=10000"],
        ),
        (
            r#"{"cpu": {"quota": 50000, "period": 200000, "burst": 1000}}"#,
            &[
                "cpu.period: cpu.cfs_period_us=200000; - ?",
                "cpu.quota: cpu.cfs_quota_us=50000; - ?",
                "cpu.burst: cpu.cfs_burst_us=1000; cpu.max.burst=1000",
                "cpu.quota: cpu.max=50000 200000 ?; cpu.max=50000 200000",
            ],
        ),
        // Either alone keeps the other: v2 takes the quota alone, and the period goes behind the quota that is there.
        (
            r#"{"cpu": {"quota": -9999}}"#,
            &[
                "cpu.quota: cpu.cfs_quota_us=-1 ?; - ?",
                "cpu.quota: cpu.max=max ?; cpu.max=max ?",
            ],
        ),
        (
            r#"{"cpu": {"period": 1000}}"#,
            &[
                "cpu.period: cpu.cfs_period_us=1000; - ?",
                "cpu.quota: cpu.max= 1000 ?; cpu.max= 1000",
            ],
        ),
        (
            r#"{"cpu": {"burst": 0, "idle": 0}}"#,
            &[
                "cpu.burst: cpu.cfs_burst_us=0 ?; cpu.max.burst=0 ?",
                "cpu.idle: cpu.idle=0 ?; cpu.idle=0 ?",
            ],
        ),
        (
            r#"{"cpu": {"idle": 1, "realtimeRuntime": 1000, "realtimePeriod": 50000, "cpus": "0-1,3", "mems": "0"}}"#,
            &[
                "cpu.realtimePeriod: cpu.rt_period_us=50000; -",
                "cpu.realtimeRuntime: cpu.rt_runtime_us=1000; -",
                "cpu.idle: cpu.idle=1; cpu.idle=1",
                "cpu.cpus: cpuset.cpus=0-1,3; cpuset.cpus=0-1,3",
                "cpu.mems: cpuset.mems=0; cpuset.mems=0",
            ],
        ),
        (r#"{"pids": {}}"#, &[]),
        (
            r#"{"pids": {"limit": 0}}"#,
            &["pids.limit: pids.max=0; pids.max=0"],
        ),
        (
            r#"{"pids": {"limit": -1}}"#,
            &["pids.limit: pids.max=max ?; pids.max=max ?"],
        ),
    ]);
}

#[test]
fn block_io() {
    check(&[
        (r#"{"blockIO": {"weight": 0, "leafWeight": 0}}"#, &[]),
        (
            r#"{"blockIO": {"weight": 10, "leafWeight": 1000}}"#,
            &[
                "blockIO.weight: blkio.bfq.weight=10 |; io.bfq.weight=10 |",
                "blockIO.weight: blkio.weight=10 |; io.weight=1 |",
                "blockIO.leafWeight: blkio.leaf_weight=1000; -",
            ],
        ),
        (
            r#"{"blockIO": {"weightDevice": [{"major": 8, "minor": 0, "weight": 1000, "leafWeight": 10}]}}"#,
            &[
                "blockIO.weightDevice: blkio.bfq.weight_device=8:0 1000 |; io.bfq.weight=8:0 1000 |",
                "blockIO.weightDevice: blkio.weight_device=8:0 1000 |; io.weight=8:0 10000 |",
                "blockIO.weightDevice: blkio.leaf_weight_device=8:0 10; -",
            ],
        ),
        (
            r#"{"blockIO": {
                "throttleReadBpsDevice": [{"major": 8, "minor": 1, "rate": 5}, {"major": 8, "minor": 2, "rate": 0}],
                "throttleWriteBpsDevice": [{"major": 8, "minor": 1, "rate": 6}],
                "throttleReadIOPSDevice": [{"major": 8, "minor": 1, "rate": 7}],
                "throttleWriteIOPSDevice": [{"major": 8, "minor": 1, "rate": 8}]}}"#,
            &[
                "blockIO.throttleReadBpsDevice: blkio.throttle.read_bps_device=8:1 5; io.max=8:1 rbps=5",
                "blockIO.throttleReadBpsDevice: blkio.throttle.read_bps_device=8:2 0; io.max=8:2 rbps=max",
                "blockIO.throttleWriteBpsDevice: blkio.throttle.write_bps_device=8:1 6; io.max=8:1 wbps=6",
                "blockIO.throttleReadIOPSDevice: blkio.throttle.read_iops_device=8:1 7; io.max=8:1 riops=7",
                "blockIO.throttleWriteIOPSDevice: blkio.throttle.write_iops_device=8:1 8; io.max=8:1 wiops=8",
            ],
        ),
    ]);
}

#[test]
fn by_name() {
    check(&[
        (
            r#"{"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}"#,
            &[
                "hugepageLimits: hugetlb.2MB.limit_in_bytes=0; hugetlb.2MB.max=0",
                "hugepageLimits: hugetlb.2MB.rsvd.limit_in_bytes=0 ?; hugetlb.2MB.rsvd.max=0 ?",
            ],
        ),
        (r#"{"network": {"classID": 0}}"#, &[]),
        (
            r#"{"network": {"classID": 1048577, "priorities": [{"name": "eth0", "priority": 0}]}}"#,
            &[
                "network.classID: net_cls.classid=1048577; -",
                "network.priorities: net_prio.ifpriomap=eth0 0; -",
            ],
        ),
        (
            r#"{"rdma": {"mlx5_0": {"hcaHandles": 3, "hcaObjects": 4}, "mlx5_1": {"hcaObjects": 0}}}"#,
            &[
                "rdma: rdma.max=mlx5_0 hca_handle=3; rdma.max=mlx5_0 hca_handle=3",
                "rdma: rdma.max=mlx5_0 hca_object=4; rdma.max=mlx5_0 hca_object=4",
                "rdma: rdma.max=mlx5_1 hca_object=0; rdma.max=mlx5_1 hca_object=0",
            ],
        ),
        // After the others, which it overrides; a line at a time.
        (
            r#"{"unified": {"io.max": "8:0 rbps=1\n8:16 rbps=2\n", "cgroup.max.depth": "3"}, "pids": {"limit": 1}}"#,
            &[
                "pids.limit: pids.max=1; pids.max=1",
                "unified: -; cgroup.max.depth=3",
                "unified: -; io.max=8:0 rbps=1",
                "unified: -; io.max=8:16 rbps=2",
            ],
        ),
    ]);
}

#[test]
fn refused_ones() {
    check_refusals(&[
        (
            "/linux/resources/memory",
            r#"{"limit": -2}"#,
            "linux.resources.memory.limit: -2: expected a number from 0, or -1 for no limit",
        ),
        (
            "/linux/resources/memory",
            r#"{"swap": 5}"#,
            "linux.resources.memory.swap: 5: needs memory.limit: it is for memory and swap together",
        ),
        (
            "/linux/resources/memory",
            r#"{"limit": 6, "swap": 5}"#,
            "linux.resources.memory.swap: 5: less than memory.limit, but it is for memory and swap together",
        ),
        (
            "/linux/resources/memory",
            r#"{"swappiness": 101}"#,
            "linux.resources.memory.swappiness: 101: expected 0 to 100",
        ),
        (
            "/linux/resources/cpu",
            r#"{"period": 999}"#,
            "linux.resources.cpu.period: 999: expected 1000 to 1000000",
        ),
        (
            "/linux/resources/cpu",
            r#"{"idle": 2}"#,
            "linux.resources.cpu.idle: 2: expected 0 to 1",
        ),
        (
            "/linux/resources/cpu",
            r#"{"cpus": "0-"}"#,
            r#"linux.resources.cpu.cpus: "0-": expected CPUs from 0 to 8191, such as "0-3,7""#,
        ),
        (
            "/linux/resources/cpu",
            r#"{"mems": "1-0"}"#,
            r#"linux.resources.cpu.mems: "1-0": expected NUMA nodes from 0 to 1023, such as "0-3,7""#,
        ),
        (
            "/linux/resources/blockIO",
            r#"{"weight": 9}"#,
            "linux.resources.blockIO.weight: 9: expected 10 to 1000",
        ),
        (
            "/linux/resources/blockIO",
            r#"{"weightDevice": [{"major": 8, "minor": 0, "leafWeight": 1001}]}"#,
            "linux.resources.blockIO.weightDevice[0]: 1001: expected 10 to 1000",
        ),
        (
            "/linux/resources/blockIO",
            r#"{"throttleReadBpsDevice": [{"major": 8, "minor": 0}, {"major": -1, "minor": 0}]}"#,
            "linux.resources.blockIO.throttleReadBpsDevice[1]: -1: expected a device number",
        ),
        (
            "/linux/resources/hugepageLimits",
            r#"[{"pageSize": "02MB", "limit": 1}]"#,
            r#"linux.resources.hugepageLimits[0].pageSize: "02MB": expected a size such as "2MB""#,
        ),
        (
            "/linux/resources/hugepageLimits",
            r#"[{"pageSize": "MB", "limit": 1}]"#,
            r#"linux.resources.hugepageLimits[0].pageSize: "MB": expected a size such as "2MB""#,
        ),
        (
            "/linux/resources/network",
            r#"{"priorities": [{"name": "a b", "priority": 1}]}"#,
            r#"linux.resources.network.priorities: "a b": expected a name without white space"#,
        ),
        (
            "/linux/resources/rdma",
            r#"{"mlx": {}}"#,
            r#"linux.resources.rdma: "mlx": expected hcaHandles, hcaObjects or both"#,
        ),
    ]);
    for file in [
        "../pids.max",
        "a/b.c",
        "memory",
        ".max",
        "",
        "cgroup.procs",
        "cgroup.kill",
    ] {
        let unified = format!(r#"{{"{file}": "1"}}"#);
        assert_eq!(
            refused(&[("/linux/resources/unified", &unified)], &FACTS),
            format!(
                r#"config.json: linux.resources.unified: "{file}": expected a limit's file in cgroup v2, such as "memory.high""#
            )
        );
    }
}

/// The rows of an update, or why there is none.
fn updated(resources: &str, kept: Kept) -> Result<Vec<String>, String> {
    let mut buffer = resources.as_bytes().to_vec();
    let arena = Arena::new(1 << 20).expect("memory");
    let resources = spec_min::parse_resources(&mut buffer).expect("JSON");
    let mut config = super::base().to_string().into_bytes();
    let spec = spec_min::parse_spec(&mut config).expect("JSON");
    update(&resources, kept, &spec, &FACTS, &arena, &mut |_, _| ())
        .map(|cgroup| show(cgroup.limits))
        .map_err(|refusal: Refusal| refusal.text().to_owned())
}

#[test]
fn updates_fit_what_is_kept() {
    let kept = Kept {
        limit: Some(1000),
        total: Some(1500),
        check: true,
        idle: false,
    };
    let idle = Kept {
        idle: true,
        ..Kept::default()
    };
    type Row<'t> = (&'t str, Kept, Result<&'t [&'t str], &'t str>);
    let rows: [Row<'_>; 9] = [
        // A weight alone ends what it would be refused for.
        (
            r#"{"cpu": {"shares": 1024}}"#,
            idle,
            Ok(&[
                "cpu.shares: cpu.shares=1024; cpu.weight=100",
                "cpu.idle: cpu.idle=0 ?; cpu.idle=0 ?",
            ]),
        ),
        (
            r#"{"unified": {"cpu.weight": "16"}}"#,
            idle,
            Ok(&[
                "cpu.idle: cpu.idle=0 ?; cpu.idle=0 ?",
                "unified: -; cpu.weight=16",
            ]),
        ),
        (
            r#"{"pids": {"limit": 9}}"#,
            idle,
            Ok(&["pids.limit: pids.max=9; pids.max=9"]),
        ),
        // The total stays.
        (
            r#"{"memory": {"limit": 1200, "checkBeforeUpdate": false}}"#,
            kept,
            Ok(&[
                "memory.limit: memory.limit_in_bytes=1200; memory.max=1200",
                "memory.swap: memory.memsw.limit_in_bytes=1500; memory.swap.max=300",
            ]),
        ),
        (
            r#"{"memory": {"limit": 2000}}"#,
            kept,
            Err("1500: less than memory.limit, but it is for memory and swap together"),
        ),
        // The limit stays.
        (
            r#"{"memory": {"swap": 1100}}"#,
            kept,
            Ok(&["memory.swap: memory.memsw.limit_in_bytes=1100; memory.swap.max=100"]),
        ),
        (
            r#"{"memory": {"swap": 900}}"#,
            kept,
            Err("900: less than memory.limit, but it is for memory and swap together"),
        ),
        (
            r#"{"memory": {"limit": -1}}"#,
            kept,
            Ok(&[
                "memory.limit: memory.limit_in_bytes=-1 ?; memory.max=max ?",
                "memory.swap: memory.memsw.limit_in_bytes=-1 ?; memory.swap.max=max ?",
            ]),
        ),
        (
            r#"{"memory": {"limit": 2000}}"#,
            Kept {
                total: Some(-1),
                ..Kept::default()
            },
            Ok(&[
                "memory.limit: memory.limit_in_bytes=2000; memory.max=2000",
                "memory.swap: memory.memsw.limit_in_bytes=-1 ?; memory.swap.max=max ?",
            ]),
        ),
    ];
    for (resources, kept, want) in rows {
        let want = want.map(|rows| rows.iter().map(|row| row.to_string()).collect());
        assert_eq!(
            updated(resources, kept),
            want.map_err(str::to_owned),
            "{resources}"
        );
    }
}

/// Many rows don't need more memory than was set aside.
#[test]
fn many_of_them() {
    let mut document = super::base();
    let devices: Vec<_> = (0..20_000)
        .map(|n| serde_json::json!({"major": 8, "minor": n, "rate": 1}))
        .collect();
    let files: serde_json::Map<_, _> = (0..20_000)
        .map(|n| (format!("a.{n}"), serde_json::json!("")))
        .collect();
    document["linux"]["resources"] =
        serde_json::json!({"blockIO": {"throttleReadBpsDevice": devices}, "unified": files});
    plan_of(&document.to_string(), &FACTS, |plan, _| {
        assert_eq!(plan.expect("a plan").cgroup.limits.len(), 40_000);
    });
}
