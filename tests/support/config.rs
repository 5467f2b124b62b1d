//! Builder of test configs: a valid config for a simulator, changed key by key.

use poprelay::sim::FIRST_REFRESH_TOKEN;
use std::fmt;

/// Value of `outcomes` with every status.
pub const ALL_OUTCOMES: &str = r#"["answered", "missed", "voicemail", "ended"]"#;

/// A config as tables in order. `Display` writes it as TOML.
#[derive(Debug, Clone)]
pub struct TestConfig {
    tables: Vec<Table>,
}

#[derive(Debug, Clone)]
struct Table {
    name: String,
    /// Keys with their values as TOML, in order.
    keys: Vec<(String, String)>,
}

impl TestConfig {
    /// Creates a config for the simulator at `url`: one connection, a Slack sink `desk`, a Teams sink `support`. `{STATE}`
    /// stands for the state directory.
    pub fn new(url: &str) -> Self {
        Self { tables: Vec::new() }
            .text("connections.main", "client_id", "test-client")
            .text("connections.main", "client_secret", "test-secret")
            .text("connections.main", "refresh_token", FIRST_REFRESH_TOKEN)
            .text("connections.main", "api_url", url)
            .text("connections.main", "auth_url", url)
            .text("state", "dir", "{STATE}")
            .text("cards", "time_zone", "America/New_York")
            .text("sinks.desk", "type", "slack")
            .text("sinks.desk", "url", format!("{url}/slack/desk"))
            .text("sinks.support", "type", "teams")
            .text("sinks.support", "url", format!("{url}/teams/support"))
    }

    /// Sets a key to a TOML value. A missing table is added at the end.
    pub fn set(mut self, table: &str, key: &str, value: impl fmt::Display) -> Self {
        let at = self.tables.iter().position(|it| it.name == table).unwrap_or_else(|| {
            self.tables.push(Table { name: table.to_owned(), keys: Vec::new() });
            self.tables.len() - 1
        });
        let keys = &mut self.tables[at].keys;
        match keys.iter_mut().find(|(name, _)| name == key) {
            Some((_, old)) => *old = value.to_string(),
            None => keys.push((key.to_owned(), value.to_string())),
        }
        self
    }

    /// Sets a key to a text.
    pub fn text(self, table: &str, key: &str, value: impl fmt::Display) -> Self {
        self.set(table, key, format!("\"{value}\""))
    }

    /// Gives the sinks `desk` and `support` every status without a rate limit.
    pub fn all_outcomes(self) -> Self {
        ["sinks.desk", "sinks.support"]
            .into_iter()
            .fold(self, |config, sink| config.text(sink, "pace", "off").set(sink, "outcomes", ALL_OUTCOMES))
    }

    /// Renames a key and keeps its place and value.
    pub fn rename(mut self, table: &str, key: &str, to: &str) -> Self {
        let table = self.tables.iter_mut().find(|it| it.name == table).expect("the table exists");
        table.keys.iter_mut().find(|(name, _)| name == key).expect("the key exists").0 = to.to_owned();
        self
    }

    /// Removes a table.
    pub fn without(mut self, table: &str) -> Self {
        self.tables.retain(|it| it.name != table);
        self
    }

    /// Adds a copy of a table under another name.
    pub fn copy(mut self, table: &str, name: &str) -> Self {
        let keys = self.tables.iter().find(|it| it.name == table).expect("the table exists").keys.clone();
        self.tables.push(Table { name: name.to_owned(), keys });
        self
    }
}

impl fmt::Display for TestConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.tables {
            writeln!(f, "\n[{}]", table.name)?;
            for (key, value) in &table.keys {
                writeln!(f, "{key} = {value}")?;
            }
        }
        Ok(())
    }
}
