//! The fuzzer of `checks/input.rs`.

#![no_main]

mod checks;
mod in_place;
mod mutation;

use checks::input::FAMILY;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    let _ = (FAMILY.check)(input);
});

libfuzzer_sys::fuzz_mutator!(|buffer: &mut [u8], length: usize, capacity: usize, seed: u32| {
    in_place::mutate_in_place(buffer, length, capacity, FAMILY.format, seed)
});
