//! Fuzz target: any bytes as exec's process.json, down to the plan.
#![no_main]

libfuzzer_sys::fuzz_target!(|document: &[u8]| parser::target::process(document));
