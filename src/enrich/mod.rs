//! stub
/// stub
#[derive(Debug, serde::Deserialize)]
pub struct SourceConfig {
    #[serde(flatten)]
    all: std::collections::BTreeMap<String, serde_json::Value>,
}
