//! The worlds of numbers.

use super::{Unbinding, World};

const NONE: World = World {
    name: "",
    about: "",
    processes: 1,
    bound: false,
    applies: [1, 1],
    deletes: 0,
    edits: 0,
    console: 0,
    lost: 0,
    crashes: 0,
    wipes: 0,
    forced: 0,
    gone: 0,
    settles: 0,
    groups: None,
    obstacles: 0,
    recreations: 0,
    depth: None,
    states: 0,
};

/// All of them.
pub fn all() -> Vec<World> {
    vec![
        World {
            name: "one binding",
            about: "a number with one binding; lost and late updates, crashes, an edit, a deletion",
            applies: [1, 0],
            deletes: 1,
            edits: 1,
            lost: 1,
            crashes: 1,
            settles: 1,
            states: 9107,
            ..NONE
        },
        World {
            name: "hand-over",
            about: "two bindings of one number, made and deleted at any time, a lost or late update",
            deletes: 2,
            lost: 1,
            states: 47088,
            ..NONE
        },
        World {
            name: "again",
            about: "a binding is deleted and made again under the same name while there is another one",
            applies: [2, 1],
            deletes: 2,
            crashes: 1,
            states: 51891,
            ..NONE
        },
        World {
            name: "console and bindings",
            about: "two bindings; somebody changes the number in the console at any time",
            deletes: 2,
            console: 1,
            states: 56167,
            ..NONE
        },
        World {
            name: "wiped",
            about: "two bindings; the status of one of them is wiped at any time",
            deletes: 1,
            edits: 1,
            wipes: 1,
            states: 59762,
            ..NONE
        },
        World {
            name: "forced",
            about: "two bindings; the finalizer of one of them is forced off at any time",
            deletes: 2,
            forced: 1,
            states: 63565,
            ..NONE
        },
        World {
            name: "gone",
            about: "the application that answered first is deleted; a crash, a lost answer",
            applies: [1, 0],
            deletes: 1,
            lost: 1,
            crashes: 1,
            gone: 1,
            settles: 1,
            states: 3791,
            ..NONE
        },
        World {
            name: "two processes, one binding",
            about: "two processes with stale copies; a lost update, a deletion",
            processes: 2,
            applies: [1, 0],
            deletes: 1,
            lost: 1,
            states: 11131,
            ..NONE
        },
        World {
            name: "two processes, an edit",
            about: "two processes with stale copies; an edit, a deletion",
            processes: 2,
            applies: [1, 0],
            deletes: 1,
            edits: 1,
            states: 14967,
            ..NONE
        },
        World {
            name: "two processes, two bindings",
            about: "two processes with stale copies; two bindings, a deletion",
            processes: 2,
            deletes: 1,
            depth: Some(16),
            states: 54795,
            ..NONE
        },
        World {
            name: "two processes, a bound number",
            about: "two processes, one of which has not seen yet that the number is bound; a second binding, a deletion",
            processes: 2,
            bound: true,
            applies: [0, 1],
            deletes: 1,
            depth: Some(19),
            states: 57658,
            ..NONE
        },
        World {
            name: "trunk groups",
            about: "two bindings of one number that trunk groups answer, made and deleted at any time; what answered first may be deleted",
            groups: Some(Unbinding::Taken),
            deletes: 2,
            gone: 1,
            states: 31540,
            ..NONE
        },
        World {
            name: "to be answered",
            about: "a number that the provider does not leave without an answer; what answered first is deleted, updates are lost, a crash",
            groups: Some(Unbinding::Refused),
            applies: [1, 0],
            deletes: 1,
            console: 1,
            lost: 1,
            crashes: 1,
            gone: 1,
            settles: 1,
            states: 17714,
            ..NONE
        },
        World {
            name: "without effect",
            about: "the same, where the provider accepts that and changes nothing",
            groups: Some(Unbinding::Ignored),
            applies: [1, 0],
            deletes: 1,
            lost: 1,
            crashes: 1,
            gone: 1,
            settles: 2,
            states: 6260,
            ..NONE
        },
        World {
            name: "obstacle",
            about: "a number that cannot be bound for some time; an edit, a deletion, a lost answer, a crash",
            groups: Some(Unbinding::Refused),
            applies: [1, 0],
            deletes: 1,
            edits: 1,
            lost: 1,
            crashes: 1,
            obstacles: 2,
            states: 20470,
            ..NONE
        },
        World {
            name: "another trunk group",
            about: "the trunk group of the endpoint to which a number leads is gone, and another one is made in its place; two processes, a lost answer, a deletion",
            processes: 2,
            groups: Some(Unbinding::Refused),
            applies: [1, 0],
            deletes: 1,
            lost: 1,
            recreations: 1,
            states: 247731,
            ..NONE
        },
    ]
}
