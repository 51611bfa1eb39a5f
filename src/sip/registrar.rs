//! The registrar's table of bindings: RFC 3261 §10.3, RFC 3327 (Path).
//!
//! Who may register is decided before ([`crate::endpoint`] checks the digest); here it is only remembered what was
//! granted, in order of CSeq, until it expires, is removed, or its connection closes.

use crate::endpoint::{ConnectionId, Path};
use crate::limits::{BINDINGS_MAX, CONTACTS_PER_USER_MAX};
use crate::message::Uri;
use dozvon_clock::{Deadlines, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The digest secrets of an account: H(user:realm:password) in hex, as RFC 8760 wants them. Never the password.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Ha1Pair {
    /// SHA-256, 64 hex digits; empty when only MD5 is known.
    pub sha256: String,
    /// MD5, 32 hex digits; empty when only SHA-256 is allowed.
    pub md5: String,
}

impl std::fmt::Debug for Ha1Pair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ha1Pair(..)")
    }
}

/// One contact of an account and the way to reach it.
#[derive(Clone, Debug, PartialEq)]
pub struct Binding {
    /// The Contact URI, without angle brackets.
    pub contact: String,
    /// The flow the REGISTER came over: send INVITEs here, whatever the Contact says (NAT).
    pub path: Path,
    /// The Path header (RFC 3327): the route set for INVITEs, first hop first.
    pub route: Vec<String>,
    /// When the binding ends.
    pub expires_at: Timestamp,
    /// Preference in thousandths, 0 to 1000; higher is better.
    pub q: u16,
    /// The phone's User-Agent; empty when it does not say.
    pub user_agent: String,
}

/// One Contact of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The URI.
    pub(crate) contact: String,
    /// How long; zero removes.
    pub(crate) expires: Duration,
    /// Preference in thousandths.
    pub(crate) q: u16,
}

/// A REGISTER that was admitted.
#[derive(Clone, Debug)]
pub(crate) struct Update {
    /// Its Call-ID.
    pub(crate) call_id: String,
    /// Its CSeq number.
    pub(crate) cseq: u32,
    /// The flow.
    pub(crate) path: Path,
    /// The Path header.
    pub(crate) route: Vec<String>,
    /// The User-Agent.
    pub(crate) user_agent: String,
}

/// Why nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// An older REGISTER of the same Call-ID came after a newer one.
    OutOfOrder,
    /// The account has too many contacts.
    TooMany,
    /// The table is full.
    Full,
}

#[derive(Clone, Debug)]
struct Entry {
    binding: Binding,
    call_id: String,
    cseq: u32,
}

/// The table.
#[derive(Debug, Default)]
pub(crate) struct Registrar {
    accounts: BTreeMap<String, Vec<Entry>>,
    deadlines: Deadlines<(String, String)>,
    connections: BTreeSet<(ConnectionId, String)>,
    count: usize,
}

impl Registrar {
    /// Contacts bound in all.
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// The bindings of an account, most preferred first, then most recent.
    pub(crate) fn of(&self, user: &str) -> Vec<Binding> {
        let entries = self.accounts.get(user).map_or(&[][..], Vec::as_slice);
        let mut bindings: Vec<Binding> = entries.iter().map(|e| e.binding.clone()).collect();
        bindings.sort_by_key(|b| (std::cmp::Reverse(b.q), std::cmp::Reverse(b.expires_at)));
        bindings
    }

    /// When the next binding expires.
    pub(crate) fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// Applies all changes or none (§10.3 step 7).
    pub(crate) fn update(
        &mut self,
        now: Timestamp,
        user: &str,
        update: &Update,
        changes: &[Change],
    ) -> Result<(), Refused> {
        let mut entries = self.accounts.get(user).cloned().unwrap_or_default();
        for change in changes {
            let known = entries.iter().position(|e| same(&e.binding.contact, &change.contact));
            if let Some(at) = known {
                let entry = &entries[at];
                if entry.call_id == update.call_id && update.cseq <= entry.cseq {
                    return Err(Refused::OutOfOrder);
                }
                entries.remove(at);
            }
            if !change.expires.is_zero() {
                entries.push(entry(now, update, change));
            }
        }
        if entries.len() > CONTACTS_PER_USER_MAX {
            return Err(Refused::TooMany);
        }
        let before = self.accounts.get(user).map_or(0, Vec::len);
        if entries.len() > before && self.count + entries.len() - before > BINDINGS_MAX {
            return Err(Refused::Full);
        }
        self.replace(user, entries);
        Ok(())
    }

    /// Removes all bindings of an account: `Contact: *` (§10.2.2).
    pub(crate) fn clear(&mut self, user: &str, update: &Update) -> Result<(), Refused> {
        let entries = self.accounts.get(user).map_or(&[][..], Vec::as_slice);
        let older = |e: &Entry| e.call_id == update.call_id && update.cseq <= e.cseq;
        if entries.iter().any(older) {
            return Err(Refused::OutOfOrder);
        }
        self.replace(user, Vec::new());
        Ok(())
    }

    /// Takes out what has expired. Returns the accounts whose last binding went.
    pub(crate) fn handle_timeout(&mut self, now: Timestamp) -> Vec<String> {
        let mut gone = Vec::new();
        while let Some((_, (user, contact))) = self.deadlines.pop_expired(now) {
            let kept = self.without(&user, |entry| entry.binding.contact == contact);
            if kept == 0 {
                gone.push(user);
            }
        }
        gone
    }

    /// Takes out what depended on a connection. Returns the accounts whose last binding went.
    pub(crate) fn closed(&mut self, connection: ConnectionId) -> Vec<String> {
        let from = (connection, String::new());
        let users: Vec<String> = self
            .connections
            .range(from..)
            .take_while(|(id, _)| *id == connection)
            .map(|(_, user)| user.clone())
            .collect();
        let lost = |entry: &Entry| entry.binding.path.connection == Some(connection);
        users.into_iter().filter(|user| self.without(user, lost) == 0).collect()
    }

    /// Drops some entries of an account; tells how many are left.
    fn without(&mut self, user: &str, gone: impl Fn(&Entry) -> bool) -> usize {
        let entries = self.accounts.get(user).cloned().unwrap_or_default();
        let kept: Vec<Entry> = entries.into_iter().filter(|entry| !gone(entry)).collect();
        let left = kept.len();
        self.replace(user, kept);
        left
    }

    fn replace(&mut self, user: &str, entries: Vec<Entry>) {
        for old in self.accounts.remove(user).unwrap_or_default() {
            self.count -= 1;
            self.deadlines.cancel(&(user.to_string(), old.binding.contact));
            if let Some(connection) = old.binding.path.connection {
                self.connections.remove(&(connection, user.to_string()));
            }
        }
        for entry in &entries {
            let Binding { contact, path, expires_at, .. } = &entry.binding;
            self.deadlines.set((user.to_string(), contact.clone()), *expires_at);
            if let Some(connection) = path.connection {
                self.connections.insert((connection, user.to_string()));
            }
        }
        self.count += entries.len();
        if !entries.is_empty() {
            self.accounts.insert(user.to_string(), entries);
        }
    }
}

fn entry(now: Timestamp, update: &Update, change: &Change) -> Entry {
    let binding = Binding {
        contact: change.contact.clone(),
        path: update.path,
        route: update.route.clone(),
        expires_at: now + change.expires,
        q: change.q,
        user_agent: update.user_agent.clone(),
    };
    Entry { binding, call_id: update.call_id.clone(), cseq: update.cseq }
}

fn same(a: &str, b: &str) -> bool {
    match (Uri::parse(a.as_bytes()), Uri::parse(b.as_bytes())) {
        (Ok(a), Ok(b)) => a.equivalent(b),
        (Ok(_) | Err(_), Ok(_) | Err(_)) => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(call_id: &str, cseq: u32, connection: Option<u64>) -> Update {
        let (local, remote) = ("192.0.2.1:5060".parse(), "192.0.2.9:5060".parse());
        let mut path = Path::udp(local.unwrap(), remote.unwrap());
        path.connection = connection.map(ConnectionId);
        let (route, user_agent) = (Vec::new(), "phone".to_string());
        Update { call_id: call_id.to_string(), cseq, path, route, user_agent }
    }

    fn change(contact: &str, secs: u64) -> Change {
        Change { contact: contact.to_string(), expires: Duration::from_secs(secs), q: 1000 }
    }

    fn at(secs: u64) -> Timestamp {
        Timestamp::from_secs(secs)
    }

    #[test]
    fn a_binding_is_refreshed_not_doubled_and_expires() {
        let mut registrar = Registrar::default();
        let first = [change("sip:a@192.0.2.9", 60)];
        registrar.update(at(0), "a", &update("c", 1, None), &first).unwrap();
        let again = [change("sip:a@192.0.2.9:5060", 60), change("sip:a@192.0.2.9;x=1", 90)];
        registrar.update(at(50), "a", &update("c", 2, None), &first).unwrap();
        assert_eq!(registrar.of("a").len(), 1);
        registrar.update(at(50), "a", &update("d", 1, None), &again[1..]).unwrap();
        assert!(registrar.handle_timeout(at(109)).is_empty());
        assert!(registrar.handle_timeout(at(111)).len() <= 1);
        assert_eq!(registrar.handle_timeout(at(141)).len() + registrar.of("a").len(), 1);
    }

    #[test]
    fn an_overtaken_register_changes_nothing() {
        let mut registrar = Registrar::default();
        let both = [change("sip:a@192.0.2.9", 60), change("sip:b@192.0.2.9", 60)];
        registrar.update(at(0), "a", &update("c", 5, None), &both).unwrap();
        let older = [change("sip:c@192.0.2.9", 60), change("sip:a@192.0.2.9", 0)];
        let refused = registrar.update(at(1), "a", &update("c", 4, None), &older);
        assert_eq!(refused, Err(Refused::OutOfOrder));
        assert_eq!(registrar.clear("a", &update("c", 5, None)), Err(Refused::OutOfOrder));
        assert_eq!(registrar.of("a").len(), 2);
        registrar.clear("a", &update("c", 6, None)).unwrap();
        assert_eq!((registrar.len(), registrar.deadlines.len()), (0, 0));
    }

    #[test]
    fn the_eleventh_contact_is_refused() {
        let mut registrar = Registrar::default();
        for i in 0..CONTACTS_PER_USER_MAX as u32 {
            let one = [change(&format!("sip:a@192.0.2.{i}"), 60)];
            registrar.update(at(0), "a", &update("c", i, None), &one).unwrap();
        }
        let more = [change("sip:a@192.0.2.99", 60)];
        let refused = registrar.update(at(0), "a", &update("c", 99, None), &more);
        assert_eq!(refused, Err(Refused::TooMany));
    }

    #[test]
    fn a_closed_connection_takes_its_bindings_along() {
        let mut registrar = Registrar::default();
        let (tcp, udp) = ([change("sip:a@192.0.2.9", 60)], [change("sip:a@192.0.2.8", 60)]);
        registrar.update(at(0), "a", &update("c", 1, Some(7)), &tcp).unwrap();
        registrar.update(at(0), "b", &update("c", 1, Some(7)), &tcp).unwrap();
        registrar.update(at(0), "b", &update("d", 1, None), &udp).unwrap();
        assert_eq!(registrar.closed(ConnectionId(7)), ["a"]);
        assert_eq!((registrar.of("b").len(), registrar.len()), (1, 1));
        assert!(registrar.closed(ConnectionId(7)).is_empty());
        assert!(registrar.connections.is_empty());
    }
}
