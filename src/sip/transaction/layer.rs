//! The transaction layer: all machines with their bytes, timers and keys. RFC 3261 §17.
//!
//! It carries out what the machines say: puts bytes on paths, keeps Table 4's timers, and tells its user what comes
//! through. `O` is whatever the user wants to be reminded of; the layer never looks into it.

use super::client::{self, Client};
use super::invite_client::{self, InviteClient};
use super::invite_server::{self, InviteServer};
use super::key::{ClientKey, MergeKey, ServerKey};
use super::server::{self, Server};
use super::timers::Timer;
use super::{Class, Output};
use crate::endpoint::{ConnectionId, Path, Transmit};
use crate::message::{CSeq, HeaderName, Message, MessageWriter, Method};
use dozvon_clock::{Deadlines, Timestamp};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::SocketAddr;

/// A transaction of this layer; numbers are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxId(u64);

/// What a transaction's user is told without having asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News<O> {
    /// Nothing came in time: no response to our request.
    TimedOut(TxId, O),
    /// The transport failed under our request.
    TransportFailed(TxId, O),
    /// The transport failed under a response of ours.
    ResponseFailed(TxId, O),
}

/// What a received request turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received<O> {
    /// No transaction knows it.
    New,
    /// A retransmission, or the ACK of a refusal: dealt with.
    Absorbed,
    /// An ACK for a 2xx that matches the INVITE's own transaction (RFC 2543 peers).
    Ack(O),
}

/// Where the peer of a transaction is, for finding what a failed way takes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Over this connection.
    Connection(ConnectionId),
    /// At this address.
    Address(SocketAddr),
}

impl Way {
    /// The way of a path.
    pub fn of(path: &Path) -> Way {
        path.connection.map_or(Way::Address(path.remote), Way::Connection)
    }
}

#[derive(Debug)]
enum Machine {
    InviteClient(InviteClient),
    Client(Client),
    InviteServer(InviteServer),
    Server(Server),
}

#[derive(Debug)]
enum Key {
    Client(ClientKey),
    Server(ServerKey, Option<MergeKey>),
}

#[derive(Debug)]
struct Entry<O> {
    machine: Machine,
    key: Key,
    path: Path,
    owner: O,
    /// The request of a client, the last response of a server.
    bytes: Vec<u8>,
    /// The ACK of a refused INVITE of ours.
    ack: Vec<u8>,
}

/// The layer.
#[derive(Debug)]
pub struct Layer<O> {
    entries: BTreeMap<TxId, Entry<O>>,
    clients: BTreeMap<ClientKey, TxId>,
    servers: BTreeMap<ServerKey, TxId>,
    merges: BTreeMap<MergeKey, TxId>,
    ways: BTreeSet<(Way, TxId)>,
    deadlines: Deadlines<(TxId, Timer)>,
    next: u64,
    transmits: VecDeque<Transmit>,
    news: VecDeque<News<O>>,
}

impl<O: Clone> Default for Layer<O> {
    fn default() -> Self {
        Layer {
            entries: BTreeMap::new(),
            clients: BTreeMap::new(),
            servers: BTreeMap::new(),
            merges: BTreeMap::new(),
            ways: BTreeSet::new(),
            deadlines: Deadlines::new(),
            next: 1,
            transmits: VecDeque::new(),
            news: VecDeque::new(),
        }
    }
}

impl<O: Clone> Layer<O> {
    /// How many transactions there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether every table of the layer is empty, not only the one that is counted.
    #[cfg(test)]
    pub(crate) fn is_clear(&self) -> bool {
        let keys = self.clients.len() + self.servers.len() + self.merges.len();
        self.entries.is_empty() && keys + self.ways.len() + self.deadlines.len() == 0
    }

    /// When the next timer is due.
    pub fn poll_timeout(&self) -> Option<Timestamp> {
        self.deadlines.next()
    }

    /// What must go on the wire.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// What the user must hear.
    pub fn poll_news(&mut self) -> Option<News<O>> {
        self.news.pop_front()
    }

    /// Starts a client transaction: the request goes out now. `key.method` decides the machine.
    pub fn request(
        &mut self,
        now: Timestamp,
        path: Path,
        key: ClientKey,
        bytes: Vec<u8>,
        owner: O,
    ) -> TxId {
        let reliable = path.protocol.reliable();
        let (machine, outputs) = if key.method == "INVITE" {
            let (machine, outputs) = InviteClient::new(reliable);
            (Machine::InviteClient(machine), outputs)
        } else {
            let (machine, outputs) = Client::new(reliable);
            (Machine::Client(machine), outputs)
        };
        let id = self.insert(machine, Key::Client(key.clone()), path, owner, bytes);
        let older = self.clients.insert(key, id);
        assert!(older.is_none(), "a branch of ours is used once per method");
        self.carry_out(now, id, outputs, None);
        id
    }

    /// Opens a server transaction for a request that [`Layer::receive`] called new.
    pub fn open(
        &mut self,
        key: ServerKey,
        merge: Option<MergeKey>,
        path: Path,
        invite: bool,
        owner: O,
    ) -> TxId {
        let reliable = path.protocol.reliable();
        let machine = if invite {
            Machine::InviteServer(InviteServer::new(reliable))
        } else {
            Machine::Server(Server::new(reliable))
        };
        let id = self.insert(machine, Key::Server(key.clone(), merge.clone()), path, owner, vec![]);
        let older = self.servers.insert(key, id);
        assert!(older.is_none(), "only new requests open a transaction");
        if let Some(merge) = merge {
            self.merges.insert(merge, id);
        }
        id
    }

    fn insert(&mut self, machine: Machine, key: Key, path: Path, owner: O, bytes: Vec<u8>) -> TxId {
        let id = TxId(self.next);
        self.next += 1;
        self.ways.insert((Way::of(&path), id));
        self.entries.insert(id, Entry { machine, key, path, owner, bytes, ack: Vec::new() });
        id
    }

    /// Gives a received request to the transaction it belongs to, if there is one.
    pub fn receive(&mut self, now: Timestamp, key: &ServerKey, is_ack: bool) -> Received<O> {
        let Some(&id) = self.servers.get(key) else { return Received::New };
        let entry = self.entries.get_mut(&id).expect("keys lead to entries");
        let owner = entry.owner.clone();
        let outputs = match &mut entry.machine {
            Machine::InviteServer(machine) if is_ack => machine.handle(invite_server::Input::Ack),
            Machine::InviteServer(machine) => machine.handle(invite_server::Input::Invite),
            Machine::Server(machine) => machine.handle(server::Input::Request),
            Machine::InviteClient(_) | Machine::Client(_) => {
                unreachable!("server keys lead to server machines")
            }
        };
        if self.carry_out(now, id, outputs, None) {
            Received::Ack(owner)
        } else {
            Received::Absorbed
        }
    }

    /// Whether an open transaction has the same request that came another way (§8.2.2.2).
    pub fn is_merged(&self, merge: &MergeKey) -> bool {
        self.merges.contains_key(merge)
    }

    /// The INVITE transaction of that key: its owner, and whether the final response is still due.
    pub fn find_invite(&self, key: &ServerKey) -> Option<(TxId, O, bool)> {
        let id = *self.servers.get(key)?;
        let entry = &self.entries[&id];
        match &entry.machine {
            Machine::InviteServer(machine) => {
                let pending = machine.state() == invite_server::State::Proceeding;
                Some((id, entry.owner.clone(), pending))
            }
            Machine::Server(_) | Machine::InviteClient(_) | Machine::Client(_) => None,
        }
    }

    /// Makes an INVITE server transaction answer only when asked, see [`InviteServer::hush`].
    pub fn hush(&mut self, id: TxId) {
        if let Some(Entry { machine: Machine::InviteServer(machine), .. }) =
            self.entries.get_mut(&id)
        {
            machine.hush();
        }
    }

    /// Sends a response in a server transaction. Nothing happens when it is over.
    pub fn respond(&mut self, now: Timestamp, id: TxId, status: u16, bytes: Vec<u8>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.bytes = bytes;
        let class = Class::of(status);
        let outputs = match &mut entry.machine {
            Machine::InviteServer(machine) => machine.handle(invite_server::Input::Respond(class)),
            Machine::Server(machine) => machine.handle(server::Input::Respond(class)),
            Machine::InviteClient(_) | Machine::Client(_) => return,
        };
        self.carry_out(now, id, outputs, None);
    }

    /// Gives a received response to its transaction. Returns the owner when it is to be looked at.
    pub fn response(
        &mut self,
        now: Timestamp,
        key: &ClientKey,
        message: &Message<'_>,
    ) -> Option<(TxId, O)> {
        let id = *self.clients.get(key)?;
        let class = Class::of(message.status()?);
        let entry = self.entries.get_mut(&id).expect("keys lead to entries");
        let owner = entry.owner.clone();
        let outputs = match &mut entry.machine {
            Machine::InviteClient(machine) => machine.handle(invite_client::Input::Response(class)),
            Machine::Client(machine) => machine.handle(client::Input::Response(class)),
            Machine::InviteServer(_) | Machine::Server(_) => {
                unreachable!("client keys lead to client machines")
            }
        };
        self.carry_out(now, id, outputs, Some(message)).then_some((id, owner))
    }

    /// The request of a client transaction that still lives.
    pub fn sent(&self, id: TxId) -> Option<&[u8]> {
        self.entries.get(&id).map(|entry| entry.bytes.as_slice())
    }

    /// The path of a transaction that still lives.
    pub fn path(&self, id: TxId) -> Option<Path> {
        self.entries.get(&id).map(|entry| entry.path)
    }

    /// Whether a client transaction has had its final response, or is over.
    pub fn is_settled(&self, id: TxId) -> bool {
        match self.entries.get(&id).map(|entry| &entry.machine) {
            None | Some(Machine::InviteServer(_) | Machine::Server(_)) => true,
            Some(Machine::InviteClient(machine)) => !matches!(
                machine.state(),
                invite_client::State::Calling { .. } | invite_client::State::Proceeding
            ),
            Some(Machine::Client(machine)) => {
                !matches!(machine.state(), client::State::Trying { .. } | client::State::Proceeding)
            }
        }
    }

    /// Forgets a transaction before its time.
    pub fn forget(&mut self, id: TxId) {
        let Some(entry) = self.entries.remove(&id) else { return };
        self.ways.remove(&(Way::of(&entry.path), id));
        let timers: &[Timer] = match entry.machine {
            Machine::InviteClient(_) => &[Timer::A, Timer::B, Timer::D, Timer::M],
            Machine::Client(_) => &[Timer::E, Timer::F, Timer::K],
            Machine::InviteServer(_) => &[Timer::G, Timer::H, Timer::I, Timer::L],
            Machine::Server(_) => &[Timer::J],
        };
        for timer in timers {
            self.deadlines.cancel(&(id, *timer));
        }
        match entry.key {
            Key::Client(key) => {
                self.clients.remove(&key);
            }
            Key::Server(key, merge) => {
                self.servers.remove(&key);
                if let Some(merge) = merge.filter(|merge| self.merges.get(merge) == Some(&id)) {
                    self.merges.remove(&merge);
                }
            }
        }
    }

    /// Fires the timers that are due.
    pub fn handle_timeout(&mut self, now: Timestamp) {
        while let Some((_, (id, timer))) = self.deadlines.pop_expired(now) {
            let entry = self.entries.get_mut(&id).expect("a forgotten transaction has no timers");
            let outputs = match &mut entry.machine {
                Machine::InviteClient(m) => m.handle(invite_client::Input::Timer(timer)),
                Machine::Client(m) => m.handle(client::Input::Timer(timer)),
                Machine::InviteServer(m) => m.handle(invite_server::Input::Timer(timer)),
                Machine::Server(m) => m.handle(server::Input::Timer(timer)),
            };
            self.carry_out(now, id, outputs, None);
        }
    }

    /// A way failed: all transactions over it learn it.
    pub fn fail(&mut self, now: Timestamp, way: Way) {
        let from = (way, TxId(0));
        let to = (way, TxId(u64::MAX));
        let ids: Vec<TxId> = self.ways.range(from..=to).map(|(_, id)| *id).collect();
        for id in ids {
            let entry = self.entries.get_mut(&id).expect("ways lead to entries");
            let outputs = match &mut entry.machine {
                Machine::InviteClient(m) => m.handle(invite_client::Input::TransportError),
                Machine::Client(m) => m.handle(client::Input::TransportError),
                Machine::InviteServer(m) => m.handle(invite_server::Input::TransportError),
                Machine::Server(m) => m.handle(server::Input::TransportError),
            };
            self.carry_out(now, id, outputs, None);
            self.lose_connection(id);
        }
    }

    /// What a transaction sends after its connection went asks the roof for a new one.
    fn lose_connection(&mut self, id: TxId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if entry.path.connection.is_some() {
            self.ways.remove(&(Way::of(&entry.path), id));
            entry.path.connection = None;
            self.ways.insert((Way::of(&entry.path), id));
        }
    }

    /// Does what a machine said. Returns whether the message in hand is for the user.
    fn carry_out(
        &mut self,
        now: Timestamp,
        id: TxId,
        outputs: Vec<Output>,
        response: Option<&Message<'_>>,
    ) -> bool {
        let mut passed = false;
        for output in outputs {
            let entry = self.entries.get_mut(&id).expect("Terminated is the last output");
            let owner = || entry.owner.clone();
            match output {
                Output::SendRequest | Output::SendResponse => {
                    // Before the first response there is nothing to repeat.
                    if !entry.bytes.is_empty() {
                        let transmit = Transmit { path: entry.path, bytes: entry.bytes.clone() };
                        self.transmits.push_back(transmit);
                    }
                }
                Output::SendAck => {
                    if entry.ack.is_empty() {
                        let refusal = response.expect("an ACK answers a response in hand");
                        entry.ack = ack_for_refusal(&entry.bytes, refusal);
                    }
                    let bytes = entry.ack.clone();
                    self.transmits.push_back(Transmit { path: entry.path, bytes });
                }
                Output::PassUp => passed = true,
                Output::TimedOut => {
                    if let Machine::InviteClient(_) | Machine::Client(_) = entry.machine {
                        self.news.push_back(News::TimedOut(id, owner()));
                    }
                }
                Output::TransportFailed => self.news.push_back(match entry.machine {
                    Machine::InviteClient(_) | Machine::Client(_) => {
                        News::TransportFailed(id, owner())
                    }
                    Machine::InviteServer(_) | Machine::Server(_) => {
                        News::ResponseFailed(id, owner())
                    }
                }),
                Output::Start(timer, after) => self.deadlines.set((id, timer), now + after),
                Output::Stop(timer) => {
                    self.deadlines.cancel(&(id, timer));
                }
                Output::Terminated => self.forget(id),
            }
        }
        passed
    }
}

/// The ACK of §17.1.1.3: the INVITE's own Via, Route and CSeq number, with the To of the response.
fn ack_for_refusal(invite: &[u8], refusal: &Message<'_>) -> Vec<u8> {
    let to = refusal.value(HeaderName::To);
    hop_by_hop(invite, Method::Ack, to).finish()
}

/// A request that follows an INVITE on its own branch: ACK for a refusal, or CANCEL (§9.1).
pub(crate) fn hop_by_hop(invite: &[u8], method: Method<'_>, to: Option<&[u8]>) -> MessageWriter {
    let invite = Message::parse(invite).expect("we wrote this INVITE");
    let uri = invite.uri().expect("we wrote this INVITE");
    let number = invite.cseq().expect("we wrote this INVITE").number;
    let value = |name| invite.value(name).expect("we wrote this INVITE");
    MessageWriter::request(method, uri.as_str())
        .copy(HeaderName::Via, value(HeaderName::Via))
        .copy_all(&invite, HeaderName::Route)
        .header(HeaderName::MaxForwards, 70)
        .copy(HeaderName::From, value(HeaderName::From))
        .copy(HeaderName::To, to.unwrap_or(value(HeaderName::To)))
        .copy(HeaderName::CallId, value(HeaderName::CallId))
        .cseq(CSeq { number, method })
}
