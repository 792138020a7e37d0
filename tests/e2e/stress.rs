//! By the hundred and the thousand: nothing fails, hangs or stays behind. Runs alone.
use crate::harness::*;
use crate::{check, same};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The cases.
pub const MODULE: Module = Module {
    name: "stress",
    serial: true,
    cases: &[
        ("two_thousand_runs", many_runs),
        ("two_hundred_at_once", at_once),
        ("j21_exec_against_an_exiting_init", exec_race),
        ("killed_at_hundred_moments_of_create", |c| {
            killed(c, "create", &[])
        }),
        ("killed_at_hundred_moments_of_run", |c| {
            killed(c, "run", &[])
        }),
        ("killed_at_hundred_moments_of_run_detached", |c| {
            killed(c, "run", &["-d"])
        }),
        ("killed_at_moments_of_delete", killed_delete),
        ("killed_at_moments_of_exec", killed_exec),
        ("cve_2021_30465_mount_target_flips", flip_mounts),
        ("readonly_and_masked_paths_flip", flip_paths),
        ("create_delete_storm_on_one_id", storm),
        ("fork_bomb_deleted", fork_bomb),
    ],
};

/// What the host has of everything that a leak would add to.
fn counts() -> [usize; 3] {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let processes = processes.filter(|e| {
        e.file_name()
            .to_string_lossy()
            .bytes()
            .all(|b| b.is_ascii_digit())
    });
    let cgroups = fs::read_to_string("/proc/cgroups").unwrap_or_default();
    let cgroups = cgroups
        .lines()
        .filter_map(|l| l.split_whitespace().nth(2)?.parse::<usize>().ok())
        .sum();
    [processes.count(), leak::mounts().len(), cgroups]
}

fn many_runs(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    let before = counts();
    for n in 0..c.scale(2000) {
        let status = plain(c, &b, "run", &b.id).status()?;
        check!(status.success(), "run {n}: {status}");
    }
    let after = counts();
    same!(after[1], before[1], "mounts");
    check!(
        after[0] < before[0] + 20,
        "processes: {} before, {} after",
        before[0],
        after[0]
    );
    same!(fs::read_dir(&c.root)?.count(), 0);
    Ok(())
}

/// A command without the harness's files, for loops.
fn plain(c: &Case, b: &Bundle, verb: &str, id: &str) -> std::process::Command {
    let mut cmd = std::process::Command::new(&c.mote);
    cmd.arg("--root")
        .arg(&c.root)
        .args([verb, "-b"])
        .arg(&b.dir)
        .arg(id);
    cmd.stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null());
    cmd
}

fn at_once(c: &Case) -> Res {
    let b = c.bundle(&["sh", "-c", "echo $$; exit 3"])?;
    b.write()?;
    let count = c.scale(200);
    let all: Vec<Running> = (0..count)
        .map(|n| {
            c.mote(&["run", "-b"])
                .arg(&b.dir)
                .arg(format!("{}-{n}", b.id))
                .limit(100)
                .spawn()
        })
        .collect::<R<_>>()?;
    for run in all {
        same!(run.wait()?.exits(3)?.out, "1\n");
    }
    Ok(())
}

/// exec while pid 1 ends: it runs, or says in one line why not, and never hangs.
fn exec_race(c: &Case) -> Res {
    let mut b = c.bundle(&["usleep", "1000"])?;
    let (mut tried, mut ran, mut refused) = (0, 0, 0);
    // On a machine that is busy with something else fewer will do.
    let end = Instant::now() + Duration::from_secs(180);
    while tried < c.scale(10_000) && Instant::now() < end {
        // Some end before the first exec, some live for a few of them.
        b.args(&["usleep", &(tried * 7919 % 60_000).to_string()]);
        c.detach(&b)?;
        let mut over = false;
        while !over {
            let two: Vec<Running> = (0..2)
                .map(|_| c.mote(&["exec", &b.id, "true"]).limit(10).spawn())
                .collect::<R<_>>()?;
            for one in two {
                let out = one.wait()?;
                tried += 1;
                match out.code {
                    // 137: the exec'd process died with its pid namespace.
                    0 | 137 => ran += 1,
                    _ => {
                        out.refused(255, &[])?;
                        refused += 1;
                        over = true;
                    }
                }
            }
        }
        c.force(&b)?;
    }
    check!(
        tried >= c.scale(1000) && (ran > 0 && refused > 0 || c.scale(1000) < 1000),
        "the race was never close: {ran} ran, {refused} refused"
    );
    Ok(())
}

/// How long the verb takes undisturbed, median of five.
fn duration(c: &Case, b: &Bundle, verb: &str, extra: &[&str]) -> R<Duration> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        c.verb(verb, b, extra)?.go()?.ok()?;
        times.push(begun.elapsed());
        leak::reap();
        c.force(b)?;
    }
    times.sort();
    Ok(times[2])
}

/// After the death of the runtime: `delete --force` succeeds and nothing is left.
fn tidy(c: &Case, b: &Bundle, when: &str) -> Res {
    let out = c.mote(&["delete", "--force", &b.id]).go()?;
    check!(
        out.code == 0,
        "delete --force after a kill {when}: {}",
        out.err
    );
    c.until(
        &format!("the end of all processes after a kill {when}"),
        || {
            leak::reap();
            Ok(leak::descendants(std::process::id()).is_empty())
        },
    )?;
    let cgroups = leak::cgroups(&b.id);
    check!(cgroups.is_empty(), "kill {when}: cgroups left: {cgroups:?}");
    let left: Vec<_> = fs::read_dir(&c.root)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    check!(left.is_empty(), "kill {when}: state left: {left:?}");
    Ok(())
}

fn killed(c: &Case, verb: &str, extra: &[&str]) -> Res {
    let b = c.bundle(&["true"])?;
    let whole = duration(c, &b, verb, extra)?;
    let steps = c.scale(100);
    let mounts = leak::mounts();
    for n in 0..steps {
        let after = whole * n / steps;
        let run = c.verb(verb, &b, extra)?.spawn()?;
        std::thread::sleep(after);
        run.signal(rustix::process::Signal::KILL).ok();
        run.wait()?;
        tidy(c, &b, &format!("{after:?} after the start of {verb}"))?;
        same!(leak::mounts(), mounts);
    }
    // And the host still works.
    c.run(&b)?.ok()?;
    Ok(())
}

fn killed_delete(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    for n in 0..c.scale(40) {
        c.detach(&b)?;
        let run = c.mote(&["delete", "--force", &b.id]).spawn()?;
        std::thread::sleep(Duration::from_micros(u64::from(n) * 200));
        run.signal(rustix::process::Signal::KILL).ok();
        run.wait()?;
        leak::reap();
        tidy(c, &b, &format!("{} us after the start of delete", n * 200))?;
    }
    Ok(())
}

fn killed_exec(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "100"])?;
    c.detach(&b)?;
    for n in 0..c.scale(40) {
        let run = c.mote(&["exec", &b.id, "sleep", "60"]).spawn()?;
        std::thread::sleep(Duration::from_micros(u64::from(n) * 150));
        run.signal(rustix::process::Signal::KILL).ok();
        run.wait()?;
        same!(c.status(&b)?, "running");
        same!(c.exec(&b, &["echo", "fine"])?.ok()?.out, "fine\n");
    }
    tidy(c, &b, "of exec")
}

/// Exchanges two names as fast as it can until told to stop.
fn flipping<T>(one: &Path, two: &Path, work: impl FnOnce() -> R<T>) -> R<T> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                renameat_with(CWD, one, CWD, two, RenameFlags::EXCHANGE).ok();
            }
        });
        let result = work();
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// A volume in which a directory and a symlink to the host keep changing places.
fn volume(c: &Case) -> R<(std::path::PathBuf, std::path::PathBuf)> {
    let (volume, victim) = (c.path("volume"), c.path("victim"));
    fs::create_dir_all(volume.join("flip/x"))?;
    fs::create_dir_all(victim.join("x"))?;
    fs::write(victim.join("secret"), "host secret")?;
    fs::write(victim.join("x/file"), "host")?;
    fs::write(volume.join("flip/x/file"), "volume")?;
    symlink(&victim, volume.join("link"))?;
    Ok((volume, victim))
}

fn flip_mounts(c: &Case) -> Res {
    let (volume, victim) = volume(c)?;
    let marker = c.path("marker");
    fs::create_dir(&marker)?;
    fs::write(marker.join("mark"), "m")?;
    let script = "cat /vol/flip/secret /vol/link/secret /secret 2>/dev/null; grep -c /marker /proc/self/mountinfo";
    let mut b = c.bundle(&["sh", "-c", script])?;
    b.mount("/vol", "bind", &volume.display().to_string(), &["bind"]);
    for at in ["/vol/flip/x", "/vol/flip/new/dir", "/vol/flip"] {
        b.mount(at, "bind", &marker.display().to_string(), &["bind"]);
    }
    let mounts = leak::mounts();
    let (mut good, mut bad) = (0, 0);
    flipping(&volume.join("flip"), &volume.join("link"), || {
        for _ in 0..c.scale(150) {
            let out = c.run(&b)?;
            check!(
                !out.out.contains("host secret"),
                "the host is visible: {}",
                out.out
            );
            if out.code == 0 {
                same!(out.out.lines().last(), Some("3"), "a mount went elsewhere");
                good += 1;
            } else {
                bad += 1;
            }
        }
        Ok(())
    })?;
    same!(
        leak::mounts(),
        mounts,
        "mounts of the host ({good} ran, {bad} refused)"
    );
    let mut left: Vec<String> = fs::read_dir(&victim)?
        .flatten()
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    left.sort();
    same!(left, ["secret", "x"], "names made on the host");
    Ok(())
}

fn flip_paths(c: &Case) -> Res {
    let (volume, victim) = volume(c)?;
    let mut b = c.bundle(&[
        "sh",
        "-c",
        "cat /vol/flip/secret /vol/link/secret 2>/dev/null; true",
    ])?;
    b.mount("/vol", "bind", &volume.display().to_string(), &["bind"]);
    b.push("/linux/readonlyPaths", json!("/vol/flip/x"))
        .push("/linux/readonlyPaths", json!("/vol/flip"));
    b.push("/linux/maskedPaths", json!("/vol/flip/x/file"))
        .push("/linux/maskedPaths", json!("/vol/flip/x"));
    let mounts = leak::mounts();
    flipping(&volume.join("flip"), &volume.join("link"), || {
        for _ in 0..c.scale(100) {
            let out = c.run(&b)?;
            check!(!out.out.contains("host secret") && out.code <= 1, "{out:?}");
        }
        Ok(())
    })?;
    same!(leak::mounts(), mounts);
    same!(fs::read_to_string(victim.join("x/file"))?, "host");
    Ok(())
}

/// Four workers create, start and delete the same id: whatever wins, the end is clean.
fn storm(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "60"])?;
    b.write()?;
    for _ in 0..c.scale(25) {
        let mut all = Vec::new();
        for _ in 0..2 {
            all.push(c.verb("create", &b, &[])?.spawn()?);
            all.push(c.mote(&["start", &b.id]).spawn()?);
            all.push(c.mote(&["delete", "--force", &b.id]).spawn()?);
            all.push(c.mote(&["state", &b.id]).spawn()?);
        }
        for run in all {
            let out = run.wait()?;
            check!(out.code == 0 || out.code == 1, "{out:?}");
        }
        tidy(c, &b, "(none; a storm of commands)")?;
    }
    Ok(())
}

fn fork_bomb(c: &Case) -> Res {
    let mut b = c.bundle(&["/bin/probe", "forks", "300", "60"])?;
    b.share("pid");
    for _ in 0..c.scale(3) {
        let out = c.detach(&b)?;
        c.until("300 forks", || Ok(out.later().contains("forked")))?;
        c.force(&b)?;
        leak::reap();
    }
    Ok(())
}
