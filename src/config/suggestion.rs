//! The known word that a misspelled one probably stands for.

/// Returns the known word that a wrong one probably stands for: a similar one, or one that begins with it.
pub(super) fn nearest<'k>(known: impl Iterator<Item = &'k str>, wrong: &str) -> Option<&'k str> {
    let known: Vec<&str> = known.collect();
    let similar = known.iter().map(|word| (strsim::damerau_levenshtein(word, wrong), *word)).min();
    let similar = similar.filter(|(distance, _)| *distance <= 1 + wrong.len() / 4).map(|(_, word)| word);
    similar.or_else(|| known.into_iter().find(|word| wrong.len() >= 3 && word.starts_with(wrong)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_a_similar_word_or_a_longer_one() {
        let known = || ["queue", "caller", "credential"].into_iter();
        assert_eq!((nearest(known(), "credentail"), nearest(known(), "que")), (Some("credential"), Some("queue")));
        assert_eq!((nearest(known(), "qu"), nearest(known(), "office")), (None, None));
    }
}
