//! What resctrl tells of a container's class, as runc's `events` has it under `intel_rdt`. As for
//! [those of cgroups](crate::cgroup::Stats), nothing is taken from the heap after the first turn.

use super::{Rdt, join};
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

/// A class, to be read again and again.
pub struct Stats<'r> {
    rdt: &'r Rdt,
    /// The directories with counts, one for each cache.
    domains: Vec<String>,
    /// The file that was read last.
    text: Vec<u8>,
    path: String,
}

impl Stats<'_> {
    /// Looks which caches there are.
    pub fn of(rdt: &Rdt) -> Stats<'_> {
        let group = match &*rdt.monitor {
            "" => &rdt.class,
            monitor => monitor,
        };
        let dir = join(group, "mon_data");
        let mut domains: Vec<String> = Vec::new();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        if let Ok(open) = files::open_at(rdt.root.as_fd(), &dir, flags, 0) {
            let _ = files::entries(open.as_fd(), &mut |name, _| {
                let name = name.to_str().unwrap_or_default();
                if name.starts_with("mon_L3_") {
                    let name = join(&dir, name);
                    let place = domains.iter().take_while(|other| **other < name).count();
                    domains.insert(place, name);
                }
            });
        }
        Stats {
            rdt,
            domains,
            text: Vec::new(),
            path: String::new(),
        }
    }

    /// Adds the keys to an open object; what this CPU hasn't is left out.
    pub fn write(&mut self, json: &mut Writer) {
        for row in pieces(RESOURCES, b'\n') {
            let mut words = pieces(row, b' ');
            let mut word = || words.next().unwrap_or_default();
            let (key, resource, names, of_all, of_class) = (word(), word(), word(), word(), word());
            if self.read(&["info", resource, "num_closids"]).is_empty() {
                continue;
            }
            json.key(key);
            json.open_object();
            for name in pieces(names, b',') {
                let value = self.read(&["info", resource, name]);
                match (name, number(value.as_bytes())) {
                    ("cbm_mask", _) => json.text(name, value),
                    (_, None | Some(0)) => {}
                    (_, Some(value)) => {
                        json.key(name);
                        json.unsigned(value);
                    }
                }
            }
            json.close();
            for (key, class) in [(of_all, ""), (of_class, &*self.rdt.class)] {
                let of = |line: &&str| {
                    let rest = line.strip_prefix(resource);
                    rest.is_some_and(|rest| rest.starts_with(":"))
                };
                let schemata = self.read(&[class, "schemata"]);
                if let Some(line) = pieces(schemata, b'\n').map(str::trim_ascii).find(of) {
                    json.text(key, line);
                }
            }
        }
        let schemata = self.read(&[&self.rdt.class, "schemata"]);
        let lines = pieces(schemata, b'\n').map(str::trim_ascii);
        json.strings("schemata", &mut lines.filter(|line| !line.is_empty()));
        let domains = core::mem::take(&mut self.domains);
        for row in pieces(COUNTS, b'\n') {
            let mut words = pieces(row, b' ');
            let (key, names) = (words.next().unwrap_or_default(), words.rest());
            let names = pieces(names.unwrap_or_default(), b',');
            let mut counted = |domain: &String, name| number(self.read(&[domain, name]).as_bytes());
            let known = domains
                .iter()
                .any(|domain| names.clone().any(|name| counted(domain, name).is_some()));
            if !known {
                continue;
            }
            json.key(key);
            json.open_array();
            for domain in &domains {
                json.open_object();
                for name in names.clone() {
                    json.key(name);
                    json.unsigned(counted(domain, name).unwrap_or(0));
                }
                json.close();
            }
            json.close();
        }
        self.domains = domains;
    }

    /// What a file holds, without white space around it; nothing if it can't be read.
    fn read(&mut self, path: &[&str]) -> &str {
        self.path.clear();
        for part in path.iter().filter(|part| !part.is_empty()) {
            if !self.path.is_empty() {
                self.path.push('/');
            }
            self.path.push_str(part);
        }
        self.text.clear();
        let _ = files::open_at(self.rdt.root.as_fd(), &self.path, OFlags::RDONLY, 0)
            .and_then(|file| files::append(file.as_fd(), &mut self.text));
        core::str::from_utf8(&self.text)
            .unwrap_or_default()
            .trim_ascii()
    }
}
