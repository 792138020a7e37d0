//! The probe's report, read back.
use super::{Out, R, Stop};
use std::collections::BTreeMap;

/// What `probe report` said: key to value, values as Rust escapes them.
pub struct Report(pub BTreeMap<String, String>);

impl Report {
    /// From the output of a run.
    pub fn parse(out: &Out) -> R<Report> {
        let lines = out.out.lines().filter_map(|l| l.split_once('\t'));
        let map: BTreeMap<String, String> = lines.map(|(k, v)| (k.into(), v.into())).collect();
        if map.contains_key("pid") {
            return Ok(Report(map));
        }
        Err(Stop::Failed(format!("no report: {} {}", out.out, out.err)))
    }

    /// The value of `key`, or "" if absent.
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).map_or("", String::as_str)
    }

    /// The value of `key` if there is one.
    pub fn find(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// The lines of a multi-line value.
    pub fn lines(&self, key: &str) -> Vec<String> {
        self.get(key)
            .split("\\n")
            .map(|l| l.replace("\\t", "\t"))
            .collect()
    }

    /// mountinfo's line whose mount point is `at` (the last one, which is the visible one).
    pub fn mount(&self, at: &str) -> Option<Mount> {
        self.lines("mountinfo")
            .iter()
            .filter_map(|l| Mount::parse(l))
            .rfind(|m| m.at == at)
    }

    /// The open descriptors' numbers.
    pub fn fds(&self) -> Vec<u32> {
        let mut fds: Vec<u32> = self
            .0
            .keys()
            .filter_map(|k| k.strip_prefix("fd.")?.parse().ok())
            .collect();
        fds.sort_unstable();
        fds
    }
}

/// One line of mountinfo (proc_pid_mountinfo(5)).
#[derive(Debug)]
pub struct Mount {
    /// Mount point.
    pub at: String,
    /// Root within the filesystem.
    pub root: String,
    /// Options of the mount.
    pub options: Vec<String>,
    /// shared:N, master:N, unbindable.
    pub propagation: String,
    /// Filesystem type.
    pub kind: String,
    /// Options of the superblock.
    pub data: Vec<String>,
}

impl Mount {
    fn parse(line: &str) -> Option<Mount> {
        let (left, right) = line.split_once(" - ")?;
        let fields: Vec<&str> = left.split(' ').collect();
        let mut tail = right.split(' ');
        let list = |s: &str| s.split(',').map(String::from).collect();
        Some(Mount {
            root: fields.get(3)?.to_string(),
            at: fields.get(4)?.to_string(),
            options: list(fields.get(5)?),
            propagation: fields.get(6..)?.join(" "),
            kind: tail.next()?.into(),
            data: list(tail.nth(1).unwrap_or("")),
        })
    }

    /// True if the mount (or its superblock) has the option.
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().chain(&self.data).any(|o| o == option)
    }
}
