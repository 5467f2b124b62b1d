//! Known keys of each config table, as the schema's `Deserialize` implementations state them.

use super::schema::{
    CardsTable, ConnectionTable, DatabaseTable, File, JournalTable, LinesTable, MetricsTable, NetworkTable,
    OperatorTable, PersonTable, StateTable,
};
use super::sink_table::SinkTable;
use crate::{
    enrich::{OauthConfig, SearchConfig, SourceConfig},
    route::{Condition, Mentions, Rule},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};

/// Returns the tables with their keys; `*` is a name chosen by the operator.
#[must_use]
pub fn known_keys() -> Vec<(&'static str, &'static [&'static str])> {
    vec![
        ("", fields::<File>()),
        ("connections.*", fields::<ConnectionTable>()),
        ("state", fields::<StateTable>()),
        ("state.database", fields::<DatabaseTable>()),
        ("sinks.*", fields::<SinkTable>()),
        // Variants of untagged enums, whose fields serde does not state.
        ("sinks.*.pace", &["per_second", "burst"]),
        ("sinks.*.recap", &["at", "days", "latency"]),
        ("network", fields::<NetworkTable>()),
        ("people.*", fields::<PersonTable>()),
        ("operator", fields::<OperatorTable>()),
        ("metrics", fields::<MetricsTable>()),
        ("journal", fields::<JournalTable>()),
        ("cards", fields::<CardsTable>()),
        ("cards.lines", fields::<LinesTable>()),
        ("routes.*", fields::<Rule>()),
        ("routes.*.match", fields::<Condition>()),
        ("routes.*.unless", fields::<Condition>()),
        ("routes.*.mention", fields::<Mentions>()),
        ("enrich.*", fields::<SourceConfig>()),
        ("enrich.*.also.*", fields::<SearchConfig>()),
        ("enrich.*.oauth", fields::<OauthConfig>()),
    ]
}

/// Returns the field names of a struct that derives `Deserialize`.
fn fields<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // The deserializer always fails; only the names count.
    drop(T::deserialize(FieldNames(&mut names)));
    names
}

/// A deserializer that records the field names of the first struct and fails.
struct FieldNames<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for FieldNames<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("not a struct"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        Err(Error::custom("names recorded"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_its_serialized_field_names() {
        let keys = known_keys();
        assert!(keys.iter().all(|(_, keys)| !keys.is_empty()), "{keys:?}");
        let of = |table: &str| keys.iter().find(|(name, _)| *name == table).unwrap().1;
        assert!(of("enrich.*").contains(&"goto") && of("sinks.*").contains(&"type"));
        assert!(of("routes.*").contains(&"match") && of("routes.*.unless").contains(&"status"));
    }
}
