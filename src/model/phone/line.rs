//! What kind of line a number is.

use rlibphonenumber::PhoneNumberType;
use serde::Serialize;
use std::fmt;

/// What kind of line a number is, as its country's numbering plan says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Line {
    Fixed,
    Mobile,
    /// Plans like the North American one do not tell.
    FixedOrMobile,
    TollFree,
    Premium,
    SharedCost,
    Voip,
    Personal,
    Pager,
    Company,
    Voicemail,
    /// No line of the plan: the number is possible, but not given out.
    Unknown,
}

impl From<PhoneNumberType> for Line {
    fn from(kind: PhoneNumberType) -> Self {
        match kind {
            PhoneNumberType::FixedLine => Self::Fixed,
            PhoneNumberType::Mobile => Self::Mobile,
            PhoneNumberType::FixedLineOrMobile => Self::FixedOrMobile,
            PhoneNumberType::TollFree => Self::TollFree,
            PhoneNumberType::PremiumRate => Self::Premium,
            PhoneNumberType::SharedCost => Self::SharedCost,
            PhoneNumberType::VoIP => Self::Voip,
            PhoneNumberType::PersonalNumber => Self::Personal,
            PhoneNumberType::Pager => Self::Pager,
            PhoneNumberType::UAN => Self::Company,
            PhoneNumberType::VoiceMail => Self::Voicemail,
            PhoneNumberType::Unknown => Self::Unknown,
        }
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fixed => "landline",
            Self::Mobile => "mobile",
            Self::FixedOrMobile => "landline or mobile",
            Self::TollFree => "toll-free",
            Self::Premium => "premium rate",
            Self::SharedCost => "shared cost",
            Self::Voip => "VoIP",
            Self::Personal => "personal number",
            Self::Pager => "pager",
            Self::Company => "company number",
            Self::Voicemail => "voicemail access",
            Self::Unknown => "not a number that is given out",
        })
    }
}
