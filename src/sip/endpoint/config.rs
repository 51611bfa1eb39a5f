//! What the operator decides about the SIP endpoint. Plain data; the roof reads the files.

use super::path::{Path, Protocol};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// One address we listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local {
    /// The protocol spoken there.
    pub protocol: Protocol,
    /// The bound address; may be the unspecified address.
    pub address: SocketAddr,
    /// What to write into Via and Contact instead, when we are behind a static NAT.
    pub advertised: Option<SocketAddr>,
}

/// An IP network in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    /// Any address of the network.
    pub address: IpAddr,
    /// How many leading bits count; larger than the family has means all of them.
    pub prefix: u8,
}

impl Network {
    /// Whether `address` lies in this network. IPv4-mapped IPv6 addresses count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(net), IpAddr::V4(ip)) => {
                let shift = 32 - u32::from(self.prefix.min(32));
                net.to_bits().checked_shr(shift) == ip.to_bits().checked_shr(shift)
            }
            (IpAddr::V6(net), IpAddr::V6(ip)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                net.to_bits().checked_shr(shift) == ip.to_bits().checked_shr(shift)
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// A token bucket: so many a second on average, so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Tokens added each second.
    pub per_second: u32,
    /// The most tokens that can be saved up.
    pub burst: u32,
}

/// Bounds that an operator may set; each has a ceiling in [`crate::limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Transactions of all kinds at once. At the bound new requests get a stateless 503 with Retry-After.
    pub transactions_max: usize,
    /// INVITE sessions at once, both directions. At the bound a new INVITE gets 503, ours is refused with 503.
    pub dialogs_max: usize,
    /// Sessions of one untrusted source that are not yet answered and ACKed. At the bound: 503.
    pub early_dialogs_per_source_max: usize,
    /// New INVITE, REGISTER and other requests outside dialogs from one stranger's address. Beyond: 503, then silence.
    pub stranger: Rate,
    /// The same for trusted networks.
    pub trusted: Rate,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            transactions_max: crate::limits::TRANSACTIONS_MAX,
            dialogs_max: crate::limits::DIALOGS_MAX,
            early_dialogs_per_source_max: crate::limits::EARLY_DIALOGS_PER_SOURCE_MAX,
            stranger: Rate { per_second: 20, burst: 60 },
            trusted: Rate { per_second: 500, burst: 1000 },
        }
    }
}

/// The configuration of an [`super::Endpoint`].
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Our addresses, at least one.
    pub locals: Vec<Local>,
    /// The digest realm of our accounts.
    pub realm: String,
    /// Goes into User-Agent and Server, and into the Warning of every refusal.
    pub user_agent: String,
    /// Keys nonces, tags and branches. Keep it from strangers; the moment of start is mixed in.
    pub secret: [u8; 32],
    /// The shortest registration granted; shorter wishes get 423. Seconds resolution.
    pub registration_min: Duration,
    /// The registration granted when the phone does not say.
    pub registration_default: Duration,
    /// The longest registration granted; longer wishes are shortened.
    pub registration_max: Duration,
    /// The session interval we ask for (RFC 4028); zero asks for none. At least [`crate::limits::MIN_SE`] otherwise.
    pub session_expires: Duration,
    /// Networks of carriers and proxies: larger buckets, never banned, their Contact and Record-Route are obeyed.
    pub trusted: Vec<Network>,
    /// Beginnings of User-Agent values (lower case) whose requests are dropped without an answer.
    pub scanners: Vec<String>,
    /// The bounds.
    pub bounds: Bounds,
}

impl Config {
    /// A configuration with sensible values for everything but the addresses, the realm and the secret.
    pub fn new(locals: Vec<Local>, realm: impl Into<String>, secret: [u8; 32]) -> Config {
        Config {
            locals,
            realm: realm.into(),
            user_agent: "dozvon".into(),
            secret,
            registration_min: Duration::from_secs(60),
            registration_default: Duration::from_secs(300),
            registration_max: Duration::from_secs(3600),
            session_expires: Duration::from_secs(1800),
            trusted: Vec::new(),
            scanners: ["friendly-scanner", "sipvicious", "sipcli", "sipsak", "pplsip", "sip-scan"]
                .map(String::from)
                .to_vec(),
            bounds: Bounds::default(),
        }
    }

    /// Whether an address belongs to a trusted network.
    pub fn is_trusted(&self, address: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(address))
    }

    /// The address to write into Via and Contact for messages over `path`.
    pub fn public_address(&self, path: &Path) -> SocketAddr {
        let local = path.local;
        let entry = self.locals.iter().filter(|entry| entry.protocol == path.protocol).find(|e| {
            e.address == local
                || (e.address.ip().is_unspecified() && e.address.port() == local.port())
        });
        if let Some(advertised) = entry.and_then(|entry| entry.advertised) {
            return advertised;
        }
        if !local.ip().is_unspecified() {
            return local;
        }
        let known = self.locals.iter().find(|e| {
            e.protocol == path.protocol && !e.advertised.unwrap_or(e.address).ip().is_unspecified()
        });
        known.map_or(local, |entry| entry.advertised.unwrap_or(entry.address))
    }

    /// The path to a bare address: from our first local address of that protocol and family.
    pub fn path_to(&self, protocol: Protocol, remote: SocketAddr) -> Path {
        let fits = |e: &&Local| e.protocol == protocol && e.address.is_ipv4() == remote.is_ipv4();
        let any = |e: &&Local| e.protocol == protocol;
        let entry = self.locals.iter().find(fits).or_else(|| self.locals.iter().find(any));
        let local = entry.or(self.locals.first()).expect("a config has at least one local address");
        Path { protocol, connection: None, local: local.address, remote }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str, prefix: u8) -> Network {
        Network { address: address.parse().unwrap(), prefix }
    }

    #[test]
    fn networks_contain_their_own_and_no_others() {
        for (net, prefix, ip, inside) in [
            ("10.0.0.0", 8, "10.255.1.2", true),
            ("10.0.0.0", 8, "11.0.0.1", false),
            ("0.0.0.0", 0, "8.8.8.8", true),
            ("192.0.2.7", 32, "192.0.2.7", true),
            ("192.0.2.7", 32, "192.0.2.6", false),
            ("10.0.0.0", 8, "::ffff:10.1.2.3", true),
            ("2001:db8::", 32, "2001:db8:1::5", true),
            ("2001:db8::", 32, "2001:db9::5", false),
            ("::", 0, "10.0.0.1", false),
        ] {
            assert_eq!(network(net, prefix).contains(ip.parse().unwrap()), inside, "{net} {ip}");
        }
    }

    #[test]
    fn the_advertised_address_replaces_the_bound_one() {
        let bound: SocketAddr = "0.0.0.0:5060".parse().unwrap();
        let public: SocketAddr = "203.0.113.5:5060".parse().unwrap();
        let local = Local { protocol: Protocol::Udp, address: bound, advertised: Some(public) };
        let config = Config::new(vec![local], "test", [0; 32]);
        let path = Path::udp("10.0.0.5:5060".parse().unwrap(), "10.0.0.9:5060".parse().unwrap());
        assert_eq!(config.public_address(&path), public);
    }
}
