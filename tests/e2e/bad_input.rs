//! What can't work: one clear line, exit code 1, nothing left behind. The runner's leak
//! check after each case does the last part.
use crate::harness::*;
use crate::{check, same};
use std::fs;
use std::os::unix::fs::PermissionsExt;

/// The cases.
pub const MODULE: Module = Module {
    name: "bad_input",
    serial: false,
    cases: &[
        ("bundle_missing", bundle_missing),
        ("bundle_is_a_file", bundle_file),
        ("config_missing", config_missing),
        ("config_unreadable", config_unreadable),
        ("config_is_a_directory", config_directory),
        ("config_not_json", config_not_json),
        ("config_huge", config_huge),
        ("config_deeply_nested", config_nested),
        ("config_wrong_types", config_types),
        ("config_nulls_are_fine", config_nulls),
        ("config_unknown_properties_are_fine", config_unknown),
        ("version_missing_or_wrong", version),
        ("rootfs_missing", |c| {
            edit(c, &["rootfs-gone"], |b| {
                b.set("/root/path", json!("rootfs-gone"))
            })
        }),
        ("rootfs_is_a_file", |c| {
            edit(c, &["rootfs/etc/passwd"], |b| {
                b.set("/root/path", json!("rootfs/etc/passwd"))
            })
        }),
        ("rootfs_not_given", |c| {
            edit(c, &["root"], |b| b.del("/root"))
        }),
        ("rootfs_empty", |c| {
            edit(c, &[], |b| b.set("/root/path", json!("")))
        }),
        ("process_not_given", |c| {
            edit(c, &["process"], |b| b.del("/process"))
        }),
        ("args_empty", |c| edit(c, &["args"], |b| b.args(&[]))),
        ("args_empty_string", |c| edit(c, &[], |b| b.args(&[""]))),
        ("args_not_found", |c| {
            edit(c, &["no-such-program"], |b| b.args(&["no-such-program"]))
        }),
        ("args_not_found_absolute", |c| {
            edit(c, &["/no/such/program"], |b| b.args(&["/no/such/program"]))
        }),
        ("args_not_executable", |c| {
            edit(c, &["/etc/passwd"], |b| b.args(&["/etc/passwd"]))
        }),
        ("args_is_a_directory", |c| {
            edit(c, &["/etc"], |b| b.args(&["/etc"]))
        }),
        ("script_without_interpreter", script),
        ("binary_of_another_machine", wrong_binary),
        ("cwd_is_a_file", |c| {
            edit(c, &["/etc/passwd"], |b| {
                b.set("/process/cwd", json!("/etc/passwd"))
            })
        }),
        ("cwd_relative", |c| {
            edit(c, &["wd"], |b| b.set("/process/cwd", json!("etc")))
        }),
        ("cwd_missing", |c| {
            edit(c, &["wd"], |b| b.del("/process/cwd"))
        }),
        ("env_without_equals", |c| {
            edit(c, &["NOEQUALS"], |b| b.env("NOEQUALS"))
        }),
        ("nul_in_strings", nul),
        ("rlimit_unknown", |c| {
            edit(c, &["RLIMIT_NONSENSE"], |b| {
                b.set("/process/rlimits/0/type", json!("RLIMIT_NONSENSE"))
            })
        }),
        ("rlimit_soft_above_hard", |c| {
            edit(c, &[], |b| b.set("/process/rlimits/0/soft", json!(5000)))
        }),
        ("rlimit_twice", rlimit_twice),
        ("uid_negative_or_huge", uid_range),
        ("uid_unmapped", uid_unmapped),
        ("maps_without_user_namespace", maps_without),
        ("user_namespace_without_maps", |c| {
            edit(c, &[], |b| b.namespace("user", None))
        }),
        ("mount_source_missing", mount_source),
        ("mount_type_unknown", |c| {
            edit(c, &["/m"], |b| b.mount("/m", "nosuchfs", "x", &[]))
        }),
        ("mount_without_destination", |c| {
            edit(c, &[], |b| {
                b.push("/mounts", json!({"type": "tmpfs", "source": "x"}))
            })
        }),
        ("mount_without_namespace", |c| {
            edit(c, &[], |b| b.share("mount"))
        }),
        ("propagation_unknown", |c| {
            edit(c, &[], |b| {
                b.set("/linux/rootfsPropagation", json!("nonsense"))
            })
        }),
        ("oom_score_out_of_range", |c| {
            edit(c, &["1001"], |b| b.set("/process/oomScoreAdj", json!(1001)))
        }),
        ("apparmor_without_apparmor", apparmor),
        ("selinux_without_selinux", selinux),
        ("scheduler_nonsense", scheduler),
        ("personality_nonsense", |c| {
            edit(c, &[], |b| {
                b.set("/linux/personality", json!({"domain": "BSD"}))
            })
        }),
        ("ids", ids),
        ("id_of_1025_characters", long_id),
        ("state_directory_readonly", readonly_state),
        ("state_directory_full", full_state),
        ("state_directory_is_a_file", state_file),
        ("pid_file_impossible", pid_file),
        ("rootfs_full", rootfs_full),
    ],
};

/// Both create and run refuse the edited bundle with one line that has each of `words`.
fn edit(c: &Case, words: &[&str], edit: impl Fn(&mut Bundle) -> &mut Bundle) -> Res {
    let mut b = c.bundle(&["true"])?;
    if c.is_other("runc") {
        b.set("/process/oomScoreAdj", json!(0));
    }
    edit(&mut b);
    for verb in ["create", "run"] {
        c.verb(verb, &b, &[])?.go()?.refused(1, words)?;
        same!(
            fs::read_dir(&c.root).map(Iterator::count).unwrap_or(0),
            0,
            "state left by {verb}"
        );
    }
    c.verb("run", &b, &["-d"])?.go()?.refused(1, words)?;
    Ok(())
}

fn bundle_missing(c: &Case) -> Res {
    c.mote(&["run", "-b", "/no/such/bundle", &c.id()])
        .go()?
        .refused(1, &["/no/such/bundle"])?;
    Ok(())
}

fn bundle_file(c: &Case) -> Res {
    c.mote(&["run", "-b", "/etc/passwd", &c.id()])
        .go()?
        .refused(1, &["/etc/passwd"])?;
    Ok(())
}

fn config_missing(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    c.mote(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .refused(1, &["config.json"])?;
    Ok(())
}

fn config_unreadable(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    fs::set_permissions(b.dir.join("config.json"), fs::Permissions::from_mode(0o000))?;
    fs::create_dir(&c.root)?;
    std::os::unix::fs::chown(&c.root, Some(1000), Some(1000))?;
    let run = c.mote(&["run", "-b"]).arg(&b.dir).arg(&b.id).user(1000);
    run.go()?.refused(1, &["config.json"])?;
    Ok(())
}

fn config_directory(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    fs::create_dir(b.dir.join("config.json"))?;
    c.mote(&["run", "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()?
        .refused(1, &["config.json"])?;
    Ok(())
}

/// Runs a config of these bytes.
fn raw(c: &Case, b: &Bundle, text: &[u8]) -> R<Out> {
    fs::write(b.dir.join("config.json"), text)?;
    c.mote(&["run", "-b"]).arg(&b.dir).arg(&b.id).go()
}

fn config_not_json(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    let good = serde_json::to_string(&b.config)?;
    let texts: [&[u8]; 9] = [
        b"",
        b" \n",
        b"{",
        b"[]",
        b"null",
        b"{\"ociVersion\": \"1.0.2\",}",
        b"\xff\xfe{}",
        b"{\"a\": 1 \"b\": 2}",
        &good.as_bytes()[..good.len() - 1],
    ];
    for text in texts {
        raw(c, &b, text)?.refused(1, &[])?;
    }
    Ok(())
}

/// Big but right: 20,000 annotations and environment variables.
fn config_huge(c: &Case) -> Res {
    let mut b = c.bundle(&["sh", "-c", "env | wc -l"])?;
    for n in 0..5000 {
        b.env(&format!("VARIABLE_{n}={}", "x".repeat(20)));
        b.set(
            &format!("/annotations/org.example.number-{n}"),
            json!("y".repeat(20)),
        );
    }
    let out = c.run(&b)?;
    check!(
        out.code == 0 && out.out.trim().parse::<u32>().is_ok_and(|n| n >= 5000) || out.code == 1,
        "{out:?}"
    );
    if out.code == 1 {
        out.refused(1, &[])?;
    }
    Ok(())
}

fn config_nested(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    let mut text = serde_json::to_string(&b.config)?;
    text.pop();
    let deep = format!(
        "{text},\"x\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let out = raw(c, &b, deep.as_bytes())?;
    check!(out.code == 0 || out.code == 1, "{out:?}");
    let open = format!("{text},\"x\":{}", "[".repeat(100_000));
    raw(c, &b, open.as_bytes())?.refused(1, &[])?;
    Ok(())
}

fn config_types(c: &Case) -> Res {
    for (pointer, value) in [
        ("/process/args", json!("sh")),
        ("/process/args", json!([1])),
        ("/process/terminal", json!("yes")),
        ("/process/user/uid", json!("0")),
        ("/process/user/uid", json!(1.5)),
        ("/process/cwd", json!(7)),
        ("/mounts", json!({})),
        ("/linux", json!([])),
        ("/linux/namespaces", json!("pid")),
        ("/root", json!("rootfs")),
        ("/hostname", json!(["x"])),
        ("/process/env", json!({})),
        (
            "/process/rlimits",
            json!([{"type": "RLIMIT_CORE", "soft": -1, "hard": 5}]),
        ),
        (
            "/linux/uidMappings",
            json!([{"containerID": 0, "hostID": -5, "size": 1}]),
        ),
    ] {
        let mut b = c.bundle(&["true"])?;
        b.set(pointer, value.clone());
        let out = c.run(&b)?;
        check!(out.code == 1, "{pointer} = {value}: {out:?}");
        out.refused(1, &[])?;
    }
    Ok(())
}

fn config_nulls(c: &Case) -> Res {
    let mut b = c.bundle(&["echo", "fine"])?;
    for pointer in [
        "/hooks",
        "/annotations",
        "/process/rlimits",
        "/process/capabilities",
        "/process/user/additionalGids",
        "/linux/devices",
        "/linux/sysctl",
        "/linux/seccomp",
        "/linux/uidMappings",
        "/linux/maskedPaths",
        "/linux/timeOffsets",
        "/linux/resources",
        "/linux/intelRdt",
        "/process/oomScoreAdj",
        "/process/consoleSize",
        "/linux/rootfsPropagation",
        "/process/apparmorProfile",
    ] {
        b.set(pointer, json!(null));
    }
    same!(c.run(&b)?.ok()?.out, "fine\n");
    Ok(())
}

fn config_unknown(c: &Case) -> Res {
    let mut b = c.bundle(&["echo", "fine"])?;
    b.set("/new", json!({"a": [1, {"b": null}]}))
        .set("/process/later", json!(1e300))
        .set("/linux/x/y", json!("\u{7}"));
    b.set("/windows", json!({"layerFolders": []}))
        .set("/vm", json!({"kernel": {"path": "/x"}}))
        .set("/zos", json!({}));
    same!(c.run(&b)?.ok()?.out, "fine\n");
    Ok(())
}

fn version(c: &Case) -> Res {
    for good in ["1.0.0", "1.0.2-dev", "1.1.0", "1.2.1+dev", "1.3.0"] {
        let mut b = c.bundle(&["true"])?;
        b.set("/ociVersion", json!(good));
        c.run(&b)?.ok()?;
    }
    if !c.is_other("runc") {
        for bad in ["2.0.0", "0.1.0", "", "one", "1"] {
            edit(c, &["ociVersion"], |b| b.set("/ociVersion", json!(bad)))?;
        }
    }
    Ok(())
}

/// The message has to say which file is missing: the interpreter, not the script.
fn script(c: &Case) -> Res {
    let b = c.bundle(&["/srv/script"])?;
    fs::create_dir(b.rootfs("srv"))?;
    fs::write(b.rootfs("srv/script"), "#!/no/such/interpreter -x\n")?;
    fs::set_permissions(b.rootfs("srv/script"), fs::Permissions::from_mode(0o755))?;
    let word = if c.is_other("runc") {
        "/srv/script"
    } else {
        "/no/such/interpreter"
    };
    let out = c.run(&b)?;
    check!(out.err.contains(word), "{}", out.err);
    check!(out.code != 0);
    c.create(&b)?;
    let start = c.mote(&["start", &b.id]).go()?;
    c.wait_status(&b, "stopped")?;
    check!(
        c.is_other("runc") || start.code == 1 && start.err.contains(word),
        "{start:?}"
    );
    c.delete(&b)?;
    Ok(())
}

fn wrong_binary(c: &Case) -> Res {
    let b = c.bundle(&["/srv/junk"])?;
    fs::create_dir(b.rootfs("srv"))?;
    fs::write(b.rootfs("srv/junk"), "\u{1}\u{2}not a program")?;
    fs::set_permissions(b.rootfs("srv/junk"), fs::Permissions::from_mode(0o755))?;
    let out = c.run(&b)?;
    check!(out.code != 0 && out.err.contains("/srv/junk"), "{out:?}");
    Ok(())
}

fn nul(c: &Case) -> Res {
    for pointer in [
        "/process/args/0",
        "/process/cwd",
        "/process/env/0",
        "/hostname",
        "/mounts/0/destination",
        "/mounts/1/options/0",
        "/linux/maskedPaths/0",
        "/root/path",
    ] {
        let mut b = c.bundle(&["true"])?;
        let old = b
            .config
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or("")
            .to_string();
        b.set(pointer, json!(format!("{old}\u{0}x")));
        c.run(&b)?.refused(1, &[])?;
    }
    Ok(())
}

fn rlimit_twice(c: &Case) -> Res {
    let one = json!({"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20});
    edit(c, &["RLIMIT_NOFILE"], |b| {
        b.set("/process/rlimits", json!([one, one]))
    })
}

fn uid_range(c: &Case) -> Res {
    for uid in [
        json!(-1),
        json!(4_294_967_295_u32),
        json!(4_294_967_296_u64),
        json!(u64::MAX),
    ] {
        let mut b = c.bundle(&["id", "-u"])?;
        b.set("/process/user/uid", uid.clone());
        let out = c.run(&b)?;
        check!(out.code == 1 && out.out.is_empty(), "uid {uid}: {out:?}");
    }
    Ok(())
}

fn uid_unmapped(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.set(
        "/linux/uidMappings",
        json!([{"containerID": 0, "hostID": 100_000, "size": 10}]),
    );
    b.set(
        "/linux/gidMappings",
        json!([{"containerID": 0, "hostID": 100_000, "size": 10}]),
    )
    .namespace("user", None);
    for sub in ["", "dev", "proc", "sys", "bin"] {
        std::os::unix::fs::chown(b.rootfs(sub), Some(100_000), Some(100_000))?;
    }
    for who in [
        json!({"uid": 11, "gid": 0}),
        json!({"uid": 0, "gid": 11}),
        json!({"uid": 0, "gid": 0, "additionalGids": [500]}),
    ] {
        b.set("/process/user", who);
        c.run(&b)?.refused(1, &[])?;
    }
    Ok(())
}

/// runc ignores such maps; refusing them is fine too, half using them is not.
fn maps_without(c: &Case) -> Res {
    let map = json!([{"containerID": 0, "hostID": 1000, "size": 1}]);
    let mut b = c.bundle(&["cat", "/proc/self/uid_map"])?;
    b.set("/linux/uidMappings", map.clone())
        .set("/linux/gidMappings", map);
    let out = c.run(&b)?;
    if out.code == 0 {
        same!(
            out.out.split_whitespace().collect::<Vec<_>>(),
            ["0", "0", "4294967295"]
        );
        return Ok(());
    }
    out.refused(1, &["ap"])?;
    Ok(())
}

fn mount_source(c: &Case) -> Res {
    edit(c, &["/no/such/source"], |b| {
        b.mount("/m", "bind", "/no/such/source", &["bind"])
    })
}

fn apparmor(c: &Case) -> Res {
    if std::path::Path::new("/sys/kernel/security/apparmor").exists() {
        return skip("this host has AppArmor");
    }
    edit(c, &["pparmor"], |b| {
        b.set("/process/apparmorProfile", json!("some-profile"))
    })
}

fn selinux(c: &Case) -> Res {
    if std::path::Path::new("/sys/fs/selinux/enforce").exists() {
        return skip("this host has SELinux");
    }
    edit(c, &["elinux"], |b| {
        b.set(
            "/process/selinuxLabel",
            json!("system_u:system_r:svirt_lxc_net_t:s0"),
        )
    })
}

fn scheduler(c: &Case) -> Res {
    if c.is_other("runc") {
        return skip("process.scheduler is newer than runc 1.1");
    }
    for value in [
        json!({"policy": "SCHED_NONSENSE"}),
        json!({"policy": "SCHED_OTHER", "nice": 40}),
        json!({"policy": "SCHED_OTHER", "priority": 5}),
        json!({"policy": "SCHED_FIFO", "priority": 500}),
        json!({"policy": "SCHED_BATCH", "runtime": 5}),
    ] {
        edit(c, &[], |b| b.set("/process/scheduler", value.clone()))?;
    }
    edit(c, &[], |b| {
        b.set(
            "/process/ioPriority",
            json!({"class": "IOPRIO_CLASS_BE", "priority": 9}),
        )
    })
}

fn ids(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    for id in [
        "",
        ".",
        "..",
        "a/b",
        "../x",
        "/",
        "a b",
        "a\nb",
        "a\u{0301}",
        "ü",
        "a:b",
        "a@b",
        "*",
        "$(x)",
        "a\\b",
    ] {
        for verb in ["create", "run"] {
            let out = c.mote(&[verb, "-b"]).arg(&b.dir).arg(id).go()?;
            check!(
                out.code == 1 && !out.err.is_empty(),
                "{verb} {id:?}: {out:?}"
            );
        }
        for args in [
            &["state", id][..],
            &["start", id],
            &["delete", id],
            &["kill", id, "9"],
            &["pause", id],
            &["ps", id],
        ] {
            let out = c.mote(args).go()?;
            check!(out.code == 1, "{args:?}: {out:?}");
        }
        c.mote(&["exec", id, "true"]).go()?.exits(255)?;
        let out = c.mote(&["delete", "--force", id]).go()?;
        check!(
            c.is_other("runc") || out.code == 1,
            "delete --force {id:?}: {out:?}"
        );
        check!(
            c.path("config.json").exists() && b.dir.exists(),
            "delete --force {id:?} went outside"
        );
    }
    for id in [format!("{}.ok", b.id), format!("{}_A+z-0", b.id)] {
        c.mote(&["run", "-b"]).arg(&b.dir).arg(&id).go()?.ok()?;
    }
    Ok(())
}

fn long_id(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    for length in [256, 1024, 1025, 5000] {
        let id = "a".repeat(length);
        let out = c.mote(&["run", "-b"]).arg(&b.dir).arg(&id).go()?.exits(1)?;
        check!(
            out.err.lines().count() == 1 || c.is_other("runc"),
            "{}",
            out.err
        );
    }
    Ok(())
}

/// Runs in a mount namespace where the state root is prepared by `script`.
fn with_state(c: &Case, b: &Bundle, script: &str, verb: &str) -> R<Out> {
    b.write()?;
    fs::create_dir_all(&c.root)?;
    let script = format!("{script}\nexec \"$@\"").replace("ROOT", &c.root.display().to_string());
    let run = c.tool(
        "unshare",
        &["-m", "--propagation", "private", "sh", "-ec", &script, "-"],
    );
    run.arg(&c.mote)
        .arg("--root")
        .arg(&c.root)
        .args(&[verb, "-b"])
        .arg(&b.dir)
        .arg(&b.id)
        .go()
}

fn readonly_state(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    for verb in ["create", "run"] {
        with_state(c, &b, "mount -t tmpfs -o ro none ROOT", verb)?.refused(1, &[])?;
    }
    Ok(())
}

/// A tmpfs with no block left: the directory can be made, the state can't be written.
fn full_state(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    for fill in [
        "mount -t tmpfs -o size=4k none ROOT; head -c 4096 /dev/zero > ROOT/fill",
        "mount -t tmpfs -o nr_inodes=1 none ROOT",
        "mount -t tmpfs -o nr_inodes=2 none ROOT",
    ] {
        for verb in ["create", "run"] {
            let check_after = format!(
                "{fill}; \"$@\" && code=0 || code=$?; ls ROOT | grep -v fill || true; exit $code"
            );
            let out = with_state(c, &b, &check_after, verb)?.refused(1, &[])?;
            same!(out.out, "", "left in the full state directory");
        }
    }
    Ok(())
}

fn state_file(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    b.write()?;
    let root = c.path("plain").display().to_string();
    fs::write(&root, "")?;
    let run = c
        .tool(
            &c.mote.display().to_string(),
            &["--root", &root, "run", "-b"],
        )
        .arg(&b.dir)
        .arg(&b.id);
    run.go()?.refused(1, &["plain"])?;
    Ok(())
}

fn pid_file(c: &Case) -> Res {
    let b = c.bundle(&["true"])?;
    for path in ["/no/such/dir/pid", "/proc/pid"] {
        c.verb("create", &b, &["--pid-file", path])?
            .go()?
            .refused(1, &["pid"])?;
    }
    Ok(())
}

/// No room for a mount point in the rootfs.
fn rootfs_full(c: &Case) -> Res {
    let mut b = c.bundle(&["true"])?;
    b.mount("/new/mount/point", "tmpfs", "x", &[]);
    let root = b.rootfs("").display().to_string();
    let script = format!(
        "mount -t tmpfs -o nr_inodes=60 none {root}; cp -a {0}/. {root} 2>/dev/null || true; while mkdir {root}/f$((i=i+1)) 2>/dev/null; do :; done",
        c.path("copy").display()
    );
    host::rootfs(&c.base, &c.path("copy"))?;
    with_state(c, &b, &script, "create")?.refused(1, &[])?;
    Ok(())
}
