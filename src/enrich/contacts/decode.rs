//! Decodes the bytes of an export: detects the encoding by its byte order mark or its content. Pure.

use std::borrow::Cow;

/// Decodes UTF-8, UTF-16 or Windows-1252 (a superset of printable Latin-1). Every byte string is valid in the last
/// one, hence decoding never fails.
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
    match utf16_byte_order(bytes) {
        Some(ByteOrder::BigEndian) => utf16(bytes, u16::from_be_bytes).into(),
        Some(ByteOrder::LittleEndian) => utf16(bytes, u16::from_le_bytes).into(),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            // A long UTF-8 file with a few invalid bytes is still UTF-8: as Windows-1252 each umlaut would become two
            // characters.
            Err(_) if is_mostly_utf8(bytes) => String::from_utf8_lossy(bytes),
            Err(_) => bytes.iter().map(|byte| windows_1252(*byte)).collect::<String>().into(),
        },
    }
}

enum ByteOrder {
    BigEndian,
    LittleEndian,
}

/// Detects UTF-16 without a mark: in mostly ASCII text every other byte is zero, and no other encoding contains utf16_byte_order.
fn utf16_byte_order(bytes: &[u8]) -> Option<ByteOrder> {
    let head = bytes.get(..bytes.len().min(4096))?;
    let count = |at: usize| head.iter().skip(at).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, threshold) = (count(0), count(1), head.len() / 4);
    if even > threshold && even > odd {
        return Some(ByteOrder::BigEndian);
    }
    (odd > threshold).then_some(ByteOrder::LittleEndian)
}

fn utf16(bytes: &[u8], from_bytes: fn([u8; 2]) -> u16) -> String {
    let units = bytes.as_chunks().0.iter().map(|pair| from_bytes(*pair));
    char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    valid > invalid.saturating_mul(4)
}

fn windows_1252(byte: u8) -> char {
    // 0x80..=0x9f differ from Latin-1. 0 marks the five unused codes.
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
    fn decode_each_export_encoding_is_detected() {
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
    fn decode_one_invalid_byte_keeps_utf8() {
        let broken = [&"Zoë Müller, Äpfel".repeat(3).into_bytes()[..], b"\xc3,"].concat();
        assert!(decode(&broken).starts_with("Zoë Müller"));
    }

    proptest! {
        #[test]
        fn decode_any_bytes_does_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn decode_utf8_is_unchanged(text in "[^\u{0}\u{feff}]{0,80}") {
            prop_assert_eq!(decode(text.as_bytes()), text.as_str());
        }

        #[test]
        fn decode_utf16_with_mark_is_restored(text in "\\PC{0,80}") {
            let (little, big) = ([&[0xff, 0xfe], &le(&text)[..]].concat(), [&[0xfe, 0xff], &be(&text)[..]].concat());
            prop_assert_eq!(decode(&little), text.as_str());
            prop_assert_eq!(decode(&big), text.as_str());
        }
    }
}
