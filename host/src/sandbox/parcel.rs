//! What passes between the workshop and the child: lengths, and that many bytes.
//! Refuses to believe a length: it is compared with what is there.

use crate::sandbox::{Limits, MakeError, Problem};
use std::time::Duration;

/// A parcel being packed.
#[derive(Default)]
pub(super) struct Parcel(Vec<u8>);

/// A parcel being unpacked; none when it holds something else than what is asked for.
pub(super) struct Unpacking<'a>(&'a [u8]);

/// What the child is asked for.
pub(super) struct Order<'a> {
    pub(super) limits: Limits,
    pub(super) settings_json: &'a str,
    pub(super) component: &'a [u8],
}

/// What the child made.
pub(super) struct Product<'a> {
    pub(super) engine: &'a str,
    pub(super) notes: Vec<&'a str>,
    pub(super) code: &'a [u8],
}

impl Parcel {
    fn number(&mut self, number: u64) {
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.extend(bytes);
    }
}

impl<'a> Unpacking<'a> {
    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*number))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// As many as the parcel says, each of at least a length.
    fn many<T>(&mut self, mut one: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.number()?).map(|_| one(self)).collect()
    }
}

impl<'a> Order<'a> {
    pub(super) fn pack(&self) -> Vec<u8> {
        let limits = &self.limits;
        let mut parcel = Parcel::default();
        for number in [
            limits.decision_fuel,
            u64::try_from(limits.decision_time.as_millis()).unwrap_or(u64::MAX),
            limits.memory_bytes,
            limits.settings_memory_bytes,
            limits.answer_bytes,
            limits.component_bytes,
        ] {
            parcel.number(number);
        }
        parcel.bytes(self.settings_json.as_bytes());
        parcel.bytes(self.component);
        parcel.0
    }

    pub(super) fn unpack(bytes: &'a [u8]) -> Option<Self> {
        let mut parcel = Unpacking(bytes);
        let limits = Limits {
            decision_fuel: parcel.number()?,
            decision_time: Duration::from_millis(parcel.number()?),
            memory_bytes: parcel.number()?,
            settings_memory_bytes: parcel.number()?,
            answer_bytes: parcel.number()?,
            component_bytes: parcel.number()?,
            decisions_at_once: 1,
            cpu_share: 1.0,
            pagemap_scan: false,
        };
        let (settings_json, component) = (parcel.text()?, parcel.bytes()?);
        parcel.0.is_empty().then_some(Self { limits, settings_json, component })
    }
}

/// What is in the answer's parcel.
const MADE: u64 = 0;
const TURNED_AWAY: u64 = 1;
const UNAVAILABLE: u64 = 2;

pub(super) fn pack_answer(answer: Result<Product<'_>, MakeError>) -> Vec<u8> {
    let mut parcel = Parcel::default();
    match answer {
        Ok(Product { engine, notes, code }) => {
            parcel.number(MADE);
            parcel.bytes(engine.as_bytes());
            parcel.number(notes.len() as u64);
            notes.iter().for_each(|note| parcel.bytes(note.as_bytes()));
            parcel.bytes(code);
        }
        Err(MakeError::TurnedAway { code, detail, problems, .. }) => {
            parcel.number(TURNED_AWAY);
            parcel.bytes(code.as_str().as_bytes());
            parcel.bytes(detail.as_bytes());
            parcel.number(problems.len() as u64);
            for Problem { path, message } in problems {
                parcel.bytes(path.as_bytes());
                parcel.bytes(message.as_bytes());
            }
        }
        Err(error @ (MakeError::Busy | MakeError::Unavailable(_))) => {
            parcel.number(UNAVAILABLE);
            parcel.bytes(error.to_string().as_bytes());
        }
    }
    parcel.0
}

pub(super) fn unpack_answer(bytes: &[u8]) -> Option<Result<Product<'_>, MakeError>> {
    let mut parcel = Unpacking(bytes);
    let answer = match parcel.number()? {
        MADE => {
            let engine = parcel.text()?;
            let notes = parcel.many(Unpacking::text)?;
            Ok(Product { engine, notes, code: parcel.bytes()? })
        }
        TURNED_AWAY => {
            let said = parcel.text()?;
            let code = MakeError::CODES.into_iter().find(|code| code.as_str() == said)?;
            let detail = parcel.text()?.to_owned();
            let problems = parcel.many(|parcel| {
                let (path, message) = (parcel.text()?.to_owned(), parcel.text()?.to_owned());
                Some(Problem { path, message })
            })?;
            Err(MakeError::TurnedAway { code, detail, problems, judged: true })
        }
        UNAVAILABLE => Err(MakeError::Unavailable(parcel.text()?.to_owned())),
        _ => return None,
    };
    parcel.0.is_empty().then_some(answer)
}

#[cfg(test)]
mod tests {
    use super::{Order, Product, pack_answer, unpack_answer};
    use crate::domain::HostCode;
    use crate::sandbox::{Limits, MakeError, Problem};
    use std::time::Duration;

    #[test]
    fn what_is_packed_is_unpacked_and_a_byte_less_or_more_is_nothing() {
        let limits = Limits {
            decision_fuel: 1,
            decision_time: Duration::from_millis(2),
            memory_bytes: 3,
            settings_memory_bytes: 4,
            answer_bytes: 5,
            component_bytes: 6,
            decisions_at_once: 1,
            cpu_share: 1.0,
            pagemap_scan: false,
        };
        let order = Order { limits: limits.clone(), settings_json: "{}", component: b"code" };
        let mut packed = order.pack();
        let unpacked = Order::unpack(&packed).expect("an order");
        assert_eq!((unpacked.limits, unpacked.settings_json), (limits, "{}"));
        assert_eq!(unpacked.component, b"code");
        assert!(Order::unpack(&packed[..packed.len() - 1]).is_none());
        packed.push(0);
        assert!(Order::unpack(&packed).is_none());
        assert!(Order::unpack(&[0xff; 64]).is_none());
    }

    #[test]
    fn an_answer_comes_as_it_was_given() {
        let product = Product { engine: "e", notes: vec!["a", "b"], code: b"code" };
        let packed = pack_answer(Ok(product));
        let made = unpack_answer(&packed).expect("an answer").expect("a product");
        assert_eq!((made.engine, made.notes, made.code), ("e", vec!["a", "b"], &b"code"[..]));
        let problem = |path: &str| Problem { path: path.to_owned(), message: "no".to_owned() };
        for error in [
            MakeError::refused(vec![problem(""), problem("/a")]),
            MakeError::Unavailable("why".to_owned()),
        ] {
            let packed = pack_answer(Err(error.clone()));
            assert_eq!(unpack_answer(&packed).expect("an answer").err(), Some(error));
        }
        let mut packed = pack_answer(Err(MakeError::turned_away(HostCode::SampleFailed, "")));
        packed[16] ^= 1;
        assert!(unpack_answer(&packed).is_none(), "no code of ours");
    }
}
