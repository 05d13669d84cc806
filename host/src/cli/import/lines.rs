//! People in a file of lines, a JSON object each; and how a text of any kind begins.
//! Refuses to hold more than one line, and a line longer than anybody's.

use crate::cli::import::report::Told;
use crate::cli::import::{Entry, ITEM_LIMIT_BYTES, Put, Who};
use serde_json::Value;
use std::io::{self, BufRead, Chain, Cursor, Read};

/// What some programs begin a text with, and what it is in UTF-16.
const MARK: &[u8] = b"\xef\xbb\xbf";
const UTF_16_MARKS: [&[u8]; 2] = [b"\xff\xfe", b"\xfe\xff"];

/// A text of any of the formats, without such a mark.
pub(super) type Text<R> = Chain<Cursor<Vec<u8>>, R>;

/// Begins to read a text.
pub(super) fn begin<R: BufRead>(mut input: R) -> io::Result<Text<R>> {
    let mut first = Vec::new();
    input.by_ref().take(MARK.len() as u64).read_to_end(&mut first)?;
    if UTF_16_MARKS.iter().any(|mark| first.starts_with(mark)) {
        return Err(io::Error::other("this is UTF-16; it has to be UTF-8"));
    }
    if first == MARK {
        first.clear();
    }
    Ok(Cursor::new(first).chain(input))
}

pub(super) fn read(mut input: impl BufRead, put: Put<'_>) -> io::Result<()> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let most = ITEM_LIMIT_BYTES as u64 + 1;
        if input.by_ref().take(most).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let too_long = line.len() > ITEM_LIMIT_BYTES && !line.ends_with(b"\n");
        if too_long {
            input.skip_until(b'\n')?;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let place = Some(("line", number));
        let entry = match serde_json::from_slice::<Value>(&line) {
            _ if too_long => {
                let why = format!("longer than {ITEM_LIMIT_BYTES} bytes");
                Entry::Told(place, Who::default(), Told::failed("line_too_long", why))
            }
            Ok(item) if item.is_object() => Entry::Person(
                place,
                Who::of(&item),
                String::from_utf8_lossy(&line).trim().to_owned(),
            ),
            Ok(_) => {
                let why = "no JSON object".to_owned();
                Entry::Told(place, Who::default(), Told::failed("line_invalid", why))
            }
            Err(error) => {
                Entry::Told(place, Who::default(), Told::failed("line_invalid", error.to_string()))
            }
        };
        if put(entry).is_break() {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{begin, read};
    use crate::cli::import::{Entry, ITEM_LIMIT_BYTES};
    use std::io;
    use std::ops::ControlFlow;

    fn entries(text: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut put = |entry| {
            found.push(match entry {
                Entry::Person(place, who, item) => format!("{place:?} {:?} {item}", who.username),
                Entry::Told(place, _, told) => {
                    format!("{place:?} {}", told.code.unwrap_or_default())
                }
            });
            ControlFlow::Continue(())
        };
        read(begin(text).expect("text"), &mut put).expect("text");
        found
    }

    #[test]
    fn every_line_is_somebody_or_says_why_not_by_its_number() {
        let long = format!("{{\"username\":\"{}\"}}\n", "x".repeat(ITEM_LIMIT_BYTES));
        let text =
            format!("\u{feff}{{\"username\":\"a\"}}\r\n\n[1]\n{{\n{long}{{\"username\":\"b\"}}");
        let expected = [
            r#"Some(("line", 1)) Some("a") {"username":"a"}"#,
            r#"Some(("line", 3)) line_invalid"#,
            r#"Some(("line", 4)) line_invalid"#,
            r#"Some(("line", 5)) line_too_long"#,
            r#"Some(("line", 6)) Some("b") {"username":"b"}"#,
        ];
        assert_eq!(entries(text.as_bytes()), expected);
        assert_eq!(entries(b"\xff\n"), [r#"Some(("line", 1)) line_invalid"#]);
        assert!(entries(b"").is_empty());
    }

    #[test]
    fn a_line_of_exactly_the_limit_is_somebody() {
        let frame = "{\"username\":\"\"}".len();
        let name = "x".repeat(ITEM_LIMIT_BYTES - frame);
        for end in ["", "\n"] {
            let found = entries(format!("{{\"username\":\"{name}\"}}{end}").as_bytes());
            assert!(found.len() == 1 && found[0].ends_with("\"}"), "{}", &found[0][..40]);
        }
    }

    #[test]
    fn a_mark_at_the_beginning_is_no_part_of_the_text() {
        let text =
            |bytes: &[u8]| begin(bytes).and_then(io::read_to_string).map_err(|e| e.to_string());
        for (bytes, expected) in [
            ("", ""),
            ("a", "a"),
            ("\u{feff}", ""),
            ("\u{feff}abc", "abc"),
            ("ab\u{feff}", "ab\u{feff}"),
        ] {
            assert_eq!(text(bytes.as_bytes()).as_deref(), Ok(expected));
        }
        for utf_16 in [&b"\xff\xfe{\0"[..], b"\xfe\xff\0{", b"\xff\xfe"] {
            assert!(text(utf_16).is_err_and(|error| error.contains("UTF-16")));
        }
    }
}
