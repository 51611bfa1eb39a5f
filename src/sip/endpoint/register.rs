//! REGISTER: RFC 3261 §10.3, RFC 3327 (Path). Who is let in and what is granted; the table is [`crate::registrar`].

use super::Endpoint;
use super::compose::sentence;
use super::event::{Event, SecurityKind};
use super::receive::Incoming;
use super::uas::Login;
use crate::limits;
use crate::message::{Contact, HeaderName, Message, Method, NameAddr};
use crate::registrar::{Change, Refused, Update};
use dozvon_clock::Timestamp;
use std::time::Duration;

/// What the Contacts of a REGISTER ask for.
enum Wish {
    /// Nothing: only tell what is bound.
    Query,
    /// `*`
    Clear,
    /// These.
    Change(Vec<Change>),
}

/// A refusal with one more header.
struct No(u16, &'static str, Option<(HeaderName, String)>);

impl Endpoint {
    pub(super) fn registering(&mut self, now: Timestamp, incoming: &Incoming<'_>) {
        let Incoming { message, path, .. } = *incoming;
        let user = match self.login(now, message, Method::Register, &path) {
            Login::Ok(user) => user,
            Login::None => return self.ask_for_login(now, incoming, false, false),
            Login::Stale => return self.ask_for_login(now, incoming, true, true),
            // A transaction, so that a retransmission is not counted as another failure.
            Login::Bad => return self.ask_for_login(now, incoming, false, true),
        };
        match self.register(now, &user, incoming) {
            Ok(()) => self.confirm_registration(now, &user, incoming),
            Err(No(status, text, header)) => {
                let tag = self.ids.tag();
                let mut writer = self.reply(message, &path, status, None, Some(&tag)).warning(text);
                if let Some((name, value)) = header {
                    writer = writer.header(name, value);
                }
                self.respond_once(now, incoming, status, writer.finish());
            }
        }
    }

    /// 401: the same for everybody whose credentials do not do.
    fn ask_for_login(
        &mut self,
        now: Timestamp,
        incoming: &Incoming<'_>,
        stale: bool,
        remember: bool,
    ) {
        let Incoming { message, path, .. } = *incoming;
        let challenges = self.verifier.challenges(now, stale);
        // No Warning: a challenge is a question, and it has to be short for those who are asked in another's name.
        if !remember {
            return self.refuse_statelessly(message, &path, 401, "", |mut writer| {
                for challenge in &challenges {
                    writer = writer.header(HeaderName::WwwAuthenticate, challenge);
                }
                writer
            });
        }
        let tag = self.ids.tag();
        let mut writer = self.reply(message, &path, 401, None, Some(&tag));
        for challenge in &challenges {
            writer = writer.header(HeaderName::WwwAuthenticate, challenge);
        }
        self.respond_once(now, incoming, 401, writer.finish());
    }

    fn register(&mut self, now: Timestamp, user: &str, incoming: &Incoming<'_>) -> Result<(), No> {
        let Incoming { message, path, .. } = *incoming;
        let (Ok(from), Ok(to)) = (message.from(), message.to()) else {
            return Err(No(400, sentence(400), None));
        };
        if !to.uri.is_sip() {
            return Err(No(400, "To must be a sip or sips URI", None));
        }
        let is_own = |address: NameAddr<'_>| address.uri.user_unescaped().as_deref() == Some(user);
        if !is_own(from) || !is_own(to) {
            let claimed = to.uri.user_unescaped().map(|user| user.chars().take(64).collect());
            self.tell_security(now, &path, SecurityKind::WrongAccount, claimed);
            return Err(No(403, "You may register only your own account", None));
        }
        let wish = self.wish(message)?;
        let update = Update {
            call_id: message.call_id().unwrap_or_default().to_string(),
            cseq: message.cseq().map_or(0, |cseq| cseq.number),
            path,
            route: route_of(message).ok_or(No(400, "Path has more than 16 entries", None))?,
            user_agent: user_agent(message),
        };
        let before = self.registrar.of(user).len();
        let done = match &wish {
            Wish::Query => return Ok(()),
            Wish::Clear => self.registrar.clear(user, &update),
            Wish::Change(changes) => self.registrar.update(now, user, &update, changes),
        };
        done.map_err(|refused| match refused {
            Refused::OutOfOrder => No(500, "A newer REGISTER came before this one", None),
            Refused::TooMany => No(403, "This account has too many contacts", None),
            Refused::Full => {
                let later = (HeaderName::RetryAfter, limits::RETRY_AFTER_SECS.to_string());
                No(503, sentence(503), Some(later))
            }
        })?;
        let contacts = self.registrar.of(user).len();
        let user = user.to_string();
        if contacts > 0 {
            self.events.push_back(Event::Registered { user, contacts });
        } else if before > 0 {
            self.events.push_back(Event::Unregistered { user });
        }
        Ok(())
    }

    /// Reads the Contacts (§10.3 steps 6 and 7).
    fn wish(&self, message: &Message<'_>) -> Result<Wish, No> {
        let contacts: Vec<Contact<'_>> = message.contacts().filter_map(Result::ok).collect();
        let default = message.expires();
        if contacts.iter().any(|contact| matches!(contact, Contact::Star)) {
            let alone = contacts.len() == 1 && default == Some(0);
            return if alone {
                Ok(Wish::Clear)
            } else {
                Err(No(400, "Contact: * stands alone and needs Expires: 0", None))
            };
        }
        if contacts.is_empty() {
            return Ok(Wish::Query);
        }
        let changes: Result<Vec<Change>, No> = contacts
            .into_iter()
            .filter_map(Contact::addr)
            .map(|contact| self.change(contact, default))
            .collect();
        Ok(Wish::Change(changes?))
    }

    fn change(&self, contact: NameAddr<'_>, default: Option<u32>) -> Result<Change, No> {
        if !contact.uri.is_sip() {
            return Err(No(400, "Contact must be a sip or sips URI", None));
        }
        let (min, max) = (self.config.registration_min, self.config.registration_max);
        let wanted = contact.expires().or(default).map(|secs| Duration::from_secs(secs.into()));
        let expires = match wanted {
            None => self.config.registration_default,
            Some(Duration::ZERO) => Duration::ZERO,
            Some(wanted) if wanted < min => {
                let least = (HeaderName::MinExpires, min.as_secs().to_string());
                return Err(No(423, sentence(423), Some(least)));
            }
            Some(wanted) => wanted.min(max),
        };
        // Headers in a URI must never become headers of a request of ours.
        let uri = contact.uri.without_headers();
        Ok(Change { contact: uri.to_string(), expires, q: contact.q_thousandths() })
    }

    /// 200 with everything that is bound (§10.3 step 8).
    fn confirm_registration(&mut self, now: Timestamp, user: &str, incoming: &Incoming<'_>) {
        let Incoming { message, path, .. } = *incoming;
        let tag = self.ids.tag();
        let mut writer = self.reply(message, &path, 200, None, Some(&tag));
        for binding in self.registrar.of(user) {
            let left = binding.expires_at.since(now).as_secs();
            let q = match binding.q {
                1000 => String::new(),
                thousandths => format!(";q=0.{thousandths:03}"),
            };
            let value = format!("<{}>;expires={left}{q}", binding.contact);
            writer = writer.header(HeaderName::Contact, value);
        }
        let bytes = writer
            .copy_all(message, HeaderName::Path)
            .header(HeaderName::Supported, "path")
            .finish();
        self.respond_once(now, incoming, 200, bytes);
    }
}

/// The Path header as a route set; `None` when it is too long.
fn route_of(message: &Message<'_>) -> Option<Vec<String>> {
    let route: Vec<String> = message
        .list(HeaderName::Path)
        .take(limits::ROUTES_MAX + 1)
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .collect();
    (route.len() <= limits::ROUTES_MAX).then_some(route)
}

fn user_agent(message: &Message<'_>) -> String {
    let text = message.text(HeaderName::UserAgent).unwrap_or_default();
    text.chars().filter(|c| !c.is_control()).take(limits::EXTRA_HEADER_BYTES_MAX).collect()
}
