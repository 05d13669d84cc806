//! Texts with `*` for any characters and `?` for one. There is nothing else to it: no classes, no escapes.

/// Whether any of `text` is meant otherwise than it is written.
pub(crate) fn is_glob(text: &str) -> bool {
    text.contains(['*', '?'])
}

/// Whether `glob` is all of `text`. The work is at most the product of both lengths.
pub(crate) fn matches(glob: &str, text: &str) -> bool {
    let (mut glob, mut text) = (glob.chars(), text.chars());
    // Where to go on when it goes wrong: behind the last star, with one character more given to it.
    let mut star: Option<(std::str::Chars<'_>, std::str::Chars<'_>)> = None;
    loop {
        let at = text.clone();
        match (glob.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                text = at.clone();
                star = Some((glob.clone(), at));
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            (Some(_), None) => return false,
            _ => {
                let Some((behind, mut given)) = star.take() else { return false };
                if given.next().is_none() {
                    return false;
                }
                glob = behind.clone();
                text = given.clone();
                star = Some((behind, given));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_is_any_characters_and_a_question_mark_one() {
        for (glob, text) in [
            ("", ""),
            ("*", ""),
            ("*", "anything"),
            ("a*", "a"),
            ("*a", "aa"),
            ("a*b*c", "a-b-b-c"),
            ("**", "x"),
            ("a**", "a"),
            ("?", "é"),
            ("a?c", "abc"),
            ("*.example.com", "a.b.example.com"),
        ] {
            assert!(matches(glob, text), "{glob} {text}");
        }
        for (glob, text) in [
            ("", "a"),
            ("?", ""),
            ("a", "A"),
            ("a*b", "a"),
            ("*.example.com", "example.com"),
            ("a?c", "ac"),
            ("*ab", "aba"),
        ] {
            assert!(!matches(glob, text), "{glob} {text}");
        }
        assert!(!matches(&"*a".repeat(40), &"b".repeat(4000)));
    }
}
