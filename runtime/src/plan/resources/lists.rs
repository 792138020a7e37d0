//! Limits by device, page size, interface and name, and the files that a config names itself.

use super::rows::{self, Row};
use super::{Lower, NOTHING, clamp, must, weight};
use crate::plan::paths::given;
use crate::plan::refusal::Result;
use crate::text::pieces;
use core::ffi::CStr;
use init::plan::{Lacking, Setting};
use init::text::{Digits, digits};
use spec_min::{BlockIo, Resources};

/// No more rows than that.
pub fn most(resources: &Resources<'_>) -> usize {
    let io = resources.block_io.get().map_or(0, |io| {
        3 * io.weight_device.len()
            + io.throttle_read_bps_device.len()
            + io.throttle_write_bps_device.len()
            + io.throttle_read_iops_device.len()
            + io.throttle_write_iops_device.len()
    });
    let network = resources.network.get();
    let lines = |text: &CStr| {
        1 + text
            .to_bytes()
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    };
    io + 2 * resources.hugepage_limits.len()
        + network.map_or(0, |network| network.priorities.len())
        + 2 * resources.rdma.len()
        + resources
            .unified
            .iter()
            .map(|(_, text)| lines(text))
            .sum::<usize>()
}

impl<'a> Lower<'_, '_, 'a> {
    /// All of them.
    pub fn lists(&mut self, resources: &Resources<'a>) -> Result<()> {
        if let Some(io) = resources.block_io.get() {
            self.block_io(io)?;
        }
        for (at, limit) in resources.hugepage_limits.iter().enumerate() {
            self.at = Some(at);
            let Some(size) = self.page_size(limit.page_size)? else {
                continue;
            };
            // The second is for what mmap(2) sets aside, since Linux 5.7.
            for (kind, middle) in &[("r", ""), ("o", ".rsvd")] {
                let row = [
                    kind,
                    " hugepageLimits hugetlb.",
                    size,
                    middle,
                    ".limit_in_bytes hugetlb.",
                    size,
                    middle,
                    ".max",
                ];
                let row = Row::parse(self.text(&row.map(str::as_bytes))?);
                self.row(row, "", clamp(limit.limit), clamp(limit.limit))?;
            }
        }
        self.at = None;
        if let Some(network) = resources.network.get() {
            for one in network.priorities.iter() {
                self.named(rows::PRIORITIES, one.name, "", Some(one.priority))?;
            }
        }
        for (device, limits) in resources.rdma.iter() {
            if limits.hca_handles.or(limits.hca_objects).is_none() {
                let why = packed!("expected hcaHandles, hcaObjects or both");
                self.refused(self.job.refuse_text("", device, why), "rdma")?;
            }
            self.named(rows::RDMA, Some(device), "hca_handle=", limits.hca_handles)?;
            self.named(rows::RDMA, Some(device), "hca_object=", limits.hca_objects)?;
        }
        // Last, since they override the others.
        for (file, text) in resources.unified.iter() {
            self.unified(file, text)?;
        }
        Ok(())
    }

    fn block_io(&mut self, io: &BlockIo<'a>) -> Result<()> {
        for (at, device) in io.weight_device.iter().enumerate() {
            self.at = Some(at);
            let key = self.device("blockIO.weightDevice", device.major, device.minor)?;
            let leaf = device.leaf_weight.unwrap_or(0).into();
            let weight = device.weight.unwrap_or(0).into();
            for row in pieces(rows::DEVICE_WEIGHTS, b'\n') {
                let row = Row::parse(row);
                let (value, v2) = match row.v2 {
                    "" => (leaf, leaf),
                    "io.weight" => (weight, weight::of_block_io(weight)),
                    _ => (weight, weight),
                };
                self.row(row, key, value, v2)?;
            }
        }
        let lists = [
            io.throttle_read_bps_device,
            io.throttle_write_bps_device,
            io.throttle_read_iops_device,
            io.throttle_write_iops_device,
        ];
        for (row, list) in pieces(rows::THROTTLES, b'\n').zip(&lists) {
            let row = Row::parse(row);
            for (at, device) in list.iter().enumerate() {
                self.at = Some(at);
                let key = self.device(row.property, device.major, device.minor)?;
                let rate = clamp(device.rate.unwrap_or(0));
                // 0 takes the limit away.
                self.row(row, key, rate, if rate == 0 { -1 } else { rate })?;
            }
        }
        Ok(())
    }

    /// `MAJOR:MINOR `
    #[inline(never)]
    fn device(&self, property: &str, major: i64, minor: i64) -> Result<&'a str> {
        for number in [major, minor] {
            if u32::try_from(number).is_err() {
                self.refuse(property, number, packed!("expected a device number"))?;
            }
        }
        let (mut room, mut room_of_minor) = (Digits::default(), Digits::default());
        let major = digits(&mut room, major.unsigned_abs(), 10);
        self.text(&[
            major,
            b":",
            digits(&mut room_of_minor, minor.unsigned_abs(), 10),
            b" ",
        ])
    }

    /// A size as the kernel names its files: `^[1-9][0-9]*[KMG]B$`.
    fn page_size(&self, size: Option<&'a CStr>) -> Result<Option<&'a str>> {
        let size = size.unwrap_or_default();
        let digits = match size.to_bytes() {
            [digits @ .., b'K' | b'M' | b'G', b'B'] => digits,
            _ => b"0",
        };
        if !matches!(digits, [b'1'..=b'9', ..]) || !digits.iter().all(u8::is_ascii_digit) {
            let why = packed!("expected a size such as \"2MB\"");
            let refused = self.job.refuse_text(".pageSize", size, why);
            return self.refused(refused, "hugepageLimits").map(|()| None);
        }
        Ok(size.to_str().ok())
    }

    /// A value behind a name.
    fn named(
        &mut self,
        row: &'static str,
        name: Option<&CStr>,
        word: &str,
        value: Option<u32>,
    ) -> Result<()> {
        let (row, Some(value)) = (Row::parse(row), value) else {
            return Ok(());
        };
        let name = given(name).unwrap_or_default();
        let text = name.to_str().unwrap_or_default();
        if text.is_empty() || text.bytes().any(|byte| byte.is_ascii_whitespace()) {
            let why = packed!("expected a name without white space");
            return self.refused(self.job.refuse_text("", name, why), row.property);
        }
        let key = self.text(&[text.as_bytes(), b" ", word.as_bytes()])?;
        self.row(row, key, value.into(), value.into())
    }

    /// A file of v2 by its name, and a write for each line. Files that move, stop and kill processes, perhaps of others,
    /// are no limits.
    fn unified(&mut self, file: &'a CStr, text: &'a CStr) -> Result<()> {
        let name = file.to_str().unwrap_or_default();
        let process = name.starts_with("cgroup.") && !name.starts_with("cgroup.max.");
        let named = |mark| name.bytes().position(|byte| byte == mark);
        if matches!(named(b'.'), None | Some(0)) || named(b'/').is_some() || process {
            let why = packed!("expected a limit's file in cgroup v2, such as \"memory.high\"");
            return self.refused(self.job.refuse_text("", file, why), "unified");
        }
        let text = text.to_str().unwrap_or_default().trim_ascii_end();
        for line in pieces(text, b'\n') {
            let lacking = Lacking::Fails;
            self.push("unified", Setting { lacking, ..NOTHING }, must(name, line))?;
        }
        Ok(())
    }
}
