//! `--systemd-cgroup` where systemd is: `cargo ci boot systemd` has such a host.
use crate::harness::*;
use crate::limits::value;
use crate::rootless::USER;
use crate::{check, same};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The cases.
pub const MODULE: Module = Module {
    name: "systemd",
    serial: true,
    cases: &[
        ("j17_limits_are_shown_and_in_force", limits),
        ("placed_by_cgroups_path", placed),
        ("b3_annotations_are_properties", annotations),
        ("stop_of_the_unit_ends_all", stop),
        ("exec_and_pause", exec),
        ("update_changes_both", update),
        ("update_that_fails_changes_nothing", update_fails),
        ("update_two_hundred_times", update_often),
        ("memory_that_runs_out_leaves_no_unit", oom),
        ("name_taken_is_not_touched", taken),
        ("killed_at_any_point", killed),
        ("a_slice_of_its_own", slice),
        ("b1_forking_unit_restarts", forking),
        ("b2_foreground_unit", foreground),
        ("b3_users_systemd", users),
    ],
};

/// Skips where systemd doesn't run, or has no cgroup v2.
fn host(c: &Case) -> Res {
    if ["runc", "crun"].iter().any(|name| c.is_other(name)) {
        return skip("units are named and described by mote");
    }
    if !Path::new("/run/systemd/system").exists()
        || !Path::new("/run/dbus/system_bus_socket").exists()
    {
        return skip("systemd does not run here; `cargo ci boot systemd` has it");
    }
    if !Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        return skip("v2 is not alone");
    }
    Ok(())
}

fn start(c: &Case, b: &Bundle) -> R<i32> {
    b.write()?;
    c.mote(&["--systemd-cgroup", "run", "-d", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .ok()?;
    c.pid(b)
}

fn scope(b: &Bundle) -> String {
    format!("runc-{}.scope", b.id)
}

/// What systemd says of a unit.
fn show(c: &Case, unit: &str, property: &str) -> R<String> {
    let out = c
        .tool("systemctl", &["show", unit, "-P", property])
        .go()?
        .ok()?;
    Ok(out.out.trim_end().to_string())
}

fn shows(c: &Case, unit: &str, rows: &[(&str, &str)]) -> Res {
    for (property, want) in rows {
        same!(show(c, unit, property)?, *want, "{property}");
    }
    Ok(())
}

fn gone(c: &Case, unit: &str) -> Res {
    c.until(&format!("{unit} to be gone"), || {
        Ok(show(c, unit, "LoadState")? == "not-found")
    })
}

fn limits(c: &Case) -> Res {
    host(c)?;
    let mut b = c.bundle(&["sleep", "1000"])?;
    b.set(
        "/linux/resources",
        json!({
            "memory": {"limit": 67108864, "swap": 134217728, "reservation": 33554432},
            "cpu": {"shares": 512, "quota": 33300, "period": 50000, "cpus": "0", "mems": "0"},
            "pids": {"limit": 55},
            "blockIO": {"weight": 500},
            "unified": {"memory.high": "59998208"},
            "devices": [
                {"allow": false, "access": "rwm"},
                {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"}
            ]
        }),
    );
    let pid = start(c, &b)?;
    let unit = scope(&b);
    shows(
        c,
        &unit,
        &[
            ("ActiveState", "active"),
            ("Slice", "system.slice"),
            ("Delegate", "yes"),
            ("MemoryMax", "67108864"),
            ("MemorySwapMax", "67108864"),
            ("MemoryLow", "33554432"),
            ("MemoryHigh", "59998208"),
            ("CPUWeight", "59"),
            ("CPUQuotaPerSecUSec", "670ms"),
            ("CPUQuotaPeriodUSec", "50ms"),
            ("AllowedCPUs", "0"),
            ("AllowedMemoryNodes", "0"),
            ("TasksMax", "55"),
            ("IOWeight", "4950"),
            ("DevicePolicy", "strict"),
        ],
    )?;
    let allowed = show(c, &unit, "DeviceAllow")?;
    for rule in [
        "/dev/char/10:229 rw",
        "/dev/char/1:3 rwm",
        "char-pts rwm",
        "char-* m",
    ] {
        check!(allowed.contains(rule), "{rule} in {allowed}");
    }
    let files = || {
        for (file, want) in [
            ("memory.max", "67108864"),
            ("memory.swap.max", "67108864"),
            ("memory.low", "33554432"),
            // Exact, where systemd has only percents.
            ("cpu.max", "33300 50000"),
            ("cpu.weight", "59"),
            ("cpuset.cpus", "0"),
            ("pids.max", "55"),
            ("io.weight", "default 4950"),
        ] {
            same!(value(pid, file)?, want, "{file}");
        }
        Ok(())
    };
    files()?;
    c.tool("systemctl", &["daemon-reload"]).go()?.ok()?;
    files()?;
    // Devices that everybody has are still there.
    c.exec(
        &b,
        &["sh", "-c", "echo x > /dev/null && head -c 1 /dev/zero"],
    )?
    .ok()?;
    c.force(&b)?;
    gone(c, &unit)
}

fn cgroup(pid: i32) -> R<String> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    Ok(text.trim_end().trim_start_matches("0::").to_string())
}

fn placed(c: &Case) -> Res {
    host(c)?;
    let mut b = c.bundle(&["sleep", "1000"])?;
    let slice = format!("{}-x.slice", c.token);
    b.set(
        "/linux/cgroupsPath",
        json!(format!("{slice}:some:{}", b.id)),
    );
    let pid = start(c, &b)?;
    let unit = format!("some-{}.scope", b.id);
    same!(cgroup(pid)?, format!("/{}.slice/{slice}/{unit}", c.token));
    same!(show(c, &unit, "Slice")?, slice);
    c.force(&b)?;
    gone(c, &unit)?;
    let outer = format!("{}.slice", c.token);
    c.tool("systemctl", &["stop", &outer]).go()?.ok()?;
    Ok(())
}

fn annotations(c: &Case) -> Res {
    host(c)?;
    let mut b = c.bundle(&["sleep", "1000"])?;
    b.set(
        "/annotations",
        json!({
            "org.systemd.property.TimeoutStopSec": "2.5",
            "org.systemd.property.CollectMode": "'inactive-or-failed'",
            "org.systemd.property.After": "['basic.target']",
            "org.systemd.property.MemoryHigh": "uint64 50003968"
        }),
    );
    start(c, &b)?;
    let unit = scope(&b);
    shows(
        c,
        &unit,
        &[
            ("TimeoutStopUSec", "2.500000s"),
            ("CollectMode", "inactive-or-failed"),
            ("MemoryHigh", "50003968"),
        ],
    )?;
    check!(show(c, &unit, "After")?.contains("basic.target"));
    c.force(&b)?;
    b.set(
        "/annotations",
        json!({"org.systemd.property.NoSuchThing": "1"}),
    );
    b.write()?;
    c.mote(&["--systemd-cgroup", "run", "-d", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .refused(1, &["StartTransientUnit", "NoSuchThing"])?;
    gone(c, &unit)
}

fn stop(c: &Case) -> Res {
    host(c)?;
    let mut b = c.bundle(&[
        "sh",
        "-c",
        "sleep 1000 & sleep 1001 & trap 'exit 0' TERM; wait",
    ])?;
    b.set(
        "/annotations",
        json!({"org.systemd.property.TimeoutStopSec": "uint64 3"}),
    );
    let pid = start(c, &b)?;
    let procs = PathBuf::from("/sys/fs/cgroup")
        .join(&cgroup(pid)?[1..])
        .join("cgroup.procs");
    c.until("three processes", || {
        Ok(fs::read_to_string(&procs)?.lines().count() == 3)
    })?;
    c.tool("systemctl", &["stop", &scope(&b)])
        .limit(60)
        .go()?
        .ok()?;
    c.wait_status(&b, "stopped")?;
    check!(!procs.exists());
    c.delete(&b)?;
    // The same id again.
    start(c, &b)?;
    c.force(&b)?;
    gone(c, &scope(&b))
}

fn exec(c: &Case) -> Res {
    host(c)?;
    let b = c.bundle(&["sleep", "1000"])?;
    let pid = start(c, &b)?;
    let other = c
        .mote(&["exec", "-d", "--pid-file"])
        .arg(c.path("pid"))
        .args(&[&*b.id, "sleep", "1000"]);
    other.go()?.ok()?;
    let other: i32 = fs::read_to_string(c.path("pid"))?.trim().parse()?;
    same!(cgroup(other)?, cgroup(pid)?);
    c.mote(&["pause", &b.id]).go()?.ok()?;
    same!(c.status(&b)?, "paused");
    c.mote(&["resume", &b.id]).go()?.ok()?;
    c.force(&b)?;
    gone(c, &scope(&b))
}

fn json_update(c: &Case, b: &Bundle, resources: Value) -> R<Out> {
    let text = resources.to_string();
    c.mote(&["update", "--resources", "-", &b.id])
        .stdin_bytes(text.as_bytes())?
        .go()
}

fn update(c: &Case) -> Res {
    host(c)?;
    let mut b = c.bundle(&["sleep", "1000"])?;
    b.set(
        "/linux/resources/cpu",
        json!({"quota": 20000, "period": 100000}),
    );
    let pid = start(c, &b)?;
    let unit = scope(&b);
    c.mote(&[
        "update",
        "--memory",
        "40m",
        "--memory-swap",
        "60m",
        "--cpu-quota",
        "12345",
        "--pids-limit",
        "0",
        &b.id,
    ])
    .go()?
    .ok()?;
    shows(
        c,
        &unit,
        &[
            ("MemoryMax", "41943040"),
            ("MemorySwapMax", "20971520"),
            ("CPUQuotaPerSecUSec", "130ms"),
            ("TasksMax", "1"),
        ],
    )?;
    same!(value(pid, "cpu.max")?, "12345 100000");
    same!(value(pid, "pids.max")?, "0");
    c.mote(&[
        "update",
        "--cpu-period",
        "50000",
        "--memory=-1",
        "--pids-limit=-1",
        "--cpuset-cpus",
        "0",
        "--cpu-idle",
        "1",
        &b.id,
    ])
    .go()?
    .ok()?;
    shows(
        c,
        &unit,
        &[
            ("MemoryMax", "infinity"),
            ("CPUQuotaPerSecUSec", "250ms"),
            ("CPUQuotaPeriodUSec", "50ms"),
            ("TasksMax", "infinity"),
            ("AllowedCPUs", "0"),
            ("CPUWeight", "idle"),
        ],
    )?;
    same!(value(pid, "cpu.max")?, "12345 50000");
    same!(value(pid, "cpu.idle")?, "1");
    c.mote(&["update", "--cpu-idle", "0", "--cpu-share", "1024", &b.id])
        .go()?
        .ok()?;
    same!(show(c, &unit, "CPUWeight")?, "100");
    same!(value(pid, "cpu.idle")?, "0");
    c.tool("systemctl", &["daemon-reload"]).go()?.ok()?;
    same!(value(pid, "cpu.max")?, "12345 50000");
    c.force(&b)?;
    gone(c, &unit)
}

fn update_fails(c: &Case) -> Res {
    host(c)?;
    let mut b = c.bundle(&["sleep", "1000"])?;
    b.set("/linux/resources/pids", json!({"limit": 44}));
    b.set("/linux/resources/memory", json!({"limit": 67108864}));
    let pid = start(c, &b)?;
    let unchanged = || {
        shows(
            c,
            &scope(&b),
            &[("MemoryMax", "67108864"), ("TasksMax", "44")],
        )?;
        same!(value(pid, "memory.max")?, "67108864");
        same!(value(pid, "pids.max")?, "44");
        Ok(())
    };
    let change =
        json!({"memory": {"limit": 90000000}, "pids": {"limit": 9}, "unified": {"no.such": "1"}});
    json_update(c, &b, change.clone())?
        .refused(1, &["linux.resources.unified", "the controller no"])?;
    unchanged()?;
    // The bus is not there: the kernel's values go back too.
    c.mote(&["update", "--pids-limit", "9", &b.id])
        .env("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere")
        .go()?
        .refused(1, &["D-Bus", "/nowhere"])?;
    unchanged()?;
    c.force(&b)?;
    gone(c, &scope(&b))
}

fn update_often(c: &Case) -> Res {
    host(c)?;
    let b = c.bundle(&["sleep", "1000"])?;
    start(c, &b)?;
    let unit = scope(&b);
    let drop_ins = PathBuf::from(format!("/run/systemd/transient/{unit}.d"));
    let counts = || -> R<(usize, usize)> {
        let files = fs::read_dir(&drop_ins).map_or(0, Iterator::count);
        Ok((files, fs::read_dir("/proc/1/fd")?.count()))
    };
    let change = |n: u32| {
        json_update(
            c,
            &b,
            json!({"memory": {"limit": 64000000 + 4096 * n}, "devices": [
                {"allow": false, "access": "rwm"},
                {"allow": true, "type": "c", "major": 10, "minor": n, "access": "r"}
            ]}),
        )?
        .ok()
    };
    change(0)?;
    let before = counts()?;
    for n in 1..=c.scale(200) {
        change(n)?;
    }
    let after = counts()?;
    same!(after.0, before.0, "drop-ins");
    check!(
        after.1 <= before.1 + 8,
        "systemd has {} descriptors, had {}",
        after.1,
        before.1
    );
    c.exec(&b, &["sh", "-c", "echo x > /dev/null"])?.ok()?;
    c.force(&b)?;
    gone(c, &unit)?;
    check!(!drop_ins.exists());
    Ok(())
}

fn oom(c: &Case) -> Res {
    host(c)?;
    let mut b = c.bundle(&["true"])?;
    b.set(
        "/linux/resources/memory",
        json!({"limit": 16777216, "swap": 16777216}),
    );
    b.args(&[
        "sh",
        "-c",
        "head -c 40000000 /dev/zero | tail -c 40000000 > /dev/null",
    ]);
    b.write()?;
    c.mote(&["--systemd-cgroup", "run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?;
    gone(c, &scope(&b))?;
    start(c, &b)?;
    c.force(&b)?;
    gone(c, &scope(&b))
}

fn taken(c: &Case) -> Res {
    host(c)?;
    let b = c.bundle(&["sleep", "1000"])?;
    let pid = start(c, &b)?;
    let other = c.path("other");
    let out = c
        .tool(c.mote.to_str().unwrap_or_default(), &["--root"])
        .arg(&other)
        .args(&["--systemd-cgroup", "run", "-d", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?;
    out.refused(1, &["is not empty: 1 process(es) found"])?;
    same!(fs::read_dir(&other)?.count(), 0);
    same!(c.pid(&b)?, pid);
    same!(show(c, &scope(&b), "ActiveState")?, "active");
    c.force(&b)?;
    Ok(())
}

fn killed(c: &Case) -> Res {
    host(c)?;
    for n in 0..c.scale(40) {
        let b = c.bundle(&["sleep", "1000"])?;
        b.write()?;
        let creating = c
            .mote(&["--systemd-cgroup", "create", "-b"])
            .arg(&b.dir)
            .arg(&b.id)
            .spawn()?;
        std::thread::sleep(Duration::from_millis(u64::from(n % 20) * 3));
        creating.signal(Signal::KILL).ok();
        creating.wait()?;
        c.force(&b)?;
        gone(c, &scope(&b))?;
        start(c, &b)?;
        let deleting = c.mote(&["delete", "--force", &b.id]).spawn()?;
        std::thread::sleep(Duration::from_millis(u64::from(n % 20) * 2));
        deleting.signal(Signal::KILL).ok();
        deleting.wait()?;
        c.force(&b)?;
        gone(c, &scope(&b))?;
    }
    Ok(())
}

fn slice(c: &Case) -> Res {
    host(c)?;
    let mut b = c.bundle(&["sleep", "1000"])?;
    let unit = format!("{}-own.slice", c.token);
    b.set(
        "/linux/cgroupsPath",
        json!(format!("{}.slice:x:{unit}", c.token)),
    );
    b.set("/linux/resources/pids", json!({"limit": 44}));
    let pid = start(c, &b)?;
    same!(cgroup(pid)?, format!("/{}.slice/{unit}", c.token));
    same!(show(c, &unit, "TasksMax")?, "44");
    same!(value(pid, "pids.max")?, "44");
    c.force(&b)?;
    c.tool("systemctl", &["stop", &format!("{}.slice", c.token)])
        .go()?
        .ok()?;
    Ok(())
}

/// A unit file that goes with the case.
struct Service<'c> {
    case: &'c Case,
    name: String,
    file: PathBuf,
}

impl Service<'_> {
    fn new<'c>(c: &'c Case, b: &Bundle, lines: &str) -> R<Service<'c>> {
        b.write()?;
        let name = format!("{}-unit.service", b.id);
        let file = Path::new("/run/systemd/system").join(&name);
        fs::write(&file, ["[Service]\n", lines].concat())?;
        let service = Service {
            case: c,
            name,
            file,
        };
        service.ctl(&["daemon-reload"])?;
        service.ctl(&["start", &service.name])?;
        Ok(service)
    }

    fn ctl(&self, words: &[&str]) -> Res {
        self.case.tool("systemctl", words).limit(60).go()?.ok()?;
        Ok(())
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        self.ctl(&["stop", &self.name]).ok();
        fs::remove_file(&self.file).ok();
        self.ctl(&["reset-failed", &self.name]).ok();
        self.ctl(&["daemon-reload"]).ok();
    }
}

fn forking(c: &Case) -> Res {
    host(c)?;
    for driver in ["", "--systemd-cgroup"] {
        let mut b = c.bundle(&[
            "sh",
            "-c",
            "trap 'exit 0' TERM; while :; do sleep 0.1; done",
        ])?;
        b.set("/process/terminal", json!(false));
        let (mote, root, pid) = (
            c.mote.display(),
            c.root.display(),
            c.path(&format!("{}.pid", b.id)),
        );
        let lines = format!(
            "Type=forking\nPIDFile={1}\nRestart=on-failure\nRestartSec=50ms\nStartLimitBurst=20\n\
             ExecStart={mote} --root {root} {driver} run -d --pid-file {1} -b {2} {0}\n\
             ExecStopPost={mote} --root {root} delete --force {0}\n",
            b.id,
            pid.display(),
            b.dir.display()
        );
        let service = Service::new(c, &b, &lines)?;
        let main = || -> R<i32> { Ok(show(c, &service.name, "MainPID")?.parse().unwrap_or(0)) };
        same!(main()?, c.pid(&b)?);
        for _ in 0..3 {
            let before = main()?;
            c.kill(&b, "KILL")?;
            c.until("a restart with the same id", || {
                let now = main()?;
                Ok(now != 0 && now != before && show(c, &service.name, "ActiveState")? == "active")
            })?;
            same!(main()?, c.pid(&b)?);
        }
        service.ctl(&["stop", &service.name])?;
        c.mote(&["state", &b.id])
            .go()?
            .refused(1, &["does not exist"])?;
        same!(show(c, &service.name, "Result")?, "success");
        gone(c, &scope(&b))?;
    }
    Ok(())
}

fn foreground(c: &Case) -> Res {
    host(c)?;
    let mut b = c.bundle(&[
        "sh",
        "-c",
        "trap 'exit 7' TERM; while :; do sleep 0.1; done",
    ])?;
    b.set("/process/terminal", json!(false));
    let lines = format!(
        "ExecStart={} --root {} run -b {} {}\nCPUQuota=30%\nMemoryMax=40M\nDelegate=yes\nDelegateSubgroup=runtime\n",
        c.mote.display(),
        c.root.display(),
        b.dir.display(),
        b.id
    );
    let service = Service::new(c, &b, &lines)?;
    c.until("the container", || {
        Ok(c.mote(&["state", &b.id]).go()?.out.contains("running"))
    })?;
    let place = cgroup(c.pid(&b)?)?;
    same!(place, format!("/system.slice/{}/{}", service.name, b.id));
    let unit = Path::new("/sys/fs/cgroup/system.slice").join(&service.name);
    same!(
        fs::read_to_string(unit.join("memory.max"))?.trim(),
        "41943040"
    );
    same!(
        fs::read_to_string(unit.join("cpu.max"))?.trim(),
        "30000 100000"
    );
    service.ctl(&["stop", &service.name])?;
    same!(show(c, &service.name, "ExecMainStatus")?, "7");
    same!(show(c, &service.name, "Result")?, "exit-code");
    c.mote(&["state", &b.id])
        .go()?
        .refused(1, &["does not exist"])?;
    Ok(())
}

fn users(c: &Case) -> Res {
    host(c)?;
    let runtime = format!("/run/user/{USER}");
    if !Path::new(&runtime).join("bus").exists() {
        return skip(format!("user {USER} has no systemd of their own"));
    }
    let mut b = crate::rootless::bundle(c, &["sleep", "1000"])?;
    b.set(
        "/linux/resources",
        json!({"memory": {"limit": 67108864}, "pids": {"limit": 55}, "cpu": {"quota": 50000, "shares": 512}}),
    );
    b.write()?;
    let as_user = |command: Cmd| {
        command
            .user(USER)
            .env("XDG_RUNTIME_DIR", &runtime)
            .env("DBUS_SESSION_BUS_ADDRESS", "")
    };
    let unit = scope(&b);
    let show = |property: &str| -> R<String> {
        let command = c.tool("systemctl", &["--user", "show", &unit, "-P", property]);
        Ok(as_user(command).go()?.ok()?.out.trim_end().to_string())
    };
    // By themselves; and as root of a user namespace, as podman does.
    for prefix in [
        &[][..],
        &["unshare", "--user", "--map-root-user", "--mount"],
    ] {
        let mote = |words: &[&str]| {
            let mote = c.mote.to_str().unwrap_or_default();
            let root = c.root.to_str().unwrap_or_default();
            let all = [prefix, &[mote, "--root", root], words].concat();
            as_user(c.tool(all[0], &all[1..]))
        };
        if !prefix.is_empty() {
            b.set("/linux/uidMappings/0/hostID", json!(0));
            b.set("/linux/gidMappings/0/hostID", json!(0));
            b.write()?;
        }
        let dir = b.dir.to_str().unwrap_or_default();
        mote(&["--systemd-cgroup", "run", "-d", "-b", dir, &b.id])
            .go()?
            .ok()?;
        let place = show("ControlGroup")?;
        check!(
            place.ends_with(&format!("/user@{USER}.service/user.slice/{}", scope(&b))),
            "{place}"
        );
        for (property, want) in [
            ("MemoryMax", "67108864"),
            ("TasksMax", "55"),
            ("CPUQuotaPerSecUSec", "500ms"),
        ] {
            same!(show(property)?, want, "{property}");
        }
        let files = Path::new("/sys/fs/cgroup").join(&place[1..]);
        same!(
            fs::read_to_string(files.join("memory.max"))?.trim(),
            "67108864"
        );
        same!(
            fs::read_to_string(files.join("cgroup.procs"))?
                .lines()
                .count(),
            1
        );
        mote(&["update", "--memory", "80m", &b.id]).go()?.ok()?;
        same!(show("MemoryMax")?, "83886080");
        mote(&["exec", &b.id, "true"]).go()?.ok()?;
        mote(&["delete", "--force", &b.id]).go()?.ok()?;
        c.until("the unit to be gone", || {
            Ok(show("LoadState")? == "not-found")
        })?;
        check!(!files.exists());
    }
    Ok(())
}
