//! The façade: owns the endpoint, the center and the lines between them.
//!
//! Methods are of four kinds: `handle` and `handle_timeout` take what happened; `desk`, `command`, `hang_up`, `drain`
//! and `end_all` are commands of people; `poll_*` give out; `snapshot` is a picture. After any method that takes `now`,
//! drain [`Switch::poll_output`] to `None`.

use crate::admit::Doors;
use crate::border::{
    BotOrder, CallCommand, CallRefusal, CallbackCommand, DeskCommand, Input, Note, Output,
    WatchCommand,
};
use crate::config::{Config, FeatureCode, Reload, Trunk};
use crate::guard::Guard;
use crate::line::{Kind, Line, Lines, Owner};
use crate::measures::Measures;
use crate::sound::Sound;
use dozvon_center::Center;
use dozvon_center::acd::StatusError;
use dozvon_center::border::{LegEvent, Output as CenterOutput};
use dozvon_center::callback::{Callback, CallbackError};
use dozvon_center::contact::{Ending, Fault};
use dozvon_center::ids::{AgentId, CallId, CallbackId, LegId};
use dozvon_center::opening::{Emergency, EmergencyError};
use dozvon_center::policy::Policy;
use dozvon_center::steering::{Memory, NoRollout, Steering};
use dozvon_center::supervise::WatchError;
use dozvon_clock::Timestamp;
use dozvon_media::order::{Order, SessionId};
use dozvon_media::ports::PortPool;
use dozvon_sip::endpoint::{DialogId, Endpoint, Network, Reason, Refusal};
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The switch. One owner, `&mut self`, no wait, no lock.
#[derive(Debug)]
pub struct Switch {
    pub(crate) config: Config,
    pub(crate) endpoint: Endpoint,
    pub(crate) center: Center,
    pub(crate) doors: Doors,
    pub(crate) lines: Lines,
    pub(crate) guard: Guard,
    pub(crate) ports: PortPool,
    /// Sessions that were told to close and have not said so: their port and call.
    pub(crate) closing: BTreeMap<SessionId, (u16, Option<CallId>)>,
    /// Lines on each media worker.
    pub(crate) load: Vec<usize>,
    /// News for the center that must wait until it has said everything it had to say.
    pub(crate) news: VecDeque<(LegId, LegEvent)>,
    pub(crate) outputs: VecDeque<Output>,
    pub(crate) draining: bool,
    /// Dialogs whose phones have asked for a transfer and want to hear of it, by the center's leg.
    pub(crate) referrals: BTreeMap<LegId, DialogId>,
    /// Agents' dialogs cancelled while they rang, until the phone has said how they ended.
    pub(crate) recalled: BTreeMap<DialogId, LegId>,
    /// Talks that are measured.
    pub(crate) measures: Measures,
    next_session: u64,
    next_service: u64,
}

impl Switch {
    /// A switch without calls.
    pub fn new(mut config: Config, policy: Arc<Policy>, now: Timestamp) -> Switch {
        assert!(config.workers > 0, "a switch needs a media worker");
        assert_eq!(
            config.agents.len(),
            policy.acd.agents.len(),
            "every agent of the policy has access data"
        );
        config.sip.trusted.extend(trusted(&config.trunks));
        let mut endpoint = Endpoint::new(config.sip.clone(), now);
        let accounts = config.agents.iter().map(|a| (a.user.clone(), a.ha1.clone())).collect();
        endpoint.set_accounts(accounts);
        Switch {
            endpoint,
            center: Center::new(policy, now),
            doors: Doors::new(&config),
            lines: Lines::default(),
            guard: Guard::new(config.limits, now),
            ports: PortPool::new(config.rtp_ports.clone(), config.rtp_port_cooldown),
            closing: BTreeMap::new(),
            load: vec![0; usize::from(config.workers)],
            news: VecDeque::new(),
            outputs: VecDeque::new(),
            draining: false,
            referrals: BTreeMap::new(),
            recalled: BTreeMap::new(),
            measures: Measures::default(),
            next_session: 0,
            next_service: 0,
            config,
        }
    }

    // ---- what happens ---------------------------------------------------------------------------------------------

    /// Takes one thing that happened.
    pub fn handle(&mut self, now: Timestamp, input: Input<'_>) {
        match input {
            Input::Sip(input) => self.endpoint.handle(now, input),
            Input::Media(report) => self.report(now, report),
            Input::Reply(id, reply) => self.center.looked_up(now, id, reply),
            Input::Bot(news) => self.bot_news(news),
            Input::Fork(news) => self.fork_news(now, news),
        }
        self.settle(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        self.endpoint.handle_timeout(now);
        self.settle(now);
        self.center.handle_timeout(now);
        self.settle(now);
    }

    /// When [`Switch::handle_timeout`] has something to do next.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        match (self.endpoint.poll_timeout(), self.center.poll_timeout()) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    /// The next thing for the roof to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    // ---- commands of people ---------------------------------------------------------------------------------------

    /// A command about an agent, from a screen or a program.
    pub fn desk(
        &mut self,
        now: Timestamp,
        agent: AgentId,
        command: DeskCommand,
    ) -> Result<(), StatusError> {
        if self.center.agent(agent).is_none() {
            return Err(StatusError::UnknownAgent);
        }
        let result = match command {
            DeskCommand::SetStatus { status, asker, epoch } => {
                self.center.set_status(now, agent, status, asker, epoch)
            }
            DeskCommand::LogOut { asker } => self.center.log_out(now, agent, asker),
            DeskCommand::WrapUp(command) => self.wrap_up(now, agent, &command),
        };
        self.settle(now);
        result
    }

    /// A command about a call, from a screen or a program.
    ///
    /// # Errors
    /// [`CallRefusal`]: nothing has changed then.
    pub fn command(&mut self, now: Timestamp, command: CallCommand) -> Result<(), CallRefusal> {
        let center = &mut self.center;
        let result = match command {
            CallCommand::Talk { call, command } => {
                center.talk(now, call, command).map_err(CallRefusal::Talk)
            }
            CallCommand::Retrieve { call, agent } => {
                center.retrieve(now, call, agent).map_err(CallRefusal::Talk)
            }
            CallCommand::Supervise { supervisor, command } => match command {
                WatchCommand::Watch { agent, mode } => center.watch(now, supervisor, agent, mode),
                WatchCommand::TakeOver => center.take_over(now, supervisor),
                WatchCommand::End if center.unwatch(now, supervisor) => Ok(()),
                WatchCommand::End => Err(WatchError::NotWatching),
            }
            .map_err(CallRefusal::Watch),
        };
        self.settle(now);
        result
    }

    /// Declares an emergency at a site, or calls it off.
    ///
    /// # Errors
    /// No such site, or no reason.
    pub fn set_emergency(
        &mut self,
        now: Timestamp,
        site: &str,
        on: bool,
        by: &str,
        reason: &str,
    ) -> Result<(), EmergencyError> {
        let result = self.center.set_emergency(now, site, on, by, reason);
        self.settle(now);
        result
    }

    /// Moves a rollout's share.
    ///
    /// # Errors
    /// No rollout has that name.
    pub fn steer(&mut self, now: Timestamp, steering: Steering) -> Result<(), NoRollout> {
        let result = self.center.steer(now, steering);
        self.settle(now);
        result
    }

    /// Learns what was known of an option's callers before the start.
    ///
    /// # Errors
    /// No rollout has that name.
    pub fn remember(&mut self, memory: Memory) -> Result<(), NoRollout> {
        self.center.remember(memory)
    }

    /// Goes over to another version of flows, prompts, numbers and rules. Running calls end in the flow that they began
    /// in, with the recordings of their prompts; of a prompt that was recorded anew they hear the new one.
    pub fn reload(&mut self, now: Timestamp, next: Reload) {
        let Reload { policy, numbers, bots, clips, version, by } = next;
        self.config.numbers = numbers;
        self.config.bots = bots;
        self.config.clips.extend(clips);
        self.center.reload(now, policy, &version, &by);
        self.settle(now);
    }

    /// These emergencies of the run before go on, where nobody has said otherwise since.
    pub fn restore_emergencies(&mut self, now: Timestamp, sites: BTreeMap<String, Emergency>) {
        self.center.restore_emergencies(now, sites);
        self.settle(now);
    }

    /// Ends a call. False when there is none of that id.
    pub fn hang_up(&mut self, now: Timestamp, call: CallId) -> bool {
        let known = self.center.hang_up(now, call, Ending::new(Fault::Nobody, "hung_up_by_api"));
        self.settle(now);
        known
    }

    /// A command about callbacks; answers which request it was about.
    ///
    /// # Errors
    /// [`CallbackError`]: nothing has changed then.
    pub fn callback(
        &mut self,
        now: Timestamp,
        command: CallbackCommand,
    ) -> Result<CallbackId, CallbackError> {
        let result = match command {
            CallbackCommand::Request(request) => self.center.request_callback(now, *request),
            CallbackCommand::Cancel(id) => self.center.cancel_callback(now, id).map(|()| id),
        };
        self.settle(now);
        result
    }

    /// Goes on with the requests that were open when the server stopped.
    pub fn restore_callbacks(&mut self, now: Timestamp, kept: Vec<Callback>) {
        self.center.restore_callbacks(now, kept);
        self.settle(now);
    }

    /// No new calls from now on, and nobody is called back: 503 with Retry-After. Running ones go on.
    pub fn drain(&mut self, now: Timestamp) {
        self.draining = true;
        self.endpoint.draining(true);
        self.center.rest_callbacks(now);
        self.settle(now);
    }

    /// Ends everything that still runs, with BYE.
    pub fn end_all(&mut self, now: Timestamp) {
        for call in self.center.call_ids() {
            self.center.hang_up(now, call, Ending::new(Fault::Ours, "drained"));
        }
        for owner in self.lines.services() {
            self.take_down(now, owner, None);
        }
        self.settle(now);
    }

    /// Whether nothing is going on any more: no call, no line, no session that has yet to close.
    pub fn is_idle(&self) -> bool {
        self.center.calls_active() == 0 && self.lines.len() == 0 && self.closing.is_empty()
    }

    // ---- the drain ------------------------------------------------------------------------------------------------

    /// Passes on what the endpoint and the center have to say until both are silent. Bounded: every event is caused by
    /// an input or a timer, and steps without either are bounded by the flow's step limit.
    pub(crate) fn settle(&mut self, now: Timestamp) {
        loop {
            if let Some(event) = self.endpoint.poll_event() {
                self.sip_event(now, event);
            } else if let Some(output) = self.center.poll_output() {
                match output {
                    CenterOutput::Leg(leg, command) => self.carry(now, leg, command),
                    CenterOutput::Contact(contact) => {
                        self.outputs.push_back(Output::Contact(contact))
                    }
                    CenterOutput::Fact(fact) => self.outputs.push_back(Output::Fact(fact)),
                    CenterOutput::Callback(callback) => {
                        self.outputs.push_back(Output::Callback(callback));
                    }
                    CenterOutput::Lookup(lookup) => self.outputs.push_back(Output::Lookup(lookup)),
                }
            } else if let Some((leg, event)) = self.news.pop_front() {
                self.center.leg(now, leg, event);
            } else if let Some(transmit) = self.endpoint.poll_transmit() {
                self.outputs.push_back(Output::Sip(transmit));
            } else {
                return;
            }
        }
    }

    // ---- lines ----------------------------------------------------------------------------------------------------

    /// Takes a port and opens a media session for a new line; `None` when there is no port.
    pub(crate) fn open_sound(
        &mut self,
        now: Timestamp,
        family: IpAddr,
        worker: u16,
    ) -> Option<Sound> {
        let (session, local) = self.new_session(now, family)?;
        let sound = Sound::new(session, worker, local, &self.config.codecs);
        self.load[usize::from(worker)] += 1;
        self.order(worker, sound.open());
        Some(sound)
    }

    fn new_session(&mut self, now: Timestamp, family: IpAddr) -> Option<(SessionId, SocketAddr)> {
        let address = self.media_address(family)?;
        let port = self.ports.take(now)?;
        self.next_session += 1;
        Some((SessionId(self.next_session), SocketAddr::new(address, port)))
    }

    /// Our address for the sound of a peer of this family.
    pub(crate) fn media_address(&self, family: IpAddr) -> Option<IpAddr> {
        if family.to_canonical().is_ipv4() {
            self.config.media_v4.or(self.config.media_v6)
        } else {
            self.config.media_v6.or(self.config.media_v4)
        }
    }

    /// Brings a line to another media worker, so that it can be heard with lines that live there: a new session, and a
    /// re-INVITE that tells its port. Without a free port the line stays where it is and hears nothing new.
    pub(crate) fn move_line(&mut self, now: Timestamp, owner: Owner, worker: u16) {
        let Some(line) = self.lines.get(owner) else { return };
        let (Some(dialog), call) = (line.up, line.call) else { return };
        let before = line.sound.clone();
        let Some((session, local)) = self.new_session(now, before.local.ip()) else {
            tracing::warn!("no free media port to bring a line to another worker");
            return;
        };
        let mut sound = before.moved(session, worker, local);
        let offer = sound.offer();
        self.load[usize::from(worker)] += 1;
        self.order(worker, sound.open());
        if let Some(before) = self.lines.rehome(owner, sound) {
            self.close_sound(&before, call);
        }
        self.endpoint.reoffer(now, dialog, &offer);
    }

    /// The media worker with the fewest lines.
    pub(crate) fn idlest_worker(&self) -> u16 {
        let workers = (0..).zip(&self.load);
        workers.min_by_key(|(_, load)| **load).map_or(0, |(worker, _)| worker)
    }

    /// Closes a session that has no line (yet, or any more).
    pub(crate) fn close_sound(&mut self, sound: &Sound, call: Option<CallId>) {
        self.measures.closed(sound.session);
        self.closing.insert(sound.session, (sound.local.port(), call));
        self.load[usize::from(sound.worker)] -= 1;
        self.order(sound.worker, Order::Close { session: sound.session });
    }

    /// Ends a line: BYE or CANCEL on its dialogs, its session closed, its place in the tables free.
    pub(crate) fn take_down(&mut self, now: Timestamp, owner: Owner, reason: Option<Reason>) {
        let Some(line) = self.lines.remove(owner) else { return };
        for dialog in &line.dialogs {
            if let (Kind::Agent, None, Owner::Leg(leg)) = (line.kind, line.up, owner) {
                self.recalled.insert(*dialog, leg);
            }
            self.endpoint.bye(now, *dialog, reason.clone());
        }
        self.forget(now, &line);
    }

    /// The rest of a line's end, when its dialogs are gone already.
    pub(crate) fn forget(&mut self, now: Timestamp, line: &Line) {
        self.close_sound(&line.sound, line.call);
        self.settle_line(now, line);
    }

    /// What a line's end means besides wire and sound.
    pub(crate) fn settle_line(&mut self, now: Timestamp, line: &Line) {
        if let Some(fork) = line.fork {
            self.take_down(now, Owner::Fork(fork), None);
        }
        match line.kind {
            Kind::Caller { agent: Some(agent) } => self.center.own_call(now, agent, false),
            Kind::Code { agent, due: Some(FeatureCode::WrapUpCode), .. } => {
                self.center.code_heard(now, agent);
            }
            Kind::Code { agent, due: Some(code), .. } => {
                self.feature(now, agent, code);
            }
            Kind::Stream { leg } => {
                self.outputs.push_back(Output::Bot(BotOrder::Close { leg }));
            }
            Kind::Fork { leg, fork } => self.fork_gone(leg, fork),
            Kind::Caller { agent: None }
            | Kind::Code { due: None, .. }
            | Kind::Agent
            | Kind::Bot
            | Kind::Outside
            | Kind::Own
            | Kind::Echo => {}
        }
    }

    pub(crate) fn order(&mut self, worker: u16, order: Order) {
        self.outputs.push_back(Output::Media { worker, order });
    }

    /// Gives an order about a line's session, if the line is there.
    pub(crate) fn order_line(&mut self, owner: Owner, order: impl FnOnce(SessionId) -> Order) {
        if let Some(line) = self.lines.get(owner) {
            let (worker, order) = (line.sound.worker, order(line.sound.session));
            self.order(worker, order);
        }
    }

    pub(crate) fn new_service(&mut self) -> Owner {
        self.next_service += 1;
        Owner::Service(self.next_service)
    }

    pub(crate) fn note(&mut self, note: Note) {
        self.outputs.push_back(Output::Note(note));
    }

    /// Refuses an INVITE with a sentence, and notes it.
    pub(crate) fn refuse(
        &mut self,
        now: Timestamp,
        dialog: DialogId,
        refusal: Refusal,
        reason: &'static str,
    ) {
        self.note(Note::Refused { status: refusal.status, reason });
        self.endpoint.refuse(now, dialog, refusal);
    }

    /// Tells the center about a leg, once it has said what it has to say.
    pub(crate) fn tell(&mut self, owner: Owner, event: LegEvent) {
        if let Owner::Leg(leg) = owner {
            self.news.push_back((leg, event));
        }
    }

    /// Promises of the switch about itself, for simulations.
    pub fn check_invariants(&self) {
        self.center.check_invariants();
        self.lines.check_invariants();
        self.measures.check_invariants(|session| self.lines.of_session(session).is_some());
        assert_eq!(
            self.ports.taken(),
            self.lines.len() + self.closing.len(),
            "every taken port has a session"
        );
    }
}

fn trusted(trunks: &[Trunk]) -> impl Iterator<Item = Network> {
    trunks.iter().flat_map(|trunk| trunk.networks.iter().copied())
}
