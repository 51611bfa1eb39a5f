//! Which transaction a message belongs to: RFC 3261 §17.1.3 and §17.2.3, with the rules for RFC 2543 peers, whose
//! branches lack the magic cookie.
//!
//! An ACK matches the INVITE it follows, but for the 2xx, whose ACK has a branch of its own. A CANCEL is a transaction
//! of its own; [`ServerKey::cancelled`] names the INVITE it means.

/// How the branch of a modern client begins.
pub const MAGIC_COOKIE: &str = "z9hG4bK";

/// Matches a response to our request: our branch and the method of CSeq, since a CANCEL shares the INVITE's branch.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientKey {
    /// The branch of the topmost Via.
    pub branch: String,
    /// The method of CSeq.
    pub method: String,
}

/// What of a request decides its server transaction.
#[derive(Clone, Copy, Debug)]
pub struct Traits<'a> {
    /// The branch of the topmost Via, if there is one.
    pub branch: Option<&'a str>,
    /// The sent-by of the topmost Via: host and port as text.
    pub sent_by: &'a str,
    /// The method of the request line.
    pub method: &'a str,
    /// The Request-URI, for RFC 2543 only.
    pub uri: &'a str,
    /// The From tag, for RFC 2543 and merged requests.
    pub from_tag: &'a str,
    /// The To tag, for RFC 2543 only.
    pub to_tag: &'a str,
    /// The Call-ID, for RFC 2543 and merged requests.
    pub call_id: &'a str,
    /// The CSeq number, for RFC 2543 and merged requests.
    pub cseq: u32,
    /// The whole topmost Via as text, for RFC 2543 only.
    pub via: &'a str,
}

/// Matches a request to our server transaction.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerKey {
    /// The branch is globally unique (§17.2.3, first rule).
    Branch {
        /// The branch with its cookie.
        branch: String,
        /// Lower case.
        sent_by: String,
        /// The method; INVITE for ACK.
        method: String,
    },
    /// The branch means nothing (§17.2.3, second rule).
    Rfc2543 {
        /// The Request-URI.
        uri: String,
        /// The To tag; empty for INVITE, ACK and CANCEL: an ACK carries the tag that our response gave.
        to_tag: String,
        /// The From tag.
        from_tag: String,
        /// The Call-ID.
        call_id: String,
        /// The CSeq number.
        cseq: u32,
        /// The whole topmost Via.
        via: String,
        /// The method; INVITE for ACK.
        method: String,
    },
}

impl ServerKey {
    /// The key of a request.
    pub fn of(request: &Traits<'_>) -> ServerKey {
        let method = if request.method == "ACK" { "INVITE" } else { request.method }.to_string();
        match request.branch.filter(|branch| has_cookie(branch)) {
            Some(branch) => {
                let sent_by = request.sent_by.to_ascii_lowercase();
                ServerKey::Branch { branch: branch.to_string(), sent_by, method }
            }
            None => {
                let keeps_to = !matches!(request.method, "INVITE" | "ACK" | "CANCEL");
                ServerKey::Rfc2543 {
                    uri: request.uri.to_string(),
                    to_tag: if keeps_to { request.to_tag.to_string() } else { String::new() },
                    from_tag: request.from_tag.to_string(),
                    call_id: request.call_id.to_string(),
                    cseq: request.cseq,
                    via: request.via.to_string(),
                    method,
                }
            }
        }
    }

    /// The key of the INVITE that a CANCEL with this key means (§9.2).
    pub fn cancelled(&self) -> ServerKey {
        let mut key = self.clone();
        match &mut key {
            ServerKey::Branch { method, .. } | ServerKey::Rfc2543 { method, .. } => {
                *method = "INVITE".to_string();
            }
        }
        key
    }
}

fn has_cookie(branch: &str) -> bool {
    branch.len() > MAGIC_COOKIE.len()
        && branch
            .get(..MAGIC_COOKIE.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(MAGIC_COOKIE))
}

/// Finds requests that reached us twice over different ways (§8.2.2.2): equal in these, different in their key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MergeKey {
    from_tag: String,
    call_id: String,
    cseq: u32,
    method: String,
}

impl MergeKey {
    /// The merge key of a request without a To tag; within a dialog nothing merges.
    pub fn of(request: &Traits<'_>) -> Option<MergeKey> {
        let may_merge = request.to_tag.is_empty() && !matches!(request.method, "ACK" | "CANCEL");
        may_merge.then(|| MergeKey {
            from_tag: request.from_tag.to_string(),
            call_id: request.call_id.to_string(),
            cseq: request.cseq,
            method: request.method.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVITE: Traits<'_> = Traits {
        branch: Some("z9hG4bKabc"),
        sent_by: "Phone.example:5060",
        method: "INVITE",
        uri: "sip:1@dozvon",
        from_tag: "f",
        to_tag: "",
        call_id: "c",
        cseq: 1,
        via: "SIP/2.0/UDP phone.example;branch=1",
    };

    #[test]
    fn an_ack_for_a_refusal_matches_its_invite() {
        let ack = Traits { method: "ACK", to_tag: "ours", ..INVITE };
        assert_eq!(ServerKey::of(&ack), ServerKey::of(&INVITE));
    }

    #[test]
    fn a_cancel_is_its_own_transaction_and_names_the_invite() {
        let cancel = ServerKey::of(&Traits { method: "CANCEL", ..INVITE });
        assert_ne!(cancel, ServerKey::of(&INVITE));
        assert_eq!(cancel.cancelled(), ServerKey::of(&INVITE));
    }

    #[test]
    fn the_same_branch_from_another_sender_is_another_transaction() {
        let other = Traits { sent_by: "other.example:5060", ..INVITE };
        assert_ne!(ServerKey::of(&other), ServerKey::of(&INVITE));
        let same = Traits { sent_by: "phone.EXAMPLE:5060", ..INVITE };
        assert_eq!(ServerKey::of(&same), ServerKey::of(&INVITE));
    }

    #[test]
    fn branches_without_the_cookie_are_matched_by_everything_else() {
        for branch in [None, Some("1"), Some("z9hG4bK")] {
            let old = Traits { branch, ..INVITE };
            let key = ServerKey::of(&old);
            assert_eq!(ServerKey::of(&Traits { method: "ACK", to_tag: "ours", ..old }), key);
            let cancel = ServerKey::of(&Traits { method: "CANCEL", ..old });
            assert_eq!(cancel.cancelled(), key);
            assert_ne!(ServerKey::of(&Traits { cseq: 2, ..old }), key);
            assert_ne!(ServerKey::of(&Traits { via: "SIP/2.0/UDP other;branch=1", ..old }), key);
            assert_ne!(ServerKey::of(&Traits { uri: "sip:2@dozvon", ..old }), key);
        }
    }

    #[test]
    fn only_requests_outside_dialogs_merge() {
        assert!(MergeKey::of(&INVITE).is_some());
        assert_eq!(MergeKey::of(&Traits { to_tag: "t", ..INVITE }), None);
        assert_eq!(MergeKey::of(&Traits { method: "ACK", ..INVITE }), None);
        let fork = Traits { branch: Some("z9hG4bKother"), ..INVITE };
        assert_eq!(MergeKey::of(&fork), MergeKey::of(&INVITE));
    }
}
