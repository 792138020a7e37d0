//! What systemd has a property for (systemd.resource-control(5)): from the control files' names and values.

use super::discover::Version;
use super::group::{Group, Member};
use super::limits::{controller, first};
use super::v1_devices;
use crate::dbus::wire::Wire;
use crate::error::lossy;
use crate::files;
use crate::text::{decimal, fill, number, pieces};
use init::plan::{DeviceRule, Limit, Setting};
use std::path::Path;

/// The control file, how its value becomes the property's, the property. `max` and -1 are the largest number. Those with a
/// capital letter are not in every systemd that has the rest.
///
/// | | |
/// |---|---|
/// | `t` | a number |
/// | `p` | the same, but 0 is no limit to systemd, so it is 1 |
/// | `I` | 1 is a weight of 0 (252) |
/// | `C` | a list is a set of bits (244) |
/// | `O` | 0 is `continue`, 1 `kill` (253) |
/// | `q` | quota and period: two properties, of which the period's is from 242 |
const ROWS: &str = "\
memory.max t MemoryMax
memory.high t MemoryHigh
memory.low t MemoryLow
memory.min T MemoryMin
memory.swap.max t MemorySwapMax
memory.limit_in_bytes t MemoryLimit
memory.oom.group O OOMPolicy
cpu.weight t CPUWeight
cpu.shares t CPUShares
cpu.idle I CPUWeight
cpu.max q CPUQuotaPerSecUSec
cpuset.cpus C AllowedCPUs
cpuset.mems C AllowedMemoryNodes
pids.max p TasksMax
io.weight t IOWeight
blkio.weight t BlockIOWeight";

/// The files whose values systemd rounds, and writes anew with every other property of their controller.
pub const ROUNDED: &str = "cpu.max cpu.cfs_quota_us pids.max io.bfq.weight blkio.bfq.weight";

/// No limit; USEC_INFINITY and the like in systemd's source.
const INFINITY: u64 = u64::MAX;

/// The kernel's period when none is set, in microseconds.
const PERIOD: u64 = 100_000;

/// Properties and values, `(sv)`, each at a multiple of 8.
#[derive(Debug, Default)]
pub struct Properties {
    /// Those that every systemd has.
    pub all: Wire,
    newer: Wire,
}

impl Properties {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.all.0.is_empty() && self.newer.0.is_empty()
    }

    /// Adds them to a list.
    pub fn put(&self, list: &mut Wire) {
        list.parts(&[&self.all.0, &self.newer.0]);
    }

    /// Does without those that this systemd may not have, if there are any and if that may be why it answered with this
    /// error. They are in the files anyway.
    pub fn give_up(&mut self, error: &str) -> bool {
        let unknown = error.ends_with(".PropertyReadOnly") || error.ends_with(".InvalidArgs");
        unknown && !core::mem::take(&mut self.newer).0.is_empty()
    }
}

impl Group {
    /// Which hierarchy a limit is for, and in which form.
    fn chosen<'l, 'a>(&self, limit: &'l Limit<'a>) -> Option<(&Member, &'l Setting<'a>)> {
        let v1 = controller(limit.v1.file);
        match self.members.iter().find(|member| member.has(v1)) {
            Some(member) => Some((member, &limit.v1)),
            None => self.v2().map(|member| (member, &limit.v2)),
        }
    }

    /// What these limits are to systemd; with `now`, what is in force in their files instead of them.
    pub fn properties(&self, limits: &[Limit<'_>], now: bool) -> Properties {
        let mut properties = Properties::default();
        for limit in limits {
            if let Some((member, setting)) = self.chosen(limit) {
                member.property(setting, now, &mut properties);
            }
        }
        properties
    }
}

impl Member {
    fn property(&self, setting: &Setting<'_>, now: bool, properties: &mut Properties) {
        let row = pieces(ROWS, b'\n').find(|row| first(row, b' ') == setting.file);
        let mut words = pieces(row.unwrap_or_default(), b' ').skip(1);
        let (Some(kind), Some(name)) = (words.next(), words.next()) else {
            return;
        };
        let read = match now {
            true => self.in_force(setting.file),
            false => setting.text.into(),
        };
        let text = first(&read, b'\n');
        let text = text.strip_prefix("default ").unwrap_or(text);
        let Properties { all, newer } = properties;
        match kind {
            "q" => bandwidth(name, text, all, newer),
            "I" if now => amount(name, text, newer),
            "I" if text == "1" => amount(name, "0", newer),
            "I" => {}
            "C" => set(name, text, newer),
            "O" => {
                newer.property(name, "s");
                newer.text(if text == "1" { "kill" } else { "continue" });
            }
            "T" => amount(name, text, newer),
            "p" if text == "0" => amount(name, "1", all),
            _ => amount(name, text, all),
        }
    }

    /// What a file says now, in the form in which it is written; empty if it isn't there.
    fn in_force(&self, file: &str) -> String {
        let read = |file| self.try_read(file).unwrap_or_default();
        match (file, self.version) {
            ("cpu.max", Version::V1) => {
                let (quota, period) = (read("cpu.cfs_quota_us"), read("cpu.cfs_period_us"));
                fill("{} {}", &[quota.trim_ascii_end(), &period])
            }
            // To systemd, idle is a weight of 0.
            ("cpu.idle", Version::V2) => match read(file).trim_ascii_end() {
                "1" => "0".into(),
                _ => read("cpu.weight"),
            },
            _ => read(file),
        }
    }
}

/// A number; what is none, such as a device's weight, is left to the file.
#[inline(never)]
fn amount(name: &str, text: &str, wire: &mut Wire) {
    let value = match text {
        "max" | "-1" => Some(INFINITY),
        // v1 writes no limit as a number of bytes that is larger than any memory.
        text => number(text.as_bytes()).map(|value| match value {
            0x4000_0000_0000_0000.. => INFINITY,
            value => value,
        }),
    };
    if let Some(value) = value {
        wire.property(name, "t");
        wire.number(8, value);
    }
}

/// Quota and period, of which one may be missing. systemd knows whole percents of a CPU only: rounded up, since a limit of
/// a cgroup below must not be more than this one's.
fn bandwidth(name: &str, text: &str, all: &mut Wire, newer: &mut Wire) {
    let mut words = pieces(text, b' ');
    let (quota, period) = (words.next(), words.next());
    let period = period.and_then(|period| number(period.as_bytes()));
    if let Some(period) = period {
        newer.property("CPUQuotaPeriodUSec", "t");
        newer.number(8, period);
    }
    let quota = quota.unwrap_or_default();
    let Some(quota) = number(quota.as_bytes()) else {
        return match quota {
            "" => {}
            _ => amount(name, "max", all),
        };
    };
    const PERCENT: u64 = 10_000;
    let second = quota.saturating_mul(1_000_000) / period.unwrap_or(PERIOD).max(1);
    all.property(name, "t");
    all.number(8, second.div_ceil(PERCENT).saturating_mul(PERCENT));
}

/// A list such as `0-3,7` as a set of bits, the lowest first; an empty one is all there are.
fn set(name: &str, text: &str, wire: &mut Wire) {
    let mut bits = Vec::new();
    for range in pieces(text, b',') {
        let ends = (first(range, b'-'), pieces(range, b'-').nth(1));
        let low = number(ends.0.as_bytes());
        let high = ends.1.map_or(low, |high| number(high.as_bytes()));
        // As the plan has it; a file of `unified` may say more than it can mean.
        for bit in low.unwrap_or(1)..=high.unwrap_or(0).min(8191) {
            let at = bit as usize / 8;
            if bits.len() <= at {
                bits.resize(at + 1, 0u8);
            }
            bits[at] |= 1 << (bit % 8);
        }
    }
    wire.property(name, "ay");
    wire.array(1, &mut |bytes| bytes.0.extend_from_slice(&bits));
}

/// `DevicePolicy=` and `DeviceAllow=`. systemd has rules that allow and nothing else; where that is not enough, in v2
/// nothing is denied for it and our own program alone decides. v1 has one set of rules for both of us, so there systemd
/// denies what it can't name, and we allow that behind it.
pub fn devices(rules: &[DeviceRule], unified: bool, wire: &mut Wire) {
    let (mut list, mut whole) = (Vec::new(), false);
    if let Ok(policy) = v1_devices::lower(rules) {
        whole = !policy.allow || policy.exceptions.is_empty();
        if !policy.allow {
            let named = files::read(Path::new("/proc/devices"));
            let named = lossy(&named.unwrap_or_default());
            for exception in &policy.exceptions {
                match exception.pattern(&named) {
                    Some(pattern) => list.push((pattern, exception.access())),
                    None => whole = false,
                }
            }
        }
    }
    let strict = !list.is_empty();
    if unified && !whole {
        list.clear();
    }
    let strict = match unified {
        true => !list.is_empty(),
        false => strict || !whole,
    };
    wire.property("DevicePolicy", "s");
    wire.text(if strict { "strict" } else { "auto" });
    wire.property("DeviceAllow", "a(ss)");
    // The first, an empty one, takes away what was there.
    wire.array(8, &mut |_| {});
    if !list.is_empty() {
        wire.property("DeviceAllow", "a(ss)");
        wire.array(8, &mut |entries| {
            for (pattern, access) in &list {
                entries.align(8);
                entries.text(pattern);
                entries.text(access);
            }
        });
    }
}

impl v1_devices::Exception {
    /// As systemd names devices; a major number by what `/proc/devices` calls it.
    fn pattern(&self, named: &str) -> Option<String> {
        let (heading, kind) = match self.kind {
            b'b' => ("Block devices:", "block"),
            _ => ("Character devices:", "char"),
        };
        match (self.major, self.minor) {
            (None, None) => Some(fill("{}-*", &[kind])),
            (None, _) => None,
            (Some(major), Some(minor)) => Some(fill(
                "/dev/{}/{}:{}",
                &[kind, &decimal(major.into()), &decimal(minor.into())],
            )),
            (Some(major), None) => {
                let lines = pieces(named, b'\n')
                    .skip_while(|line| *line != heading)
                    .skip(1);
                for line in lines.take_while(|line| !line.is_empty()) {
                    let mut words = pieces(line.trim_ascii_start(), b' ');
                    if words.next() == Some(&decimal(major.into())) {
                        return Some(fill("{}-{}", &[kind, words.rest()?]));
                    }
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number_of(name: &str, value: u64) -> Wire {
        let mut wire = Wire::default();
        wire.property(name, "t");
        wire.number(8, value);
        wire
    }

    #[test]
    fn quotas_are_rounded_up_to_percents() {
        const QUOTA: &str = "CPUQuotaPerSecUSec";
        // As in runc's tests of its systemd driver.
        for (text, per_second, period) in [
            ("50000 100000", Some(500_000), Some(100_000)),
            ("5000 10000", Some(500_000), Some(10_000)),
            ("333 1000", Some(340_000), Some(1000)),
            ("200000", Some(2_000_000), None),
            ("1 1000000", Some(10_000), Some(1_000_000)),
            ("max 50000", Some(INFINITY), Some(50_000)),
            ("-1 100000", Some(INFINITY), Some(100_000)),
            ("max", Some(INFINITY), None),
            (" 50000", None, Some(50_000)),
            ("", None, None),
        ] {
            let (mut all, mut newer) = (Wire::default(), Wire::default());
            bandwidth(QUOTA, text, &mut all, &mut newer);
            let wanted = |name, value: Option<u64>| {
                value.map_or_else(Wire::default, |value| number_of(name, value))
            };
            assert_eq!(all, wanted(QUOTA, per_second), "{text}");
            assert_eq!(newer, wanted("CPUQuotaPeriodUSec", period), "{text}");
        }
    }

    #[test]
    fn numbers_and_sets() {
        for (text, want) in [
            ("max", Some(INFINITY)),
            ("-1", Some(INFINITY)),
            ("0", Some(0)),
            ("4096", Some(4096)),
            ("9223372036854771712", Some(INFINITY)),
            ("8:0 100", None),
            ("", None),
        ] {
            let mut wire = Wire::default();
            amount("TasksMax", text, &mut wire);
            assert_eq!(
                wire,
                want.map_or_else(Wire::default, |value| number_of("TasksMax", value)),
                "{text}"
            );
        }
        for (text, want) in [
            ("0-3,7", &[0x8f][..]),
            ("8", &[0, 1]),
            ("", &[]),
            ("3-1", &[]),
            ("a,1", &[2]),
            ("1-x", &[]),
        ] {
            let (mut wire, mut wanted) = (Wire::default(), Wire::default());
            set("AllowedCPUs", text, &mut wire);
            wanted.property("AllowedCPUs", "ay");
            wanted.array(1, &mut |bytes| bytes.0.extend_from_slice(want));
            assert_eq!(wire, wanted, "{text}");
        }
    }

    #[test]
    fn devices_by_their_names() {
        const NAMED: &str =
            "Character devices:\n  1 mem\n136 pts\n\nBlock devices:\n  1 ramdisk\n  8 sd\n";
        let name = |kind, major, minor| {
            let rule = DeviceRule {
                allow: true,
                kind,
                major,
                minor,
                access: 1,
            };
            let policy = v1_devices::lower(&[rule]).unwrap();
            policy.exceptions[0].pattern(NAMED)
        };
        let is = |name: &str| Some(name.to_string());
        assert_eq!(name(b'c', None, None), is("char-*"));
        assert_eq!(name(b'b', Some(8), None), is("block-sd"));
        assert_eq!(name(b'b', Some(1), None), is("block-ramdisk"));
        assert_eq!(name(b'c', Some(136), None), is("char-pts"));
        assert_eq!(name(b'c', Some(136), Some(3)), is("/dev/char/136:3"));
        assert_eq!(name(b'c', Some(8), None), None);
        assert_eq!(name(b'c', None, Some(3)), None);
    }

    /// The document's table has every row.
    #[test]
    fn documented() {
        let document = include_str!("../../docs/resources.md");
        for row in ROWS.lines() {
            let (file, property) = (first(row, b' '), row.rsplit(' ').next().unwrap());
            let line = document
                .lines()
                .find(|line| line.contains(&format!("`{property}`")));
            let line = line.unwrap_or_else(|| panic!("no line for {property}"));
            assert!(
                document
                    .lines()
                    .any(|line| line.contains(&format!("`{property}`"))
                        && line.contains(&format!("`{file}`"))),
                "{file}: {line}"
            );
        }
    }
}
