//! The changes of `mutation` as libFuzzer asks for them: in a buffer of its own.

use crate::mutation::{Format, mutate};

/// Changes the document in the buffer's first `length` bytes and returns its new length, at most `capacity`.
pub(crate) fn mutate_in_place(buffer: &mut [u8], length: usize, capacity: usize, format: Format, seed: u32) -> usize {
    // libFuzzer's own changes learn from the comparisons that the program makes: worth a share of the tries.
    if seed.is_multiple_of(4) {
        return libfuzzer_sys::fuzzer_mutate(buffer, length, capacity);
    }
    let changed = mutate(&buffer[..length], format, u64::from(seed));
    if changed.is_empty() || changed.len() > capacity {
        return libfuzzer_sys::fuzzer_mutate(buffer, length, capacity);
    }
    buffer[..changed.len()].copy_from_slice(&changed);
    changed.len()
}
