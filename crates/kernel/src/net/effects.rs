//! What a program did to the network.

use super::tunnel::Tunnel;
use crate::context::Context;
use std::net::SocketAddr;

/// A copy of a packet that `bpf_clone_redirect` sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClonedPacket {
    /// Where to: the device's index.
    pub ifindex: u32,
    /// `BPF_F_INGRESS`: to its receiving side.
    pub flags: u64,
    /// The packet.
    pub packet: Vec<u8>,
}

/// What a run did to the network beside its verdict; of several runs, the last one.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct NetEffects {
    /// Copies of the packet that were sent, in order: the first 4 MiB of them.
    pub clones: Vec<ClonedPacket>,
    /// How many more copies there were.
    pub clones_lost: u64,
    /// The tunnel that the packet came out of, or the one that the program sends it into.
    pub tunnel: Option<Tunnel>,
    /// The socket that the packet was given to (`bpf_sk_assign`): the address of its `struct bpf_sock`.
    pub assigned: Option<u64>,
    /// The flags of `bpf_sock_ops_cb_flags_set`, those that the kernel knows.
    pub cb_flags: Option<u32>,
    /// Bytes of TCP options that were asked for (`bpf_reserve_hdr_opt`).
    pub reserved: u32,
    /// How many bytes the verdict is for (`bpf_msg_apply_bytes`).
    pub apply_bytes: Option<u32>,
    /// How many bytes the program wants to see first (`bpf_msg_cork_bytes`).
    pub cork_bytes: Option<u32>,
    /// The sequence number of the last acknowledgement that was sent (`bpf_tcp_send_ack`).
    pub ack: Option<u32>,
    /// Where the socket was bound to (`bpf_bind`).
    pub bound: Option<SocketAddr>,
    /// The value that is written instead (`bpf_sysctl_set_new_value`).
    pub sysctl: Option<Vec<u8>>,
    /// Bytes that the data behind the context had at first.
    pub(crate) first_len: usize,
    /// How many checksums of the packet are known to be right, less one; `None`: not even one
    /// (`CHECKSUM_UNNECESSARY`).
    pub(crate) csum_level: Option<u8>,
}

impl NetEffects {
    /// How many bytes of copies are kept.
    const ROOM: usize = 4 << 20;

    /// What is known of a packet before its program runs.
    pub(crate) fn of(ctx: &Context) -> NetEffects {
        let tunnel = match ctx {
            Context::Packet(packet) => packet.tunnel.clone(),
            _ => None,
        };
        let first_len = match ctx {
            Context::Struct(given) => given.data.len(),
            _ => 0,
        };
        NetEffects { tunnel, first_len, ..NetEffects::default() }
    }

    /// Notes a copy.
    pub(crate) fn clone_packet(&mut self, clone: ClonedPacket) {
        let used: usize = self.clones.iter().map(|it| it.packet.len()).sum();
        if used + clone.packet.len() > NetEffects::ROOM {
            self.clones_lost += 1;
        } else {
            self.clones.push(clone);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_are_kept_up_to_a_limit() {
        let mut effects = NetEffects::default();
        for _ in 0..5 {
            effects.clone_packet(ClonedPacket { ifindex: 1, flags: 0, packet: vec![0; 1 << 20] });
        }
        assert_eq!((effects.clones.len(), effects.clones_lost), (4, 1));
    }
}
