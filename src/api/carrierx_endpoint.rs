//! What a SipEndpoint is at CarrierX: a static peer, or an application that CarrierX hosts.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::refs::{SecretKeyRef, SecretRef};
use super::schema::{self, closed_enum};

closed_enum! {
    /// What an endpoint at CarrierX is, as CarrierX spells it.
    #[derive(Default)]
    pub enum EndpointType {
        /// A SIP device or PBX at an address of its own.
        #[default]
        ThirdParty = "third_party",
        /// Hosted by CarrierX.
        Conference = "conference",
        /// Hosted by CarrierX.
        ConferenceV2 = "conference_v2",
        /// Hosted by CarrierX.
        ConferencePlayback = "conference_playback",
        /// Hosted by CarrierX.
        Flexml = "flexml",
        /// Hosted by CarrierX.
        Mediator = "mediator",
        /// Hosted by CarrierX, with properties that people set.
        Voicemail = "voicemail",
    }
}

closed_enum! {
    /// How SIP travels, as CarrierX spells it.
    #[derive(Default)]
    pub enum Transport {
        /// What holds where nothing is said.
        #[default]
        Udp = "udp",
        /// In clear.
        Tcp = "tcp",
        /// Encrypted.
        Tls = "tls",
    }
}

closed_enum! {
    /// How a voicemail calls back.
    pub enum CallbackMethod {
        /// With a query.
        Get = "GET",
        /// With a body.
        Post = "POST",
    }
}

/// carrierx is an endpoint at CarrierX.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = schema::carrierx::addresses_of_a_peer(),
    validation = schema::carrierx::out_sip_username_of_a_peer(),
    validation = schema::carrierx::out_sip_password_of_a_peer(),
    validation = schema::carrierx::auth_required_of_a_peer(),
    validation = schema::carrierx::attributes_of_a_peer(),
    validation = schema::carrierx::transformations_of_a_peer(),
    validation = schema::carrierx::properties_of_a_voicemail(),
    validation = schema::carrierx::transformations_with_addresses()
)]
pub struct CarrierxEndpoint {
    /// name is what the endpoint's name begins with: 1 to 49 letters, digits, dots, dashes and underscores, a letter or digit first. A
    /// dot and the ownership mark follow it; the whole is in status.name. Absent: the name of this object, cut at 49 characters; of an
    /// adopted endpoint: left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 49), regex(pattern = schema::carrierx::NAME))]
    #[x_kube(validation = schema::carrierx::name())]
    pub name: Option<String>,
    /// type is what the endpoint is: third_party (a SIP device or PBX at an address of its own), or one of those that CarrierX hosts:
    /// conference, conference_v2, conference_playback, flexml, mediator, voicemail. It cannot change.
    #[serde(rename = "type")]
    #[x_kube(validation = schema::immutable(schema::carrierx::TYPE_IS_FIXED))]
    pub endpoint_type: EndpointType,
    /// addresses are where the endpoint is reached and calls from, at most 32; third_party only. Absent: left as they are; []:
    /// explicitly none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    #[x_kube(merge_strategy = ListMerge::Atomic, validation = schema::carrierx::no_address_twice())]
    pub addresses: Option<Vec<Address>>,
    /// capacity is the most simultaneous calls, 0 to 1000000. Absent: left as it is, for a new endpoint without limit; 0 is no limit
    /// too, as far as is known, and is written only when it stands here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub capacity: Option<i32>,
    /// out_sip_username is what CarrierX presents when it calls the endpoint and is challenged, 1 to 256 characters; third_party only.
    /// Absent: left as it is.
    #[serde(rename = "out_sip_username", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = schema::carrierx::TEXT_256))]
    #[x_kube(validation = schema::carrierx::out_sip_username())]
    pub out_sip_username: Option<String>,
    /// outSipPasswordSecretRef names the Secret that holds the password to out_sip_username; third_party only. Absent: left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_sip_password_secret_ref: Option<SecretKeyRef>,
    /// auth_required says whether the endpoint must authenticate; false recognises it by ip and port alone, which must then be unique in
    /// all of CarrierX. It needs a scope that only CarrierX support grants, and is sent only if it differs; third_party only. Absent:
    /// left as it is.
    #[serde(rename = "auth_required", default, skip_serializing_if = "Option::is_none")]
    pub auth_required: Option<bool>,
    /// attributes are marks of your own, at most 32, with keys of 1 to 64 characters and values of at most 256; third_party only. Keys
    /// that do not stand here are left as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::carrierx::attributes")]
    pub attributes: Option<BTreeMap<String, String>>,
    /// transformations are how CarrierX changes what passes, at most 32 objects as CarrierX documents them; third_party only, and only
    /// together with addresses. Absent: left as they are; []: explicitly none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::carrierx::transformations")]
    pub transformations: Option<Vec<Map<String, Value>>>,
    /// properties are what a voicemail is told; voicemail only. A property that is left out is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub properties: Option<VoicemailProperties>,
}

/// One address at which a static peer is reached and from which it calls.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Address {
    /// ip is an IP address or a host name, without scheme and port.
    #[schemars(length(max = 253), regex(pattern = schema::carrierx::IP_OR_HOST))]
    #[x_kube(validation = schema::carrierx::ip_or_host(), validation = schema::carrierx::whole_ip())]
    pub ip: String,
    /// port is the port of the endpoint, 1 to 65535. Absent: 5060.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<i32>,
    /// transport is udp, tcp or tls. Absent: udp.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<Transport>,
    /// direction says for which calls the address holds, in a word of CarrierX. Absent: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = schema::carrierx::WORD))]
    #[x_kube(validation = schema::carrierx::direction())]
    pub direction: Option<String>,
    /// dst_port is the port of CarrierX at which calls from this address arrive, 1 to 65535. Absent: 5060.
    #[serde(rename = "dst_port", default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535))]
    pub dst_port: Option<i32>,
    /// priority is the rank of the address among the others, 0 to 1000000. Absent: 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub priority: Option<i32>,
    /// srtp says whether media is encrypted. Absent: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub srtp: Option<bool>,
    /// location_sid is the id of a switch location of CarrierX. Absent: none.
    #[serde(rename = "location_sid", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = schema::ID))]
    #[x_kube(validation = schema::carrierx::location_sid())]
    pub location_sid: Option<String>,
    /// sipCredentialsSecretRef names the Secret with the keys username and password that hold for this address in place of the
    /// endpoint's out_sip_username and its password. Absent: not managed. Removing it leaves at CarrierX what was there until the
    /// addresses are replaced for another reason, which takes it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_credentials_secret_ref: Option<SecretRef>,
}

/// properties are what a voicemail is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct VoicemailProperties {
    /// callback_url is the http or https address that CarrierX calls, at most 256 characters.
    #[serde(rename = "callback_url", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = schema::carrierx::HTTP_URL))]
    #[x_kube(validation = schema::carrierx::callback_url())]
    pub callback_url: Option<String>,
    /// callback_method is how it is called: GET or POST.
    #[serde(rename = "callback_method", default, skip_serializing_if = "Option::is_none")]
    pub callback_method: Option<CallbackMethod>,
    /// container_sid is the id of the storage container of the recordings.
    #[serde(rename = "container_sid", default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = schema::ID))]
    #[x_kube(validation = schema::carrierx::container_sid())]
    pub container_sid: Option<String>,
    /// greeting is what callers hear, at most 256 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = schema::carrierx::OPTIONAL_TEXT_256))]
    #[x_kube(validation = schema::carrierx::greeting())]
    pub greeting: Option<String>,
}
