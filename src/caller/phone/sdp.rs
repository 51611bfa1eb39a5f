//! The few lines of SDP this phone writes and reads (RFC 8866, RFC 3264); apart from the server's own reader.

use super::voice::Codec;
use std::net::{IpAddr, SocketAddr};

/// The dynamic payload type of our telephone-event.
pub(super) const EVENT_TYPE: u8 = 101;

/// What the other side said about its sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Remote {
    /// Where it hears.
    pub(super) address: SocketAddr,
    /// The first codec we speak too, with its payload type.
    pub(super) codec: Codec,
    /// Its payload type.
    pub(super) payload_type: u8,
    /// The payload type of its telephone-event.
    pub(super) event: Option<u8>,
    /// Whether it wants to hear us (`sendrecv`, `recvonly`).
    pub(super) hears: bool,
    /// Whether it sends (`sendrecv`, `sendonly`).
    pub(super) sends: bool,
}

/// An offer with these codecs.
pub(super) fn offer(local: SocketAddr, codecs: &[Codec], version: u64) -> String {
    let formats: Vec<(u8, Codec)> = codecs.iter().map(|c| (c.payload_type(), *c)).collect();
    write(local, &formats, Some(EVENT_TYPE), "sendrecv", version)
}

/// The answer to an offer: its codec and payload numbers, the mirrored direction (RFC 3264 §6.1).
pub(super) fn answer(local: SocketAddr, offered: &Remote, version: u64) -> String {
    let direction = match (offered.hears, offered.sends) {
        (true, true) => "sendrecv",
        (true, false) => "sendonly",
        (false, true) => "recvonly",
        (false, false) => "inactive",
    };
    write(local, &[(offered.payload_type, offered.codec)], offered.event, direction, version)
}

fn write(
    local: SocketAddr,
    formats: &[(u8, Codec)],
    event: Option<u8>,
    direction: &str,
    version: u64,
) -> String {
    let family = if local.is_ipv4() { "IP4" } else { "IP6" };
    let ip = local.ip();
    let types: Vec<String> =
        formats.iter().map(|(t, _)| *t).chain(event).map(|t| t.to_string()).collect();
    let mut sdp = format!(
        "v=0\r\no=- 1 {version} IN {family} {ip}\r\ns=dozvon-call\r\nc=IN {family} {ip}\r\n\
         t=0 0\r\nm=audio {} RTP/AVP {}\r\n",
        local.port(),
        types.join(" ")
    );
    for (payload_type, codec) in formats {
        sdp.push_str(&format!("a=rtpmap:{payload_type} {}\r\n", codec.rtpmap()));
    }
    if let Some(event) = event {
        let clock = formats.first().map_or(8000, |(_, codec)| codec.clock_hz());
        sdp.push_str(&format!(
            "a=rtpmap:{event} telephone-event/{clock}\r\na=fmtp:{event} 0-15\r\n"
        ));
    }
    sdp.push_str(&format!("a=ptime:20\r\na={direction}\r\n"));
    sdp
}

/// Reads a description, choosing among `codecs`.
pub(super) fn read(text: &str, codecs: &[Codec]) -> Result<Remote, String> {
    let (mut ip, mut port, mut types): (Option<IpAddr>, Option<u16>, Vec<u8>) =
        (None, None, Vec::new());
    let mut maps: Vec<(u8, String)> = Vec::new();
    let (mut hears, mut sends, mut in_audio) = (true, true, true);
    for line in text.lines().map(str::trim_end) {
        let Some((kind, rest)) = line.split_once('=') else { continue };
        match kind {
            "m" if rest.starts_with("audio ") && port.is_none() => {
                in_audio = true;
                let mut words = rest.split(' ').skip(1);
                port = words.next().and_then(|p| p.split('/').next()).and_then(|p| p.parse().ok());
                types = words.skip(1).filter_map(|t| t.parse().ok()).collect();
            }
            "m" => in_audio = false,
            "c" if in_audio => {
                ip = rest
                    .rsplit(' ')
                    .next()
                    .and_then(|a| a.split('/').next())
                    .and_then(|a| a.parse().ok())
            }
            "a" if in_audio => match rest {
                "sendrecv" => (hears, sends) = (true, true),
                "sendonly" => (hears, sends) = (false, true),
                "recvonly" => (hears, sends) = (true, false),
                "inactive" => (hears, sends) = (false, false),
                other => {
                    if let Some((number, name)) =
                        other.strip_prefix("rtpmap:").and_then(|m| m.split_once(' '))
                        && let Ok(number) = number.parse()
                    {
                        maps.push((number, name.to_ascii_lowercase()));
                    }
                }
            },
            _ => {}
        }
    }
    let named = |t: u8| maps.iter().find(|(n, _)| *n == t).map(|(_, name)| name.as_str());
    let codec_of = |t: u8| {
        codecs.iter().copied().find(|codec| match named(t) {
            Some(name) => name.starts_with(&codec.rtpmap().to_ascii_lowercase()),
            None => codec.is_static() && codec.payload_type() == t,
        })
    };
    let (payload_type, codec) = types
        .iter()
        .find_map(|t| Some((*t, codec_of(*t)?)))
        .ok_or("no codec in common in the SDP")?;
    let event =
        types.iter().copied().find(|t| named(*t).is_some_and(|n| n.starts_with("telephone-event")));
    let port = port.filter(|p| *p != 0).ok_or("the SDP has no audio stream")?;
    let ip = ip.ok_or("the SDP has no address")?;
    Ok(Remote { address: SocketAddr::new(ip, port), codec, payload_type, event, hears, sends })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_we_offer_we_can_read_ourselves() {
        let local: SocketAddr = "127.0.0.1:40000".parse().unwrap();
        for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
            let read = read(
                &offer(local, &[codec], 1),
                &[Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus],
            )
            .unwrap();
            assert_eq!((read.codec, read.address, read.event), (codec, local, Some(101)));
            assert!(read.hears && read.sends);
        }
    }

    #[test]
    fn hold_is_answered_with_the_mirrored_direction() {
        let held = "v=0\r\nc=IN IP4 10.0.0.1\r\nm=audio 5000 RTP/AVP 8\r\na=sendonly\r\n";
        let read = read(held, &[Codec::Pcma]).unwrap();
        assert!(!read.hears && read.sends);
        assert!(answer("127.0.0.1:2".parse().unwrap(), &read, 2).contains("a=recvonly"));
    }

    #[test]
    fn a_stranger_codec_is_refused() {
        assert!(
            read("v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 5 RTP/AVP 3\r\n", &[Codec::Pcmu]).is_err()
        );
    }
}
