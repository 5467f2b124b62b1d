//! Columns of names whose meaning depends on the other columns of a file: halves of names, customers beside people. Does not
//! map a header by itself.

use super::{spelled, stems};
use crate::enrich::contacts::{
    column::Column,
    header_parts as parts,
    header_words::{self as words, folded, has},
};

/// Returns the column of names in a file without the usual headers: `Saved Name`, `Owner name`.
pub(super) fn names_of_other_words(headers: &[String], columns: &[Column]) -> Vec<(usize, Column)> {
    let is_name = |column: &Column| matches!(column, Column::Name | Column::First | Column::Last);
    if columns.iter().any(is_name) {
        return Vec::new();
    }
    let is_fact = |(_, (_, column)): &(usize, (&String, &Column))| matches!(column, Column::Fact(_));
    let facts = headers.iter().zip(columns).enumerate().filter(is_fact);
    let named = facts.filter(|(_, (header, _))| stems(header).iter().any(|stem| has(parts::NAME, stem)));
    named.take(1).map(|(at, _)| (at, Column::Name)).collect()
}

/// Returns the column that has only one half of each name, with its meaning: `Nom` beside `Prénom`, `Nombre` beside
/// `Apellidos`.
pub(super) fn half_of_a_name(headers: &[String], columns: &[Column]) -> Vec<(usize, Column)> {
    let words: Vec<String> =
        headers.iter().map(|header| person_part(header).unwrap_or_else(|| folded(header))).collect();
    let (first, last) = (columns.contains(&Column::First), columns.contains(&Column::Last));
    let is_beside = |list: &[&str]| words.iter().any(|word| list.contains(&word.as_str()));
    let half = |word: &str| match word {
        "name" | "nom" | "naam" if first && !last && is_beside(&["vorname", "prenom", "voornaam"]) => {
            Some(Column::Last)
        }
        "nombre" | "nome" if last && !first => Some(Column::First),
        _ => None,
    };
    let mut names = words.iter().zip(columns).enumerate().filter(|(_, (_, column))| **column == Column::Name);
    names.next().and_then(|(at, (word, _))| Some((at, half(word)?))).into_iter().collect()
}

/// Returns the column of customers beside a column of people: the customer is a company.
pub(super) fn customer_of_people(headers: &[String], columns: &[Column]) -> Vec<(usize, Column)> {
    let is_customer = |header: &String| {
        has(words::CUSTOMER, &folded(&spelled(header)))
            || person_part(header).is_some_and(|part| has(words::NAME, &part))
                && stems(header).iter().any(|stem| has(words::CUSTOMER, stem))
    };
    let Some(customer) = headers.iter().position(is_customer).filter(|_| !columns.contains(&Column::Company)) else {
        return Vec::new();
    };
    let is_person = |(at, column): (usize, &Column)| match column {
        Column::Name => at != customer,
        Column::First | Column::Last => headers.get(at).is_some_and(|header| person_part(header).is_none()),
        _ => false,
    };
    let has_people = columns.iter().enumerate().any(is_person);
    has_people.then_some((customer, Column::Company)).into_iter().collect()
}

/// Returns the columns of vendors beside a column of people: a vendor is a company. Zoho has one beside the account.
pub(super) fn vendor_of_people(headers: &[String], columns: &[Column]) -> Vec<(usize, Column)> {
    let is_vendor = |header: &str| stems(header).iter().any(|stem| stem == "vendor");
    let names = || headers.iter().zip(columns).enumerate();
    let is_person = |column: &Column| matches!(column, Column::Name | Column::First | Column::Last);
    if !names().any(|(_, (header, column))| is_person(column) && !is_vendor(header)) {
        return Vec::new();
    }
    let meaning = |header: &str| match columns.contains(&Column::Company) {
        true => Column::Fact(super::label(header).into()),
        false => Column::Company,
    };
    let vendors = names().filter(|(_, (header, column))| **column == Column::Name && is_vendor(header));
    vendors.map(|(at, (header, _))| (at, meaning(header))).collect()
}

/// Returns the part of a name that a header with a kind of person has: `nom` of `Nom du patient`.
pub(super) fn person_part(header: &str) -> Option<String> {
    let stems = stems(header);
    let part = stems.iter().filter(|stem| !has(parts::PERSON_KINDS, stem)).map(String::as_str).collect::<String>();
    let is_name = [words::NAME, words::FIRST, words::LAST, words::COMPANY, words::NOTES, words::TAGS]
        .iter()
        .any(|list| has(list, &part));
    (is_name && stems.iter().any(|stem| has(parts::PERSON_KINDS, stem))).then_some(part)
}
