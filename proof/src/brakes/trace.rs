//! A step in words.

use super::acts::Act;
use super::state::{Life, State};

impl Act {
    /// In words.
    pub fn tell(self, state: &State) -> String {
        match self {
            Self::Pass => "half a minute passes".to_owned(),
            Self::Delete(who) => format!("a user deletes object {who}"),
            Self::Vanish(who) => format!("the endpoint of object {who} vanishes"),
            Self::Return(who) => format!("the endpoint of object {who} is there again"),
            Self::GiveUp(who) => format!("object {who} is let go without its endpoint"),
            Self::List => "the operator lists the account".to_owned(),
            Self::Ask(who) => match state.objects[usize::from(who)].life {
                Life::Deleting => format!("the operator asks whether the endpoint of object {who} may be deleted"),
                _ => format!("the operator notes that the endpoint of object {who} seems to be missing"),
            },
            Self::Execute(who) => format!("the endpoint of object {who} is deleted"),
            Self::Forget(who) => format!("the operator asks whether it may make the endpoint of object {who} anew"),
            Self::Create(who) => format!("a new endpoint of object {who} is made"),
            Self::Write => "the account's status is written".to_owned(),
            Self::Restart => "the operator restarts".to_owned(),
            Self::Acknowledge(kind, token) => {
                let kind = if kind == 0 { "deletions" } else { "absences" };
                format!("somebody acknowledges {kind}-{token:08x}")
            }
        }
    }
}
