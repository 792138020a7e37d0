//! Large documents: engines' of 100 KiB, and a synthetic one of 4 MiB, are read and planned, without the heap.

use parser::large::{ENGINES, grown, plannable, refused_at, synthetic};
use parser::target::ROOT;

#[test]
fn engines_configs_of_100_kib() {
    for (name, document) in ENGINES {
        let large = grown(document, 100 << 10);
        assert!(large.to_string().len() >= 100 << 10);
        let mut text = large.to_string().into_bytes();
        let spec =
            spec_min::parse_spec(&mut text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(spec.mounts.len(), large["mounts"].as_array().unwrap().len());
        let (rest, taken) = plannable(large.clone());
        println!("{name}: {} bytes planned, without {taken:?}", rest.len());
    }
}

#[test]
fn a_config_of_4_mib() {
    let document = synthetic(50_000, 5_000);
    assert!(document.len() >= 4 << 20, "{}", document.len());
    let mut buffer = document.clone().into_bytes();
    let arena = init::sys::arena::Arena::new(runtime::plan::arena_size(buffer.len())).unwrap();
    let mut warnings = 0;
    let counted = allocation_counter::measure(|| {
        let spec = spec_min::parse_spec(&mut buffer).expect("a good document");
        let plan = runtime::plan::container(&spec, &ROOT, &arena, &mut |_, _| warnings += 1);
        let plan = plan.expect("a good plan");
        assert_eq!(plan.mounts.len(), 5_000);
        assert_eq!(plan.process.env.iter().count(), 50_000);
    });
    assert_eq!((counted.count_total, warnings), (0, 0));
    assert_eq!(refused_at(&document), Ok(()));
}
