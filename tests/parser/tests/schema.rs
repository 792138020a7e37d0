//! The schema's own examples: the good ones are read, and the bad ones are refused where they are bad.

use parser::large::refused_at;
use std::fs;
use std::path::Path;

fn documents(dir: &str) -> Vec<(String, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../spec-min/tests/data")
        .join(dir);
    let entries = fs::read_dir(dir).expect("the examples").flatten();
    let read = |path: std::path::PathBuf| {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        (name, fs::read_to_string(path).expect("an example"))
    };
    entries.map(|entry| read(entry.path())).collect()
}

#[test]
fn good() {
    let documents = documents("good");
    assert!(documents.len() >= 10);
    for (name, text) in documents {
        let read =
            spec_min::parse_spec(&mut text.into_bytes()).map(|spec| spec.oci_version.is_some());
        assert_eq!(read.map_err(|error| error.to_string()), Ok(true), "{name}");
    }
}

#[test]
fn bad() {
    const WHERE: &[(&str, &str)] = &[
        ("invalid-json", "1:2: expected a key or '}'"),
        (
            "linux-netdevice",
            "9:25: linux.netDevices.eth0.name: expected a string, found 23",
        ),
        (
            "linux-rdma",
            "10:35: linux.resources.rdma.mlx5_1.hcaHandles: expected an integer, found \"not a uint32\"",
        ),
        ("linux-hugepage", "linux.resources.hugepageLimits"),
    ];
    let documents = documents("bad");
    assert_eq!(documents.len(), WHERE.len());
    for (name, text) in documents {
        let (_, place) = WHERE
            .iter()
            .find(|(of, _)| *of == name)
            .expect("a row of the table");
        // Without a program nothing is planned.
        let text = text.replacen(
            "\"root\"",
            "\"process\": {\"args\": [\"x\"], \"cwd\": \"/\"}, \"root\"",
            1,
        );
        let line = refused_at(&text).expect_err(&name);
        assert!(line.starts_with(place), "{name}: {line}");
    }
}
