//! `init`: containers of a directory, kept running as their annotations say. As an ordinary process, and as the first
//! of a machine that is made of namespaces; `cargo ci boot` does it with kernels.
use crate::harness::*;
use crate::{check, same};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::time::{Duration, Instant};

/// The cases.
pub const MODULE: Module = Module {
    name: "init",
    serial: false,
    cases: &[
        ("status_of_the_first_that_failed", status),
        ("restart_policies", restart),
        ("order_by_name_and_after", order),
        ("nonsense_is_told_and_survived", nonsense),
        ("errors_reach_the_console", errors),
        ("stops_in_reverse_order", stop_order),
        ("stop_timeout_signal_and_second_request", stop_settings),
        ("ready_by_notify", notify),
        ("not_ready_in_time", notify_late),
        ("ready_by_exit", ready_exit),
        ("logs_are_rotated", rotation),
        ("verbs_beside_it", verbs),
        ("kill_9_of_any_process", kill_any),
        ("ten_thousand_orphans", orphans),
        ("memory_while_idle", memory),
        ("first_process_without_a_verb", machine),
    ],
};

/// A bundle below the case's `containers`.
fn put(c: &Case, name: &str, args: &[&str], notes: &[(&str, &str)]) -> R<Bundle> {
    let mut b = c.bundle(args)?;
    b.id = full(c, name);
    let dir = c.path("containers").join(&b.id);
    fs::create_dir_all(c.path("containers"))?;
    fs::rename(&b.dir, &dir)?;
    b.dir = dir;
    for (key, value) in notes {
        let value = if *key == "after" {
            value
                .split(' ')
                .map(|name| full(c, name))
                .collect::<Vec<_>>()
                .join(" ")
        } else {
            value.to_string()
        };
        b.set(&format!("/annotations/org.mote.init.{key}"), json!(value));
    }
    b.write()?;
    Ok(b)
}

fn full(c: &Case, name: &str) -> String {
    format!("{}-{name}", c.token)
}

/// `init`, with the short names of its containers in what it says.
fn init(c: &Case) -> Cmd {
    c.mote(&["init", "--containers"])
        .arg(c.path("containers"))
        .arg("--log-dir")
        .arg(c.path("log"))
}

fn short(c: &Case, text: &str) -> String {
    text.replace(&format!("{}-", c.token), "")
}

/// The log of a container, and before it the one that was rotated.
fn log(c: &Case, name: &str) -> String {
    let path = c.path("log").join(format!("{}.log", full(c, name)));
    cmd::read(&path)
}

/// Waits until `init` has said this.
fn said(c: &Case, run: &Running, what: &str) -> R<()> {
    let said = || Ok(short(c, &run.said()).contains(what));
    c.until(what, said)
        .or_else(|_| fail(format!("{what:?} not in {}", run.said())))
}

const TRAP: &str = "trap 'echo stops; exit 0' TERM; echo runs; while :; do sleep 0.1; done";

fn status(c: &Case) -> Res {
    put(c, "a", &["true"], &[])?;
    put(c, "b", &["sh", "-c", "echo hello; exit 7"], &[])?;
    put(c, "d", &["sh", "-c", "exit 5"], &[])?;
    let out = init(c).go()?.exits(7)?;
    let said = short(c, &out.err);
    for line in [
        "mote init: a started",
        "mote init: a exited with status 0",
        "mote init: b exited with status 7",
        "mote init: d exited with status 5",
    ] {
        check!(said.lines().any(|l| l == line), "{line}: {said}");
    }
    same!(log(c, "b"), "hello\n");
    fs::remove_dir_all(c.path("containers"))?;
    init(c).go()?.refused(1, &["containers", "ENOENT"])?;
    fs::create_dir(c.path("containers"))?;
    init(c).go()?.ok()?;
    Ok(())
}

fn count(text: &str, line: &str) -> usize {
    text.lines().filter(|l| *l == line).count()
}

fn restart(c: &Case) -> Res {
    let quick = ("restart-delay", "10ms");
    put(c, "always", &["true"], &[("restart", "always"), quick])?;
    put(c, "never", &["false"], &[("restart", "never"), quick])?;
    put(c, "once", &["true"], &[("restart", "on-failure"), quick])?;
    let third = "echo x >>/n; test $(wc -l </n) = 3";
    put(
        c,
        "third",
        &["sh", "-c", third],
        &[("restart", "on-failure"), quick],
    )?;
    let run = init(c).spawn()?;
    c.until("a fourth run", || {
        Ok(count(&short(c, &run.said()), "mote init: always started") >= 4)
    })?;
    said(c, &run, "third exited with status 0")?;
    run.signal(Signal::TERM)?;
    let out = run.wait()?.exits(1)?;
    let said = short(c, &out.err);
    for (name, times) in [("never", 1), ("once", 1), ("third", 3)] {
        same!(
            count(&said, &format!("mote init: {name} started")),
            times,
            "{name}: {said}"
        );
    }
    for pause in ["10", "20", "40"] {
        check!(
            said.contains(&format!("always starts again in {pause} ms")),
            "{said}"
        );
    }
    Ok(())
}

fn order(c: &Case) -> Res {
    let started = |text: &str| {
        let names = text
            .lines()
            .filter_map(|l| l.strip_prefix("mote init: ")?.strip_suffix(" started"));
        names.collect::<Vec<_>>().join(" ")
    };
    put(c, "a", &["sleep", "0.2"], &[("after", "d c")])?;
    put(c, "b", &["sleep", "0.2"], &[("after", "a")])?;
    put(c, "c", &["sleep", "0.5"], &[("ready", "exit")])?;
    put(c, "d", &["sleep", "0.2"], &[("after", "c")])?;
    let out = init(c).go()?.ok()?;
    same!(started(&short(c, &out.err)), "c d a b");
    Ok(())
}

fn nonsense(c: &Case) -> Res {
    put(
        c,
        "a",
        &["true"],
        &[("after", "b nobody"), ("restart", "sometimes")],
    )?;
    put(
        c,
        "b",
        &["true"],
        &[("after", "a"), ("stop-timeout", "-1"), ("colour", "red")],
    )?;
    put(
        c,
        "c",
        &["true"],
        &[("log-size", "1x"), ("stop-signal", "HALT"), ("ready", "")],
    )?;
    fs::create_dir_all(c.path("containers/empty"))?;
    fs::write(c.path("containers/file"), "x")?;
    fs::create_dir_all(c.path("containers/not an id"))?;
    fs::write(c.path("containers/not an id/config.json"), "{}")?;
    let out = init(c).go()?.ok()?;
    let said = short(c, &out.err);
    for (name, words) in [
        ("a", "after b: they wait for each other"),
        ("a", "after nobody: there is no such container"),
        (
            "a",
            "restart \"sometimes\": expected never, on-failure or always",
        ),
        ("b", "stop-timeout \"-1\": expected seconds"),
        ("b", "colour \"red\": no such setting"),
        ("c", "log-size \"1x\": expected bytes"),
        ("c", "stop-signal \"HALT\": expected a signal"),
        ("c", "ready \"\": expected start, notify or exit"),
        ("not an id", "can't be a container's id"),
    ] {
        let fits = |l: &str| l.starts_with(&format!("mote init: {name}: ")) && l.contains(words);
        check!(said.lines().any(fits), "{name} {words}: {said}");
    }
    for name in ["a", "b", "c"] {
        check!(
            said.contains(&format!("{name} exited with status 0")),
            "{said}"
        );
    }
    Ok(())
}

fn errors(c: &Case) -> Res {
    let mut b = put(
        c,
        "bad",
        &["true"],
        &[("restart", "on-failure"), ("restart-delay", "10ms")],
    )?;
    b.set("/linux/namespaces", json!([{"type": "moon"}]));
    b.write()?;
    put(c, "broken", &["true"], &[])?;
    fs::write(
        c.path("containers")
            .join(full(c, "broken"))
            .join("config.json"),
        "{",
    )?;
    put(c, "good", &["sleep", "0.3"], &[("restart", "always")])?;
    put(c, "tty", &["true"], &[])?
        .set("/process/terminal", json!(true))
        .write()?;
    let run = init(c).spawn()?;
    for words in [
        "linux.namespaces[0].type",
        "bad not started, status 1",
        "bad starts again in 20 ms",
        "broken: config.json:1",
        "broken not started, status 1",
        "console-socket",
        "good exited with status 0",
    ] {
        said(c, &run, words)?;
    }
    check!(
        log(c, "bad").contains("linux.namespaces[0].type"),
        "{}",
        log(c, "bad")
    );
    run.signal(Signal::TERM)?;
    run.wait()?.exits(1)?;
    Ok(())
}

fn stop_order(c: &Case) -> Res {
    let slow = "trap 'echo stops; sleep 0.2; exit 3' TERM; while :; do sleep 0.1; done";
    put(c, "a", &["sh", "-c", slow], &[("restart", "always")])?;
    put(
        c,
        "b",
        &["sh", "-c", TRAP],
        &[("restart", "always"), ("after", "c")],
    )?;
    put(c, "c", &["sh", "-c", slow], &[("restart", "always")])?;
    let run = init(c).spawn()?;
    said(c, &run, "b started")?;
    said(c, &run, "a started")?;
    c.until("the trap", || Ok(log(c, "b") == "runs\n"))?;
    std::thread::sleep(Duration::from_millis(300));
    run.signal(Signal::POWER)?;
    // Stopped on request, so nobody failed.
    let out = run.wait()?.ok()?;
    let said = short(c, &out.err);
    let from = said.find("stopping all").unwrap_or(0);
    let lines: Vec<&str> = said[from..]
        .lines()
        .map(|l| l.trim_start_matches("mote init: "))
        .collect();
    same!(
        lines,
        [
            "stopping all containers",
            "stopping b",
            "b exited with status 0",
            "stopping c",
            "c exited with status 3",
            "stopping a",
            "a exited with status 3",
        ]
    );
    same!(log(c, "b"), "runs\nstops\n");
    Ok(())
}

fn stop_settings(c: &Case) -> Res {
    let deaf = "trap '' TERM; echo runs; while :; do sleep 0.1; done";
    put(
        c,
        "x-deaf",
        &["sh", "-c", deaf],
        &[("stop-timeout", "300ms")],
    )?;
    put(c, "endless", &["sh", "-c", deaf], &[("stop-timeout", "1h")])?;
    let other =
        "trap 'echo usr1; exit 0' USR1; trap '' TERM; echo runs; while :; do sleep 0.1; done";
    put(
        c,
        "other",
        &["sh", "-c", other],
        &[("stop-signal", "USR1"), ("stop-timeout", "1h")],
    )?;
    let run = init(c).spawn()?;
    for name in ["x-deaf", "endless", "other"] {
        c.until("all to run", || Ok(log(c, name) == "runs\n"))?;
    }
    run.signal(Signal::TERM)?;
    said(c, &run, "stopping endless")?;
    same!(log(c, "other"), "runs\nusr1\n");
    run.signal(Signal::TERM)?;
    said(c, &run, "endless does not stop in time")?;
    let out = run.wait()?.ok()?;
    check!(
        short(c, &out.err).contains("x-deaf does not stop in time"),
        "{}",
        out.err
    );
    Ok(())
}

fn notify(c: &Case) -> Res {
    let late = "sleep 0.5; echo ready; /bin/probe notify READY=1; sleep 0.5";
    put(c, "a", &["sh", "-c", late], &[("ready", "notify")])?;
    put(c, "b", &["sh", "-c", "env; echo b"], &[("after", "a")])?;
    put(c, "c", &["true"], &[("ready", "notify")])?;
    put(c, "d", &["true"], &[("after", "c")])?;
    // A manager of init's own is none of the containers'.
    let out = init(c).env("NOTIFY_SOCKET", "/nowhere").go()?.ok()?;
    let said = short(c, &out.err);
    let place = |words: &str| {
        said.find(words)
            .ok_or_else(|| Stop::Failed(format!("no {words:?}: {said}")))
    };
    check!(place("a started")? < place("b started")?, "{said}");
    check!(place("b exited")? < place("a exited")?, "{said}");
    check!(place("c exited")? < place("d started")?, "{said}");
    check!(!log(c, "b").contains("NOTIFY"), "{}", log(c, "b"));
    Ok(())
}

fn notify_late(c: &Case) -> Res {
    put(
        c,
        "a",
        &["sleep", "30"],
        &[("ready", "notify"), ("ready-timeout", "300ms")],
    )?;
    put(c, "b", &["true"], &[("after", "a")])?;
    let out = init(c).go()?.exits(137)?;
    let said = short(c, &out.err);
    check!(said.contains("a is not ready in time"), "{said}");
    check!(said.contains("b exited with status 0"), "{said}");
    // While it waits for that word a request to stop is no less urgent.
    fs::remove_dir_all(c.path("containers"))?;
    put(c, "a", &["sh", "-c", TRAP], &[("ready", "notify")])?;
    let run = init(c).spawn()?;
    c.until("a to run", || Ok(log(c, "a") == "runs\n"))?;
    run.signal(Signal::TERM)?;
    run.wait()?.ok()?;
    same!(log(c, "a"), "runs\nstops\n");
    Ok(())
}

fn ready_exit(c: &Case) -> Res {
    let twice = "sleep 0.2; echo x >>/n; test $(wc -l </n) = 2";
    let notes = [
        ("ready", "exit"),
        ("restart", "on-failure"),
        ("restart-delay", "10ms"),
    ];
    put(c, "setup", &["sh", "-c", twice], &notes)?;
    put(c, "a", &["true"], &[("after", "setup")])?;
    let out = init(c).go()?.ok()?;
    let said = short(c, &out.err);
    let place = said.find("a started").unwrap_or(0);
    same!(
        count(&said[..place], "mote init: setup started"),
        2,
        "{said}"
    );
    Ok(())
}

fn rotation(c: &Case) -> Res {
    let many = "seq 1 20000; echo last >&2";
    put(c, "a", &["sh", "-c", many], &[("log-size", "16k")])?;
    put(c, "quiet", &["sh", "-c", many], &[("output", "none")])?;
    put(
        c,
        "loud",
        &["sh", "-c", "echo to the console"],
        &[("output", "console")],
    )?;
    let out = init(c).go()?.ok()?;
    let path = c.path("log").join(format!("{}.log.1", full(c, "a")));
    let (old, new) = (cmd::read(&path), log(c, "a"));
    check!(
        old.len() <= 16384 && new.len() <= 16384,
        "{} {}",
        old.len(),
        new.len()
    );
    let both = old + &new;
    check!(both.ends_with("20000\nlast\n"), "{new}");
    // No byte is missing between the two.
    let whole = (1..=20000).map(|n| format!("{n}\n")).collect::<String>() + "last\n";
    check!(
        both.len() > 16384 && whole.ends_with(&both),
        "{}",
        both.len()
    );
    same!(log(c, "quiet"), "");
    same!(out.out, "to the console\n");
    // A log that can't be written loses output and nothing else.
    fs::remove_dir_all(c.path("log"))?;
    fs::write(c.path("log"), "")?;
    let out = init(c).go()?.ok()?;
    check!(out.err.contains("ENOTDIR"), "{}", out.err);
    Ok(())
}

fn verbs(c: &Case) -> Res {
    let b = put(
        c,
        "a",
        &["sh", "-c", TRAP],
        &[("restart", "always"), ("restart-delay", "10ms")],
    )?;
    let run = init(c).spawn()?;
    said(c, &run, "a started")?;
    same!(c.status(&b)?, "running");
    same!(c.exec(&b, &["echo", "inside"])?.ok()?.out, "inside\n");
    check!(c.mote(&["list", "-q"]).go()?.ok()?.out.contains(&b.id));
    c.mote(&["pause", &b.id]).go()?.ok()?;
    same!(c.status(&b)?, "paused");
    c.mote(&["resume", &b.id]).go()?.ok()?;
    // Ended by others, it is started again; removed by others, too.
    let first = c.pid(&b)?;
    c.kill(&b, "KILL")?;
    c.until("another process", || {
        Ok(c.pid(&b).is_ok_and(|pid| pid != first))
    })?;
    let second = c.pid(&b)?;
    c.force(&b)?;
    c.until("a third process", || {
        Ok(c.pid(&b).is_ok_and(|pid| pid != second))
    })?;
    // One that is paused is ended all the same.
    c.wait_status(&b, "running")?;
    c.mote(&["pause", &b.id]).go()?.ok()?;
    run.signal(Signal::TERM)?;
    std::thread::sleep(Duration::from_millis(100));
    run.signal(Signal::TERM)?;
    run.wait()?.ok()?;
    Ok(())
}

/// The processes below one, itself not included.
fn below(pid: i32) -> Vec<i32> {
    let mut found = vec![pid];
    let mut at = 0;
    while let Some(parent) = found.get(at).copied() {
        let tasks = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"));
        let children = tasks.unwrap_or_default();
        found.extend(
            children
                .split_whitespace()
                .filter_map(|pid| pid.parse::<i32>().ok()),
        );
        at += 1;
    }
    found.remove(0);
    found
}

fn kill_any(c: &Case) -> Res {
    let notes = [
        ("restart", "always"),
        ("restart-delay", "1ms"),
        ("stop-timeout", "5"),
    ];
    put(c, "a", &["sh", "-c", TRAP], &notes)?;
    put(c, "b", &["sh", "-c", "sleep 0.01; exit 1"], &notes)?;
    put(c, "c", &["sleep", "0.05"], &[("restart", "on-failure")])?;
    let run = init(c).spawn()?;
    said(c, &run, "a started")?;
    let (mut killed, mut starts) = (0, 0);
    let end = Instant::now() + Duration::from_secs(c.scale(20).into());
    while killed < c.scale(1000) && Instant::now() < end {
        let all = below(run.pid());
        let pid = all.get(killed as usize % all.len().max(1));
        if let Some(pid) = pid.and_then(|pid| Pid::from_raw(*pid)) {
            killed += u32::from(kill_process(pid, Signal::KILL).is_ok());
        }
        std::thread::sleep(Duration::from_millis(u64::from(killed % 7) * 3));
        starts = run.said().matches(" started").count();
    }
    check!(
        killed >= 10 && starts >= 3,
        "{killed} killed, {starts} started: {}",
        run.said()
    );
    check!(!run.said().contains("already exists"), "{}", run.said());
    // Whoever is left is stopped in order, and nothing stays.
    run.signal(Signal::TERM)?;
    run.wait()?;
    same!(fs::read_dir(&c.root)?.count(), 0, "state");
    Ok(())
}

fn orphans(c: &Case) -> Res {
    let n = c.scale(10_000);
    let storm = format!("i=0; while [ $i -lt {n} ]; do ( (: ) & ) ; i=$((i+1)); done; echo done");
    put(c, "storm", &["sh", "-c", &storm], &[])?
        .share("pid")
        .write()?;
    put(c, "a", &["sh", "-c", TRAP], &[])?;
    let run = init(c).limit(120).spawn()?;
    let end = Instant::now() + Duration::from_secs(100);
    while !run.said().contains("storm exited") && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(20));
    }
    said(c, &run, "storm exited with status 0")?;
    same!(log(c, "storm"), "done\n");
    let children = || {
        let all = below(run.pid()).into_iter();
        all.filter(|pid| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.contains(") Z ")
        })
        .count()
    };
    c.until("no zombie to be left", || Ok(children() == 0))?;
    run.signal(Signal::TERM)?;
    run.wait()?.ok()?;
    Ok(())
}

fn memory(c: &Case) -> Res {
    for name in ["a", "b", "c", "d"] {
        put(c, name, &["sh", "-c", TRAP], &[("restart", "always")])?;
    }
    let run = init(c).spawn()?;
    for name in ["a", "b", "c", "d"] {
        said(c, &run, &format!("{name} started"))?;
    }
    std::thread::sleep(Duration::from_millis(1500));
    let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", run.pid()))?;
    run.signal(Signal::TERM)?;
    run.wait()?.ok()?;
    let pss = text
        .lines()
        .find_map(|line| line.strip_prefix("Pss:")?.trim().strip_suffix(" kB"));
    let pss: u64 = pss.and_then(|n| n.parse().ok()).ok_or("no Pss")?;
    if fs::metadata(&c.mote)?.len() > 1 << 20 {
        return skip(format!(
            "a development build, {pss} KiB; see `cargo ci dist`"
        ));
    }
    check!(pss <= 300, "{pss} KiB: {text}");
    Ok(())
}

/// In namespaces of its own, on a root that has nothing but mote and a container.
fn machine(c: &Case) -> Res {
    let root = c.path("machine");
    let b = put(
        c,
        "a",
        &[
            "sh",
            "-c",
            "cat /proc/self/mountinfo; hostname; ifconfig lo; exit 9",
        ],
        &[],
    )?;
    let mut b = b;
    b.share("network")
        .share("uts")
        .set("/hostname", Value::Null);
    b.write()?;
    fs::create_dir(&root)?;
    let script = "mount -t tmpfs machine $1 && cp $2 $1/init && mkdir $1/containers && cp -a $3/. $1/containers/ && \
                  mkdir $1/lib $1/lib64 && for d in lib lib64; do mount --bind /$d $1/$d; done && cd $1 && exec chroot . /init quiet splash";
    let words = ["-pmnui", "--fork", "sh", "-c", script, "sh"];
    let out = c
        .tool("unshare", &words)
        .arg(&root)
        .arg(&c.mote)
        .arg(c.path("containers"))
        .limit(30)
        .go()?
        .exits(9)?;
    let said = short(c, &out.err);
    check!(said.contains("mote init: a exited with status 9"), "{said}");
    Ok(())
}
