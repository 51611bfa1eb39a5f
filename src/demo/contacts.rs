//! One line for each contact that ends, made from the facts as they pass.

use crate::server::events::Directory;
use crate::server::telemetry::Masked;
use dozvon_center::fact::{Fact, What};
use dozvon_center::ids::CallId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is known of a running contact.
#[derive(Clone, Debug, Default)]
struct Contact {
    caller: String,
    dialled: String,
    way: Vec<String>,
}

/// The running contacts.
#[derive(Debug)]
pub(super) struct Contacts {
    directory: Arc<Directory>,
    running: BTreeMap<CallId, Contact>,
    /// Contacts that have been answered by us.
    pub(super) answered: u64,
}

impl Contacts {
    /// None yet.
    pub(super) fn new(directory: Arc<Directory>) -> Contacts {
        Contacts { directory, running: BTreeMap::new(), answered: 0 }
    }

    /// Takes a fact; gives the line when it ends a contact.
    pub(super) fn fact(&mut self, fact: &Fact) -> Option<String> {
        let call = fact.call?;
        if let What::CallStarted { dialled, caller, .. } = &fact.what {
            let contact =
                Contact { caller: caller.clone(), dialled: dialled.clone(), way: Vec::new() };
            self.running.insert(call, contact);
            return None;
        }
        let directory = self.directory.clone();
        let contact = self.running.get_mut(&call)?;
        let mut step = |text: String| contact.way.push(text);
        if let What::CallAnswered = &fact.what {
            self.answered += 1;
        } else if let What::OperatorRequested { .. } = &fact.what {
            step("asked for a person".into());
        } else if let What::BotEnded { bot, end, talk_secs, .. } = &fact.what {
            step(format!("bot {bot} {talk_secs:.0} s ({end})"));
        } else if let What::Connected { queue, agent, waited_secs } = &fact.what {
            let name = directory.agent(*agent).map_or("?", |a| &a.name);
            step(format!("{queue} waited {waited_secs:.0} s, talked to {name}"));
        } else if let What::TalkEnded { talk_secs, .. } = &fact.what {
            step(format!("{talk_secs:.0} s"));
        } else if let What::CallEnded { ending, duration_secs, .. } = &fact.what {
            let contact = self.running.remove(&call)?;
            let way = if contact.way.is_empty() {
                String::new()
            } else {
                format!(" · {}", contact.way.join(", "))
            };
            return Some(format!(
                "{:<14} → {}{way} · {} ({duration_secs:.0} s)",
                Masked(&contact.caller).to_string(),
                contact.dialled,
                ending.reason
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dozvon_center::contact::{Ending, Fault};
    use dozvon_clock::Timestamp;

    #[test]
    fn a_contact_is_one_line_with_a_masked_number() {
        let mut contacts = Contacts::new(Arc::new(Directory::default()));
        let fact = |what| Fact { at: Timestamp::from_secs(1), call: Some(CallId(1)), what };
        let started = What::CallStarted {
            flow: "f".into(),
            dialled: "100".into(),
            caller: "+77011230001".into(),
        };
        assert_eq!(contacts.fact(&fact(started)), None);
        assert_eq!(contacts.fact(&fact(What::CallAnswered)), None);
        let ending = Ending::new(Fault::Caller, "hung_up");
        let ended = What::CallEnded { flow: "f".into(), ending, duration_secs: 4.0 };
        let line = contacts.fact(&fact(ended)).unwrap();
        assert!(line.contains("→ 100 · hung_up (4 s)") && !line.contains("7701123"), "{line}");
        assert_eq!(contacts.answered, 1);
    }
}
