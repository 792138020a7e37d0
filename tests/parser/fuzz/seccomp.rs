//! Fuzz target: any bytes as `linux.seccomp`, down to the program for the kernel.
#![no_main]

libfuzzer_sys::fuzz_target!(|document: &[u8]| parser::target::seccomp(document));
