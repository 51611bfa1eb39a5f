//! UDP sockets with kernel receive timestamps, read and written in batches (recvmmsg, sendmmsg), and the clock.

use libc::clock_nanosleep as wait_for;
use std::io::Error;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Nanoseconds of a millisecond.
pub(crate) const MILLISECOND: i64 = 1_000_000;
/// Nanoseconds of a second.
pub(crate) const SECOND: i64 = 1_000_000_000;
/// Datagrams read at once.
const BATCH: usize = 256;
/// The largest datagram read.
const DATAGRAM_BYTES_MAX: usize = 4_096;
/// A G.711 packet of 20 ms.
pub(crate) const PACKET_BYTES: usize = 172;
const BUFFER_BYTES: i32 = 32 << 20;
const ADDRESS_BYTES: libc::socklen_t = size_of::<libc::sockaddr_in>() as libc::socklen_t;

/// The kernel's wall clock, which also stamps datagrams; nanoseconds.
pub(crate) fn now() -> i64 {
    // SAFETY: the structure is plain numbers, and the call only writes into it.
    let time = unsafe {
        let mut time: libc::timespec = zeroed();
        libc::clock_gettime(libc::CLOCK_REALTIME, &mut time);
        time
    };
    nanoseconds(&time)
}

fn nanoseconds(time: &libc::timespec) -> i64 {
    time.tv_sec * SECOND + time.tv_nsec
}

/// Sleeps until that moment of [`now`].
pub(crate) fn sleep_until(moment: i64) {
    let time = libc::timespec { tv_sec: moment / SECOND, tv_nsec: moment % SECOND };
    // SAFETY: the structure lives through the call; no remainder is asked for.
    unsafe {
        wait_for(libc::CLOCK_REALTIME, libc::TIMER_ABSTIME, &time, std::ptr::null_mut());
    }
}

fn to_kernel(address: SocketAddrV4) -> libc::sockaddr_in {
    // SAFETY: all zeros are a valid address.
    let mut raw: libc::sockaddr_in = unsafe { zeroed() };
    raw.sin_family = libc::AF_INET as libc::sa_family_t;
    raw.sin_port = address.port().to_be();
    raw.sin_addr.s_addr = u32::from_ne_bytes(address.ip().octets());
    raw
}

fn from_kernel(raw: &libc::sockaddr_in) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from(raw.sin_addr.s_addr.to_ne_bytes()), u16::from_be(raw.sin_port))
}

/// What is known of a received datagram.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Arrival {
    /// Its length.
    pub(crate) length: usize,
    /// Who sent it.
    pub(crate) from: SocketAddrV4,
    /// When the kernel got it.
    pub(crate) at: i64,
}

/// Room for a batch of received datagrams.
pub(crate) struct Batch {
    buffers: Vec<[u8; DATAGRAM_BYTES_MAX]>,
    controls: Vec<[u64; 16]>,
    addresses: Vec<libc::sockaddr_in>,
    slices: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
    arrivals: Vec<Arrival>,
}

impl Batch {
    /// An empty one.
    pub(crate) fn new() -> Batch {
        // SAFETY: all three structures are plain numbers and pointers, for which zeros are valid.
        let (address, slice, header) = unsafe { (zeroed(), zeroed(), zeroed()) };
        Batch {
            buffers: vec![[0; DATAGRAM_BYTES_MAX]; BATCH],
            controls: vec![[0; 16]; BATCH],
            addresses: vec![address; BATCH],
            slices: vec![slice; BATCH],
            headers: vec![header; BATCH],
            arrivals: Vec::with_capacity(BATCH),
        }
    }

    /// What was received last, with its bytes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Arrival, &[u8])> {
        self.arrivals.iter().zip(&self.buffers).map(|(arrival, bytes)| (*arrival, &bytes[..arrival.length]))
    }

    fn prepare(&mut self) {
        for index in 0..BATCH {
            self.slices[index].iov_base = self.buffers[index].as_mut_ptr().cast();
            self.slices[index].iov_len = DATAGRAM_BYTES_MAX;
            let header = &mut self.headers[index].msg_hdr;
            header.msg_name = (&raw mut self.addresses[index]).cast();
            header.msg_namelen = ADDRESS_BYTES;
            header.msg_iov = &raw mut self.slices[index];
            header.msg_iovlen = 1;
            header.msg_control = self.controls[index].as_mut_ptr().cast();
            header.msg_controllen = 128;
            header.msg_flags = 0;
        }
    }
}

/// When the kernel got this datagram.
fn timestamp(header: &libc::msghdr) -> Option<i64> {
    // SAFETY: the header was just filled by recvmmsg and points into buffers that live; CMSG_* walk within them.
    unsafe {
        let mut control = libc::CMSG_FIRSTHDR(header);
        while !control.is_null() {
            if (*control).cmsg_level == libc::SOL_SOCKET && (*control).cmsg_type == libc::SCM_TIMESTAMPNS {
                let time: libc::timespec = std::ptr::read_unaligned(libc::CMSG_DATA(control).cast());
                return Some(nanoseconds(&time));
            }
            control = libc::CMSG_NXTHDR(header, control);
        }
    }
    None
}

/// A bound UDP socket that never blocks.
pub(crate) struct Socket(OwnedFd);

impl Socket {
    /// Binds; ends the process when the address is taken.
    pub(crate) fn bind(address: SocketAddrV4) -> Socket {
        // SAFETY: the descriptor is fresh and owned from here on; pointers live through the calls.
        unsafe {
            let raw = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK, 0);
            assert!(raw >= 0, "no socket: {}", Error::last_os_error());
            let socket = OwnedFd::from_raw_fd(raw);
            let kernel = to_kernel(address);
            let bound = libc::bind(raw, (&raw const kernel).cast(), ADDRESS_BYTES);
            assert!(bound == 0, "{address} can't be bound: {}", Error::last_os_error());
            for (option, value) in
                [(libc::SO_RCVBUFFORCE, BUFFER_BYTES), (libc::SO_SNDBUFFORCE, BUFFER_BYTES), (libc::SO_TIMESTAMPNS, 1)]
            {
                libc::setsockopt(raw, libc::SOL_SOCKET, option, (&raw const value).cast(), 4);
            }
            Socket(socket)
        }
    }

    /// Sends one datagram; what the system does not take is lost, as on a wire.
    pub(crate) fn send(&self, bytes: &[u8], to: SocketAddrV4) {
        let kernel = to_kernel(to);
        // SAFETY: both pointers live through the call and lengths are theirs.
        unsafe {
            let to = (&raw const kernel).cast();
            libc::sendto(self.0.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), 0, to, ADDRESS_BYTES);
        }
    }

    /// Receives what is there, up to a batch; answers whether there was anything.
    pub(crate) fn receive(&self, batch: &mut Batch) -> bool {
        batch.prepare();
        batch.arrivals.clear();
        // SAFETY: the headers were just prepared and point into the batch, which outlives the call.
        let count = unsafe {
            let headers = batch.headers.as_mut_ptr();
            libc::recvmmsg(self.0.as_raw_fd(), headers, BATCH as u32, libc::MSG_DONTWAIT, std::ptr::null_mut())
        };
        for (header, address) in batch.headers.iter().zip(&batch.addresses).take(count.max(0) as usize) {
            let at = timestamp(&header.msg_hdr).unwrap_or_else(now);
            batch.arrivals.push(Arrival { length: header.msg_len as usize, from: from_kernel(address), at });
        }
        count > 0
    }
}

/// Packets of sound waiting to be sent together.
#[derive(Default)]
pub(crate) struct Outbox {
    packets: Vec<([u8; PACKET_BYTES], usize)>,
    addresses: Vec<libc::sockaddr_in>,
}

impl Outbox {
    /// Adds one; longer ones are cut.
    pub(crate) fn push(&mut self, bytes: &[u8], to: SocketAddrV4) {
        let mut packet = [0; PACKET_BYTES];
        let length = bytes.len().min(PACKET_BYTES);
        packet[..length].copy_from_slice(&bytes[..length]);
        self.packets.push((packet, length));
        self.addresses.push(to_kernel(to));
    }

    /// Sends all.
    pub(crate) fn flush(&mut self, socket: &Socket) {
        let mut slices: Vec<libc::iovec> = (self.packets.iter_mut())
            .map(|(packet, length)| libc::iovec { iov_base: packet.as_mut_ptr().cast(), iov_len: *length })
            .collect();
        let mut headers: Vec<libc::mmsghdr> = (slices.iter_mut().zip(&mut self.addresses))
            .map(|(slice, address)| {
                // SAFETY: zeros are a valid header.
                let mut header: libc::mmsghdr = unsafe { zeroed() };
                header.msg_hdr.msg_name = (&raw mut *address).cast();
                header.msg_hdr.msg_namelen = ADDRESS_BYTES;
                header.msg_hdr.msg_iov = &raw mut *slice;
                header.msg_hdr.msg_iovlen = 1;
                header
            })
            .collect();
        let mut rest = &mut headers[..];
        while !rest.is_empty() {
            let count = rest.len().min(1_024) as u32;
            // SAFETY: the headers point into vectors that outlive the call.
            let sent = unsafe { libc::sendmmsg(socket.0.as_raw_fd(), rest.as_mut_ptr(), count, 0) };
            // One that is refused is dropped, as on a wire.
            rest = &mut rest[(sent.max(1) as usize)..];
        }
        self.packets.clear();
        self.addresses.clear();
    }
}
