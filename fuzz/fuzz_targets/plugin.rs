#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| sops_activate_fuzz::run("plugin", data));
