#![no_main]

#[path = "../checks/msrp.rs"]
#[allow(dead_code)] // the other targets use the rest
mod checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| checks::uri(data));
