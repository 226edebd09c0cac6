//! Fault rules: what a simulator breaks on purpose (README.md, "Fault rules"). Knows requests by method and path only, and nothing of a provider's objects.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use rand::{RngExt, rngs::StdRng};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

/// The largest body that a rule may send.
const LARGEST_BODY: usize = 64 << 20;

/// Members of a normal answer that a fixed body can name.
const MEMBERS: [&str; 9] =
    ["endpoint_id", "username", "app_id", "api_id", "endpoint_sid", "trunk_group_sid", "trunk_sid", "did_sid", "name"];

/// What the client gets.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultAnswer {
    /// What the provider would answer.
    Normal,
    /// A fixed answer.
    Fixed(FixedAnswer),
    /// The connection is reset before the request body is read.
    CutBefore,
    /// The connection is reset after the request was read.
    CutAfter,
    /// No answer until the client gives up.
    Hang,
    /// Half of the normal body, then the connection is closed.
    Truncate,
    /// 307 to the same address.
    Redirect,
}

/// An answer that a rule spells out.
#[derive(Clone, Debug, PartialEq)]
pub struct FixedAnswer {
    /// HTTP status, 200 to 599.
    pub status: u16,
    /// Header names and values.
    pub headers: BTreeMap<String, String>,
    /// The body; in text, names in double braces such as `{{endpoint_id}}` stand for members of the normal answer.
    pub body: Vec<u8>,
}

impl FixedAnswer {
    /// The body with its placeholders replaced by what `member` knows; unknown ones become empty.
    pub fn body_with(&self, member: impl Fn(&str) -> Option<String>) -> Vec<u8> {
        let Ok(text) = std::str::from_utf8(&self.body) else { return self.body.clone() };
        if !text.contains("{{") {
            return self.body.clone();
        }
        let mut body = text.to_owned();
        for name in MEMBERS {
            let placeholder = format!("{{{{{name}}}}}");
            if body.contains(&placeholder) {
                body = body.replace(&placeholder, &member(name).unwrap_or_default());
            }
        }
        body.into_bytes()
    }
}

/// Faults of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ListFault {
    /// Somebody else's object is put in front before a later page is read.
    InsertShift,
    /// Somebody else's object on an earlier page is deleted before a later page is read.
    DeleteShift,
    /// Somebody else's object on an earlier page is deleted and another one made at the end.
    Swap,
    /// The total is one too high.
    WrongCount,
    /// There is no next page, says the answer, although there is more.
    EarlyNextNull,
    /// A page without objects.
    EmptyMiddlePage,
    /// The page before is sent again.
    RepeatedPage,
    /// This page is cut from another order.
    ChangedOrder,
    /// Everything from the offset on is sent.
    LimitIgnored,
    /// The first page is sent.
    OffsetIgnored,
    /// The newest object is missing, in the count too.
    NewestMissing,
    /// The object deleted last is still shown.
    DeletedStillShown,
}

/// What a rule does to one request.
#[derive(Clone, Debug)]
pub struct Fault {
    rule: usize,
    /// How often the effect happens: 0, 1 or 2.
    pub execute: u8,
    /// The effect happens so much later than the request.
    pub execute_delay: Duration,
    /// What the client gets.
    pub answer: FaultAnswer,
    /// The answer is sent so much later.
    pub delay: Duration,
    /// Set for a list fault.
    pub list: Option<ListFault>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMatch {
    method: Option<String>,
    path: Option<String>,
    nth: Option<u64>,
    count: Option<u64>,
    probability: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    #[serde(default, rename = "match")]
    matching: RawMatch,
    execute: Option<Value>,
    execute_delay_ms: Option<u64>,
    answer: Option<Value>,
    delay_ms: Option<u64>,
    list: Option<ListFault>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawAnswer {
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    body: Option<Value>,
    body_base64: Option<String>,
    repeat: Option<usize>,
}

#[derive(Clone, Debug)]
struct Rule {
    shown: Value,
    method: Option<String>,
    path: Option<Regex>,
    nth: u64,
    count: Option<u64>,
    probability: f64,
    fault: Fault,
    seen: u64,
    hits: u64,
    skipped: u64,
}

/// The fault script of a simulator.
#[derive(Clone, Debug, Default)]
pub struct Faults(Vec<Rule>);

impl Faults {
    /// Reads a script.
    ///
    /// # Errors
    /// A sentence that names the rule (counted from 1) and what is wrong with it.
    pub fn parse(script: &Value) -> Result<Self, String> {
        let rules = script.as_array().ok_or("a list of rules is needed")?;
        let parsed =
            rules.iter().enumerate().map(|(index, rule)| Rule::parse(index, rule).map_err(|why| format!("rule {}: {why}", index + 1)));
        parsed.collect::<Result<_, _>>().map(Self)
    }

    /// The rules with `seen` (requests that matched), `hits` (times applied) and `skipped` (list faults that found nothing to do).
    pub fn to_json(&self) -> Value {
        self.0
            .iter()
            .map(|rule| {
                let mut shown = rule.shown.clone();
                for (name, value) in [("seen", rule.seen), ("hits", rule.hits), ("skipped", rule.skipped)] {
                    shown[name] = json!(value);
                }
                shown
            })
            .collect()
    }

    /// The first rule that matches and has hits left. Every matching rule counts the request for its `nth`, also those behind the first.
    pub fn choose(&mut self, method: &str, path: &str, is_list: bool, rng: &mut StdRng) -> Option<Fault> {
        let mut chosen = None;
        for rule in &mut self.0 {
            if !rule.matches(method, path) || (rule.fault.list.is_some() && !is_list) {
                continue;
            }
            rule.seen += 1;
            let applies = chosen.is_none() && rule.seen >= rule.nth && rule.count.is_none_or(|count| rule.hits < count);
            if applies && (rule.probability >= 1.0 || rng.random_bool(rule.probability)) {
                rule.hits += 1;
                chosen = Some(rule.fault.clone());
            }
        }
        chosen
    }

    /// Takes a hit back: the list fault found nothing that it could do.
    pub fn skipped(&mut self, fault: &Fault) {
        // The script may have been replaced since the fault was chosen.
        if let Some(rule) = self.0.get_mut(fault.rule).filter(|rule| rule.fault.list == fault.list) {
            rule.hits = rule.hits.saturating_sub(1);
            rule.skipped += 1;
        }
    }
}

impl Rule {
    fn matches(&self, method: &str, path: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted.eq_ignore_ascii_case(method))
            && self.path.as_ref().is_none_or(|regex| regex.is_match(path.as_bytes()))
    }

    fn parse(index: usize, shown: &Value) -> Result<Self, String> {
        if shown.get("answer").is_some_and(|answer| answer == "stale" || answer == "trickle") {
            return Err(format!("answer {} comes later", shown["answer"]));
        }
        let raw: RawRule = serde_json::from_value(shown.clone()).map_err(|error| error.to_string())?;
        let answer = raw.answer.as_ref().map_or(Ok(FaultAnswer::Normal), parse_answer)?;
        let path = match &raw.matching.path {
            None => None,
            // Paths are ASCII: without Unicode tables \d and \w work all the same.
            Some(path) => Some(RegexBuilder::new(path).unicode(false).build().map_err(|error| format!("match.path: {error}"))?),
        };
        let probability = raw.matching.probability.unwrap_or(1.0);
        if !(0.0..=1.0).contains(&probability) {
            return Err("match.probability is 0 to 1".to_owned());
        }
        if raw.matching.nth == Some(0) {
            return Err("match.nth counts from 1".to_owned());
        }
        let is_get = raw.matching.method.as_deref().is_some_and(|method| method.eq_ignore_ascii_case("GET"));
        let execute = execute(&raw, &answer, is_get)?;
        if raw.list.is_some() && (raw.answer.is_some() || raw.execute.is_some() || raw.execute_delay_ms.is_some()) {
            return Err("a list fault has no answer and no execute of its own".to_owned());
        }
        let fault = Fault {
            rule: index,
            execute,
            execute_delay: milliseconds("execute_delay_ms", raw.execute_delay_ms)?,
            answer,
            delay: milliseconds("delay_ms", raw.delay_ms)?,
            list: raw.list,
        };
        let RawMatch { method, path: _, nth, count, probability: _ } = raw.matching;
        Ok(Self { shown: shown.clone(), method, path, nth: nth.unwrap_or(1), count, probability, fault, seen: 0, hits: 0, skipped: 0 })
    }
}

fn milliseconds(name: &str, value: Option<u64>) -> Result<Duration, String> {
    let value = value.unwrap_or(0);
    if value > 600_000 { Err(format!("{name} is at most 600000")) } else { Ok(Duration::from_millis(value)) }
}

fn execute(raw: &RawRule, answer: &FaultAnswer, is_get: bool) -> Result<u8, String> {
    let times = match &raw.execute {
        Some(Value::Bool(execute)) => Some(u8::from(*execute)),
        Some(Value::Number(times)) if times.as_u64() == Some(2) => Some(2),
        Some(_) => return Err("execute is true, false or 2".to_owned()),
        None => None,
    };
    if times == Some(0) && raw.execute_delay_ms.is_some_and(|delay| delay > 0) {
        return Err("execute_delay_ms needs execute: true".to_owned());
    }
    match (answer, times) {
        (FaultAnswer::CutBefore, Some(1..)) => {
            Err("cut_before resets before the request is read: it cannot be executed; say cut_after".to_owned())
        }
        (FaultAnswer::CutBefore, _) => Ok(0),
        (FaultAnswer::Redirect, times) => Ok(times.unwrap_or(0)),
        // Whether a refusal or an error was executed is the very question of a test, so nothing is assumed.
        (FaultAnswer::Fixed(fixed), None) if fixed.status >= 300 && !is_get => {
            Err(format!("say execute true or false: answer {} alone does not tell whether the effect happens", fixed.status))
        }
        (_, times) => Ok(times.unwrap_or(1)),
    }
}

fn parse_answer(answer: &Value) -> Result<FaultAnswer, String> {
    Ok(match answer.as_str() {
        Some("normal") => FaultAnswer::Normal,
        Some("cut_before") => FaultAnswer::CutBefore,
        Some("cut_after") => FaultAnswer::CutAfter,
        Some("hang") => FaultAnswer::Hang,
        Some("truncate") => FaultAnswer::Truncate,
        Some("redirect") => FaultAnswer::Redirect,
        Some(other) => {
            return Err(format!("answer {other} is none of normal, cut_before, cut_after, hang, truncate, redirect, {{\"status\", …}}"));
        }
        None => FaultAnswer::Fixed(parse_fixed(answer)?),
    })
}

fn parse_fixed(answer: &Value) -> Result<FixedAnswer, String> {
    let raw: RawAnswer = serde_json::from_value(answer.clone()).map_err(|error| format!("answer: {error}"))?;
    if !(200..=599).contains(&raw.status) {
        return Err("answer.status is 200 to 599".to_owned());
    }
    let mut headers = raw.headers;
    for (name, value) in &headers {
        if http::HeaderName::try_from(name).is_err() || http::HeaderValue::try_from(value).is_err() {
            return Err(format!("answer.headers: {name} cannot be sent"));
        }
    }
    let body = match (raw.body, raw.body_base64) {
        (Some(_), Some(_)) => return Err("answer has body or body_base64, not both".to_owned()),
        (None, None) => Vec::new(),
        (Some(Value::String(text)), None) => text.into_bytes(),
        (Some(value), None) => value.to_string().into_bytes(),
        (None, Some(text)) => {
            base64::engine::general_purpose::STANDARD.decode(text).map_err(|error| format!("answer.body_base64: {error}"))?
        }
    };
    let repeat = raw.repeat.unwrap_or(1);
    if body.len().saturating_mul(repeat) > LARGEST_BODY {
        return Err("answer.body is larger than 64 MiB".to_owned());
    }
    let body = body.repeat(repeat);
    if !body.is_empty() && !headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
        let guess = if matches!(body.first(), Some(b'{' | b'[')) { "application/json" } else { "text/html" };
        headers.insert("content-type".to_owned(), guess.to_owned());
    }
    Ok(FixedAnswer { status: raw.status, headers, body })
}
