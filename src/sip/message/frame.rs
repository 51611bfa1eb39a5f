//! Cuts a byte stream (TCP, TLS) into messages and keep-alives (RFC 3261 §18.3, RFC 5626 §4.4.1).
//!
//! Any error means that the place of the next message is lost: the roof closes the connection. The framer knows no
//! time; the roof asks [`Framer::is_mid_message`] and keeps the absolute deadline for an unfinished message.

use super::parse::{Message, ParseError};
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

    /// Whether bytes of an unfinished message are waiting: the roof's deadline runs.
    pub fn is_mid_message(&self) -> bool {
        self.bytes.len() > self.start
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
        let line = &head[..head.iter().position(|&b| b == b'\n').unwrap_or(head.len())];
        let word = line.iter().position(|&b| !is_token_byte(b)).unwrap_or(line.len());
        let fits = match line.get(word) {
            None => head.len() == line.len(),
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
