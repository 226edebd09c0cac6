//! The plan of a PhoneNumberBinding, with all that has to be read for it.

use super::{READS, Rehearsal, finalizers};
use crate::account::{Lane, Thing};
use crate::api::FINALIZER_BINDING;
use crate::api::phone_number_binding::PhoneNumberBinding;
use crate::controller::binding;
use crate::controller::managed::account_of;
use crate::controller::memories::Slot;
use crate::core::key::ObjectKey;
use crate::core::plan::{self, Ask, End, NumberStart, Step};

impl Rehearsal {
    pub(super) async fn binding(&mut self, key: &ObjectKey) {
        let Some(object) = self.stage.bindings.get(key).cloned() else { return };
        match self.number(key, object).await {
            Ok((steps, actions, end)) => self.note(key, steps, actions, Ok(end)),
            Err(problem) => self.note(key, Vec::new(), Vec::new(), Err(problem)),
        }
    }

    async fn number(&mut self, key: &ObjectKey, mut object: PhoneNumberBinding) -> Result<(Vec<Step>, Vec<String>, End), String> {
        let (ctx, account) = (self.ctx(), account_of(&object));
        self.askable(&account)?;
        for _ in 0..READS {
            let mut slot = Slot { memory: self.bound.get(key).cloned().unwrap_or_default(), version: 0 };
            let mut view = binding::gather::view(&ctx, &object, false, &mut slot).await;
            view.now = view.now.max(self.now);
            let live = self.live(&account);
            let at = live.as_ref().map(|live| live.id().clone());
            let numbers = at.as_ref().and_then(|at| self.numbers.get(at)).cloned().unwrap_or_default();
            let ask = match plan::unfold_number(NumberStart { view, learnt: slot.memory.learnt.clone(), numbers }) {
                Ok(course) => {
                    slot.memory.learnt = course.learnt;
                    self.bound.insert(key.clone(), slot.memory);
                    if let Some(at) = at {
                        self.numbers.insert(at, course.numbers);
                    }
                    self.now = self.now.max(course.view.now);
                    for target in &course.left {
                        self.things_of(&account, Thing::TrunkGroup, |things| things.release(target));
                    }
                    match course.end {
                        End::Gone(_) => self.stage.remove_binding(key),
                        End::Rest(_) | End::Waits(_) => {
                            object.status = Some(course.view.status);
                            finalizers(&mut object.metadata, FINALIZER_BINDING, course.view.object.finalizer);
                            self.stage.put_binding(object);
                        }
                    }
                    return Ok((course.steps, course.actions, course.end));
                }
                Err(ask) => ask,
            };
            let (Some(live), Some(at)) = (live, at) else { return Err("its account cannot be asked".to_owned()) };
            match ask {
                Ask::Number(number, id) => {
                    let found = self.reader.number(&live, key, &number, id.as_deref()).await?;
                    self.numbers.entry(at).or_default().answer(&number, found);
                }
                Ask::Numbers => {
                    live.want_numbers(key.clone(), Lane::Create);
                    let listing = self.reader.until("the numbers", &live, || live.numbers().complete).await?;
                    self.numbers.entry(at).or_default().answer_all(listing.items.clone());
                }
                Ask::Get(_) | Ask::References(_) => return Err("it asks for an endpoint".to_owned()),
            }
        }
        Err(format!("after {READS} reads at the provider still more is to be read"))
    }
}
