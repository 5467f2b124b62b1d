//! Line type of a phone number.

use rlibphonenumber::PhoneNumberType;
use serde::Serialize;
use std::fmt;

/// Line type of a number, from the numbering plan of its country.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are the line types of libphonenumber")]
pub enum LineType {
    Fixed,
    Mobile,
    /// Plans such as the North American one do not distinguish.
    FixedOrMobile,
    TollFree,
    Premium,
    SharedCost,
    Voip,
    Personal,
    Pager,
    Company,
    Voicemail,
    /// Not assigned in the plan: possible, but unused.
    Unknown,
}

impl From<PhoneNumberType> for LineType {
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

impl fmt::Display for LineType {
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
            Self::Unknown => "unassigned number",
        })
    }
}
