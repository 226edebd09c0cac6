//! An API server whose history went back: etcd was restored from an older backup. A watch that is continued where it ended would
//! then tell nothing until the new history has become as long as the old one, and never what happened before that; and what this
//! process knows of objects may never have happened. So after an interruption everything is listed anew, and as Kubernetes counts
//! resourceVersions of one kind upwards, a list or an object that is older than what was seen before says that history went back.

use std::collections::HashMap;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, stream};
use kube::Resource;
use kube_runtime::watcher::{self, Event};
use tokio::time::{Instant, sleep_until};
use tracing::warn;

/// A restore takes the API server down, which interrupts the watch. But the client repeats what is answered with 503, and a proxy may
/// hide more, so the version is looked at now and then as well: a list of one object.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Events of one watch.
type Events<K> = BoxStream<'static, Result<Event<K>, watcher::Error>>;

/// The events of `watch`, which is called anew after each interruption. Before anything more is told, `newest` asks which version a list
/// of now has. If that is below what was seen before, or an object then turns out to be, `went_back` is called. Errors are passed on;
/// it never ends.
pub fn noticed<K: Resource + Send + 'static>(
    watch: impl Fn() -> Events<K> + Send + 'static,
    newest: impl Fn() -> BoxFuture<'static, kube::Result<Option<u64>>> + Send + 'static,
    went_back: impl Fn() + Send + 'static,
) -> impl Stream<Item = Result<Event<K>, watcher::Error>> + Send {
    let events = watch();
    let noticed = Noticed {
        watch,
        newest,
        went_back,
        events,
        seen: 0,
        objects: HashMap::new(),
        listed: HashMap::new(),
        interrupted: false,
        look_at: Instant::now() + LOOK_EVERY,
    };
    stream::unfold(noticed, |mut noticed| async move { Some((noticed.next().await, noticed)) })
}

/// A version as a number, which it is in all of Kubernetes' own storage; otherwise nothing can be compared.
pub fn number(version: Option<&str>) -> Option<u64> {
    version?.parse().ok()
}

struct Noticed<K, W, N, B> {
    watch: W,
    newest: N,
    went_back: B,
    events: Events<K>,
    /// The highest version of anything seen.
    seen: u64,
    /// The version that each object was last seen at, by uid.
    objects: HashMap<String, u64>,
    /// The same of a list under way.
    listed: HashMap<String, u64>,
    interrupted: bool,
    look_at: Instant,
}

impl<K, W, N, B> Noticed<K, W, N, B>
where
    K: Resource,
    W: Fn() -> Events<K>,
    N: Fn() -> BoxFuture<'static, kube::Result<Option<u64>>>,
    B: Fn(),
{
    async fn next(&mut self) -> Result<Event<K>, watcher::Error> {
        loop {
            if self.interrupted || Instant::now() >= self.look_at {
                let now = (self.newest)().await.map_err(watcher::Error::InitialListFailed)?;
                self.look_at = Instant::now() + LOOK_EVERY;
                let older = self.older(now);
                if std::mem::take(&mut self.interrupted) || older {
                    self.events = (self.watch)();
                }
            }
            tokio::select! {
                biased;
                event = self.events.next() => match event {
                    Some(event) => {
                        self.note(&event);
                        return event;
                    }
                    // Watches do not end by themselves.
                    None => self.interrupted = true,
                },
                () = sleep_until(self.look_at) => {}
            }
        }
    }

    /// Whether a list of now is older than what was seen before.
    fn older(&mut self, now: Option<u64>) -> bool {
        let older = now.filter(|now| *now < self.seen);
        if let Some(now) = older {
            self.goes_back(now);
        }
        self.seen = self.seen.max(now.unwrap_or_default());
        older.is_some()
    }

    fn note(&mut self, event: &Result<Event<K>, watcher::Error>) {
        match event {
            Ok(Event::Init) => self.listed.clear(),
            Ok(Event::InitApply(object)) => {
                let (uid, version) = place(object);
                if self.objects.get(&uid).is_some_and(|known| version.is_some_and(|version| version < *known)) {
                    self.goes_back(version.unwrap_or_default());
                }
                self.seen = self.seen.max(version.unwrap_or_default());
                self.listed.extend(version.map(|version| (uid, version)));
            }
            Ok(Event::InitDone) => self.objects = std::mem::take(&mut self.listed),
            Ok(Event::Apply(object)) => {
                let (uid, version) = place(object);
                self.seen = self.seen.max(version.unwrap_or_default());
                self.objects.extend(version.map(|version| (uid, version)));
            }
            Ok(Event::Delete(object)) => {
                let (uid, version) = place(object);
                self.seen = self.seen.max(version.unwrap_or_default());
                self.objects.remove(&uid);
            }
            Err(_) => self.interrupted = true,
        }
    }

    /// What was known is forgotten: once is enough for each time.
    fn goes_back(&mut self, now: u64) {
        warn!(
            seen = self.seen,
            now,
            "the API server's history went back, as after the restore of a backup: everything is read anew, and each account is listed once before anything is created in it"
        );
        self.seen = 0;
        self.objects.clear();
        (self.went_back)();
    }
}

fn place(object: &impl Resource) -> (String, Option<u64>) {
    let meta = object.meta();
    (meta.uid.clone().unwrap_or_default(), number(meta.resource_version.as_deref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use k8s_openapi::api::core::v1::ConfigMap;
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    /// What happens, in order.
    type Log = Arc<Mutex<Vec<String>>>;

    fn object(version: &str) -> ConfigMap {
        let mut object = ConfigMap::default();
        object.metadata.resource_version = Some(version.into());
        // One object for each last digit.
        object.metadata.uid = Some(version.chars().last().into_iter().collect());
        object
    }

    /// A watch by letters: i(nit), l(isted), d(one), a(pplied), x (deleted), each of l, a, x with a version; e is an error. It goes on
    /// without a word, unless it ends in a dot.
    fn events(script: &str) -> Events<ConfigMap> {
        let events: Vec<Result<Event<ConfigMap>, watcher::Error>> = script
            .trim_end_matches('.')
            .split_whitespace()
            .map(|word| match word.split_at(1) {
                ("i", _) => Ok(Event::Init),
                ("d", _) => Ok(Event::InitDone),
                ("l", version) => Ok(Event::InitApply(object(version))),
                ("a", version) => Ok(Event::Apply(object(version))),
                ("x", version) => Ok(Event::Delete(object(version))),
                _ => Err(watcher::Error::NoResourceVersion),
            })
            .collect();
        let rest = if script.ends_with('.') { stream::empty().boxed() } else { stream::pending().boxed() };
        stream::iter(events).chain(rest).boxed()
    }

    /// Follows watches with these scripts, where lists of now have these versions (0: no answer); says all that happens for two minutes.
    async fn follow(watches: &[&'static str], versions: &[u64]) -> String {
        let log: Log = Arc::default();
        let say = |what: &str| {
            let (log, what) = (Arc::clone(&log), what.to_owned());
            move || log.lock().expect("no panic").push(what.clone())
        };
        let (watches, versions) = (Mutex::new(watches.iter().copied().collect::<VecDeque<_>>()), VecDeque::from(versions.to_vec()));
        let (watching, asking, versions) = (say("WATCH"), say("LOOK"), Arc::new(Mutex::new(versions)));
        let watch = move || {
            watching();
            events(watches.lock().expect("no panic").pop_front().unwrap_or_default())
        };
        let newest = move || {
            asking();
            let version = versions.lock().expect("no panic").pop_front();
            async move {
                match version {
                    Some(0) => Err(kube::Error::Service("no answer".into())),
                    version => Ok(version),
                }
            }
            .boxed()
        };
        let told = noticed(watch, newest, say("TERM")).for_each(|event| {
            let what = match event {
                Ok(Event::Init) => "i".to_owned(),
                Ok(Event::InitDone) => "d".to_owned(),
                Ok(Event::InitApply(object)) => format!("l{}", object.metadata.resource_version.unwrap_or_default()),
                Ok(Event::Apply(object)) => format!("a{}", object.metadata.resource_version.unwrap_or_default()),
                Ok(Event::Delete(object)) => format!("x{}", object.metadata.resource_version.unwrap_or_default()),
                Err(_) => "e".to_owned(),
            };
            log.lock().expect("no panic").push(what);
            std::future::ready(())
        });
        let _ = tokio::time::timeout(Duration::from_secs(100), told).await;
        log.lock().expect("no panic").join(" ")
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_older_than_anything_seen_begins_a_term_and_everything_is_listed_anew() {
        // watches, versions of lists → what happens; every minute one more look.
        let table: [(&str, &[&str], &[u64], &str); 11] = [
            ("nothing happens", &["i l5 d a9"], &[9], "WATCH i l5 d a9 LOOK"),
            ("interrupted, and nothing is lost", &["i l5 d a9 e", "i l9 d"], &[9, 10], "WATCH i l5 d a9 e LOOK WATCH i l9 d LOOK"),
            ("restored", &["i l5 d a9 e", "i l7 d"], &[8], "WATCH i l5 d a9 e LOOK TERM WATCH i l7 d LOOK"),
            ("what was deleted counts", &["i l5 d x9 e", "i l5 d"], &[8], "WATCH i l5 d x9 e LOOK TERM WATCH i l5 d LOOK"),
            ("a version that a list had counts", &["i l5 d e", "e"], &[20, 19], "WATCH i l5 d e LOOK WATCH e LOOK TERM WATCH LOOK"),
            (
                "not before the API server answers",
                &["i l5 d a9 e", "i d"],
                &[0, 0, 8],
                "WATCH i l5 d a9 e LOOK e LOOK e LOOK TERM WATCH i d LOOK",
            ),
            ("without an interruption it is seen within a minute", &["i l5 d", "i d"], &[4], "WATCH i l5 d LOOK TERM WATCH i d"),
            ("a watch that ends is begun again", &["i d .", "i d"], &[3], "WATCH i d LOOK WATCH i d LOOK"),
            (
                "the new history is as long as the old one, but an object is older",
                &["i l5 d a19 e", "i l9 l5 d"],
                &[30],
                "WATCH i l5 d a19 e LOOK WATCH i TERM l9 l5 d LOOK",
            ),
            (
                "several objects are older: that is one restore",
                &["i l15 l19 d e", "i l5 l9 d"],
                &[30],
                "WATCH i l15 l19 d e LOOK WATCH i TERM l5 l9 d LOOK",
            ),
            (
                "a list that broke off tells nothing of what it did not come to",
                &["i l15 l19 d e", "i l15 e", "i l15 l9 d"],
                &[30, 30],
                "WATCH i l15 l19 d e LOOK WATCH i l15 e LOOK WATCH i l15 TERM l9 d LOOK",
            ),
        ];
        for (sentence, watches, versions, expected) in table {
            assert_eq!(follow(watches, versions).await, expected, "{sentence}");
        }
    }

    #[test]
    fn versions_that_are_no_numbers_are_not_compared() {
        assert_eq!([number(Some("17")), number(Some("b17")), number(Some("")), number(None)], [Some(17), None, None, None]);
    }
}
