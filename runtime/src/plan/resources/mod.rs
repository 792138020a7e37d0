//! `linux.resources` but for its devices: properties to values of control files, in the forms of cgroup v1 and of v2.
//!
//! Units and weights are converted here, and whatever contradicts itself is refused here; `crate::cgroup` only finds the
//! files. Sources: config-linux.md, "Control groups"; the kernel's admin-guide/cgroup-v1 and cgroup-v2.rst.

mod lists;
mod rows;
mod weight;

use super::Job;
use super::paths::given;
use super::ranges;
use super::refusal::{Refused, Result};
use crate::text::{Wording, pieces};
use core::ffi::CStr;
use init::plan::{Lacking, Limit, Setting};
use init::sys::arena::List;
use init::text::{Digits, digits};
use rows::{Row, Zero};
use spec_min::{BlockIo, Cpu, Memory, Network, Pids, Read, Resources};

/// What a change of limits leaves as it is but must fit: what the container's cgroup has now. -1 is no limit.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept {
    /// Memory alone.
    pub limit: Option<i64>,
    /// Memory and swap together.
    pub total: Option<i64>,
    /// Whether a limit below what is in use is refused, unless the change says otherwise.
    pub check: bool,
    /// Whether it runs only when nothing else wants to: then the kernel refuses a weight.
    pub idle: bool,
}

/// How many properties have one value.
const VALUES: usize = 17;

/// The plan's part. `prefix` stands before the properties in messages.
pub fn lower<'a>(
    job: &Job<'_, 'a>,
    resources: &Resources<'a>,
    prefix: &'static str,
    kept: Kept,
) -> Result<&'a [Limit<'a>]> {
    let mut lower = Lower {
        job,
        prefix,
        limits: job.arena.list(VALUES + 3 + lists::most(resources))?,
        at: None,
        check: false,
    };
    lower.values(resources, kept)?;
    lower.lists(resources)?;
    Ok(lower.limits.finish())
}

/// The rows on their way.
struct Lower<'j, 'c, 'a> {
    job: &'j Job<'c, 'a>,
    prefix: &'static str,
    limits: List<'a, Limit<'a>>,
    /// Which element of a list is at work, for messages.
    at: Option<usize>,
    /// Whether less memory than is in use is refused.
    check: bool,
}

impl<'a> Lower<'_, '_, 'a> {
    /// The properties with one value, and what goes with them.
    fn values(&mut self, resources: &Resources<'a>, kept: Kept) -> Result<()> {
        let memory = resources.memory.get().unwrap_or(const { &Memory::ABSENT });
        let cpu = resources.cpu.get().unwrap_or(const { &Cpu::ABSENT });
        let io = resources.block_io.get();
        let io = io.unwrap_or(const { &BlockIo::ABSENT });
        let network = resources.network.get();
        let network = network.unwrap_or(const { &Network::ABSENT });
        let pids = resources.pids.get().unwrap_or(const { &Pids::ABSENT });
        let weight = io.weight.map(i64::from);
        // For runc any number below 0 is no limit in these two.
        let [quota, processes] =
            [cpu.quota, pids.limit].map(|limit| limit.map(|limit| limit.max(-1)));
        let [swap, alone] = self.memory(memory, kept)?;
        // Who gives a weight alone means it.
        let mut unified = resources.unified.iter();
        let weighs = cpu.shares.is_some() || unified.any(|(file, _)| file == c"cpu.weight");
        let busy = (kept.idle && weighs).then_some(0);
        let values: [_; VALUES] = [
            memory.limit,
            swap,
            memory.reservation,
            memory.swappiness.map(clamp),
            memory.disable_oom_killer.get().map(|off| i64::from(*off)),
            cpu.shares.map(clamp),
            cpu.period.map(clamp),
            quota,
            cpu.burst.map(clamp),
            cpu.realtime_period.map(clamp),
            cpu.realtime_runtime,
            cpu.idle.or(busy),
            processes,
            weight,
            weight,
            io.leaf_weight.map(i64::from),
            network.class_id.map(i64::from),
        ];
        for (row, value) in pieces(rows::VALUES, b'\n').zip(&values) {
            let Some(value) = *value else { continue };
            let row = Row::parse(row);
            let v2 = match row.v2 {
                "memory.swap.max" => alone.unwrap_or(value),
                "cpu.weight" => weight::of_shares(value),
                "io.weight" => weight::of_block_io(value),
                _ => value,
            };
            self.row(row, "", value, v2)?;
        }
        self.bandwidth(quota, cpu.period)?;
        self.list(rows::CPUS, cpu.cpus)?;
        self.list(rows::MEMS, cpu.mems)
    }

    /// Memory and swap together, and swap alone, which is what v2 counts.
    fn memory(&mut self, memory: &Memory, kept: Kept) -> Result<[Option<i64>; 2]> {
        let given = [
            memory.kernel.is_some(),
            memory.kernel_tcp.is_some(),
            memory.use_hierarchy.is_some(),
        ];
        let names = pieces("memory.kernel memory.kernelTCP memory.useHierarchy", b' ');
        for (property, given) in names.zip(&given) {
            if *given {
                let odd = self.job.refuse(property, packed!("deprecated, ignored"));
                self.job.warn(self.job.inside(odd, self.prefix));
            }
        }
        // runc takes 0 for an absent value in these, and engines rely on it.
        let asked = |value: Option<i64>| value.filter(|value| *value != 0);
        let (new, mut swap) = (asked(memory.limit), asked(memory.swap));
        let limit = new.or(kept.limit.filter(|_| swap.is_some()));
        let check = memory.check_before_update.get().copied();
        self.check = check.unwrap_or(kept.check);
        swap = swap.or(match new {
            // Without a limit of memory there is none of memory and swap either.
            Some(-1) => Some(-1),
            Some(_) => kept.total,
            None => None,
        });
        let why = match (limit, swap) {
            (Some(limit @ 1..), Some(total @ 1..)) if total >= limit => {
                return Ok([swap, Some(total - limit)]);
            }
            (Some(1..), Some(1..)) => {
                packed!("less than memory.limit, but it is for memory and swap together")
            }
            (None, Some(1..)) => packed!("needs memory.limit: it is for memory and swap together"),
            _ => return Ok([swap; 2]),
        };
        self.refuse("memory.swap", swap.unwrap_or(0), why)?;
        Ok([None; 2])
    }

    /// Quota and period are one file in v2; either alone leaves the other as it is.
    fn bandwidth(&mut self, quota: Option<i64>, period: Option<u64>) -> Result<()> {
        let quota = quota.filter(|quota| *quota != 0);
        let period = period.filter(|period| *period != 0);
        if quota.is_none() && period.is_none() {
            return Ok(());
        }
        let (mut room, mut room_of_period) = (Digits::default(), Digits::default());
        let quota = quota.map(|quota| amount(&mut room, "max", quota));
        let period = period.map(|period| digits(&mut room_of_period, period, 10));
        let blank: &[u8] = if period.is_some() { b" " } else { b"" };
        let text = self.text(&[quota.unwrap_or_default(), blank, period.unwrap_or_default()])?;
        let v1 = Setting {
            file: "cpu.max",
            text,
            lacking: Lacking::Passes,
        };
        let asks = text != "max";
        let v2 = if asks { must(v1.file, v1.text) } else { v1 };
        self.push("cpu.quota", v1, v2)
    }

    /// CPUs or memory nodes.
    fn list(&mut self, row: &'static str, list: Option<&'a CStr>) -> Result<()> {
        let (row, Some(list)) = (Row::parse(row), given(list)) else {
            return Ok(());
        };
        let path = self.text(&[self.prefix.as_bytes(), row.property.as_bytes()])?;
        let fits = match row.property {
            "cpu.cpus" => ranges::cpus(self.job, path, Some(list)),
            _ => ranges::nodes(self.job, path, Some(list)),
        };
        let text = list.to_str().unwrap_or_default();
        if let Err(refused) = fits {
            return self.job.gather(refused);
        }
        self.push(row.property, must(row.v1, text), must(row.v2, text))
    }

    /// A row with its value, which in v2 may be another one, and what stands before it.
    #[inline(never)]
    fn row(&mut self, row: Row<'a>, key: &str, value: i64, v2: i64) -> Result<()> {
        let Some(zero) = row.takes(value) else {
            return self.refuse(row.property, value, &*row.wanted());
        };
        let lacking = match (value, zero) {
            (0, Zero::Unset) => return Ok(()),
            (0, Zero::Default) | (-1, _) => Lacking::Passes,
            _ => row.lacking(),
        };
        let v1 = self.setting(row.v1, key, value, lacking)?;
        let mut v2 = self.setting(row.v2, key, v2, lacking)?;
        match v2.file {
            // A kernel without swap has no such file.
            "memory.swap.max" if v2.text == "0" => v2.lacking = Lacking::Passes,
            // v1 refuses by itself what is less than is in use; v2 kills.
            "memory.max" if self.check && value > 0 => v2.lacking = Lacking::Above,
            _ => {}
        }
        self.push(row.property, v1, v2)
    }

    #[inline(never)]
    fn setting(
        &self,
        file: &'a str,
        key: &str,
        value: i64,
        lacking: Lacking,
    ) -> Result<Setting<'a>> {
        let mut words = pieces(file, b':');
        let (file, word) = (words.next().unwrap_or_default(), words.next());
        if file == "+" {
            return Ok(NOTHING);
        }
        // What v2 and the pids controller say for what is -1 in v1.
        let worded = file.ends_with("max") || file.ends_with("low");
        let mut room = Digits::default();
        let number = amount(&mut room, if worded { "max" } else { "-1" }, value);
        let before = word.unwrap_or_default();
        Ok(Setting {
            file,
            text: self.text(&[key.as_bytes(), before.as_bytes(), number])?,
            lacking,
        })
    }

    #[inline(never)]
    fn push(&mut self, property: &'a str, v1: Setting<'a>, v2: Setting<'a>) -> Result<()> {
        Ok(self.limits.push(Limit { property, v1, v2 })?)
    }

    #[inline(never)]
    fn text(&self, parts: &[&[u8]]) -> Result<&'a str> {
        let text = self.job.arena.text(parts)?;
        Ok(text.to_str().unwrap_or_default())
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, property: &str, value: i64, why: impl Wording) -> Result<()> {
        self.refused(self.job.refuse_number("", value, why), property)
    }

    /// Puts the property before what was refused.
    #[cold]
    #[inline(never)]
    fn refused(&self, refused: Refused, property: &str) -> Result<()> {
        let path = [self.prefix, property].concat();
        self.job.gather(match self.at {
            Some(at) => self.job.element(refused, &path, at),
            None => self.job.inside(refused, &path),
        })
    }
}

/// A number, or the word for none.
fn amount<'r>(room: &'r mut Digits, unlimited: &'static str, value: i64) -> &'r [u8] {
    match u64::try_from(value) {
        Ok(value) => digits(room, value, 10),
        Err(_) => unlimited.as_bytes(),
    }
}

/// No file has room for more anyway.
fn clamp(value: u64) -> i64 {
    value.min(i64::MAX as u64) as i64
}

/// A setting that must be had.
const fn must<'a>(file: &'a str, text: &'a str) -> Setting<'a> {
    Setting {
        file,
        text,
        lacking: Lacking::Fails,
    }
}

/// What a version needs nothing of.
const NOTHING: Setting<'static> = Setting {
    file: "",
    text: "",
    lacking: Lacking::Passes,
};
