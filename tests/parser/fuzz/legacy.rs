//! Fuzz target: any bytes as documents from before 1.0.0, which `spec --from-legacy` converts.
#![no_main]

libfuzzer_sys::fuzz_target!(|document: &[u8]| parser::target::legacy(document));
