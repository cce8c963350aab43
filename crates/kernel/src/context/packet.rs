//! Packets: the bytes, where they lie, and the struct that shows them to a program.

use super::{Area, skb, xdp};
use crate::net::Tunnel;
use skep_abi::ProgType;
use skep_abi::ctx::Field;
use skep_memory::{Arena, Memory, NoMemory, ObjectKind, Origin, Rights};

/// A packet and the fields of the context that shows it.
///
/// Fields are named by their rows in [`skep_abi::ctx`]; those that are not given are what the kernel would make of the
/// packet: its length, its Ethernet type, device 1.
///
/// ```
/// use skep_abi::ctx::sk_buff;
/// use skep_kernel::PacketCtx;
///
/// let packet = PacketCtx::new(vec![0; 64]).with(&sk_buff::mark, 0x2a).with(&sk_buff::priority, 7);
/// assert_eq!(packet.ctx[8], 0x2a);
/// ```
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct PacketCtx {
    /// The packet, from its Ethernet header on.
    pub data: Vec<u8>,
    /// Metadata in front of the packet (`data_meta` up to `data`): up to 216 bytes, a multiple of 4.
    pub meta: Vec<u8>,
    /// The context in its UAPI form, as `ctx_in` of `BPF_PROG_TEST_RUN`; missing bytes are zero. Fields that say where
    /// the packet is are not looked at; zero in others means what the kernel would say of the packet.
    pub ctx: Vec<u8>,
    /// A socket filter sees the packet from its Ethernet header on, as one on a packet socket does, and not from its
    /// network header on, as `BPF_PROG_TEST_RUN` and filters on other sockets have it.
    pub link_header: bool,
    /// The tunnel that the packet came out of.
    pub tunnel: Option<Tunnel>,
    /// How many bytes at the packet's end an XDP program reaches through helpers alone, as they are in fragments.
    pub frags: usize,
}

impl PacketCtx {
    /// A packet that begins with an Ethernet header.
    pub fn new(data: Vec<u8>) -> PacketCtx {
        PacketCtx { data, meta: Vec::new(), ctx: Vec::new(), link_header: true, tunnel: None, frags: 0 }
    }

    /// The same, with a field of the context set. Of a field with several elements, the first one.
    #[must_use]
    pub fn with(self, field: &Field, value: u64) -> PacketCtx {
        let bytes = value.to_le_bytes();
        self.with_bytes(field, &bytes[..field.width.min(8)])
    }

    /// The same, with the first bytes of a field of the context set.
    #[must_use]
    pub fn with_bytes(mut self, field: &Field, bytes: &[u8]) -> PacketCtx {
        let len = bytes.len().min(field.size());
        let end = field.offset + len;
        if self.ctx.len() < end {
            self.ctx.resize(end, 0);
        }
        self.ctx[field.offset..end].copy_from_slice(&bytes[..len]);
        self
    }

    /// The same, with metadata in front of the packet.
    #[must_use]
    pub fn with_meta(mut self, meta: Vec<u8>) -> PacketCtx {
        self.meta = meta;
        self
    }
}

/// Which struct shows a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PacketKind {
    /// `struct xdp_md`.
    Xdp,
    /// `struct __sk_buff`.
    Skb(Seen),
}

/// From where on a program sees a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Seen {
    /// From its Ethernet header on.
    Link,
    /// From its network header on.
    Network,
    /// As [`PacketCtx::link_header`] says.
    AsSaid,
    /// There are no headers: it is the payload of a stream.
    Payload,
}

impl PacketKind {
    /// The kind of a program type; `None` if it sees no packet, or its packets are not emulated.
    pub(crate) fn of(prog_type: ProgType) -> Option<PacketKind> {
        match prog_type {
            ProgType::Xdp => Some(PacketKind::Xdp),
            ProgType::SchedCls | ProgType::SchedAct | ProgType::FlowDissector => {
                Some(PacketKind::Skb(Seen::Link))
            }
            ProgType::SocketFilter => Some(PacketKind::Skb(Seen::AsSaid)),
            // Cgroups and tunnels see it when the link layer has taken its header off.
            ProgType::CgroupSkb
            | ProgType::LwtIn
            | ProgType::LwtOut
            | ProgType::LwtXmit
            | ProgType::LwtSeg6local => Some(PacketKind::Skb(Seen::Network)),
            ProgType::SkSkb => Some(PacketKind::Skb(Seen::Payload)),
            _ => None,
        }
    }
}

/// A packet in memory: where its parts are now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: PacketKind,
    /// The context that shows it.
    pub(crate) ctx: Area,
    /// The allocation: `hard_start` up to `hard_end`.
    pub(crate) hard_start: u64,
    pub(crate) hard_end: u64,
    /// Metadata up to `data`.
    pub(crate) data_meta: u64,
    /// What the program calls the packet.
    pub(crate) data: u64,
    pub(crate) data_end: u64,
    /// Bytes behind that that are in fragments.
    pub(crate) frags: u64,
    /// The Ethernet header, and what follows it.
    pub(crate) mac: u64,
    pub(crate) network: u64,
    /// Another header was put around the packet (`skb->encapsulation`).
    pub(crate) encapsulated: bool,
}

/// Why there is no frame.
pub(crate) enum FrameError {
    /// The packet cannot be one.
    BadInput(String),
    /// No room for it.
    NoMemory(NoMemory),
}

impl From<NoMemory> for FrameError {
    fn from(error: NoMemory) -> FrameError {
        FrameError::NoMemory(error)
    }
}

/// Bytes of an Ethernet header (`ETH_HLEN`): the least that a packet has.
pub(crate) const ETH_HLEN: u64 = 14;

impl Frame {
    /// Puts a packet and its context into memory: into `room`, where an earlier packet was, if it fits there.
    pub(crate) fn new(
        memory: &Memory,
        kind: PacketKind,
        packet: &PacketCtx,
        ctx: Area,
        room: &mut Option<Room>,
    ) -> Result<Frame, FrameError> {
        let len = packet.data.len() as u64;
        if len < ETH_HLEN && kind != PacketKind::Skb(Seen::Payload) {
            let text =
                format!("a packet has at least an Ethernet header of {ETH_HLEN} bytes, this one has {len}");
            return Err(FrameError::BadInput(text));
        }
        let meta = packet.meta.len() as u64;
        if !meta.is_multiple_of(4) || meta > MAX_META {
            let text = format!("metadata of {meta} bytes: it must be a multiple of 4 up to {MAX_META}");
            return Err(FrameError::BadInput(text));
        }
        let size = match kind {
            PacketKind::Xdp => xdp::frame_size(len, packet.frags as u64),
            PacketKind::Skb(_) => skb::frame_size(len),
        };
        if let Some(old) = room.take_if(|it| it.size < size) {
            memory.free(old.start);
        }
        let room = match room {
            Some(room) => *room,
            None => *room.insert(Room::new(memory, size)?),
        };
        Ok(Frame::place(memory, kind, packet, ctx, room.start..room.start + size))
    }

    /// Puts the same packet back to where it was at first, as if no program had seen it.
    pub(crate) fn reset(self, memory: &Memory, packet: &PacketCtx) -> Frame {
        Frame::place(memory, self.kind, packet, self.ctx, self.hard_start..self.hard_end)
    }

    fn place(
        memory: &Memory,
        kind: PacketKind,
        packet: &PacketCtx,
        ctx: Area,
        hard: std::ops::Range<u64>,
    ) -> Frame {
        let headroom = match kind {
            PacketKind::Xdp => xdp::HEADROOM,
            PacketKind::Skb(_) => skb::HEADROOM,
        };
        let pulled = match kind {
            PacketKind::Skb(Seen::AsSaid) if !packet.link_header => ETH_HLEN,
            PacketKind::Skb(Seen::Network) => ETH_HLEN,
            _ => 0,
        };
        let mac = hard.start + headroom;
        let frame = Frame {
            kind,
            ctx,
            hard_start: hard.start,
            hard_end: hard.end,
            data_meta: mac + pulled - packet.meta.len() as u64,
            data: mac + pulled,
            data_end: mac + packet.data.len().saturating_sub(packet.frags) as u64,
            frags: packet.frags.min(packet.data.len()) as u64,
            mac,
            network: if kind == PacketKind::Skb(Seen::Payload) { mac } else { mac + ETH_HLEN },
            encapsulated: false,
        };
        // All of it lies between the hard limits.
        let _ = memory.fill(hard.start, (hard.end - hard.start) as usize, 0);
        let _ = memory.poke(mac, &packet.data);
        let _ = memory.poke(frame.data_meta, &packet.meta);
        frame.expose(memory);
        match kind {
            PacketKind::Xdp => xdp::fill(memory, &frame, packet),
            PacketKind::Skb(_) => skb::fill(memory, &frame, packet),
        }
        frame
    }

    /// The same packet with at least so much room before and behind it: where it is, or elsewhere, as the kernel
    /// reallocates a buffer. Then nothing is left where it was.
    pub(crate) fn with_room(
        self,
        memory: &Memory,
        head: u64,
        tail: u64,
        room: &mut Option<Room>,
    ) -> Result<Frame, NoMemory> {
        if self.data_meta - self.hard_start >= head && self.hard_end - self.data_end >= tail {
            return Ok(self);
        }
        let used = self.data_end - self.data_meta;
        let larger = Room::new(memory, (head + used + tail).next_multiple_of(64) + skb::HEADROOM)?;
        // Both are allocated, and as long as this.
        let _ = memory.copy(larger.start + head, self.data_meta, used as usize);
        if let Some(old) = room.replace(larger) {
            memory.free(old.start);
        }
        let moved = |addr: u64| larger.start + head + addr.wrapping_sub(self.data_meta);
        Ok(Frame {
            hard_start: larger.start,
            hard_end: larger.start + larger.size,
            data_meta: moved(self.data_meta),
            data: moved(self.data),
            data_end: moved(self.data_end),
            mac: moved(self.mac),
            network: moved(self.network),
            ..self
        })
    }

    /// Bytes of the packet.
    pub(crate) fn len(&self) -> u64 {
        self.data_end - self.data + self.frags
    }

    /// Lets the program touch what the context shows, and no more.
    fn expose(&self, memory: &Memory) {
        memory.set_extent(self.hard_start, self.data_meta, (self.data_end - self.data_meta) as usize);
    }

    /// Makes the context and the program's rights follow a change of the frame.
    pub(crate) fn update(&self, memory: &Memory) {
        self.expose(memory);
        match self.kind {
            PacketKind::Xdp => xdp::show(memory, self),
            PacketKind::Skb(_) => skb::show(memory, self),
        }
    }

    /// The address of `len` bytes of the packet at an offset; `None` if they are not all there.
    pub(crate) fn at(&self, offset: u64, len: u64) -> Option<u64> {
        let end = offset.checked_add(len)?;
        (end <= self.len()).then(|| self.data + offset)
    }

    /// Copies of the metadata and the packet.
    pub(crate) fn bytes(&self, memory: &Memory) -> (Vec<u8>, Vec<u8>) {
        let copy = |from: u64, to: u64| {
            let mut bytes = vec![0; to.saturating_sub(from) as usize];
            let _ = memory.peek(from, &mut bytes);
            bytes
        };
        (copy(self.data_meta, self.data), copy(self.data, self.data_end + self.frags))
    }
}

/// Memory for one packet at a time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    start: u64,
    size: u64,
}

impl Room {
    fn new(memory: &Memory, size: u64) -> Result<Room, NoMemory> {
        let origin = Origin::new(ObjectKind::Packet, "packet");
        let start = memory.alloc(Arena::Packet, size as usize, 64, Rights::NONE, origin)?;
        let room = Room { start, size };
        // Nothing of it is visible yet, so that the rights cost nothing.
        room.close(memory);
        memory.set_rights(start, Rights::RW);
        Ok(room)
    }

    /// Takes the packet away: until the next one, there is nothing here that a program may touch.
    pub(crate) fn close(&self, memory: &Memory) {
        memory.set_extent(self.start, self.start, 0);
    }
}

/// The longest metadata: what the headroom leaves behind the frame's own header (`bpf_prog_test_run_xdp`).
pub(crate) const MAX_META: u64 = xdp::HEADROOM - xdp::FRAME_HEADER;
