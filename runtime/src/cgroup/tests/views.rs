//! Other hosts' ways to mount cgroups, in mount namespaces that end with each test: `a_life` runs again
//! in each of them.

use super::*;

/// What makes each view of this machine's hierarchies; `$own` is a cgroup made for it, in each of them.
const VIEWS: [(&str, &str); 4] = [
    ("no cgroups at all", "umount -l /sys/fs/cgroup"),
    (
        "v2 alone",
        "umount -l /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup",
    ),
    (
        "v1 alone, elsewhere",
        "umount -l /sys/fs/cgroup; mount -t tmpfs none /mnt; mkdir \"/mnt/the pids\";
         mount -t cgroup -o pids none \"/mnt/the pids\"",
    ),
    (
        // What an engine that keeps the cgroup namespace shows to a nested one.
        "inside a container",
        "cd /sys/fs/cgroup; for h in *; do test -w $h/$own/cgroup.procs || continue;
         echo $$ > $h/$own/cgroup.procs; mount --bind $h/$own $h; done; cd /",
    ),
];

#[test]
fn of_other_hosts() {
    if scratch_at(None).is_none() {
        return;
    }
    let own = name();
    let each = |step: &str| format!("for h in /sys/fs/cgroup/*/; do {step}; done 2>/dev/null");
    // Made as an ordinary group so that cpusets are filled; all at the top of their hierarchies.
    let path = std::ffi::CString::new(["/", &own].concat()).unwrap();
    let mut home = scratch_at(Some(&path)).unwrap();
    home.0.create(&[Version::V1, Version::V2]).unwrap();
    // With v2 alone every controller is switched on at the top: that is put back.
    let switches = "/sys/fs/cgroup/unified/cgroup.subtree_control";
    let before = std::fs::read_to_string(switches).unwrap_or_default();
    for (view, script) in VIEWS {
        let script =
            format!("{script}\nexec \"$0\" --exact cgroup::tests::life::a_life --nocapture");
        let run = Command::new("unshare")
            .args(["-m", "--propagation", "private", "sh", "-c", &script])
            .arg(std::env::current_exe().unwrap())
            .env("own", &own)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&run.stdout);
        assert!(
            run.status.success(),
            "{view}: {said}{}",
            String::from_utf8_lossy(&run.stderr)
        );
        assert!(said.contains("1 passed"), "{view}: {said}");
        assert_eq!(
            said.contains("skipped"),
            view.starts_with("no"),
            "{view}: {said}"
        );
    }
    for name in std::fs::read_to_string(switches)
        .unwrap_or_default()
        .split_whitespace()
    {
        if !before.split_whitespace().any(|known| known == name) {
            std::fs::write(switches, format!("-{name}")).unwrap();
        }
    }
    drop(home);
    let left = Command::new("sh")
        .args(["-c", &each("ls -d $h$own")])
        .env("own", &own)
        .output()
        .unwrap();
    assert!(
        left.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&left.stdout)
    );
}
