//! Large documents: engines' of 100 KiB, and a synthetic one of 4 MiB, are read and planned, without the heap.

use parser::large::{ENGINES, grown, refused_at, synthetic};
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
        assert_eq!(refused_at(&large.to_string()), Ok(()), "{name}");
    }
}

/// With limits and a filter, but without hooks, whose state document is put together on the heap.
#[test]
fn engines_configs_take_nothing_from_the_heap() {
    for (name, document) in ENGINES {
        let mut document = grown(document, 1 << 10);
        document
            .as_object_mut()
            .and_then(|document| document.remove("hooks"));
        let linux = &document["linux"];
        assert!(linux["resources"].is_object(), "{name}");
        let mut buffer = document.to_string().into_bytes();
        let arena = init::sys::arena::Arena::new(runtime::plan::arena_size(buffer.len())).unwrap();
        let counted = allocation_counter::measure(|| {
            let spec = spec_min::parse_spec(&mut buffer).expect("a good document");
            let plan = runtime::plan::container(&spec, &ROOT, &arena, &mut |_, _| ());
            assert!(plan.is_ok(), "{name}");
        });
        assert_eq!(counted.count_total, 0, "{name}");
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
