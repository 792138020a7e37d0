//! Fuzz target: any bytes as mote's own state.json.
#![no_main]

libfuzzer_sys::fuzz_target!(|document: &[u8]| parser::target::state(document));
