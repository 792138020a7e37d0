//! `check`: all problems of a config at once, and what the host can't give to it.
use crate::harness::*;
use crate::{check, same};
use std::fs;

/// The cases.
pub const MODULE: Module = Module {
    name: "check",
    serial: false,
    cases: &[
        ("a_good_config_is_ok", good),
        ("every_problem_in_one_go", every_problem),
        ("the_first_alone_elsewhere", first_alone),
        ("json", json_document),
        ("not_json_at_all", not_json),
        ("nothing_is_made", nothing_made),
        ("debug_tells_of_unknown_calls", unknown_calls),
        ("host_gives_all", host_gives),
        ("host_lacks_some", host_lacks),
        ("host_for_an_ordinary_user", host_rootless),
        ("wrong_use", wrong_use),
    ],
};

fn look(c: &Case, b: &Bundle, words: &[&str]) -> R<Out> {
    b.write()?;
    c.mote(&["check", "-b"]).arg(&b.dir).args(words).go()
}

fn good(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    let out = look(c, &b, &[])?.ok()?;
    same!((out.out.as_str(), out.err.as_str()), ("ok\n", ""));
    let out = c
        .tool(&c.mote.display().to_string(), &["check"])
        .cwd(&b.dir)
        .go()?
        .ok()?;
    same!(out.out, "ok\n");
    Ok(())
}

/// Three of types, and four of rules.
fn broken(c: &Case) -> R<Bundle> {
    let mut b = c.bundle(&["true"])?;
    b.set("/process/cwd", json!("tmp"));
    b.set("/process/rlimits", json!([{"type": "RLIMIT_NOFILE", "soft": "1k", "hard": 1}, {"type": "RLIMIT_CPU", "soft": -1, "hard": 1}]));
    b.set("/process/oomScoreAdj", json!(5000));
    b.set("/linux/resources", json!({"memory": {"limit": "1g"}}));
    b.set("/linux/sysctl", json!({"vm.swappiness": "1"}));
    b.push(
        "/mounts",
        json!({"destination": "/x", "type": "bind", "source": "/"}),
    );
    Ok(b)
}

const PROBLEMS: [&str; 7] = [
    "process.rlimits[0].soft: expected an integer",
    "process.rlimits[1].soft: expected an integer",
    "linux.resources.memory.limit: expected an integer",
    "process.cwd: ",
    "process.oomScoreAdj: 5000: ",
    "linux.sysctl: ",
    "].type: ",
];

fn every_problem(c: &Case) -> Res {
    let b = broken(c)?;
    let out = look(c, &b, &[])?.exits(1)?;
    same!(out.out, "");
    same!(out.err.lines().count(), PROBLEMS.len(), "{}", out.err);
    for line in out.err.lines() {
        check!(line.contains("level=error msg=\"config.json:"), "{line}");
    }
    for problem in PROBLEMS {
        check!(out.err.contains(problem), "{problem}: {}", out.err);
    }
    Ok(())
}

fn first_alone(c: &Case) -> Res {
    let b = broken(c)?;
    let out = c.run(&b)?.refused(1, &["config.json:"])?;
    same!(out.err.lines().count(), 1, "{}", out.err);
    Ok(())
}

fn json_document(c: &Case) -> Res {
    let b = broken(c)?;
    let out = look(c, &b, &["--format", "json"])?.exits(1)?;
    same!(out.err, "");
    let v: Value = serde_json::from_str(&out.out)?;
    same!(v["ok"], json!(false));
    let problems = v["problems"].as_array().ok_or("no problems")?;
    same!(problems.len(), PROBLEMS.len());
    for problem in problems {
        same!(problem["level"], json!("error"));
        check!(problem["path"].is_string() && problem["text"].is_string());
    }
    let text = fs::read_to_string(b.dir.join("config.json"))?;
    // What the parser refuses, and what the plan does.
    for (path, value) in [
        ("linux.resources.memory.limit", "\"1g\""),
        ("process.oomScoreAdj", "5000"),
    ] {
        let problem = problems.iter().find(|problem| problem["path"] == path);
        let problem = problem.ok_or(path)?;
        let at = |key: &str| problem[key].as_u64().unwrap_or(0) as usize;
        let line = text.lines().nth(at("line") - 1).ok_or("no such line")?;
        check!(line[at("column") - 1..].starts_with(value), "{problem}");
    }
    let good = c.bundle(&["true"])?;
    let out = look(c, &good, &["-f", "json"])?.ok()?;
    same!(
        serde_json::from_str::<Value>(&out.out)?,
        json!({"problems": [], "ok": true})
    );
    Ok(())
}

fn not_json(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    for text in ["", "{", "[]", "{\"ociVersion\": \"1.0.2\",}"] {
        fs::write(b.dir.join("config.json"), text)?;
        c.mote(&["check", "--host", "-b"])
            .arg(&b.dir)
            .go()?
            .refused(1, &["config.json:1:"])?;
    }
    fs::remove_file(b.dir.join("config.json"))?;
    c.mote(&["check", "-b"])
        .arg(&b.dir)
        .go()?
        .refused(1, &["config.json", "ENOENT"])?;
    Ok(())
}

fn nothing_made(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    look(c, &b, &["--host"])?.ok()?;
    check!(!c.root.exists(), "check has made the state directory");
    let names = fs::read_dir(&b.dir)?.count();
    look(c, &b, &["--host", "--format=json"])?.ok()?;
    same!(fs::read_dir(&b.dir)?.count(), names);
    Ok(())
}

/// As `run --debug` does.
fn unknown_calls(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    let rule = json!({"names": ["reboot", "frobnicate"], "action": "SCMP_ACT_ERRNO"});
    b.set(
        "/linux/seccomp",
        json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}),
    );
    let out = look(c, &b, &[])?.ok()?;
    same!((out.out.as_str(), out.err.as_str()), ("ok\n", ""));
    let out = look(c, &b, &["--debug"])?.ok()?;
    same!(out.out, "ok\n");
    let told =
        r#"linux.seccomp.syscalls[0].names[1]: \"frobnicate\": unknown system call, left out"#;
    same!(out.err.matches(told).count(), 1);
    Ok(())
}

fn host_gives(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    let out = look(c, &b, &["--host"])?.ok()?;
    let mut lines = out.out.lines();
    check!(
        lines
            .next()
            .is_some_and(|line| line.starts_with("ASKED FOR  ")),
        "{}",
        out.out
    );
    check!(out.out.contains("\nnamespace pid "), "{}", out.out);
    check!(out.out.contains("\nfile system proc "), "{}", out.out);
    same!(lines.next_back(), Some("ok"));
    Ok(())
}

fn host_lacks(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.mount("/odd", "mote9fs", "none", &[]);
    b.mount("/absent", "none", "/no/such/place", &["bind"]);
    b.set("/process/apparmorProfile", json!("x"));
    b.hook("poststop", "true");
    b.push("/hooks/poststop", json!({"path": "/no/such/hook"}));
    let out = look(c, &b, &["--host", "-f", "json"])?.exits(1)?;
    let v: Value = serde_json::from_str(&out.out)?;
    same!(v["problems"], json!([]));
    same!(v["ok"], json!(false));
    let rows = v["host"].as_array().ok_or("no rows")?;
    let lacking = |asked: &str| {
        rows.iter()
            .find(|row| row["asked"] == asked && row["given"] == false)
    };
    for (asked, remedy) in [
        ("file system mote9fs", "CONFIG_MOTE9FS_FS"),
        ("bind mount of /no/such/place", "something there"),
        ("hook /no/such/hook", "a program"),
    ] {
        let row = lacking(asked).ok_or_else(|| format!("{asked}: {}", out.out))?;
        check!(
            row["remedy"]
                .as_str()
                .is_some_and(|text| text.starts_with(remedy)),
            "{row}"
        );
    }
    let enabled = fs::read_to_string("/sys/module/apparmor/parameters/enabled").unwrap_or_default();
    let row = rows
        .iter()
        .find(|row| row["asked"] == "process.apparmorProfile")
        .ok_or("no AppArmor")?;
    same!(row["given"], json!(enabled.starts_with('Y')));
    let out = look(c, &b, &["--host"])?.exits(1)?;
    check!(
        out.out.contains("file system mote9fs") && !out.out.ends_with("\nok\n"),
        "{}",
        out.out
    );
    Ok(())
}

fn host_rootless(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.namespace("user", None);
    b.set("/linux/uidMappings", json!([{"containerID": 0, "hostID": 1000, "size": 1}, {"containerID": 1, "hostID": 3_999_999_000u32, "size": 10}]));
    b.set(
        "/linux/gidMappings",
        json!([{"containerID": 0, "hostID": 1000, "size": 1}]),
    );
    b.write()?;
    let out = c
        .mote(&["check", "--host", "-b"])
        .arg(&b.dir)
        .user(1000)
        .go()?
        .exits(1)?;
    let row = out
        .out
        .lines()
        .find(|line| line.starts_with("another's id, from 3999999000"));
    check!(
        row.is_some_and(|row| row.contains(" no ") && row.contains("/etc/subuid")),
        "{out:?}"
    );
    check!(!out.out.contains("/etc/subgid"), "{out:?}");
    Ok(())
}

fn wrong_use(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    look(c, &b, &["--format", "xml"])?.refused(1, &["xml", "table or json"])?;
    look(c, &b, &["word"])?.exits(1)?;
    c.mote(&["check", "-b", "/no/such/bundle"])
        .go()?
        .refused(1, &["/no/such/bundle", "ENOENT"])?;
    Ok(())
}
