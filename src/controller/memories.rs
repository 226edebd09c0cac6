//! What the process remembers of each object between two passes. Losing it costs time, never safety.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::core::memory::Learnt;

/// The memory of one object.
#[derive(Clone, Debug, Default)]
pub struct Slot {
    /// What decisions may look at.
    pub learnt: Learnt,
    /// The newest resourceVersion seen or written: an older cached object is read again first (trap T6).
    pub version: u64,
}

/// The slots by uid. A slot that is taken belongs to a running pass: nobody else may work on that object meanwhile.
#[derive(Debug, Default)]
pub struct Memories(Mutex<HashMap<String, Option<Slot>>>);

impl Memories {
    /// The object's slot, or `None` while another pass has it.
    pub fn take(&self, uid: &str) -> Option<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.insert(uid.to_owned(), None) {
            None => Some(Slot::default()),
            Some(slot) => slot,
        }
    }

    /// Gives the slot back; `None` forgets the object.
    pub fn put(&self, uid: &str, slot: Option<Slot>) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match slot {
            Some(slot) => slots.insert(uid.to_owned(), Some(slot)),
            None => slots.remove(uid),
        };
    }
}
