//! Fuzz target: any bytes as what a bus sends, and as the value of an `org.systemd.property` annotation.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| parser::target::dbus(bytes));
