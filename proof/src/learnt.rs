//! What a leader remembers, from numbers to what the shipping code keeps, and back, and what each answer teaches it there.

use switchboard::core::evidence::{Got, Referenced, Search};
use switchboard::core::memory::{Deleted, Learnt, Memory, OwnIntent, Trouble, TroubleKind, Undeleted, Updated};
use switchboard::core::outcome::{Outcome, RefusalKind};
use switchboard::core::shared::read_back::Normalised;
use switchboard::core::time::Moment;
use switchboard::core::view::View;

use crate::besides::Besides;
use crate::lesson::Lesson;
use crate::shown::{change_of, id, refused, slot, slots, unknown, version};
use crate::state::{self, Answer, FRESH, Leader, Own, SLOTS, Seen, Update};
use crate::view::{ANSWERED, ASKED, DECIDED, GENERATION, JUST_ASKED, Template, age, moment, nonce, number};

impl Template {
    pub(crate) fn learnt(&self, leader: &Leader) -> Learnt {
        let memory = Memory {
            intent_known: leader.known.map(|(number, age)| (nonce(number), moment(age, DECIDED))),
            settled_by_server: None,
            blank_since: leader.blank.map(|age| moment(age, DECIDED)),
            own: leader.own.map(|own| OwnIntent {
                nonce: nonce(own.nonce),
                began: moment(own.age, DECIDED),
                password_version: self.looks.password().then(version),
                answer: own.answer.map(|answer| self.outcome(answer)),
            }),
            deleted: (0..SLOTS)
                .filter_map(|slot| {
                    let (age, confirmed) = leader.deleted[slot]?;
                    let order = match confirmed {
                        true => DECIDED,
                        false if leader.just_deleted & (1 << slot) != 0 => JUST_ASKED,
                        false => ASKED,
                    };
                    Some((id(slot as u8), Deleted { at: moment(age, order), confirmed }))
                })
                .collect(),
            update: leader.update.map(|update| self.updated(update)),
            earlier: leader.besides.earlier.iter().flatten().map(|update| self.updated(*update)).collect(),
            undeleted: slots(leader.besides.undeleted).map(|slot| (id(slot), undeleted(&leader.besides, slot))).collect(),
            effect: leader.effect.map_or(Moment::ZERO, |age| moment(age, ANSWERED)),
            trouble: leader
                .trouble
                .map(|refused| trouble(if refused { TroubleKind::Refused(RefusalKind::Unreachable) } else { TroubleKind::Unknown })),
            listing_wanted: leader.running.map(|running| moment(running.age, ASKED)),
            permit: leader.permit,
            pass_began: moment(0, JUST_ASKED),
            lost_uri: None,
            unwritten: None,
            rewritten: None,
            rewrites: Default::default(),
            free_since: leader.besides.free.map(|age| moment(age, DECIDED)),
            // What the answer to an update showed counts more than what other looks show for less than a tick.
            ..Memory::default()
        };
        let gets = (0..SLOTS).filter_map(|slot| {
            let (age, found) = leader.gets[slot]?;
            let found = found.map(|seen| self.looks.remote(slot as u8, seen));
            let id = id(slot as u8);
            let order = match () {
                () if leader.besides.answered & (1 << slot) != 0 => ANSWERED,
                () if leader.just_read & (1 << slot) != 0 => JUST_ASKED,
                () => ASKED,
            };
            Some((id.clone(), Got { id, began: moment(age, order), found }))
        });
        let Besides { searches, just_found, references, just_asked, .. } = &leader.besides;
        let order = |mask: u8, index: usize| if mask & (1 << index) != 0 { JUST_ASKED } else { ASKED };
        let searches = searches.iter().enumerate().filter_map(|(index, search)| {
            let search = search.as_ref()?;
            let found = (0..SLOTS).filter_map(|slot| search.seen[slot].map(|seen| self.looks.remote(slot as u8, seen)));
            let began = moment(search.age, order(*just_found, index));
            Some(Search { began, complete: search.complete, found: found.collect() })
        });
        let references = (0..SLOTS).filter_map(|slot| {
            let (age, used) = references[slot]?;
            let by = if used { vec!["trunk group g1".to_owned()] } else { Vec::new() };
            Some((id(slot as u8), Referenced { began: moment(age, order(*just_asked, slot)), by, asked: (GENERATION, None) }))
        });
        Learnt { memory, gets: gets.collect(), searches: searches.collect(), references: references.collect() }
    }

    fn updated(&self, update: Update) -> Updated {
        Updated { change: self.looks.fields(update.change), at: moment(update.age, ANSWERED), times: u32::from(update.times) }
    }

    fn outcome(&self, answer: Answer) -> Outcome<(String, String)> {
        match answer {
            Answer::Done(slot) => {
                let remote = self.looks.remote(slot, Seen::default());
                Outcome::Done((remote.id, remote.username))
            }
            Answer::Refused => refused(),
            Answer::Unknown => unknown(),
        }
    }

    /// What a leader remembers after a lesson of the shipping code.
    pub fn number_learnt(&self, leader: &Leader, learnt: &Learnt) -> Leader {
        let memory = &learnt.memory;
        debug_assert_eq!(memory.normalised, Normalised::default(), "no world changes what was sent often enough");
        let Besides { looked, blind, born, .. } = leader.besides;
        let free = memory.free_since.map(|since| age(since).min(1));
        let besides = Besides { looked, blind, born, free, ..Besides::default() };
        let mut after = Leader { deleted: [None; SLOTS], gets: [None; SLOTS], just_read: 0, just_deleted: 0, besides, ..*leader };
        after.known = memory.intent_known.as_ref().map(|(nonce, since)| (number(nonce), age(*since)));
        after.blank = memory.blank_since.map(age);
        after.own = memory.own.as_ref().map(|own| Own {
            nonce: number(&own.nonce),
            age: age(own.began).min(1),
            answer: own.answer.as_ref().map(|answer| match answer {
                Outcome::Done((id, _)) => Answer::Done(slot(id)),
                Outcome::Refused(_) => Answer::Refused,
                Outcome::NotFound { .. } | Outcome::Unknown(_) => Answer::Unknown,
            }),
        });
        for (id, deleted) in &memory.deleted {
            after.just_deleted |= u8::from(!deleted.confirmed && deleted.at >= memory.pass_began) << slot(id);
            after.deleted[usize::from(slot(id))] = Some((age(deleted.at), deleted.confirmed));
        }
        after.update = memory.update.as_ref().map(number_update);
        for (place, update) in after.besides.earlier.iter_mut().zip(&memory.earlier) {
            *place = Some(number_update(update));
        }
        after.effect = (memory.effect != Moment::ZERO).then(|| age(memory.effect));
        after.trouble = memory.trouble.as_ref().map(|trouble| matches!(trouble.kind, TroubleKind::Refused(_)));
        after.permit = memory.permit;
        for (id, got) in &learnt.gets {
            after.just_read |= u8::from(got.began >= memory.pass_began) << slot(id);
            let answered = self.looks.named() && got.began >= moment(age(got.began), ANSWERED);
            after.besides.answered |= u8::from(answered) << slot(id);
            after.gets[usize::from(slot(id))] = Some((age(got.began), got.found.as_ref().map(|remote| self.looks.seen(remote))));
        }
        self.number_besides(&mut after.besides, learnt);
        after
    }

    fn number_besides(&self, after: &mut Besides, learnt: &Learnt) {
        let just = |began: Moment| u8::from(began >= learnt.memory.pass_began);
        for search in &learnt.searches {
            let mut seen = [None; SLOTS];
            search.found.iter().for_each(|remote| seen[usize::from(slot(&remote.id))] = Some(self.looks.seen(remote)));
            let number = state::Listing { age: age(search.began), complete: search.complete, seen };
            if search.complete {
                after.searches = [after.searches[1], Some(number), None];
                after.just_found = after.just_found >> 1 & 1 | just(search.began) << 1;
            } else {
                after.searches[2] = Some(number);
                after.just_found |= just(search.began) << 2;
            }
        }
        for (id, known) in &learnt.references {
            after.references[usize::from(slot(id))] = Some((age(known.began), !known.by.is_empty()));
            after.just_asked |= just(known.began) << slot(id);
        }
        for (id, undeleted) in &learnt.memory.undeleted {
            after.undeleted |= 1 << slot(id);
            after.just_undeleted |= u8::from(age(undeleted.trouble.at) == 0) << slot(id);
            after.refused |= u8::from(undeleted.conflict) << slot(id);
        }
    }

    /// Teaches what one answer teaches.
    pub fn teach(&self, learnt: &mut Learnt, view: &View, lesson: Lesson) {
        let (began, answered, now) = (moment(0, JUST_ASKED), moment(0, ANSWERED), moment(0, DECIDED));
        match lesson {
            Lesson::Looked => {
                learnt.object_seen(view, None);
                learnt.memory.free_since = view.memory.free_since;
            }
            Lesson::Announced => learnt.intent_begun(view, &nonce(FRESH), now),
            Lesson::Created(answer, shown) => {
                let shown = match answer {
                    Answer::Done(slot) => shown.map(|seen| self.looks.remote(slot, seen)),
                    _ => None,
                };
                learnt.create_answered(view, self.outcome(answer), shown, answered);
            }
            Lesson::Got(slot, found) => {
                let outcome = match found {
                    Some(Some(seen)) => Outcome::Done(self.looks.remote(slot, seen)),
                    Some(None) => Outcome::NotFound { proven: true },
                    None => unknown(),
                };
                learnt.got(view, &id(slot), began, outcome, now);
            }
            Lesson::Updated { slot, change, reply, shown } => {
                let outcome = reply.outcome().map(|()| shown.map(|seen| self.looks.remote(slot, seen)));
                learnt.updated(view, &id(slot), &self.looks.fields(change), &outcome, began, answered);
            }
            Lesson::Deleted(slot, reply) => learnt.deleted(view, &id(slot), &reply.outcome(), began, now),
            Lesson::Found(found) => {
                let outcome = found.map_or_else(unknown, |(seen, complete)| {
                    let found = (0..SLOTS).filter_map(|slot| seen[slot].map(|seen| self.looks.remote(slot as u8, seen)));
                    Outcome::Done((found.collect(), complete))
                });
                learnt.found(view, began, outcome, now);
            }
            Lesson::Referenced(slot, used) => {
                let by = |used| if used { vec!["trunk group g1".to_owned()] } else { Vec::new() };
                let outcome = used.map_or_else(unknown, |used| Outcome::Done(by(used)));
                learnt.referenced(view, &id(slot), began, outcome, now);
            }
            Lesson::Agreed => learnt.agreed(),
            Lesson::Written => {}
        }
    }
}

fn trouble(kind: TroubleKind) -> Trouble {
    Trouble {
        kind,
        message: "trouble".into(),
        at: moment(0, DECIDED),
        attempts: 1,
        retry_after: None,
        generation: GENERATION,
        password_version: Some(version()),
    }
}

fn undeleted(besides: &Besides, slot: u8) -> Undeleted {
    let age = u8::from(besides.just_undeleted & (1 << slot) == 0);
    let trouble = Trouble { at: moment(age, DECIDED), ..trouble(TroubleKind::Unknown) };
    Undeleted { trouble, conflict: besides.refused & (1 << slot) != 0 }
}

fn number_update(update: &Updated) -> Update {
    Update { age: age(update.at), change: change_of(&update.change), times: update.times.min(2) as u8 }
}
