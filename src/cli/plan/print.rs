//! The plan as people read it: by object, in the order of their names, and a summary.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::apply::Fate;
use crate::api::condition::{Reason, Verdict};
use crate::controller::plan::Planned;
use crate::core::action::Finding;
use crate::core::key::{Kind, ObjectKey};
use crate::core::plan::{Change, End, Step, plain};

/// How the plan turns out, in exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Everything is as it is wanted.
    Nothing,
    /// Something would be done, waits for somebody, or is not as it is wanted and stays so.
    Changes,
    /// Something cannot be told.
    Failed,
}

impl Outcome {
    /// As in `docs/plan.md`.
    pub fn code(self) -> u8 {
        match self {
            Outcome::Nothing => 0,
            Outcome::Failed => 1,
            Outcome::Changes => 2,
        }
    }
}

/// What the manifests say; absent without any.
pub type Fates = BTreeMap<ObjectKey, Fate>;

#[derive(Default)]
struct Counts {
    create: usize,
    update: usize,
    delete: usize,
    adopt: usize,
    unchanged: usize,
    /// Changed in the cluster, and nothing of it at the provider.
    cluster: usize,
    /// Not as it is wanted, and left so.
    differs: usize,
    waits: usize,
    failed: usize,
    other: usize,
}

/// The whole text, and how it turns out. `refused`: objects that the API server would not take, with its words. `all`: also objects of which
/// there is nothing to say, and every action.
pub fn print(planned: &[Planned], fates: Option<&Fates>, refused: &[(String, String)], all: bool) -> (String, Outcome) {
    let mut counts = Counts { failed: refused.len(), ..Counts::default() };
    let mut text = String::new();
    let objects = planned.iter().filter(|planned| planned.key.kind != Kind::TrunkGroup);
    for object in objects {
        let group = planned.iter().find(|part| part.key == ObjectKey { kind: Kind::TrunkGroup, ..object.key.clone() });
        let group = group.filter(|_| object.key.kind == Kind::SipEndpoint);
        let parts: Vec<&Planned> = std::iter::once(object).chain(group).collect();
        text.push_str(&told(&parts, fates, &mut counts, all));
    }
    for (object, why) in refused {
        let _ = writeln!(text, "{} cannot be applied: {}", object.escape_debug(), why.trim_end());
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&summary(&counts));
    let changes = counts.create + counts.update + counts.delete + counts.adopt + counts.other + counts.cluster;
    let outcome = match () {
        () if counts.failed > 0 => Outcome::Failed,
        () if changes + counts.differs + counts.waits > 0 => Outcome::Changes,
        () => Outcome::Nothing,
    };
    (text, outcome)
}

/// One object with what is a part of it.
fn told(parts: &[&Planned], fates: Option<&Fates>, counts: &mut Counts, all: bool) -> String {
    let key = &parts[0].key;
    let mut steps: Vec<&(usize, Step)> = parts.iter().flat_map(|part| &part.steps).collect();
    steps.sort_by_key(|(turn, _)| *turn);
    for (_, step) in &steps {
        match step.change {
            Change::Create => counts.create += 1,
            Change::Update => counts.update += 1,
            Change::Delete => counts.delete += 1,
            Change::Adopt => counts.adopt += 1,
            Change::Secret | Change::Release => counts.other += 1,
            Change::Note => {}
        }
    }
    let failed: Vec<&String> = parts.iter().filter_map(|part| part.end.as_ref().err()).collect();
    let said: Vec<Said<'_>> = parts.iter().filter_map(|part| ending(part.end.as_ref().ok()?)).collect();
    let waits = said.iter().any(|said| said.waits);
    let differs = said.iter().any(|said| said.finding.reason == Reason::Drifted);
    let quiet = steps.is_empty();
    let fate = fates.and_then(|fates| fates.get(key)).filter(|fate| **fate != Fate::Same);
    let idle = steps.iter().all(|(_, step)| step.change == Change::Note) && !waits && failed.is_empty();
    let cluster_only = fate.filter(|_| idle);
    let foreign = fates.is_some_and(|fates| !fates.contains_key(key));
    // What others wait for, or are left with, is none of these manifests' business.
    let told = !quiet || !failed.is_empty() || cluster_only.is_some() || !said.is_empty() && !foreign;
    // It may be shown, and counts no more for that.
    if told || !foreign {
        counts.failed += usize::from(!failed.is_empty());
        counts.waits += usize::from(waits && failed.is_empty());
        counts.differs += usize::from(differs && failed.is_empty());
        counts.cluster += usize::from(cluster_only.is_some());
        counts.unchanged += usize::from(quiet && idle && cluster_only.is_none() && !differs);
    }
    if !told && !all {
        return String::new();
    }
    let note = match fates.map(|fates| fates.get(key)) {
        None | Some(Some(Fate::Same)) => "",
        Some(Some(Fate::New)) => " (new)",
        Some(Some(Fate::Changed(_))) => " (changed)",
        Some(Some(Fate::Renewed)) => " (new credentials)",
        Some(None) => " (not in the manifests)",
    };
    let mut text = format!("{} {key}{note}:\n", key.kind);
    for (_, step) in &steps {
        let _ = writeln!(text, "  {}", step.what);
        for detail in &step.details {
            let _ = writeln!(text, "    {detail}");
        }
    }
    for why in &failed {
        let _ = writeln!(text, "  cannot be planned: {}", plain(why));
    }
    for Said { how, finding, .. } in &said {
        let _ = writeln!(text, "  {how} ({}): {}", finding.reason, full_stop(&plain(&finding.message)));
    }
    match cluster_only {
        Some(Fate::Changed(fields)) => {
            let _ = writeln!(text, "  nothing is done at the provider (in the cluster changes {})", fields.join(", ").escape_debug());
        }
        Some(_) => text.push_str("  nothing is done at the provider\n"),
        None => {}
    }
    if quiet && failed.is_empty() && said.is_empty() && cluster_only.is_none() {
        text.push_str("  nothing to do\n");
    }
    if all {
        for part in parts.iter().filter(|part| !part.actions.is_empty()) {
            let _ = writeln!(text, "  every action: {}", part.actions.join(", "));
        }
    }
    text
}

fn full_stop(text: &str) -> String {
    if text.ends_with(['.', '!', '?', ')']) { text.to_owned() } else { format!("{text}.") }
}

/// What is to be said at the end of an object's plan.
struct Said<'a> {
    how: &'static str,
    finding: &'a Finding,
    waits: bool,
}

fn ending(end: &End) -> Option<Said<'_>> {
    match end {
        End::Gone(_) | End::Waits(None) => None,
        End::Rest(finding) if finding.message.is_empty() => None,
        End::Rest(finding) => match finding.reason.verdict() {
            Verdict::Healthy => None,
            Verdict::Suspended => Some(Said { how: "nothing is done", finding, waits: false }),
            _ if finding.reason == Reason::Drifted => Some(Said { how: "differs and stays as it is", finding, waits: false }),
            Verdict::Progressing | Verdict::Failed => Some(Said { how: "is stuck", finding, waits: true }),
        },
        End::Waits(Some(finding)) => Some(Said { how: "waits", finding, waits: true }),
    }
}

fn summary(counts: &Counts) -> String {
    let Counts { create, update, delete, adopt, unchanged, cluster, differs, waits, failed, other: _ } = counts;
    let mut parts = vec![format!("{create} to create"), format!("{update} to update"), format!("{delete} to delete")];
    if *adopt > 0 {
        parts.push(format!("{adopt} to take over"));
    }
    parts.push(format!("{unchanged} unchanged"));
    if *cluster > 0 {
        parts.push(format!("{cluster} changed in the cluster only"));
    }
    if *differs > 0 {
        parts.push(format!(
            "{differs} {} (see above)",
            if *differs == 1 { "differs and stays as it is" } else { "differ and stay as they are" }
        ));
    }
    if *waits > 0 {
        parts.push(format!("{waits} {} (see above)", if *waits == 1 { "waits" } else { "wait" }));
    }
    if *failed > 0 {
        parts.push(format!("{failed} failed (see above)"));
    }
    format!("Plan: {}.\n", parts.join(", "))
}
