//! The rows of a SipEndpoint at CarrierX. The notation is that of [`super::rows`].

use super::rows::Rows;

const NAME: &str = "spec.carrierx.name | 1 to 49 letters, digits, dots, dashes and underscores | the ownership mark is added";
const TYPES: &str = r#"spec.carrierx.type | supported values: "third_party", "conference", "conference_v2", "conference_playback", "flexml", "mediator", "voicemail""#;
const IP: &str = "spec.carrierx.addresses[0].ip | an IP address or a host name: no scheme, no brackets, no blanks, and no port";
const NO_IP: &str =
    "spec.carrierx.addresses[0].ip | looks like an IP address but is none: write four numbers from 0 to 255 (IPv4), a whole IPv6";
const TRANSPORTS: &str = r#"spec.carrierx.addresses[0].transport | supported values: "udp", "tcp", "tls""#;
const DIRECTION: &str = "spec.carrierx.addresses[0].direction | a word of CarrierX such as any";
const LOCATION: &str = "spec.carrierx.addresses[0].location_sid | the id of a switch location as CarrierX shows it | in quotes";
pub const TWICE: &str = "spec.carrierx.addresses | addresses cannot have the same ip, port, transport, direction, dst_port and \
                     location_sid twice | remove one of them";
const OUT_USERNAME: &str = "spec.carrierx.out_sip_username | 1 to 256 characters, none of them a control character";
const KEYS: &str = "spec.carrierx.attributes | the keys of attributes must be 1 to 64 letters, digits, dots, dashes and underscores";
const CALLBACK: &str = "spec.carrierx.properties.callback_url | an http or https address such as | no user and no password";
const CONTAINER: &str = "spec.carrierx.properties.container_sid | the id of a storage container as CarrierX shows it | in quotes";
pub const LOGIN: &str = "spec.connectionSecret | cannot be given together with carrierx: an endpoint at CarrierX never registers, so there is no \
                     login | remove connectionSecret";

/// Edit of a good static peer, what the refusal says.
pub const BAD_PEERS: Rows = &[
    // type
    ("spec.carrierx.type -", "spec.carrierx.type | Required value"),
    ("spec.carrierx.type = null", "spec.carrierx.type | Required value"),
    ("spec.carrierx = {}", "spec.carrierx.type | Required value"),
    (r#"spec.carrierx.type = """#, TYPES),
    (r#"spec.carrierx.type = "ThirdParty""#, TYPES),
    (r#"spec.carrierx.type = "thirdparty""#, TYPES),
    (r#"spec.carrierx.type = "third-party""#, TYPES),
    (r#"spec.carrierx.type = "third_party ""#, TYPES),
    (r#"spec.carrierx.type = "system_gateway""#, TYPES),
    (r#"spec.carrierx.type = "conference_v3""#, TYPES),
    ("spec.carrierx.type = 1", "spec.carrierx.type | must be of type string"),
    (r#"spec.carrierx.type = ["third_party"]"#, "spec.carrierx.type | must be of type string"),
    // name
    (r#"spec.carrierx.name = """#, NAME),
    (r#"spec.carrierx.name = " ""#, NAME),
    (r#"spec.carrierx.name = ".pbx""#, NAME),
    (r#"spec.carrierx.name = "-pbx""#, NAME),
    (r#"spec.carrierx.name = "_pbx""#, NAME),
    (r#"spec.carrierx.name = "pbx berlin""#, NAME),
    (r#"spec.carrierx.name = "pbx/berlin""#, NAME),
    (r#"spec.carrierx.name = "pbx\"berlin""#, NAME),
    (r#"spec.carrierx.name = "pbx'berlin""#, NAME),
    (r#"spec.carrierx.name = "pbx eq berlin""#, NAME),
    (r#"spec.carrierx.name = "pbx%""#, NAME),
    (r#"spec.carrierx.name = "pbx&limit=1""#, NAME),
    (r#"spec.carrierx.name = "pbx\n""#, NAME),
    (r#"spec.carrierx.name = "pbx\u0000""#, NAME),
    (r#"spec.carrierx.name = "pb\u0445""#, NAME),
    (r#"spec.carrierx.name = "Büro""#, NAME),
    (r#"spec.carrierx.name = "<a*50>""#, "spec.carrierx.name | Too long | 49"),
    ("spec.carrierx.name = 5", "spec.carrierx.name | must be of type string"),
    (r#"spec.carrierx.name = {"prefix": "pbx"}"#, r#"unknown field "spec.carrierx.name.prefix""#),
    // addresses: the list
    (r#"spec.carrierx.addresses = "203.0.113.7""#, "spec.carrierx.addresses | must be of type array"),
    (r#"spec.carrierx.addresses = {"ip": "203.0.113.7"}"#, r#"unknown field "spec.carrierx.addresses.ip""#),
    (r#"spec.carrierx.addresses = ["203.0.113.7"]"#, "spec.carrierx.addresses[0] | must be of type object"),
    ("spec.carrierx.addresses = [{}]", "spec.carrierx.addresses[0].ip | Required value"),
    (r#"spec.carrierx.addresses = [{"port": 5060}]"#, "spec.carrierx.addresses[0].ip | Required value"),
    (r#"spec.carrierx.addresses = [{"ip": null}]"#, "spec.carrierx.addresses[0].ip | Required value"),
    (r#"spec.carrierx.addresses = [<{"ip": "a"},*32>{"ip": "b"}]"#, "spec.carrierx.addresses | Too many | 32"),
    (r#"spec.carrierx.address = [{"ip": "203.0.113.7"}]"#, r#"unknown field "spec.carrierx.address""#),
    // addresses: ip
    (r#"spec.carrierx.addresses = [{"ip": ""}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": " 203.0.113.7"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "203.0.113.7\n"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "203.0.113.7:5060"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "pbx.example.com:5061"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "sip:203.0.113.7"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "sips:pbx.example.com"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "https://pbx.example.com"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "alice@pbx.example.com"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "pbx.example.com;transport=tls"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "203.0.113.0/24"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "[2001:db8::7]"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "[2001:db8::7]:5060"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "2001:db8::7%eth0"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "2001:db8::g"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "2001:db80f::7"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "pbx_berlin.example.com"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "-pbx.example.com"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "pbx..example.com"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "pbx.example.com."}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "*.example.com"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "a, b"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "b\u00fcro.example.com"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "\uff12\uff10\uff13.0.113.7"}]"#, IP),
    (r#"spec.carrierx.addresses = [{"ip": "203.0.113.256"}]"#, NO_IP),
    (r#"spec.carrierx.addresses = [{"ip": "203.0.113"}]"#, NO_IP),
    (r#"spec.carrierx.addresses = [{"ip": "203.0.113.7.9"}]"#, NO_IP),
    (r#"spec.carrierx.addresses = [{"ip": "3405803783"}]"#, NO_IP),
    (r#"spec.carrierx.addresses = [{"ip": "203.0.113.007"}]"#, NO_IP),
    (r#"spec.carrierx.addresses = [{"ip": "a:b:c"}]"#, NO_IP),
    (r#"spec.carrierx.addresses = [{"ip": "2001:db8:1:2:3:4:5"}]"#, NO_IP),
    (r#"spec.carrierx.addresses = [{"ip": "2001:db8::7::9"}]"#, NO_IP),
    (r#"spec.carrierx.addresses = [{"ip": "::ffff:203.0.113.7"}]"#, NO_IP),
    (r#"spec.carrierx.addresses = [{"ip": "<a*254>"}]"#, "spec.carrierx.addresses[0].ip | Too long | 253"),
    (r#"spec.carrierx.addresses = [{"ip": 203}]"#, "spec.carrierx.addresses[0].ip | must be of type string"),
    (
        r#"spec.carrierx.addresses = [{"ip": "a"}, {"ip": "b:5060"}]"#,
        "spec.carrierx.addresses[1].ip | no port, which has a field of its own",
    ),
    // addresses: ports
    (r#"spec.carrierx.addresses = [{"ip": "a", "port": 0}]"#, "spec.carrierx.addresses[0].port | greater than or equal to 1"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "port": -1}]"#, "spec.carrierx.addresses[0].port | greater than or equal to 1"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "port": 65536}]"#, "spec.carrierx.addresses[0].port | less than or equal to 65535"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "port": "5060"}]"#, "spec.carrierx.addresses[0].port | must be of type integer"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "port": 5060.5}]"#, "spec.carrierx.addresses[0].port | must be of type integer"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "dst_port": 0}]"#, "spec.carrierx.addresses[0].dst_port | greater than or equal to 1"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "dst_port": 65536}]"#, "spec.carrierx.addresses[0].dst_port | less than or equal to 65535"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "dstPort": 5060}]"#, r#"unknown field "spec.carrierx.addresses[0].dstPort""#),
    // addresses: the rest
    (r#"spec.carrierx.addresses = [{"ip": "a", "transport": "UDP"}]"#, TRANSPORTS),
    (r#"spec.carrierx.addresses = [{"ip": "a", "transport": "ws"}]"#, TRANSPORTS),
    (r#"spec.carrierx.addresses = [{"ip": "a", "transport": ""}]"#, TRANSPORTS),
    (r#"spec.carrierx.addresses = [{"ip": "a", "direction": ""}]"#, DIRECTION),
    (r#"spec.carrierx.addresses = [{"ip": "a", "direction": "in and out"}]"#, DIRECTION),
    (r#"spec.carrierx.addresses = [{"ip": "a", "direction": "any\n"}]"#, DIRECTION),
    (r#"spec.carrierx.addresses = [{"ip": "a", "direction": "<a*65>"}]"#, "spec.carrierx.addresses[0].direction | Too long | 64"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "priority": -1}]"#, "spec.carrierx.addresses[0].priority | greater than or equal to 0"),
    (
        r#"spec.carrierx.addresses = [{"ip": "a", "priority": 1000001}]"#,
        "spec.carrierx.addresses[0].priority | less than or equal to 1000000",
    ),
    (r#"spec.carrierx.addresses = [{"ip": "a", "priority": "high"}]"#, "spec.carrierx.addresses[0].priority | must be of type integer"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "srtp": "true"}]"#, "spec.carrierx.addresses[0].srtp | must be of type boolean"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "srtp": 1}]"#, "spec.carrierx.addresses[0].srtp | must be of type boolean"),
    (r#"spec.carrierx.addresses = [{"ip": "a", "location_sid": ""}]"#, LOCATION),
    (r#"spec.carrierx.addresses = [{"ip": "a", "location_sid": "../1"}]"#, LOCATION),
    (r#"spec.carrierx.addresses = [{"ip": "a", "location_sid": "<a*65>"}]"#, "spec.carrierx.addresses[0].location_sid | Too long | 64"),
    (
        r#"spec.carrierx.addresses = [{"ip": "a", "sipCredentialsSecretRef": {}}]"#,
        "spec.carrierx.addresses[0].sipCredentialsSecretRef.name | Required value",
    ),
    (
        r#"spec.carrierx.addresses = [{"ip": "a", "sipCredentialsSecretRef": {"name": "other/sip"}}]"#,
        "spec.carrierx.addresses[0].sipCredentialsSecretRef.name | the name of a Secret in the namespace of this object",
    ),
    (
        r#"spec.carrierx.addresses = [{"ip": "a", "sipCredentialsSecretRef": {"name": "sip", "key": "password"}}]"#,
        r#"unknown field "spec.carrierx.addresses[0].sipCredentialsSecretRef.key""#,
    ),
    (r#"spec.carrierx.addresses = [{"ip": "a", "sip_username": "u"}]"#, r#"unknown field "spec.carrierx.addresses[0].sip_username""#),
    (r#"spec.carrierx.addresses = [{"ip": "a", "sip_password": "p"}]"#, r#"unknown field "spec.carrierx.addresses[0].sip_password""#),
    // addresses: one twice
    (r#"spec.carrierx.addresses = [{"ip": "a"}, {"ip": "a"}]"#, TWICE),
    (r#"spec.carrierx.addresses = [{"ip": "pbx.example.com"}, {"ip": "PBX.Example.com"}]"#, TWICE),
    (r#"spec.carrierx.addresses = [{"ip": "a"}, {"ip": "a", "port": 5060}]"#, TWICE),
    (r#"spec.carrierx.addresses = [{"ip": "a"}, {"ip": "a", "transport": "udp", "dst_port": 5060, "direction": "any"}]"#, TWICE),
    (r#"spec.carrierx.addresses = [{"ip": "a", "port": 5061}, {"ip": "b"}, {"ip": "a", "port": 5061, "priority": 1}]"#, TWICE),
    (r#"spec.carrierx.addresses = [{"ip": "a", "srtp": true}, {"ip": "a", "srtp": false}]"#, TWICE),
    // capacity
    ("spec.carrierx.capacity = -1", "spec.carrierx.capacity | greater than or equal to 0"),
    ("spec.carrierx.capacity = 1000001", "spec.carrierx.capacity | less than or equal to 1000000"),
    ("spec.carrierx.capacity = 1.5", "spec.carrierx.capacity | must be of type integer"),
    (r#"spec.carrierx.capacity = "10""#, "spec.carrierx.capacity | must be of type integer"),
    (r#"spec.carrierx.capacity = "unlimited""#, "spec.carrierx.capacity | must be of type integer"),
    // what CarrierX presents
    (r#"spec.carrierx.out_sip_username = """#, OUT_USERNAME),
    (r#"spec.carrierx.out_sip_username = "a\nb""#, OUT_USERNAME),
    (r#"spec.carrierx.out_sip_username = "a\u0085b""#, OUT_USERNAME),
    (r#"spec.carrierx.out_sip_username = "<a*257>""#, "spec.carrierx.out_sip_username | Too long | 256"),
    ("spec.carrierx.out_sip_username = 5", "spec.carrierx.out_sip_username | must be of type string"),
    (r#"spec.carrierx.outSipUsername = "a""#, r#"unknown field "spec.carrierx.outSipUsername""#),
    (r#"spec.carrierx.out_sip_password = "secret""#, r#"unknown field "spec.carrierx.out_sip_password""#),
    (
        r#"spec.carrierx.outSipPasswordSecretRef = {"name": "out"}"#,
        "spec.carrierx.out_sip_username | outSipPasswordSecretRef needs out_sip_username | only an adopted endpoint may have it already",
    ),
    ("spec.carrierx.outSipPasswordSecretRef = {}", "spec.carrierx.outSipPasswordSecretRef.name | Required value"),
    (
        r#"spec.carrierx.out_sip_username = "u" && spec.carrierx.outSipPasswordSecretRef = {"name": "Out"}"#,
        "spec.carrierx.outSipPasswordSecretRef.name | the name of a Secret in the namespace of this object",
    ),
    (
        r#"spec.carrierx.out_sip_username = "u" && spec.carrierx.outSipPasswordSecretRef = {"name": "out", "key": "a/b"}"#,
        "spec.carrierx.outSipPasswordSecretRef.key | a key of the Secret",
    ),
    // auth_required
    (r#"spec.carrierx.auth_required = "true""#, "spec.carrierx.auth_required | must be of type boolean"),
    ("spec.carrierx.auth_required = 0", "spec.carrierx.auth_required | must be of type boolean"),
    ("spec.carrierx.authRequired = true", r#"unknown field "spec.carrierx.authRequired""#),
    // attributes
    (r#"spec.carrierx.attributes = {"": "x"}"#, KEYS),
    (r#"spec.carrierx.attributes = {"a b": "x"}"#, KEYS),
    (r#"spec.carrierx.attributes = {"a/b": "x"}"#, KEYS),
    (r#"spec.carrierx.attributes = {"a\n": "x"}"#, KEYS),
    (r#"spec.carrierx.attributes = {"site": "x", "\u0441ite": "y"}"#, KEYS),
    (r#"spec.carrierx.attributes = {"<a*65>": "x"}"#, KEYS),
    (r#"spec.carrierx.attributes = {"site": "a\nb"}"#, "spec.carrierx.attributes[site] | the value of an attribute must be at most 256"),
    (r#"spec.carrierx.attributes = {"site": "<a*257>"}"#, "spec.carrierx.attributes.site | Too long | 256"),
    (r#"spec.carrierx.attributes = {"site": 1}"#, "spec.carrierx.attributes.site | must be of type string"),
    (r#"spec.carrierx.attributes = {"site": {"city": "berlin"}}"#, r#"unknown field "spec.carrierx.attributes.site.city""#),
    (r#"spec.carrierx.attributes = {"site": ["berlin"]}"#, "spec.carrierx.attributes.site | must be of type string"),
    (r#"spec.carrierx.attributes = [{"key": "site", "value": "x"}]"#, r#"unknown field "spec.carrierx.attributes[0].key""#),
    (r#"spec.carrierx.attributes = ["site"]"#, "spec.carrierx.attributes | must be of type object"),
    (
        r#"spec.carrierx.attributes = {"0":"","1":"","2":"","3":"","4":"","5":"","6":"","7":"","8":"","9":"","a":"","b":"","c":"","d":"","e":"","f":"","g":"","h":"","i":"","j":"","k":"","l":"","m":"","n":"","o":"","p":"","q":"","r":"","s":"","t":"","u":"","v":"","w":""}"#,
        "spec.carrierx.attributes | Too many | 32",
    ),
    // transformations
    (
        r#"spec.carrierx.addresses - && spec.carrierx.transformations = [{"field": "to"}]"#,
        "spec.carrierx.addresses | transformations need addresses: writing the one may clear the other at CarrierX",
    ),
    (
        "spec.carrierx.addresses - && spec.carrierx.transformations = []",
        "spec.carrierx.addresses | transformations need addresses | add addresses, all of them",
    ),
    (r#"spec.carrierx.transformations = {"field": "to"}"#, r#"unknown field "spec.carrierx.transformations.field""#),
    (r#"spec.carrierx.transformations = "to""#, "spec.carrierx.transformations | must be of type array"),
    (r#"spec.carrierx.transformations = ["to"]"#, "spec.carrierx.transformations[0] | must be of type object"),
    ("spec.carrierx.transformations = [<{},*32>{}]", "spec.carrierx.transformations | Too many | 32"),
    // what only a static peer has
    (
        r#"spec.carrierx.type = "conference""#,
        "spec.carrierx.addresses | addresses can be given for type third_party only: CarrierX hosts endpoints of the other types",
    ),
    (r#"spec.carrierx = {"type": "voicemail", "addresses": []}"#, "spec.carrierx.addresses | for type third_party only | remove addresses"),
    (
        r#"spec.carrierx = {"type": "mediator", "out_sip_username": "u"}"#,
        "spec.carrierx.out_sip_username | out_sip_username can be given for type third_party only | remove out_sip_username",
    ),
    (
        r#"spec.carrierx = {"type": "flexml", "out_sip_username": "u", "outSipPasswordSecretRef": {"name": "out"}}"#,
        "spec.carrierx.outSipPasswordSecretRef | outSipPasswordSecretRef can be given for type third_party only",
    ),
    (
        r#"spec.carrierx = {"type": "conference", "auth_required": true}"#,
        "spec.carrierx.auth_required | auth_required can be given for type third_party only",
    ),
    (
        r#"spec.carrierx = {"type": "conference_v2", "auth_required": false}"#,
        "spec.carrierx.auth_required | it says how a SIP device or PBX is recognised; remove auth_required",
    ),
    (
        r#"spec.carrierx = {"type": "voicemail", "attributes": {"site": "berlin"}}"#,
        "spec.carrierx.attributes | attributes can be given for type third_party only | but name and capacity",
    ),
    (
        r#"spec.carrierx = {"type": "conference_playback", "transformations": []}"#,
        "spec.carrierx.transformations | transformations can be given for type third_party only",
    ),
    // what only a voicemail has
    (
        r#"spec.carrierx.properties = {"greeting": "hello"}"#,
        "spec.carrierx.properties | properties can be given for type voicemail only: CarrierX sets those of the other types itself",
    ),
    (r#"spec.carrierx.properties = {}"#, "spec.carrierx.properties | for type voicemail only | remove properties"),
    (r#"spec.carrierx = {"type": "conference", "properties": {}}"#, "spec.carrierx.properties | for type voicemail only"),
    (r#"spec.carrierx = {"type": "voicemail", "properties": []}"#, "spec.carrierx.properties | must be of type object"),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_url": ""}}"#, CALLBACK),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_url": "example.com"}}"#, CALLBACK),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_url": "ftp://example.com/"}}"#, CALLBACK),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_url": "javascript:alert(1)"}}"#, CALLBACK),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_url": "https://"}}"#, CALLBACK),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_url": "https://u:p@example.com/"}}"#, CALLBACK),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_url": "https://example.com/a b"}}"#, CALLBACK),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_url": "https://example.com/\r\nX: y"}}"#, CALLBACK),
    (
        r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_url": "https://example.com/<a*237>"}}"#,
        "spec.carrierx.properties.callback_url | Too long | 256",
    ),
    (
        r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_method": "post"}}"#,
        r#"spec.carrierx.properties.callback_method | supported values: "GET", "POST""#,
    ),
    (
        r#"spec.carrierx = {"type": "voicemail", "properties": {"callback_method": "PUT"}}"#,
        r#"spec.carrierx.properties.callback_method | supported values: "GET", "POST""#,
    ),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"container_sid": ""}}"#, CONTAINER),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"container_sid": "a/b"}}"#, CONTAINER),
    (
        r#"spec.carrierx = {"type": "voicemail", "properties": {"container_sid": "<a*65>"}}"#,
        "spec.carrierx.properties.container_sid | Too long | 64",
    ),
    (
        r#"spec.carrierx = {"type": "voicemail", "properties": {"greeting": "a\u0007b"}}"#,
        "spec.carrierx.properties.greeting | at most 256 characters, none of them a control character",
    ),
    (
        r#"spec.carrierx = {"type": "voicemail", "properties": {"greeting": "<a*257>"}}"#,
        "spec.carrierx.properties.greeting | Too long | 256",
    ),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"login": "x"}}"#, r#"unknown field "spec.carrierx.properties.login""#),
    (r#"spec.carrierx = {"type": "voicemail", "properties": {"password": "x"}}"#, r#"unknown field "spec.carrierx.properties.password""#),
    // what a static peer has not
    (r#"spec.connectionSecret = {"name": "pbx-phone"}"#, LOGIN),
    (r#"spec.carrierx = {"type": "voicemail"} && spec.connectionSecret = {"name": "pbx-phone"}"#, LOGIN),
    ("spec.carrierx.generatePassword = true", r#"unknown field "spec.carrierx.generatePassword""#),
    (r#"spec.carrierx.passwordSecretRef = {"name": "x"}"#, r#"unknown field "spec.carrierx.passwordSecretRef""#),
    (r#"spec.carrierx.username = "alice""#, r#"unknown field "spec.carrierx.username""#),
    (r#"spec.carrierx.alias = "alice""#, r#"unknown field "spec.carrierx.alias""#),
    (r#"spec.carrierx.app_id = "1""#, r#"unknown field "spec.carrierx.app_id""#),
    (r#"spec.carrierx.voip_token = "x""#, r#"unknown field "spec.carrierx.voip_token""#),
    (r#"spec.carrierx.partner_sid = "x""#, r#"unknown field "spec.carrierx.partner_sid""#),
    ("spec.carrierx.cps_limit = 5", r#"unknown field "spec.carrierx.cps_limit""#),
    // the union, adoption and the whole
    ("spec.carrierx -", "spec | exactly one provider must be given; add one of: plivo, carrierx"),
    ("spec.carrierx = null", "spec | exactly one provider must be given; add one of: plivo, carrierx"),
    (r#"spec.carrierx = "pbx""#, "spec.carrierx | must be of type object"),
    ("spec.carrierX = {}", r#"unknown field "spec.carrierX""#),
    (r#"spec.plivo = {"passwordSecretRef": {"name": "x"}}"#, "spec | exactly one provider must be given"),
    (r#"spec.managementPolicy = "Observe""#, "spec.managementPolicy | Observe never creates anything | say in adopt"),
    (r#"spec.adopt = {"endpoint_id": "../1"}"#, "spec.adopt.endpoint_id | letters, digits"),
    (r#"spec.adopt = {"endpoint_sid": "1"}"#, r#"unknown field "spec.adopt.endpoint_sid""#),
];
