//! Who may call whom: a source, a proof of identity and a dialled number become an admission or a refusal.
//!
//! Strangers learn nothing: whoever is neither a trunk nor a proven agent is challenged, whatever was dialled.

use crate::config::{Config, FeatureCode, Number, Trunk};
use dozvon_center::ids::AgentId;
use dozvon_center::talk::Destination;
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
    /// An agent gives his talk the code with this short number.
    WrapUpCode { agent: AgentId, dial: String },
    /// An agent's phone calls a colleague, a queue, or a number outside.
    Own { agent: AgentId, to: Destination },
    /// Ask who it is.
    Challenge,
    /// Refuse with this status and sentence; the word is for the metrics.
    Refuse { status: u16, sentence: String, word: &'static str },
}

/// Who sends an INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who<'c> {
    /// An agent, proved by his password.
    Agent(AgentId),
    /// This trunk, by its network.
    Trunk(&'c Trunk),
    /// Nobody yet: to be asked.
    Unknown,
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
        let trunk = match self.who(config, source, from_user, authenticated) {
            Who::Agent(agent) => return self.dialled_by(config, agent, dialled),
            Who::Trunk(trunk) => trunk,
            Who::Unknown => return Admission::Challenge,
        };
        if !trunk.may_dial.is_empty() && !trunk.may_dial.iter().any(|number| number == dialled) {
            let sentence = format!("trunk {} may not dial {dialled}", trunk.name);
            return Admission::Refuse { status: 403, sentence, word: "forbidden" };
        }
        number(config, dialled, None)
    }

    /// Who sends an INVITE. Who says to be an agent has to prove it, also inside a trusted network.
    pub(crate) fn who<'c>(
        &self,
        config: &'c Config,
        source: IpAddr,
        from_user: &str,
        authenticated: Option<&str>,
    ) -> Who<'c> {
        if let Some(agent) = authenticated.and_then(|user| self.agent(user)) {
            return Who::Agent(agent);
        }
        if self.agents.contains_key(from_user) {
            return Who::Unknown;
        }
        let trunk = config.trunks.iter().find(|t| t.networks.iter().any(|n| n.contains(source)));
        trunk.map_or(Who::Unknown, Who::Trunk)
    }

    fn dialled_by(&self, config: &Config, agent: AgentId, dialled: &str) -> Admission {
        if let Some(code) = config.feature_codes.get(dialled) {
            return match code {
                FeatureCode::WrapUpCode => Admission::WrapUpCode { agent, dial: String::new() },
                FeatureCode::Status(_) | FeatureCode::LogOut => {
                    Admission::Code { agent, code: *code }
                }
            };
        }
        if let Some(dial) = code_dialled(config, dialled) {
            return Admission::WrapUpCode { agent, dial };
        }
        let known = matches!(config.numbers.get(dialled), Some(Number::Flow(_) | Number::Echo));
        if known && config.agents[agent.0 as usize].may_call {
            return number(config, dialled, Some(agent));
        }
        match self.destination(config, agent, dialled) {
            Ok(to) => Admission::Own { agent, to },
            Err(sentence) if known || self.may_go_out(config, agent) => {
                Admission::Refuse { status: 403, sentence, word: "forbidden" }
            }
            Err(_) => number(config, dialled, Some(agent)),
        }
    }

    /// Where an agent may send a call to: a colleague, the number of a queue, or any number outside when his phone may
    /// call numbers and there is a trunk for it.
    ///
    /// # Errors
    /// The sentence for the phone.
    pub(crate) fn destination(
        &self,
        config: &Config,
        agent: AgentId,
        dialled: &str,
    ) -> Result<Destination, String> {
        if let Some(colleague) = self.agent(dialled) {
            return Ok(Destination::Agent(colleague));
        }
        match config.numbers.get(dialled) {
            Some(Number::Queue(queue)) => Ok(Destination::Queue(*queue)),
            Some(Number::Flow(_) | Number::Echo) => {
                Err(format!("{dialled} is a number for callers: use a colleague's or a queue's"))
            }
            None if self.may_go_out(config, agent) => Ok(Destination::Number(dialled.into())),
            None => {
                Err(format!("{} may not reach {dialled}", config.agents[agent.0 as usize].user))
            }
        }
    }

    fn may_go_out(&self, config: &Config, agent: AgentId) -> bool {
        let trunk = config.trunks.iter().any(|trunk| trunk.target.is_some());
        trunk && config.agents[agent.0 as usize].may_call
    }
}

/// The short number behind the feature code for codes of talks.
fn code_dialled(config: &Config, dialled: &str) -> Option<String> {
    let codes = config.feature_codes.iter();
    let mut prefixes = codes.filter(|(_, code)| **code == FeatureCode::WrapUpCode);
    let rest = prefixes.find_map(|(prefix, _)| dialled.strip_prefix(prefix.as_str()))?;
    rest.bytes().all(|byte| byte.is_ascii_digit()).then(|| rest.to_owned())
}

fn number(config: &Config, dialled: &str, agent: Option<AgentId>) -> Admission {
    match config.numbers.get(dialled) {
        Some(Number::Flow(flow)) => Admission::Flow { flow: flow.clone(), agent },
        Some(Number::Echo) => Admission::Echo,
        // The number of a queue is for agents: a caller's way there is a flow.
        Some(Number::Queue(_)) | None => {
            let known = config.numbers.iter().filter(|(_, n)| !matches!(n, Number::Queue(_)));
            let known: Vec<&str> =
                known.take(KNOWN_TOLD_MAX).map(|(number, _)| number.as_str()).collect();
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
    fn a_code_of_a_talk_is_dialled_behind_its_feature_code() {
        let coded = |dial: &str| Admission::WrapUpCode { agent: AgentId(0), dial: dial.to_owned() };
        assert_eq!(admit(STRANGER, "anna", Some("anna"), "*8011"), coded("11"));
        assert_eq!(admit(STRANGER, "anna", Some("anna"), "*80"), coded(""));
        assert_eq!(admit(TRUNK, "anna", None, "*8011"), Admission::Challenge);
        let Admission::Refuse { .. } = admit(TRUNK, "+77010000001", None, "*8011") else {
            panic!("callers have no feature codes")
        };
    }

    #[test]
    fn an_agent_reaches_colleagues_and_the_queues_numbers() {
        let boris = Admission::Own { agent: AgentId(0), to: Destination::Agent(AgentId(1)) };
        assert_eq!(admit(STRANGER, "anna", Some("anna"), "boris"), boris);
        let queue = Destination::Queue(dozvon_center::ids::QueueId(0));
        let own = Admission::Own { agent: AgentId(1), to: queue };
        assert_eq!(admit(STRANGER, "boris", Some("boris"), "800"), own);
        let Admission::Refuse { status: 404, .. } = admit(TRUNK, "+77010000001", None, "800")
        else {
            panic!("a caller's way to a queue is a flow")
        };
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
