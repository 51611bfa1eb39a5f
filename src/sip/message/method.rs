//! Request methods: the ones we know by name, every other token kept as it stands (RFC 3261 §7.1; case-sensitive).

use std::fmt;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident = $text:literal),+ $(,)?) => {
        /// A request method. Comparison is case-sensitive and takes no account of percent escapes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Method<'a> {
            $($(#[$doc])* $variant,)+
            /// A method that we do not know; answered with 405 or 501.
            Other(&'a str),
        }

        impl<'a> Method<'a> {
            /// The method that this token names. The caller has checked that it is a token.
            pub fn of(token: &'a str) -> Self {
                match token {
                    $($text => Method::$variant,)+
                    other => Method::Other(other),
                }
            }

            /// The method as written on the wire.
            pub fn as_str(self) -> &'a str {
                match self {
                    $(Method::$variant => $text,)+
                    Method::Other(text) => text,
                }
            }

            /// The method freed from the message it was read from; `None` for one that we do not know.
            pub fn known(self) -> Option<Method<'static>> {
                match self {
                    $(Method::$variant => Some(Method::$variant),)+
                    Method::Other(_) => None,
                }
            }
        }
    };
}

methods! {
    /// RFC 3261 §13.
    Invite = "INVITE",
    /// RFC 3261 §13, §17.
    Ack = "ACK",
    /// RFC 3261 §15.
    Bye = "BYE",
    /// RFC 3261 §9.
    Cancel = "CANCEL",
    /// RFC 3261 §11.
    Options = "OPTIONS",
    /// RFC 3261 §10.
    Register = "REGISTER",
    /// RFC 3262.
    Prack = "PRACK",
    /// RFC 3311.
    Update = "UPDATE",
    /// RFC 6086.
    Info = "INFO",
    /// RFC 3515.
    Refer = "REFER",
    /// RFC 6665.
    Notify = "NOTIFY",
    /// RFC 6665.
    Subscribe = "SUBSCRIBE",
    /// RFC 3428.
    Message = "MESSAGE",
    /// RFC 3903.
    Publish = "PUBLISH",
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_case_sensitive_and_not_unescaped() {
        assert_eq!(Method::of("INVITE"), Method::Invite);
        assert_eq!(Method::of("invite"), Method::Other("invite"));
        assert_eq!(Method::of("RE%47IST%45R"), Method::Other("RE%47IST%45R"));
    }
}
