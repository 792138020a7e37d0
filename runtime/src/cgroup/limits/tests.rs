//! How the kernel's files are read, and what puts an old value back.

use super::*;

#[test]
fn old_values() {
    const ROWS: [(&str, &str, &str, &str); 14] = [
        ("pids.max", "max\n", "7", "max\n"),
        ("cpu.max", "max 100000\n", "50000 100000", "max 100000\n"),
        ("cpuset.cpus", "\n", "0", "\n"),
        (
            "memory.oom_control",
            "oom_kill_disable 0\nunder_oom 0\n",
            "1",
            "0\n",
        ),
        ("io.weight", "default 100\n8:0 50\n", "200", "default 100\n"),
        ("io.weight", "default 100\n8:0 50\n", "8:0 200", "8:0 50"),
        (
            "io.weight",
            "default 100\n8:0 50\n",
            "8:16 200",
            "8:16 default",
        ),
        (
            "io.max",
            "8:0 rbps=max wbps=1 riops=max wiops=max\n",
            "8:0 rbps=5",
            "8:0 rbps=max wbps=1 riops=max wiops=max",
        ),
        ("io.max", "", "8:0 rbps=5", "8:0 rbps=max"),
        ("io.max", "8:1 rbps=5\n", "8:16 wiops=5", "8:16 wiops=max"),
        (
            "blkio.throttle.read_bps_device",
            "8:0 7\n",
            "8:0 9",
            "8:0 7",
        ),
        (
            "blkio.throttle.read_bps_device",
            "8:0 7\n",
            "8:1 9",
            "8:1 0",
        ),
        (
            "rdma.max",
            "a hca_handle=max hca_object=2\nb hca_handle=1\n",
            "a hca_handle=5",
            "a hca_handle=max hca_object=2",
        ),
        ("net_prio.ifpriomap", "lo 0\neth0 3\n", "eth0 5", "eth0 3"),
    ];
    for (name, now, text, old) in ROWS {
        assert_eq!(restoring(name, now, text), old, "{name}: {text}");
    }
}

#[test]
fn numbers() {
    const ROWS: [(&str, Option<i64>); 6] = [
        ("max\n", Some(-1)),
        ("9223372036854771712\n", Some(-1)),
        ("18446744073709551615", Some(-1)),
        ("0\n", Some(0)),
        ("4096", Some(4096)),
        ("x", None),
    ];
    for (text, want) in ROWS {
        assert_eq!(bytes(text), want, "{text}");
    }
}

#[test]
fn controllers() {
    assert_eq!(controller("memory.max"), "memory");
    assert_eq!(controller(""), ".");
}
