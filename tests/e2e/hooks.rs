//! The six kinds of hooks: order, state on stdin, environment, timeout, failure.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::time::{Duration, Instant};

/// The cases.
pub const MODULE: Module = Module {
    name: "hooks",
    serial: false,
    cases: &[
        ("j33_order", order),
        ("create_and_start_split", split),
        ("j32_state_on_stdin", state),
        ("several_of_a_kind_in_order", several),
        ("namespaces", namespaces),
        ("arguments", arguments),
        ("environment", environment),
        ("environment_default", environment_default),
        ("timeout_kills", timeout),
        ("no_timeout_waits", no_timeout),
        ("failure_prestart", |c| failure(c, "prestart")),
        ("failure_create_runtime", |c| failure(c, "createRuntime")),
        ("failure_create_container", |c| {
            failure(c, "createContainer")
        }),
        ("failure_start_container", failure_start),
        ("failure_poststart", failure_poststart),
        ("failure_poststop_is_a_warning", failure_poststop),
        ("failure_runs_poststop", failure_runs_poststop),
        ("missing_program", missing_program),
        ("relative_path_refused", relative_path),
        ("output_is_visible", output),
        ("big_stdin_unread", unread),
        ("poststop_on_force_delete", poststop_force),
        ("prestart_can_reach_the_netns", prestart_netns),
        (
            "create_container_mounts_reach_container",
            create_container_mount,
        ),
        ("no_descriptor_leaks", no_leaks),
    ],
};

const KINDS: [&str; 6] = [
    "prestart",
    "createRuntime",
    "createContainer",
    "startContainer",
    "poststart",
    "poststop",
];

/// A bundle with a bound directory /log in which every kind of hook appends to a file.
fn logging(c: &Case, what: impl Fn(&str) -> String) -> R<(Bundle, std::path::PathBuf)> {
    let log = c.path("log");
    fs::create_dir_all(&log)?;
    let mut b = c.bundle(&["sh", "-c", "echo program >> /log/order"])?;
    let dir = log.display().to_string();
    b.mount("/log", "bind", &dir, &["bind"]);
    for kind in KINDS {
        // The container's hooks see the log at /log only after pivot_root.
        let at = if kind == "startContainer" {
            "/log"
        } else {
            &dir
        };
        b.hook(kind, &what(kind).replace("LOG", at));
    }
    Ok((b, log))
}

fn order(c: &Case) -> Res {
    let (b, log) = logging(c, |kind| format!("echo {kind} >> LOG/order"))?;
    c.run(&b)?.ok()?;
    let text = fs::read_to_string(log.join("order"))?;
    let order: Vec<&str> = text.lines().collect();
    // The program runs while poststart does; their order is not fixed.
    let fixed: Vec<&str> = order.iter().copied().filter(|l| *l != "program").collect();
    same!(fixed, KINDS);
    let at = |word: &str| order.iter().position(|l| *l == word);
    check!(
        at("program") > at("startContainer") && at("program") < at("poststop"),
        "{order:?}"
    );
    Ok(())
}

fn split(c: &Case) -> Res {
    let (b, log) = logging(c, |kind| format!("echo {kind} >> LOG/order"))?;
    let read = || fs::read_to_string(log.join("order")).unwrap_or_default();
    c.create(&b)?;
    same!(read().lines().collect::<Vec<_>>(), &KINDS[..3]);
    c.start(&b)?;
    check!(
        read().contains("poststart"),
        "start returns after poststart"
    );
    c.wait_status(&b, "stopped")?;
    check!(!read().contains("poststop"));
    c.delete(&b)?;
    check!(read().ends_with("poststop\n"));
    Ok(())
}

fn state(c: &Case) -> Res {
    let (mut b, log) = logging(c, |kind| format!("cat > LOG/{kind}"))?;
    b.set("/annotations", json!({"k": "v"}));
    c.run(&b)?.ok()?;
    for (kind, status) in [
        ("prestart", "creating"),
        ("createRuntime", "creating"),
        ("createContainer", "creating"),
        ("startContainer", "created"),
        ("poststart", "running"),
        ("poststop", "stopped"),
    ] {
        let state: Value = serde_json::from_slice(&fs::read(log.join(kind))?)?;
        same!(state["status"], json!(status), "{kind}");
        same!(state["id"], json!(b.id), "{kind}");
        same!(
            state["bundle"],
            json!(b.dir.display().to_string()),
            "{kind}"
        );
        same!(state["annotations"], json!({"k": "v"}), "{kind}");
        check!(state["ociVersion"].is_string(), "{kind}");
        let pid = state["pid"].as_i64().unwrap_or(0);
        check!(kind == "poststop" || pid > 0, "{kind}: pid {pid}");
    }
    Ok(())
}

fn several(c: &Case) -> Res {
    let log = c.path("log");
    let mut b = c.bundle(&["true"])?;
    for n in 0..10 {
        b.hook("createRuntime", &format!("echo {n} >> {}", log.display()));
    }
    c.run(&b)?.ok()?;
    same!(fs::read_to_string(log)?.replace('\n', ""), "0123456789");
    Ok(())
}

fn namespaces(c: &Case) -> Res {
    let (b, log) = logging(c, |kind| {
        format!("for n in mnt uts; do readlink /proc/self/ns/$n; done > LOG/{kind}; cat >/dev/null")
    })?;
    c.run(&b)?.ok()?;
    let read = |kind: &str| fs::read_to_string(log.join(kind)).unwrap_or_default();
    let host = format!(
        "{}\n{}\n",
        fs::read_link("/proc/self/ns/mnt")?.display(),
        fs::read_link("/proc/self/ns/uts")?.display()
    );
    for kind in ["prestart", "createRuntime", "poststart", "poststop"] {
        same!(read(kind), host, "{kind} runs in the runtime's namespaces");
    }
    check!(read("createContainer") != host && !read("createContainer").is_empty());
    same!(
        read("createContainer"),
        read("startContainer"),
        "the container's namespaces"
    );
    Ok(())
}

fn arguments(c: &Case) -> Res {
    let log = c.path("log");
    let mut b = c.bundle(&["true"])?;
    let script = format!("cat /proc/$$/cmdline > {}; true", log.display());
    b.push(
        "/hooks/createRuntime",
        json!({"path": "/bin/sh", "args": ["my own name", "-c", script, "x", "", "ü"]}),
    );
    b.push("/hooks/createRuntime", json!({"path": "/bin/true"}));
    c.run(&b)?.ok()?;
    let line = fs::read_to_string(log)?;
    check!(
        line.starts_with("my own name\0-c\0") && line.ends_with("x\0\0ü\0"),
        "{line:?}"
    );
    Ok(())
}

fn environment(c: &Case) -> Res {
    let log = c.path("log");
    let mut b = c.bundle(&["true"])?;
    let script = format!(
        "tr '\\0' '\\n' < /proc/$$/environ > {}; true",
        log.display()
    );
    let hook = json!({"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["ONE=1", "PATH=/bin:/usr/bin"]});
    b.push("/hooks/createRuntime", hook);
    c.verb("run", &b, &[])?.env("SECRET", "x").go()?.ok()?;
    same!(fs::read_to_string(log)?, "ONE=1\nPATH=/bin:/usr/bin\n");
    Ok(())
}

/// Without env runc's hooks inherit the runtime's environment.
fn environment_default(c: &Case) -> Res {
    let log = c.path("log");
    let mut b = c.bundle(&["true"])?;
    b.hook("createRuntime", &format!("echo $MARK > {}", log.display()));
    c.verb("run", &b, &[])?
        .env("MARK", "inherited")
        .go()?
        .ok()?;
    same!(fs::read_to_string(log)?, "inherited\n");
    Ok(())
}

fn timeout(c: &Case) -> Res {
    for (kind, verb) in [("createRuntime", "create"), ("createContainer", "create")] {
        let mut b = c.bundle(&["true"])?;
        b.push(
            &format!("/hooks/{kind}"),
            json!({"path": "/bin/sleep", "args": ["sleep", "50"], "timeout": 1}),
        );
        let begun = Instant::now();
        c.verb(verb, &b, &[])?.go()?.refused(1, &["hook"])?;
        let took = begun.elapsed();
        check!(
            took >= Duration::from_millis(900) && took < Duration::from_secs(8),
            "{kind}: {took:?}"
        );
    }
    Ok(())
}

fn no_timeout(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.push(
        "/hooks/createRuntime",
        json!({"path": "/bin/sleep", "args": ["sleep", "1.5"]}),
    );
    b.push(
        "/hooks/prestart",
        json!({"path": "/bin/sleep", "args": ["sleep", "0.2"], "timeout": 5}),
    );
    c.run(&b)?.ok()?;
    Ok(())
}

fn failure(c: &Case, kind: &str) -> Res {
    let (mut b, log) = logging(c, |kind| format!("echo {kind} >> LOG/order"))?;
    b.hook(kind, "exit 3");
    c.verb("create", &b, &[])?.go()?.refused(1, &["hook"])?;
    c.mote(&["state", &b.id]).go()?.refused(1, &[])?;
    check!(!fs::read_to_string(log.join("order"))?.contains("startContainer"));
    c.run(&b)?.refused(1, &["hook"])?;
    Ok(())
}

fn failure_start(c: &Case) -> Res {
    let mut b = c.bundle(&["echo", "must not run"])?;
    b.hook("startContainer", "exit 3");
    let out = c.create(&b)?;
    c.mote(&["start", &b.id]).go()?;
    c.wait_status(&b, "stopped")?;
    check!(!out.later().contains("must not run"));
    c.force(&b)?;
    let out = c.run(&b)?;
    check!(
        out.code != 0 && !out.out.contains("must not run"),
        "{out:?}"
    );
    Ok(())
}

fn failure_poststart(c: &Case) -> Res {
    let log = c.path("log");
    let mut b = c.bundle(&["sleep", "30"])?;
    b.hook("poststart", "exit 3")
        .hook("poststop", &format!("echo poststop > {}", log.display()));
    c.create(&b)?;
    let out = c.mote(&["start", &b.id]).go()?;
    same!(
        out.code,
        1,
        "start fails with its poststart hook: {}",
        out.err
    );
    check!(out.err.contains("hook"), "{}", out.err);
    c.mote(&["state", &b.id])
        .go()?
        .refused(1, &["does not exist"])?;
    same!(fs::read_to_string(log)?, "poststop\n");
    check!(leak::cgroups(&b.id).is_empty());
    Ok(())
}

fn failure_poststop(c: &Case) -> Res {
    let log = c.path("log");
    let mut b = c.bundle(&["true"])?;
    b.hook("poststop", "true")
        .hook("poststop", "exit 3")
        .hook("poststop", &format!("echo second > {}", log.display()));
    c.create(&b)?;
    c.start(&b)?;
    c.wait_status(&b, "stopped")?;
    let out = c.mote(&["delete", &b.id]).go()?;
    same!(fs::read_to_string(log)?, "second\n", "the others still run");
    check!(out.err.contains("hooks.poststop[1] "), "{}", out.err);
    c.mote(&["state", &b.id])
        .go()?
        .refused(1, &["does not exist"])?;
    Ok(())
}

fn failure_runs_poststop(c: &Case) -> Res {
    let log = c.path("log");
    let mut b = c.bundle(&["true"])?;
    b.hook("createRuntime", "exit 3")
        .hook("poststop", &format!("echo poststop > {}", log.display()));
    c.verb("create", &b, &[])?.go()?.refused(1, &["hook"])?;
    same!(fs::read_to_string(log)?, "poststop\n");
    Ok(())
}

fn missing_program(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.push("/hooks/createRuntime", json!({"path": "/no/such/hook"}));
    c.run(&b)?.refused(
        1,
        &["hooks.createRuntime[0] /no/such/hook: execve: no such file or directory"],
    )?;
    let mut b = c.bundle(&["true"])?;
    b.push("/hooks/startContainer", json!({"path": "/etc"}));
    c.run(&b)?.refused(
        1,
        &["hooks.startContainer[0] /etc: execve: permission denied"],
    )?;
    Ok(())
}

fn relative_path(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.push("/hooks/createRuntime", json!({"path": "true"}));
    c.run(&b)?.refused(1, &["hook"])?;
    b.set(
        "/hooks",
        json!({"createRuntime": [{"path": "/bin/true", "timeout": 0}]}),
    );
    c.run(&b)?.refused(1, &["imeout"])?;
    Ok(())
}

/// What a failing hook prints ends up where the user can see it.
fn output(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.hook("createRuntime", "echo the reason why >&2; exit 1");
    let out = c.verb("create", &b, &[])?.go()?.exits(1)?;
    check!(out.err.contains("the reason why"), "{}", out.err);
    Ok(())
}

/// A hook that never reads a state too big for a pipe must not block or kill the runtime.
fn unread(c: &Case) -> Res {
    let mut b = c.bundle(&["echo", "fine"])?;
    b.set("/annotations", json!({"big": "x".repeat(200_000)}));
    b.push("/hooks/createRuntime", json!({"path": "/bin/true"}));
    b.push("/hooks/poststop", json!({"path": "/bin/true"}));
    same!(c.run(&b)?.ok()?.out, "fine\n");
    Ok(())
}

fn poststop_force(c: &Case) -> Res {
    let log = c.path("log");
    let mut b = c.bundle(&["sleep", "30"])?;
    b.hook("poststop", &format!("echo ran >> {}", log.display()));
    c.detach(&b)?;
    c.force(&b)?;
    same!(fs::read_to_string(&log)?, "ran\n");
    c.create(&b)?;
    c.delete(&b)?;
    same!(fs::read_to_string(&log)?, "ran\nran\n");
    Ok(())
}

fn prestart_netns(c: &Case) -> Res {
    let mut b = c.bundle(&["cat", "/proc/sys/net/ipv4/ip_forward"])?;
    let script = "pid=$(grep -o '\"pid\": *[0-9]*' | grep -o '[0-9]*$'); nsenter -t $pid -n sysctl -q -w net.ipv4.ip_forward=1";
    b.hook("createRuntime", script);
    same!(c.run(&b)?.ok()?.out, "1\n");
    Ok(())
}

/// createContainer runs in the container's mount namespace before pivot_root.
fn create_container_mount(c: &Case) -> Res {
    let mut b = c.bundle(&["sh", "-c", "grep -c ' /injected ' /proc/self/mountinfo"])?;
    fs::create_dir(b.rootfs("injected"))?;
    let target = b.rootfs("injected").display().to_string();
    b.hook(
        "createContainer",
        &format!("mount -t tmpfs injected {target}"),
    );
    same!(c.run(&b)?.ok()?.out, "1\n");
    Ok(())
}

/// A descriptor that the caller leaked reaches neither a hook nor the container.
fn no_leaks(c: &Case) -> Res {
    let (b, log) = logging(c, |kind| {
        format!("readlink /proc/$$/fd/7 > LOG/{kind} || echo none > LOG/{kind}; cat > /dev/null")
    })?;
    b.write()?;
    let run = c
        .tool("sh", &["-c", "exec \"$@\" 7</etc/passwd", "-"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root);
    run.args(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()?.ok()?;
    for kind in KINDS {
        same!(fs::read_to_string(log.join(kind))?, "none\n", "{kind}");
    }
    Ok(())
}
