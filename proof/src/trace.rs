//! A way through a world, in words, a line for each step.

use crate::mind::{Kind, Step};
use crate::quiet::calmed;
use crate::state::{Leader, State};
use crate::world::{Act, Fate, Fault, Look, Proof};

/// Most lines told of what happens after faults stop.
const CALM: usize = 60;

/// Tells what happened.
pub fn tell(proof: &Proof, path: &[(State, Option<Act>)]) -> Vec<String> {
    path.iter().filter_map(|(state, act)| act.map(|act| line(proof, state, act))).collect()
}

/// Tells what happens when faults stop.
pub fn tell_calm(proof: &Proof, state: &State) -> Vec<String> {
    let mut state = calmed(state);
    let mut before = Vec::new();
    let mut lines = vec!["faults stop".to_owned()];
    while !before.contains(&state) && lines.len() < CALM {
        before.push(state);
        let (act, _) = proof.calm_step(&mut state);
        lines.push(line(proof, &before[before.len() - 1], act));
    }
    lines.push(format!("and so on: {state:?}"));
    lines
}

fn who(leader: u8) -> char {
    char::from(b'A' + leader)
}

fn line(proof: &Proof, state: &State, act: Act) -> String {
    match act {
        Act::Step(leader, step, fate) => {
            let writes = step.status.is_some() || matches!(step.kind, Kind::AddFinalizer | Kind::RemoveFinalizer(_));
            let old = if writes && !state.is_current(usize::from(leader)) { ", knowing an old version only" } else { "" };
            format!("leader {} {}{}{old}", who(leader), does(&state.leaders[usize::from(leader)], &step), how(fate))
        }
        Act::List(leader, step, look) => {
            let why = if step.is_some() { "lists" } else { "sweeps" };
            format!("leader {} {why}: {}", who(leader), shows(look))
        }
        Act::Find(leader, look) => format!("leader {} searches by the mark: {}", who(leader), shows(look)),
        Act::BeginList(leader, _) => format!("leader {} begins a listing", who(leader)),
        Act::EndList(leader, look) => format!("leader {}'s listing ends: {}", who(leader), shows(look)),
        Act::Answer(flight, fate) => {
            let author = state.flights[usize::from(flight)].and_then(|flight| flight.author).unwrap_or_default();
            let outcome = match fate {
                Fate::Good => "is executed and answered",
                Fate::Hidden => "is executed and answered; the endpoint is not visible yet",
                Fate::Refused => "is refused",
                Fate::Lost => "is executed, the answer is lost",
                Fate::HiddenLost => "is executed, the answer is lost; the endpoint is not visible yet",
                Fate::LostBefore => "is not executed, and not answered",
                _ => "is not answered; it will be executed later",
            };
            format!("leader {}'s create {outcome}", who(author))
        }
        Act::Execute(_, hidden) => {
            format!("the create is executed late{}", if hidden { "; the endpoint is not visible yet" } else { "" })
        }
        Act::Drop(_) => "the late create is never executed".into(),
        Act::Twice(_) => "the network doubles the create".into(),
        Act::Reveal(slot) => format!("endpoint {slot} becomes visible"),
        Act::Vanish(slot) => format!("endpoint {slot} is no longer listed"),
        Act::Tick => "time passes (half a settle time)".into(),
        Act::Crash(leader) => format!("leader {} crashes and starts again", who(leader)),
        Act::Watch(leader) => format!("leader {} sees the object as it is now", who(leader)),
        Act::Event(fault) => event(proof, state, fault).into(),
        Act::Happen(Fault::Remove, slot) => format!("somebody deletes endpoint {slot} in the console"),
        Act::Happen(Fault::Retouch, slot) => format!("somebody edits endpoint {slot} in the console"),
        Act::Happen(Fault::Rename, slot) => format!("somebody takes the mark out of the name of endpoint {slot} in the console"),
        Act::Happen(Fault::Point, slot) if state.endpoints[usize::from(slot)].used.is_some() => {
            format!("nothing points to endpoint {slot} any more")
        }
        Act::Happen(Fault::Point, slot) => format!("something at the provider points to endpoint {slot}"),
        Act::Happen(Fault::Claim, slot) if state.leaders[0].claims & (1 << slot) != 0 => {
            format!("the object that had endpoint {slot} goes")
        }
        Act::Happen(Fault::Claim, slot) => format!("another object gets a better right to endpoint {slot}"),
        Act::Happen(_, slot) => format!("the provider gives the id of endpoint {slot} to somebody else's"),
    }
}

fn event(_proof: &Proof, state: &State, fault: Fault) -> &'static str {
    match fault {
        Fault::Edit => "the user wants another alias",
        Fault::Delete => "the user deletes the object",
        Fault::Apply => "the user applies the object anew",
        Fault::Pause => "the user pauses the object, or ends the pause",
        Fault::Replace => "another tool replaces the object: annotations and finalizers are gone",
        Fault::Swap if state.leaders[0].astray => "the old credentials are put back",
        Fault::Swap => "the credentials are exchanged for another account's",
        Fault::Wipe => "the status is wiped",
        Fault::Suspend if state.leaders[0].suspended => "the suspension of the account ends",
        Fault::Suspend => "the account is suspended",
        Fault::Orphan => "the user gives the endpoint up by annotation",
        Fault::HoldDeletion if state.leaders[0].no_deletion => "the brake on deletions is released",
        Fault::HoldDeletion => "the brake on deletions is engaged",
        Fault::HoldRecreation if state.leaders[0].no_recreation => "the brake on replacing what is gone is released",
        Fault::HoldRecreation => "the brake on replacing what is gone is engaged",
        Fault::Blind if state.leaders[0].besides.blind => "the provider selects by the mark again",
        Fault::Blind => "the provider does not select by the mark any more",
        Fault::Toggle if state.object.is_some_and(|object| object.deleting) => "a binding leads to the endpoint",
        Fault::Toggle => "no binding leads to the endpoint any more",
        Fault::Force => "somebody takes our finalizer off",
        Fault::Lose if state.phone.is_none() => "the Secret with the password is restored",
        Fault::Lose => "the Secret with the password is deleted",
        Fault::Rollback if state.saved.is_none() => "etcd is backed up",
        Fault::Rollback => "etcd is restored from the backup",
        _ => "something happens",
    }
}

fn how(fate: Fate) -> &'static str {
    match fate {
        Fate::Good => "",
        Fate::Lost => ": done, but the answer is lost",
        Fate::LostBefore => ": not done, and no answer",
        Fate::Ghost => ": done, but it is still listed",
        Fate::Unseen => ": answered with not found, since it is not visible yet",
        _ => ": in another way",
    }
}

fn shows(look: Look) -> String {
    let lacks = match (look.lacks, look.complete) {
        (0, _) => "what is there",
        (_, true) => "something is left out, and nobody notices",
        (_, false) => "torn, something is left out",
    };
    let besides = if look.besides == 0 { "" } else { ", and something that is gone or new" };
    format!("{lacks}{besides}")
}

fn does(leader: &Leader, step: &Step) -> String {
    let gone = if leader.gone { " (for an object that is gone)" } else { "" };
    let what = match step.kind {
        Kind::Rest => format!("reports {}", step.reason.map_or("nothing", |reason| reason.as_str())),
        Kind::StorePassword => "makes the password and stores it".into(),
        Kind::WriteConnection => "writes the connection Secret".into(),
        Kind::AddFinalizer => "adds the finalizer".into(),
        Kind::RemoveFinalizer(release) => format!("removes the finalizer ({release:?})"),
        Kind::WriteIntent => "writes an intent".into(),
        Kind::Create => "sends a create".into(),
        Kind::Record(slot) => format!("records endpoint {slot}"),
        Kind::CloseEpoch(closed) => format!("closes the intent ({closed:?})"),
        Kind::List => "lists".into(),
        Kind::Find => "searches by the mark".into(),
        Kind::ReadReferences(slot) => format!("asks what points to endpoint {slot}"),
        Kind::Get(slot) => format!("reads endpoint {slot}"),
        Kind::Update { slot, change } => {
            let parts = [(change.alias.is_some(), "alias"), (change.more.is_some(), "the other group"), (change.name, "name")];
            let parts: Vec<&str> = parts.into_iter().filter_map(|(sent, part)| sent.then_some(part)).collect();
            format!("updates endpoint {slot}: {}", parts.join(", "))
        }
        Kind::WriteTombstone(slot) => format!("condemns endpoint {slot}"),
        Kind::Delete(slot, why) => format!("deletes endpoint {slot} ({why:?})"),
        Kind::ClearTombstone(slot) => format!("clears the condemnation of endpoint {slot}"),
        Kind::Forget => "forgets the recorded endpoint".into(),
    };
    format!("{what}{gone}")
}
