//! IP networks in CIDR notation, as configuration writes them.

use dozvon_sip::endpoint::Network;
use std::net::IpAddr;

/// Reads `10.0.0.0/8` or `2001:db8::/32`; a bare address is a network of one. The error says how to write it.
pub fn parse_network(text: &str) -> Result<Network, String> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().map_err(|_| {
        format!("`{text}` is no network: write it like 10.0.0.0/8 or 2001:db8::/32")
    })?;
    let widest = if address.is_ipv4() { 32 } else { 128 };
    let prefix =
        match prefix {
            None => widest,
            Some(digits) => digits.parse().ok().filter(|n| *n <= widest).ok_or_else(|| {
                format!("the prefix of `{text}` must be a number from 0 to {widest}")
            })?,
        };
    Ok(Network { address, prefix })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_address_is_a_network_of_one() {
        let one = parse_network("127.0.0.1").unwrap();
        assert!(one.contains("127.0.0.1".parse().unwrap()));
        assert!(!one.contains("127.0.0.2".parse().unwrap()));
        let office = parse_network("10.1.0.0/16").unwrap();
        assert!(office.contains("10.1.255.7".parse().unwrap()));
    }

    #[test]
    fn a_bad_network_says_how_to_write_it() {
        assert!(parse_network("10.0.0.0/33").unwrap_err().contains("0 to 32"));
        assert!(parse_network("office").unwrap_err().contains("10.0.0.0/8"));
    }
}
