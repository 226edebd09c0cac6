//! What the process remembers of each object between two passes. Losing it costs time, never safety.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::core::key::ObjectKey;

/// The memory of one object.
#[derive(Clone, Debug, Default)]
pub struct Slot<M> {
    /// What its kind remembers.
    pub memory: M,
    /// The newest resourceVersion seen or written: an older cached object is read again first (trap T6).
    pub version: u64,
}

/// The slots of one kind by uid. A slot that is taken belongs to a running pass: nobody else may work on that object meanwhile.
#[derive(Debug)]
pub struct Memories<M> {
    slots: Mutex<HashMap<String, Option<Slot<M>>>>,
    /// What is remembered of names whose object is gone.
    left: Mutex<HashMap<ObjectKey, M>>,
}

/// Most names of gone objects that are remembered: each had a create whose answer was lost. More of them cost a message, no safety.
const MOST_LEFT: usize = 1000;

impl<M> Default for Memories<M> {
    fn default() -> Self {
        Self { slots: Mutex::default(), left: Mutex::default() }
    }
}

impl<M: Default> Memories<M> {
    /// The object's slot, or `None` while another pass has it.
    pub fn take(&self, uid: &str, key: &ObjectKey) -> Option<Slot<M>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.insert(uid.to_owned(), None) {
            None => {
                let memory = self.left.lock().unwrap_or_else(PoisonError::into_inner).remove(key).unwrap_or_default();
                Some(Slot { memory, version: 0 })
            }
            Some(slot) => slot,
        }
    }

    /// Whether anything is remembered of the object, or a pass works on it.
    pub fn knows(&self, uid: &str) -> bool {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).contains_key(uid)
    }

    /// Gives the slot back.
    pub fn put(&self, uid: &str, slot: Slot<M>) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).insert(uid.to_owned(), Some(slot));
    }

    /// The object is gone. Something of it may stay for the next object of its name.
    pub fn forget(&self, uid: &str, key: &ObjectKey, stays: Option<M>) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).remove(uid);
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stays) = stays.filter(|_| left.len() < MOST_LEFT) {
            left.insert(key.clone(), stays);
        }
    }
}
