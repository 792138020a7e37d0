//! `events`: runc's JSON, true numbers, memory that runs out, and what waiting costs.
use crate::harness::*;
use crate::limits::{is_v1, limited, value};
use crate::{check, same};
use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

/// The cases.
pub const MODULE: Module = Module {
    name: "events",
    serial: false,
    cases: &[
        ("stats_have_runcs_keys", keys),
        ("stats_are_true", numbers),
        ("oom_is_told_within_100_ms", oom),
        ("every_interval_until_the_end", until_the_end),
        ("ends_with_its_reader", reader_gone),
        ("waiting_costs_nothing", waiting),
        ("odd_calls_refused", refused),
    ],
};

/// One line of `--stats`.
fn stats(c: &Case, b: &Bundle) -> R<Value> {
    let out = c.mote(&["events", "--stats", &b.id]).go()?.ok()?;
    check!(out.out.ends_with("}\n") && out.out.matches('\n').count() == 1);
    let line: Value = serde_json::from_str(&out.out)?;
    same!(line["type"], "stats");
    same!(line["id"], b.id.as_str());
    Ok(line["data"].clone())
}

/// The paths of all values but those whose names the kernel or the host chooses.
fn paths(value: &Value, at: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) if at != ".memory.raw" && at != ".hugetlb" => {
            found.insert(at.to_string());
            for (key, value) in map {
                paths(value, &format!("{at}.{key}"), found);
            }
        }
        Value::Array(list) if at.starts_with(".blkio") => {
            for value in list {
                paths(value, &format!("{at}[]"), found);
            }
        }
        _ => {
            found.insert(at.to_string());
        }
    }
}

/// What runc writes even when it is 0 (types/events.go, without `omitempty`).
const ALWAYS: &str = ".cpu.usage.kernel .cpu.usage.user .cpu.throttling .cpuset.cpu_exclusive .cpuset.mem_hardwall \
    .cpuset.mem_exclusive .cpuset.memory_migrate .cpuset.memory_spread_page .cpuset.memory_spread_slab \
    .cpuset.memory_pressure .cpuset.sched_load_balance .cpuset.sched_relax_domain_level .memory.usage.limit \
    .memory.usage.failcnt .memory.swap.limit .memory.swap.failcnt .memory.kernel.limit .memory.kernel.failcnt \
    .memory.kernelTCP.limit .memory.kernelTCP.failcnt .pids .blkio .hugetlb .intel_rdt .network_interfaces";

/// What it leaves out when it is 0 or empty.
const SOMETIMES: &str = ".cpu.usage.total .cpu.usage.percpu .cpu.usage.percpu_kernel .cpu.usage.percpu_user \
    .cpu.throttling.periods .cpu.throttling.throttledPeriods .cpu.throttling.throttledTime .cpuset.cpus .cpuset.mems \
    .memory.cache .memory.usage.usage .memory.usage.max .memory.swap.usage .memory.swap.max .memory.kernel.usage \
    .memory.kernel.max .memory.kernelTCP.usage .memory.kernelTCP.max .memory.raw .pids.current .pids.limit";

fn keys(c: &Case) -> Res {
    let (b, _) = limited(
        c,
        json!({"memory": {"limit": 33_554_432}, "pids": {"limit": 20}}),
    )?;
    let data = stats(c, &b)?;
    let mut found = BTreeSet::new();
    paths(&data, "", &mut found);
    for path in ALWAYS.split_whitespace() {
        check!(found.contains(path), "{path} is missing in {data}");
    }
    let objects = ["", ".cpu", ".cpu.usage", ".cpuset", ".memory"];
    let known = |path: &str| {
        let part = path.trim_start_matches(|l| l != '.');
        let psi = [".cpu.psi", ".memory.psi", ".blkio.psi"]
            .iter()
            .find_map(|p| part.strip_prefix(p));
        let psi = psi.is_some_and(|rest| {
            let rest = rest.trim_start_matches(".some").trim_start_matches(".full");
            ["", ".avg10", ".avg60", ".avg300", ".total"].contains(&rest)
        });
        let disk = part.strip_prefix(".blkio.").is_some_and(|rest| {
            let key = rest.trim_end_matches(".major").trim_end_matches(".minor");
            let key = key.trim_end_matches(".op").trim_end_matches(".value");
            key.trim_end_matches("[]").ends_with("Recursive")
        });
        psi || disk || objects.contains(&part)
    };
    for path in &found {
        let listed = [ALWAYS, SOMETIMES]
            .iter()
            .any(|list| list.split_whitespace().any(|p| p == path));
        let entry = ["usage", "swap", "kernel", "kernelTCP"]
            .iter()
            .any(|k| *path == format!(".memory.{k}"));
        check!(listed || entry || known(path), "runc has no {path}");
    }
    check!(data["network_interfaces"].is_null());
    check!(data["hugetlb"].is_object() && data["intel_rdt"] == json!({}));
    c.force(&b)?;
    Ok(())
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

fn numbers(c: &Case) -> Res {
    let resources = json!({
        "memory": {"limit": 33_554_432, "swap": 67_108_864},
        "cpu": {"quota": 20_000, "period": 100_000},
        "pids": {"limit": 20}
    });
    let (b, pid) = limited(c, resources)?;
    // A second process, which uses memory of its own and a CPU for some while.
    let burn = "dd if=/dev/zero of=/dev/shm/x bs=1M count=4; while :; do :; done";
    c.mote(&["exec", "-d", &b.id, "sh", "-c", burn])
        .go()?
        .ok()?;
    c.until("two processes and throttling", || {
        let data = stats(c, &b)?;
        Ok(number(&data["pids"]["current"]) >= 2
            && number(&data["cpu"]["throttling"]["throttledTime"]) > 0)
    })?;
    let (memory, cpu) = (is_v1("memory"), is_v1("cpuacct"));
    c.until("4 MB of memory", || {
        let memory = &stats(c, &b)?["memory"];
        let all = [
            &memory["usage"]["usage"],
            &memory["swap"]["usage"],
            &memory["raw"]["shmem"],
            &memory["cache"],
        ];
        Ok(all
            .iter()
            .all(|value| (4_194_304..33_554_432).contains(&number(value))))
    })?;
    // What only grows lies between what the kernel says before and after.
    let total = || -> R<u64> {
        if cpu {
            return Ok(value(pid, "cpuacct.usage")?.parse()?);
        }
        let text = value(pid, "cpu.stat")?;
        let line = text.lines().find_map(|l| l.strip_prefix("usage_usec "));
        Ok(line.ok_or("no usage")?.parse::<u64>()? * 1000)
    };
    let before = total()?;
    let data = stats(c, &b)?;
    let after = total()?;
    let said = number(&data["cpu"]["usage"]["total"]);
    check!(
        (before..=after).contains(&said),
        "{before} <= {said} <= {after}"
    );
    let parts = number(&data["cpu"]["usage"]["user"]) + number(&data["cpu"]["usage"]["kernel"]);
    // Ticks of 10 ms in v1.
    check!(parts.abs_diff(said) < 100_000_000, "{parts} of {said}");
    let throttling = &data["cpu"]["throttling"];
    check!(number(&throttling["periods"]) >= number(&throttling["throttledPeriods"]));
    check!(
        number(&throttling["throttledTime"]) > 10_000,
        "nanoseconds: {throttling}"
    );
    if cpu {
        let each = data["cpu"]["usage"]["percpu"]
            .as_array()
            .ok_or("no percpu")?;
        let sum: u64 = each.iter().map(number).sum();
        check!(sum.abs_diff(said) < 200_000_000, "{sum} of {said}");
    }
    let usage = &data["memory"]["usage"];
    same!(usage["limit"], 33_554_432);
    if memory || data["memory"]["raw"].get("kernel").is_some() {
        check!(
            number(&usage["max"]) >= number(&usage["usage"]) / 2,
            "{usage}"
        );
    }
    same!(data["memory"]["swap"]["limit"], 67_108_864);
    same!(number(&data["pids"]["limit"]), 20);
    same!(
        number(&data["pids"]["current"]),
        value(pid, "pids.current")?.parse::<u64>()?
    );
    if is_v1("cpuset") {
        let cpus = value(pid, "cpuset.cpus")?;
        let first: u64 = cpus.split(['-', ',']).next().unwrap_or("").parse()?;
        same!(data["cpuset"]["cpus"][0], first);
        same!(data["cpuset"]["sched_relax_domain_level"], -1);
    }
    c.force(&b)?;
    // No limit of processes is 0, and left out.
    let (b, _) = limited(c, json!({"pids": {"limit": -1}}))?;
    check!(stats(c, &b)?["pids"].get("limit").is_none());
    c.force(&b)?;
    Ok(())
}

/// How often the kernel has killed for want of memory.
fn kills(pid: i32) -> R<u64> {
    let file = if is_v1("memory") {
        "memory.oom_control"
    } else {
        "memory.events"
    };
    let text = value(pid, file)?;
    let line = text.lines().find_map(|l| l.strip_prefix("oom_kill "));
    Ok(line.ok_or("no oom_kill")?.parse()?)
}

/// dd's buffer is twice the limit.
const HOG: [&str; 5] = ["dd", "if=/dev/zero", "of=/dev/null", "bs=32M", "count=1"];

fn oom(c: &Case) -> Res {
    let (b, pid) = limited(
        c,
        json!({"memory": {"limit": 16_777_216, "swap": 16_777_216}}),
    )?;
    let events = c.mote(&["events", "--interval", "1h", &b.id]).spawn()?;
    std::thread::sleep(Duration::from_millis(300));
    same!(events.so_far(), "");
    for turn in 1..=3 {
        let hog = c.mote(&["exec", "-d", &b.id]).args(&HOG).go()?.ok()?;
        let end = Instant::now() + Duration::from_secs(10);
        let (mut killed, mut told) = (None, None);
        while killed.is_none() || told.is_none() {
            check!(
                Instant::now() < end,
                "turn {turn}: {killed:?} {told:?} {}",
                hog.err
            );
            if killed.is_none() && kills(pid)? >= turn {
                killed = Some(Instant::now());
            }
            if told.is_none() && events.so_far().lines().count() as u64 >= turn {
                told = Some(Instant::now());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        if let (Some(killed), Some(told)) = (killed, told) {
            let late = told.saturating_duration_since(killed);
            check!(
                late < Duration::from_millis(100),
                "told {late:?} after the kill"
            );
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    c.force(&b)?;
    let out = events.wait()?.ok()?;
    for line in out.out.lines() {
        same!(line, format!("{{\"type\":\"oom\",\"id\":\"{}\"}}", b.id));
    }
    // The end of the container itself is told before the end of `events`.
    let mut b = c.bundle(&["sh", "-c", &format!("sleep 1; exec {}", HOG.join(" "))])?;
    b.set(
        "/linux/resources/memory",
        json!({"limit": 16_777_216, "swap": 16_777_216}),
    );
    c.detach(&b)?;
    let out = c.mote(&["events", "--interval", "1h", &b.id]).go()?.ok()?;
    check!(out.out.contains("\"oom\""), "{}", out.out);
    c.force(&b)?;
    Ok(())
}

fn until_the_end(c: &Case) -> Res {
    let (b, _) = limited(c, json!({}))?;
    let events = c.mote(&["events", "--interval", "50ms", &b.id]).spawn()?;
    c.until("five lines", || Ok(events.so_far().lines().count() >= 5))?;
    // Frozen it is still there.
    c.mote(&["pause", &b.id]).go()?.ok()?;
    let now = events.so_far().lines().count();
    c.until(
        "two more",
        || Ok(events.so_far().lines().count() >= now + 2),
    )?;
    c.mote(&["resume", &b.id]).go()?.ok()?;
    c.kill(&b, "KILL")?;
    let out = events.wait()?.ok()?;
    for line in out.out.lines() {
        let line: Value = serde_json::from_str(line)?;
        same!(line["type"], "stats");
    }
    same!(out.err, "");
    c.wait_status(&b, "stopped")?;
    let words = [format!("container with id {} is not running", b.id)];
    c.mote(&["events", &b.id]).go()?.refused(1, &[&words[0]])?;
    c.mote(&["events", "--stats", &b.id])
        .go()?
        .refused(1, &[&words[0]])?;
    c.delete(&b)?;
    // A container that is only created has numbers too.
    let b = c.bundle(&["sleep", "60"])?;
    c.create(&b)?;
    check!(number(&stats(c, &b)?["pids"]["current"]) >= 1);
    c.force(&b)?;
    Ok(())
}

fn reader_gone(c: &Case) -> Res {
    let (b, _) = limited(c, json!({}))?;
    let (read, write) = std::io::pipe()?;
    let events = c
        .mote(&["events", "--interval", "1h", &b.id])
        .stdout(write)
        .spawn()?;
    std::thread::sleep(Duration::from_millis(100));
    drop(read);
    events.wait()?.ok()?;
    c.force(&b)?;
    Ok(())
}

fn field(pid: i32, file: &str, name: &str) -> R<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}"))?;
    let line = text.lines().find_map(|l| l.strip_prefix(name));
    let word = line.and_then(|l| l.split_whitespace().next());
    Ok(word.ok_or_else(|| format!("no {name}"))?.parse()?)
}

fn waiting(c: &Case) -> Res {
    let (b, _) = limited(c, json!({}))?;
    let idle = c.mote(&["events", "--interval", "1h", &b.id]).spawn()?;
    let busy = c.mote(&["events", "--interval", "5ms", &b.id]).spawn()?;
    let lines = |n| c.until("lines", || Ok(busy.so_far().lines().count() >= n));
    lines(20)?;
    // Not `Private_Dirty`: where the binary lies on a tmpfs, that counts pages of its code as well.
    let memory = || field(busy.pid(), "smaps_rollup", "Anonymous:");
    let before = memory()?;
    let slept = field(idle.pid(), "status", "voluntary_ctxt_switches:")?;
    let woken = field(idle.pid(), "status", "nonvoluntary_ctxt_switches:")?;
    lines(120)?;
    let more = memory()? - before;
    check!(more <= 16, "{more} KiB more after 100 lines");
    same!(
        field(idle.pid(), "status", "voluntary_ctxt_switches:")?,
        slept,
        "idle"
    );
    same!(
        field(idle.pid(), "status", "nonvoluntary_ctxt_switches:")?,
        woken,
        "idle"
    );
    c.force(&b)?;
    idle.wait()?.ok()?;
    busy.wait()?.ok()?;
    Ok(())
}

fn refused(c: &Case) -> Res {
    let (b, _) = limited(c, json!({}))?;
    for time in ["0", "0s", "-5s", "5", "5d", "soon"] {
        let arg = format!("--interval={time}");
        c.mote(&["events", &arg, &b.id])
            .go()?
            .refused(1, &["--interval", "greater than 0"])?;
    }
    c.mote(&["events", "no-such"])
        .go()?
        .refused(1, &["container does not exist"])?;
    c.force(&b)?;
    Ok(())
}
