//! Maps a CRM's JSON to contacts: finds the records, and reads the fields. Pure.

use super::{
    template::{Encoding, Template},
    value::text,
};
use crate::{
    enrich::{
        config::{FieldPath, SourceProblem},
        contacts::is_fax_label,
    },
    model::{
        card::{Contact, Fact},
        phone::{E164, Region, read_cell},
    },
};
use serde_json::Value;
use std::{cell::OnceCell, collections::BTreeMap};

/// Longest stored value, in bytes. A card shows less.
const MAX_VALUE_BYTES: usize = 2000;
/// Most records of a response. A card lists ten.
const MAX_RECORDS: usize = 20;

/// Mapping of a response to contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ResponseMapping {
    /// Pointer to the list of records. `None`: the response itself.
    results: Option<String>,
    fields: Vec<(Field, Vec<FieldSource>)>,
    /// Pointers to a record's own numbers. If any, one must be the caller's.
    numbers: Vec<String>,
}

/// Origin of a field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
enum FieldSource {
    /// JSON pointer into the record.
    Pointer(String),
    /// Template over the record's fields.
    Template(Template),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    Name,
    Company,
    Tier,
    Owner,
    Notes,
    Tags,
    Link,
    Fact(String),
}

impl ResponseMapping {
    /// Builds the mapping from `results`, `fields` and `numbers` of the config. Without `results`, a prefix `/…/0/`
    /// shared by all fields is the list, and its other records count as well.
    ///
    /// # Errors
    /// Keys whose value is neither a pointer nor a template.
    pub(crate) fn from_config(
        results: Option<&str>,
        fields: &BTreeMap<String, FieldPath>,
        numbers: &[String],
    ) -> Result<Self, Vec<SourceProblem>> {
        let mut problems = Vec::new();
        let mut report = |key: String, reason: String| problems.push(SourceProblem { key, reason });
        let derived = if results.is_none() { common_list_pointer(fields) } else { None };
        if let Some(reason) = results.filter(|it| !it.is_empty()).and_then(|it| check_pointer(it).err()) {
            report("results".to_owned(), reason);
        }
        let mut read = Vec::new();
        for (name, paths) in fields {
            let mut choices = Vec::new();
            let encoding = if name == "link" { Encoding::Url } else { Encoding::Text };
            for path in paths.paths() {
                let path = derived.as_deref().map_or(path.clone(), |list| path.replace(&format!("{list}/0/"), "/"));
                match FieldSource::read(&path, encoding) {
                    Ok(choice) => choices.push(choice),
                    Err(reason) => report(format!("fields.{name}"), reason),
                }
            }
            read.push((Field::named(name), choices));
        }
        let mut own = Vec::new();
        for pointer in numbers {
            check_pointer(pointer).err().into_iter().for_each(|reason| report("numbers".to_owned(), reason));
            own.push(derived.as_deref().map_or(pointer.clone(), |list| pointer.replace(&format!("{list}/0/"), "/")));
        }
        let results = results.map(str::to_owned).or(derived);
        if problems.is_empty() { Ok(Self { results, fields: read, numbers: own }) } else { Err(problems) }
    }

    /// Returns the records of a response.
    ///
    /// # Errors
    /// The pointer without a value.
    pub(crate) fn records<'a>(&self, response: &'a Value) -> Result<Vec<&'a Value>, String> {
        let pointer = self.results.as_deref().unwrap_or_default();
        Ok(match response.pointer(pointer).ok_or_else(|| pointer.to_owned())? {
            Value::Array(records) => records.iter().take(MAX_RECORDS).collect(),
            Value::Null => Vec::new(),
            record => vec![record],
        })
    }

    /// Returns whether the record has the caller's number. CRM searches also return similar numbers, and a card with a
    /// wrong name is the worst outcome. `region` completes the record's numbers.
    #[must_use]
    pub(crate) fn matches_number(&self, record: &Value, caller: &E164, region: Region) -> bool {
        let is_caller = |text: &str| {
            read_cell(text, region).is_ok_and(|numbers| numbers.iter().any(|it| it.as_u64() == caller.as_u64()))
        };
        let own = || self.numbers.iter().filter_map(|pointer| record.pointer(pointer));
        self.numbers.is_empty() || own().any(|value| any_text_matches(value, &is_caller))
    }

    /// Returns the contact of a record. `None` if no field has a value.
    #[must_use]
    pub(crate) fn contact(&self, record: &Value, source: &str) -> Option<Contact> {
        let mut contact = Contact { source: source.to_owned(), ..Contact::default() };
        let mut empty = true;
        let values = OnceCell::new();
        for (field, choices) in &self.fields {
            let is_fact = matches!(field, Field::Fact(_));
            let value = choices.iter().find_map(|choice| choice.value(record, &values, is_fact));
            let Some(value) = value else { continue };
            empty = false;
            match field {
                Field::Name => contact.name = Some(value),
                Field::Company => contact.company = Some(value),
                Field::Tier => contact.tier = Some(value),
                Field::Owner => contact.owner = Some(value),
                Field::Notes => contact.notes = Some(value),
                Field::Link if !value.starts_with("https://") => {}
                Field::Link => contact.link = Some(value),
                Field::Tags => {
                    contact.tags =
                        value.split([',', ';']).map(|tag| tag.trim().to_owned()).filter(|it| !it.is_empty()).collect();
                }
                Field::Fact(label) => {
                    contact.facts.push(Fact { label: label.clone(), value, source: source.to_owned() });
                }
            }
        }
        (!empty).then_some(contact)
    }
}

impl FieldSource {
    fn read(path: &str, encoding: Encoding) -> Result<Self, String> {
        if path.starts_with('/') {
            check_pointer(path)?;
            return Ok(Self::Pointer(path.to_owned()));
        }
        let template = Template::compile(path, encoding, None)?;
        if template.has_values() {
            return Ok(Self::Template(template));
        }
        Err(format!(
            "{path:?} is neither a JSON pointer (like /contact/name) nor a template (like {{{{ contact.name }}}})"
        ))
    }

    /// Returns the value for `record`. The value of a pointer stays unencoded, because a link is already encoded. Only a
    /// fact may be `false`: Odoo writes it for a name or a company that is missing.
    fn value(&self, record: &Value, values: &OnceCell<minijinja::Value>, is_fact: bool) -> Option<String> {
        let text = match self {
            Self::Pointer(pointer) => {
                let value = record.pointer(pointer).filter(|value| is_fact || **value != Value::Bool(false))?;
                text(value)?.into_owned()
            }
            Self::Template(template) => template.fill(values.get_or_init(|| record_values(record)))?,
        };
        Some(crate::enrich::cut(text.trim(), MAX_VALUE_BYTES).to_owned()).filter(|it| !it.is_empty())
    }
}

/// Returns the values that templates over a record see: its fields.
pub(super) fn record_values(record: &Value) -> minijinja::Value {
    minijinja::Value::from(minijinja::value::Serde(record))
}

impl Field {
    fn named(name: &str) -> Self {
        match name {
            "name" => Self::Name,
            "company" => Self::Company,
            "tier" => Self::Tier,
            "owner" => Self::Owner,
            "notes" => Self::Notes,
            "tags" => Self::Tags,
            "link" => Self::Link,
            label => Self::Fact(label.to_owned()),
        }
    }
}

/// Returns whether a text in `value` matches. CRMs store numbers as a text, a list, or a list of objects with their kind. The
/// number of a fax machine or a pager is no caller's.
fn any_text_matches(value: &Value, is_match: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => is_match(text),
        Value::Number(number) => is_match(&number.to_string()),
        Value::Array(items) => items.iter().any(|item| any_text_matches(item, is_match)),
        Value::Object(fields) => {
            let kinds = ["type", "label", "kind", "name"].into_iter().filter_map(|key| fields.get(key)?.as_str());
            let mut phones = fields.iter().filter(|(key, _)| !is_fax_label(key));
            !kinds.into_iter().any(is_fax_label) && phones.any(|(_, field)| any_text_matches(field, is_match))
        }
        Value::Null | Value::Bool(_) => false,
    }
}

fn check_pointer(pointer: &str) -> Result<(), String> {
    if !pointer.starts_with('/') {
        return Err(format!("{pointer:?} is not a JSON pointer. Begin with /, like /contact/name"));
    }
    let escapes = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if escapes { Ok(()) } else { Err(format!("{pointer:?} is not a JSON pointer. Write ~ as ~0 and / as ~1")) }
}

/// Returns the list pointer before the `/0/` that all pointers share.
fn common_list_pointer(fields: &BTreeMap<String, FieldPath>) -> Option<String> {
    // Templates see a record, whose list the pointers name.
    let paths = || fields.values().flat_map(FieldPath::paths).filter(|path| path.starts_with('/'));
    let (list, _) = paths().next()?.split_once("/0/")?;
    let start = format!("{list}/0/");
    paths().all(|pointer| pointer.starts_with(&start)).then(|| list.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::phone::PhoneNumber;
    use proptest::prelude::*;
    use serde_json::json;

    fn fields(fields: Value) -> BTreeMap<String, FieldPath> {
        serde_json::from_value(fields).unwrap()
    }

    fn people(mapping: &ResponseMapping, answer: &Value) -> Vec<Contact> {
        mapping.records(answer).unwrap().into_iter().filter_map(|record| mapping.contact(record, "crm")).collect()
    }

    #[test]
    fn mapping_pointers_into_first_record_read_all_records() {
        let mapping = ResponseMapping::from_config(
            None,
            &fields(json!({"name": "/results/0/name", "tier": ["/results/0/level", "/results/0/tier"], "Open tickets": "/results/0/open",
                "link": "https://crm.example.com/c/{{ id }}"})),
            &["/results/0/phones".to_owned()],
        )
        .unwrap();
        let answer = json!({"results": [
            {"name": "Alice", "tier": "Gold", "open": 3, "id": "a/../b"},
            {"name": "Bob", "level": "Silver", "id": 7}
        ]});
        let found = people(&mapping, &answer);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].tier.as_deref(), Some("Gold"));
        assert_eq!(found[0].facts[0].value, "3");
        assert_eq!(found[0].link.as_deref(), Some("https://crm.example.com/c/a%2F%2E%2E%2Fb"));
        assert_eq!((found[1].name.as_deref(), found[1].tier.as_deref()), (Some("Bob"), Some("Silver")));
        assert!(people(&mapping, &json!({"results": []})).is_empty());
        assert!(people(&mapping, &json!({"results": null})).is_empty());
        assert_eq!(mapping.records(&json!({"error": "no"})).unwrap_err(), "/results");
    }

    #[test]
    fn matches_number_compares_a_records_own_numbers() {
        let own = ["/phone".to_owned(), "/more".to_owned()];
        let mapping = ResponseMapping::from_config(None, &fields(json!({"name": "/n"})), &own).unwrap();
        let caller = PhoneNumber::parse(Some("+15145550199"), Region::US).as_e164().unwrap().clone();
        let matches = |record: Value| mapping.matches_number(&record, &caller, Region::US);
        assert!(matches(json!({"phone": "(514) 555-0199"})));
        assert!(matches(json!({"phone": "x", "more": ["1", {"label": "work", "value": "+1 514 555 0199 x5"}]})));
        assert!(matches(json!({"phone": 5_145_550_199_u64})));
        assert!(!matches(json!({"phone": "+44 5145550199"})));
        assert!(!matches(json!({"phone": "555-0199"})));
        assert!(!matches(json!({})));
    }

    #[test]
    fn records_are_read_as_crms_write_them() {
        // Record, fields, places of its numbers, and what the card shows.
        let crms = [
            (
                "Airtable",
                json!({"id": "rec1", "fields": {"Name": "Ada Quist", "Phone": "(514) 555-0199", "Tags": ["VIP", "Boats"]}}),
                json!({"name": "/fields/Name", "tags": "/fields/Tags"}),
                vec!["/fields/Phone"],
                "Ada Quist - VIP Boats",
            ),
            (
                "Notion",
                json!({"properties": {"Name": {"title": [{"plain_text": "Ada Quist"}]}, "Phone": {"phone_number": "+1 514-555-0199"},
                    "Tags": {"multi_select": [{"id": "1", "name": "VIP"}, {"id": "2", "name": "Boats"}]}}}),
                json!({"name": "/properties/Name/title/0/plain_text", "tags": "/properties/Tags/multi_select"}),
                vec!["/properties/Phone/phone_number"],
                "Ada Quist - VIP Boats",
            ),
            (
                "Monday",
                json!({"name": "Ada Quist", "column_values": [{"id": "phone", "text": "15145550199",
                    "value": "{\"phone\":\"15145550199\",\"countryShortName\":\"CA\"}"}]}),
                json!({"name": "/name"}),
                vec!["/column_values/0"],
                "Ada Quist - ",
            ),
            (
                "Zoho",
                json!({"Full_Name": "Ada Quist", "Account_Name": {"name": "Lakeside Boats", "id": "5"}, "Phone": null,
                    "Mobile": "514.555.0199 (cell)", "Tag": [{"name": "VIP", "id": "6"}]}),
                json!({"name": "/Full_Name", "company": "/Account_Name/name", "tags": "/Tag"}),
                vec!["/Phone", "/Mobile"],
                "Ada Quist - Lakeside Boats VIP",
            ),
            (
                "Odoo",
                json!({"name": "Ada Quist", "company_name": false, "parent_id": [7, "Lakeside Boats"], "phone": false,
                    "mobile": "+15145550199", "comment": false, "opt_out": false}),
                json!({"name": "/name", "company": ["/company_name", "/parent_id/1"], "notes": "/comment", "Opt out": "/opt_out"}),
                vec!["/phone", "/mobile"],
                "Ada Quist - Lakeside Boats no",
            ),
        ];
        let caller = PhoneNumber::parse(Some("+15145550199"), Region::US).as_e164().unwrap().clone();
        for (crm, record, wanted, numbers, expected) in crms {
            let numbers: Vec<String> = numbers.into_iter().map(str::to_owned).collect();
            let mapping = ResponseMapping::from_config(Some(""), &fields(wanted), &numbers).unwrap();
            assert!(mapping.matches_number(&record, &caller, Region::US), "{crm}");
            let Contact { name, company, notes, tags, facts, .. } = mapping.contact(&record, "crm").unwrap();
            let rest = company.into_iter().chain(notes).chain(tags).chain(facts.into_iter().map(|fact| fact.value));
            let shown = format!("{} - {}", name.unwrap_or_default(), rest.collect::<Vec<_>>().join(" "));
            assert_eq!(shown, expected, "{crm}");
        }
    }

    #[test]
    fn fax_of_a_record_is_no_number_of_the_caller() {
        let mapping =
            ResponseMapping::from_config(None, &fields(json!({"name": "/n"})), &["/phones".to_owned()]).unwrap();
        let caller = PhoneNumber::parse(Some("+15145550199"), Region::US).as_e164().unwrap().clone();
        let matches = |phones: Value| mapping.matches_number(&json!({ "phones": phones }), &caller, Region::US);
        assert!(!matches(json!([{"label": "Work Fax", "value": "514-555-0199"}])));
        assert!(!matches(
            json!([{"type": "pager", "number": "514-555-0199"}, {"type": "work", "number": "514-555-0100"}])
        ));
        assert!(!matches(json!({"work": "514-555-0100", "fax": "514-555-0199"})));
        assert!(matches(json!([{"label": "Halifax", "value": "514-555-0199"}])));
    }

    #[test]
    fn mapping_single_record_is_the_response_itself() {
        let wanted = json!({"name": "{{ first }} {{ last }}", "tags": "/tags", "link": "/url", "VIP": "/vip"});
        let mapping = ResponseMapping::from_config(None, &fields(wanted), &[]).unwrap();
        let answer = json!({"first": "Al", "last": "Moe", "tags": ["a", "b"], "url": "https://x/y?z=%2B", "vip": true});
        let found = people(&mapping, &answer).remove(0);
        assert_eq!(found.name.as_deref(), Some("Al Moe"));
        assert_eq!(found.tags, ["a", "b"]);
        assert_eq!(found.link.as_deref(), Some("https://x/y?z=%2B"));
        assert_eq!(found.facts[0].value, "yes");
        assert!(people(&mapping, &json!({"error": "none", "first": "Al"})).is_empty());
        assert!(people(&mapping, &json!({"url": "javascript:alert(1)"}))[0].link.is_none());
    }

    #[test]
    fn mapping_invalid_pointer_reports_key_and_reason() {
        let problem = |results, wanted| {
            ResponseMapping::from_config(results, &fields(wanted), &[]).unwrap_err().remove(0).to_string()
        };
        assert!(
            problem(None, json!({"tier": "results/0/tier"}))
                .starts_with("fields.tier: \"results/0/tier\" is neither a JSON pointer")
        );
        assert!(problem(None, json!({"tier": "/a~2"})).contains("~0"));
        assert!(problem(Some("x"), json!({"tier": "/a"})).starts_with("results: \"x\""));
    }

    proptest! {
        #[test]
        fn mapping_any_response_does_not_panic(text in "[\\[\\]{}\",:0-9a-c ]{0,80}", pointer in "(/[a-c0~]{0,3}){1,3}") {
            let Ok(answer) = serde_json::from_str::<Value>(&text) else { return Ok(()) };
            let wanted = BTreeMap::from([("name".to_owned(), FieldPath::One(pointer))]);
            if let Ok(mapping) = ResponseMapping::from_config(None, &wanted, &[]) {
                let records = mapping.records(&answer).unwrap_or_default();
                records.into_iter().for_each(|it| drop(mapping.contact(it, "crm")));
            }
        }
    }
}
