//! Bytes of somebody's export as text: finds the encoding by its mark or its looks. Pure.

use std::borrow::Cow;

/// The text of a file in UTF-8, UTF-16 or Windows-1252 (which has Latin-1 in it). Every byte string is a text in the
/// last of them, so this never fails.
#[must_use]
pub fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some(rest) = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]) {
        return String::from_utf8_lossy(rest);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return utf16(rest, u16::from_le_bytes).into();
    }
    if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return utf16(rest, u16::from_be_bytes).into();
    }
    match zeros(bytes) {
        Some(Zeros::High) => utf16(bytes, u16::from_be_bytes).into(),
        Some(Zeros::Low) => utf16(bytes, u16::from_le_bytes).into(),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            // A long UTF-8 file with a few broken signs is still UTF-8: else its every umlaut would turn to two.
            Err(_) if mostly_utf8(bytes) => String::from_utf8_lossy(bytes),
            Err(_) => bytes.iter().map(|byte| windows_1252(*byte)).collect::<String>().into(),
        },
    }
}

enum Zeros {
    High,
    Low,
}

/// UTF-16 without a mark: in text of mostly ASCII every other byte is zero, and no other encoding has zeros at all.
fn zeros(bytes: &[u8]) -> Option<Zeros> {
    let head = bytes.get(..bytes.len().min(4096))?;
    let count = |at: usize| head.iter().skip(at).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, most) = (count(0), count(1), head.len() / 4);
    if even > most && even > odd {
        return Some(Zeros::High);
    }
    (odd > most).then_some(Zeros::Low)
}

fn utf16(bytes: &[u8], join: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks().0.iter().map(|pair| join(*pair));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn mostly_utf8(bytes: &[u8]) -> bool {
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad.saturating_mul(4)
}

fn windows_1252(byte: u8) -> char {
    // 0x80..=0x9f differ from Latin-1; 0 stands for the five that are not used.
    const SPECIAL: [u16; 32] = [
        0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d,
        0, 0, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,
        0x017e, 0x0178,
    ];
    let special = byte.checked_sub(0x80).and_then(|at| SPECIAL.get(usize::from(at)));
    special.map_or(char::from(byte), |code| match code {
        0 => char::REPLACEMENT_CHARACTER,
        code => char::from_u32(u32::from(*code)).unwrap_or(char::REPLACEMENT_CHARACTER),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn le(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    fn be(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_be_bytes).collect()
    }

    #[test]
    fn each_encoding_of_an_export_is_found() {
        let text = "Name;Téléphone\nZoë Müller;+49 30 123456\n";
        assert_eq!(decode(text.as_bytes()), text);
        assert_eq!(decode(&[&[0xef, 0xbb, 0xbf], text.as_bytes()].concat()), text);
        assert_eq!(decode(&[&[0xff, 0xfe], &le(text)[..]].concat()), text);
        assert_eq!(decode(&[&[0xfe, 0xff], &be(text)[..]].concat()), text);
        assert_eq!(decode(&le(text)), text);
        assert_eq!(decode(&be(text)), text);
        let latin: Vec<u8> = text.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        assert_eq!(decode(&latin), text);
        assert_eq!(decode(b"\x80 5 \x96 O\x92Neil"), "€ 5 – O’Neil");
    }

    #[test]
    fn one_broken_sign_does_not_turn_the_rest_of_a_file() {
        let broken = [&"Zoë Müller, Äpfel".repeat(3).into_bytes()[..], b"\xc3,"].concat();
        assert!(decode(&broken).starts_with("Zoë Müller"));
    }

    proptest! {
        #[test]
        fn no_bytes_break_it(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn utf8_stays_what_it_is(text in "[^\u{0}\u{feff}]{0,80}") {
            prop_assert_eq!(decode(text.as_bytes()), text.as_str());
        }

        #[test]
        fn utf16_with_its_mark_comes_back(text in "\\PC{0,80}") {
            let (little, big) = ([&[0xff, 0xfe], &le(&text)[..]].concat(), [&[0xfe, 0xff], &be(&text)[..]].concat());
            prop_assert_eq!(decode(&little), text.as_str());
            prop_assert_eq!(decode(&big), text.as_str());
        }
    }
}
