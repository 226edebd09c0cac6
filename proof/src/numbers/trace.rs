//! A step in words.

use super::NumberProof;
use super::acts::{Act, Fate};
use super::mind::Kind;
use super::state::{APPS, State};

const NAMES: [&str; 2] = ["A", "B"];

fn shown(app: u8) -> &'static str {
    match APPS[usize::from(app)] {
        "" => "none",
        app => app,
    }
}

impl NumberProof {
    /// In words.
    pub fn tell(&self, state: &State, act: Act) -> String {
        let name = |at: u8| NAMES[usize::from(at)];
        match act {
            Act::Step(process, at, fate) => {
                let kind = self.question(state, process, at).map(|question| self.mind.decide(question).0);
                let what = match kind {
                    Some(Kind::Rest(..)) | None => "rests".to_owned(),
                    Some(Kind::AddFinalizer) => "puts the finalizer on".to_owned(),
                    Some(Kind::Release(release)) => format!("lets it go ({release:?})"),
                    Some(Kind::Survey) => "reads the bindings live".to_owned(),
                    Some(Kind::Write(id)) => {
                        let status = self.mind.content(id).status;
                        let placed: Vec<&str> = status.placed.iter().map(|placed| placed.target()).collect();
                        format!(
                            "writes: {} was there, {} will be",
                            status.previous.map_or_else(|| "?".into(), |one| one.target().to_owned()),
                            placed.join(", ")
                        )
                    }
                    Some(Kind::Get) => format!("reads the number: {}", shown(state.app)),
                    Some(Kind::Update(app, cause)) => format!("changes the number to {} ({cause:?})", shown(app)),
                };
                let fate = match fate {
                    Fate::Done => "",
                    Fate::Lost => "; executed, the answer is lost",
                    Fate::Late => "; not executed yet, and given up",
                    Fate::Never => "; lost on the way",
                };
                format!("process {process}, binding {}: {what}{fate}", name(at))
            }
            Act::See(process, at) => format!("process {process} sees what binding {} is", name(at)),
            Act::Crash(process) => format!("process {process} is killed and started again"),
            Act::Make(at) => format!("somebody makes binding {}", name(at)),
            Act::Delete(at) => format!("somebody deletes binding {}", name(at)),
            Act::Edit => "the target of binding A changes".to_owned(),
            Act::Console => "somebody changes the number in the console".to_owned(),
            Act::Land(at) => format!("a late update is executed: {}", state.flights[usize::from(at)].map_or("none", shown)),
            Act::Wipe(at) => format!("somebody wipes the status of binding {}", name(at)),
            Act::Force(at) => format!("somebody forces the finalizer off binding {}", name(at)),
            Act::Gone => "the application that answered first is deleted".to_owned(),
            Act::Settle => "the settle time passes".to_owned(),
            Act::Obstacle if state.obstacle => "the number can be bound again".to_owned(),
            Act::Obstacle => "the number cannot be bound any more".to_owned(),
            Act::Vanish => "the trunk group that binding A leads to is gone".to_owned(),
            Act::Return => "another trunk group is made in its place".to_owned(),
        }
    }
}
