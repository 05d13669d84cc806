//! An ini file as Python's `configparser` reads it with nothing said: `ankisyncd` does. Lines, sections, continuations, duplicates and
//! `%(…)s` are taken as there, so that both programs read one thing.
//! Refuses what Python refuses, and to guess what was meant by it. A byte order mark is no mistake here.

use std::collections::BTreeMap;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Ini {
    sections: BTreeMap<String, Options>,
    /// `[DEFAULT]`: what every section has that does not say otherwise.
    defaults: Options,
}

/// The options of a section, by their names in lower case.
type Options = BTreeMap<String, Value>;

/// What an option says, before `%(…)s` is looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Value {
    /// As it stands.
    pub(super) raw: String,
    /// Where it begins, from 1; none when it is not of the file.
    pub(super) line: Option<usize>,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The line, from 1.
    pub(super) line: usize,
    pub(super) what: String,
}

/// The section whose options all others have.
const DEFAULT: &str = "DEFAULT";

/// How deep `%(…)s` may lead.
const DEPTH: usize = 10;

/// Where the reader is.
#[derive(Default)]
struct Reader {
    ini: Ini,
    /// The section that is read; empty before the first.
    section: Option<String>,
    /// The option whose value may go on.
    option: Option<String>,
    /// Parts of values, each a line.
    lines: BTreeMap<(String, String), (usize, Vec<String>)>,
    indent: usize,
    /// The first line that is none of all that: what is wrong otherwise is told before it.
    odd: Option<Mistake>,
}

impl Ini {
    /// Reads a whole file.
    pub(super) fn read(text: &str) -> Result<Self, Mistake> {
        let mut reader = Reader::default();
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        // Python's text files end a line at any of the three.
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let lines = text.strip_suffix('\n').unwrap_or(&text).split('\n');
        for (number, line) in lines.enumerate() {
            reader.line(number + 1, line)?;
        }
        reader.end()
    }

    /// The options of this section with those of `[DEFAULT]`; none when the file has no such section.
    pub(super) fn section(&self, name: &str) -> Option<Section> {
        let own = self.sections.get(name)?;
        let mut options = self.defaults.clone();
        options.extend(own.clone());
        Some(Section(options))
    }
}

impl Reader {
    fn line(&mut self, number: usize, line: &str) -> Result<(), Mistake> {
        let value = strip(line);
        if value.starts_with(['#', ';']) {
            return Ok(());
        }
        let going_on = self.section.clone().zip(self.option.clone().filter(|o| !o.is_empty()));
        if value.is_empty() {
            if let Some((_, parts)) = going_on.and_then(|at| self.lines.get_mut(&at)) {
                parts.push(String::new());
            }
            return Ok(());
        }
        let indent = line.chars().position(|c| !is_space(c)).unwrap_or_default();
        if indent > self.indent
            && let Some((_, parts)) = going_on.and_then(|at| self.lines.get_mut(&at))
        {
            parts.push(value.to_owned());
            return Ok(());
        }
        self.indent = indent;
        if let Some(name) = header(value) {
            return self.begin(number, name);
        }
        let Some(section) = self.section.clone() else {
            return Err(mistake(number, "expected a section such as [sync_app] before it"));
        };
        let Some(at) = value.find(['=', ':']) else {
            let what =
                "expected a [section], NAME = VALUE, or a value going on, further in than its NAME";
            self.odd.get_or_insert_with(|| mistake(number, what));
            return Ok(());
        };
        let name = strip(&value[..at]).to_lowercase();
        if name.is_empty() {
            self.odd.get_or_insert_with(|| mistake(number, "expected a name before the value"));
        }
        let place = (section, name.clone());
        if self.lines.contains_key(&place) {
            return Err(mistake(number, &format!("{name} stands in this section already")));
        }
        self.lines.insert(place, (number, vec![strip(&value[at + 1..]).to_owned()]));
        self.option = Some(name);
        Ok(())
    }

    fn begin(&mut self, number: usize, name: &str) -> Result<(), Mistake> {
        if name != DEFAULT {
            if self.ini.sections.contains_key(name) {
                return Err(mistake(number, &format!("the section [{name}] stands there already")));
            }
            self.ini.sections.insert(name.to_owned(), Options::new());
        }
        (self.section, self.option) = (Some(name.to_owned()), None);
        Ok(())
    }

    fn end(mut self) -> Result<Ini, Mistake> {
        if let Some(odd) = self.odd {
            return Err(odd);
        }
        for ((section, name), (line, parts)) in self.lines {
            let raw = parts.join("\n").trim_end_matches(is_space).to_owned();
            let options = match section == DEFAULT {
                true => &mut self.ini.defaults,
                false => self.ini.sections.entry(section).or_default(),
            };
            options.insert(name, Value { raw, line: Some(line) });
        }
        Ok(self.ini)
    }
}

/// A section, and what it has of `[DEFAULT]`.
#[derive(Debug)]
pub(super) struct Section(Options);

impl Section {
    /// The names of its options.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// What this option says, before anything is looked up in it.
    pub(super) fn raw(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// What this option says; an error says what is wrong with a `%` in it, and nothing of what stands there: it may be a secret.
    pub(super) fn get(&self, name: &str) -> Option<Result<String, &'static str>> {
        let value = self.0.get(name)?;
        let mut text = String::new();
        Some(self.look_up(&value.raw, 1, &mut text).map(|()| text))
    }

    /// An option as the environment says it.
    pub(super) fn say(&mut self, name: String, raw: String) {
        self.0.insert(name, Value { raw, line: None });
    }

    fn look_up(&self, mut rest: &str, depth: usize, text: &mut String) -> Result<(), &'static str> {
        if depth > DEPTH {
            return Err("%(NAME)s leads to %(NAME)s more than ten times");
        }
        while let Some((before, after)) = rest.split_once('%') {
            text.push_str(before);
            if let Some(behind) = after.strip_prefix('%') {
                text.push('%');
                rest = behind;
                continue;
            }
            let named = after.strip_prefix('(').ok_or("a lone %: write %% for it")?;
            let named =
                named.split_once(")s").filter(|(name, _)| !name.is_empty() && !name.contains(')'));
            let (name, behind) =
                named.ok_or("%( without its NAME)s: write %% for a % of its own")?;
            let name = name.to_lowercase();
            let value = self
                .0
                .get(&name)
                .ok_or("%(NAME)s of an option that is not there: write %% for a % of its own")?;
            match value.raw.contains('%') {
                true => self.look_up(&value.raw, depth + 1, text)?,
                false => text.push_str(&value.raw),
            }
            rest = behind;
        }
        text.push_str(rest);
        Ok(())
    }
}

/// What stands between `[` and the last `]`, whatever stands behind that.
fn header(value: &str) -> Option<&str> {
    let inside = value.strip_prefix('[')?;
    inside.rfind(']').map(|end| &inside[..end]).filter(|name| !name.is_empty())
}

fn mistake(line: usize, what: &str) -> Mistake {
    Mistake { line, what: what.to_owned() }
}

/// White space as Python knows it: Unicode's, and four separators.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

fn strip(text: &str) -> &str {
    text.trim_matches(is_space)
}

#[cfg(test)]
mod tests {
    use super::{Ini, Value};
    use serde_json::{Value as Json, json};

    /// Small files and what Python makes of each: cases.py, beside it, wrote them.
    const CASES: &str = include_str!("ini/cases.json");

    /// What we make of it, in the same words.
    fn judged(text: &str) -> Json {
        let ini = match Ini::read(text) {
            Ok(ini) => ini,
            Err(mistake) => return json!({"text": text, "mistake": mistake.line}),
        };
        let section = ini.section("sync_app").map(|section| {
            let said = |name: &str| section.get(name).and_then(Result::ok);
            let options = section.names().map(|name| (name.to_owned(), json!(said(name))));
            options.collect::<serde_json::Map<_, _>>()
        });
        json!({"text": text, "section": section})
    }

    #[test]
    fn every_file_is_read_as_python_reads_it() {
        let cases: Vec<Json> = serde_json::from_str(CASES).expect("cases");
        assert!(cases.len() > 400, "{}", cases.len());
        for case in cases {
            assert_eq!(judged(case["text"].as_str().expect("a text")), case);
        }
    }

    #[test]
    fn an_option_knows_its_line_and_the_environment_has_none() {
        let ini = Ini::read("[DEFAULT]\na = 1\n\n[sync_app]\nb = 2\n  3\nc = 4\n").expect("an ini");
        let mut section = ini.section("sync_app").expect("a section");
        section.say("c".to_owned(), "%(a)s".to_owned());
        let line = |name: &str| section.raw(name).and_then(|Value { line, .. }| *line);
        assert_eq!((line("a"), line("b"), line("c")), (Some(2), Some(5), None));
        assert_eq!(section.get("c"), Some(Ok("1".to_owned())));
    }
}
