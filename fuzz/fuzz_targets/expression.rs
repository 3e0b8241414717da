#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| immuta_impersonation::fuzzing::run("expression", bytes));
