//! Header field names: long and compact forms, case-insensitive (RFC 3261 §7.3.1, §7.3.3, §20).

use std::fmt;

macro_rules! names {
    ($($variant:ident = $long:literal $(/ $short:literal)?),+ $(,)?) => {
        /// A header field name that we know; anything else is `Other` and found by its text.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[allow(missing_docs)] // The variants are the names of the headers themselves.
        pub enum HeaderName {
            Other,
            $($variant,)+
        }

        impl HeaderName {
            /// Every known name.
            pub const ALL: &'static [HeaderName] = &[$(HeaderName::$variant,)+];

            /// The long form as RFC documents write it; empty for `Other`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    HeaderName::Other => "",
                    $(HeaderName::$variant => $long,)+
                }
            }

            /// The compact form, lower case; zero when there is none.
            const fn compact(self) -> u8 {
                match self {
                    HeaderName::Other => 0,
                    $(HeaderName::$variant => { let _short: u8 = 0; $(let _short: u8 = $short;)? _short })+
                }
            }
        }
    };
}

names! {
    Accept = "Accept", AcceptContact = "Accept-Contact" / b'a', AcceptEncoding = "Accept-Encoding",
    AcceptLanguage = "Accept-Language", AlertInfo = "Alert-Info", Allow = "Allow",
    AllowEvents = "Allow-Events" / b'u', AuthenticationInfo = "Authentication-Info",
    Authorization = "Authorization", CallId = "Call-ID" / b'i', CallInfo = "Call-Info",
    Contact = "Contact" / b'm', ContentDisposition = "Content-Disposition",
    ContentEncoding = "Content-Encoding" / b'e', ContentLanguage = "Content-Language",
    ContentLength = "Content-Length" / b'l', ContentType = "Content-Type" / b'c', CSeq = "CSeq",
    Date = "Date", Diversion = "Diversion", ErrorInfo = "Error-Info", Event = "Event" / b'o',
    Expires = "Expires", FlowTimer = "Flow-Timer", From = "From" / b'f',
    HistoryInfo = "History-Info", Identity = "Identity" / b'y', InReplyTo = "In-Reply-To",
    MaxForwards = "Max-Forwards", MimeVersion = "MIME-Version", MinExpires = "Min-Expires",
    MinSe = "Min-SE", Organization = "Organization", PAssertedIdentity = "P-Asserted-Identity",
    PPreferredIdentity = "P-Preferred-Identity", Path = "Path", Priority = "Priority",
    Privacy = "Privacy", ProxyAuthenticate = "Proxy-Authenticate",
    ProxyAuthorization = "Proxy-Authorization", ProxyRequire = "Proxy-Require", RAck = "RAck",
    RSeq = "RSeq", Reason = "Reason", RecordRoute = "Record-Route", ReferSub = "Refer-Sub",
    ReferTo = "Refer-To" / b'r', ReferredBy = "Referred-By" / b'b', RejectContact = "Reject-Contact" / b'j',
    RemotePartyId = "Remote-Party-ID", Replaces = "Replaces", ReplyTo = "Reply-To",
    RequestDisposition = "Request-Disposition" / b'd', Require = "Require", RetryAfter = "Retry-After",
    Route = "Route", Server = "Server", ServiceRoute = "Service-Route",
    SessionExpires = "Session-Expires" / b'x', SipEtag = "SIP-ETag", SipIfMatch = "SIP-If-Match",
    Subject = "Subject" / b's', SubscriptionState = "Subscription-State",
    Supported = "Supported" / b'k', Timestamp = "Timestamp", To = "To" / b't',
    Unsupported = "Unsupported", UserAgent = "User-Agent", UserToUser = "User-to-User",
    Via = "Via" / b'v', Warning = "Warning", WwwAuthenticate = "WWW-Authenticate",
}

const _: () = assert!(HeaderName::ALL.len() < 127, "names must fit the bit set of HeaderName::bit");

/// Compact letter → name.
static COMPACT: [HeaderName; 26] = {
    let mut table = [HeaderName::Other; 26];
    let mut at = 0;
    while at < HeaderName::ALL.len() {
        let letter = HeaderName::ALL[at].compact();
        if letter != 0 {
            table[(letter - b'a') as usize] = HeaderName::ALL[at];
        }
        at += 1;
    }
    table
};

/// Slots of the name table; a power of two, sparse enough that chains stay short.
const BUCKETS: usize = 512;

/// An open-addressed table of the known names, filled at compile time.
static BY_HASH: [HeaderName; BUCKETS] = {
    let mut table = [HeaderName::Other; BUCKETS];
    let mut at = 0;
    while at < HeaderName::ALL.len() {
        let mut slot = hash(HeaderName::ALL[at].as_str().as_bytes());
        while !matches!(table[slot], HeaderName::Other) {
            slot = (slot + 1) % BUCKETS;
        }
        table[slot] = HeaderName::ALL[at];
        at += 1;
    }
    table
};

/// A hash that takes no account of letter case: length, first, middle and last letters. `name` is not empty.
const fn hash(name: &[u8]) -> usize {
    let len = name.len();
    let first = (name[0] | 0x20) as usize;
    let middle = (name[len / 2] | 0x20) as usize;
    let last = (name[len - 1] | 0x20) as usize;
    let near = (name[len / 4] | 0x20) as usize;
    (len * 7 + first * 31 + middle * 131 + last * 17 + near * 61) % BUCKETS
}

impl HeaderName {
    /// The name that these bytes spell, in long or compact form, in any case.
    pub fn of(name: &[u8]) -> HeaderName {
        match name {
            [] => HeaderName::Other,
            [letter] => match letter.to_ascii_lowercase() {
                lower @ b'a'..=b'z' => COMPACT[usize::from(lower - b'a')],
                _ => HeaderName::Other,
            },
            _ => {
                let mut slot = hash(name);
                while BY_HASH[slot] != HeaderName::Other {
                    if BY_HASH[slot].as_str().as_bytes().eq_ignore_ascii_case(name) {
                        return BY_HASH[slot];
                    }
                    slot = (slot + 1) % BUCKETS;
                }
                HeaderName::Other
            }
        }
    }

    /// This name's bit in a set of names.
    pub(crate) const fn bit(self) -> u128 {
        1 << (self as u8)
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case_and_in_compact_form() {
        for &name in HeaderName::ALL {
            let long = name.as_str();
            assert_eq!(HeaderName::of(long.as_bytes()), name);
            assert_eq!(HeaderName::of(long.to_ascii_uppercase().as_bytes()), name);
            assert_eq!(HeaderName::of(long.to_ascii_lowercase().as_bytes()), name);
            if name.compact() != 0 {
                assert_eq!(HeaderName::of(&[name.compact()]), name);
                assert_eq!(HeaderName::of(&[name.compact().to_ascii_uppercase()]), name);
            }
        }
    }

    #[test]
    fn unknown_names_are_other() {
        for name in ["", "q", "7", "Vi", "Froms", "C%6Fntact", "X-Trunk", "\u{414}ата"] {
            assert_eq!(HeaderName::of(name.as_bytes()), HeaderName::Other, "{name}");
        }
    }
}
