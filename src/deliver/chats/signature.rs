//! Signatures of the Standard Webhooks specification 1.0.0: HMAC-SHA256 over id, time and body.

use crate::model::{secret::Secret, time::Timestamp};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Prefix of a secret; the rest is the key in base64.
const SECRET_PREFIX: &str = "whsec_";
/// Bytes of a key that the specification allows.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// Key that signs messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SigningKey(Secret);

impl SigningKey {
    /// Reads a secret of the form `whsec_…`; `None` if it is no base64 of 24 to 64 bytes.
    #[must_use]
    pub fn parse(secret: &Secret) -> Option<Self> {
        let text = secret.expose().trim();
        let key = Self::decode(text)?;
        KEY_BYTES.contains(&key.len()).then(|| Self(Secret::new(text)))
    }

    fn decode(text: &str) -> Option<Vec<u8>> {
        STANDARD.decode(text.strip_prefix(SECRET_PREFIX)?).ok()
    }

    /// Returns the secret, for redaction.
    #[must_use]
    pub const fn secret(&self) -> &Secret {
        &self.0
    }

    /// Returns the value of `webhook-signature` for a body as it is sent.
    #[must_use]
    pub fn sign(&self, id: &str, at: Timestamp, body: &str) -> String {
        let key = Self::decode(self.0.expose()).unwrap_or_default();
        // HMAC takes keys of any length; the error type is that of keyed algorithms in general.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { return String::new() };
        mac.update(format!("{id}.{}.{body}", at.as_second()).as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parse_accepts_keys_of_24_to_64_bytes_only() {
        let key = |bytes: usize| Secret::new(format!("whsec_{}", STANDARD.encode(vec![7_u8; bytes])));
        assert!(SigningKey::parse(&key(24)).is_some() && SigningKey::parse(&key(64)).is_some());
        for bad in
            [key(23), key(65), Secret::new("whsec_"), Secret::new("whsec_*"), Secret::new(STANDARD.encode([7; 24]))]
        {
            assert_eq!(SigningKey::parse(&bad), None, "{}", bad.expose());
        }
    }

    #[test]
    fn sign_agrees_with_the_reference_library() {
        let secret = format!("whsec_{}", STANDARD.encode([42_u8; 32]));
        let key = SigningKey::parse(&Secret::new(secret.as_str())).unwrap();
        let reference = standardwebhooks::Webhook::new(&secret).unwrap();
        for body in ["", "{}", r#"{"a":"é . ."}"#] {
            let now = Timestamp::now();
            let signed = reference.sign("msg_1", now.as_second(), body.as_bytes()).unwrap();
            assert_eq!(key.sign("msg_1", now, body), signed);
        }
    }
}
