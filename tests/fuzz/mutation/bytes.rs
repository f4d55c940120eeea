//! Changes to bytes: what a broken disk, a cut transfer or a careless editor would do.

use super::SplitMix64;

const PIECES: [&[u8]; 14] = [
    b"\xef\xbb\xbf",
    b"\0",
    b"\x1b[31m",
    b"\r\n",
    b"\"",
    b",",
    b"{}",
    b"[",
    b"]",
    b"\\ud800",
    b"\xff",
    b"'''",
    b"\xe2\x80\xae",
    b"# x\n",
];

pub(crate) fn mutate(document: &[u8], random: &mut SplitMix64) -> Vec<u8> {
    let mut bytes = document.to_vec();
    let at = random.index(bytes.len() + 1);
    let end = (at + 1 + random.index(8)).min(bytes.len());
    match random.index(6) {
        0 => bytes.truncate(at),
        1 => drop(bytes.splice(at..at, random.pick(&PIECES).iter().copied())),
        2 if at < end => drop(bytes.drain(at..end)),
        3 if at < end => bytes[at] ^= 1 << random.index(8),
        4 if at < end => bytes[at] = random.next().to_le_bytes()[0],
        _ => {
            let copy = bytes[at.min(end)..end].to_vec();
            let to = random.index(bytes.len() + 1);
            drop(bytes.splice(to..to, copy));
        }
    }
    bytes
}
