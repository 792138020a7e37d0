//! `cargo ci boot [arch...]`: Debian's kernel of each machine under QEMU, with mote in an initramfs and the tests inside.

mod cpio;
mod image;
mod machine;
mod qemu;
mod userland;

use crate::counts::Counts;
use crate::sh::{self, Result};
use crate::toolchain;
use crate::{apt, test};
use std::time::Duration;

/// What the task itself calls.
const PACKAGES: &[&str] = &["xz-utils", "zstd"];

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

/// The task: the machines that are named, or all.
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
    if names.is_empty() {
        names = toolchain::ARCHES.iter().map(|arch| arch.name).collect();
    }
    let mut total = Counts::default();
    for name in names {
        for _ in 0..times {
            total += one(name, &job, &mut Vec::new())?;
        }
    }
    println!("{total}");
    if total.failed > 0 {
        return Err("see the lines with FAILED".into());
    }
    Ok(())
}

fn number(word: &str) -> Result<u32> {
    word.parse()
        .map_err(|_| format!("'{word}' is not a number"))
}

/// Boots one machine once; each failure and skip is a line of `summary`.
pub fn one(name: &str, job: &Job, summary: &mut Vec<String>) -> Result<Counts> {
    let (arch, land) = match name {
        "systemd" => ("x86_64", userland::SYSTEMD),
        name => (name, userland::PLAIN),
    };
    let (machine, arch) = machine::named(arch)?;
    apt::need(PACKAGES)?;
    let settings = format!("TESTS='{}'\nDIVIDE={}\n", job.tests, job.divide);
    let image = image::make(machine, arch, &land, &settings)?;
    sh::say(format!("booting {name}"));
    let guest = qemu::Guest {
        machine,
        kernel: &image.kernel,
        initramfs: &image.initramfs,
        parameters: &format!("{} {}", land.parameters, job.append),
        memory: 2048,
        limit: job.limit,
    };
    let mut counts = Counts::default();
    let ended = qemu::boot(&guest, &mut |line| {
        println!("{name}: {line}");
        counts += test::counted_line(&format!("{name} "), line, summary);
    })?;
    let good = ended.status == "0" && !ended.late;
    if !good {
        let last: Vec<&str> = ended.console.lines().rev().take(80).collect();
        last.iter()
            .rev()
            .for_each(|line| println!("{name} console: {line}"));
    }
    println!(
        "{name}: {} after {:.1} s, status {:?}",
        if ended.late {
            "ended by force"
        } else {
            "powered off"
        },
        ended.time.as_secs_f64(),
        ended.status
    );
    if !good && counts.failed == 0 {
        summary.push(format!("FAILED boot of {name}: see above"));
    }
    counts += Counts::one(good || counts.failed > 0);
    Ok(counts)
}
