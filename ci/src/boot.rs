//! `cargo ci boot [arch...]`: Debian's kernel of each machine under QEMU, with mote in an initramfs and the tests inside.

mod appliance;
mod cpio;
mod image;
mod machine;
mod qemu;
mod userland;

use crate::counts::Counts;
use crate::sh::{self, Result};
use crate::{apt, test};
use std::time::Duration;

/// What the task itself calls.
const PACKAGES: &[&str] = &["xz-utils", "zstd"];

/// How the first container ends, whoever runs it.
const FIRST: &str = "hello exited with status 7";

/// What is run in a guest.
#[derive(Clone)]
pub struct Job {
    /// Names of tests as for the suite itself, `all`, or nothing but the first container.
    pub tests: String,
    /// Divides the counts of the stress cases.
    pub divide: u32,
    /// How long the guest may take.
    pub limit: Duration,
    /// More of the kernel's command line.
    pub append: String,
}

impl Job {
    /// What the script that runs the tests reads.
    fn settings(&self, name: &str) -> String {
        let Job { tests, divide, .. } = self;
        format!("INIT={name}\nTESTS='{tests}'\nDIVIDE={divide}\n")
    }

    /// How many orphans the appliance makes: never so few that none is there at the same time as another.
    fn orphans(&self) -> u32 {
        10_000 / self.divide.clamp(1, 10)
    }
}

/// The task: the guests that are named, or all with what is chosen for them.
pub fn run(arguments: &[String]) -> Result {
    let mut names: Vec<&str> = Vec::new();
    let mut job = Job {
        tests: String::new(),
        divide: 50,
        limit: Duration::from_secs(180),
        append: String::new(),
    };
    let mut times = 1;
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word.as_str() {
            "--times" => times = number(value()?)?,
            "--tests" => job.tests.clone_from(value()?),
            "--append" => job.append.clone_from(value()?),
            "--divide" => job.divide = number(value()?)?,
            "--limit" => job.limit = Duration::from_secs(number(value()?)?.into()),
            name => names.push(name),
        }
    }
    let mut total = Counts::default();
    let mut summary = Vec::new();
    if names.is_empty() {
        total += check(|_| true, &mut summary)?;
    }
    for name in names {
        total += one(name, &job, times, &mut summary)?;
    }
    for line in summary {
        println!("{line}");
    }
    println!("{total}");
    if total.failed > 0 {
        return Err("see the lines with FAILED".into());
    }
    Ok(())
}

/// What a guest runs when none is named.
const CHOSEN: &[(&str, &str)] = &[
    (
        "x86_64",
        "cgroups:: ending:: exec:: init:: limits:: rootfs:: seccomp:: update::",
    ),
    ("appliance", "all"),
    ("busybox", "rootfs::"),
    ("systemd", "cgroups:: limits:: systemd::"),
    ("engines", "engines::"),
    ("aarch64", OTHERS),
    ("ppc64le", OTHERS),
    ("s390x", OTHERS),
    ("riscv64", OTHERS),
];

/// On kernels of other machines: what depends on the machine, and what every host needs.
const OTHERS: &str = "seccomp:: limits:: rootfs:: lifecycle:: exec::";

/// Those of the guests that `wanted` accepts, with what is chosen for them.
pub fn check(wanted: impl Fn(&str) -> bool, summary: &mut Vec<String>) -> Result<Counts> {
    let mut counts = Counts::default();
    for (name, tests) in CHOSEN.iter().filter(|(name, _)| wanted(name)) {
        let job = Job {
            tests: (*tests).to_owned(),
            divide: 100,
            limit: Duration::from_secs(900),
            append: String::new(),
        };
        counts += one(name, &job, 1, summary)?;
        if *tests != "all" {
            summary.push(format!(
                "skipped {name}: all tests but {tests}, for want of time"
            ));
            counts.skipped += 1;
        }
    }
    Ok(counts)
}

fn number(word: &str) -> Result<u32> {
    word.parse()
        .map_err(|_| format!("'{word}' is not a number"))
}

/// Boots one guest that many times; each failure and skip is a line of `summary`.
fn one(name: &str, job: &Job, times: u32, summary: &mut Vec<String>) -> Result<Counts> {
    let (arch, land) = match name {
        "appliance" => ("x86_64", userland::APPLIANCE),
        "busybox" => ("x86_64", userland::BUSYBOX),
        "systemd" => ("x86_64", userland::SYSTEMD),
        "engines" => ("x86_64", userland::ENGINES),
        "x86_64" => (name, userland::MOTE),
        name => (name, userland::SMALL),
    };
    let (machine, arch) = machine::named(arch)?;
    apt::need(PACKAGES)?;
    let image = image::make(name, machine, arch, &land, job)?;
    let guest = qemu::Guest {
        machine,
        kernel: &image.kernel,
        initramfs: &image.initramfs,
        parameters: &format!("{} {}", land.parameters, job.append),
        memory: land.memory,
        limit: job.limit,
    };
    let mut counts = Counts::default();
    for turn in 1..=times {
        sh::say(format!("booting {name}, {turn} of {times}"));
        counts += sturdy(name, &guest, land.says, summary)?;
    }
    Ok(counts)
}

/// How often in a row QEMU may fail by itself.
const CRASHES: u32 = 3;

/// Boots it, and again when an assertion of QEMU's own ended that, which says nothing about the guest: while a processor waits
/// for its lock, the emulated memory may change (accel/tcg/cputlb.c, about one boot in fifty with 10.0).
fn sturdy(
    name: &str,
    guest: &qemu::Guest<'_>,
    says: &[&str],
    summary: &mut Vec<String>,
) -> Result<Counts> {
    for _ in 1..CRASHES {
        let mut lines = Vec::new();
        match boot(name, guest, says, &mut lines) {
            Err(error) if error.contains("Assertion `") => {
                println!("{name}: once more, since QEMU failed: {error}");
            }
            result => {
                summary.extend(lines);
                return result;
            }
        }
    }
    boot(name, guest, says, summary)
}

/// Boots it once and shows what it says. One check more than the tests inside: that it came up, ran the first container, said
/// what it is to say, and went off by itself.
fn boot(
    name: &str,
    guest: &qemu::Guest<'_>,
    says: &[&str],
    summary: &mut Vec<String>,
) -> Result<Counts> {
    let mut counts = Counts::default();
    let mut first = false;
    let ended = qemu::boot(guest, &mut |line| {
        println!("{name}: {line}");
        first |= line == FIRST;
        counts += test::counted_line(&format!("{name} "), line, summary);
    })?;
    // What mote says as init.
    let console = ended.console.lines();
    for line in console.filter(|line| line.contains("mote init: ")) {
        println!("{name} console: {line}");
        first |= line.ends_with(FIRST);
    }
    let mut console = ended.console.lines();
    let said = says
        .iter()
        .all(|part| console.any(|line| line.contains(part)));
    let good = ended.status == "0" && !ended.late && first && said;
    if !good {
        let last: Vec<&str> = ended.console.lines().rev().take(80).collect();
        for line in last.iter().rev() {
            println!("{name} console: {line}");
        }
    }
    let end = if ended.late {
        "ended by force"
    } else {
        "powered off"
    };
    let seconds = ended.time.as_secs_f64();
    println!(
        "{name}: {end} after {seconds:.1} s, status {:?}",
        ended.status
    );
    if !good && counts.failed == 0 {
        summary.push(format!("FAILED boot of {name}: see above"));
    }
    counts += Counts::one(good || counts.failed > 0);
    Ok(counts)
}
