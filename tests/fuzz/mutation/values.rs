//! Values at the edges of what the readers take, and just beyond.

use super::SplitMix64;

const NUMBERS: [&str; 34] = [
    "0",
    "-0",
    "0.0",
    "1",
    "-1",
    "2",
    "20",
    "100",
    "100.0000000000000000000000001",
    "101",
    "0.5",
    "0.25",
    "1.50",
    "1e3",
    "1E+3",
    "1e-7",
    "1e400",
    "1e-40",
    "1e28",
    "1e29",
    "1000000000",
    "1000000000.1",
    "1000000000000000000",
    "79228162514264337593543950335",
    "7.9228162514264337593543950335",
    "99.999999999999999999999999999",
    "0.0000000000000000000000000001",
    "0.00000000000000000000000000001",
    "9007199254740993",
    "4294967295",
    "4294967296",
    "18446744073709551615",
    "18446744073709551616",
    "00",
];

const TEXTS: [&str; 44] = [
    "",
    " ",
    "NaN",
    "Infinity",
    "+5",
    "1_000",
    "1,5",
    "0x10",
    "٣",
    "bitcoin",
    "BTC",
    "Bitcoin",
    "USDT",
    "usdt",
    "BTC-USD",
    "XBT/USD",
    "btcusdt",
    "b\u{456}tcoin",
    "a\u{0}b",
    "a\nb",
    "\u{1b}[31mred",
    "\u{202e}gnp.exe",
    "\u{200b}",
    "\u{ad}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "2025-04-16",
    "2024-02-29",
    "2025-02-29",
    "0000-01-01",
    "9999-12-31",
    "2025-04-16T06:00:00Z",
    "2025-04-16T06:00:00.000000001Z",
    "2025-04-16T08:00:00+02:00",
    "2025-04-16T06:00:00-25:00",
    "2025-04-16 06:00:00",
    "2025-06-30T23:59:60Z",
    "9999-12-31T23:59:59.999999999Z",
    "live",
    "recover",
    "full",
    "TRADING",
    "online",
    "layer-1|meme||meme",
];

pub(crate) fn number(random: &mut SplitMix64) -> String {
    if random.one_in(3) {
        // Around a plain figure: digits on both sides of the point.
        let whole = random.next() % 10_u64.pow(u32::try_from(random.index(13)).expect("small"));
        let fraction = random.next() % 10_u64.pow(u32::try_from(random.index(10)).expect("small"));
        return format!("{whole}.{fraction}");
    }
    (*random.pick(&NUMBERS)).to_owned()
}

pub(crate) fn text(random: &mut SplitMix64) -> String {
    if random.one_in(4) { number(random) } else { (*random.pick(&TEXTS)).to_owned() }
}

/// A text with one character changed, added or removed, or a number beside the one that it holds.
pub(crate) fn near(text: &str, random: &mut SplitMix64) -> String {
    let mut characters: Vec<char> = text.chars().collect();
    let at = random.index(characters.len() + 1);
    match random.index(6) {
        0 if at < characters.len() => drop(characters.remove(at)),
        1 => characters.insert(at, *random.pick(&['0', '9', '.', '-', 'e', 'A', 'z', ' ', ':', '/', '\u{e9}', '|'])),
        2 if at < characters.len() => {
            characters[at] = char::from(b'0' + u8::try_from(random.index(10)).expect("a digit"));
        }
        3 => return text.to_uppercase(),
        4 => return format!("{text}{text}"),
        _ => return self::text(random),
    }
    characters.into_iter().collect()
}
