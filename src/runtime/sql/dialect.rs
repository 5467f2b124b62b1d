//! The SQL that SQLite and PostgreSQL have in common, as PostgreSQL writes it.

/// Translates a statement for PostgreSQL. Placeholders `?` and `?3` become `$1` and `$3`. An index that is named for SQLite's
/// planner is left out, and the position of a text is `strpos`. Texts in quotes are unchanged.
pub(super) fn for_postgres(sql: &str) -> String {
    let mut translated = String::with_capacity(sql.len());
    let (mut rest, mut unnumbered) = (sql, 0);
    while let Some(next) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("INDEXED BY ") {
            rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        } else if let Some(after) = rest.strip_prefix("instr(") {
            translated.push_str("strpos(");
            rest = after;
        } else if next == '\'' {
            let end = rest.char_indices().skip(1).find(|(_, c)| *c == '\'').map_or(rest.len(), |(at, _)| at + 1);
            let (quoted, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
            translated.push_str(quoted);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('?') {
            translated.push('$');
            if !after.starts_with(|c: char| c.is_ascii_digit()) {
                unnumbered += 1;
                translated.push_str(&unnumbered.to_string());
            }
            rest = after;
        } else {
            translated.push(next);
            rest = rest.split_at_checked(next.len_utf8()).map_or("", |(_, after)| after);
        }
    }
    translated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_indexes_and_functions_are_translated() {
        for (sql, wanted) in [
            ("SELECT a FROM t WHERE b = ? AND c = ?", "SELECT a FROM t WHERE b = $1 AND c = $2"),
            ("UPDATE t SET a = ?2 WHERE id = ?1", "UPDATE t SET a = $2 WHERE id = $1"),
            ("SELECT a FROM t d INDEXED BY once WHERE x", "SELECT a FROM t d  WHERE x"),
            ("SELECT instr(card, ?1) > 0, 'instr( ? ''é'", "SELECT strpos(card, $1) > 0, 'instr( ? ''é'"),
        ] {
            assert_eq!(for_postgres(sql), wanted);
        }
    }
}
