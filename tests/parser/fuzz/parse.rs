//! Fuzz target: any bytes as config.json, judged by serde_json too.
#![no_main]

libfuzzer_sys::fuzz_target!(|document: &[u8]| parser::target::parse(document));
