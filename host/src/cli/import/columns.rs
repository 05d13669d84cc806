//! People in a table: CSV (RFC 4180) whose first row names the columns as the fields of `POST …/accounts`; others are attributes.
//! Refuses to hold more than one row, so that a quote which is never closed costs no more than that row's length.

use crate::cli::import::report::Told;
use crate::cli::import::{Entry, ITEM_LIMIT_BYTES, Put, Who};
use csv_core::{ReadRecordResult, Reader};
use serde_json::{Map, Value};
use std::io::{self, BufRead};

/// The most columns.
const COLUMNS: usize = 1_000;

/// A row, or why it is none.
enum Row {
    Fields(Vec<String>),
    TooLong,
    NoText,
}

struct Rows<R> {
    input: R,
    reader: Reader,
    output: Vec<u8>,
    ends: Vec<usize>,
    /// Line ends between rows, which the reader is not shown: it would count them to the row after.
    between: u64,
}

pub(super) fn read(input: impl BufRead, put: Put<'_>) -> io::Result<()> {
    let (output, ends) = (vec![0; ITEM_LIMIT_BYTES], vec![0; COLUMNS]);
    let mut rows = Rows { input, reader: Reader::new(), output, ends, between: 0 };
    let head = match rows.next()? {
        None => return Ok(()),
        Some((_, Row::Fields(head))) => head,
        Some((_, Row::TooLong | Row::NoText)) => {
            return Err(io::Error::other("the first row does not name the columns"));
        }
    };
    check(&head).map_err(io::Error::other)?;
    while let Some((line, row)) = rows.next()? {
        let place = Some(("line", line));
        let spoilt =
            |code, why: String| Entry::Told(place, Who::default(), Told::failed(code, why));
        let entry = match row {
            Row::TooLong => {
                spoilt("line_too_long", format!("longer than {ITEM_LIMIT_BYTES} bytes"))
            }
            Row::NoText => spoilt("line_invalid", "no UTF-8".to_owned()),
            Row::Fields(fields) if fields.len() != head.len() => {
                spoilt("line_invalid", format!("{} fields, not {}", fields.len(), head.len()))
            }
            Row::Fields(fields) => match item(&head, fields) {
                Ok(item) => Entry::Person(place, Who::of(&item), item.to_string()),
                Err(name) => spoilt("field_invalid", format!("wrong value for {name}")),
            },
        };
        if put(entry).is_break() {
            break;
        }
    }
    Ok(())
}

/// Columns that are fields.
const FIELDS: [&str; 9] = [
    "username",
    "subject",
    "issuer",
    "email",
    "email_verified",
    "groups",
    "name",
    "adopt",
    "source",
];

/// Refuses a head that would be understood otherwise than it was meant: a field that is nearly spelt right would become an attribute.
fn check(head: &[String]) -> Result<(), String> {
    let plain = |name: &str| {
        let letters = name.chars().filter(|letter| letter.is_alphanumeric());
        letters.collect::<String>().to_lowercase()
    };
    for (at, name) in head.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
        if head[..at].contains(name) {
            return Err(format!("the first row names the column {name:?} twice"));
        }
        let meant = FIELDS.iter().find(|field| plain(field) == plain(name));
        if let Some(field) = meant.filter(|field| *field != name) {
            return Err(format!(
                "the first row names a column {name:?}: if it is `{field}`, spell it so, if it is an attribute, otherwise"
            ));
        }
    }
    if head.iter().any(|name| name == "username") {
        Ok(())
    } else {
        Err("the first row names no column `username`".to_owned())
    }
}

/// A row as the item that it says; or the column whose value is none of its kind. An empty field is a missing one.
fn item(head: &[String], fields: Vec<String>) -> Result<Value, String> {
    let (mut item, mut attributes) = (Map::new(), Map::new());
    for (name, field) in head.iter().zip(fields).filter(|(_, field)| !field.is_empty()) {
        let value = match name.as_str() {
            "username" | "subject" | "issuer" | "email" | "name" | "source" => field.into(),
            "email_verified" | "adopt" => match field.to_ascii_lowercase().as_str() {
                "true" => true.into(),
                "false" => false.into(),
                _ => return Err(name.clone()),
            },
            "groups" => field.split(';').map(str::trim).filter(|group| !group.is_empty()).collect(),
            _ => {
                attributes.insert(name.clone(), field.into());
                continue;
            }
        };
        item.insert(name.clone(), value);
    }
    item.insert("attributes".to_owned(), attributes.into());
    Ok(item.into())
}

impl<R: BufRead> Rows<R> {
    /// The next row and the line it begins on.
    fn next(&mut self) -> io::Result<Option<(u64, Row)>> {
        self.skip_line_ends()?;
        let line = self.reader.line() + self.between;
        let (mut written, mut ended, mut too_long) = (0, 0, false);
        loop {
            let input = self.input.fill_buf()?;
            let (result, taken, wrote, more) = self.reader.read_record(
                input,
                &mut self.output[written..],
                &mut self.ends[ended..],
            );
            self.input.consume(taken);
            (written, ended) = (written + wrote, ended + more);
            match result {
                ReadRecordResult::InputEmpty => {}
                // The rest of the row is read, and thrown away.
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    (written, ended, too_long) = (0, 0, true);
                }
                ReadRecordResult::Record if too_long => return Ok(Some((line, Row::TooLong))),
                ReadRecordResult::Record => return Ok(Some((line, self.row(ended)))),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn skip_line_ends(&mut self) -> io::Result<()> {
        loop {
            let input = self.input.fill_buf()?;
            let ends = input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
            self.between += input[..ends].iter().filter(|byte| **byte == b'\n').count() as u64;
            let is_more = ends > 0 && ends == input.len();
            self.input.consume(ends);
            if !is_more {
                return Ok(());
            }
        }
    }

    fn row(&self, ended: usize) -> Row {
        let mut from = 0;
        let fields = self.ends[..ended].iter().map(|end| {
            let field = &self.output[from..*end];
            from = *end;
            std::str::from_utf8(field).map(str::to_owned)
        });
        fields.collect::<Result<_, _>>().map_or(Row::NoText, Row::Fields)
    }
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::cli::import::{Entry, ITEM_LIMIT_BYTES};
    use std::ops::ControlFlow;

    fn entries(text: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        let mut put = |entry| {
            found.push(match entry {
                Entry::Person(place, _, item) => format!("{} {item}", place.map_or(0, |p| p.1)),
                Entry::Told(place, _, told) => {
                    format!("{} {}", place.map_or(0, |p| p.1), told.code.unwrap_or_default())
                }
            });
            ControlFlow::Continue(())
        };
        read(text, &mut put).expect("a table");
        found
    }

    #[test]
    fn columns_are_fields_and_those_of_other_names_attributes() {
        let text = "username,email,email_verified,groups,plan,subject\r\na,a@b.c,TRUE,x; y;,pro,\n\"b, \"\"c\"\"\nd\",,,,,s\n";
        let expected = [
            r#"2 {"username":"a","email":"a@b.c","email_verified":true,"groups":["x","y"],"attributes":{"plan":"pro"}}"#,
            r#"3 {"username":"b, \"c\"\nd","subject":"s","attributes":{}}"#,
        ];
        assert_eq!(entries(text.as_bytes()), expected);
    }

    #[test]
    fn a_row_that_is_none_is_named_by_its_line_and_the_others_go_on() {
        let long = "x".repeat(2 * ITEM_LIMIT_BYTES);
        let text = format!("username,adopt\na\n{long},\nb,maybe\nc,\n");
        let expected = ["2 line_invalid", "3 line_too_long", "4 field_invalid"];
        let found = entries(text.as_bytes());
        assert_eq!(found[..3], expected);
        assert!(found[3].starts_with("5 {\"username\":\"c\""), "{}", found[3]);
        assert_eq!(entries(b"username\n\xff\n"), ["2 line_invalid"]);
    }

    #[test]
    fn a_table_without_usernames_is_none() {
        let put = &mut |_| ControlFlow::Continue(());
        assert!(read(&b"name,email\na,b\n"[..], put).is_err());
        assert!(read(&b""[..], put).is_ok(), "nobody");
    }

    #[test]
    fn a_column_that_is_nearly_a_field_or_stands_twice_is_refused() {
        let put = &mut |_| ControlFlow::Continue(());
        for (head, named) in [
            ("username,Email", "Email"),
            ("username, email", " email"),
            ("username,email verified", "email verified"),
            ("username,EmailVerified", "email_verified"),
            ("username,subject ", "subject "),
            ("Username,name", "username"),
            ("username,plan,plan", "plan"),
            ("username,subject,subject", "subject"),
        ] {
            let refused = read(format!("{head}\na,b,c\n").as_bytes(), put);
            assert!(refused.is_err_and(|error| error.to_string().contains(named)), "{head}");
        }
        for head in ["username,plan,Plan", "username,,", "username,e-mails"] {
            assert!(read(format!("{head}\n").as_bytes(), put).is_ok(), "{head}");
        }
    }
}
