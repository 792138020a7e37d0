//! create, start, run, kill, delete and the states between them.
use crate::harness::*;
use crate::{check, same};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::symlink;

/// The cases.
pub const MODULE: Module = Module {
    name: "lifecycle",
    serial: false,
    cases: &[
        (
            "a2_create_list_start_list_delete",
            create_list_start_list_delete,
        ),
        ("run_leaves_nothing", run_leaves_nothing),
        ("run_keep", run_keep),
        ("exit_codes", exit_codes),
        ("exit_by_signal", exit_by_signal),
        ("killed_from_outside_is_137", killed_from_outside),
        ("init_killed_is_stopped", init_killed),
        ("second_start_fails", second_start),
        ("start_after_stop_fails", start_after_stop),
        ("start_unknown_fails", |c| {
            refused(c, &["start", "nobody-here"], "does not exist")
        }),
        ("state_unknown_fails", |c| {
            refused(c, &["state", "nobody-here"], "does not exist")
        }),
        ("kill_unknown_fails", |c| {
            refused(c, &["kill", "nobody-here", "TERM"], "does not exist")
        }),
        ("delete_unknown_fails", |c| {
            refused(c, &["delete", "nobody-here"], "does not exist")
        }),
        ("force_delete_unknown_is_fine", force_unknown),
        ("delete_created", delete_created),
        ("delete_running_refused", delete_running),
        ("force_delete_running", force_running),
        ("force_delete_many_processes", force_many),
        ("force_delete_without_pid_namespace", force_shared_pid),
        ("id_in_use", id_in_use),
        ("pid_file", pid_file),
        ("bundle_is_cwd", bundle_is_cwd),
        ("options_before_and_after_id", options_around_id),
        ("called_through_a_link", called_through_link),
        ("rootfs_without_config", rootfs_without_config),
        ("rootfs_rw", rootfs_rw),
        ("config_changes_after_create_ignored", config_changes),
        ("start_runs_what_create_saw", program_changes),
        ("annotations_in_state", annotations),
        ("a10_no_tty_anywhere", no_tty),
        ("readonly_template_runs", readonly_template),
    ],
};

fn refused(c: &Case, args: &[&str], word: &str) -> Res {
    fs::create_dir_all(&c.root)?;
    c.mote(args).go()?.refused(1, &[word]).map(drop)
}

fn create_list_start_list_delete(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "5"])?;
    c.create(&b)?;
    same!(c.status(&b)?, "created");
    let list = c.mote(&["list"]).go()?.ok()?.out;
    check!(
        list.contains(&b.id) && list.contains("created"),
        "list: {list}"
    );
    c.start(&b)?;
    let list = c.mote(&["list"]).go()?.ok()?.out;
    check!(list.contains("running"), "list: {list}");
    c.mote(&["start", &b.id]).go()?.refused(1, &[])?;
    c.mote(&["delete", &b.id]).go()?.refused(1, &[&b.id])?;
    c.wait_status(&b, "stopped")?;
    let list = c.mote(&["list"]).go()?.ok()?.out;
    check!(list.contains("stopped"), "list: {list}");
    c.delete(&b)?;
    let list = c.mote(&["list"]).go()?.ok()?.out;
    check!(!list.contains(&b.id), "list: {list}");
    Ok(())
}

fn run_leaves_nothing(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.run(&b)?.ok()?;
    let left = fs::read_dir(&c.root)?.count();
    same!(left, 0, "entries in the state root after run");
    c.mote(&["state", &b.id]).go()?.refused(1, &[])?;
    Ok(())
}

fn run_keep(c: &Case) -> Res {
    let b = c.bundle(&["/bin/probe", "exit", "4"])?;
    c.verb("run", &b, &["--keep"])?.go()?.exits(4)?;
    same!(c.status(&b)?, "stopped");
    c.delete(&b)?;
    Ok(())
}

fn exit_codes(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    for code in (0..256).step_by(c.scale(5) as usize) {
        b.args(&["/bin/probe", "exit", &code.to_string()]);
        same!(c.run(&b)?.code, code);
    }
    for code in [1, 2, 126, 127, 128, 254, 255] {
        b.args(&["/bin/probe", "exit", &code.to_string()]);
        same!(c.run(&b)?.code, code);
    }
    Ok(())
}

/// Without a PID namespace, where a process may kill itself with any signal.
fn exit_by_signal(c: &Case) -> Res {
    let mut b = c.bundle(&[])?;
    b.share("pid");
    for signal in [1, 2, 4, 6, 8, 9, 11, 13, 14, 15, 34, 64] {
        b.args(&[
            "sh",
            "-c",
            &format!("ulimit -c 0; kill -{signal} $$; sleep 5"),
        ]);
        same!(c.run(&b)?.code, 128 + signal);
    }
    Ok(())
}

fn killed_from_outside(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    let run = c.verb("run", &b, &[])?.spawn()?;
    c.until("running", || {
        Ok(c.mote(&["state", &b.id]).go()?.out.contains("running"))
    })?;
    c.kill(&b, "KILL")?;
    run.wait()?.exits(137)?;
    Ok(())
}

fn init_killed(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.detach(&b)?;
    let pid = c.pid(&b)?;
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).ok_or("pid")?,
        Signal::KILL,
    )?;
    c.wait_status(&b, "stopped")?;
    same!(c.state(&b)?["pid"], json!(0), "pid of a stopped container");
    c.mote(&["kill", &b.id, "TERM"]).go()?.refused(1, &[])?;
    c.delete(&b)?;
    Ok(())
}

fn second_start(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.create(&b)?;
    c.start(&b)?;
    c.mote(&["start", &b.id]).go()?.refused(1, &["start"])?;
    same!(c.status(&b)?, "running");
    c.force(&b)?;
    Ok(())
}

fn start_after_stop(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.create(&b)?;
    c.start(&b)?;
    c.wait_status(&b, "stopped")?;
    c.mote(&["start", &b.id]).go()?.refused(1, &["stopped"])?;
    c.delete(&b)?;
    Ok(())
}

fn force_unknown(c: &Case) -> Res {
    let out = c.mote(&["delete", "--force", "nobody-here"]).go()?.ok()?;
    same!(out.err, "");
    Ok(())
}

fn delete_created(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.create(&b)?;
    c.delete(&b)?;
    Ok(())
}

fn delete_running(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.detach(&b)?;
    c.mote(&["delete", &b.id]).go()?.refused(1, &[&b.id])?;
    same!(c.status(&b)?, "running");
    c.kill(&b, "KILL")?;
    c.wait_status(&b, "stopped")?;
    c.delete(&b)?;
    Ok(())
}

fn force_running(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.detach(&b)?;
    c.mote(&["delete", "-f", &b.id]).go()?.ok()?;
    c.mote(&["state", &b.id]).go()?.refused(1, &[])?;
    Ok(())
}

fn force_many(c: &Case) -> Res {
    let b = c.bundle(&["/bin/probe", "forks", "50", "60"])?;
    let out = c.detach(&b)?;
    c.until("50 forks", || Ok(out.later().contains("forked")))?;
    c.force(&b)?;
    Ok(())
}

/// SIGKILL must reach every process of the cgroup where no namespace ties them to init.
fn force_shared_pid(c: &Case) -> Res {
    let mut b = c.bundle(&["/bin/probe", "forks", "20", "60"])?;
    b.share("pid");
    let out = c.detach(&b)?;
    c.until("20 forks", || Ok(out.later().contains("forked")))?;
    c.force(&b)?;
    let living = leak::descendants(std::process::id());
    check!(living.is_empty(), "alive after delete --force: {living:?}");
    Ok(())
}

fn id_in_use(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    c.create(&b)?;
    for verb in ["create", "run"] {
        c.verb(verb, &b, &[])?.go()?.refused(1, &["exist"])?;
    }
    same!(c.status(&b)?, "created");
    c.delete(&b)?;
    Ok(())
}

fn pid_file(c: &Case) -> Res {
    let b = c.bundle(&["sleep", "30"])?;
    let dir = c.path("run");
    fs::create_dir(&dir)?;
    fs::write(
        dir.join("pid"),
        "an older one, which is longer than any pid",
    )?;
    let file = dir.join("pid");
    c.verb("create", &b, &["--pid-file", &file.display().to_string()])?
        .go()?
        .ok()?;
    let text = fs::read_to_string(&file)?;
    same!(text, c.pid(&b)?.to_string(), "decimal, no newline");
    same!(
        fs::read_dir(&dir)?.count(),
        1,
        "no temporary file beside it"
    );
    c.delete(&b)?;
    Ok(())
}

fn bundle_is_cwd(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.set("/root/path", json!("rootfs"));
    b.write()?;
    c.mote(&["run", &b.id]).cwd(&b.dir).go()?.ok()?;
    Ok(())
}

fn options_around_id(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    let dir = b.dir.display().to_string();
    for args in [
        vec!["create", &b.id, "--bundle", &dir],
        vec!["create", "--bundle", &dir, &b.id],
        vec!["create", &format!("--bundle={dir}"), &b.id],
        vec!["create", "-b", &dir, "--no-new-keyring", &b.id],
        vec![
            "create",
            &b.id,
            "-b",
            &dir,
            "--pid-file",
            &c.path("p").display().to_string(),
        ],
    ] {
        c.mote(&args).go()?.ok()?;
        c.mote(&["delete", &b.id, "--force"]).go()?.ok()?;
    }
    Ok(())
}

fn called_through_link(c: &Case) -> Res {
    let b = c.bundle(&["echo", "hello"])?;
    b.write()?;
    for name in ["runc", "crun"] {
        let link = c.path(name);
        symlink(&c.mote, &link)?;
        let run = c
            .tool(&link.display().to_string(), &["--root"])
            .arg(&c.root);
        let out = run.args(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()?.ok()?;
        same!(out.out, "hello\n");
        let version = c
            .tool(&link.display().to_string(), &["--version"])
            .go()?
            .ok()?
            .out;
        check!(
            version
                .lines()
                .next()
                .is_some_and(|l| l.contains(" version ")),
            "{version}"
        );
    }
    Ok(())
}

fn rootfs_without_config(c: &Case) -> Res {
    let b = c.bundle(&[])?;
    let rootfs = b.rootfs("");
    let run = c
        .mote(&["run", "--rootfs"])
        .arg(&rootfs)
        .args(&[&b.id, "--", "sh", "-c"]);
    let out = run
        .arg("echo $$; touch /new || echo readonly; exit 7")
        .go()?
        .exits(7)?
        .out;
    check!(out.starts_with("1\n") && out.contains("readonly"), "{out}");
    Ok(())
}

fn rootfs_rw(c: &Case) -> Res {
    let b = c.bundle(&[])?;
    let rootfs = b.rootfs("");
    let run = c
        .mote(&["run", "--rootfs"])
        .arg(&rootfs)
        .args(&["--rw", &b.id, "--", "touch", "/new"]);
    run.go()?.ok()?;
    check!(rootfs.join("new").exists());
    let cmd = c
        .mote(&["run", "--rootfs"])
        .arg(c.path("no-such"))
        .args(&[&b.id, "--", "true"]);
    cmd.go()?.refused(1, &["no-such"])?;
    Ok(())
}

fn config_changes(c: &Case) -> Res {
    let mut b = c.bundle(&["echo", "first"])?;
    let out = c.create(&b)?;
    b.args(&["echo", "second"]);
    b.write()?;
    c.start(&b)?;
    c.wait_status(&b, "stopped")?;
    same!(out.later(), "first\n");
    c.delete(&b)?;
    Ok(())
}

/// The program is executed at start: a file changed in between runs changed.
fn program_changes(c: &Case) -> Res {
    let b = c.bundle(&["/bin/job"])?;
    let job = b.rootfs("bin/job");
    fs::write(&job, "#!/bin/sh\necho one\n")?;
    fs::set_permissions(&job, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let out = c.create(&b)?;
    fs::write(&job, "#!/bin/sh\necho two\n")?;
    c.start(&b)?;
    c.wait_status(&b, "stopped")?;
    same!(out.later(), "two\n");
    c.delete(&b)?;
    Ok(())
}

fn annotations(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.set(
        "/annotations",
        json!({"org.example.key": "a \"quoted\" värde\n", "b": ""}),
    );
    c.create(&b)?;
    let state = c.state(&b)?;
    same!(
        state["annotations"]["org.example.key"],
        json!("a \"quoted\" värde\n")
    );
    same!(state["annotations"]["b"], json!(""));
    c.delete(&b)?;
    Ok(())
}

/// util-linux's does; busybox's does not know how to.
pub fn setsid_waits(c: &Case) -> Res {
    match c.tool("setsid", &["-w", "true"]).go()?.code {
        0 => Ok(()),
        _ => skip("setsid of this host has no -w"),
    }
}

/// Neither the runtime nor the container needs a terminal: setsid, no fds but /dev/null.
fn no_tty(c: &Case) -> Res {
    let mut b = c.bundle(&["/bin/probe", "report"])?;
    b.set("/process/terminal", json!(false));
    b.write()?;
    setsid_waits(c)?;
    let run = c
        .tool("setsid", &["-w"])
        .arg(&c.mote)
        .arg("--root")
        .arg(&c.root)
        .args(&["run", "-b"]);
    let out = run.arg(&b.dir).arg(&b.id).go()?.ok()?;
    let report = Report::parse(&out)?;
    same!(report.get("tty_nr"), "0");
    Ok(())
}

fn readonly_template(c: &Case) -> Res {
    let mut b = c.bundle(&["sh", "-c", "touch /x; touch /dev/shm/y && echo fine"])?;
    b.set("/root/readonly", json!(true));
    let out = c.run(&b)?.ok()?;
    same!(out.out, "fine\n");
    check!(out.err.contains("Read-only"), "{}", out.err);
    Ok(())
}
