//! Every bound of the SIP room, and what happens there.

/// Bytes of one message. Larger datagrams are not parsed; on a stream the connection is given up.
pub const MESSAGE_BYTES_MAX: usize = 65_535;
/// Bytes of start line and headers together. A datagram beyond is refused with 513, a stream is given up.
pub const HEADER_BYTES_MAX: usize = 16_384;
/// Header lines of one message. A datagram with more is refused with 400, a stream is given up.
pub const HEADERS_MAX: usize = 96;
/// Bytes that may wait in a stream framer: one unfinished message and one read. Beyond, the stream is given up.
pub const STREAM_BYTES_MAX: usize = 4 * 65_536;

/// Bytes of one session description. Larger ones are not parsed.
pub const SDP_BYTES_MAX: usize = 16_384;
/// Lines of one session description. Longer ones are not parsed.
pub const SDP_LINES_MAX: usize = 1_024;
/// `m=` lines of one session description. More are refused.
pub const SDP_MEDIA_MAX: usize = 16;
/// Formats on one `m=` line. More are refused.
pub const SDP_FORMATS_MAX: usize = 64;

/// Nonces whose use counts are remembered. Beyond, the oldest are forgotten and their users challenged again (stale).
pub const NONCES_MAX: usize = 8_192;
/// Bytes of one Authorization value that are read. Longer ones are wrong credentials.
pub const AUTHORIZATION_BYTES_MAX: usize = 2_048;

const _: () = assert!(MESSAGE_BYTES_MAX <= u16::MAX as usize, "header slots hold 16-bit offsets");
const _: () = assert!(HEADER_BYTES_MAX < MESSAGE_BYTES_MAX && STREAM_BYTES_MAX > MESSAGE_BYTES_MAX);
