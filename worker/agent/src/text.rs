//! Text from strangers, cut to a bearable length.

/// The last `most` characters, without surrounding white space.
pub(crate) fn tail(text: &str, most: usize) -> String {
    let text = text.trim();
    text.chars().skip(text.chars().count().saturating_sub(most)).collect()
}

/// The first `most` characters.
pub(crate) fn head(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
