//! Who may call whom: a source, a proof of identity and a dialled number become an admission or a refusal.
//!
//! Strangers learn nothing: whoever is neither a trunk nor a proven agent is challenged, whatever was dialled.

use crate::config::{Config, FeatureCode, Number};
use dozvon_center::ids::AgentId;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

/// What to do with an INVITE.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Serve it with this flow; `agent` when an agent's phone calls.
    Flow { flow: Arc<str>, agent: Option<AgentId> },
    /// Send its sound back.
    Echo,
    /// An agent's feature code.
    Code { agent: AgentId, code: FeatureCode },
    /// Ask who it is.
    Challenge,
    /// Refuse with this status and sentence; the word is for the metrics.
    Refuse { status: u16, sentence: String, word: &'static str },
}

/// Users by name, made once.
#[derive(Debug)]
pub(crate) struct Doors {
    agents: BTreeMap<String, AgentId>,
}

impl Doors {
    pub(crate) fn new(config: &Config) -> Doors {
        let ids = (0..).map(AgentId);
        let agents = config.agents.iter().map(|agent| agent.user.clone()).zip(ids).collect();
        Doors { agents }
    }

    /// The agent with this user name.
    pub(crate) fn agent(&self, user: &str) -> Option<AgentId> {
        self.agents.get(user).copied()
    }

    /// Decides on an INVITE to `dialled` from `source`, whose From names `from_user` and whose digest proved
    /// `authenticated`.
    pub(crate) fn admit(
        &self,
        config: &Config,
        source: IpAddr,
        from_user: &str,
        authenticated: Option<&str>,
        dialled: &str,
    ) -> Admission {
        if let Some(agent) = authenticated.and_then(|user| self.agent(user)) {
            return from_agent(config, agent, dialled);
        }
        // Who says to be an agent has to prove it, also inside a trusted network.
        if self.agents.contains_key(from_user) {
            return Admission::Challenge;
        }
        let trunk = config.trunks.iter().find(|t| t.networks.iter().any(|n| n.contains(source)));
        let Some(trunk) = trunk else { return Admission::Challenge };
        if !trunk.may_dial.is_empty() && !trunk.may_dial.iter().any(|number| number == dialled) {
            let sentence = format!("trunk {} may not dial {dialled}", trunk.name);
            return Admission::Refuse { status: 403, sentence, word: "forbidden" };
        }
        number(config, dialled, None)
    }
}

fn from_agent(config: &Config, agent: AgentId, dialled: &str) -> Admission {
    if let Some(code) = config.feature_codes.get(dialled) {
        return Admission::Code { agent, code: *code };
    }
    let access = &config.agents[agent.0 as usize];
    if !access.may_call {
        let sentence = format!("{} may dial feature codes only", access.user);
        return Admission::Refuse { status: 403, sentence, word: "forbidden" };
    }
    number(config, dialled, Some(agent))
}

fn number(config: &Config, dialled: &str, agent: Option<AgentId>) -> Admission {
    match config.numbers.get(dialled) {
        Some(Number::Flow(flow)) => Admission::Flow { flow: flow.clone(), agent },
        Some(Number::Echo) => Admission::Echo,
        None => {
            let known: Vec<&str> =
                config.numbers.keys().take(KNOWN_TOLD_MAX).map(String::as_str).collect();
            let sentence = format!("no number {dialled} here; known: {}", known.join(", "));
            Admission::Refuse { status: 404, sentence, word: "unknown_number" }
        }
    }
}

/// How many known numbers a 404 lists at the most.
const KNOWN_TOLD_MAX: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;
    use dozvon_center::acd::Status;

    const TRUNK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 7));
    const STRANGER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 9));

    fn admit(source: IpAddr, from: &str, proved: Option<&str>, dialled: &str) -> Admission {
        let config = config();
        Doors::new(&config).admit(&config, source, from, proved, dialled)
    }

    #[test]
    fn a_trunk_reaches_the_numbers_and_is_told_which_there_are() {
        let bank = Admission::Flow { flow: "bank".into(), agent: None };
        assert_eq!(admit(TRUNK, "+77010000001", None, "100"), bank);
        assert_eq!(admit(TRUNK, "+77010000001", None, "101"), Admission::Echo);
        let Admission::Refuse { status: 404, sentence, .. } = admit(TRUNK, "+7701", None, "777")
        else {
            panic!("an unknown number is refused")
        };
        assert_eq!(sentence, "no number 777 here; known: 100, 101");
    }

    #[test]
    fn a_stranger_is_challenged_whatever_was_dialled() {
        for dialled in ["100", "777", "*1"] {
            assert_eq!(admit(STRANGER, "mallory", None, dialled), Admission::Challenge);
        }
    }

    #[test]
    fn an_agent_has_to_prove_it_even_from_a_trusted_network() {
        assert_eq!(admit(TRUNK, "anna", None, "*1"), Admission::Challenge);
        let ready = Admission::Code { agent: AgentId(0), code: FeatureCode::Status(Status::Ready) };
        assert_eq!(admit(STRANGER, "anna", Some("anna"), "*1"), ready);
    }

    #[test]
    fn only_agents_who_may_call_reach_numbers() {
        let bank = Admission::Flow { flow: "bank".into(), agent: Some(AgentId(0)) };
        assert_eq!(admit(STRANGER, "anna", Some("anna"), "100"), bank);
        let Admission::Refuse { status, .. } = admit(STRANGER, "boris", Some("boris"), "100")
        else {
            panic!("boris may not call")
        };
        assert_eq!(status, 403);
    }
}
