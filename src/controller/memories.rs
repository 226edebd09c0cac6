//! What the process remembers of each object between two passes. Losing it costs time, never safety.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::core::key::ObjectKey;
use crate::core::memory::Learnt;
use crate::core::monitor::{Broken, Watch};

/// The memory of one object.
#[derive(Clone, Debug, Default)]
pub struct Slot {
    /// What decisions may look at.
    pub learnt: Learnt,
    /// The newest resourceVersion seen or written: an older cached object is read again first (trap T6).
    pub version: u64,
    /// What the monitors remember. No decision looks at it.
    pub watch: Watch,
    /// What they have seen in this pass and not told yet.
    pub untold: Vec<Broken>,
}

/// The slots by uid. A slot that is taken belongs to a running pass: nobody else may work on that object meanwhile.
#[derive(Debug, Default)]
pub struct Memories {
    slots: Mutex<HashMap<String, Option<Slot>>>,
    /// What the monitors remember of names whose object is gone.
    left: Mutex<HashMap<ObjectKey, Watch>>,
}

/// Most names of gone objects that are remembered: each had a create whose answer was lost. More of them cost a message, no safety.
const MOST_LEFT: usize = 1000;

impl Memories {
    /// The object's slot, or `None` while another pass has it.
    pub fn take(&self, uid: &str, key: &ObjectKey) -> Option<Slot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.insert(uid.to_owned(), None) {
            None => {
                let watch = self.left.lock().unwrap_or_else(PoisonError::into_inner).remove(key).unwrap_or_default();
                Some(Slot { watch, ..Slot::default() })
            }
            Some(slot) => slot,
        }
    }

    /// Gives the slot back.
    pub fn put(&self, uid: &str, slot: Slot) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), Some(slot));
    }

    /// The object is gone. What the monitors remember of its name stays, if the next object of that name may meet it.
    pub fn forget(&self, uid: &str, key: &ObjectKey, slot: Slot) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.watch.outlives() && left.len() < MOST_LEFT {
            left.insert(key.clone(), slot.watch);
        }
    }
}
