//! The layer table of `src/lib.rs`, and no circles between files: both read from the `use` declarations and paths of the
//! source. Test code may import anything.
#![expect(clippy::string_slice, clippy::indexing_slicing, reason = "a parser whose offsets come from the text itself")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

const STAGES: [&str; 7] = ["goto", "calls", "enrich", "cards", "route", "outbox", "deliver"];

/// Returns the modules that a top-level module may import.
fn allowed(module: &str) -> Vec<&str> {
    let tools = ["model", "runtime"];
    match module {
        "model" => vec!["model"],
        "runtime" => vec!["runtime"],
        "sim" => vec!["model", "runtime", "sim"],
        "config" => [&STAGES[..], &tools, &["config"]].concat(),
        "daemon" => [&STAGES[..], &tools, &["config", "daemon"]].concat(),
        "cli" => [&STAGES[..], &tools, &["config", "daemon", "sim", "cli"]].concat(),
        stage => {
            assert!(STAGES.contains(&stage), "src/{stage} is missing in the layer table");
            vec!["model", "runtime", stage]
        }
    }
}

/// A module's path below the crate root.
pub(super) type Module = Vec<String>;

/// The source of each module without comments and unit tests.
pub(super) fn sources() -> BTreeMap<Module, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let module = module_of(path.strip_prefix(&root).unwrap().to_owned());
                let is_root = matches!(module.as_slice(), [name] if name == "lib" || name == "main");
                if !is_root && !module.iter().any(|part| part == "tests") {
                    found.insert(module, without_comments(&fs::read_to_string(path).unwrap()));
                }
            }
        }
    }
    found
}

fn module_of(path: PathBuf) -> Module {
    let mut parts: Module = path.with_extension("").iter().map(|part| part.to_str().unwrap().to_owned()).collect();
    parts.pop_if(|last| last == "mod");
    parts
}

fn without_comments(source: &str) -> String {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    code.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Returns all paths of a module that begin with `crate` or `super`, as paths below the crate root.
fn imports(module: &Module, source: &str) -> BTreeSet<Module> {
    let mut found = BTreeSet::new();
    for (start, _) in source.match_indices("crate::").filter(|(start, _)| is_word_start(source, *start)) {
        expand(&source[start + 7..], &Vec::new(), &mut found);
    }
    for (start, _) in source.match_indices("super::").filter(|(start, _)| is_word_start(source, *start)) {
        if source[..start].ends_with("super::") {
            continue;
        }
        let rest = source[start..].trim_start_matches("super::");
        let levels = (source.len() - start - rest.len()) / "super::".len();
        expand(rest, &module[..module.len().saturating_sub(levels)].to_vec(), &mut found);
    }
    found
}

fn is_word_start(source: &str, at: usize) -> bool {
    !source[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// Expands a path with groups, such as `a::{b, c::d}`. Returns the text after the path.
fn expand<'a>(text: &'a str, prefix: &Module, found: &mut BTreeSet<Module>) -> &'a str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        while !rest.trim_start().starts_with('}') {
            rest = expand(rest, prefix, found).trim_start();
            rest = rest.strip_prefix(',').unwrap_or(rest);
        }
        return rest.trim_start().strip_prefix('}').unwrap();
    }
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '*')).unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let path = [prefix.as_slice(), &[name.to_owned()]].concat();
    if let Some(rest) = rest.strip_prefix("::") {
        return expand(rest, &path, found);
    }
    found.insert(path);
    // An alias ends the path.
    match rest.trim_start().strip_prefix("as ") {
        Some(alias) => alias.trim_start().trim_start_matches(|c: char| c.is_alphanumeric() || c == '_'),
        None => rest,
    }
}

#[test]
fn modules_import_only_lower_layers() {
    let mut wrong = Vec::new();
    for (module, source) in sources() {
        let allowed = allowed(&module[0]);
        for import in imports(&module, &source) {
            if !import.is_empty() && !allowed.contains(&import[0].as_str()) {
                wrong.push(format!("{} imports {}", module.join("::"), import.join("::")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the modules that each module imports, without its own parents and children.
fn graph() -> BTreeMap<Module, BTreeSet<Module>> {
    let sources = sources();
    let target = |import: &Module| {
        let known = (1..=import.len()).rev().map(|len| import[..len].to_vec());
        known.into_iter().find(|module| sources.contains_key(module))
    };
    let edges = |module: &Module, source: &str| {
        let imports = imports(module, source);
        let targets = imports.iter().filter_map(target);
        targets.filter(|other| !other.starts_with(module) && !module.starts_with(other)).collect()
    };
    sources.iter().map(|(module, source)| (module.clone(), edges(module, source))).collect()
}

#[test]
fn files_form_no_import_circle() {
    let mut graph = graph();
    // Removes modules that import nothing of the rest until only circles, and modules that import them, are left.
    loop {
        let left: BTreeSet<Module> = graph.keys().cloned().collect();
        graph.retain(|_, imports| imports.iter().any(|import| left.contains(import)));
        if graph.len() == left.len() {
            break;
        }
    }
    let names: Vec<String> = graph.keys().map(|module| module.join("::")).collect();
    assert!(names.is_empty(), "circles among: {}", names.join(", "));
}

#[test]
fn expand_finds_every_path_of_a_group() {
    let source = "use crate::{a::{B, c::D as E}, f}; fn g() { super::h::i() }";
    let module = ["x".to_owned(), "y".to_owned()].to_vec();
    let found: Vec<String> = imports(&module, source).iter().map(|path| path.join("::")).collect();
    assert_eq!(found, ["a::B", "a::c::D", "f", "x::h::i"]);
}

/// Returns whether a file has only test code.
fn is_test_file(path: &Path) -> bool {
    path.components().any(|part| matches!(part.as_os_str().to_str(), Some("tests" | "tests.rs")))
}

#[test]
fn channels_outside_tests_have_a_limit() {
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !is_test_file(&path)
                && fs::read_to_string(&path).is_ok_and(|text| text.contains("unbounded_channel"))
            {
                found.push(path);
            }
        }
    }
    assert!(found.is_empty(), "{found:?}");
}
