//! Graphs drawn in text: `a:[g,g]; b/1#0@500:[a,g]!`.
//!
//! Each entry is `name:[parent,parent]`; `g` is the genesis. Behind the name may stand `/device` (0 if not),
//! `#counter` (the device's next if not) and `@milliseconds` after the start (1,000 more for each entry if not);
//! `!` at the end makes it a device's revocation of itself, a control kind, instead of a reading.

use super::{START, world};
use std::collections::BTreeMap;
use weft_tangle::body::{Reason, Revocation};
use weft_tangle::{Draft, Kind, TxId, Verified, content_format};

/// Verified transactions by the names that the drawing gives them.
pub(crate) struct Drawing {
    names: Vec<String>,
    transactions: BTreeMap<String, Verified>,
}

impl Drawing {
    /// Signs and checks what is drawn.
    pub(crate) fn of(text: &str) -> Self {
        let mut drawing = Self { names: Vec::new(), transactions: BTreeMap::new() };
        let mut counters = BTreeMap::new();
        for (index, entry) in text.split(';').map(str::trim).filter(|entry| !entry.is_empty()).enumerate() {
            let (label, parents) = entry.split_once(":[").expect("an entry is name:[parent,parent]");
            let (parents, mark) = parents.split_once(']').expect("parents end with ]");
            let (first, second) = parents.split_once(',').expect("there are two parents");
            let number = |mark: char| {
                let (_, rest) = label.split_once(mark)?;
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                Some(digits.parse::<u32>().expect("a number follows"))
            };
            let device = number('/').unwrap_or(0) as u8;
            let next = counters.entry(device).or_insert(0);
            let counter = number('#').unwrap_or(*next);
            *next = (*next).max(counter + 1);
            let ms = number('@').map_or(1_000 * (index as u64 + 1), u64::from);
            let parents = [drawing.parent(first), drawing.parent(second)];
            let content = Revocation { device: world().device(device), reason: Reason::Lost }.encode();
            let mut draft = world().reading(counter, START.plus(ms), parents);
            // Twins differ in their salt, if in nothing else.
            draft.salt = [index as u8; 16];
            if mark == "!" {
                let (kind, content_format) = (Kind::RevokeDevice, content_format::WEFT);
                draft = Draft { kind, content_format, content: &content, ..draft };
            }
            let name: String = label.chars().take_while(char::is_ascii_alphanumeric).collect();
            drawing.transactions.insert(name.clone(), world().verified(&draft, device));
            drawing.names.push(name);
        }
        drawing
    }

    /// The transaction of this name.
    pub(crate) fn get(&self, name: &str) -> Verified {
        self.transactions[name].clone()
    }

    /// Its id.
    pub(crate) fn id(&self, name: &str) -> TxId {
        self.transactions[name].id()
    }

    /// All transactions, as drawn.
    pub(crate) fn all(&self) -> Vec<Verified> {
        self.names.iter().map(|name| self.get(name)).collect()
    }

    fn parent(&self, name: &str) -> TxId {
        if name == "g" { world().genesis() } else { self.id(name) }
    }
}
