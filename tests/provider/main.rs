//! The providers' clients against a server that says what it is told to, byte by byte. Needs neither cluster nor network.

mod answers;
mod carrierx;
mod carrierx_answers;
mod carrierx_fixtures;
mod carrierx_requests;
mod carrierx_secrets;
mod carrierx_simulator;
mod fixtures;
mod harm;
mod manifests;
mod numbers;
mod requests;
mod script;
mod secrets;
mod simulator;
mod simulator_tls;
mod tls;
mod unreachable;

use std::fmt::Debug;
use std::time::Duration;

use switchboard::core::fields::{Fields, PASSWORD, Secret, Value};
use switchboard::core::outcome::Outcome;
use switchboard::provider::Provider;
use switchboard::provider::plivo::{Credentials, Plivo};
use switchboard::provider::transport::{BaseUrl, Deadlines, TransportOptions};

const AUTH_ID: &str = "MAXXXXXXXXXXXXXXXXXX";
const TOKEN: &str = "canaryToken0123456789abcdefghijklmnopqrs";
const SIP_PASSWORD: &str = "canaryPassword42x";
const USERNAME: &str = "aliceab12cd34ef5k";
/// Of an endpoint, of an application, and a number that the account holds.
const ID: &str = "32866729519064";

/// Long enough never to matter on a slow machine.
const PATIENT: Deadlines = Deadlines {
    connect: Duration::from_secs(60),
    read: Duration::from_secs(60),
    write: Duration::from_secs(60),
    create: Duration::from_secs(120),
};

/// For answers that never come: every run ends in the time-out, however fast or slow the machine.
const HASTY: Deadlines = Deadlines {
    connect: Duration::from_secs(60),
    read: Duration::from_secs(2),
    write: Duration::from_secs(2),
    // Half of it is for connecting, which must not be what runs out.
    create: Duration::from_secs(4),
};

fn client(base: &str, deadlines: Deadlines) -> Plivo {
    client_with(base, TransportOptions { deadlines, extra_roots: None })
}

fn client_with(base: &str, options: TransportOptions) -> Plivo {
    install();
    let credentials = Credentials { auth_id: AUTH_ID.to_owned(), auth_token: Secret::new(TOKEN.to_owned()) };
    Plivo::new(&BaseUrl::parse(base).expect("a base URL"), credentials, &options).expect("a client")
}

/// What `main` does in the operator: the TLS provider, and here a log that tests can read.
fn install() {
    secrets::capture();
    // Whoever comes second finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn desired() -> Fields {
    Fields::from([
        ("alias", Value::Text("alice-desk".to_owned())),
        ("app_id", Value::Text(String::new())),
        (PASSWORD, Value::Secret(Secret::new(SIP_PASSWORD.to_owned()))),
    ])
}

/// What is wanted of a number.
fn pointed() -> Fields {
    Fields::from([("alias", Value::Text("Main line".to_owned())), ("app_id", Value::Text("379619814477342321".to_owned()))])
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Identify,
    Create,
    Get,
    List,
    Update,
    Delete,
    GetNumber,
    ListNumbers,
    ListApplications,
    UpdateNumber,
}

const OPS: [Op; 10] = [
    Op::Identify,
    Op::Create,
    Op::Get,
    Op::List,
    Op::Update,
    Op::Delete,
    Op::GetNumber,
    Op::ListNumbers,
    Op::ListApplications,
    Op::UpdateNumber,
];

impl Op {
    /// The operation on endpoints whose answers mean the same.
    fn kind(self) -> Self {
        match self {
            Op::GetNumber => Op::Get,
            Op::ListNumbers | Op::ListApplications => Op::List,
            Op::UpdateNumber => Op::Update,
            other => other,
        }
    }
}

/// What became of a call: the class in words, and everything that the outcome prints.
struct Told {
    class: String,
    text: String,
}

async fn run(client: &Plivo, op: Op) -> Told {
    match op {
        Op::Identify => told(client.identify().await),
        Op::Create => told(client.endpoints().create(USERNAME, &desired()).await),
        Op::Get => told(client.endpoints().get(ID).await),
        Op::List => told(client.endpoints().list(0, 20).await),
        Op::Update => told(client.endpoints().update(ID, &desired()).await),
        Op::Delete => told(client.endpoints().delete(ID).await),
        Op::GetNumber => told(client.get_number(ID, None).await),
        Op::ListNumbers => told(client.list_numbers(0, 20).await),
        Op::ListApplications => told(client.list_applications(0, 20).await),
        Op::UpdateNumber => told(client.update_number(ID, None, &pointed()).await),
    }
}

fn told<T: Debug>(outcome: Outcome<T>) -> Told {
    let text = format!("{outcome:?}");
    let class = match outcome {
        Outcome::Done(_) => "done".to_owned(),
        Outcome::Refused(refusal) => match refusal.retry_after {
            Some(wait) => format!("refused {:?} {}s", refusal.kind, wait.as_secs()),
            None => format!("refused {:?}", refusal.kind),
        },
        Outcome::NotFound { proven: true } => "not found".to_owned(),
        Outcome::NotFound { proven: false } => "not found, unproven".to_owned(),
        Outcome::Unknown(doubt) => format!("unknown {:?}", doubt.kind),
    };
    Told { class, text }
}
