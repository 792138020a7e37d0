//! `linux.resources`: what the kernel says afterwards, and what the container feels.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The cases.
pub const MODULE: Module = Module {
    name: "limits",
    serial: false,
    cases: &[
        ("read_back", read_back),
        ("read_back_of_disks", read_back_disks),
        ("memory_hog_is_killed", memory_hog),
        ("fork_bomb_stops", fork_bomb),
        ("cpu_quota_holds", cpu_quota),
        ("one_mebibyte_is_enough", tiny),
        ("little_is_charged_before_the_program", charged),
        ("read_speed_is_throttled", throttled),
        ("refused_by_the_kernel_leaves_nothing", refused),
        ("no_controller_no_container", no_controller),
        ("v1_only_on_v2_is_warned_of", warned),
        ("unified_on_v1_refused", unified_on_v1),
        ("file_that_the_kernel_lacks", lacking),
        ("v2_controllers_beside_v1", beside_v1),
        ("exec_is_limited_too", exec_too),
        ("delegated_to_the_containers_user", delegated),
        ("rdt_where_there_is_none", no_rdt),
    ],
};

/// A control file of a process's own cgroup: in the v1 hierarchy of its controller, else in v2.
pub fn control(pid: i32, name: &str) -> R<PathBuf> {
    let controller = name.split('.').next().unwrap_or_default();
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    let mut v2 = None;
    for line in text.lines() {
        let parts: Vec<&str> = line.splitn(3, ':').collect();
        let [_, controllers, path] = parts[..] else {
            continue;
        };
        if controllers.split(',').any(|c| c == controller) {
            return Ok(Path::new("/sys/fs/cgroup")
                .join(controllers)
                .join(&path[1..])
                .join(name));
        }
        if controllers.is_empty() {
            v2 = Some(path[1..].to_string());
        }
    }
    let base = match Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        true => "/sys/fs/cgroup",
        false => "/sys/fs/cgroup/unified",
    };
    match v2 {
        Some(path) => Ok(Path::new(base).join(path).join(name)),
        None => skip(format!("no cgroup with {name}")),
    }
}

/// What it says.
pub fn value(pid: i32, name: &str) -> R<String> {
    let file = control(pid, name)?;
    let text = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    Ok(text.trim_end().to_string())
}

/// Whether v1 has the controller here.
pub fn is_v1(controller: &str) -> bool {
    Path::new("/sys/fs/cgroup")
        .join(controller)
        .join("tasks")
        .exists()
}

/// A container that sleeps under limits; its pid.
pub fn limited(c: &Case, resources: Value) -> R<(Bundle, i32)> {
    let mut b = c.bundle(&["sleep", "60"])?;
    set(&mut b, resources);
    c.detach(&b)?;
    let pid = c.pid(&b)?;
    Ok((b, pid))
}

/// Adds limits to those that the template has.
fn set(b: &mut Bundle, resources: Value) {
    for (key, value) in resources.as_object().into_iter().flatten() {
        b.set(&format!("/linux/resources/{key}"), value.clone());
    }
}

/// A disk of this host, as `MAJOR:MINOR`.
fn disk() -> R<String> {
    for entry in fs::read_dir("/sys/block")? {
        let path = entry?.path();
        let size = fs::read_to_string(path.join("size"))?;
        if size.trim() != "0" {
            return Ok(fs::read_to_string(path.join("dev"))?.trim().to_string());
        }
    }
    skip("no disk")
}

/// A file and what it says afterwards.
type Row<'a> = (&'a str, &'a str);

fn read_back(c: &Case) -> Res {
    let resources = json!({
        "memory": {"limit": 33_554_432, "swap": 67_108_864, "reservation": 16_777_216, "checkBeforeUpdate": true},
        "cpu": {"shares": 512, "quota": 20_000, "period": 50_000, "burst": 1000, "cpus": "0", "mems": "0"},
        "pids": {"limit": 20}
    });
    let (b, pid) = limited(c, resources)?;
    let rows: [(&str, Row<'_>, Row<'_>); 10] = [
        (
            "memory",
            ("memory.limit_in_bytes", "33554432"),
            ("memory.max", "33554432"),
        ),
        (
            "memory",
            ("memory.memsw.limit_in_bytes", "67108864"),
            ("memory.swap.max", "33554432"),
        ),
        (
            "memory",
            ("memory.soft_limit_in_bytes", "16777216"),
            ("memory.low", "16777216"),
        ),
        ("cpu", ("cpu.shares", "512"), ("cpu.weight", "59")),
        (
            "cpu",
            ("cpu.cfs_quota_us", "20000"),
            ("cpu.max", "20000 50000"),
        ),
        (
            "cpu",
            ("cpu.cfs_period_us", "50000"),
            ("cpu.max", "20000 50000"),
        ),
        (
            "cpu",
            ("cpu.cfs_burst_us", "1000"),
            ("cpu.max.burst", "1000"),
        ),
        ("cpuset", ("cpuset.cpus", "0"), ("cpuset.cpus", "0")),
        ("cpuset", ("cpuset.mems", "0"), ("cpuset.mems", "0")),
        ("pids", ("pids.max", "20"), ("pids.max", "20")),
    ];
    for (controller, v1, v2) in rows {
        let (file, want) = if is_v1(controller) { v1 } else { v2 };
        same!(value(pid, file)?, want, "{file}");
    }
    c.force(&b)?;
    let (b, pid) = limited(c, json!({"cpu": {"idle": 1}, "pids": {"limit": -1}}))?;
    same!(value(pid, "cpu.idle")?, "1");
    same!(value(pid, "pids.max")?, "max");
    c.force(&b)?;
    if is_v1("memory") {
        let resources = json!({
            "memory": {"swappiness": 7, "disableOOMKiller": true},
            "cpu": {"realtimePeriod": 500_000, "realtimeRuntime": 1000}
        });
        let (b, pid) = limited(c, resources)?;
        same!(value(pid, "memory.swappiness")?, "7");
        check!(value(pid, "memory.oom_control")?.starts_with("oom_kill_disable 1\n"));
        same!(value(pid, "cpu.rt_period_us")?, "500000");
        same!(value(pid, "cpu.rt_runtime_us")?, "1000");
        c.force(&b)?;
    }
    Ok(())
}

fn read_back_disks(c: &Case) -> Res {
    let disk = disk()?;
    let (major, minor) = disk.split_once(':').ok_or("no number")?;
    let (major, minor): (u32, u32) = (major.parse()?, minor.parse()?);
    let one = |rate: u64| json!([{"major": major, "minor": minor, "rate": rate}]);
    let resources = json!({"blockIO": {
        "weight": 200,
        "throttleReadBpsDevice": one(1 << 20), "throttleWriteBpsDevice": one(2 << 20),
        "throttleReadIOPSDevice": one(100), "throttleWriteIOPSDevice": one(200)
    }});
    if !is_v1("blkio") {
        let mut b = c.bundle(&["sleep", "60"])?;
        set(
            &mut b,
            json!({"blockIO": {"throttleReadBpsDevice": one(1 << 20), "throttleWriteIOPSDevice": one(200)}}),
        );
        c.detach(&b)?;
        let text = value(c.pid(&b)?, "io.max")?;
        same!(
            text,
            format!("{disk} rbps=1048576 wbps=max riops=max wiops=200")
        );
        c.force(&b)?;
        return Ok(());
    }
    let (b, pid) = limited(c, resources)?;
    same!(value(pid, "blkio.bfq.weight")?, "200");
    for (file, want) in [
        ("read_bps", "1048576"),
        ("write_bps", "2097152"),
        ("read_iops", "100"),
        ("write_iops", "200"),
    ] {
        let text = value(pid, &format!("blkio.throttle.{file}_device"))?;
        same!(text, format!("{disk} {want}"), "{file}");
    }
    c.force(&b)?;
    Ok(())
}

/// dd's buffer is twice the limit.
fn memory_hog(c: &Case) -> Res {
    let mut b = c.bundle(&["dd", "if=/dev/zero", "of=/dev/null", "bs=32M", "count=1"])?;
    set(
        &mut b,
        json!({"memory": {"limit": 16 << 20, "swap": 16 << 20}}),
    );
    same!(c.run(&b)?.code, 137, "killed");
    // Of several processes only the hog dies, and the kernel counts it.
    let script = "dd if=/dev/zero of=/dev/null bs=32M count=1; echo $?; sleep 60";
    b.args(&["sh", "-c", script]);
    let out = c.detach(&b)?;
    let pid = c.pid(&b)?;
    c.until("the hog's end", || Ok(out.later().contains("137")))?;
    let file = if is_v1("memory") {
        "memory.oom_control"
    } else {
        "memory.events"
    };
    check!(value(pid, file)?.lines().any(|l| l == "oom_kill 1"));
    c.force(&b)?;
    Ok(())
}

fn fork_bomb(c: &Case) -> Res {
    let mut b = c.bundle(&["/bin/probe", "forks", "50", "60"])?;
    set(&mut b, json!({"pids": {"limit": 10}}));
    let out = c.run(&b)?.exits(1)?;
    check!(
        out.out.contains("error\tResource temporarily unavailable"),
        "{}",
        out.out
    );
    // 0 is a limit: the program runs, and nothing beside it.
    set(&mut b, json!({"pids": {"limit": 0}}));
    b.args(&["/bin/probe", "forks", "1", "60"]);
    c.run(&b)?.exits(1)?;
    Ok(())
}

/// CPU time of the container, in microseconds.
fn used(pid: i32) -> R<u64> {
    if is_v1("cpuacct") {
        return Ok(value(pid, "cpuacct.usage")?.parse::<u64>()? / 1000);
    }
    let text = value(pid, "cpu.stat")?;
    let line = text.lines().find_map(|l| l.strip_prefix("usage_usec "));
    Ok(line.ok_or("no usage")?.parse()?)
}

fn cpu_quota(c: &Case) -> Res {
    let mut b = c.bundle(&["sh", "-c", "while :; do :; done"])?;
    set(&mut b, json!({"cpu": {"quota": 10_000, "period": 50_000}}));
    c.detach(&b)?;
    let pid = c.pid(&b)?;
    std::thread::sleep(Duration::from_millis(300));
    // A machine that others keep busy may not give even that much; a second and a third look are fair.
    let mut share = 0.0;
    for _ in 0..3 {
        let (start, before) = (Instant::now(), used(pid)?);
        std::thread::sleep(Duration::from_secs(3));
        let (spent, time) = (used(pid)? - before, start.elapsed().as_micros() as u64);
        share = spent as f64 / time as f64;
        check!(
            (0.0..=0.22).contains(&share),
            "{share} of a CPU instead of 0.2"
        );
        if share >= 0.18 {
            break;
        }
    }
    check!(
        (0.18..=0.22).contains(&share),
        "{share} of a CPU instead of 0.2"
    );
    c.force(&b)?;
    Ok(())
}

/// What mote itself needs in the container before its program runs is less than that.
fn tiny(c: &Case) -> Res {
    let mut b = c.bundle(&["/bin/probe", "exit", "7"])?;
    set(&mut b, json!({"memory": {"limit": 1 << 20}}));
    c.run(&b)?.exits(7)?;
    Ok(())
}

/// The most that the container's cgroup had until its program is to start, ten times over.
fn charged(c: &Case) -> Res {
    for _ in 0..10 {
        let b = c.bundle(&["sleep", "60"])?;
        c.verb("create", &b, &[])?.go()?.ok()?;
        let pid = c.pid(&b)?;
        if !control(pid, "memory.peak")?.exists() {
            return skip("no memory.peak: cgroup v1, or a kernel before 5.19");
        }
        let peak: u64 = value(pid, "memory.peak")?.parse()?;
        check!(peak <= 400 << 10, "{peak} bytes");
        c.force(&b)?;
    }
    Ok(())
}

fn throttled(c: &Case) -> Res {
    let (disk, mut b) = (disk()?, c.bundle(&["sh"])?);
    let (major, minor) = disk.split_once(':').ok_or("no number")?;
    let rate =
        json!([{"major": major.parse::<u32>()?, "minor": minor.parse::<u32>()?, "rate": 1 << 20}]);
    set(&mut b, json!({"blockIO": {"throttleReadBpsDevice": rate}}));
    b.del("/root/readonly");
    // Written, dropped from the cache, read again.
    fs::write(b.rootfs("big"), vec![7; 2 << 20])?;
    let file = fs::File::open(b.rootfs("big"))?;
    file.sync_all()?;
    rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed)?;
    let dev = rustix::fs::fstat(&file)?.st_dev;
    let of_disk = rustix::fs::major(dev).to_string() == major;
    b.args(&["cat", "/big"]);
    let start = Instant::now();
    c.run(&b)?.ok()?;
    if !of_disk {
        return skip("the test's directory is on no disk");
    }
    let time = start.elapsed();
    check!(
        time > Duration::from_millis(1300),
        "2 MiB at 1 MiB/s took {time:?}"
    );
    Ok(())
}

fn refused(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    set(&mut b, json!({"cpu": {"cpus": "8000"}}));
    let words = ["linux.resources.cpu.cpus: cgroup: write 8000 to "];
    c.run(&b)?.refused(1, &words)?;
    c.verb("create", &b, &[])?.go()?.refused(1, &words)?;
    set(&mut b, json!({"cpu": {"quota": 1}}));
    c.run(&b)?
        .refused(1, &["linux.resources.cpu.quota: cgroup: write 1"])?;
    check!(leak::cgroups(&b.id).is_empty());
    check!(!c.root.join(&b.id).exists());
    Ok(())
}

/// `run` where the host has other cgroup mounts.
fn in_view(c: &Case, b: &Bundle, script: &str) -> R<Out> {
    b.write()?;
    let script = format!("{script}; exec \"$@\"");
    let view = ["-m", "--propagation", "private", "sh", "-ec", &script, "-"];
    c.tool("unshare", &view)
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root)
        .args(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()
}

const NO_CGROUPS: &str = "umount -l /sys/fs/cgroup; mount -t tmpfs none /sys/fs/cgroup";
const V2_ONLY: &str = "umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup";

fn no_controller(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.unmount("/sys/fs/cgroup").del("/linux/resources/devices");
    set(&mut b, json!({"pids": {"limit": 10}}));
    in_view(c, &b, NO_CGROUPS)?.refused(
        1,
        &["linux.resources.pids.limit: no mounted cgroup hierarchy has the controller pids"],
    )?;
    set(
        &mut b,
        json!({"pids": {"limit": -2}, "memory": {"limit": -1}, "cpu": {"quota": -9999, "idle": 0}}),
    );
    in_view(c, &b, NO_CGROUPS)?.ok()?;
    if !Path::new("/sys/fs/cgroup/unified/cgroup.procs").exists() {
        return Ok(());
    }
    // A controller that v1 has taken from it.
    in_view(c, &b, V2_ONLY)?.ok()?;
    set(&mut b, json!({"pids": {"limit": 10}}));
    in_view(c, &b, V2_ONLY)?.refused(
        1,
        &["linux.resources.pids.limit: cgroup.subtree_control above does not give the controller pids"],
    )?;
    Ok(())
}

fn warned(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.unmount("/sys/fs/cgroup");
    set(
        &mut b,
        json!({"memory": {"swappiness": 0}, "network": {"classID": 5}}),
    );
    let out = match Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        true => c.run(&b)?.ok()?,
        false => in_view(c, &b, V2_ONLY)?.ok()?,
    };
    for property in ["memory.swappiness", "network.classID"] {
        let line = format!("linux.resources.{property}: cgroup v2 has nothing like it; ignored");
        check!(out.err.contains(&line), "{}", out.err);
    }
    Ok(())
}

fn unified_on_v1(c: &Case) -> Res {
    if !is_v1("memory") {
        return skip("no v1");
    }
    let mut b = c.bundle(&["true"])?;
    set(&mut b, json!({"unified": {"memory.high": "1000000"}}));
    c.run(&b)?
        .refused(1, &["linux.resources.unified: ", "the controller memory"])?;
    Ok(())
}

fn lacking(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    set(
        &mut b,
        json!({"hugepageLimits": [{"pageSize": "3KB", "limit": 0}]}),
    );
    c.run(&b)?.refused(
        1,
        &[
            "linux.resources.hugepageLimits: this kernel has no hugetlb.3KB.",
            "CONFIG_CGROUP_HUGETLB, and pages of this size",
        ],
    )?;
    Ok(())
}

/// A controller that no v1 hierarchy has is v2's, also where v2 is only beside v1.
fn beside_v1(c: &Case) -> Res {
    if !Path::new("/sys/kernel/mm/hugepages/hugepages-2048kB").exists() {
        return skip("no huge pages of 2 MB on this machine");
    }
    let (b, pid) = limited(
        c,
        json!({"hugepageLimits": [{"pageSize": "2MB", "limit": 4_194_304}]}),
    )?;
    if is_v1("hugetlb") {
        same!(value(pid, "hugetlb.2MB.limit_in_bytes")?, "4194304");
    } else {
        same!(value(pid, "hugetlb.2MB.max")?, "4194304");
        same!(value(pid, "hugetlb.2MB.rsvd.max")?, "4194304");
    }
    c.force(&b)?;
    let unified = json!({"unified": {"hugetlb.2MB.max": "2097152"}, "hugepageLimits": [{"pageSize": "2MB", "limit": 0}]});
    if !is_v1("hugetlb") {
        let (b, pid) = limited(c, unified)?;
        same!(value(pid, "hugetlb.2MB.max")?, "2097152", "overrides");
        c.force(&b)?;
    }
    Ok(())
}

fn exec_too(c: &Case) -> Res {
    let (b, _) = limited(c, json!({"memory": {"limit": 16 << 20, "swap": 16 << 20}}))?;
    let out = c.exec(
        &b,
        &["dd", "if=/dev/zero", "of=/dev/null", "bs=32M", "count=1"],
    )?;
    same!(out.code, 137);
    c.force(&b)?;
    Ok(())
}

/// Only where v2 is alone, and only what the kernel lists.
fn delegated(c: &Case) -> Res {
    if is_v1("memory") {
        return skip("v2 is not alone");
    }
    let mut b = c.bundle(&["sleep", "60"])?;
    b.userns(100_000).namespace("cgroup", None);
    b.unmount("/sys/fs/cgroup").mount(
        "/sys/fs/cgroup",
        "cgroup",
        "cgroup",
        &["nosuid", "noexec", "nodev"],
    );
    c.detach(&b)?;
    let pid = c.pid(&b)?;
    let owner = |name: &str| -> R<u32> {
        use std::os::unix::fs::MetadataExt;
        Ok(fs::metadata(control(pid, name)?)?.uid())
    };
    same!(owner("cgroup.procs")?, 100_000);
    same!(owner("cgroup.subtree_control")?, 100_000);
    same!(owner("memory.max")?, 0);
    c.exec(&b, &["mkdir", "/sys/fs/cgroup/inner"])?.ok()?;
    c.force(&b)?;
    Ok(())
}

fn no_rdt(c: &Case) -> Res {
    if fs::read_to_string("/proc/self/mountinfo")?.contains(" - resctrl ") {
        return skip("resctrl is mounted");
    }
    let mut b = c.bundle(&["true"])?;
    b.set("/linux/intelRdt", json!({"l3CacheSchema": "L3:0=f"}));
    let words = [
        "linux.intelRdt: no resctrl file system is mounted",
        "mount -t resctrl",
    ];
    c.run(&b)?.refused(1, &words)?;
    c.verb("create", &b, &[])?.go()?.refused(1, &words)?;
    check!(!c.root.join(&b.id).exists() && leak::cgroups(&b.id).is_empty());
    Ok(())
}
