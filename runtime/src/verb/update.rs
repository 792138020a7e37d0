//! `update`: other limits for a container that is there, all of them or none.
//!
//! What was given at `create` need not be known for that: the kernel has the values in force, so it is asked for those
//! that a new one must fit. Nor need anything be remembered: no later verb sets limits.

use super::create::{limit, restrict_devices};
use crate::bundle;
use crate::cgroup::{Group, Written};
use crate::cli::{Code, Global, Options};
use crate::container::{Container, id};
use crate::error::{Error, Result};
use crate::files;
use crate::host::Host;
use crate::json::{Layout, Writer};
use crate::plan::{self, Kept};
use crate::stored::Stored;
use crate::text::{decimal, fill, number, pieces, quoted, unpacked};
use init::packed::Packed;
use init::plan::Cgroup;
use rustix::fd::AsFd;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The options that stand for one property: how it is written (a number, bytes or text), the option, the object, the
/// key.
const OPTIONS: Packed = packed!(
    "\
b memory memory limit
b memory-reservation memory reservation
b memory-swap memory swap
n cpu-share cpu shares
n cpu-quota cpu quota
n cpu-burst cpu burst
n cpu-period cpu period
n cpu-rt-runtime cpu realtimeRuntime
n cpu-rt-period cpu realtimePeriod
t cpuset-cpus cpu cpus
t cpuset-mems cpu mems
n cpu-idle cpu idle
n pids-limit pids limit
n blkio-weight blockIO weight"
);

/// See the row in [`crate::cli::rows`].
pub fn run(global: &Global, options: &Options) -> Result<Code> {
    let id = id(options.positional(0))?;
    let is_file = options.text("resources").is_some();
    let (document, schemata) = match options.text("resources") {
        Some(path) => (read(path)?, Vec::new()),
        None => (
            from_options(global, options)?.into_bytes(),
            schemata(options),
        ),
    };
    let container = Container::lock(&global.root, id)?;
    let mut written = Written::default();
    written.noted = true;
    change(
        global,
        container,
        (&document, is_file),
        &schemata,
        &mut written,
    )?;
    Ok(0)
}

/// The two options of `linux.intelRdt`, as lines.
fn schemata(options: &Options) -> Vec<u8> {
    let mut lines = Vec::new();
    for option in ["l3-cache-schema", "mem-bw-schema"] {
        if let Some(line) = options.text(option) {
            lines.extend_from_slice(line.as_bytes());
            lines.push(b'\n');
        }
    }
    lines
}

/// The last of all, and one write: resctrl takes all lines or none.
fn change_class(container: &Container, host: &Host, schemata: &[u8]) -> Result<()> {
    if schemata.is_empty() {
        return Ok(());
    }
    let rdt = container.rdt(&host.procfs)?.ok_or_else(|| {
        Error::new(packed!(
            "--l3-cache-schema, --mem-bw-schema: the container was made without linux.intelRdt"
        ))
    })?;
    rdt.set(schemata)
}

/// `document`: the new limits, and whether somebody wrote them, who will look for a line in it.
fn change(
    global: &Global,
    container: &Container,
    document: (&[u8], bool),
    schemata: &[u8],
    written: &mut Written,
) -> Result<()> {
    let host = Host::look()?;
    let status = container.status(&host.procfs)?;
    let stored = Stored::read(container)?.filter(|_| status.is_alive());
    let stored = stored.ok_or_else(|| Error::new(packed!("container not running")))?;
    let group = container.group()?;
    let plan = plan(global, container, &stored, group, document)?;
    let mut work = || {
        limit(global, group, plan.limits, written)?;
        group.tell(plan.limits)?;
        if !plan.devices.is_empty() {
            restrict_devices(global, group, plan.devices, Group::change_devices)?;
        }
        change_class(container, host, schemata)
    };
    work().map_err(|error| {
        let error = written.undo(error);
        // From the old values, which are in force again.
        let _ = group.tell(plan.limits);
        error
    })
}

fn plan<'a>(
    global: &Global,
    container: &Container,
    stored: &'a Stored,
    group: &Group,
    (document, is_file): (&[u8], bool),
) -> Result<Cgroup<'a>> {
    let spec = stored.spec()?;
    let mut facts = stored.facts(global, container)?;
    facts.document = "update";
    let buffer = bundle::copy(document, stored.arena())?;
    let resources =
        spec_min::parse_resources(buffer).map_err(|error| bundle::unreadable("update", error))?;
    let given = spec.linux.resources.get();
    let memory = given.and_then(|resources| resources.memory.get());
    let check = memory.and_then(|memory| memory.check_before_update.get());
    let (limit, total) = group.memory_limits();
    let check = check == Some(&true);
    let kept = Kept {
        limit,
        total,
        check,
        idle: group.is_idle(),
    };
    let warn = &mut |path: &str, text: &str| {
        global.report.warn(&fill("update: {}: {}", &[path, text]));
    };
    let plan = plan::update(&resources, kept, spec, &facts, stored.arena(), warn);
    plan.map_err(|refusal| match is_file {
        true => refusal.found_in(document).error(),
        false => refusal.error(),
    })
}

fn read(path: &OsStr) -> Result<Vec<u8>> {
    let text = match path.as_bytes() {
        b"-" => files::rest(rustix::stdio::stdin().as_fd()),
        _ => files::read(Path::new(path)),
    };
    text.map_err(|errno| Error::of("--resources", path.as_bytes(), errno))
}

/// The options as the document that they stand for, so that one set of rules holds for both.
fn from_options(global: &Global, options: &Options) -> Result<String> {
    let kernel = options
        .text("kernel-memory")
        .or(options.text("kernel-memory-tcp"));
    if kernel.is_some() {
        let why = "--kernel-memory, --kernel-memory-tcp: deprecated, ignored";
        global.report.warn(why);
    }
    let mut json = Writer::new(Layout::Compact);
    json.open_object();
    let mut open = "";
    let rows = unpacked(OPTIONS);
    for row in pieces(&rows, b'\n') {
        let mut words = pieces(row, b' ');
        let mut word = || words.next().unwrap_or_default();
        let (kind, option, object, key) = (word(), word(), word(), word());
        let Some(value) = options.text(option) else {
            continue;
        };
        if open != object {
            if !open.is_empty() {
                json.close();
            }
            json.key(object);
            json.open_object();
            open = object;
        }
        json.key(key);
        match (kind, amount(value, kind)) {
            ("t", _) => json.bytes(value.as_bytes()),
            (_, Some(number)) => json.raw(&number),
            _ => {
                let wanted = match kind {
                    "b" => ": expected bytes such as 512m, or -1 for no limit",
                    _ => ": expected a number",
                };
                return Err(Error::fill(
                    packed!("--{} {}{}"),
                    &[option, &quoted(value), wanted],
                ));
            }
        }
    }
    if !open.is_empty() {
        json.close();
    }
    json.close();
    Ok(json.finish())
}

/// A number as JSON has it.
fn amount(text: &OsStr, kind: &str) -> Option<String> {
    let text = text.as_bytes();
    let (minus, digits) = match text.strip_prefix(b"-") {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let value = match kind {
        "b" if minus.is_empty() => size(digits)?,
        "b" if digits != b"1" => return None,
        _ => number(digits)?,
    };
    Some([minus, &*decimal(value)].concat())
}

/// Bytes in runc's notation but for fractions: `512m`, `64kb`, `1GiB`; a unit is 1024 of the one before.
pub(super) fn size(text: &[u8]) -> Option<u64> {
    let (digits, unit) = match text {
        [digits @ .., unit, b'i' | b'I', b'b' | b'B'] => (digits, *unit),
        [digits @ .., unit @ b'A'..=b'z', b'b' | b'B'] | [digits @ .., unit @ b'A'..=b'z'] => {
            (digits, *unit)
        }
        digits => (digits, b'b'),
    };
    let power = b"bkmgtp".iter().position(|known| *known == unit | 0x20)?;
    number(digits)?.checked_mul(1 << (10 * power))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let of = |text: &str, kind: &str| amount(OsStr::new(text), kind);
        for (text, want) in [
            ("0", Some("0")),
            ("-1", Some("-1")),
            ("4096", Some("4096")),
            ("4096b", Some("4096")),
            ("64k", Some("65536")),
            ("64K", Some("65536")),
            ("64kb", Some("65536")),
            ("64KiB", Some("65536")),
            ("512m", Some("536870912")),
            ("1.5g", None),
            ("2t", Some("2199023255552")),
            ("1p", Some("1125899906842624")),
            ("-2", None),
            ("-1k", None),
            ("", None),
            ("k", None),
            ("1x", None),
            ("1kk", None),
            ("1.", None),
            (".5k", None),
            ("1.5.5k", None),
            ("1 k", None),
            ("18446744073709551616", None),
            ("18014398509481984k", None),
        ] {
            assert_eq!(of(text, "b").as_deref(), want, "{text}");
        }
        for (text, want) in [
            ("5", Some("5")),
            ("-5", Some("-5")),
            ("5k", None),
            ("--5", None),
            ("", None),
        ] {
            assert_eq!(of(text, "n").as_deref(), want, "{text}");
        }
    }
}
