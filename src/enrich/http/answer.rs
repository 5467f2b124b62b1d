//! What a CRM's JSON says of a caller: where the records are, and what to take from each. Pure.

use super::template::{Place, Template};
use crate::{
    enrich::config::{Pick, Problem},
    model::{
        card::{Contact, Fact},
        phone::{E164, Number, Region},
    },
};
use serde_json::Value;
use std::{borrow::Cow, collections::BTreeMap};

/// Longest text that is taken: a card shows less.
const LONGEST: usize = 2000;
/// Most records that are looked at: a card lists ten.
const RECORDS: usize = 20;

/// How an answer is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Pointer to the list of records; `None`: the answer itself.
    results: Option<String>,
    fields: Vec<(Field, Vec<Template>)>,
    /// Pointers to a record's own numbers; if there are any, one of them must be the caller's.
    numbers: Vec<String>,
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

impl Reading {
    /// From the config's `results`, `fields` and `numbers`. Without `results`, fields that all begin with one `/…/0/` say
    /// where the list is: its other records count as well.
    ///
    /// # Errors
    /// The keys whose value is no pointer and no text with pointers.
    pub fn read(
        results: Option<&str>,
        fields: &BTreeMap<String, Pick>,
        numbers: &[String],
    ) -> Result<Self, Vec<Problem>> {
        let mut problems = Vec::new();
        let mut wrong = |key: String, reason: String| problems.push(Problem { key, reason });
        let derived = if results.is_none() { common_list(fields) } else { None };
        if let Some(reason) = results.filter(|it| !it.is_empty()).and_then(|it| bad_pointer(it).err()) {
            wrong("results".to_owned(), reason);
        }
        let mut read = Vec::new();
        for (name, pick) in fields {
            let mut choices = Vec::new();
            for place in pick.places() {
                let place = derived.as_deref().map_or(place.clone(), |list| place.replace(&format!("{list}/0/"), "/"));
                match template(&place) {
                    Ok(choice) => choices.push(choice),
                    Err(reason) => wrong(format!("fields.{name}"), reason),
                }
            }
            read.push((Field::named(name), choices));
        }
        let mut own = Vec::new();
        for place in numbers {
            bad_pointer(place).err().into_iter().for_each(|reason| wrong("numbers".to_owned(), reason));
            own.push(derived.as_deref().map_or(place.clone(), |list| place.replace(&format!("{list}/0/"), "/")));
        }
        let results = results.map(str::to_owned).or(derived);
        if problems.is_empty() { Ok(Self { results, fields: read, numbers: own }) } else { Err(problems) }
    }

    /// The records of an answer.
    ///
    /// # Errors
    /// The pointer under which there is nothing.
    pub fn records<'a>(&self, answer: &'a Value) -> Result<Vec<&'a Value>, String> {
        let pointer = self.results.as_deref().unwrap_or_default();
        Ok(match answer.pointer(pointer).ok_or_else(|| pointer.to_owned())? {
            Value::Array(records) => records.iter().take(RECORDS).collect(),
            Value::Null => Vec::new(),
            record => vec![record],
        })
    }

    /// Whether the record is the caller's: searches of CRMs find similar numbers too, and a card with a wrong name is the
    /// worst of all. Its numbers are read as of `region`.
    #[must_use]
    pub fn is_about(&self, record: &Value, caller: &E164, region: Region) -> bool {
        let is_caller =
            |text: &str| Number::read(Some(text), region).known().is_some_and(|it| it.digits() == caller.digits());
        let own = || self.numbers.iter().filter_map(|pointer| record.pointer(pointer));
        self.numbers.is_empty() || own().any(|value| any_text(value, &is_caller))
    }

    /// The person of a record; `None` if none of the fields is there.
    #[must_use]
    pub fn contact(&self, record: &Value, source: &str) -> Option<Contact> {
        let mut contact = Contact { source: source.to_owned(), ..Contact::default() };
        let mut empty = true;
        for (field, choices) in &self.fields {
            let place = if *field == Field::Link { Place::Url } else { Place::Text };
            let Some(value) = choices.iter().find_map(|choice| value(choice, record, place)) else { continue };
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

/// Whether one of the texts in `value` fits: CRMs keep numbers as a text, a list, or a list of objects.
fn any_text(value: &Value, fits: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => fits(text),
        Value::Number(number) => fits(&number.to_string()),
        Value::Array(items) => items.iter().any(|item| any_text(item, fits)),
        Value::Object(fields) => fields.values().any(|field| any_text(field, fits)),
        Value::Null | Value::Bool(_) => false,
    }
}

/// What stands at `pointer`, as text.
#[must_use]
pub fn at<'v>(record: &'v Value, pointer: &str) -> Option<Cow<'v, str>> {
    record.pointer(pointer).and_then(text)
}

/// `/a/b` is a pointer, `{/a} {/b}` a text of several.
fn template(place: &str) -> Result<Template, String> {
    let whole = if place.starts_with('/') {
        bad_pointer(place)?;
        // A pointer may have braces in it, which a template would read as its own.
        return Ok(Template::gap(place));
    } else {
        Template::read(place, &[], true)?
    };
    if !whole.has_gaps() {
        return Err(format!(
            "{place:?} is no JSON pointer (like /contact/name) and has none in it (like {{/first}} {{/last}})"
        ));
    }
    whole.gaps().try_for_each(bad_pointer)?;
    Ok(whole)
}

fn bad_pointer(pointer: &str) -> Result<(), String> {
    if !pointer.starts_with('/') {
        return Err(format!("{pointer:?} is no JSON pointer: it begins with /, like /contact/name"));
    }
    let escapes = pointer.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    if escapes { Ok(()) } else { Err(format!("{pointer:?} is no JSON pointer: ~ is written ~0 and / is written ~1")) }
}

/// What stands before the `/0/` with which every pointer begins.
fn common_list(fields: &BTreeMap<String, Pick>) -> Option<String> {
    let places = || fields.values().flat_map(Pick::places);
    let (list, _) = places().find(|place| place.starts_with('/'))?.split_once("/0/")?;
    let start = format!("{list}/0/");
    let pointers_of = |place: &String| match template(place) {
        Ok(template) => template.gaps().map(str::to_owned).collect(),
        Err(_) => vec![place.clone()],
    };
    places().flat_map(pointers_of).all(|pointer| pointer.starts_with(&start)).then(|| list.to_owned())
}

/// What `choice` gives for `record`. A pointer alone gives its value as it is: a link is not encoded a second time.
fn value(choice: &Template, record: &Value, place: Place) -> Option<String> {
    let place = if choice.is_one_gap() { Place::Plain } else { place };
    let text = choice.fill(place, |pointer| at(record, pointer))?;
    Some(crate::enrich::cut(text.trim(), LONGEST).to_owned()).filter(|it| !it.is_empty())
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.trim().into()),
        Value::Number(number) => Some(number.to_string().into()),
        Value::Bool(yes) => Some(if *yes { "yes" } else { "no" }.into()),
        Value::Array(items) => {
            let scalars = items.iter().filter(|item| !item.is_array() && !item.is_object());
            let texts: Vec<_> = scalars.filter_map(text).collect();
            (!texts.is_empty()).then(|| texts.join(", ").into())
        }
        Value::Null | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn fields(fields: Value) -> BTreeMap<String, Pick> {
        serde_json::from_value(fields).unwrap()
    }

    fn people(reading: &Reading, answer: &Value) -> Vec<Contact> {
        reading.records(answer).unwrap().into_iter().filter_map(|record| reading.contact(record, "crm")).collect()
    }

    #[test]
    fn pointers_into_the_first_record_find_the_others_too() {
        let reading = Reading::read(
            None,
            &fields(json!({"name": "/results/0/name", "tier": ["/results/0/level", "/results/0/tier"], "Open tickets": "/results/0/open",
                "link": "https://crm.example.com/c/{/results/0/id}"})),
            &["/results/0/phones".to_owned()],
        )
        .unwrap();
        let answer = json!({"results": [
            {"name": "Alice", "tier": "Gold", "open": 3, "id": "a/../b"},
            {"name": "Bob", "level": "Silver", "id": 7}
        ]});
        let found = people(&reading, &answer);
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].tier.as_deref(), Some("Gold"));
        assert_eq!(found[0].facts[0].value, "3");
        assert_eq!(found[0].link.as_deref(), Some("https://crm.example.com/c/a%2F%2E%2E%2Fb"));
        assert_eq!((found[1].name.as_deref(), found[1].tier.as_deref()), (Some("Bob"), Some("Silver")));
        assert!(people(&reading, &json!({"results": []})).is_empty());
        assert!(people(&reading, &json!({"results": null})).is_empty());
        assert_eq!(reading.records(&json!({"error": "no"})).unwrap_err(), "/results");
    }

    #[test]
    fn a_record_counts_only_if_one_of_its_own_numbers_is_the_callers() {
        let own = ["/phone".to_owned(), "/more".to_owned()];
        let reading = Reading::read(None, &fields(json!({"name": "/n"})), &own).unwrap();
        let caller = Number::read(Some("+15145550199"), Region::US).known().unwrap().clone();
        let is_about = |record: Value| reading.is_about(&record, &caller, Region::US);
        assert!(is_about(json!({"phone": "(514) 555-0199"})));
        assert!(is_about(json!({"phone": "x", "more": ["1", {"label": "work", "value": "+1 514 555 0199 x5"}]})));
        assert!(is_about(json!({"phone": 5_145_550_199_u64})));
        assert!(!is_about(json!({"phone": "+44 5145550199"})));
        assert!(!is_about(json!({"phone": "555-0199"})));
        assert!(!is_about(json!({})));
    }

    #[test]
    fn a_record_alone_is_the_answer_itself() {
        let wanted = json!({"name": "{/first} {/last}", "tags": "/tags", "link": "/url", "VIP": "/vip"});
        let reading = Reading::read(None, &fields(wanted), &[]).unwrap();
        let answer = json!({"first": "Al", "last": "Moe", "tags": ["a", "b"], "url": "https://x/y?z=%2B", "vip": true});
        let found = people(&reading, &answer).remove(0);
        assert_eq!(found.name.as_deref(), Some("Al Moe"));
        assert_eq!(found.tags, ["a", "b"]);
        assert_eq!(found.link.as_deref(), Some("https://x/y?z=%2B"));
        assert_eq!(found.facts[0].value, "yes");
        assert!(people(&reading, &json!({"error": "none", "first": "Al"})).is_empty());
        assert!(people(&reading, &json!({"url": "javascript:alert(1)"}))[0].link.is_none());
    }

    #[test]
    fn a_wrong_pointer_names_its_key_and_reason() {
        let wrong = |results, wanted| Reading::read(results, &fields(wanted), &[]).unwrap_err().remove(0).to_string();
        assert!(
            wrong(None, json!({"tier": "results/0/tier"}))
                .starts_with("fields.tier: \"results/0/tier\" is no JSON pointer")
        );
        assert!(wrong(None, json!({"tier": "/a~2"})).contains("~0"));
        assert!(wrong(Some("x"), json!({"tier": "/a"})).starts_with("results: \"x\""));
    }

    proptest! {
        #[test]
        fn no_answer_breaks_it(text in "[\\[\\]{}\",:0-9a-c ]{0,80}", pointer in "(/[a-c0~]{0,3}){1,3}") {
            let Ok(answer) = serde_json::from_str::<Value>(&text) else { return Ok(()) };
            let wanted = BTreeMap::from([("name".to_owned(), Pick::One(pointer))]);
            if let Ok(reading) = Reading::read(None, &wanted, &[]) {
                let records = reading.records(&answer).unwrap_or_default();
                records.into_iter().for_each(|it| drop(reading.contact(it, "crm")));
            }
        }
    }
}
