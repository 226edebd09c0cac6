//! The worlds of brakes.

use super::World;

const NONE: World = World {
    name: "",
    about: "",
    objects: 5,
    cap: 1,
    deletes: 0,
    vanish: 0,
    returns: 0,
    give_ups: 0,
    restarts: 0,
    acknowledgements: 0,
    ticks: 4,
    strict: true,
    states: 0,
};

/// All of them.
pub fn all() -> Vec<World> {
    vec![
        World {
            name: "deletions",
            about: "the brake on deletions; objects are deleted at any time, restarts that lose no knowledge, right and wrong tokens",
            objects: 4,
            deletes: 4,
            give_ups: 0,
            restarts: 1,
            acknowledgements: 1,
            ticks: 1,
            states: 85963,
            ..NONE
        },
        World {
            name: "deletions of many",
            about: "the same with a higher cap, all within half a minute, and one that is let go by hand",
            objects: 4,
            cap: 2,
            deletes: 4,
            restarts: 1,
            acknowledgements: 1,
            ticks: 0,
            give_ups: 1,
            states: 18695,
            ..NONE
        },
        World {
            name: "slowly",
            about: "the brake on deletions; the operator comes to each object at any time within minutes, one is let go by hand",
            objects: 4,
            deletes: 4,
            give_ups: 1,
            states: 30844,
            ..NONE
        },
        World {
            name: "flapping",
            about: "the brake on new endpoints; they vanish again and come back, over minutes",
            objects: 3,
            vanish: 3,
            returns: 1,
            ticks: 3,
            states: 60730,
            ..NONE
        },
        World {
            name: "forgetful",
            about: "the brake on deletions, restarts at any moment: each may let another cap through",
            objects: 4,
            deletes: 4,
            restarts: 2,
            acknowledgements: 0,
            strict: false,
            ticks: 2,
            states: 19071,
            ..NONE
        },
        World {
            name: "absences",
            about: "the brake on new endpoints; endpoints vanish and come back, restarts that lose no knowledge, right and wrong tokens",
            objects: 3,
            vanish: 3,
            returns: 1,
            restarts: 1,
            acknowledgements: 1,
            ticks: 1,
            states: 231859,
            ..NONE
        },
        World {
            name: "absences, forgetful",
            about: "the brake on new endpoints, restarts at any moment",
            objects: 3,
            vanish: 3,
            restarts: 2,
            acknowledgements: 0,
            strict: false,
            ticks: 2,
            states: 125772,
            ..NONE
        },
        World {
            name: "recreations",
            about: "the limit on new endpoints where the brake does not engage, a restart",
            objects: 4,
            cap: 5,
            vanish: 4,
            restarts: 1,
            ticks: 1,
            states: 57448,
            ..NONE
        },
        World {
            name: "both brakes",
            about: "objects are deleted while endpoints vanish",
            objects: 3,
            deletes: 2,
            vanish: 2,
            restarts: 0,
            acknowledgements: 1,
            ticks: 1,
            states: 153075,
            ..NONE
        },
    ]
}
