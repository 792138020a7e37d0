//! Fuzz target: any bytes as config.json, down to the plan.
#![no_main]

libfuzzer_sys::fuzz_target!(|document: &[u8]| parser::target::plan(document));
