//! TCP connections for SIP (RFC 3261 §18.3, keep-alives of RFC 5626 §4.4.1): framed, bounded, with absolute deadlines.
//!
//! One task per connection reads and writes. The brain holds the other end of each bounded write queue and never waits.

use super::limits::{
    CONNECT_WITHIN, CONNECTING_MAX, CONNECTIONS_PER_SOURCE_MAX, LAST_WORD_WITHIN, MESSAGE_WITHIN,
    WRITE_WITHIN, WRITES_MAX,
};
use super::{NetStats, News};
use dozvon_sip::endpoint::{ConnectionId, Path, Protocol};
use dozvon_sip::message::{Frame, FrameError, Framer};
use socket2::{Domain, Socket, Type};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

/// Connections waiting to be accepted; the system refuses more.
const BACKLOG: i32 = 1024;

/// Binds a TCP listener.
pub(super) fn bind(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let socket =
        Socket::new(Domain::for_address(address), Type::STREAM, Some(socket2::Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Connections of an earlier process that linger in TIME-WAIT must not keep us from starting.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// What all tasks of this file share.
#[derive(Clone, Debug)]
struct Common {
    inbox: mpsc::Sender<News>,
    stats: Arc<NetStats>,
    next: Arc<AtomicU64>,
    sources: Arc<Mutex<BTreeMap<IpAddr, usize>>>,
    connecting: Arc<AtomicUsize>,
    connections_max: usize,
    idle: Duration,
    message_within: Duration,
}

/// A place among the bounded connections, given back when dropped.
struct Place {
    source: IpAddr,
    common: Common,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sources = self.common.sources.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = sources.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                sources.remove(&self.source);
            }
        }
        self.common.stats.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Common {
    fn id(&self) -> ConnectionId {
        ConnectionId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// A place for one more connection from `source`, if the bounds allow it.
    fn place(&self, source: IpAddr) -> Option<Place> {
        let mut sources = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.stats.connections.load(Ordering::Relaxed);
        let here = sources.get(&source).copied().unwrap_or(0);
        if all >= self.connections_max as u64 || here >= CONNECTIONS_PER_SOURCE_MAX {
            self.stats.connections_refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        sources.insert(source, here + 1);
        self.stats.connections.fetch_add(1, Ordering::Relaxed);
        Some(Place { source, common: self.clone() })
    }
}

/// The table of connections, for whoever sends.
#[derive(Debug)]
pub(super) struct Streams {
    common: Common,
    writers: BTreeMap<ConnectionId, (SocketAddr, mpsc::Sender<Vec<u8>>)>,
    by_remote: BTreeMap<SocketAddr, ConnectionId>,
}

impl Streams {
    /// An empty table.
    pub(super) fn new(
        inbox: mpsc::Sender<News>,
        stats: Arc<NetStats>,
        connections_max: usize,
        idle: Duration,
    ) -> Self {
        let common = Common {
            inbox,
            stats,
            next: Arc::new(AtomicU64::new(1)),
            sources: Arc::default(),
            connecting: Arc::default(),
            connections_max,
            idle,
            message_within: MESSAGE_WITHIN,
        };
        Streams { common, writers: BTreeMap::new(), by_remote: BTreeMap::new() }
    }

    /// Accepts connections from now on.
    pub(super) fn serve(&self, listener: std::net::TcpListener) -> io::Result<()> {
        let listener = TcpListener::from_std(listener)?;
        tokio::spawn(accept(listener, self.common.clone()));
        Ok(())
    }

    /// Notes a connection that somebody made to us.
    pub(super) fn opened(&mut self, path: &Path, writer: mpsc::Sender<Vec<u8>>) {
        if let Some(connection) = path.connection {
            self.writers.insert(connection, (path.remote, writer));
            self.by_remote.insert(path.remote, connection);
        }
    }

    /// Forgets a connection.
    pub(super) fn closed(&mut self, connection: ConnectionId) {
        if let Some((remote, _)) = self.writers.remove(&connection)
            && self.by_remote.get(&remote) == Some(&connection)
        {
            self.by_remote.remove(&remote);
        }
    }

    /// Gives a message to its connection, or connects for it; `false` when it can't be delivered.
    pub(super) fn send(&mut self, path: &Path, bytes: Vec<u8>) -> bool {
        let known = path.connection.or_else(|| self.by_remote.get(&path.remote).copied());
        let Some(connection) = known else { return self.connect(path, bytes) };
        let Some((_, writer)) = self.writers.get(&connection) else {
            self.common.stats.unsent.fetch_add(1, Ordering::Relaxed);
            return path.connection.is_none() && self.connect(path, bytes);
        };
        if writer.try_send(bytes).is_err() {
            // Dropping the writer ends the task: the peer does not read, or is gone already.
            self.common.stats.unsent.fetch_add(1, Ordering::Relaxed);
            self.closed(connection);
            return false;
        }
        true
    }

    fn connect(&mut self, path: &Path, bytes: Vec<u8>) -> bool {
        let common = self.common.clone();
        if common.connecting.load(Ordering::Relaxed) >= CONNECTING_MAX {
            return false;
        }
        let Some(place) = common.place(path.remote.ip()) else { return false };
        let (writer, writes) = mpsc::channel(WRITES_MAX);
        // The queue is new and empty.
        let _ = writer.try_send(bytes);
        let connection = common.id();
        self.writers.insert(connection, (path.remote, writer));
        self.by_remote.insert(path.remote, connection);
        common.connecting.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(outgoing(common, place, *path, connection, writes));
        true
    }
}

async fn accept(listener: TcpListener, common: Common) {
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => {
                // Without a place the stream is dropped, and so closed.
                if let Some(place) = common.place(remote.ip()) {
                    tokio::spawn(incoming(stream, remote, common.clone(), place));
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a TCP connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        if common.inbox.is_closed() {
            return;
        }
    }
}

async fn incoming(stream: TcpStream, remote: SocketAddr, common: Common, place: Place) {
    let Ok(local) = stream.local_addr() else { return };
    let connection = common.id();
    let path = Path::tcp(connection, local, remote);
    let (writer, writes) = mpsc::channel(WRITES_MAX);
    if common.inbox.send(News::Opened { path, writer }).await.is_ok() {
        Connection::new(stream, path, &common).run(writes).await;
        let _ = common.inbox.send(News::Closed(connection)).await;
    }
    drop(place);
}

async fn outgoing(
    common: Common,
    place: Place,
    asked: Path,
    connection: ConnectionId,
    writes: mpsc::Receiver<Vec<u8>>,
) {
    let connected = timeout(CONNECT_WITHIN, TcpStream::connect(asked.remote)).await;
    common.connecting.fetch_sub(1, Ordering::Relaxed);
    match connected {
        Ok(Ok(stream)) => {
            let local = stream.local_addr().unwrap_or(asked.local);
            // Our listening port stays in the path: it is what others should connect to.
            let local = SocketAddr::new(local.ip(), asked.local.port());
            let path = Path {
                protocol: Protocol::Tcp,
                connection: Some(connection),
                local,
                remote: asked.remote,
            };
            Connection::new(stream, path, &common).run(writes).await;
        }
        Ok(Err(_)) | Err(_) => {
            let _ = common.inbox.send(News::Unreachable(asked)).await;
        }
    }
    let _ = common.inbox.send(News::Closed(connection)).await;
    drop(place);
}

/// Why a connection goes on or not.
enum Next {
    Stay,
    Close,
    /// The framing is lost: one answer may still go out.
    LastWord,
}

struct Connection {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    path: Path,
    inbox: mpsc::Sender<News>,
    idle: Duration,
    message_within: Duration,
    framer: Framer,
    tail: Tail,
    /// When the unfinished message began.
    began: Option<Instant>,
    heard: Instant,
}

impl Connection {
    fn new(stream: TcpStream, path: Path, common: &Common) -> Connection {
        // Messages are small and wanted at once.
        let _ = stream.set_nodelay(true);
        let (reader, writer) = stream.into_split();
        Connection {
            reader,
            writer,
            path,
            inbox: common.inbox.clone(),
            idle: common.idle,
            message_within: common.message_within,
            framer: Framer::new(),
            tail: Tail::default(),
            began: None,
            heard: Instant::now(),
        }
    }

    async fn run(mut self, mut writes: mpsc::Receiver<Vec<u8>>) {
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let deadline =
                self.began.map_or(self.heard + self.idle, |began| began + self.message_within);
            let next = tokio::select! {
                read = self.reader.read(&mut buffer) => match read {
                    Ok(0) | Err(_) => Next::Close,
                    Ok(length) => self.received(&buffer[..length]).await,
                },
                message = writes.recv() => match message {
                    Some(message) => self.write(&message).await,
                    None => Next::Close,
                },
                () = sleep_until(deadline) => Next::Close,
            };
            match next {
                Next::Stay => {}
                Next::Close => return,
                Next::LastWord => {
                    if let Ok(Some(message)) = timeout(LAST_WORD_WITHIN, writes.recv()).await {
                        self.write(&message).await;
                    }
                    return;
                }
            }
        }
    }

    async fn write(&mut self, message: &[u8]) -> Next {
        match timeout(WRITE_WITHIN, self.writer.write_all(message)).await {
            Ok(Ok(())) => Next::Stay,
            Ok(Err(_)) | Err(_) => Next::Close,
        }
    }

    async fn received(&mut self, bytes: &[u8]) -> Next {
        self.heard = Instant::now();
        self.tail.push(bytes);
        self.framer.push(bytes);
        loop {
            match self.framer.next_frame() {
                Ok(Some(Frame::Ping)) => {
                    if let Next::Close = self.write(b"\r\n").await {
                        return Next::Close;
                    }
                }
                Ok(Some(Frame::Message(message))) => {
                    self.tail.took(message.len());
                    self.began = None;
                    let news = News::Stream { path: self.path, bytes: message };
                    if self.inbox.send(news).await.is_err() {
                        return Next::Close;
                    }
                }
                Ok(None) => break,
                Err(error) => return self.lost(error).await,
            }
        }
        if self.framer.is_mid_message() {
            self.began.get_or_insert(self.heard);
        } else {
            self.began = None;
            self.tail.clear();
        }
        Next::Stay
    }

    /// The place of the next message is lost. A head that is whole is shown to the endpoint, which refuses it.
    async fn lost(&mut self, error: FrameError) -> Next {
        tracing::debug!(%error, peer = %self.path.remote, "the framing of a SIP connection is lost");
        match self.tail.head() {
            Some(head) if error == FrameError::ContentLength => {
                let news = News::Stream { path: self.path, bytes: head };
                if self.inbox.send(news).await.is_err() { Next::Close } else { Next::LastWord }
            }
            Some(_) | None => Next::Close,
        }
    }
}

/// The bytes since the last whole message: what an answer to a broken message is made from.
#[derive(Default)]
struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn took(&mut self, length: usize) {
        let blank = self.blank();
        self.bytes.drain(..(blank + length).min(self.bytes.len()));
    }

    fn clear(&mut self) {
        self.bytes.clear();
    }

    fn blank(&self) -> usize {
        self.bytes.iter().take_while(|b| matches!(b, b'\r' | b'\n')).count()
    }

    /// Start line and headers with the empty line, if they are whole.
    fn head(&self) -> Option<Vec<u8>> {
        let bytes = &self.bytes[self.blank()..];
        let end = bytes.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        Some(bytes[..end].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Bound, Network, tests::settings};
    use super::*;
    use dozvon_sip::endpoint::Transmit;

    const MESSAGE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";

    fn serve() -> (Network, mpsc::Receiver<News>, SocketAddr) {
        let bound = Bound::bind(&settings(&[], &["127.0.0.1:0"]), &[]).unwrap();
        let address = bound.locals()[0].address;
        let (inbox, news) = mpsc::channel(64);
        (bound.serve(inbox, &Arc::default()).unwrap(), news, address)
    }

    async fn connected(
        network: &mut Network,
        news: &mut mpsc::Receiver<News>,
        address: SocketAddr,
    ) -> (TcpStream, Path) {
        let stream = TcpStream::connect(address).await.unwrap();
        let opened = news.recv().await.unwrap();
        network.learn(&opened);
        let News::Opened { path, .. } = opened else { panic!("{opened:?}") };
        (stream, path)
    }

    async fn read(stream: &mut TcpStream) -> Vec<u8> {
        let mut buffer = [0; 256];
        let length = stream.read(&mut buffer).await.unwrap();
        buffer[..length].to_vec()
    }

    #[tokio::test]
    async fn messages_are_cut_pings_answered_and_answers_written() {
        let (mut network, mut news, address) = serve();
        let (mut stream, path) = connected(&mut network, &mut news, address).await;
        stream.write_all(&[MESSAGE, b"\r\n\r\n", &MESSAGE[..20]].concat()).await.unwrap();
        assert_eq!(read(&mut stream).await, b"\r\n");
        let Some(News::Stream { bytes, path: found }) = news.recv().await else { panic!() };
        assert_eq!((&bytes[..], found), (MESSAGE, path));
        stream.write_all(&MESSAGE[20..]).await.unwrap();
        assert!(matches!(news.recv().await, Some(News::Stream { bytes, .. }) if bytes == MESSAGE));
        network.send(Transmit { path, bytes: b"answer".to_vec() });
        assert_eq!(read(&mut stream).await, b"answer");
        drop(stream);
        assert!(matches!(news.recv().await, Some(News::Closed(id)) if Some(id) == path.connection));
    }

    #[tokio::test]
    async fn a_dripping_message_is_cut_off_at_the_absolute_deadline() {
        let listener = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let (inbox, mut news) = mpsc::channel(8);
        let mut streams = Streams::new(inbox, Arc::default(), 4, Duration::from_secs(60));
        streams.common.message_within = Duration::from_millis(200);
        streams.serve(listener).unwrap();
        let mut stream = TcpStream::connect(address).await.unwrap();
        let began = Instant::now();
        let mut every = tokio::time::interval(Duration::from_millis(10));
        let drip = async {
            while stream.write_all(b"X").await.is_ok() {
                every.tick().await;
            }
        };
        let closed = async { while !matches!(news.recv().await, Some(News::Closed(_))) {} };
        tokio::join!(drip, closed);
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn a_message_without_length_gets_one_answer_and_the_connection_ends() {
        let (mut network, mut news, address) = serve();
        let (mut stream, path) = connected(&mut network, &mut news, address).await;
        stream.write_all(b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: -1\r\n\r\n").await.unwrap();
        let Some(News::Stream { bytes, .. }) = news.recv().await else { panic!() };
        assert!(bytes.ends_with(b"-1\r\n\r\n"));
        network.send(Transmit { path, bytes: b"400".to_vec() });
        assert_eq!(read(&mut stream).await, b"400");
        assert_eq!(read(&mut stream).await, b"", "closed after it");
    }

    #[tokio::test]
    async fn one_connection_too_many_is_closed() {
        let (mut network, mut news, address) = serve();
        let mut kept = Vec::new();
        for _ in 0..4 {
            kept.push(connected(&mut network, &mut news, address).await);
        }
        let mut fifth = TcpStream::connect(address).await.unwrap();
        assert_eq!(read(&mut fifth).await, b"");
        kept.pop();
        assert!(matches!(news.recv().await, Some(News::Closed(_))));
        connected(&mut network, &mut news, address).await;
    }

    #[tokio::test]
    async fn we_connect_once_for_many_messages_and_tell_when_nobody_is_there() {
        let (mut network, mut news, address) = serve();
        let peer = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let remote = peer.local_addr().unwrap();
        let path = Path { protocol: Protocol::Tcp, connection: None, local: address, remote };
        network.send(Transmit { path, bytes: b"one ".to_vec() });
        network.send(Transmit { path, bytes: b"two".to_vec() });
        let (mut stream, _) = peer.accept().await.unwrap();
        let mut buffer = [0; 7];
        stream.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"one two");
        drop((stream, peer));
        let Some(closed @ News::Closed(_)) = news.recv().await else { panic!() };
        network.learn(&closed);
        network.send(Transmit { path, bytes: b"three".to_vec() });
        assert!(matches!(news.recv().await, Some(News::Unreachable(failed)) if failed == path));
        assert!(matches!(news.recv().await, Some(News::Closed(_))));
    }

    #[tokio::test]
    async fn a_peer_that_does_not_read_is_dropped() {
        let (mut network, mut news, address) = serve();
        let (_stream, path) = connected(&mut network, &mut news, address).await;
        let mut failed = false;
        for _ in 0..=WRITES_MAX + 1 {
            network.send(Transmit { path, bytes: vec![b'x'; 1 << 20] });
            failed |= network.poll_failed().is_some();
        }
        assert!(failed, "the queue is bounded");
        network.send(Transmit { path, bytes: b"x".to_vec() });
        assert!(network.poll_failed().is_some(), "and the connection forgotten");
    }
}
