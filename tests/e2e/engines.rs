//! Engines that drive mote in runc's place: podman, Docker, and containerd by its own client. `cargo ci boot engines` is a host
//! that has them.
//!
//! podman and Docker have the same command line, so most of it is asked of both in the same words.
use crate::harness::*;
use crate::rootless::USER;
use crate::{check, same};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::Path;

/// The cases.
pub const MODULE: Module = Module {
    name: "engines",
    serial: true,
    cases: &[
        ("podman_runs_programs", |c| programs(&podman(c)?)),
        ("podman_and_a_life", |c| life(&podman(c)?)),
        ("podman_limits", |c| limits(&podman(c)?)),
        ("podman_pods_and_builds", pods),
        ("podman_of_an_ordinary_user", rootless),
        ("docker_runs_programs", |c| docker(c, programs)),
        ("docker_and_a_life", |c| docker(c, life)),
        ("docker_limits", |c| docker(c, limits)),
        ("containerd", containerd),
    ],
};

const IMAGE: &str = "localhost/suite:latest";

/// An engine with an image.
struct Engine<'c> {
    c: &'c Case,
    program: &'static str,
    options: Vec<String>,
    variables: Vec<(&'static str, String)>,
    user: Option<u32>,
}

impl Engine<'_> {
    fn cmd(&self, words: &[&str]) -> Cmd {
        let mut cmd = self.c.tool(self.program, &self.options).limit(60);
        for (key, value) in &self.variables {
            cmd = cmd.env(key, value);
        }
        if let Some(user) = self.user {
            cmd = cmd.user(user);
        }
        cmd.args(words)
    }

    /// What it says, if it succeeds.
    fn says(&self, words: &[&str]) -> R<String> {
        Ok(self.cmd(words).go()?.ok()?.out.trim_end().to_string())
    }

    /// `run --rm`, then options, the image, and a script for its shell.
    fn script(&self, options: &[&str], script: &str) -> R<Out> {
        let program = [IMAGE, "sh", "-c", script];
        self.cmd(&[&["run", "--rm"][..], options, &program].concat())
            .go()
    }

    fn shell(&self, options: &[&str], script: &str) -> R<String> {
        Ok(self.script(options, script)?.ok()?.out.trim_end().into())
    }

    fn inspect(&self, name: &str, format: &str) -> R<String> {
        self.says(&["inspect", "-f", format, name])
    }

    /// Makes the image out of a rootfs of the suite.
    fn import(&self) -> Res {
        let b = self.c.bundle(&["true"])?;
        fs::create_dir_all(b.rootfs("etc"))?;
        fs::write(
            b.rootfs("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\nmail:x:8:12::/:/bin/sh\n",
        )?;
        fs::write(b.rootfs("etc/group"), "root:x:0:\nmail:x:12:\n")?;
        let (tar, root) = (self.c.path("image.tar"), b.dir.join("rootfs"));
        self.c
            .tool("busybox", &["tar", "-c", "-f"])
            .arg(&tar)
            .arg("-C")
            .arg(&root)
            .arg(".")
            .go()?
            .ok()?;
        let tar = tar.display().to_string();
        self.says(&["import", &tar, IMAGE])?;
        Ok(())
    }
}

fn needs(program: &str) -> Res {
    if !Path::new("/usr/bin").join(program).exists()
        && !Path::new("/usr/sbin").join(program).exists()
    {
        return skip(format!(
            "no {program} on this host; `cargo ci boot engines` has it"
        ));
    }
    if !Path::new("/run/systemd/system").exists() {
        return skip("systemd does not run here");
    }
    Ok(())
}

/// podman with storage of its own.
fn podman(c: &Case) -> R<Engine<'_>> {
    needs("podman")?;
    let engine = podman_of(c, "/root", None)?;
    engine.import()?;
    Ok(engine)
}

fn podman_of<'c>(c: &'c Case, home: &str, user: Option<u32>) -> R<Engine<'c>> {
    let settings = c.path("containers.conf");
    fs::write(
        &settings,
        "[containers]\nnetns = \"none\"\nlog_driver = \"k8s-file\"\n[engine]\nevents_logger = \"none\"\n",
    )?;
    let dir = |name: &str| c.path(name).display().to_string();
    let mut options = Vec::new();
    for (option, value) in [
        ("root", dir("images")),
        ("runroot", dir("run")),
        ("tmpdir", dir("tmp")),
        ("runtime", c.mote.display().to_string()),
        ("storage-driver", "overlay".into()),
    ] {
        options.push(format!("--{option}={value}"));
    }
    Ok(Engine {
        c,
        program: "podman",
        options,
        variables: vec![
            ("HOME", home.into()),
            ("CONTAINERS_CONF_OVERRIDE", settings.display().to_string()),
        ],
        user,
    })
}

/// A Docker daemon of its own, for the time of `body`. It takes what is called runc for its runtime.
fn docker(c: &Case, body: fn(&Engine<'_>) -> Res) -> Res {
    needs("dockerd")?;
    let path = |name: &str| c.path(name).display().to_string();
    fs::create_dir(c.path("bin"))?;
    symlink(&c.mote, c.path("bin/runc"))?;
    let socket = format!("unix://{}", path("socket"));
    let daemon = c
        .tool("dockerd", &["--bridge=none", "--iptables=false"])
        .args(&["--ip6tables=false", "--group=root", "--log-level=warn"])
        .env("PATH", format!("{}:/usr/sbin:/usr/bin", path("bin")))
        .arg(format!("--data-root={}", path("images")))
        .arg(format!("--exec-root={}", path("run")))
        .arg(format!("--pidfile={}", path("pid")))
        .arg(format!("--host={socket}"))
        .limit(120)
        .spawn()?;
    let engine = Engine {
        c,
        program: "docker",
        options: vec![format!("--host={socket}")],
        variables: vec![("HOME", "/root".into())],
        user: None,
    };
    let ready = c.until("dockerd", || Ok(engine.cmd(&["version"]).go()?.code == 0));
    let result = ready
        .and_then(|()| engine.import())
        .and_then(|()| body(&engine));
    if result.is_err() {
        return fail(format!("{result:?}; dockerd: {}", daemon.said()));
    }
    daemon.signal(Signal::TERM)?;
    result.and(daemon.wait()?.ok().map(drop))
}

/// `run`: exit codes, streams, and what a program sees.
fn programs(e: &Engine<'_>) -> Res {
    same!(e.shell(&[], "echo hello")?, "hello");
    same!(e.script(&[], "exit 7")?.code, 7);
    // What the engines know by the words of the runtime's error.
    let missing = e.cmd(&["run", "--rm", IMAGE, "no-such-program"]).go()?;
    same!(missing.code, 127, "{}", missing.err);
    check!(missing.err.contains("not found"), "{}", missing.err);
    let directory = e.cmd(&["run", "--rm", IMAGE, "/etc"]).go()?;
    same!(directory.code, 126, "{}", directory.err);

    let cat = e.cmd(&["run", "--rm", "-i", IMAGE, "cat"]);
    same!(cat.stdin_bytes(b"through\n")?.go()?.ok()?.out, "through\n");
    same!(e.shell(&["-t"], "tty")?, "/dev/pts/0");

    let options = "-e A=b -w /etc -u mail --group-add 3000 -h named --ulimit nofile=100:200 --sysctl kernel.msgmax=4242 \
                   --shm-size 1m --device /dev/full:/dev/x --init";
    let options: Vec<&str> = options.split_whitespace().collect();
    let script = "echo $A $PWD $(id -u) $(id -G) $(hostname); ulimit -n; ulimit -Hn; cat /proc/sys/kernel/msgmax; \
                  df -k /dev/shm | awk '{k = $2} END {print k}'; echo x 2>&1 > /dev/x | grep -c 'No space'; \
                  grep -c init /proc/1/cmdline";
    same!(
        e.shell(&options, script)?,
        "b /etc 8 12 3000 named\n100\n200\n4242\n1024\n1\n1"
    );

    let host = e.c.path("shared");
    fs::create_dir(&host)?;
    fs::write(host.join("file"), "host's\n")?;
    let volume = format!("{}:/v:ro", host.display());
    let writes =
        "cat /v/file; for f in /x /t/x /v/x; do touch $f 2>/dev/null && echo $f; done; true";
    let options = ["--read-only", "--tmpfs", "/t", "-v", &volume];
    same!(e.shell(&options, writes)?, "host's\n/t/x");

    let status = |options: &[&str]| {
        let script =
            "sed -n 's/^\\(CapEff\\|NoNewPrivs\\|Seccomp\\):[^0-9a-f]*//p' /proc/self/status";
        e.shell(options, script)
    };
    let strict = status(&["--cap-drop=all", "--security-opt=no-new-privileges"])?;
    same!(strict, "0000000000000000\n1\n2");
    let loose = status(&["--cap-drop=all", "--security-opt=seccomp=unconfined"])?;
    same!(loose, "0000000000000000\n0\n0");
    check!(status(&["--privileged"])?.starts_with("000001ff"));
    let masked = "cat /proc/kcore /proc/timer_list 2>/dev/null | wc -c; mount -o remount,rw /proc/sys 2>/dev/null || echo refused";
    same!(e.shell(&[], masked)?, "0\nrefused");
    same!(e.shell(&["--pid", "host"], "cat /proc/1/comm")?, "systemd");
    Ok(())
}

/// From `run -d` to `rm`.
fn life(e: &Engine<'_>) -> Res {
    let script = "trap 'echo stopping; exit 5' TERM; trap 'echo hup' HUP; echo up; while :; do sleep 0.1; done";
    e.says(&["run", "-d", "--name", "it", IMAGE, "sh", "-c", script])?;
    let status = || e.inspect("it", "{{.State.Status}}");
    let logs = |what: &str| {
        e.c.until(what, || Ok(e.says(&["logs", "it"])?.contains(what)))
    };
    same!(status()?, "running");
    logs("up")?;
    let pid: i32 = e.inspect("it", "{{.State.Pid}}")?.parse()?;
    let line = fs::read(format!("/proc/{pid}/cmdline"))?;
    check!(line.starts_with(b"sh\0-c\0trap"));

    let exec = |words: &[&str]| e.cmd(&[&["exec"][..], words].concat()).go();
    same!(exec(&["it", "sh", "-c", "exit 3"])?.code, 3);
    same!(
        exec(&[
            "-u",
            "8",
            "-w",
            "/etc",
            "-e",
            "A=b",
            "it",
            "sh",
            "-c",
            "echo $(id -u) $PWD $A"
        ])?
        .ok()?
        .out,
        "8 /etc b\n"
    );
    let cat = e.cmd(&["exec", "-i", "it", "cat"]);
    same!(cat.stdin_bytes(b"in\n")?.go()?.ok()?.out, "in\n");
    same!(exec(&["-t", "it", "tty"])?.ok()?.out, "/dev/pts/0\r\n");
    // 127 for podman, 126 for Docker, whatever runs it.
    let missing = exec(&["it", "no-such-program"])?;
    check!(
        [126, 127].contains(&missing.code),
        "{}: {}",
        missing.code,
        missing.err
    );
    let said = missing.out + &missing.err;
    check!(said.contains("not found"), "{said}");
    same!(exec(&["-d", "it", "sleep", "1000"])?.code, 0);
    e.c.until("the other process", || {
        Ok(e.says(&["top", "it"])?.contains("sleep 1000"))
    })?;

    e.says(&["pause", "it"])?;
    same!(status()?, "paused");
    check!(exec(&["it", "true"])?.code != 0);
    e.says(&["unpause", "it"])?;
    same!(exec(&["it", "true"])?.code, 0);

    e.says(&["kill", "-s", "HUP", "it"])?;
    logs("hup")?;
    same!(e.says(&["stop", "it"])?, "it");
    same!(
        e.inspect("it", "{{.State.Status}} {{.State.ExitCode}}")?,
        "exited 5"
    );
    logs("stopping")?;
    e.says(&["start", "it"])?;
    same!(status()?, "running");
    e.says(&["restart", "-t", "5", "it"])?;
    same!(status()?, "running");
    check!(e.inspect("it", "{{.State.Pid}}")? != pid.to_string());
    let wait = e.cmd(&["wait", "it"]).spawn()?;
    e.says(&["kill", "it"])?;
    same!(wait.wait()?.ok()?.out, "137\n");
    e.says(&["rm", "it"])?;

    // One that fails is started again, twice.
    e.says(&[
        "run",
        "-d",
        "--name",
        "again",
        "--restart=on-failure:2",
        IMAGE,
        "false",
    ])?;
    e.c.until("two restarts", || {
        Ok(e.inspect("again", "{{.RestartCount}} {{.State.Status}}")? == "2 exited")
    })?;
    e.says(&["rm", "-f", "again"])?;
    // Killed with all that is in it, however deaf.
    let deaf = [
        "run",
        "-d",
        "--name",
        "deaf",
        IMAGE,
        "sh",
        "-c",
        "trap '' TERM; sleep 1000 & sleep 1000",
    ];
    e.says(&deaf)?;
    e.says(&["rm", "-f", "-t", "0", "deaf"])
        .or_else(|_| e.says(&["rm", "-f", "deaf"]))?;
    same!(e.says(&["ps", "-a", "-q"])?, "");
    Ok(())
}

/// Limits that hold, change, and kill.
fn limits(e: &Engine<'_>) -> Res {
    let show = "cd /sys/fs/cgroup; cat memory.max pids.max cpu.max";
    let options = ["--memory=64m", "--pids-limit=50", "--cpus=0.5"];
    same!(e.shell(&options, show)?, "67108864\n50\n50000 100000");

    let start = [
        "run",
        "-d",
        "--name",
        "it",
        "--memory=64m",
        "--memory-swap=64m",
        IMAGE,
        "sleep",
        "1000",
    ];
    e.says(&start)?;
    e.says(&[
        "update",
        "--memory=32m",
        "--memory-swap=32m",
        "--cpus=0.25",
        "it",
    ])?;
    let show = [
        "exec",
        "it",
        "sh",
        "-c",
        "cd /sys/fs/cgroup; cat memory.max cpu.max",
    ];
    same!(e.says(&show)?, "33554432\n25000 100000");
    let stats = e.says(&["stats", "--no-stream", "it"])?;
    check!(
        stats.contains("33.55MB") || stats.contains("32MiB"),
        "{stats}"
    );
    e.says(&["rm", "-f", "it"])?;

    // Not at once: containerd may still be about to watch its cgroup then.
    let hog = "sleep 2; dd if=/dev/zero of=/dev/null bs=64M count=1; sleep 1; exit 5";
    let start = ["run", "--name", "hog", "--memory=32m", "--memory-swap=32m"];
    let hog = [&start[..], &[IMAGE, "sh", "-c", hog]].concat();
    same!(e.cmd(&hog).go()?.code, 5);
    // podman's conmon may stop looking when the limit is reached, before anything is killed.
    if e.program == "docker" {
        same!(e.inspect("hog", "{{.State.OOMKilled}}")?, "true");
    }
    e.says(&["rm", "hog"])?;
    Ok(())
}

/// Namespaces of another container, and the steps of a build.
fn pods(c: &Case) -> Res {
    let e = podman(c)?;
    e.says(&[
        "pod",
        "create",
        "--name",
        "pod",
        "--network=none",
        "--share=ipc,uts,pid",
        "--hostname=shared",
    ])?;
    e.says(&[
        "run", "-d", "--pod", "pod", "--name", "one", IMAGE, "sleep", "1000",
    ])?;
    same!(
        e.shell(&["--pod", "pod"], "hostname; ps | grep -c 'sleep 1000$'")?,
        "shared\n1"
    );
    same!(
        e.says(&["exec", "one", "cat", "/proc/1/comm"])?,
        "catatonit"
    );
    e.says(&["pod", "stop", "-t", "1", "pod"])?;
    e.says(&["pod", "rm", "-f", "pod"])?;

    let file = c.path("Containerfile");
    let steps =
        "RUN echo built > /made && id -u\nUSER mail\nCMD [\"sh\", \"-c\", \"id -u; cat /made\"]\n";
    fs::write(&file, format!("FROM {IMAGE}\n{steps}"))?;
    let file = format!("--file={}", file.display());
    let runtime = format!("--runtime={}", c.mote.display());
    let tag = "--tag=localhost/built";
    e.says(&[
        "build",
        "--isolation=oci",
        "--network=none",
        &runtime,
        tag,
        &file,
    ])?;
    same!(e.says(&["run", "--rm", "localhost/built"])?, "8\nbuilt");
    Ok(())
}

/// As user 1000, with that user's systemd.
fn rootless(c: &Case) -> Res {
    needs("podman")?;
    let runtime = format!("/run/user/{USER}");
    if !Path::new(&runtime).join("bus").exists() {
        return skip(format!("user {USER} has no systemd of their own"));
    }
    chown(&c.dir, Some(USER), Some(USER))?;
    let mut e = podman_of(c, &c.dir.display().to_string(), Some(USER))?;
    e.variables.push(("XDG_RUNTIME_DIR", runtime));
    e.import()?;
    same!(
        e.shell(&[], "id -u; sed 's/  */ /g' /proc/self/uid_map")?,
        format!("0\n 0 {USER} 1\n 1 100000 65536")
    );
    same!(e.shell(&["--userns=keep-id"], "id -u")?, USER.to_string());
    same!(
        e.shell(&["--memory=64m"], "cat /sys/fs/cgroup/memory.max")?,
        "67108864"
    );
    e.says(&["run", "-d", "--name", "it", IMAGE, "sleep", "1000"])?;
    same!(e.says(&["exec", "-u", "8", "it", "id", "-u"])?, "8");
    e.says(&["pause", "it"])?;
    e.says(&["unpause", "it"])?;
    e.says(&["rm", "-f", "-t", "0", "it"])?;
    same!(e.says(&["ps", "-a", "-q"])?, "");
    // What keeps its user namespace.
    e.says(&["system", "migrate"])?;
    Ok(())
}

/// By `ctr`, which talks to containerd alone.
fn containerd(c: &Case) -> Res {
    needs("containerd")?;
    let path = |name: &str| c.path(name).display().to_string();
    let settings = c.path("containerd.toml");
    fs::write(
        &settings,
        "version = 2\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n",
    )?;
    let daemon = c
        .tool("containerd", &["-l", "warn", "--config"])
        .arg(&settings)
        .args(&[
            "--root",
            &path("images"),
            "--state",
            &path("run"),
            "--address",
            &path("socket"),
        ])
        .limit(120)
        .spawn()?;
    let ctr = |words: &[&str]| {
        c.tool("ctr", &["-a", &path("socket")])
            .args(words)
            .limit(60)
            .go()
    };
    c.until("containerd", || Ok(ctr(&["version"])?.code == 0))?;
    let body = || {
        let b = c.bundle(&["true"])?;
        let (root, mote) = (
            b.dir.join("rootfs").display().to_string(),
            c.mote.display().to_string(),
        );
        let run = |options: &[&str], name: &str, script: &str| {
            ctr(&[
                &["run", "--runc-binary", &mote][..],
                options,
                &["--rootfs", &root, name, "/bin/sh", "-c", script],
            ]
            .concat())
        };
        same!(
            run(&["--rm"], "one", "echo hello; exit 7")?.exits(7)?.out,
            "hello\n"
        );
        same!(
            run(
                &[
                    "--rm",
                    "--memory-limit=67108864",
                    "--runc-systemd-cgroup",
                    "--cgroup=system.slice:suite:two"
                ],
                "two",
                "true"
            )?
            .code,
            0
        );
        run(&["-d"], "three", "sleep 1000")?.ok()?;
        let tasks = || Ok::<_, Stop>(ctr(&["tasks", "ls"])?.ok()?.out);
        check!(tasks()?.contains("RUNNING"));
        same!(
            ctr(&[
                "tasks",
                "exec",
                "--exec-id",
                "x",
                "three",
                "/bin/sh",
                "-c",
                "echo in; exit 3"
            ])?
            .exits(3)?
            .out,
            "in\n"
        );
        ctr(&["tasks", "pause", "three"])?.ok()?;
        check!(tasks()?.contains("PAUSED"));
        ctr(&["tasks", "resume", "three"])?.ok()?;
        check!(
            ctr(&["tasks", "metrics", "three"])?
                .ok()?
                .out
                .contains("memory")
        );
        check!(ctr(&["tasks", "ps", "three"])?.ok()?.out.lines().count() >= 2);
        ctr(&["tasks", "kill", "-s", "KILL", "three"])?.ok()?;
        c.until("its end", || Ok(tasks()?.contains("STOPPED")))?;
        ctr(&["tasks", "rm", "three"])?;
        ctr(&["containers", "rm", "three"])?.ok()?;
        Ok(())
    };
    let result = body();
    daemon.signal(Signal::TERM)?;
    result.and(daemon.wait().map(drop))
}
