//! What a container has used, read from its cgroups and written as runc's `events` has it (types/events.go there).
//!
//! Nothing is taken from the heap once the longest file and the longest line have been seen: every file is read into
//! the same buffer, and its numbers go straight into the document. A file that isn't there, or no longer, counts as 0.

use super::file;
use super::group::{Group, Member};
use crate::files;
use crate::json::Writer;
use crate::text::{fill, number, pieces, split, unpacked, words};
use init::packed::Packed;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::OFlags;

/// Every statistic in its order. A row is one text, since tables of references to texts would be larger than they
/// are: the kind of value, its key, and where v1 and v2 have it (`-`: nowhere; without a v1 hierarchy of the controller
/// that the file is named after, v2 counts).
///
/// | kind | value |
/// |---|---|
/// | `{` `}` | an object begins, ends |
/// | `0` | a number |
/// | `?` | a number, left out when it is 0 |
/// | `m` | the same, and `max` is 0 |
/// | `-` | a number that may be negative |
/// | `l` | a list of numbers |
/// | `1` `2` | this column of all lines but the first, as a list |
/// | `r` | a list like `0-3,7`, its numbers one by one |
/// | `p` | a pressure file, left out where there is none |
/// | `*` | all lines, by name |
/// | `b` | a number for each disk and direction; v1's file has a prefix for the I/O scheduler that counts |
/// | `h` | an object for each size of huge pages |
/// | `i` | an object that the caller fills |
/// | `n` | null |
///
/// `FILE:NAME` is the number behind a line's first word, `A+B` a sum; `*k` is for microseconds and `*t` for clock ticks
/// (a hundredth of a second on every machine), both told in nanoseconds.
const ROWS: Packed = packed!(
    "\
{ cpu
{ usage
? total cpuacct.usage cpu.stat:usage_usec*k
l percpu cpuacct.usage_percpu -
2 percpu_kernel cpuacct.usage_all -
1 percpu_user cpuacct.usage_all -
0 kernel cpuacct.stat:system*t cpu.stat:system_usec*k
0 user cpuacct.stat:user*t cpu.stat:user_usec*k
}
{ throttling
? periods cpu.stat:nr_periods cpu.stat:nr_periods
? throttledPeriods cpu.stat:nr_throttled cpu.stat:nr_throttled
? throttledTime cpu.stat:throttled_time cpu.stat:throttled_usec*k
}
p psi - cpu.pressure
}
{ cpuset
r cpus cpuset.cpus -
0 cpu_exclusive cpuset.cpu_exclusive -
r mems cpuset.mems -
0 mem_hardwall cpuset.mem_hardwall -
0 mem_exclusive cpuset.mem_exclusive -
0 memory_migrate cpuset.memory_migrate -
0 memory_spread_page cpuset.memory_spread_page -
0 memory_spread_slab cpuset.memory_spread_slab -
0 memory_pressure cpuset.memory_pressure -
0 sched_load_balance cpuset.sched_load_balance -
- sched_relax_domain_level cpuset.sched_relax_domain_level -
}
{ memory
? cache memory.stat:cache memory.stat:file
{ usage
0 limit memory.limit_in_bytes memory.max
? usage memory.usage_in_bytes memory.current
? max memory.max_usage_in_bytes memory.peak
0 failcnt memory.failcnt memory.events:max
}
{ swap
0 limit memory.memsw.limit_in_bytes memory.max+memory.swap.max
? usage memory.memsw.usage_in_bytes memory.current+memory.swap.current
? max memory.memsw.max_usage_in_bytes -
0 failcnt memory.memsw.failcnt -
}
{ kernel
0 limit memory.kmem.limit_in_bytes -
? usage memory.kmem.usage_in_bytes -
? max memory.kmem.max_usage_in_bytes -
0 failcnt memory.kmem.failcnt -
}
{ kernelTCP
0 limit memory.kmem.tcp.limit_in_bytes -
? usage memory.kmem.tcp.usage_in_bytes -
? max memory.kmem.tcp.max_usage_in_bytes -
0 failcnt memory.kmem.tcp.failcnt -
}
* raw memory.stat memory.stat
p psi - memory.pressure
}
{ pids
? current pids.current pids.current
m limit pids.max pids.max
}
{ blkio
b ioServiceBytesRecursive blkio.io_service_bytes io.stat:bytes=
b ioServicedRecursive blkio.io_serviced io.stat:ios=
b ioQueueRecursive blkio.io_queued -
b ioServiceTimeRecursive blkio.io_service_time -
b ioWaitTimeRecursive blkio.io_wait_time -
b ioMergedRecursive blkio.io_merged -
b ioTimeRecursive blkio.time -
b sectorsRecursive blkio.sectors -
p psi - io.pressure
}
h hugetlb hugetlb. hugetlb.
i intel_rdt - -
n network_interfaces - -"
);

/// Of each size of huge pages; what stands before is `hugetlb.SIZE.`.
const HUGE_ROWS: Packed = packed!(
    "\
? usage usage_in_bytes current
? max max_usage_in_bytes -
0 failcnt failcnt events:max"
);

/// What stands before and after a v1 file of `b`, the best first: the schedulers BFQ and CFQ count only what they
/// schedule, and only where they do there is anything in their files; throttling counts everything.
const SCHEDULERS: [(&str, &str); 4] = [
    ("blkio.bfq.", "_recursive"),
    ("blkio.", "_recursive"),
    ("blkio.throttle.", "_recursive"),
    ("blkio.throttle.", ""),
];

/// A container's cgroups, open for reading statistics again and again.
pub struct Stats<'g> {
    dirs: Vec<(&'g Member, OwnedFd)>,
    /// Those of [`ROWS`] and [`HUGE_ROWS`].
    rows: String,
    huge_rows: String,
    /// What the names of files of huge pages begin with: `hugetlb.2MB.`.
    huge: Vec<String>,
    /// The file that was read last.
    text: Vec<u8>,
    name: String,
}

struct Row<'r> {
    kind: u8,
    key: &'r str,
    v1: &'r str,
    v2: &'r str,
}

impl<'r> Row<'r> {
    fn parse(text: &'r str) -> Row<'r> {
        let mut words = pieces(text, b' ');
        let kind = words.next().unwrap_or_default();
        let mut word = || words.next().filter(|word| *word != "-").unwrap_or_default();
        Row {
            kind: kind.bytes().next().unwrap_or_default(),
            key: word(),
            v1: word(),
            v2: word(),
        }
    }
}

impl<'g> Stats<'g> {
    /// Opens them; one that is gone has nothing to tell.
    pub fn of(group: &'g Group) -> Stats<'g> {
        let mut stats = Stats {
            dirs: Vec::new(),
            rows: unpacked(ROWS),
            huge_rows: unpacked(HUGE_ROWS),
            huge: Vec::new(),
            text: Vec::new(),
            name: String::new(),
        };
        for member in &group.members {
            if let Ok(dir) = member.try_open("", OFlags::RDONLY | OFlags::DIRECTORY) {
                stats.note_sizes(&dir);
                stats.dirs.push((member, dir));
            }
        }
        stats
    }

    /// The sizes of huge pages are where their files are.
    fn note_sizes(&mut self, dir: &OwnedFd) {
        let _ = files::entries(dir.as_fd(), &mut |name, _| {
            let name = name.to_str().unwrap_or_default();
            let mut parts = pieces(name, b'.');
            let (first, size, rest) = (parts.next(), parts.next(), parts.rest());
            if let (Some("hugetlb"), Some(size), Some("current" | "usage_in_bytes")) =
                (first, size, rest)
            {
                self.huge.push(fill("hugetlb.{}.", &[size]));
            }
        });
    }

    /// The value of `data`; `rdt` adds what resctrl knows.
    pub fn write(&mut self, json: &mut Writer, rdt: &mut dyn FnMut(&mut Writer)) {
        json.open_object();
        let rows = core::mem::take(&mut self.rows);
        for text in pieces(&rows, b'\n') {
            let row = Row::parse(text);
            match row.kind {
                b'{' => {
                    json.key(row.key);
                    json.open_object();
                }
                b'}' => json.close(),
                b'i' => {
                    json.key(row.key);
                    json.open_object();
                    rdt(json);
                    json.close();
                }
                b'n' => {
                    json.key(row.key);
                    json.raw("null");
                }
                _ => self.row(&row, json),
            }
        }
        self.rows = rows;
        json.close();
    }

    fn row(&mut self, row: &Row<'_>, json: &mut Writer) {
        let place = self.place(row);
        if row.kind == b'h' {
            json.key(row.key);
            json.open_object();
            if let Some((at, _, v1)) = place {
                self.huge_pages(at, v1, json);
            }
            return json.close();
        }
        let (at, source, v1) = place.unwrap_or((usize::MAX, "", false));
        match row.kind {
            b'0' | b'?' | b'm' => figure(json, row, self.figure(at, "", source)),
            b'b' if v1 => self.disks_v1(at, row.key, source, json),
            b'b' => self.disks(at, row.key, source, json),
            kind => {
                let there = self.read(at, &[source]);
                match kind {
                    b'-' => {
                        let number = core::str::from_utf8(self.text.trim_ascii());
                        json.key(row.key);
                        json.raw(number.ok().filter(|_| there).unwrap_or("0"));
                    }
                    _ if !there => {}
                    b'p' => pressure(json, row.key, &self.text),
                    b'*' => all(json, row.key, &self.text),
                    _ => list(json, row, &self.text),
                }
            }
        }
    }

    /// In which directory, by what name, and whether in v1.
    fn place<'r>(&self, row: &Row<'r>) -> Option<(usize, &'r str, bool)> {
        let controller = pieces(row.v1, b'.').next().unwrap_or_default();
        let v1 = |(member, _): &(&Member, _)| member.has(controller);
        let v2 = |(member, _): &(&Member, _)| member.controllers.is_empty();
        let place = match self.dirs.iter().position(v1) {
            Some(at) => (at, row.v1, true),
            None => (self.dirs.iter().position(v2)?, row.v2, false),
        };
        Some(place).filter(|place| !place.1.is_empty())
    }

    /// Reads a file; says whether there was one.
    fn read(&mut self, at: usize, name: &[&str]) -> bool {
        self.text.clear();
        let Some((_, dir)) = self.dirs.get(at) else {
            return false;
        };
        self.name.clear();
        name.iter().for_each(|part| self.name.push_str(part));
        file::open(dir.as_fd(), &self.name, OFlags::RDONLY)
            .and_then(|file| files::append(file.as_fd(), &mut self.text))
            .is_ok()
    }

    fn figure(&mut self, at: usize, prefix: &str, source: &str) -> u64 {
        let (source, factor) = match source.as_bytes() {
            [.., b'*', b'k'] => (&source[..source.len() - 2], 1000),
            [.., b'*', b't'] => (&source[..source.len() - 2], 10_000_000),
            _ => (source, 1),
        };
        let mut sum = 0u64;
        for part in pieces(source, b'+') {
            let mut words = pieces(part, b':');
            let file = words.next().unwrap_or_default();
            if self.read(at, &[prefix, file]) {
                let value = match words.next() {
                    Some(name) => value_of(&self.text, name),
                    None => &self.text,
                };
                sum = sum.saturating_add(parse(value));
            }
        }
        sum.saturating_mul(factor)
    }

    fn huge_pages(&mut self, at: usize, v1: bool, json: &mut Writer) {
        let rows = core::mem::take(&mut self.huge_rows);
        let sizes = core::mem::take(&mut self.huge);
        for prefix in &sizes {
            let size = prefix.strip_prefix("hugetlb.").unwrap_or_default();
            json.key(size.strip_suffix(".").unwrap_or_default());
            json.open_object();
            for text in pieces(&rows, b'\n') {
                let row = Row::parse(text);
                let source = if v1 { row.v1 } else { row.v2 };
                let value = match source {
                    "" => 0,
                    source => self.figure(at, prefix, source),
                };
                figure(json, &row, value);
            }
            json.close();
        }
        (self.huge_rows, self.huge) = (rows, sizes);
    }

    /// Lines such as `8:0 Read 4096`, or without the direction; and totals, which are passed over.
    fn disks_v1(&mut self, at: usize, key: &str, source: &str, json: &mut Writer) {
        let name = source.strip_prefix("blkio.").unwrap_or_default();
        let found = SCHEDULERS
            .iter()
            .any(|(prefix, end)| self.read(at, &[prefix, name, end]) && self.text.contains(&b':'));
        if !found {
            return;
        }
        json.key(key);
        json.open_array();
        for text in lines(&self.text) {
            let mut words = words(text);
            let (device, second, third) = (words.next(), words.next(), words.next());
            match (device, second, third) {
                (Some(device), Some(way), Some(value)) => disk(json, device, way, value),
                (Some(device), Some(value), None) => disk(json, device, b"", value),
                _ => {}
            }
        }
        json.close();
    }

    /// Lines such as `8:0 rbytes=4096 wbytes=0 rios=1 wios=0`; `source` is `FILE:NAME=` without the letter.
    fn disks(&mut self, at: usize, key: &str, source: &str, json: &mut Writer) {
        let mut parts = pieces(source, b':');
        let (file, name) = (parts.next().unwrap_or_default(), parts.next());
        if !self.read(at, &[file]) || self.text.is_empty() {
            return;
        }
        let name = name.unwrap_or_default().as_bytes();
        json.key(key);
        json.open_array();
        for text in lines(&self.text) {
            let mut words = words(text);
            let device = words.next().unwrap_or_default();
            for word in words {
                let way: &[u8] = match word.first() {
                    Some(b'r') => b"Read",
                    Some(b'w') => b"Write",
                    _ => continue,
                };
                if let Some(value) = word.get(1..).and_then(|word| word.strip_prefix(name)) {
                    disk(json, device, way, value);
                }
            }
        }
        json.close();
    }
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    split(text, b'\n')
}

/// A number; `max` is the greatest there is.
fn parse(text: &[u8]) -> u64 {
    match text.trim_ascii() {
        b"max" => u64::MAX,
        text => number(text).unwrap_or(0),
    }
}

/// What follows a line's first word.
pub(super) fn value_of<'t>(text: &'t [u8], name: &str) -> &'t [u8] {
    let value = lines(text).find_map(|line| line.strip_prefix(name.as_bytes())?.strip_prefix(b" "));
    value.unwrap_or_default()
}

/// A number under its key, if it is to be told.
fn figure(json: &mut Writer, row: &Row<'_>, value: u64) {
    let value = match (row.kind, value) {
        (b'm', u64::MAX) => 0,
        (_, value) => value,
    };
    if value != 0 || row.kind == b'0' {
        json.key(row.key);
        json.unsigned(value);
    }
}

/// One disk's number; what is 0 in it is left out.
fn disk(json: &mut Writer, device: &[u8], way: &[u8], value: &[u8]) {
    let mut numbers = split(device, b':').map(parse);
    let (Some(major), Some(minor)) = (numbers.next(), numbers.next()) else {
        return;
    };
    json.open_object();
    let number = |json: &mut Writer, key, value| {
        if value != 0 {
            json.key(key);
            json.unsigned(value);
        }
    };
    number(json, "major", major);
    number(json, "minor", minor);
    if !way.is_empty() {
        json.key("op");
        json.bytes(way);
    }
    number(json, "value", parse(value));
    json.close();
}

/// `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`, and the same with `full`, which some files lack.
fn pressure(json: &mut Writer, key: &str, text: &[u8]) {
    json.key(key);
    json.open_object();
    for kind in ["some", "full"] {
        json.key(kind);
        json.open_object();
        let line = value_of(text, kind);
        for name in pieces("avg10 avg60 avg300 total", b' ') {
            let value = words(line)
                .find_map(|word| word.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
                .and_then(|value| core::str::from_utf8(value).ok());
            json.key(name);
            json.raw(value.map_or("0", shortest));
        }
        json.close();
    }
    json.close();
}

/// A decimal fraction as Go writes it: without zeros at its end.
fn shortest(number: &str) -> &str {
    let mut short = number;
    if pieces(number, b'.').count() > 1 {
        while let Some(shorter) = short.strip_suffix("0") {
            short = shorter;
        }
    }
    short.strip_suffix(".").unwrap_or(short)
}

/// Every line as a name and a number.
fn all(json: &mut Writer, key: &str, text: &[u8]) {
    if text.is_empty() {
        return;
    }
    json.key(key);
    json.open_object();
    for line in lines(text) {
        let mut words = words(line);
        if let (Some(name), Some(value)) = (words.next(), words.next()) {
            json.key(core::str::from_utf8(name).unwrap_or_default());
            json.unsigned(parse(value));
        }
    }
    json.close();
}

/// A list of numbers, unless it is empty.
fn list(json: &mut Writer, row: &Row<'_>, text: &[u8]) {
    let text = text.trim_ascii();
    if text.is_empty() {
        return;
    }
    json.key(row.key);
    json.open_array();
    match row.kind {
        b'l' => words(text).for_each(|word| json.unsigned(parse(word))),
        b'r' => {
            for range in split(text, b',') {
                let mut ends = split(range, b'-').map(parse);
                let first = ends.next().unwrap_or(0);
                // No machine has so many CPUs or nodes that a number needs more bits.
                let last = ends.next().unwrap_or(first).min(u16::MAX.into());
                (first..=last).for_each(|number| json.unsigned(number));
            }
        }
        kind => {
            for line in lines(text).skip(1) {
                let value = words(line).nth(usize::from(kind - b'0'));
                json.unsigned(parse(value.unwrap_or_default()));
            }
        }
    }
    json.close();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Layout;

    fn written(write: impl FnOnce(&mut Writer)) -> String {
        let mut json = Writer::new(Layout::Compact);
        json.open_object();
        write(&mut json);
        json.close();
        json.finish()
    }

    #[test]
    fn rows_are_whole() {
        let mut depth = 0;
        let (rows, huge) = (unpacked(ROWS), unpacked(HUGE_ROWS));
        for text in pieces(&rows, b'\n').chain(pieces(&huge, b'\n')) {
            let words: Vec<_> = pieces(text, b' ').collect();
            let count = match Row::parse(text).kind {
                b'{' => 2,
                b'}' => 1,
                b'0' | b'?' | b'm' | b'-' | b'l' | b'1' | b'2' | b'r' | b'p' | b'*' | b'b'
                | b'h' | b'i' | b'n' => 4,
                _ => panic!("{text}"),
            };
            assert_eq!(words.len(), count, "{text}");
            depth += usize::from(count == 2);
            depth -= usize::from(count == 1);
        }
        assert_eq!(depth, 0);
    }

    #[test]
    fn files_of_the_kernel() {
        let row = |kind| Row {
            kind,
            key: "k",
            v1: "",
            v2: "",
        };
        for (kind, text, expected) in [
            (b'l', "1 20 300\n", r#"{"k":[1,20,300]}"#),
            (b'l', "\n", "{}"),
            (b'r', "0-3,7\n", r#"{"k":[0,1,2,3,7]}"#),
            (b'r', "\n", "{}"),
            (b'1', "cpu user system\n0 5 6\n1 7 8\n", r#"{"k":[5,7]}"#),
            (b'2', "cpu user system\n0 5 6\n1 7 8\n", r#"{"k":[6,8]}"#),
        ] {
            let got = written(|json| list(json, &row(kind), text.as_bytes()));
            assert_eq!(got, expected, "{text}");
        }
        for (kind, value, expected) in [
            (b'0', 0, r#"{"k":0}"#),
            (b'?', 0, "{}"),
            (b'?', 3, r#"{"k":3}"#),
            (b'm', u64::MAX, "{}"),
            (b'0', u64::MAX, r#"{"k":18446744073709551615}"#),
        ] {
            assert_eq!(written(|json| figure(json, &row(kind), value)), expected);
        }
        let text = b"some avg10=0.00 avg60=1.50 avg300=12.05 total=99\n";
        assert_eq!(
            written(|json| pressure(json, "p", text)),
            r#"{"p":{"some":{"avg10":0,"avg60":1.5,"avg300":12.05,"total":99},"full":{"avg10":0,"avg60":0,"avg300":0,"total":0}}}"#
        );
        assert_eq!(
            written(|json| all(json, "a", b"file 4096\nanon 0\n")),
            r#"{"a":{"file":4096,"anon":0}}"#
        );
        assert_eq!(value_of(b"oom 1\noom_kill 2\n", "oom_kill"), b"2");
        assert_eq!(parse(b"max\n"), u64::MAX);
    }

    #[test]
    fn disks_leave_out_what_is_0() {
        let disks = |json: &mut Writer| {
            json.key("d");
            json.open_array();
            disk(json, b"8:0", b"Read", b"4096");
            disk(json, b"0:7", b"", b"0");
            disk(json, b"Total", b"", b"1");
            json.close();
        };
        assert_eq!(
            written(disks),
            r#"{"d":[{"major":8,"op":"Read","value":4096},{"minor":7}]}"#
        );
    }
}
