//! A set of texts that is made once and asked for ever: one look finds out, however many there are. Its state is two blocks of
//! memory, and asking touches a page of each, so that a frozen set of a hundred thousand costs a decision what one of ten does.

/// The set.
pub(crate) struct Texts {
    /// Every text after its length, four bytes.
    pool: Box<[u8]>,
    /// Where in the pool a text is, plus one; where a text's search begins says its hash.
    slots: Box<[u32]>,
}

/// The longest text that is kept, and searched for.
pub(crate) const LONGEST_BYTES: usize = 4096;

const LENGTH_BYTES: usize = 4;

impl Texts {
    /// The texts, twice the same once.
    pub(crate) fn of<'t>(texts: impl Iterator<Item = &'t str> + Clone) -> Self {
        let (mut count, mut bytes) = (0_usize, 0_usize);
        for text in texts.clone() {
            count += 1;
            bytes += LENGTH_BYTES + text.len();
        }
        let mut pool = Vec::with_capacity(bytes);
        let mut set = Self {
            pool: Box::default(),
            slots: vec![0; (count * 2).next_power_of_two()].into_boxed_slice(),
        };
        for text in texts {
            let slot = set.slot(&pool, text);
            if set.slots[slot] != 0 {
                continue;
            }
            // Not more than a memory of 32 bits holds.
            set.slots[slot] = pool.len() as u32 + 1;
            pool.extend((text.len() as u32).to_le_bytes());
            pool.extend(text.as_bytes());
        }
        set.pool = pool.into_boxed_slice();
        set
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pool.is_empty()
    }

    pub(crate) fn holds(&self, text: &str) -> bool {
        !self.is_empty() && self.slots[self.slot(&self.pool, text)] != 0
    }

    /// Where `text` is, or would be.
    fn slot(&self, pool: &[u8], text: &str) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = hash(text) as usize & mask;
        while let Some(found) = self.slots[slot].checked_sub(1) {
            if entry(pool, found as usize) == text.as_bytes() {
                break;
            }
            slot = (slot + 1) & mask;
        }
        slot
    }
}

fn entry(pool: &[u8], start: usize) -> &[u8] {
    let (length, rest) = pool[start..].split_at(LENGTH_BYTES);
    let length = length.iter().rev().fold(0_usize, |length, byte| length << 8 | usize::from(*byte));
    &rest[..length]
}

/// FNV-1a, folded: the same in every instance. Whoever chooses the texts is the operator; whoever asks can choose one only.
pub(crate) fn hash(text: &str) -> u32 {
    let start = 0xcbf2_9ce4_8422_2325_u64;
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
    let hash = text.as_bytes().iter().fold(start, step);
    (hash ^ (hash >> 32)) as u32
}

#[cfg(test)]
mod tests {
    use super::Texts;

    #[test]
    fn it_holds_what_was_put_in_and_nothing_else() {
        let texts: Vec<String> = (0..5000).map(|i| format!("{i}@example.com")).collect();
        let set = Texts::of(texts.iter().chain(&texts).map(String::as_str));
        assert!(texts.iter().all(|text| set.holds(text)));
        for other in ["", "0", "5000@example.com", "0@example.co", "0@example.comm"] {
            assert!(!set.holds(other), "{other}");
        }
        assert!(!Texts::of(std::iter::empty()).holds(""));
        assert!(Texts::of(["", "a"].into_iter()).holds(""));
    }
}
