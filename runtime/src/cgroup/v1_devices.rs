//! Device rules as the v1 devices controller has them (kernel: admin-guide/cgroup-v1/devices.rst):
//! an answer for all devices and a list of exceptions to it.

use super::devices::{ANY_ACCESS, EVERYONE, is_all};
use crate::error::{Error, Result};
use crate::text::{decimal, fill};
use init::plan::{ACCESS_MKNOD, ACCESS_READ, ACCESS_WRITE, DeviceRule};

/// The answer, and the exceptions.
#[derive(Debug, PartialEq, Eq)]
pub struct Policy {
    /// What is answered to every access that no exception is about.
    pub allow: bool,
    /// Never two about the same devices.
    pub exceptions: Vec<Exception>,
}

/// Devices about which the answer is the other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exception {
    pub kind: u8,
    pub major: Option<u32>,
    pub minor: Option<u32>,
    access: u8,
    /// Whether it is there for every container's sake only.
    pub everyones: bool,
}

/// Follows the rules in order, starting from nothing allowed.
pub fn lower(rules: &[DeviceRule]) -> Result<Policy> {
    let mut policy = Policy {
        allow: false,
        exceptions: Vec::new(),
    };
    let asked = rules.iter().map(|rule| (rule, false));
    for (rule, everyones) in asked.chain(EVERYONE.iter().map(|rule| (rule, true))) {
        let access = rule.access & ANY_ACCESS;
        if access == 0 {
            continue;
        }
        if is_all(rule) {
            policy.allow = rule.allow;
            policy.exceptions.clear();
            continue;
        }
        for kind in *b"bc" {
            if rule.kind == kind || rule.kind == b'a' {
                let exception = Exception {
                    kind,
                    major: rule.major,
                    minor: rule.minor,
                    access,
                    everyones,
                };
                policy.follow(rule.allow, exception)?;
            }
        }
    }
    Ok(policy)
}

impl Policy {
    fn follow(&mut self, allow: bool, new: Exception) -> Result<()> {
        let same = self
            .exceptions
            .iter()
            .position(|old| old.same_devices(&new));
        if allow != self.allow {
            match same {
                Some(at) => {
                    let old = &mut self.exceptions[at];
                    old.access |= new.access;
                    // What the config asked for must be had.
                    old.everyones &= new.everyones;
                }
                None => self.exceptions.push(new),
            }
            return Ok(());
        }
        for old in self.exceptions.iter_mut().filter(|old| old.within(&new)) {
            old.access &= !new.access;
        }
        self.exceptions.retain(|old| old.access != 0);
        // The controller can't take a part out of a wider exception, and would not say so.
        match self
            .exceptions
            .iter()
            .find(|old| old.access & new.access != 0 && old.meets(&new))
        {
            Some(old) => Err(Error::fill(
                packed!(
                    "linux.resources.devices: cgroup v1 can't take {} out of the earlier rule {}; put the narrow rules only, \
                 or use cgroup v2"
                ),
                &[&new.line(), &old.line()],
            )),
            None => Ok(()),
        }
    }
}

impl Exception {
    fn same_devices(&self, other: &Exception) -> bool {
        (self.kind, self.major, self.minor) == (other.kind, other.major, other.minor)
    }

    /// Whether all devices that this is about are among those of `wider`.
    fn within(&self, wider: &Exception) -> bool {
        let covers = |wide: Option<u32>, narrow: Option<u32>| wide.is_none() || wide == narrow;
        self.kind == wider.kind
            && covers(wider.major, self.major)
            && covers(wider.minor, self.minor)
    }

    /// Whether some device belongs to both.
    fn meets(&self, other: &Exception) -> bool {
        let shared = |a: Option<u32>, b: Option<u32>| a.is_none() || b.is_none() || a == b;
        self.kind == other.kind
            && shared(self.major, other.major)
            && shared(self.minor, other.minor)
    }

    /// As `devices.allow` and `devices.deny` want it: `c 1:3 rwm`.
    #[inline(never)]
    pub fn line(&self) -> String {
        let number =
            |number: Option<u32>| number.map_or("*".into(), |number| decimal(number.into()));
        let (major, minor) = (number(self.major), number(self.minor));
        fill(
            "{}{}:{} {}",
            &[
                if self.kind == b'b' { "b " } else { "c " },
                &major,
                &minor,
                &self.access(),
            ],
        )
    }

    /// The kinds of access: `rwm`.
    #[inline(never)]
    pub fn access(&self) -> String {
        let letter = |bit, letter| if self.access & bit == 0 { "" } else { letter };
        [
            letter(ACCESS_READ, "r"),
            letter(ACCESS_WRITE, "w"),
            letter(ACCESS_MKNOD, "m"),
        ]
        .concat()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn rule(
        allow: bool,
        kind: u8,
        major: Option<u32>,
        minor: Option<u32>,
        access: u8,
    ) -> DeviceRule {
        DeviceRule {
            allow,
            kind,
            major,
            minor,
            access,
        }
    }

    const ALL: DeviceRule = rule(true, b'a', None, None, ANY_ACCESS);
    const NONE: DeviceRule = rule(false, b'a', None, None, ANY_ACCESS);
    const R: u8 = ACCESS_READ;
    const RW: u8 = ACCESS_READ | ACCESS_WRITE;

    /// The answer, and the exceptions but for everyone's.
    fn lowered(rules: &[DeviceRule]) -> Option<(bool, Vec<String>)> {
        let policy = lower(rules).ok()?;
        let own = policy
            .exceptions
            .iter()
            .filter(|exception| !exception.everyones);
        Some((policy.allow, own.map(Exception::line).collect()))
    }

    #[test]
    fn rules_in_order() {
        type Row<'a> = (&'a [DeviceRule], Option<(bool, &'a [&'a str])>);
        let rows: [Row<'_>; 11] = [
            (&[], Some((false, &[]))),
            (&[NONE], Some((false, &[]))),
            (&[ALL], Some((true, &[]))),
            (
                &[rule(true, b'c', Some(1), Some(11), R), NONE],
                Some((false, &[])),
            ),
            (
                &[NONE, rule(true, b'c', Some(1), Some(11), R)],
                Some((false, &["c 1:11 r"])),
            ),
            (
                &[rule(true, b'a', Some(9), None, RW)],
                Some((false, &["b 9:* rw", "c 9:* rw"])),
            ),
            (
                &[
                    rule(true, b'b', Some(8), Some(0), RW),
                    rule(false, b'b', Some(8), None, ACCESS_WRITE),
                ],
                Some((false, &["b 8:0 r"])),
            ),
            (
                &[ALL, rule(false, b'b', Some(8), None, ACCESS_WRITE)],
                Some((true, &["b 8:* w"])),
            ),
            // A part of a wider rule can't be taken back in v1.
            (
                &[
                    rule(true, b'b', Some(8), None, RW),
                    rule(false, b'b', Some(8), Some(0), R),
                ],
                None,
            ),
            // Other devices, and other access, are no part of it.
            (
                &[
                    rule(true, b'b', Some(8), None, R),
                    rule(false, b'b', Some(8), Some(0), ACCESS_WRITE),
                ],
                Some((false, &["b 8:* r"])),
            ),
            (&[rule(true, b'c', Some(7), Some(7), 0)], Some((false, &[]))),
        ];
        for (rules, want) in rows {
            let want = want
                .map(|(allow, lines)| (allow, lines.iter().map(|line| line.to_string()).collect()));
            assert_eq!(lowered(rules), want, "{rules:?}");
        }
    }

    #[test]
    fn everyones_exceptions() {
        let policy = lower(&[rule(true, b'c', Some(1), Some(3), R)]).unwrap();
        let lines: Vec<String> = policy.exceptions.iter().map(Exception::line).collect();
        assert_eq!(lines.len(), EVERYONE.len());
        for line in [
            "c *:* m",
            "b *:* m",
            "c 1:3 rwm",
            "c 136:* rwm",
            "c 10:200 rwm",
        ] {
            assert!(lines.iter().any(|have| have == line), "{line} in {lines:?}");
        }
    }
}
