//! `sandbox phone`: a running Plivo simulator is told that a phone has logged in.

use clap::Args;
use serde_json::json;

use crate::admin_client::AdminClient;

/// Arguments of `sandbox phone`.
#[derive(Args, Clone)]
pub struct PhoneArgs {
    /// The endpoint that it logs in as: its `status.endpoint_id`
    pub endpoint_id: String,
    /// Where the simulator is
    #[arg(long, env = "SWITCHBOARD_PLIVO_URL", value_name = "URL")]
    pub at: String,
    /// Where the phone can be reached
    #[arg(long, default_value = "sip:phone@192.0.2.10:5060", value_name = "SIP URI")]
    pub contact: String,
    /// What it says it is
    #[arg(long, default_value = "a desk phone", value_name = "NAME")]
    pub user_agent: String,
}

/// Registers it, for an hour.
///
/// # Errors
/// There is no simulator, or it has no such endpoint.
pub async fn run(args: PhoneArgs) -> anyhow::Result<()> {
    let phone = json!({"sip_contact": args.contact, "sip_user_agent": args.user_agent});
    AdminClient::new(&args.at).register(&args.endpoint_id, phone).await?;
    println!("{} has logged in to endpoint {}", args.user_agent, args.endpoint_id);
    Ok(())
}
