//! How many people in a row nothing came of.
//! Refuses to stop at one of them, and to go through a whole pool with a server that fails for everybody.

use super::asking::Outcome;
use crate::ending::{Ending, Failure};
use crate::pool::Person;
use crate::print::plain;

/// As many as are asked about at once. Never the first alone: a run that goes on may begin with the one person whom something in front of
/// the server turns away, and would never get beyond them.
const STRANGE: usize = super::AT_ONCE;

/// Nobody's rules fail for so many one after the other.
const FAILED: usize = 50;

/// What the last answers were.
#[derive(Default)]
pub(super) struct Row {
    strange: usize,
    failed: usize,
}

impl Row {
    /// Counts an answer. It is a failure once it is so for everybody.
    pub(super) fn count(&mut self, person: &Person, outcome: &Outcome) -> Result<(), Failure> {
        let (no, strange) = match outcome {
            Outcome::Strange(no, why) => (no, Some(why)),
            Outcome::Failed(no) => (no, None),
            _ => {
                *self = Self::default();
                return Ok(());
            }
        };
        self.failed += 1;
        self.strange = if strange.is_some() { self.strange + 1 } else { 0 };
        let last = plain(&person.username);
        match strange {
            Some(why) if self.strange >= STRANGE => Err(Failure::new(
                why.ending,
                format!(
                    "{STRANGE} people in a row were not answered by an Enlist, the last was {last}: {}",
                    why.says
                ),
            )),
            _ if self.failed >= FAILED => Err(Failure::new(
                Ending::Failed,
                format!(
                    "the server failed for {FAILED} people in a row, the last was {last}: {}",
                    plain(&no.code)
                ),
            )),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::asking::No;
    use super::{Ending, FAILED, Failure, Outcome, Person, Row, STRANGE};
    use serde_json::Map;

    fn after(outcomes: impl IntoIterator<Item = Outcome>) -> Option<usize> {
        let person = Person {
            username: "ann".to_owned(),
            attributes: Map::new(),
            status: String::new(),
            enabled: true,
        };
        let mut row = Row::default();
        outcomes.into_iter().position(|outcome| row.count(&person, &outcome).is_err())
    }

    fn no() -> No {
        No { code: "http_403".to_owned(), request_id: None }
    }

    fn strange() -> Outcome {
        Outcome::Strange(no(), Failure::new(Ending::Failed, "no"))
    }

    #[test]
    fn one_person_stops_nobody_and_a_row_of_them_does() {
        let others = || [strange(), Outcome::Known, Outcome::Failed(no())];
        assert_eq!(after((0..100).flat_map(|_| others())), None);
        assert_eq!(after((0..100).map(|_| strange())), Some(STRANGE - 1));
        assert_eq!(after((0..100).map(|_| Outcome::Failed(no()))), Some(FAILED - 1));
        assert_eq!(after((0..100).map(|_| Outcome::Refused(no()))), None);
        let mixed = (0..100).map(|n| if n % 2 == 0 { strange() } else { Outcome::Failed(no()) });
        assert_eq!(after(mixed), Some(FAILED - 1));
    }
}
