//! Decodes the bytes of an export: detects the encoding by its byte order mark, its content or a charset that it names. Pure.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};
use std::borrow::Cow;

/// Decodes UTF-8, UTF-16, the charset that a vCard names, or Windows-1252. Every byte string is valid in the last one, hence
/// decoding never fails.
#[must_use]
pub(super) fn decode(bytes: &[u8]) -> Cow<'_, str> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        return encoding.decode_without_bom_handling(bytes.get(mark..).unwrap_or_default()).0;
    }
    if let Some(encoding) = utf16_without_mark(bytes) {
        return encoding.decode_without_bom_handling(bytes).0;
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.into(),
        // A long UTF-8 file with a few invalid bytes is still UTF-8: as Windows-1252 each umlaut would become two
        // characters.
        Err(_) if is_mostly_utf8(bytes) => String::from_utf8_lossy(bytes),
        Err(_) => named_charset(bytes).unwrap_or(WINDOWS_1252).decode_without_bom_handling(bytes).0,
    }
}

/// Decodes the bytes of one value in the charset of its `CHARSET` parameter, else as [`decode`] does.
#[must_use]
pub(super) fn decode_value<'a>(bytes: &'a [u8], charset: Option<&str>) -> Cow<'a, str> {
    match charset.and_then(|label| Encoding::for_label(label.as_bytes())) {
        Some(encoding) => encoding.decode_without_bom_handling(bytes).0,
        None => decode(bytes),
    }
}

/// Detects UTF-16 without a mark: in mostly ASCII text every other byte is zero, and no other encoding contains zeros.
fn utf16_without_mark(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..bytes.len().min(4096))?;
    let count = |at: usize| head.iter().skip(at).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, threshold) = (count(0), count(1), head.len() / 4);
    if even > threshold && even > odd {
        return Some(UTF_16BE);
    }
    (odd > threshold).then_some(UTF_16LE)
}

/// Returns the charset of the first `CHARSET=` in the file: a vCard 2.1 without quoted-printable has its values in it.
fn named_charset(bytes: &[u8]) -> Option<&'static Encoding> {
    const PARAMETER: &[u8] = b"CHARSET=";
    let at = bytes.windows(PARAMETER.len()).position(|window| window.eq_ignore_ascii_case(PARAMETER))?;
    let rest = bytes.get(at + PARAMETER.len()..)?;
    let end = rest.iter().position(|byte| matches!(byte, b';' | b':' | b'\r' | b'\n'))?;
    Encoding::for_label(rest.get(..end)?)
}

fn is_mostly_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        valid += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        invalid += usize::from(!chunk.invalid().is_empty());
    }
    valid > invalid.saturating_mul(4)
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
        assert_eq!(decode(b"N;CHARSET=WINDOWS-1251:\xcf\xe5\xf2\xf0\xee\xe2"), "N;CHARSET=WINDOWS-1251:Петров");
        assert_eq!(decode_value(b"\xcf\xe5\xf2\xf0\xee\xe2", Some("windows-1251")), "Петров");
        assert_eq!(decode_value("Zoë".as_bytes(), Some("no such charset")), "Zoë");
    }

    #[test]
    fn decode_one_invalid_byte_keeps_utf8() {
        let broken = [&"Zoë Müller, Äpfel".repeat(3).into_bytes()[..], b"\xc3,"].concat();
        assert!(decode(&broken).starts_with("Zoë Müller"));
    }

    proptest! {
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
