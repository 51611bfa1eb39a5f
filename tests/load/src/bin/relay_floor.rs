//! The floor of relaying: epoll, recvfrom, sendto, and nothing else. What a switch spends per packet is measured
//! against what the kernel takes anyway.
//!
//! usage: relay_floor ADDRESS CALLS FIRST_PORT CALLER_PORT AGENT_PORT    (until it is killed; all on that address)
//!
//! A call has two sockets: what comes to the even one goes to the agents' port from the odd one, and back.

use std::io::Error;
use std::mem::{size_of, zeroed};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::AsRawFd;

/// Events taken at once.
const EVENTS: usize = 256;

fn socket_address(address: Ipv4Addr, port: u16) -> libc::sockaddr_in {
    // SAFETY: all zeros are a valid address.
    let mut found: libc::sockaddr_in = unsafe { zeroed() };
    found.sin_family = libc::AF_INET as libc::sa_family_t;
    found.sin_port = port.to_be();
    found.sin_addr.s_addr = u32::from_ne_bytes(address.octets());
    found
}

fn main() {
    let mut words = std::env::args().skip(1);
    let address: Ipv4Addr = words.next().and_then(|word| word.parse().ok()).expect("an address is given first");
    let words: Vec<u16> = words.map(|word| word.parse().expect("numbers are given")).collect();
    let [calls, first, caller, agent] = words[..] else {
        panic!("usage: ADDRESS CALLS FIRST_PORT CALLER_PORT AGENT_PORT")
    };
    let sockets: Vec<UdpSocket> = (0..2 * calls)
        .map(|leg| {
            let socket = UdpSocket::bind((address, first + leg)).expect("the port is free");
            socket.set_nonblocking(true).expect("a socket can be non-blocking");
            socket
        })
        .collect();
    // SAFETY: plain system calls on descriptors that live as long as the process.
    let poll = unsafe { libc::epoll_create1(0) };
    assert!(poll >= 0, "no epoll: {}", Error::last_os_error());
    for (leg, socket) in sockets.iter().enumerate() {
        let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: leg as u64 };
        // SAFETY: the event lives through the call, which copies it.
        let added = unsafe { libc::epoll_ctl(poll, libc::EPOLL_CTL_ADD, socket.as_raw_fd(), &raw mut event) };
        assert!(added == 0, "{}", Error::last_os_error());
    }
    println!("ready");
    let peers = [caller, agent].map(|port| socket_address(address, port));
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; EVENTS];
    loop {
        // SAFETY: the array has room for so many events.
        let count = unsafe { libc::epoll_wait(poll, events.as_mut_ptr(), EVENTS as i32, -1) };
        for event in &events[..count.max(0) as usize] {
            let leg = event.u64 as usize;
            relay(&sockets[leg], &sockets[leg ^ 1], &peers[(leg ^ 1) & 1]);
        }
    }
}

/// One packet from one side to the other.
fn relay(from: &UdpSocket, through: &UdpSocket, to: &libc::sockaddr_in) {
    let mut packet = [0_u8; 2_048];
    let length_of_address = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    // SAFETY: buffers and addresses live through the calls, and their true lengths are given.
    unsafe {
        let mut sender: libc::sockaddr_in = zeroed();
        let mut length = length_of_address;
        let bytes = packet.as_mut_ptr().cast();
        let got = libc::recvfrom(from.as_raw_fd(), bytes, packet.len(), 0, (&raw mut sender).cast(), &raw mut length);
        if got > 0 {
            let to = (&raw const *to).cast();
            libc::sendto(through.as_raw_fd(), packet.as_ptr().cast(), got as usize, 0, to, length_of_address);
        }
    }
}
