//! What resctrl tells of a container's class, as runc's `events` has it under `intel_rdt`.

use super::{Rdt, join, read};
use crate::files;
use crate::json::Writer;
use crate::text::{number, pieces};
use rustix::fd::AsFd;
use rustix::fs::OFlags;

/// For each resource: the key of its object, the directory below `info`, files there, and the keys of its lines in
/// `schemata` of everybody and of the class.
const RESOURCES: &str = "\
l3_cache_info L3 cbm_mask,min_cbm_bits,num_closids l3_cache_schema_root l3_cache_schema
mem_bw_info MB bandwidth_gran,delay_linear,min_bandwidth,num_closids mem_bw_schema_root mem_bw_schema";

/// For each kind of count: the key of its list, and files of each domain.
const COUNTS: &str = "\
mbm_stats mbm_total_bytes,mbm_local_bytes
cmt_stats llc_occupancy";

impl Rdt {
    /// Adds the keys to an open object; what this CPU hasn't is left out.
    pub fn write_stats(&self, json: &mut Writer) {
        for row in pieces(RESOURCES, b'\n') {
            let mut words = pieces(row, b' ');
            let mut word = || words.next().unwrap_or_default();
            let (key, resource, names, of_all, of_class) = (word(), word(), word(), word(), word());
            let dir = ["info/", resource].concat();
            if read(self.root.as_fd(), &dir, "num_closids").is_err() {
                continue;
            }
            json.key(key);
            json.open_object();
            for name in pieces(names, b',') {
                let value = read(self.root.as_fd(), &dir, name).unwrap_or_default();
                match (name, number(value.trim_ascii().as_bytes())) {
                    ("cbm_mask", _) => json.text(name, value.trim_ascii()),
                    (_, None | Some(0)) => {}
                    (_, Some(value)) => {
                        json.key(name);
                        json.unsigned(value);
                    }
                }
            }
            json.close();
            for (key, class) in [(of_all, ""), (of_class, &*self.class)] {
                let schemata = read(self.root.as_fd(), class, "schemata").unwrap_or_default();
                let line = pieces(&schemata, b'\n').map(str::trim_ascii);
                let of = |line: &&str| {
                    line.strip_prefix(resource)
                        .is_some_and(|rest| rest.starts_with(':'))
                };
                if let Some(line) = line.clone().find(of) {
                    json.text(key, line);
                }
            }
        }
        let schemata = read(self.root.as_fd(), &self.class, "schemata").unwrap_or_default();
        let lines = pieces(&schemata, b'\n').map(str::trim_ascii);
        json.strings("schemata", &mut lines.filter(|line| !line.is_empty()));
        let group = if self.monitor.is_empty() {
            &self.class
        } else {
            &self.monitor
        };
        self.counts(&join(group, "mon_data"), json);
    }

    fn counts(&self, dir: &str, json: &mut Writer) {
        let mut domains: Vec<String> = Vec::new();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        if let Ok(open) = files::open_at(self.root.as_fd(), dir, flags, 0) {
            let _ = files::entries(open.as_fd(), &mut |name, _| {
                let name = name.to_str().unwrap_or_default();
                if name.starts_with("mon_L3_") {
                    let place = domains.partition_point(|other| other.as_str() < name);
                    domains.insert(place, name.into());
                }
            });
        }
        for row in pieces(COUNTS, b'\n') {
            let mut words = pieces(row, b' ');
            let (key, names) = (
                words.next().unwrap_or_default(),
                words.rest().unwrap_or_default(),
            );
            let count = |domain: &str, name| {
                let value = read(self.root.as_fd(), &join(dir, domain), name).ok()?;
                number(value.trim_ascii().as_bytes())
            };
            let any =
                |domain: &String| pieces(names, b',').any(|name| count(domain, name).is_some());
            if !domains.iter().any(any) {
                continue;
            }
            json.key(key);
            json.open_array();
            for domain in &domains {
                json.open_object();
                for name in pieces(names, b',') {
                    json.key(name);
                    json.unsigned(count(domain, name).unwrap_or(0));
                }
                json.close();
            }
            json.close();
        }
    }
}
