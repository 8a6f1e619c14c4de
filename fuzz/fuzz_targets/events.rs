#![no_main]

#[path = "../checks/events.rs"]
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::bodies(data));
