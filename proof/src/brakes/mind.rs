//! The shipping brakes, each different one kept once under a number, and each question asked of each only once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use switchboard::api::provider_account::{Brake as Spec, BrakeRecord, BrakeStatus};
use switchboard::core::brake::{Acknowledged, Brake, Held, Look, Stamp, Who, recreation_window};
use switchboard::core::fields::{Fields, Remote, Role};
use switchboard::core::key::ObjectKey;
use switchboard::core::sighting::Sightings;
use switchboard::core::time::Moment;

use super::state::{Kind, MOST};

/// Seconds between two moments of the model.
const TICK: u8 = 30;
/// A quarter of the window of three half minutes.
const SETTLE: Duration = Duration::from_millis(22_500);

/// An object as the brakes see it: by which moment it is counted, and how often its endpoint was made anew.
pub type Seen = Option<(u8, u8)>;

/// What is asked: who, everybody whom it concerns, how many are listed, now, when the process began, the number of the next token.
#[allow(missing_docs, reason = "the fields are the arguments of the questions")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Question {
    /// `deletion`.
    Deletion { who: u8, all: [Seen; MOST], listed: u8, now: u8, token: u8 },
    /// `absent`.
    Absent { who: u8, all: [Seen; MOST], listed: u8, now: u8, token: u8 },
    /// `recreation`.
    Recreation { who: u8, listed: u8, now: u8, started: u8, former: [Option<u8>; MOST], commit: bool },
    /// `seen`.
    Seen { who: u8, now: u8 },
    /// `listed`.
    Listed { shown: [Seen; MOST], now: u8 },
    /// `gone`.
    Gone { who: u8, now: u8 },
    /// `adopt`.
    Adopt { written: u32 },
    /// `acknowledge`.
    Acknowledge { kind: Kind, token: u8, now: u8 },
}

/// What is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Answer {
    /// Go on, or nothing to say.
    Go,
    /// The brake holds it.
    Braked,
    /// Too many were made lately.
    Throttled,
    /// A token that released.
    Released,
    /// A token that does nothing.
    Nothing,
}

/// What can be seen of a brake from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shown {
    /// What is to be durable.
    pub status: u32,
    /// For each kind the token that holds.
    pub engaged: [Option<u8>; 2],
    /// For each kind the token of the last engagement, whether or not it holds.
    pub last: [Option<u8>; 2],
    /// For each kind the end of what is counted.
    pub until: [u8; 2],
    /// For each kind how many are counted.
    pub count: [u8; 2],
    /// For each kind how many of them had been let through before.
    pub admitted: [u8; 2],
}

#[derive(Default)]
struct Inner {
    brakes: Vec<(Brake, Shown)>,
    numbers: HashMap<String, u32>,
    status_numbers: HashMap<String, usize>,
    statuses: Vec<(Option<BrakeStatus>, Shown)>,
    answers: HashMap<(u32, Question), (u32, Answer)>,
}

/// All brakes.
pub struct Mind(Mutex<Inner>);

fn time(tick: u8) -> Timestamp {
    Timestamp::from_second(1_000_000 + i64::from(tick) * i64::from(TICK)).unwrap_or_default()
}

fn tick(time: Timestamp) -> u8 {
    u8::try_from((time.as_second() - 1_000_000) / i64::from(TICK)).unwrap_or_default()
}

fn uid(who: u8) -> String {
    format!("u{who}")
}

fn endpoint(who: u8, epoch: u8) -> String {
    format!("e{who}.{epoch}")
}

fn token(kind: Kind, number: u8) -> String {
    format!("{}-{number:08x}", ["deletions", "absences"][usize::from(kind)])
}

fn number(record: &BrakeRecord) -> u8 {
    record.token.split_once('-').and_then(|(_, number)| u8::from_str_radix(number, 16).ok()).unwrap_or(u8::MAX)
}

fn who(who_: u8, (at, epoch): (u8, u8)) -> Who {
    Who { uid: uid(who_), key: ObjectKey::endpoint("voice", uid(who_)), endpoint: endpoint(who_, epoch), at: Some(time(at)) }
}

fn all(seen: &[Seen; MOST]) -> Vec<Who> {
    (0_u8..).zip(seen).filter_map(|(index, seen)| seen.map(|seen| who(index, seen))).collect()
}

fn remote(id: String) -> Remote {
    Remote {
        username: format!("sb{id}"),
        sip_uri: None,
        registration: None,
        fields: Fields::new(),
        password_digest: None,
        role: Role::Own,
        id,
    }
}

fn answer(said: Result<(), Held>) -> Answer {
    match said {
        Ok(()) => Answer::Go,
        Err(Held::Braked { .. }) => Answer::Braked,
        Err(Held::Throttled { .. }) => Answer::Throttled,
    }
}

impl Inner {
    fn show(&mut self, status: Option<BrakeStatus>) -> Shown {
        let text = format!("{status:?}");
        if let Some(number) = self.status_numbers.get(&text) {
            return self.statuses[*number].1;
        }
        self.status_numbers.insert(text, self.statuses.len());
        let records =
            [status.as_ref().and_then(|status| status.deletions.as_ref()), status.as_ref().and_then(|status| status.absences.as_ref())];
        let shown = Shown {
            status: u32::try_from(self.statuses.len()).unwrap_or(u32::MAX),
            engaged: records.map(|record| record.filter(|record| record.released_time.is_none()).map(number)),
            last: records.map(|record| record.map(number)),
            until: records.map(|record| record.map_or(0, |record| tick(record.until.0))),
            admitted: records.map(|record| record.map_or(0, |record| u8::try_from(record.admitted).unwrap_or(u8::MAX))),
            count: records.map(|record| record.map_or(0, |record| u8::try_from(record.count).unwrap_or(u8::MAX))),
        };
        self.statuses.push((status, shown));
        shown
    }

    /// All of it, but for the number that only says whether something has changed.
    fn keep(&mut self, brake: Brake) -> u32 {
        let mut text = format!("{brake:?}");
        if let Some(at) = text.rfind(", revision: ") {
            text.truncate(at);
        }
        if let Some(number) = self.numbers.get(&text) {
            return *number;
        }
        let number = u32::try_from(self.brakes.len()).unwrap_or(u32::MAX);
        let shown = self.show(brake.status());
        self.brakes.push((brake, shown));
        self.numbers.insert(text, number);
        number
    }

    fn answer(&mut self, brake: u32, question: Question) -> (u32, Answer) {
        if let Some(known) = self.answers.get(&(brake, question)) {
            return *known;
        }
        let mut asked = self.brakes[brake as usize].0.clone();
        let said = self.ask(&mut asked, question);
        let known = (self.keep(asked), said);
        self.answers.insert((brake, question), known);
        known
    }

    fn ask(&self, brake: &mut Brake, question: Question) -> Answer {
        match question {
            Question::Deletion { who: asker, all: seen, listed, now, token } => {
                let Some(one) = seen[usize::from(asker)] else { return Answer::Go };
                let stamp = Stamp::new(time(now), u64::from(token));
                answer(brake.deletion(&who(asker, one), || all(&seen), usize::from(listed), &stamp))
            }
            Question::Absent { who: asker, all: seen, listed, now, token } => {
                if let Some(one) = seen[usize::from(asker)] {
                    brake.absent(&who(asker, one), || all(&seen), usize::from(listed), &Stamp::new(time(now), u64::from(token)));
                }
                Answer::Go
            }
            Question::Recreation { who, listed, now, started, former, commit } => {
                let moment = Moment(Duration::from_secs(u64::from(now - started) * u64::from(TICK)));
                let look = Look { listed: usize::from(listed), now: moment, time: time(now), window: recreation_window(SETTLE) };
                let former = || former.into_iter().flatten().map(time).collect();
                answer(brake.recreation(&uid(who), &look, former, commit))
            }
            Question::Seen { who, now } => {
                brake.seen(&uid(who), time(now));
                Answer::Go
            }
            Question::Listed { shown, now } => {
                let remotes = all(&shown).into_iter().map(|who| (who.endpoint.clone(), remote(who.endpoint))).collect();
                brake.listed(&Sightings::new(remotes, None), time(now), time(now));
                Answer::Go
            }
            Question::Gone { who, now } => {
                brake.gone(&uid(who), time(now));
                Answer::Go
            }
            Question::Adopt { written } => {
                if let Some(status) = &self.statuses[written as usize].0 {
                    brake.adopt(status);
                }
                Answer::Go
            }
            Question::Acknowledge { kind, token: number, now } => match brake.acknowledge(&token(kind, number), time(now)) {
                Acknowledged::Released(..) => Answer::Released,
                Acknowledged::Spent | Acknowledged::Wrong => Answer::Nothing,
            },
        }
    }
}

impl Mind {
    /// Number 0 is a new process's, and nothing is written.
    pub fn new(cap: usize) -> Self {
        let mut brake = Brake::default();
        let count = i32::try_from(cap).unwrap_or(i32::MAX);
        brake.limit(&ObjectKey::account("voice", "plivo"), Some(Spec { count, percent: 0 }));
        let mut inner = Inner::default();
        inner.keep(brake);
        Self(Mutex::new(inner))
    }

    /// Asks; answers with the brake as it is then.
    pub fn ask(&self, brake: u32, question: Question) -> (u32, Answer) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answer(brake, question)
    }

    /// What can be seen of a brake.
    pub fn shown(&self, brake: u32) -> Shown {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).brakes[brake as usize].1
    }

    /// What can be seen of what is written.
    pub fn written(&self, status: u32) -> Shown {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).statuses[status as usize].1
    }

    /// How many different questions were asked.
    pub fn asked(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).answers.len()
    }
}
