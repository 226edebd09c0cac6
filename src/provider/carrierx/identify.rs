//! Whose token it is (`contracts/carrierx.md` 2): the cheapest proof of the credentials.

use std::collections::BTreeSet;

use reqwest::Method;

use super::api::{Api, Operation, paged};
use super::classify::{Target, success};
use super::{CAPABILITIES, wire};
use crate::core::outcome::{DoubtKind, Outcome};
use crate::provider::Page;
use crate::provider::answers::unknown;
use crate::provider::transport::{Answer, Call};

/// An endpoint's partner, and whether the endpoint is the carrier's own side.
type Holder = (Option<String>, bool);

impl Api {
    /// The partner's SID, from now on known to this client.
    pub(super) async fn identify(&self) -> Outcome<String> {
        let operation = Operation::new("identify", Call::Read, Method::GET, ["oauth", "whoami"], "nothing but to be valid");
        let read = |answer: &Answer| {
            let body = success(answer, Target::Item)?;
            let nested = || wire::sid(body.get("partner")?.as_object()?, "partner_sid");
            // Nobody says what it answers.
            Ok(wire::sid(body, "partner_sid").or_else(nested))
        };
        let found = match self.call(operation, read).await {
            Outcome::Done(Some(partner)) => Outcome::Done(partner),
            Outcome::Done(None) | Outcome::NotFound { .. } => self.identify_by_endpoints().await,
            other => other.map(|_| String::new()),
        };
        if let Outcome::Done(partner) = &found {
            self.is_of(partner);
        }
        found
    }

    /// Where there is no `whoami`: by the gateway, of which each partner has one, else by any endpoint.
    async fn identify_by_endpoints(&self) -> Outcome<String> {
        let element = |object: &wire::Object| {
            wire::sid(object, "endpoint_sid")?;
            Some((wire::sid(object, "partner_sid"), wire::text(object, "type") == Some("system_gateway")))
        };
        let scopes = "endpoints.manage or endpoints.read";
        let all = || {
            paged::<String>(
                Operation::new("identify", Call::Read, Method::GET, ["endpoints"], scopes),
                "endpoint_sid",
                0,
                CAPABILITIES.page_size,
            )
        };
        let selected = match all() {
            Ok(operation) => self.selected(operation.with("filter", r#"type eq "system_gateway""#), element, "endpoint_sid").await,
            Err(outcome) => return outcome,
        };
        let listed = match selected {
            Outcome::Done(Some(page)) if page.items.iter().any(|(_, gateway)| *gateway) => Outcome::Done(page),
            Outcome::Done(_) => match all() {
                Ok(operation) => self.page(operation, element, "endpoint_sid").await,
                Err(outcome) => return outcome,
            },
            other => other.map(|_| Page { items: Vec::new(), total: None, more: None }),
        };
        match listed {
            Outcome::Done(page) => holder(&page.items),
            other => other.map(|_| String::new()),
        }
    }
}

/// The partner of these endpoints. Those of subordinate partners may be among them, and their gateways too: then nothing is certain.
fn holder(endpoints: &[Holder]) -> Outcome<String> {
    let of = |gateways: bool| -> BTreeSet<&str> {
        endpoints.iter().filter(|(_, gateway)| *gateway || !gateways).filter_map(|(partner, _)| partner.as_deref()).collect()
    };
    let gateways = of(true);
    let partners = if gateways.is_empty() { of(false) } else { gateways };
    let mut partners = partners.into_iter();
    match (partners.next(), partners.next()) {
        (Some(partner), None) => Outcome::Done(partner.to_owned()),
        (None, _) => {
            unknown(DoubtKind::Unreadable, "CarrierX has no whoami, and no endpoint that names the partner of this token".to_owned())
        }
        _ => unknown(
            DoubtKind::Foreign,
            "CarrierX has no whoami, and lists endpoints of several partners: whose the token is cannot be told".to_owned(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_says_whose_a_token_is_else_any_endpoint_if_they_agree() {
        let own = |gateway: bool| (Some("p1".to_owned()), gateway);
        let other = |gateway: bool| (Some("p2".to_owned()), gateway);
        let table = [
            (vec![own(true)], Some("p1")),
            (vec![other(false), own(true), other(false)], Some("p1")),
            (vec![own(false), own(false)], Some("p1")),
            (vec![(None, false), own(false)], Some("p1")),
            (vec![own(false), other(false)], None),
            (vec![own(true), other(true)], None),
            (vec![(None, true)], None),
            (vec![], None),
        ];
        for (endpoints, expected) in table {
            let found = match holder(&endpoints) {
                Outcome::Done(partner) => Some(partner),
                other => {
                    assert!(matches!(other, Outcome::Unknown(_)), "{other:?}");
                    None
                }
            };
            assert_eq!(found.as_deref(), expected, "{endpoints:?}");
        }
    }
}
