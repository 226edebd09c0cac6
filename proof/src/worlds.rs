//! The worlds that are searched, small ones for every change and larger ones for `make proof`.

use switchboard::api::policy::{DeletionPolicy, ManagementPolicy};
use switchboard::core::view::Thing;
use switchboard::provider::plivo;

use crate::named;
use crate::world::{Fault, Start, World};

/// What most worlds have in common.
pub(crate) const BASE: World = World {
    name: "",
    about: "",
    leaders: 1,
    start: Start::Applied,
    faults: &[],
    strict: true,
    late: false,
    slow: false,
    deletion: DeletionPolicy::Delete,
    management: ManagementPolicy::Manage,
    lasting: false,
    generates: false,
    capabilities: plivo::CAPABILITIES,
    thing: Thing::Endpoint,
    refuses: true,
    depth: None,
    states: 0,
};

/// The worlds of `make test`.
pub fn small() -> Vec<World> {
    use Fault::{
        Apply, Claim, Crash, Create, Delete, Edit, Force, Ghost, Hidden, HoldDeletion, HoldRecreation, Lose, Lost, LostWrite, Lying,
        Orphan, Pause, Refused, Remove, Replace, Retouch, Reuse, Rollback, Suspend, Swap, Sweep, Torn, Twice, Wipe,
    };
    let plain = vec![
        World {
            name: "alone",
            about: "one leader; lost, late and refused creates, torn listings, crashes, an edit, a deletion",
            faults: &[(Create, 2), (Crash, 1), (Lost, 1), (Refused, 1), (Hidden, 1), (Torn, 1), (Delete, 1)],
            states: 569_272,
            ..BASE
        },
        World {
            name: "refused",
            about: "one leader; refused creates, lost answers of the API server, an edit, crashes",
            faults: &[(Create, 2), (Refused, 2), (LostWrite, 1), (Crash, 1), (Edit, 1), (Delete, 1)],
            states: 542_915,
            ..BASE
        },
        World {
            name: "two",
            about: "two leaders; lost and late creates, crashes, a deletion",
            leaders: 2,
            faults: &[(Create, 2), (Lost, 1), (Delete, 1)],
            depth: Some(15),
            states: 1_182_390,
            ..BASE
        },
        World {
            name: "removed",
            about: "two leaders; the endpoint is deleted by hand as soon as it exists",
            leaders: 2,
            faults: &[(Create, 2), (Remove, 1)],
            depth: Some(16),
            states: 434_145,
            ..BASE
        },
        World {
            name: "leaving",
            about: "two leaders; the object goes, is applied again and deleted again",
            leaders: 2,
            start: Start::Leaving,
            faults: &[(Create, 1), (Apply, 1), (Delete, 1)],
            depth: Some(19),
            states: 275_360,
            ..BASE
        },
        World {
            name: "stalled",
            about: "two leaders, each of which may stand still at any point",
            leaders: 2,
            faults: &[(Create, 2)],
            depth: Some(19),
            states: 666_197,
            ..BASE
        },
        World {
            name: "young",
            about: "an endpoint that is not visible yet is to be deleted",
            faults: &[(Create, 1), (Hidden, 1), (Delete, 1), (Lost, 1)],
            states: 35_594,
            ..BASE
        },
        World {
            name: "twins",
            about: "two leaders; a create is delivered twice and one of the twins is not visible yet",
            leaders: 2,
            strict: false,
            faults: &[(Create, 1), (Twice, 1), (Hidden, 1)],
            depth: Some(15),
            states: 425_003,
            ..BASE
        },
        World {
            name: "users",
            about: "two leaders; the object is edited, replaced by another tool, deleted and applied again",
            leaders: 2,
            faults: &[(Create, 2), (Edit, 1), (Replace, 1), (Delete, 1)],
            depth: Some(13),
            states: 1_081_344,
            ..BASE
        },
        World {
            name: "slow",
            about: "listings during which things happen",
            slow: true,
            faults: &[(Create, 2), (Lost, 1), (Torn, 1), (Ghost, 1), (Delete, 1)],
            states: 91_273,
            ..BASE
        },
        World {
            name: "console",
            about: "two leaders; the endpoint is edited and deleted by hand, deletions are still listed",
            leaders: 2,
            start: Start::Healthy,
            faults: &[(Create, 1), (Remove, 1), (Ghost, 1)],
            depth: Some(18),
            states: 241_624,
            ..BASE
        },
        World {
            name: "lie",
            about: "one listing that lacks an endpoint passes for complete",
            faults: &[(Create, 2), (Lost, 1), (Lying, 1), (Crash, 1), (Sweep, 1), (Hidden, 1)],
            states: 320_754,
            ..BASE
        },
        World {
            name: "rebuilt",
            about: "the object is applied into an empty cluster, its endpoint exists",
            leaders: 2,
            start: Start::Rebuilt,
            faults: &[(Create, 1), (Crash, 1), (Torn, 1), (Delete, 1)],
            depth: Some(13),
            states: 542_911,
            ..BASE
        },
        World {
            name: "credentials",
            about: "the credentials lead to another account for a while",
            faults: &[(Create, 2), (Swap, 2), (Lost, 1), (Delete, 1), (Remove, 1)],
            states: 223_639,
            ..BASE
        },
        World {
            name: "pause",
            about: "the object is paused at any time",
            faults: &[(Create, 1), (Pause, 2), (Lost, 1), (Delete, 1), (Crash, 1)],
            states: 400_382,
            ..BASE
        },
        World {
            name: "retain",
            about: "the endpoint is kept when the object goes, and taken over by the next one",
            deletion: DeletionPolicy::Retain,
            faults: &[(Create, 2), (Lost, 1), (Delete, 1), (Apply, 1), (Crash, 1)],
            strict: false,
            states: 105_641,
            ..BASE
        },
        World {
            name: "doubled",
            about: "two leaders, two endpoints; the recorded one is deleted by hand",
            leaders: 2,
            start: Start::Doubled,
            strict: false,
            faults: &[(Create, 1), (Remove, 1)],
            depth: Some(14),
            states: 289_104,
            ..BASE
        },
        World {
            name: "reuse",
            about: "the id of a deleted endpoint is given to somebody else's",
            start: Start::Healthy,
            faults: &[(Create, 1), (Remove, 1), (Reuse, 1), (Edit, 1)],
            strict: false,
            states: 32_191,
            ..BASE
        },
        World {
            name: "wild",
            about: "creates delivered twice or executed at any time later, status wiped, finalizer forced off",
            strict: false,
            late: true,
            faults: &[(Create, 2), (Twice, 1), (Wipe, 1), (Force, 1), (Delete, 1)],
            states: 254_134,
            ..BASE
        },
        World {
            name: "restored",
            about: "etcd is restored to an earlier state",
            strict: false,
            faults: &[(Create, 2), (Rollback, 1), (Delete, 1)],
            states: 148_362,
            ..BASE
        },
        World {
            name: "adopted",
            about: "the object adopts an endpoint, which is deleted in the console; its id is used again; the object goes and comes back",
            start: Start::Adopting,
            deletion: DeletionPolicy::Retain,
            faults: &[(Create, 1), (Edit, 1), (Remove, 1), (Reuse, 1), (Crash, 1), (Delete, 1), (Apply, 1)],
            states: 189_361,
            ..BASE
        },
        World {
            name: "adopted, to go",
            about: "two leaders; an adopted endpoint goes with its object, another tool replaces the object",
            leaders: 2,
            start: Start::Adopting,
            faults: &[(Create, 1), (Retouch, 1), (Replace, 1), (Delete, 1), (Apply, 1), (Lost, 1)],
            depth: Some(12),
            states: 327_611,
            ..BASE
        },
        World {
            name: "observed",
            about: "the object only observes an endpoint, which is edited and deleted in the console",
            start: Start::Adopting,
            management: ManagementPolicy::Observe,
            faults: &[(Create, 1), (Edit, 1), (Remove, 1), (Retouch, 1), (Reuse, 1), (Crash, 1), (Delete, 1), (Apply, 1), (Claim, 1)],
            states: 59_204,
            ..BASE
        },
        World {
            name: "claimed",
            about: "another object has a better right to an endpoint with the object's mark for a while",
            strict: false,
            faults: &[(Create, 2), (Claim, 1), (Lost, 1)],
            states: 14_783,
            ..BASE
        },
        World {
            name: "contested",
            about: "another object has a better right to the recorded endpoint for a while",
            strict: false,
            start: Start::Healthy,
            faults: &[(Create, 1), (Claim, 2), (Edit, 1), (Delete, 1)],
            states: 20_995,
            ..BASE
        },
        World {
            name: "adopted by another",
            about: "two leaders; another object has a better right to the endpoint that is to be adopted, or was, for a while",
            leaders: 2,
            start: Start::Adopting,
            faults: &[(Create, 1), (Claim, 2), (Delete, 1), (Lost, 1)],
            depth: Some(13),
            states: 202_683,
            ..BASE
        },
        World {
            name: "suspended",
            about: "the account is suspended for a while; the endpoint of a deleted object is given up",
            faults: &[(Create, 1), (Suspend, 2), (Edit, 1), (Delete, 1), (Orphan, 1)],
            states: 99_436,
            ..BASE
        },
        World {
            name: "held",
            about: "two leaders; the account is suspended, its brakes hold, or another object has a better right to the endpoint, for good",
            leaders: 2,
            start: Start::Healthy,
            strict: false,
            lasting: true,
            faults: &[(Create, 1), (Suspend, 1), (HoldDeletion, 1), (HoldRecreation, 1), (Claim, 1), (Remove, 1), (Delete, 1), (Edit, 1)],
            depth: Some(10),
            states: 264_070,
            ..BASE
        },
        World {
            name: "elsewhere",
            about: "two leaders; the object was another installation's",
            leaders: 2,
            start: Start::Elsewhere,
            faults: &[(Create, 1), (Edit, 1), (Crash, 1), (Delete, 1), (Orphan, 1)],
            depth: Some(10),
            states: 252_569,
            ..BASE
        },
        World {
            name: "generated",
            about: "the password is generated, and its Secret is lost; crashes, lost writes, invisible endpoints, the endpoint is deleted by hand",
            generates: true,
            faults: &[(Create, 2), (Lose, 1), (Crash, 1), (LostWrite, 1), (Hidden, 1), (Remove, 1)],
            states: 478_966,
            ..BASE
        },
        World {
            name: "generated by two",
            about: "two leaders; the password is generated, and its Secret is lost; a lost create, a deletion",
            leaders: 2,
            generates: true,
            faults: &[(Create, 1), (Lose, 1), (Lost, 1), (Delete, 1)],
            depth: Some(12),
            states: 184_373,
            ..BASE
        },
        World {
            name: "braked",
            about: "the account's brakes hold the deletion of the endpoint, or its replacement, for a while",
            start: Start::Healthy,
            faults: &[(Create, 1), (HoldDeletion, 2), (HoldRecreation, 2), (Remove, 1), (Delete, 1)],
            states: 64_938,
            ..BASE
        },
    ];
    plain.into_iter().chain(named::small()).collect()
}

/// The larger worlds of `make proof`.
pub fn large() -> Vec<World> {
    use Fault::{
        Apply, Claim, Crash, Create, Delete, Edit, Force, Ghost, Hidden, HoldDeletion, Lost, LostWrite, Orphan, Refused, Remove, Replace,
        Retouch, Reuse, Rollback, Suspend, Swap, Torn, Twice, Wipe,
    };
    let plain = vec![
        World {
            name: "alone, more",
            about: "one leader; lost, late and refused creates, torn listings, crashes, lost writes, an edit, a deletion",
            faults: &[(Create, 2), (Crash, 1), (Lost, 1), (LostWrite, 1), (Refused, 1), (Hidden, 1), (Torn, 1), (Delete, 1), (Edit, 1)],
            ..BASE
        },
        World {
            name: "two, deeper",
            about: "two leaders; lost and late creates, crashes, a deletion",
            leaders: 2,
            faults: &[(Create, 2), (Crash, 1), (Lost, 1), (Hidden, 1), (Delete, 1)],
            depth: Some(15),
            ..BASE
        },
        World {
            name: "users, deeper",
            about: "two leaders; the object is edited, replaced by another tool, deleted and applied again; the endpoint is edited by hand",
            leaders: 2,
            faults: &[(Create, 2), (Edit, 1), (Replace, 1), (Delete, 1), (Apply, 1), (Retouch, 1)],
            depth: Some(14),
            ..BASE
        },
        World {
            name: "wild, two",
            about: "two leaders; creates delivered twice or late, status wiped, finalizer forced off, endpoints deleted by hand",
            leaders: 2,
            strict: false,
            late: true,
            faults: &[(Create, 2), (Twice, 1), (Wipe, 1), (Force, 1), (Remove, 1), (Delete, 1), (Apply, 1)],
            depth: Some(13),
            ..BASE
        },
        World {
            name: "slow, more",
            about: "one leader; listings during which endpoints appear, are deleted by hand or by us, crashes",
            slow: true,
            faults: &[(Create, 2), (Remove, 1), (Hidden, 1), (Lost, 1), (Crash, 1), (Delete, 1), (Ghost, 1)],
            ..BASE
        },
        World {
            name: "restored, two",
            about: "two leaders; etcd is restored to an earlier state, the object is deleted and applied again",
            leaders: 2,
            strict: false,
            faults: &[(Create, 2), (Rollback, 1), (Delete, 1), (Apply, 1)],
            depth: Some(14),
            ..BASE
        },
        World {
            name: "credentials, two",
            about: "two leaders; the credentials lead to another account for a while, the endpoint is deleted by hand",
            leaders: 2,
            faults: &[(Create, 2), (Swap, 2), (Delete, 1), (Remove, 1)],
            depth: Some(14),
            ..BASE
        },
        World {
            name: "again, two",
            about: "two leaders; lost and invisible creates, the object is deleted, applied again and deleted again",
            leaders: 2,
            faults: &[(Create, 2), (Delete, 2), (Apply, 1), (Lost, 1), (Hidden, 1)],
            depth: Some(14),
            ..BASE
        },
        World {
            name: "slow, two",
            about: "two leaders; listings during which things happen",
            leaders: 2,
            slow: true,
            faults: &[(Create, 2), (Delete, 1), (Lost, 1)],
            depth: Some(15),
            ..BASE
        },
        World {
            name: "adopted, deeper",
            about: "two leaders; an adopted endpoint goes with its object; all that people, other tools and other objects may do to either",
            leaders: 2,
            start: Start::Adopting,
            faults: &[
                (Create, 1),
                (Edit, 1),
                (Remove, 1),
                (Reuse, 1),
                (Crash, 1),
                (Lost, 1),
                (LostWrite, 1),
                (Replace, 1),
                (Delete, 1),
                (Apply, 1),
                (Claim, 1),
                (Suspend, 1),
                (HoldDeletion, 1),
                (Orphan, 1),
                (Wipe, 1),
            ],
            depth: Some(10),
            ..BASE
        },
        World {
            name: "claimed, more",
            about: "another object has a better right to an endpoint with the object's mark; deletions",
            strict: false,
            faults: &[(Create, 2), (Claim, 1), (Lost, 1), (Delete, 1)],
            ..BASE
        },
        World {
            name: "contested, more",
            about: "another object has a better right to the recorded endpoint for a while, which is edited, deleted by hand and made anew",
            strict: false,
            start: Start::Healthy,
            faults: &[(Create, 1), (Claim, 2), (Edit, 1), (Remove, 1), (Delete, 1)],
            ..BASE
        },
    ];
    plain.into_iter().chain(named::large()).collect()
}
