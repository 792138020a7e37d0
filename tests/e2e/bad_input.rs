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
        ("rlimit_unknown", |c| {
            edit(c, &["RLIMIT_NONSENSE"], |b| {
                b.set("/process/rlimits/0/type", json!("RLIMIT_NONSENSE"))
            })
        }),
        ("rlimit_soft_above_hard", |c| {
            edit(c, &[], |b| b.set("/process/rlimits/0/soft", json!(5000)))
        }),
        ("rlimit_twice", rlimit_twice),
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
pub fn edit(c: &Case, words: &[&str], edit: impl Fn(&mut Bundle) -> &mut Bundle) -> Res {
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

fn rlimit_twice(c: &Case) -> Res {
    let one = json!({"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20});
    edit(c, &["RLIMIT_NOFILE"], |b| {
        b.set("/process/rlimits", json!([one, one]))
    })
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
