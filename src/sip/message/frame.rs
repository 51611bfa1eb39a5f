//! Cuts a byte stream (TCP, TLS) into messages and keep-alives (RFC 3261 §18.3, RFC 5626 §4.4.1).
//!
//! Any error means that the place of the next message is lost: the roof closes the connection. The framer knows no
//! time; the roof asks [`Framer::is_mid_message`] and keeps the absolute deadline for an unfinished message.

use super::parse::{self, Message, ParseError};
use super::text::is_token_byte;
use crate::limits::{HEADER_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX, STREAM_BYTES_MAX};

/// One thing found in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A whole message, for [`Message::parse`].
    Message(Vec<u8>),
    /// CRLF CRLF between messages: answer with one CRLF.
    Ping,
}

/// Why the stream cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The bytes do not begin like SIP: another protocol, or a lost frame.
    #[error("not SIP")]
    NotSip,
    /// Start line and headers exceed [`HEADER_BYTES_MAX`] or [`HEADERS_MAX`].
    #[error("header section too large")]
    HeadTooLarge,
    /// The message would exceed [`MESSAGE_BYTES_MAX`].
    #[error("message too large")]
    MessageTooLarge,
    /// Content-Length is missing, negative, not a number, or given twice with different values.
    #[error("no usable Content-Length")]
    ContentLength,
    /// More bytes were pushed than [`STREAM_BYTES_MAX`] without taking frames out.
    #[error("too many bytes waiting")]
    Overflow,
}

/// The first bytes of a message, which must hold its method: enough to know another protocol by.
const START_BYTES_SEEN: usize = 128;

/// The state of one stream.
#[derive(Debug, Default)]
pub struct Framer {
    bytes: Vec<u8>,
    /// Where the first byte that is not yet handed out lies.
    start: usize,
    /// How far the head has been searched for its empty line, and where the line being read starts.
    searched: usize,
    line_start: usize,
    lines: usize,
    /// Set once the head is whole: where the message ends.
    end: Option<usize>,
    failed: Option<FrameError>,
}

impl Framer {
    /// A framer for a fresh connection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds received bytes. Then call [`Framer::next_frame`] until it has no more.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_some() {
            return;
        }
        if self.bytes.len() - self.start + bytes.len() > STREAM_BYTES_MAX {
            self.fail(FrameError::Overflow);
            return;
        }
        self.compact();
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame; `None` when more bytes are needed. An error is final.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        self.advance().map_err(|error| self.fail(error))
    }

    /// Whether bytes of an unfinished message are waiting: the roof's deadline runs. Line ends between messages do not
    /// count, they may be half of a ping or the answer to ours.
    pub fn is_mid_message(&self) -> bool {
        self.bytes[self.start..].iter().any(|&b| !matches!(b, b'\r' | b'\n'))
    }

    fn fail(&mut self, error: FrameError) -> FrameError {
        *self = Self { failed: Some(error), ..Self::default() };
        error
    }

    fn advance(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.end.is_none() && self.searched == self.start {
            match &self.bytes[self.start..] {
                [b'\r', b'\n', b'\r', b'\n', ..] => {
                    self.begin_at(self.start + 4);
                    return Ok(Some(Frame::Ping));
                }
                // The other half of a ping may still come; a message's first byte makes it a stray line end.
                [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Ok(None),
                _ => self.skip_line_ends(),
            }
        }
        if self.end.is_none() {
            self.refuse_foreign_start()?;
            self.find_end()?;
        }
        match self.end {
            Some(end) if end <= self.bytes.len() => {
                let message = self.bytes[self.start..end].to_vec();
                self.begin_at(end);
                Ok(Some(Frame::Message(message)))
            }
            Some(_) | None => Ok(None),
        }
    }

    fn begin_at(&mut self, start: usize) {
        self.start = start;
        self.searched = start;
        self.line_start = start;
        self.lines = 0;
        self.end = None;
    }

    fn skip_line_ends(&mut self) {
        let rest = &self.bytes[self.start..];
        let skip = rest.iter().position(|&b| !matches!(b, b'\r' | b'\n')).unwrap_or(rest.len());
        self.begin_at(self.start + skip);
    }

    /// Refuses at the first byte that no SIP start line can have, without waiting for its end.
    fn refuse_foreign_start(&self) -> Result<(), FrameError> {
        let head = &self.bytes[self.start..];
        let head = &head[..head.len().min(START_BYTES_SEEN)];
        let line = &head[..head.iter().position(|&b| b == b'\n').unwrap_or(head.len())];
        let word = line.iter().position(|&b| !is_token_byte(b)).unwrap_or(line.len());
        let fits = match line.get(word) {
            None => head.len() == line.len() && head.len() < START_BYTES_SEEN,
            Some(b'/') => line[..word].eq_ignore_ascii_case(b"SIP"),
            Some(b' ') if word > 0 => {
                let uri = line[word + 1..].iter().find(|&&b| b != b' ');
                uri.is_none_or(|&b| b.is_ascii_alphabetic() || b == b'<')
            }
            Some(_) => false,
        };
        if fits { Ok(()) } else { Err(FrameError::NotSip) }
    }

    /// Searches on for the empty line; then the head says how long the message is.
    fn find_end(&mut self) -> Result<(), FrameError> {
        while let Some(hit) = memchr::memchr(b'\n', &self.bytes[self.searched..]) {
            let newline = self.searched + hit;
            let line = &self.bytes[self.line_start..newline];
            self.searched = newline + 1;
            self.line_start = newline + 1;
            self.lines += 1;
            if self.lines == 1 && !parse::is_start_line(line) {
                return Err(FrameError::NotSip);
            }
            if line.is_empty() || line == b"\r" {
                return self.measure(newline + 1);
            }
            if self.lines > 2 * HEADERS_MAX {
                return Err(FrameError::HeadTooLarge);
            }
        }
        self.searched = self.bytes.len();
        if self.searched - self.start > HEADER_BYTES_MAX {
            return Err(FrameError::HeadTooLarge);
        }
        Ok(())
    }

    fn measure(&mut self, head_end: usize) -> Result<(), FrameError> {
        if head_end - self.start > HEADER_BYTES_MAX {
            return Err(FrameError::HeadTooLarge);
        }
        let head = Message::parse_head(&self.bytes[self.start..head_end]).map_err(|e| match e {
            ParseError::KeepAlive | ParseError::NotSip(_) => FrameError::NotSip,
            ParseError::TooLarge => FrameError::MessageTooLarge,
        })?;
        debug_assert_eq!(head.head_len(), head_end - self.start, "both readers see one empty line");
        let body = head.body_length().map_err(|_| FrameError::ContentLength)?;
        let body = body.ok_or(FrameError::ContentLength)?;
        let end = head_end.checked_add(body).ok_or(FrameError::MessageTooLarge)?;
        if end - self.start > MESSAGE_BYTES_MAX {
            return Err(FrameError::MessageTooLarge);
        }
        self.end = Some(end);
        Ok(())
    }

    /// Moves the waiting bytes to the front, so that the buffer does not grow with the age of the connection.
    fn compact(&mut self) {
        if self.start == 0 {
            return;
        }
        let start = self.start;
        self.bytes.drain(..start);
        self.start = 0;
        self.searched -= start;
        self.line_start -= start;
        self.end = self.end.map(|end| end - start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: &str = "OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc";

    fn fed(bytes: &[u8]) -> (Vec<Frame>, Option<FrameError>) {
        let mut framer = Framer::new();
        framer.push(bytes);
        drained(&mut framer)
    }

    fn drained(framer: &mut Framer) -> (Vec<Frame>, Option<FrameError>) {
        let mut frames = Vec::new();
        loop {
            match framer.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => return (frames, None),
                Err(error) => return (frames, Some(error)),
            }
        }
    }

    fn options() -> Frame {
        Frame::Message(OPTIONS.into())
    }

    #[test]
    fn messages_come_out_whole_byte_by_byte_and_glued() {
        let stream = format!("\r\n\r\n{OPTIONS}{OPTIONS}\r\n{OPTIONS}");
        let expected = vec![Frame::Ping, options(), options(), options()];
        assert_eq!(fed(stream.as_bytes()), (expected.clone(), None));
        let mut framer = Framer::new();
        let mut frames = Vec::new();
        for byte in stream.bytes() {
            framer.push(&[byte]);
            frames.extend(drained(&mut framer).0);
        }
        assert_eq!(frames, expected);
        assert!(!framer.is_mid_message());
    }

    #[test]
    fn the_deadline_runs_for_an_unfinished_message_and_not_for_a_pong() {
        let mut framer = Framer::new();
        framer.push(b"\r\n");
        assert_eq!(drained(&mut framer), (vec![], None));
        assert!(!framer.is_mid_message());
        framer.push(b"OPT");
        assert_eq!(drained(&mut framer), (vec![], None));
        assert!(framer.is_mid_message());
    }

    #[test]
    fn other_protocols_are_known_by_their_first_bytes() {
        let foreign: [&[u8]; 8] = [
            b"\x16\x03\x01",
            b"GET /",
            b"OPTIONS * HTTP/1.1",
            b"CONNECT h:443 HTTP/1.1\r\n",
            b"SSH-2.0-x\r\n",
            b"{\"a\":",
            b"HTTP/1.1",
            b"\0",
        ];
        for bytes in foreign {
            assert_eq!(fed(bytes), (vec![], Some(FrameError::NotSip)), "{}", bytes.escape_ascii());
        }
        assert_eq!(fed(&[b'A'; START_BYTES_SEEN]).1, Some(FrameError::NotSip));
        for bytes in ["I", "INVITE", "INVITE ", "INVITE sip:a", "SIP/2.", "SIP/2.0 200 OK\r\n"] {
            assert_eq!(fed(bytes.as_bytes()), (vec![], None), "{bytes}");
        }
    }

    #[test]
    fn lengths_that_cannot_be_trusted_end_the_stream_for_good() {
        let with =
            |lengths: &str| fed(format!("OPTIONS sip:a SIP/2.0\r\n{lengths}\r\nabc").as_bytes());
        assert_eq!(with("l:3\r\nContent-Length: 3\r\n").0.len(), 1, "twice the same is no doubt");
        assert_eq!(with("Content-Length :\r\n 3\r\n").0.len(), 1, "folded");
        for bad in [
            "",
            "l: -1\r\n",
            "l: 3\r\nl: 2\r\n",
            "l: 99999999999\r\n",
            "l: 3 3\r\n",
            "l:\r\n",
            "l: 0x3\r\n",
        ] {
            assert_eq!(with(bad), (vec![], Some(FrameError::ContentLength)), "{bad}");
        }
        assert_eq!(with("l: 4294967295\r\n").1, Some(FrameError::MessageTooLarge));
        let mut framer = Framer::new();
        framer.push(b"junk junk\r\n\r\n");
        assert!(framer.next_frame().is_err());
        framer.push(OPTIONS.as_bytes());
        assert!(framer.next_frame().is_err(), "an error is final");
    }

    #[test]
    fn bounds_hold_at_the_bound() {
        let head = |len: usize| {
            let rest = len - "OPTIONS sip:a SIP/2.0\r\nl:0\r\nX: \r\n\r\n".len();
            format!("OPTIONS sip:a SIP/2.0\r\nl:0\r\nX: {}\r\n\r\n", "x".repeat(rest))
        };
        assert_eq!(fed(head(HEADER_BYTES_MAX).as_bytes()).0.len(), 1);
        assert_eq!(fed(head(HEADER_BYTES_MAX + 1).as_bytes()).1, Some(FrameError::HeadTooLarge));
        let endless = "OPTIONS sip:a SIP/2.0\r\n".to_owned() + &"X".repeat(HEADER_BYTES_MAX);
        assert_eq!(fed(endless.as_bytes()).1, Some(FrameError::HeadTooLarge));
        let many = "OPTIONS sip:a SIP/2.0\r\n".to_owned() + &"X:\r\n".repeat(2 * HEADERS_MAX);
        assert_eq!(fed(many.as_bytes()).1, Some(FrameError::HeadTooLarge));

        let message = |len: usize| {
            let head = format!("OPTIONS sip:a SIP/2.0\r\nl: {:05}\r\n\r\n", len - 35);
            assert_eq!(head.len(), 35);
            head + &"b".repeat(len - 35)
        };
        assert_eq!(fed(message(MESSAGE_BYTES_MAX).as_bytes()).0.len(), 1);
        assert_eq!(
            fed(message(MESSAGE_BYTES_MAX + 1).as_bytes()).1,
            Some(FrameError::MessageTooLarge)
        );

        let mut framer = Framer::new();
        framer.push(&[b'\n'; STREAM_BYTES_MAX]);
        framer.push(b"\n");
        assert_eq!(framer.next_frame(), Err(FrameError::Overflow));
    }
}
