//! A type name is defined once: a search for it leads to one type. Test code may name its types as it likes.

use crate::layers::sources;
use std::collections::BTreeMap;

/// Names that several modules may define. Such a type is used within its module only, or with the path of its module.
const REPEATED: [&str; 5] = ["Effect", "Error", "Input", "Settings", "State"];

/// Returns the names of the types that a source defines. Associated types have the names that their traits require.
fn type_names(source: &str) -> impl Iterator<Item = &str> {
    source.lines().filter_map(|line| {
        let item = line.trim_start();
        let after_visibility = match item.strip_prefix("pub") {
            Some(rest) if rest.starts_with('(') => rest.split_once(") ")?.1,
            Some(rest) => rest.trim_start(),
            None => item,
        };
        let (keyword, rest) = after_visibility.split_once(' ')?;
        let is_definition = matches!(keyword, "struct" | "enum" | "trait") || keyword == "type" && item == line;
        let name = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
        (is_definition && name.starts_with(|c: char| c.is_uppercase())).then_some(name)
    })
}

#[test]
fn type_names_are_defined_once() {
    let sources = sources();
    let mut modules: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (module, source) in &sources {
        type_names(source).for_each(|name| modules.entry(name).or_default().push(module.join("::")));
    }
    modules.retain(|name, modules| modules.len() > 1 && !REPEATED.contains(name));
    let found: Vec<String> = modules.iter().map(|(name, modules)| format!("{name}: {}", modules.join(", "))).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn type_names_are_those_of_definitions() {
    let source = "struct A;\npub enum B<'a> {\n    type C = D;\n    pub(super) struct E(F);\npub(crate) type G = H;\n\
        pub trait I: J {}\nuse struct_of::K;\n\"type \"";
    assert_eq!(type_names(source).collect::<Vec<_>>(), ["A", "B", "E", "G", "I"]);
}
