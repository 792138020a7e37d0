//! Whole configs, changed at random: what spec-min reads is what serde reads into owned values, property for property.

#[path = "../../../spec-min/tests/oracle/generate.rs"]
mod generate;
#[path = "../../../spec-min/tests/oracle/mutate.rs"]
mod mutate;

use generate::Random;
use mutate::mutate;
use parser::judge::compare;
use parser::owned;

const DOCUMENTS: &[&str] = &[
    include_str!("../../../spec-min/tests/data/full.json"),
    include_str!("../../../spec-min/tests/data/engines/docker.json"),
    include_str!("../../../spec-min/tests/data/engines/podman.json"),
    include_str!("../../../spec-min/tests/data/engines/containerd.json"),
    include_str!("../../../spec-min/tests/data/good/spec-example.json"),
    include_str!("../../../runtime/src/verb/spec/expected.json"),
];

/// What both make of a document: shown in the same way, or nothing if they refuse it.
fn judge(document: &[u8]) -> Option<bool> {
    let mut repeated = false;
    compare(document, &mut repeated)?;
    // serde refuses a repeated key; `spec-min/tests/oracle` is about them.
    if repeated {
        return None;
    }
    let mut buffer = document.to_vec();
    let ours = spec_min::parse_spec(&mut buffer)
        .ok()
        .map(|spec| format!("{spec:?}"));
    // serde takes -0 for a fraction; to spec-min it is 0.
    let document = &positive(document);
    let owned = serde_json::from_slice::<owned::Spec>(document)
        .ok()
        .map(|spec| format!("{spec:?}"));
    assert_eq!(ours, owned, "{}", String::from_utf8_lossy(document));
    Some(ours.is_some())
}

/// The document with 0 for every value that is -0.
fn positive(document: &[u8]) -> Vec<u8> {
    let mut plain: Vec<u8> = Vec::with_capacity(document.len());
    for (at, byte) in document.iter().enumerate() {
        let zero = document[at..].starts_with(b"-0")
            && matches!(document.get(at + 2), Some(b',' | b'}' | b']'))
            && matches!(plain.last(), Some(b':' | b',' | b'[' | b' '));
        if !zero {
            plain.push(*byte);
        }
    }
    plain
}

#[test]
fn untouched() {
    for document in DOCUMENTS {
        assert_eq!(judge(document.as_bytes()), Some(true));
    }
}

#[test]
fn changed() {
    const ROUNDS: usize = 6_000;
    let mut random = Random(0x0dd0_0123_4567_89ab);
    let (mut good, mut bad) = (0, 0);
    for round in 0..ROUNDS {
        let mut document = DOCUMENTS[round % DOCUMENTS.len()].as_bytes().to_vec();
        mutate(&mut random, &mut document);
        match judge(&document) {
            Some(true) => good += 1,
            Some(false) => bad += 1,
            None => {}
        }
    }
    println!("{ROUNDS} configs: {good} good, {bad} with a wrong type, the others no JSON");
    assert!(good > ROUNDS / 10 && bad > ROUNDS / 50);
}
