//! `--systemd-cgroup` with a bus that refuses, fails, lies or keeps silent: a clear error each time, and nothing is left.
use crate::harness::bus::{Called, Say, serve};
use crate::harness::*;
use crate::{check, same};
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::Receiver;
use std::time::Instant;

/// The cases.
pub const MODULE: Module = Module {
    name: "bus",
    serial: false,
    cases: &[
        ("nobody_there", nobody),
        ("not_let_in", not_let_in),
        ("refusal_is_passed_on", refusal),
        ("job_that_fails", failed_job),
        ("only_systemds_word_counts", disputed),
        ("old_systemd_is_asked_for_less", old),
        ("leftover_of_the_same_name", leftover),
        ("what_is_no_answer", garbage),
        ("hangs_up", hangs_up),
        ("silence_ends_after_30_seconds", silence),
        ("annotations_and_path_refused_before", wrong),
        ("no_bus_for_a_user", no_users_bus),
    ],
};

/// `run` with the bus at `bus` in the case's directory.
fn run(c: &Case, b: &Bundle) -> R<Out> {
    b.write()?;
    c.mote(&["--systemd-cgroup", "run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .env("DBUS_SYSTEM_BUS_ADDRESS", address(c))
        .limit(100)
        .go()
}

fn address(c: &Case) -> String {
    format!("unix:path={}", c.path("bus").display())
}

fn bundle(c: &Case) -> R<Bundle> {
    if ["runc", "crun"].iter().any(|name| c.is_other(name)) {
        return skip("about mote's own D-Bus");
    }
    let mut b = c.bundle(&["sleep", "100"])?;
    b.set("/linux/resources/pids", json!({"limit": 33}));
    b.set("/linux/resources/cpu", json!({"cpus": "0"}));
    Ok(b)
}

fn names(told: &Receiver<Called>) -> Vec<String> {
    told.try_iter().map(|(name, _)| name).collect()
}

const GONE: Say = Say::Error("org.freedesktop.systemd1.NoSuchUnit", "Unit not loaded.");

fn nobody(c: &Case) -> Res {
    let b = bundle(c)?;
    run(c, &b)?.refused(1, &["D-Bus", "no such file", "--systemd-cgroup"])?;
    let bad = |address: &str| {
        c.verb("run", &b, &[])?;
        c.mote(&["--systemd-cgroup", "run", "-b"])
            .arg(&b.dir)
            .arg(&b.id)
            .env("DBUS_SYSTEM_BUS_ADDRESS", address)
            .go()
    };
    bad("tcp:host=localhost,port=1")?.refused(1, &["D-Bus address", "unix:path="])?;
    bad("unix:abstract=mote-e2e-nobody")?.refused(1, &["D-Bus", "ECONNREFUSED"])?;
    Ok(())
}

fn not_let_in(c: &Case) -> Res {
    let b = bundle(c)?;
    serve(&c.path("bus"), false, |_, _| Say::Nothing)?;
    run(c, &b)?.refused(1, &["does not let this user in"])?;
    Ok(())
}

fn refusal(c: &Case) -> Res {
    let b = bundle(c)?;
    let told = serve(&c.path("bus"), true, |_, _| {
        Say::Error("org.freedesktop.DBus.Error.AccessDenied", "Not you.")
    })?;
    run(c, &b)?.refused(1, &["StartTransientUnit", "Not you.", "AccessDenied"])?;
    let calls: Vec<Called> = told.try_iter().collect();
    // What was refused is not ours to stop.
    same!(calls.len(), 1);
    let unit = format!("runc-{}.scope", b.id);
    for word in [
        &*unit,
        "replace",
        "system.slice",
        "Delegate",
        "PIDs",
        "DefaultDependencies",
        "TasksMax",
        "AllowedCPUs",
        "DeviceAllow",
    ] {
        check!(calls[0].1.contains(word), "{word} in {:?}", calls[0].1);
    }
    Ok(())
}

fn failed_job(c: &Case) -> Res {
    let b = bundle(c)?;
    let told = serve(&c.path("bus"), true, |name, _| match name {
        "StartTransientUnit" => Say::Job("failed"),
        _ => GONE,
    })?;
    run(c, &b)?.refused(
        1,
        &["the job ended with", "failed", "systemctl status runc-"],
    )?;
    same!(names(&told), ["StartTransientUnit", "StopUnit"]);
    Ok(())
}

fn disputed(c: &Case) -> Res {
    let b = bundle(c)?;
    serve(&c.path("bus"), true, |name, _| match name {
        "StartTransientUnit" => Say::Disputed("canceled"),
        _ => GONE,
    })?;
    run(c, &b)?.refused(1, &["the job ended with", "canceled"])?;
    Ok(())
}

fn old(c: &Case) -> Res {
    let b = bundle(c)?;
    let told = serve(&c.path("bus"), true, |name, count| match (name, count) {
        ("StartTransientUnit", 1) => Say::Error(
            "org.freedesktop.DBus.Error.PropertyReadOnly",
            "Cannot set property AllowedCPUs",
        ),
        ("StartTransientUnit", _) => Say::Job("failed"),
        _ => GONE,
    })?;
    run(c, &b)?.refused(1, &["failed"])?;
    let calls: Vec<Called> = told.try_iter().collect();
    same!(calls[1].0, "StartTransientUnit");
    check!(calls[0].1.contains("AllowedCPUs") && !calls[1].1.contains("AllowedCPUs"));
    check!(calls[1].1.contains("TasksMax"));
    Ok(())
}

fn leftover(c: &Case) -> Res {
    let b = bundle(c)?;
    let told = serve(&c.path("bus"), true, |_, _| {
        Say::Error("org.freedesktop.systemd1.UnitExists", "It was there.")
    })?;
    run(c, &b)?.refused(1, &["It was there."])?;
    same!(
        names(&told),
        [
            "StartTransientUnit",
            "ResetFailedUnit",
            "StartTransientUnit"
        ]
    );
    Ok(())
}

fn garbage(c: &Case) -> Res {
    for (at, bytes) in [
        vec![b'x'; 64],
        vec![0; 16],
        // As long as no answer is.
        [
            &b"l\x02\x01\x01\0\0\0\x08\x01\0\0\0\x08\0\0\0"[..],
            &[0; 64],
        ]
        .concat(),
        // Fields that lead behind their end.
        [
            &b"l\x02\x01\x01\0\0\0\0\x01\0\0\0\x08\0\0\0"[..],
            b"\x05\x01s\0\xff\xff\xff\x7f",
        ]
        .concat(),
    ]
    .into_iter()
    .enumerate()
    {
        let b = bundle(c)?;
        std::fs::remove_file(c.path("bus")).ok();
        serve(&c.path("bus"), true, move |name, _| match name {
            "StartTransientUnit" => Say::Bytes(bytes.clone()),
            _ => GONE,
        })?;
        let out = run(c, &b)?;
        let out = out.refused(1, &["this is not a D-Bus answer"]);
        out.map_err(|why| format!("{at}: {why:?}"))?;
    }
    Ok(())
}

fn hangs_up(c: &Case) -> Res {
    let b = bundle(c)?;
    serve(&c.path("bus"), true, |_, _| Say::Nothing)?;
    run(c, &b)?.refused(1, &["StartTransientUnit", "ECONNRESET"])?;
    Ok(())
}

fn silence(c: &Case) -> Res {
    let b = bundle(c)?;
    let told = serve(&c.path("bus"), true, |name, _| match name {
        "StartTransientUnit" => Say::Silence,
        _ => GONE,
    })?;
    let start = Instant::now();
    run(c, &b)?.refused(1, &["StartTransientUnit: no answer within 30 seconds"])?;
    let took = start.elapsed().as_secs();
    check!((30..45).contains(&took), "{took} s");
    // It may have come to something all the same.
    same!(names(&told), ["StartTransientUnit", "StopUnit"]);
    Ok(())
}

fn wrong(c: &Case) -> Res {
    let mut b = bundle(c)?;
    b.set("/linux/cgroupsPath", json!("/mote/box"));
    run(c, &b)?.refused(1, &["linux.cgroupsPath", "slice:prefix:name"])?;
    b.set("/linux/cgroupsPath", json!("a--b.slice:x:y"));
    run(c, &b)?.refused(1, &["linux.cgroupsPath", "a-b.slice"])?;
    b.del("/linux/cgroupsPath");
    b.set(
        "/annotations",
        json!({"org.systemd.property.TimeoutStopSec": "'soon'"}),
    );
    run(c, &b)?.refused(1, &["annotations", "TimeoutStopSec", "seconds"])?;
    Ok(())
}

fn no_users_bus(c: &Case) -> Res {
    let b = bundle(c)?;
    b.write()?;
    std::fs::set_permissions(&c.dir, std::fs::Permissions::from_mode(0o755))?;
    let out = c
        .mote(&["--rootless", "true", "--systemd-cgroup", "run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .env("XDG_RUNTIME_DIR", "")
        .env("DBUS_SESSION_BUS_ADDRESS", "")
        .go()?;
    if crate::limits::is_v1("pids") {
        out.refused(1, &["cgroup v2 is all that the host has"])?;
    } else {
        out.refused(1, &["XDG_RUNTIME_DIR"])?;
    }
    Ok(())
}
