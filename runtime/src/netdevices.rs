//! Moves network devices of the host into a container, by rtnetlink(7): each with its permanent global addresses, under
//! its new name, and up.
//!
//! A socket speaks of the network namespace that it was made in, whoever has it later. So mote visits the container's
//! namespace only to open one there.

use crate::error::{Error, Result};
use crate::host::Host;
use crate::text::{decimal, fill};
use core::ffi::CStr;
use init::plan::NetDevice;
use init::sys::process::set_namespaces;
use linux_raw_sys::general::CLONE_NEWNET;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, send, socket_with,
};

// linux/netlink.h and linux/rtnetlink.h.
const NLM_F_REQUEST: u16 = 1;
const NLM_F_ACK: u16 = 4;
const NLM_F_DUMP: u16 = 0x300;
const NLM_F_CREATE_EXCL: u16 = 0x600;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;

// linux/if_link.h and linux/if_addr.h.
const IFLA_IFNAME: u16 = 3;
const IFLA_NET_NS_FD: u16 = 28;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_F_PERMANENT: u8 = 0x80;
const IFF_UP: u32 = 1;

/// Sizes of struct nlmsghdr, struct ifinfomsg and struct ifaddrmsg.
const HEADER: usize = 16;
const LINK: usize = 16;
const ADDRESS: usize = 8;

/// The kernel's messages are never longer.
const LONGEST: usize = 32 * 1024;

/// So many numbers are tried for a name with `%d`.
const NUMBERS: u64 = 4096;

/// Moves them all; `network` is the container's namespace. Nothing has been moved when a device isn't there or a name is
/// taken.
pub fn hand_over(host: &Host, devices: &[NetDevice<'_>], network: BorrowedFd<'_>) -> Result<()> {
    let failed = |errno| Error::call(packed!("linux.netDevices: a socket of rtnetlink"), errno);
    let here = socket().map_err(failed)?;
    let there = visit(host, network)?.map_err(failed)?;
    let mut moves = Vec::new();
    for device in devices {
        let index = name_to_index(&here, text(device.host));
        let index = index.map_err(|errno| about(device, "", errno))?;
        let name = free_name(device, &mut |name| {
            let mut before = moves.iter().map(|(_, _, name): &(_, _, String)| name);
            before.any(|other| other == name) || name_to_index(&there, name).is_ok()
        })?;
        moves.push((device, index, name));
    }
    for (device, index, name) in moves {
        let mut addresses = Vec::new();
        let mut keep = |kind, body: &[u8]| {
            if kind == RTM_NEWADDR {
                addresses.extend(kept(body, index));
            }
        };
        let all = message(RTM_GETADDR, NLM_F_DUMP, &[0; ADDRESS]);
        ask(&here, all, &mut keep)
            .map_err(|errno| about(device, "reading its addresses", errno))?;
        let mut away = message(RTM_NEWLINK, NLM_F_ACK, &link(index, 0));
        attribute(
            &mut away,
            IFLA_NET_NS_FD,
            &network.as_raw_fd().to_ne_bytes(),
        );
        attribute(&mut away, IFLA_IFNAME, &[name.as_bytes(), b"\0"].concat());
        let step = fill("moving it into the container as {}", &[&name]);
        tell(&here, away).map_err(|errno| about(device, &step, errno))?;
        let index = name_to_index(&there, &name).map_err(|errno| about(device, &step, errno))?;
        let up = message(RTM_NEWLINK, NLM_F_ACK, &link(index, IFF_UP));
        tell(&there, up).map_err(|errno| about(device, "setting it up", errno))?;
        for mut address in addresses {
            let place = HEADER + 4..HEADER + ADDRESS;
            address[place].copy_from_slice(&index.to_ne_bytes());
            tell(&there, address).map_err(|errno| about(device, "giving it its address", errno))?;
        }
    }
    Ok(())
}

/// Whether an address goes along, and the message that will set it.
fn kept(body: &[u8], index: u32) -> Option<Vec<u8>> {
    // family, prefix length, flags, scope (0 is global), index
    let (head, mut rest) = body.split_at_checked(ADDRESS)?;
    if head[2] & IFA_F_PERMANENT == 0 || head[3] != 0 || head[4..] != index.to_ne_bytes() {
        return None;
    }
    let head = [head[0], head[1], 0, 0, 0, 0, 0, 0];
    let mut message = message(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE_EXCL, &head);
    while let Some(length) = number(rest, 0) {
        let value = rest.get(4..length)?;
        let kind = number(rest, 2).unwrap_or(0) as u16;
        if [IFA_ADDRESS, IFA_LOCAL, IFA_BROADCAST].contains(&kind) {
            attribute(&mut message, kind, value);
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Some(message)
}

/// A name that nobody has, or will have, in the container.
fn free_name(device: &NetDevice<'_>, taken: &mut dyn FnMut(&str) -> bool) -> Result<String> {
    let name = text(device.name);
    let free = match name.strip_suffix("%d") {
        Some(start) => (0..NUMBERS)
            .map(|number| [start, &decimal(number)].concat())
            .find(|name| !taken(name)),
        None => Some(name.to_string()).filter(|name| !taken(name)),
    };
    free.ok_or_else(|| {
        let step = fill("the container has a device {} already", &[name]);
        about(device, &step, Errno::EXIST)
    })
}

#[cold]
fn about(device: &NetDevice<'_>, step: &str, errno: Errno) -> Error {
    let device = fill("linux.netDevices.{}", &[text(device.host)]);
    match step {
        "" => Error::call(&*device, errno),
        step => Error::of(&device, step.as_bytes(), errno),
    }
}

/// A document is UTF-8, or was refused.
fn text(name: &CStr) -> &str {
    name.to_str().unwrap_or_default()
}

/// A socket made in another network namespace.
fn visit(host: &Host, network: BorrowedFd<'_>) -> Result<core::result::Result<OwnedFd, Errno>> {
    let failed = |errno| {
        Error::call(
            packed!("linux.netDevices: the container's network namespace: setns"),
            errno,
        )
    };
    let home = host.open_own(c"self/ns/net")?;
    set_namespaces(network, CLONE_NEWNET).map_err(failed)?;
    let socket = socket();
    set_namespaces(home.as_fd(), CLONE_NEWNET).map_err(failed)?;
    Ok(socket)
}

fn socket() -> core::result::Result<OwnedFd, Errno> {
    let (kind, flags) = (SocketType::RAW, SocketFlags::CLOEXEC);
    socket_with(AddressFamily::NETLINK, kind, flags, None)
}

/// struct ifinfomsg of one device, with these flags to set.
fn link(index: u32, flags: u32) -> [u8; LINK] {
    let mut body = [0; LINK];
    body[4..8].copy_from_slice(&index.to_ne_bytes());
    body[8..12].copy_from_slice(&flags.to_ne_bytes());
    body[12..].copy_from_slice(&flags.to_ne_bytes());
    body
}

/// The length at the start is written when it is sent.
fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let mut message = vec![0; HEADER];
    message[4..6].copy_from_slice(&kind.to_ne_bytes());
    message[6..8].copy_from_slice(&(flags | NLM_F_REQUEST).to_ne_bytes());
    message.extend_from_slice(body);
    message
}

fn attribute(message: &mut Vec<u8>, kind: u16, value: &[u8]) {
    message.extend_from_slice(&(value.len() as u16 + 4).to_ne_bytes());
    message.extend_from_slice(&kind.to_ne_bytes());
    message.extend_from_slice(value);
    message.resize(message.len().next_multiple_of(4), 0);
}

fn tell(socket: &OwnedFd, message: Vec<u8>) -> core::result::Result<(), Errno> {
    ask(socket, message, &mut |_, _| {})
}

/// Sends a message and hands over what comes back, until the kernel says that this was all.
fn ask(
    socket: &OwnedFd,
    mut message: Vec<u8>,
    each: &mut dyn FnMut(u16, &[u8]),
) -> core::result::Result<(), Errno> {
    let length = message.len() as u32;
    message[..4].copy_from_slice(&length.to_ne_bytes());
    send(socket, &message, SendFlags::empty())?;
    let mut buffer = [0; LONGEST];
    loop {
        let (length, _) = recv(socket, &mut buffer, RecvFlags::empty())?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        while let Some(bytes) = rest.get(..4) {
            let length = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]) as usize;
            let kind = number(rest, 4).unwrap_or(0) as u16;
            let body = rest.get(HEADER..length).ok_or(Errno::BADMSG)?;
            match kind {
                NLMSG_DONE => return Ok(()),
                NLMSG_ERROR => {
                    let code = body.get(..4).ok_or(Errno::BADMSG)?;
                    let code = i32::from_ne_bytes([code[0], code[1], code[2], code[3]]);
                    return match code {
                        0 => Ok(()),
                        code => Err(Errno::from_raw_os_error(-code)),
                    };
                }
                kind => each(kind, body),
            }
            rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        }
    }
}

/// The 16 bits at a place.
fn number(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes = bytes.get(at..at + 2)?;
    Some(u16::from_ne_bytes([bytes[0], bytes[1]]).into())
}
