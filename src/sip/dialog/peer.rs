//! A dialog's identity and routing: RFC 3261 §12.
//!
//! Who the two ends are, the route set, the remote target, and the two CSeq counters. Pure data and rules.

use crate::endpoint::{Config, Path, Protocol};
use crate::limits::ROUTES_MAX;
use crate::message::{HeaderName, Message, Uri};
use std::net::SocketAddr;

/// The other end of a dialog and what is needed to talk to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// Their tag; `None` until a response brings it, empty for RFC 2543 peers.
    pub remote_tag: Option<String>,
    /// What stands in From of our requests: our address with our tag.
    pub local: String,
    /// What stands in To of our requests: their address with their tag, as they wrote it.
    pub remote: Vec<u8>,
    /// The number of our last request.
    pub local_cseq: u32,
    /// The number of their last request.
    pub remote_cseq: Option<u32>,
    /// Route header values, first hop first.
    pub route_set: Vec<String>,
    /// Their Contact: the Request-URI of what we send.
    pub remote_target: String,
    /// The way the dialog's messages come.
    pub path: Path,
}

impl Peer {
    /// The UAS side of the dialog that a request with this tag of ours makes (§12.1.1). `None` when its Contact or
    /// Record-Route cannot serve.
    pub fn of_request(request: &Message<'_>, local_tag: &str, path: Path) -> Option<Peer> {
        let to = request.value(HeaderName::To)?;
        let remote_tag = request.from().ok()?.tag().unwrap_or_default().to_string();
        Some(Peer {
            call_id: request.call_id().ok()?.to_string(),
            local_tag: local_tag.to_string(),
            remote_tag: Some(remote_tag),
            local: format!("{};tag={local_tag}", String::from_utf8_lossy(to)),
            remote: request.value(HeaderName::From)?.to_vec(),
            local_cseq: 0,
            remote_cseq: Some(request.cseq().ok()?.number),
            route_set: routes(request)?,
            remote_target: target_of(request)?,
            path,
        })
    }

    /// Completes the UAC side from the response that makes the dialog (§12.1.2). A missing Contact leaves the target.
    pub fn complete(&mut self, response: &Message<'_>) {
        let tag = response.to().ok().and_then(|to| to.tag()).unwrap_or_default();
        self.remote_tag = Some(tag.to_string());
        if let Some(to) = response.value(HeaderName::To) {
            self.remote = to.to_vec();
        }
        if let Some(mut set) = routes(response) {
            set.reverse();
            self.route_set = set;
        }
        self.refresh_target(response);
    }

    /// A target refresh: their new Contact (§12.2).
    pub fn refresh_target(&mut self, message: &Message<'_>) {
        if let Some(target) = target_of(message) {
            self.remote_target = target;
        }
    }

    /// The number of our next request.
    pub fn next_cseq(&mut self) -> u32 {
        self.local_cseq += 1;
        self.local_cseq
    }

    /// Takes note of a request's number; `false` when it is out of order and deserves 500 (§12.2.2).
    pub fn accept_cseq(&mut self, number: u32) -> bool {
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return false;
        }
        self.remote_cseq = Some(number);
        true
    }

    /// Whether a message with these tags, seen from our side, belongs to this dialog.
    pub fn matches(&self, call_id: &str, remote_tag: &str) -> bool {
        self.call_id == call_id && self.remote_tag.as_deref().is_none_or(|tag| tag == remote_tag)
    }

    /// Request-URI and Route values of a request in the dialog, strict routers obeyed (§12.2.1.1).
    pub fn routing(&self) -> (String, Vec<String>) {
        let Some(first) = self.route_set.first() else {
            return (self.remote_target.clone(), Vec::new());
        };
        let uri = uri_of(first);
        if Uri::parse(uri.as_bytes()).is_ok_and(|uri| !uri.is_loose_router()) {
            let target = format!("<{}>", self.remote_target);
            let rest = self.route_set[1..].iter().cloned().chain([target]).collect();
            return (uri.to_string(), rest);
        }
        (self.remote_target.clone(), self.route_set.clone())
    }

    /// The way our next request goes.
    ///
    /// A phone is reached over its flow, whatever its Contact says: it may sit behind a NAT, and a stranger's Contact
    /// must not make us talk to third parties. A trusted network's route set and Contact are obeyed when they are
    /// addresses; names are left to the flow, for nothing below the roof resolves names.
    pub fn next_hop(&self, config: &Config) -> Path {
        if !config.is_trusted(self.path.remote.ip()) {
            return self.path;
        }
        let hop = self.route_set.first().map_or(self.remote_target.as_str(), |route| uri_of(route));
        let Ok(uri) = Uri::parse(hop.as_bytes()) else { return self.path };
        let Some(ip) = uri.host().and_then(|host| host.ip()) else { return self.path };
        let protocol = match uri.transport() {
            Some(name) if name.eq_ignore_ascii_case("tcp") => Protocol::Tcp,
            Some(name) if name.eq_ignore_ascii_case("udp") => Protocol::Udp,
            Some(_) | None => self.path.protocol,
        };
        let same_peer = ip == self.path.remote.ip().to_canonical();
        if protocol == self.path.protocol && same_peer && self.path.connection.is_some() {
            return self.path;
        }
        let remote = SocketAddr::new(ip, uri.port().unwrap_or(5060));
        if protocol == self.path.protocol {
            Path { remote, connection: None, ..self.path }
        } else {
            config.path_to(protocol, remote)
        }
    }
}

/// The Contact of a message as the Request-URI of what we send there: `sip` or `sips` (§8.1.1.8), without headers.
fn target_of(message: &Message<'_>) -> Option<String> {
    let contact = message.contact().filter(|contact| contact.uri.is_sip())?;
    Some(contact.uri.without_headers().to_string())
}

/// The Record-Route values of a message in their order; `None` when there are too many.
fn routes(message: &Message<'_>) -> Option<Vec<String>> {
    let set: Vec<String> = message
        .list(HeaderName::RecordRoute)
        .take(ROUTES_MAX + 1)
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .collect();
    (set.len() <= ROUTES_MAX).then_some(set)
}

/// The URI inside a route value.
fn uri_of(route: &str) -> &str {
    match (route.find('<'), route.find('>')) {
        (Some(open), Some(close)) if open < close => &route[open + 1..close],
        _ => route,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::endpoint::{Local, Network};

    const INVITE: &str = "INVITE sip:hotline@192.0.2.1 SIP/2.0\r\n\
        Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
        Record-Route: <sip:192.0.2.8;lr>, <sip:192.0.2.9:5070;lr>\r\n\
        From: \"A\" <sip:a@carrier>;tag=theirs\r\nTo: <sip:hotline@192.0.2.1>\r\n\
        Call-ID: c1\r\nCSeq: 7 INVITE\r\nContact: <sip:a@198.51.100.3:5080>\r\n\
        Content-Length: 0\r\n\r\n";

    fn peer(text: &str) -> Peer {
        let path = Path::udp("192.0.2.1:5060".parse().unwrap(), "192.0.2.8:6000".parse().unwrap());
        Peer::of_request(&Message::parse(text.as_bytes()).unwrap(), "ours", path).unwrap()
    }

    fn config(trusted: bool) -> Config {
        let address = "192.0.2.1:5060".parse().unwrap();
        let local = Local { protocol: Protocol::Udp, address, advertised: None };
        let mut config = Config::new(vec![local], "r", [1; 32]);
        if trusted {
            config.trusted = vec![Network { address: "192.0.2.8".parse().unwrap(), prefix: 32 }];
        }
        config
    }

    #[test]
    fn the_uas_takes_the_route_set_in_order_and_talks_to_the_first_hop() {
        let peer = peer(INVITE);
        assert_eq!(peer.route_set, ["<sip:192.0.2.8;lr>", "<sip:192.0.2.9:5070;lr>"]);
        let (uri, routes) = peer.routing();
        assert_eq!((uri.as_str(), routes.len()), ("sip:a@198.51.100.3:5080", 2));
        assert_eq!(peer.next_hop(&config(true)).remote, "192.0.2.8:5060".parse().unwrap());
    }

    #[test]
    fn a_stranger_is_answered_on_his_own_flow_only() {
        assert_eq!(peer(INVITE).next_hop(&config(false)).remote, "192.0.2.8:6000".parse().unwrap());
    }

    #[test]
    fn a_strict_router_gets_the_request_uri() {
        let peer = peer(&INVITE.replace("192.0.2.8;lr", "192.0.2.8"));
        let (uri, routes) = peer.routing();
        assert_eq!(uri, "sip:192.0.2.8");
        assert_eq!(routes, ["<sip:192.0.2.9:5070;lr>", "<sip:a@198.51.100.3:5080>"]);
    }

    #[test]
    fn a_contact_is_a_sip_uri_without_headers_or_none() {
        let contact = "<sip:a@198.51.100.3:5080>";
        let hidden = INVITE.replace(contact, "<sip:a@198.51.100.3;ob?Route=x&Bye=y>");
        assert_eq!(peer(&hidden).remote_target, "sip:a@198.51.100.3;ob");
        let path = Path::udp("192.0.2.1:5060".parse().unwrap(), "192.0.2.8:6000".parse().unwrap());
        for none in ["*", "<tel:+1>", "<http://h/>", "<mailto:a@h>"] {
            let text = INVITE.replace(contact, none);
            let request = Message::parse(text.as_bytes()).unwrap();
            assert_eq!(Peer::of_request(&request, "ours", path), None, "{none}");
        }
    }

    #[test]
    fn numbers_must_grow() {
        let mut peer = peer(INVITE);
        assert!(!peer.accept_cseq(7) && !peer.accept_cseq(1));
        assert!(peer.accept_cseq(9));
        assert_eq!((peer.next_cseq(), peer.next_cseq()), (1, 2));
    }
}
