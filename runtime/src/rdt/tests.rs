//! A tree of files such as resctrl has. The kernel fills a new directory; here the tests do.

use super::*;
use crate::json::{Layout, Writer};
use std::fs;
use std::path::PathBuf;

struct Tree(PathBuf);

impl Tree {
    fn new(name: &str) -> Tree {
        let dir = std::env::temp_dir().join(format!("mote-rdt-{name}-{}", std::process::id()));
        let tree = Tree(dir);
        tree.fill("", "    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n");
        for (name, text) in [
            ("last_cmd_status", "ok"),
            ("L3/cbm_mask", "fffff"),
            ("L3/min_cbm_bits", "1"),
            ("L3/num_closids", "16"),
            ("MB/bandwidth_gran", "10"),
            ("MB/delay_linear", "0"),
            ("MB/min_bandwidth", "10"),
            ("MB/num_closids", "8"),
        ] {
            tree.put(&format!("info/{name}"), text);
        }
        tree
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.0.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{text}\n")).unwrap();
    }

    /// What the kernel has in a class or a monitoring group.
    fn fill(&self, dir: &str, schemata: &str) {
        fs::create_dir_all(self.0.join(dir).join("mon_groups")).unwrap();
        fs::write(self.0.join(dir).join("schemata"), schemata).unwrap();
        fs::write(self.0.join(dir).join("tasks"), "").unwrap();
    }

    fn text(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap()
    }

    fn root(&self) -> OwnedFd {
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        files::open(&self.0, flags, 0).unwrap()
    }

    fn look(&self, plan: &plan::Rdt<'_>) -> Result<Rdt> {
        Rdt::look_in(self.root(), plan, "box")
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PLAN: plan::Rdt<'static> = plan::Rdt {
    class: c"box",
    named: false,
    lines: &[b"L3:0=7f0;1=1f", b"MB:0=20;1=70"],
    monitor: false,
};

fn pid() -> Pid {
    Pid::from_raw(4711).unwrap()
}

#[test]
fn a_class_of_its_own() {
    let tree = Tree::new("own");
    let rdt = tree.look(&PLAN).unwrap();
    assert_eq!(rdt.save(), "+-box");
    // The kernel's files are there as soon as the directory is; here that needs two steps.
    assert!(
        rdt.make(PLAN.lines, pid())
            .unwrap_err()
            .text()
            .contains("writing to box/schemata")
    );
    tree.fill("box", "");
    rdt.set(b"L3:0=7f0;1=1f\nMB:0=20;1=70\n").unwrap();
    rdt.enter(pid()).unwrap();
    assert_eq!(tree.text("box/schemata"), "L3:0=7f0;1=1f\nMB:0=20;1=70\n");
    assert_eq!(tree.text("box/tasks"), "4711");
    // Somebody is in it.
    rdt.remove().unwrap();
    assert!(tree.0.join("box").exists());
    fs::write(tree.0.join("box/tasks"), "\n").unwrap();
    // The kernel removes the files along with the directory.
    assert!(rdt.remove().unwrap_err().text().contains("removing box"));
    fs::remove_dir_all(tree.0.join("box")).unwrap();
    rdt.remove().unwrap();
    tree.fill("box", "");
    assert!(
        tree.look(&PLAN)
            .unwrap_err()
            .text()
            .contains("is there already")
    );
}

#[test]
fn a_class_of_others() {
    let tree = Tree::new("others");
    let named = plan::Rdt {
        class: c"gold",
        named: true,
        lines: &[],
        ..PLAN
    };
    assert!(
        tree.look(&named)
            .unwrap_err()
            .text()
            .contains("no such class")
    );
    tree.fill("gold", "    MB:0= 20;1= 70\n    L3:0=007f0;1=0001f\n");
    let rdt = tree.look(&named).unwrap();
    assert_eq!(rdt.save(), "=-gold");
    rdt.make(&[], pid()).unwrap();
    assert_eq!(tree.text("gold/tasks"), "4711");
    rdt.remove().unwrap();
    assert!(tree.0.join("gold").exists());
    // What is asked for must be so, and is not written again.
    let lines = plan::Rdt {
        lines: PLAN.lines,
        ..named
    };
    let rdt = tree.look(&lines).unwrap();
    rdt.make(lines.lines, pid()).unwrap();
    assert!(tree.text("gold/schemata").starts_with("    MB:"));
    for lines in [
        &[&b"L3:0=7f0;1=1"[..]],
        &[&b"L3:2=7f0"[..]],
        &[&b"L2:0=1"[..]],
        &[&b"nonsense"[..]],
    ] {
        let other = plan::Rdt { lines, ..named };
        assert!(
            tree.look(&other)
                .unwrap_err()
                .text()
                .contains("another schema")
        );
    }
    // The one that everybody is in, without touching it.
    let root = plan::Rdt {
        class: c"",
        ..named
    };
    let rdt = tree.look(&root).unwrap();
    assert_eq!(rdt.save(), "=-");
    rdt.make(&[], pid()).unwrap();
    assert_eq!(tree.text("tasks"), "4711");
    rdt.remove().unwrap();
}

#[test]
fn a_monitoring_group() {
    let tree = Tree::new("monitor");
    tree.fill("gold", "    L3:0=fffff\n");
    let plan = plan::Rdt {
        class: c"gold",
        named: true,
        lines: &[],
        monitor: true,
    };
    let rdt = tree.look(&plan).unwrap();
    assert_eq!(rdt.save(), "=mgold");
    assert!(rdt.make(&[], pid()).is_err(), "no tasks yet");
    fs::write(tree.0.join("gold/mon_groups/box/tasks"), "").unwrap();
    rdt.enter(pid()).unwrap();
    assert_eq!(tree.text("gold/mon_groups/box/tasks"), "4711");
    fs::remove_file(tree.0.join("gold/mon_groups/box/tasks")).unwrap();
    rdt.remove().unwrap();
    rdt.remove().unwrap();
    assert!(!tree.0.join("gold/mon_groups/box").exists() && tree.0.join("gold").exists());
}

#[test]
fn what_resctrl_says_of_a_failure() {
    let tree = Tree::new("says");
    let rdt = Rdt::new(tree.root(), "gone".into(), false, None);
    tree.put("info/last_cmd_status", "mask f out of range");
    let error = rdt.set(b"L3:0=0\n").unwrap_err();
    let text = "linux.intelRdt: writing to gone/schemata: no such file or directory (ENOENT): mask f out of range";
    assert_eq!(error.text(), text);
}

#[test]
fn statistics() {
    let tree = Tree::new("stats");
    tree.fill("box", "    MB:0= 20\n    L3:0=0000f\n");
    for (domain, bytes) in [("mon_L3_00", "1"), ("mon_L3_01", "2")] {
        tree.put(&format!("box/mon_data/{domain}/mbm_total_bytes"), bytes);
        tree.put(&format!("box/mon_data/{domain}/mbm_local_bytes"), "7");
        tree.put(
            &format!("box/mon_data/{domain}/llc_occupancy"),
            "Unavailable",
        );
    }
    let rdt = Rdt::new(tree.root(), "box".into(), true, None);
    let mut json = Writer::new(Layout::Compact);
    let mut stats = stats::Stats::of(&rdt);
    let mut turn = || {
        json.restart();
        json.open_object();
        stats.write(&mut json);
        json.close();
    };
    turn();
    let again = allocation_counter::measure(turn);
    assert_eq!(again.count_total, 0, "a turn takes nothing from the heap");
    assert_eq!(
        json.finish(),
        r#"{"l3_cache_info":{"cbm_mask":"fffff","min_cbm_bits":1,"num_closids":16},"l3_cache_schema_root":"L3:0=fffff;1=fffff","l3_cache_schema":"L3:0=0000f","mem_bw_info":{"bandwidth_gran":10,"min_bandwidth":10,"num_closids":8},"mem_bw_schema_root":"MB:0=100;1=100","mem_bw_schema":"MB:0= 20","schemata":["MB:0= 20","L3:0=0000f"],"mbm_stats":[{"mbm_total_bytes":1,"mbm_local_bytes":7},{"mbm_total_bytes":2,"mbm_local_bytes":7}]}"#
    );
}
