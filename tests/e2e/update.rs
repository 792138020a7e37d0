//! `update`: other limits, all or none.
use crate::devices::some_device;
use crate::harness::*;
use crate::limits::{is_v1, limited, value};
use crate::{check, same};

/// The cases.
pub const MODULE: Module = Module {
    name: "update",
    serial: false,
    cases: &[
        ("by_options", by_options),
        ("by_json", by_json),
        ("up_and_down", up_and_down),
        ("one_of_two_keeps_the_other", keeps),
        ("failure_leaves_all_as_it_was", rolled_back),
        ("wrong_values_named", wrong),
        ("check_before_update", check_before),
        ("devices_change_while_it_runs", devices),
        ("devices_two_hundred_times", devices_often),
        ("states_and_what_asks_for_nothing", states),
        ("pause_outlasts_it", paused),
    ],
};

fn update(c: &Case, b: &Bundle, args: &[&str]) -> R<Out> {
    c.mote(&["update"]).args(args).arg(&b.id).go()
}

fn update_json(c: &Case, b: &Bundle, resources: Value) -> R<Out> {
    let text = resources.to_string();
    c.mote(&["update", "--resources", "-", &b.id])
        .stdin_bytes(text.as_bytes())?
        .go()
}

/// v1's file where v1 has the controller, else v2's, and what each should say.
fn says(pid: i32, v1: (&str, &str), v2: (&str, &str)) -> Res {
    let controller = v1.0.split('.').next().unwrap_or_default();
    let (file, want) = if is_v1(controller) { v1 } else { v2 };
    same!(value(pid, file)?, want, "{file}");
    Ok(())
}

const MIB: i64 = 1 << 20;

fn by_options(c: &Case) -> Res {
    let (b, pid) = limited(c, json!({}))?;
    update(
        c,
        &b,
        &[
            "--memory",
            "32m",
            "--memory-swap",
            "48M",
            "--memory-reservation=16777216",
            "--cpu-share",
            "512",
            "--cpu-quota",
            "20000",
            "--cpu-period",
            "50000",
            "--cpu-burst",
            "1000",
            "--cpuset-cpus",
            "0",
            "--cpuset-mems",
            "0",
            "--pids-limit",
            "30",
        ],
    )?
    .ok()?;
    says(
        pid,
        ("memory.limit_in_bytes", "33554432"),
        ("memory.max", "33554432"),
    )?;
    says(
        pid,
        ("memory.memsw.limit_in_bytes", "50331648"),
        ("memory.swap.max", "16777216"),
    )?;
    says(
        pid,
        ("memory.soft_limit_in_bytes", "16777216"),
        ("memory.low", "16777216"),
    )?;
    says(pid, ("cpu.shares", "512"), ("cpu.weight", "59"))?;
    says(
        pid,
        ("cpu.cfs_quota_us", "20000"),
        ("cpu.max", "20000 50000"),
    )?;
    says(pid, ("cpu.cfs_burst_us", "1000"), ("cpu.max.burst", "1000"))?;
    same!(value(pid, "cpuset.cpus")?, "0");
    same!(value(pid, "pids.max")?, "30");
    update(
        c,
        &b,
        &["--pids-limit", "-1", "--cpu-idle", "1", "--memory", "-1"],
    )?
    .ok()?;
    same!(value(pid, "pids.max")?, "max");
    same!(value(pid, "cpu.idle")?, "1");
    says(
        pid,
        ("memory.limit_in_bytes", "9223372036854771712"),
        ("memory.max", "max"),
    )?;
    says(
        pid,
        ("memory.memsw.limit_in_bytes", "9223372036854771712"),
        ("memory.swap.max", "max"),
    )?;
    // Shares are refused while it is idle, so idle has to go first.
    update(c, &b, &["--cpu-share", "2048", "--cpu-idle", "0"])?.ok()?;
    says(pid, ("cpu.shares", "2048"), ("cpu.weight", "174"))?;
    // A weight alone says that it isn't idle any more.
    update(c, &b, &["--cpu-idle", "1"])?.ok()?;
    update(c, &b, &["--cpu-share", "512"])?.ok()?;
    same!(value(pid, "cpu.idle")?, "0");
    says(pid, ("cpu.shares", "512"), ("cpu.weight", "59"))?;
    if !is_v1("cpu") {
        update(c, &b, &["--cpu-idle", "1"])?.ok()?;
        update_json(c, &b, json!({"unified": {"cpu.weight": "16"}}))?.ok()?;
        same!(value(pid, "cpu.idle")?, "0");
        same!(value(pid, "cpu.weight")?, "16");
    }
    c.force(&b)?;
    Ok(())
}

fn by_json(c: &Case) -> Res {
    let (b, pid) = limited(c, json!({}))?;
    let file = c.path("resources.json");
    std::fs::write(&file, r#"{"pids": {"limit": 11}}"#)?;
    c.mote(&["update", "-r"])
        .arg(&file)
        .args(&["--pids-limit", "12", &b.id])
        .go()?
        .ok()?;
    same!(
        value(pid, "pids.max")?,
        "11",
        "the options don't count then"
    );
    update_json(
        c,
        &b,
        json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 0}]}),
    )?
    .ok()?;
    says(
        pid,
        ("hugetlb.2MB.limit_in_bytes", "0"),
        ("hugetlb.2MB.max", "0"),
    )?;
    c.mote(&["update", "-r", "/nonexistent", &b.id])
        .go()?
        .refused(1, &["--resources: /nonexistent: "])?;
    c.force(&b)?;
    Ok(())
}

/// Limits that the kernel checks against each other, in both directions and in one step.
fn up_and_down(c: &Case) -> Res {
    let (b, pid) = limited(c, json!({"memory": {"limit": 32 * MIB, "swap": 32 * MIB}}))?;
    for (limit, swap) in [(64, 80), (16, 20), (128, 128), (24, 96), (100, 110), (8, 8)] {
        let (limit, swap) = (limit * MIB, swap * MIB);
        update_json(c, &b, json!({"memory": {"limit": limit, "swap": swap}}))?.ok()?;
        let (text, both, alone) = (
            limit.to_string(),
            swap.to_string(),
            (swap - limit).to_string(),
        );
        says(pid, ("memory.limit_in_bytes", &text), ("memory.max", &text))?;
        says(
            pid,
            ("memory.memsw.limit_in_bytes", &both),
            ("memory.swap.max", &alone),
        )?;
    }
    for (quota, period, burst) in [
        (50_000, 100_000, 50_000),
        (2000, 1000, 0),
        (900_000, 1_000_000, 900_000),
        (1000, 1000, 1000),
    ] {
        update_json(
            c,
            &b,
            json!({"cpu": {"quota": quota, "period": period, "burst": burst}}),
        )?
        .ok()?;
        let (quota, whole) = (quota.to_string(), format!("{quota} {period}"));
        says(pid, ("cpu.cfs_quota_us", &quota), ("cpu.max", &whole))?;
        let burst = burst.to_string();
        says(pid, ("cpu.cfs_burst_us", &burst), ("cpu.max.burst", &burst))?;
    }
    c.force(&b)?;
    Ok(())
}

fn keeps(c: &Case) -> Res {
    let (b, pid) = limited(
        c,
        json!({"cpu": {"quota": 20_000, "period": 50_000}, "memory": {"limit": 32 * MIB, "swap": 64 * MIB}}),
    )?;
    update(c, &b, &["--cpu-quota", "30000"])?.ok()?;
    says(
        pid,
        ("cpu.cfs_period_us", "50000"),
        ("cpu.max", "30000 50000"),
    )?;
    update(c, &b, &["--cpu-period", "60000"])?.ok()?;
    says(
        pid,
        ("cpu.cfs_quota_us", "30000"),
        ("cpu.max", "30000 60000"),
    )?;
    update(c, &b, &["--cpu-quota", "-1"])?.ok()?;
    says(pid, ("cpu.cfs_quota_us", "-1"), ("cpu.max", "max 60000"))?;
    update(c, &b, &["--memory", "48m"])?.ok()?;
    says(
        pid,
        ("memory.memsw.limit_in_bytes", "67108864"),
        ("memory.swap.max", "16777216"),
    )?;
    update(c, &b, &["--memory-swap", "56m"])?.ok()?;
    says(
        pid,
        ("memory.memsw.limit_in_bytes", "58720256"),
        ("memory.swap.max", "8388608"),
    )?;
    update(c, &b, &["--memory", "100m"])?
        .refused(1, &["memory.swap: 58720256: less than memory.limit"])?;
    update(c, &b, &["--memory-swap", "40m"])?
        .refused(1, &["memory.swap: 41943040: less than memory.limit"])?;
    c.force(&b)?;
    Ok(())
}

fn rolled_back(c: &Case) -> Res {
    let first = json!({
        "memory": {"limit": 32 * MIB, "swap": 64 * MIB}, "pids": {"limit": 20},
        "cpu": {"quota": 20_000, "period": 50_000, "shares": 512, "cpus": "0"}
    });
    let (b, pid) = limited(c, first)?;
    let files = |c: &Case| -> R<Vec<String>> {
        let names = match is_v1("memory") {
            true => [
                "memory.limit_in_bytes",
                "memory.memsw.limit_in_bytes",
                "cpu.cfs_quota_us",
                "cpu.shares",
                "cpuset.cpus",
                "pids.max",
            ],
            false => [
                "memory.max",
                "memory.swap.max",
                "cpu.max",
                "cpu.weight",
                "cpuset.cpus",
                "pids.max",
            ],
        };
        let _ = c;
        names.iter().map(|name| value(pid, name)).collect()
    };
    let before = files(c)?;
    // The last of them can't be had.
    let second = json!({
        "memory": {"limit": 128 * MIB, "swap": 128 * MIB}, "pids": {"limit": 30},
        "cpu": {"quota": 40_000, "period": 100_000, "shares": 2048, "cpus": "0"},
        "hugepageLimits": [{"pageSize": "3KB", "limit": 0}]
    });
    update_json(c, &b, second)?.refused(1, &["linux.resources.hugepageLimits: "])?;
    same!(files(c)?, before);
    update(
        c,
        &b,
        &[
            "--pids-limit",
            "7",
            "--memory",
            "40m",
            "--cpuset-cpus",
            "8000",
        ],
    )?
    .refused(1, &["linux.resources.cpu.cpus: cgroup: write 8000 to "])?;
    same!(files(c)?, before);
    c.force(&b)?;
    Ok(())
}

fn wrong(c: &Case) -> Res {
    let (b, pid) = limited(c, json!({"pids": {"limit": 20}}))?;
    for (args, words) in [
        (
            &["--memory", "1x"][..],
            r#"--memory \"1x\": expected bytes such as 512m, or -1 for no limit"#,
        ),
        (
            &["--pids-limit", "many"],
            r#"--pids-limit \"many\": expected a number"#,
        ),
        (
            &["--cpu-quota", "5m"],
            r#"--cpu-quota \"5m\": expected a number"#,
        ),
        (
            &["--cpu-period", "7"],
            "update: cpu.period: 7: expected 1000 to 1000000",
        ),
        (
            &["--blkio-weight", "5"],
            "update: blockIO.weight: 5: expected 10 to 1000",
        ),
        (
            &["--blkio-weight", "70000"],
            "blockIO.weight: expected an integer from 0 to 65535, found 70000",
        ),
        (
            &["--cpuset-cpus", "x"],
            r#"update: cpu.cpus: \"x\": expected CPUs"#,
        ),
        (
            &["--l3-cache-schema", "L3:0=f"],
            "the container was made without linux.intelRdt",
        ),
        (
            &["--mem-bw-schema", "MB:0=10"],
            "the container was made without linux.intelRdt",
        ),
    ] {
        let mut all = args.to_vec();
        all.extend(["--pids-limit", "9"]);
        let all = if args[0] == "--pids-limit" {
            args.to_vec()
        } else {
            all
        };
        update(c, &b, &all)?.refused(1, &[words])?;
    }
    for (text, words) in [
        ("{", "update:"),
        (
            r#"{"pids": {"limit": "9"}}"#,
            "pids.limit: expected an integer",
        ),
        (
            r#"{"pids": {"limit": 9}, "devices": [{"access": "x"}]}"#,
            r#"update:1:47: devices[0].access: \"x\": expected some of r, w and m"#,
        ),
        (
            r#"{"pids": {"limit": 9}, "unified": {"../x": "1"}}"#,
            r#"update:1:35: unified: \"../x\": expected a limit's file"#,
        ),
    ] {
        c.mote(&["update", "-r", "-", &b.id])
            .stdin_bytes(text.as_bytes())?
            .go()?
            .refused(1, &[words])?;
    }
    same!(value(pid, "pids.max")?, "20");
    let out = update(c, &b, &["--kernel-memory", "5m", "--pids-limit", "9"])?.ok()?;
    check!(
        out.err
            .contains("--kernel-memory, --kernel-memory-tcp: deprecated, ignored")
    );
    same!(value(pid, "pids.max")?, "9");
    c.force(&b)?;
    Ok(())
}

/// v2 would kill for a limit below what is used; v1 refuses by itself.
fn check_before(c: &Case) -> Res {
    let (b, pid) = limited(
        c,
        json!({"memory": {"limit": 64 * MIB, "checkBeforeUpdate": true}}),
    )?;
    if is_v1("memory") {
        update(c, &b, &["--memory", "48m"])?.ok()?;
        says(pid, ("memory.limit_in_bytes", "50331648"), ("", ""))?;
    } else {
        update(c, &b, &["--memory", "4k"])?
            .refused(1, &["memory.limit: 4096: not more than is in use"])?;
        same!(value(pid, "memory.max")?, "67108864");
        update_json(
            c,
            &b,
            json!({"memory": {"limit": 4096, "checkBeforeUpdate": true}}),
        )?
        .refused(1, &["not more than is in use"])?;
    }
    c.force(&b)?;
    Ok(())
}

/// Nothing but one device, or nothing at all.
fn rules(allow: bool) -> R<Value> {
    let (major, minor) = some_device()?;
    Ok(json!([
        {"allow": false, "access": "rwm"},
        {"allow": allow, "type": "c", "major": major, "minor": minor, "access": "rw"}
    ]))
}

/// A container that has the device, and may not open it.
fn with_device(c: &Case) -> R<Bundle> {
    let (major, minor) = some_device()?;
    let mut b = c.bundle(&["sleep", "60"])?;
    b.push(
        "/linux/devices",
        json!({"path": "/dev/d", "type": "c", "major": major, "minor": minor, "fileMode": 0o666}),
    );
    c.detach(&b)?;
    Ok(b)
}

fn may_open(c: &Case, b: &Bundle) -> R<bool> {
    let script = "echo x >/dev/null && (exec 3</dev/d) 2>/dev/null && echo open || echo denied";
    let out = c.exec(b, &["sh", "-c", script])?.ok()?;
    Ok(out.out == "open\n")
}

fn devices(c: &Case) -> Res {
    let b = with_device(c)?;
    same!(may_open(c, &b)?, false);
    update_json(c, &b, json!({"devices": rules(true)?}))?.ok()?;
    same!(may_open(c, &b)?, true);
    // An update about something else leaves them.
    update(c, &b, &["--pids-limit", "100"])?.ok()?;
    same!(may_open(c, &b)?, true);
    update_json(c, &b, json!({"devices": rules(false)?}))?.ok()?;
    same!(may_open(c, &b)?, false);
    same!(c.status(&b)?, "running");
    // With a limit that can't be had they stay too.
    update_json(
        c,
        &b,
        json!({"devices": rules(true)?, "cpu": {"cpus": "8000"}}),
    )?
    .refused(1, &["cpu.cpus"])?;
    same!(may_open(c, &b)?, false);
    c.force(&b)?;
    Ok(())
}

/// runc leaked a program each time, up to the kernel's limit of 64 to a cgroup.
fn devices_often(c: &Case) -> Res {
    let b = with_device(c)?;
    for n in 0..c.scale(200) {
        update_json(c, &b, json!({"devices": rules(n % 2 == 0)?}))?.ok()?;
    }
    update_json(c, &b, json!({"devices": rules(true)?}))?.ok()?;
    same!(may_open(c, &b)?, true);
    c.force(&b)?;
    Ok(())
}

fn states(c: &Case) -> Res {
    c.mote(&["update", "--pids-limit", "5", "nobody"])
        .go()?
        .refused(1, &["container does not exist: nobody"])?;
    let b = c.bundle(&["sh", "-c", "exit 0"])?;
    c.create(&b)?;
    update(c, &b, &["--pids-limit", "5"])?.ok()?;
    same!(value(c.pid(&b)?, "pids.max")?, "5", "while created");
    update(c, &b, &[])?.ok()?;
    update_json(c, &b, json!({}))?.ok()?;
    update(c, &b, &["--pids-limit", ""])?.ok()?;
    same!(value(c.pid(&b)?, "pids.max")?, "5");
    c.start(&b)?;
    c.wait_status(&b, "stopped")?;
    update(c, &b, &["--pids-limit", "6"])?.refused(1, &["container not running"])?;
    c.delete(&b)?;
    Ok(())
}

fn paused(c: &Case) -> Res {
    let (b, pid) = limited(c, json!({}))?;
    c.mote(&["pause", &b.id]).go()?.ok()?;
    update_json(
        c,
        &b,
        json!({"pids": {"limit": 9}, "devices": rules(true)?}),
    )?
    .ok()?;
    same!(value(pid, "pids.max")?, "9");
    same!(c.status(&b)?, "paused");
    c.mote(&["resume", &b.id]).go()?.ok()?;
    c.force(&b)?;
    Ok(())
}
