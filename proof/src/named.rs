//! The worlds of a provider like CarrierX, with the record that ships: marks stand in names that anybody can edit, what carries one is
//! asked for in one request, creates and updates answer the whole thing, fields are changed in groups, nothing registers, and the provider
//! tells what points to a thing. The trunk groups that lead numbers to endpoints there go through the same decisions.

use switchboard::core::capabilities::Capabilities;
use switchboard::core::view::Thing;
use switchboard::provider::carrierx;

use crate::world::{Fault, Start, World};
use crate::worlds::BASE as PLAIN;

const BASE: World = World { capabilities: carrierx::CAPABILITIES, ..PLAIN };

/// It does not select what is asked for: listings of everything have to do.
const LISTED: Capabilities = Capabilities { list_filter: false, ..carrierx::CAPABILITIES };

/// Those of `make test`.
pub fn small() -> Vec<World> {
    use Fault::{Blind, Crash, Create, Delete, Edit, Hidden, Lost, Point, Remove, Rename, Reuse, Toggle, Torn, Twice, Wipe};
    vec![
        World {
            name: "by mark",
            about: "marks in names, searched for; lost, late and invisible creates, a deletion",
            faults: &[(Create, 2), (Lost, 1), (Hidden, 1), (Delete, 1)],
            states: 62_808,
            ..BASE
        },
        World {
            name: "by mark, two",
            about: "two leaders; lost and late creates, searched for by their marks, a deletion",
            leaders: 2,
            faults: &[(Create, 2), (Lost, 1), (Delete, 1)],
            depth: Some(12),
            states: 262_736,
            ..BASE
        },
        World {
            name: "by mark, listed",
            about: "the provider does not select by marks, or not any more: listings have to do; a lost create, a deletion",
            capabilities: LISTED,
            faults: &[(Create, 2), (Lost, 1), (Rename, 1), (Delete, 1)],
            states: 55_069,
            ..BASE
        },
        World {
            name: "by mark, or not",
            about: "the provider stops selecting by marks at any time; a lost create",
            faults: &[(Create, 2), (Blind, 1), (Lost, 1)],
            states: 31_756,
            ..BASE
        },
        World {
            name: "renamed",
            about: "somebody takes the mark out of the name, before it is recorded or afterwards; a lost create, a deletion",
            faults: &[(Create, 2), (Rename, 1), (Lost, 1), (Delete, 1)],
            states: 60_111,
            ..BASE
        },
        World {
            name: "in groups",
            about: "an edit that takes two updates, crashes between them; the endpoint is renamed in the console",
            start: Start::Healthy,
            faults: &[(Edit, 1), (Rename, 1), (Crash, 1)],
            states: 23_152,
            ..BASE
        },
        World {
            name: "in use",
            about: "something points to the endpoint of a deleted object for a while, and the provider refuses to delete it then",
            start: Start::Healthy,
            faults: &[(Create, 1), (Point, 4), (Lost, 1), (Crash, 1), (Delete, 1)],
            states: 70_188,
            ..BASE
        },
        World {
            name: "in use, for good",
            about: "two leaders; something points to an endpoint for good, and the provider would delete it all the same",
            leaders: 2,
            start: Start::Healthy,
            strict: false,
            lasting: true,
            refuses: false,
            faults: &[(Create, 1), (Point, 2), (Delete, 1), (Crash, 1)],
            depth: Some(11),
            states: 103_042,
            ..BASE
        },
        World {
            name: "doubled, in use",
            about: "two endpoints with the mark; something points to one, one is deleted by hand or loses its mark",
            start: Start::Doubled,
            strict: false,
            faults: &[(Create, 1), (Point, 1), (Remove, 1), (Rename, 1)],
            states: 94_477,
            ..BASE
        },
        World {
            name: "rebuilt, by mark",
            about: "two leaders; the object is applied into an empty cluster, its endpoint exists and may be renamed",
            leaders: 2,
            start: Start::Rebuilt,
            faults: &[(Create, 1), (Torn, 1), (Rename, 1), (Delete, 1)],
            depth: Some(11),
            states: 317_726,
            ..BASE
        },
        World {
            name: "reuse, by mark",
            about: "the recorded id is given to an endpoint with somebody else's mark",
            start: Start::Healthy,
            strict: false,
            faults: &[(Create, 1), (Remove, 1), (Reuse, 1), (Edit, 1)],
            states: 39_372,
            ..BASE
        },
        World {
            name: "forged",
            about: "the status names somebody else's endpoint, and no ledger of ours recorded that",
            start: Start::Forged,
            strict: false,
            faults: &[(Create, 1), (Edit, 1), (Wipe, 1), (Delete, 1)],
            states: 27_408,
            ..BASE
        },
        World {
            name: "wild, by mark",
            about: "marks in names; creates delivered twice or executed at any time later, the status is wiped, the endpoint renamed",
            strict: false,
            late: true,
            faults: &[(Create, 2), (Twice, 1), (Wipe, 1), (Rename, 1)],
            states: 15_671,
            ..BASE
        },
        World {
            name: "adopted, by name",
            about: "the object adopts an endpoint of any name, which is renamed and deleted in the console and goes with the object",
            start: Start::Adopting,
            faults: &[(Create, 1), (Edit, 1), (Rename, 1), (Remove, 1), (Point, 2), (Delete, 1)],
            states: 168_008,
            ..BASE
        },
        World {
            name: "group",
            about: "a trunk group that bindings need, do not need and need again at any time; crashes",
            thing: Thing::TrunkGroup,
            faults: &[(Create, 2), (Toggle, 2), (Crash, 1)],
            states: 108_682,
            ..BASE
        },
        World {
            name: "group, two",
            about: "two leaders; a trunk group that bindings need, do not need and need again at any time; a lost create",
            leaders: 2,
            thing: Thing::TrunkGroup,
            faults: &[(Create, 2), (Toggle, 2), (Lost, 1)],
            depth: Some(11),
            states: 323_253,
            ..BASE
        },
        World {
            name: "group, young",
            about: "two leaders; a trunk group that is not visible yet when bindings do not need it any more, and then do",
            leaders: 2,
            thing: Thing::TrunkGroup,
            faults: &[(Create, 1), (Toggle, 2), (Hidden, 1)],
            depth: Some(11),
            states: 185_741,
            ..BASE
        },
        World {
            name: "group, in use",
            about: "a trunk group to which something points at the provider, and which is renamed in the console",
            thing: Thing::TrunkGroup,
            start: Start::Healthy,
            faults: &[(Create, 1), (Toggle, 1), (Point, 2), (Rename, 1)],
            states: 61_992,
            ..BASE
        },
    ]
}

/// Those of `make proof` besides.
pub fn large() -> Vec<World> {
    use Fault::{
        Blind, Claim, Crash, Create, Delete, Edit, Force, Hidden, Lost, LostWrite, Point, Remove, Rename, Retouch, Toggle, Torn, Twice,
        Wipe,
    };
    vec![
        World {
            name: "by mark, more",
            about: "marks in names; lost, late and invisible creates, torn searches, crashes, lost writes, a renamed endpoint, a deletion",
            faults: &[(Create, 2), (Crash, 1), (Lost, 1), (LostWrite, 1), (Hidden, 1), (Torn, 1), (Rename, 1), (Delete, 1)],
            depth: Some(22),
            ..BASE
        },
        World {
            name: "by mark, two, deeper",
            about: "two leaders; lost and invisible creates, searched for by their marks, a renamed endpoint, crashes, a deletion",
            leaders: 2,
            faults: &[(Create, 2), (Lost, 1), (Hidden, 1), (Rename, 1), (Crash, 1), (Delete, 1)],
            depth: Some(12),
            ..BASE
        },
        World {
            name: "by mark, or not, more",
            about: "the provider stops selecting by marks at any time, and begins again; a lost and invisible create, a deletion",
            faults: &[(Create, 2), (Blind, 2), (Lost, 1), (Hidden, 1), (Delete, 1)],
            depth: Some(20),
            ..BASE
        },
        World {
            name: "in groups, more",
            about: "edits that take two updates, crashes, lost answers; the endpoint is edited and renamed in the console, and its object goes",
            start: Start::Healthy,
            faults: &[(Create, 1), (Edit, 2), (Retouch, 1), (Rename, 1), (Lost, 1), (Crash, 1), (Delete, 1)],
            depth: Some(14),
            ..BASE
        },
        World {
            name: "doubled, in use, two",
            about: "two leaders, two endpoints with the mark; something points to one, one is deleted by hand or loses its mark",
            leaders: 2,
            start: Start::Doubled,
            strict: false,
            faults: &[(Create, 1), (Point, 2), (Remove, 1), (Rename, 1), (Crash, 1), (Claim, 1)],
            depth: Some(11),
            ..BASE
        },
        World {
            name: "wild, by mark, two",
            about: "two leaders; marks in names; creates delivered twice or late, status wiped, finalizer forced off, endpoints renamed",
            leaders: 2,
            strict: false,
            late: true,
            faults: &[(Create, 2), (Twice, 1), (Wipe, 1), (Force, 1), (Rename, 1), (Delete, 1)],
            depth: Some(12),
            ..BASE
        },
        World {
            name: "group, more",
            about: "two leaders; a trunk group that bindings need or not at any time; lost and invisible creates, references, an edit by hand",
            leaders: 2,
            thing: Thing::TrunkGroup,
            faults: &[(Create, 2), (Toggle, 3), (Lost, 1), (Hidden, 1), (Point, 2), (Edit, 1), (Retouch, 1), (Remove, 1), (Crash, 1)],
            depth: Some(10),
            ..BASE
        },
    ]
}
