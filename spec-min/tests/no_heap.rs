//! Reading allocates nothing, whether it succeeds or not, and neither does going through what was read.

use allocation_counter::measure;
use spec_min::parse_spec;

const FULL: &str = include_str!("data/full.json");

#[test]
fn a_document() {
    let mut buf = FULL.as_bytes().to_vec();
    let mut texts = 0;
    let counted = measure(|| {
        let spec = parse_spec(&mut buf).expect("full.json is a config.json");
        let process = spec.process.get().expect("full.json has a process");
        texts += process
            .args
            .iter()
            .map(|text| text.count_bytes())
            .sum::<usize>();
        texts += process
            .env
            .iter()
            .map(|text| text.bytes().len())
            .sum::<usize>();
        texts += spec.mounts.iter().flat_map(|mount| mount.options).count();
        texts += spec
            .annotations
            .iter()
            .filter(|(key, value)| key != value)
            .count();
    });
    assert_eq!(counted.count_total, 0);
    assert!(texts > 0);
}

#[test]
fn an_error() {
    let mut buf = FULL.replace("32771", "\"32771\"").into_bytes();
    let counted = measure(|| assert!(parse_spec(&mut buf).is_err()));
    assert_eq!(counted.count_total, 0);
}
