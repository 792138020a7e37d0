//! list, ps and state: their formats and what they say about odd containers.
use crate::harness::*;
use crate::{check, same};
use std::fs;

/// The cases.
pub const MODULE: Module = Module {
    name: "listing",
    serial: false,
    cases: &[
        ("state_format", state_format),
        ("state_of_stopped", state_stopped),
        ("list_table", list_table),
        ("list_json", list_json),
        ("list_quiet", list_quiet),
        ("list_empty", list_empty),
        ("list_missing_root", list_missing_root),
        ("list_bad_format", list_bad_format),
        ("list_survives_broken_entries", list_broken),
        ("list_owner", list_owner),
        ("ps_json", ps_json),
        ("ps_table", ps_table),
        ("ps_needs_no_ps_program", ps_without_program),
        ("ps_stopped", ps_stopped),
        ("ps_includes_sub_cgroups", ps_sub),
    ],
};

fn state_format(c: &Case) -> Res {
    let mut b = c.bundle(&["sleep", "30"])?;
    b.set("/annotations", json!({"a": "1"}));
    c.detach(&b)?;
    let text = c.mote(&["state", &b.id]).go()?.ok()?.out;
    let keys: Vec<&str> = text
        .lines()
        .filter_map(|l| l.strip_prefix("  \"")?.split('"').next())
        .collect();
    same!(
        keys,
        [
            "ociVersion",
            "id",
            "pid",
            "status",
            "bundle",
            "rootfs",
            "created",
            "annotations",
            "owner"
        ]
    );
    check!(
        text.starts_with("{\n  \"") && text.ends_with('}'),
        "two spaces, no newline at the end: {text:?}"
    );
    let state: Value = serde_json::from_str(&text)?;
    same!(state["id"], json!(b.id));
    same!(state["bundle"], json!(b.dir.display().to_string()));
    same!(
        state["rootfs"],
        json!(b.rootfs("").display().to_string().trim_end_matches('/'))
    );
    same!(state["owner"], json!(""));
    let pid = state["pid"].as_i64().unwrap_or(0);
    same!(cmd::read(format!("/proc/{pid}/comm").as_ref()), "sleep\n");
    let created = state["created"].as_str().unwrap_or("");
    let year = created.get(..4).and_then(|y| y.parse::<u32>().ok());
    check!(
        year.is_some_and(|y| y >= 2024)
            && created.as_bytes().get(10) == Some(&b'T')
            && created.ends_with('Z'),
        "{created}"
    );
    c.force(&b)?;
    Ok(())
}

fn state_stopped(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.detach(&b)?;
    c.wait_status(&b, "stopped")?;
    let state = c.state(&b)?;
    same!(state["pid"], json!(0));
    check!(
        state.get("annotations").is_none(),
        "omitted if there are none"
    );
    c.delete(&b)?;
    Ok(())
}

fn list_table(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.create(&b)?;
    let out = c.mote(&["list"]).go()?.ok()?.out;
    let lines: Vec<&str> = out.lines().collect();
    same!(lines.len(), 2);
    let columns: Vec<&str> = lines[0].split_whitespace().collect();
    same!(
        columns,
        ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    );
    let row: Vec<&str> = lines[1].split_whitespace().collect();
    same!(row[0], b.id);
    same!(row[1], c.pid(&b)?.to_string());
    same!(row[2], "created");
    same!(row[3], b.dir.display().to_string());
    same!(row[5], "root");
    // Columns are aligned, at least 12 wide with 3 of padding.
    let width = (b.id.len() + 3).max(12);
    same!(lines[0].find("PID"), Some(width));
    same!(lines[1].find(row[1]).map(|at| at.max(width)), Some(width));
    c.delete(&b)?;
    Ok(())
}

fn list_json(c: &Case) -> Res {
    let (one, two) = (c.bundle(&["sleep", "30"])?, c.bundle(&["true"])?);
    c.detach(&one)?;
    c.create(&two)?;
    let out = c.mote(&["list", "--format", "json"]).go()?.ok()?.out;
    let list: Vec<Value> = serde_json::from_str(&out)?;
    same!(list.len(), 2);
    for (b, status) in [(&one, "running"), (&two, "created")] {
        let entry = list
            .iter()
            .find(|e| e["id"] == json!(b.id))
            .ok_or("not listed")?;
        same!(entry["status"], json!(status));
        same!(entry["pid"], c.state(b)?["pid"]);
        same!(entry["owner"], json!("root"));
        same!(entry["created"], c.state(b)?["created"]);
        for key in ["ociVersion", "bundle", "rootfs"] {
            check!(entry[key].is_string(), "{key}");
        }
    }
    c.force(&one)?;
    c.force(&two)?;
    Ok(())
}

fn list_quiet(c: &Case) -> Res {
    let all: Vec<Bundle> = (0..3)
        .map(|_| c.bundle(&["sleep", "30"]))
        .collect::<R<_>>()?;
    for b in &all {
        c.create(b)?;
    }
    for flags in [["list", "-q"], ["list", "--quiet"]] {
        let out = c.mote(&flags).go()?.ok()?.out;
        let mut ids: Vec<&str> = out.lines().collect();
        ids.sort_unstable();
        let mut want: Vec<&str> = all.iter().map(|b| b.id.as_str()).collect();
        want.sort_unstable();
        same!(ids, want);
    }
    for b in &all {
        c.delete(b)?;
    }
    Ok(())
}

fn list_empty(c: &Case) -> Res {
    fs::create_dir(&c.root)?;
    same!(
        c.mote(&["list", "-f", "json"]).go()?.ok()?.out.trim(),
        "null"
    );
    same!(c.mote(&["list", "-q"]).go()?.ok()?.out, "");
    let table = c.mote(&["list"]).go()?.ok()?.out;
    same!(table.lines().count(), 1, "the header alone");
    Ok(())
}

fn list_missing_root(c: &Case) -> Res {
    let root = c.path("absent").display().to_string();
    c.tool(&c.mote.display().to_string(), &["--root", &root, "list"])
        .go()?
        .refused(1, &["absent"])?;
    Ok(())
}

fn list_bad_format(c: &Case) -> Res {
    fs::create_dir(&c.root)?;
    c.mote(&["list", "--format", "xml"]).go()?.exits(1)?;
    Ok(())
}

fn list_broken(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.create(&b)?;
    fs::create_dir(c.root.join("empty"))?;
    fs::create_dir(c.root.join("garbage"))?;
    fs::write(c.root.join("garbage/state.json"), "{\"id\": 7")?;
    fs::write(c.root.join("plain-file"), "")?;
    let out = c.mote(&["list", "-q"]).go()?.ok()?;
    check!(out.out.contains(&b.id), "{out:?}");
    for entry in ["empty", "garbage"] {
        c.mote(&["state", entry]).go()?.refused(1, &[])?;
        c.mote(&["delete", "--force", entry]).go()?;
        check!(!c.root.join(entry).exists(), "delete --force left {entry}");
    }
    fs::remove_file(c.root.join("plain-file"))?;
    c.delete(&b)?;
    Ok(())
}

fn list_owner(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.create(&b)?;
    own_all(&c.root.join(&b.id), 54321)?;
    let out = c.mote(&["list"]).go()?.ok()?.out;
    check!(out.contains("#54321"), "a uid without a name: {out}");
    own_all(&c.root.join(&b.id), 0)?;
    c.delete(&b)?;
    Ok(())
}

fn own_all(dir: &std::path::Path, uid: u32) -> Res {
    std::os::unix::fs::chown(dir, Some(uid), None)?;
    for entry in fs::read_dir(dir)?.flatten() {
        std::os::unix::fs::lchown(entry.path(), Some(uid), None)?;
    }
    Ok(())
}

fn forked(c: &Case, n: u32) -> R<Bundle> {
    let b = c.bundle(&["/bin/probe", "forks", &n.to_string(), "60"])?;
    let out = c.detach(&b)?;
    c.until("forks", || Ok(out.later().contains("forked")))?;
    Ok(b)
}

fn ps_json(c: &Case) -> Res {
    let b = forked(c, 4)?;
    let out = c.mote(&["ps", "--format", "json", &b.id]).go()?.ok()?.out;
    let mut pids: Vec<u32> = serde_json::from_str(&out)?;
    pids.sort_unstable();
    let mut want = leak::descendants(c.pid(&b)? as u32);
    want.push(c.pid(&b)? as u32);
    want.sort_unstable();
    same!(pids, want);
    c.force(&b)?;
    Ok(())
}

fn ps_table(c: &Case) -> Res {
    let b = forked(c, 2)?;
    let out = c.mote(&["ps", &b.id]).go()?.ok()?.out;
    let lines: Vec<&str> = out.lines().collect();
    same!(lines.len(), 4, "{out}");
    let header: Vec<&str> = lines[0].split_whitespace().collect();
    let at = header
        .iter()
        .position(|h| *h == "PID")
        .ok_or("no PID column")?;
    let pid = c.pid(&b)?.to_string();
    check!(
        lines[1..]
            .iter()
            .any(|l| l.split_whitespace().nth(at) == Some(&pid)),
        "{out}"
    );
    check!(
        header.contains(&"CMD") || header.contains(&"COMMAND"),
        "{out}"
    );
    c.force(&b)?;
    Ok(())
}

fn ps_without_program(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("runc needs ps");
    }
    let b = forked(c, 1)?;
    let out = c
        .mote(&["ps", &b.id])
        .env("PATH", "/nowhere")
        .go()?
        .ok()?
        .out;
    same!(out.lines().count(), 3, "{out}");
    c.force(&b)?;
    Ok(())
}

fn ps_stopped(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.detach(&b)?;
    c.wait_status(&b, "stopped")?;
    let out = c.mote(&["ps", "-f", "json", &b.id]).go()?;
    check!(
        out.code == 1 || ["[]", "null"].contains(&out.out.trim()),
        "{out:?}"
    );
    c.delete(&b)?;
    Ok(())
}

fn ps_sub(c: &Case) -> Res {
    let mut b = c.bundle(&["sleep", "60"])?;
    b.namespace("cgroup", None);
    c.detach(&b)?;
    let pid = c.pid(&b)?;
    let mut moved = 0;
    let child = c.mote(&[
        "exec",
        "-d",
        "--pid-file",
        &c.path("p").display().to_string(),
        &b.id,
        "sleep",
        "50",
    ]);
    child.go()?.ok()?;
    let child = fs::read_to_string(c.path("p"))?;
    for dir in leak::cgroups(&b.id) {
        let sub = dir.join("sub");
        if fs::create_dir(&sub).is_ok() {
            moved += u32::from(fs::write(sub.join("cgroup.procs"), &child).is_ok());
        }
    }
    check!(moved > 0);
    let out = c.mote(&["ps", "-f", "json", &b.id]).go()?.ok()?.out;
    let pids: Vec<i32> = serde_json::from_str(&out)?;
    check!(
        pids.contains(&pid) && pids.contains(&child.parse()?),
        "{pids:?}"
    );
    c.force(&b)?;
    Ok(())
}
