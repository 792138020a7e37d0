//! Fuzz target: any bytes as the resources that `update` is given.
#![no_main]

libfuzzer_sys::fuzz_target!(|document: &[u8]| parser::target::resources(document));
