//! What is running: the state that lives as long as one invocation of a program.

use crate::context::{Area, Frame};
use crate::effects::Effects;
use crate::fire::{Seq, Traced};
use crate::net::{HeldSocket, NetEffects};
use crate::notes::BadLoads;
use crate::world::Piece;
use skep_abi::{MapType, ProgType};
use skep_maps::ObjRef;
use skep_memory::Site;
use std::net::IpAddr;

/// Where the packet, message or stream of a program is to go.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Redirect {
    /// The device's index; 0 if it goes to something else: a CPU, a socket, all devices of a map.
    pub ifindex: u32,
    /// The helper's flags: `BPF_F_INGRESS`; of `bpf_redirect_map`, `BPF_F_BROADCAST` and `BPF_F_EXCLUDE_INGRESS`.
    pub flags: u64,
    /// The element of a map that names the target.
    pub through: Option<Through>,
    /// `bpf_redirect_peer`: to the peer of the device, in its own network namespace.
    pub peer: bool,
    /// `bpf_redirect_neigh`: with the link header of whoever is the next hop.
    pub neigh: Option<NextHop>,
}

/// Who gets a packet next, where the kernel fills its link header in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NextHop {
    /// Whom the routes say.
    Routed,
    /// Who has this address.
    Address(IpAddr),
}

/// An element of a map that something is sent through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Through {
    /// The map's id.
    pub map_id: u32,
    /// The map's name.
    pub map: String,
    /// Its type.
    pub kind: MapType,
    /// The key.
    pub key: Vec<u8>,
}

/// One invocation of a program, its tail calls included.
#[derive(Debug, Default)]
pub(crate) struct Invocation {
    /// The CPU it runs on.
    pub(crate) cpu: u32,
    /// The program that was started; helpers whose prototype depends on the type look at its. Tail calls stay within
    /// a type.
    pub(crate) prog_type: Option<ProgType>,
    /// What r1 pointed to.
    pub(crate) ctx: Area,
    /// The data behind the context, if it is no packet.
    pub(crate) data: Option<Area>,
    /// The packet behind the context.
    pub(crate) frame: Option<Frame>,
    /// Its segment routing header, once the program changed it.
    pub(crate) srh: Option<crate::helpers::seg6::Srh>,
    /// The instruction pointer and mode of the registers in the context.
    pub(crate) probed: Option<Probed>,
    /// What the words of the context are, if a function is traced.
    pub(crate) traced: Option<Traced>,
    /// What an iterator writes into.
    pub(crate) seq: Option<Seq>,
    /// The return of a function on whose entry the program is attached too.
    pub(crate) session_return: bool,
    /// The program asked for what both sides of a session share.
    pub(crate) session_cookie: bool,
    /// What attaching said (`bpf_get_attach_cookie`).
    pub(crate) cookie: u64,
    /// Where the packet is to go.
    pub(crate) redirect: Option<Redirect>,
    /// What it did to the machine.
    pub(crate) effects: Effects,
    /// What was done to the network.
    pub(crate) net: NetEffects,
    /// References of sockets that are held.
    pub(crate) sockets: Vec<HeldSocket>,
    /// Loads through bad kernel addresses.
    pub(crate) bad_loads: Option<BadLoads>,
    /// The `bpf_spin_lock` that is held.
    pub(crate) held: Option<Held>,
    /// Rings that are being drained.
    pub(crate) draining: Vec<ObjRef>,
    /// Kernel memory to be freed: what callbacks look at, and what iterators go over.
    pub(crate) scratch: Vec<u64>,
    /// Kernel objects that were made for the program, to be ended with it.
    pub(crate) pieces: Vec<Piece>,
    /// The kernel's own view of the context, once it was asked for.
    pub(crate) kern_ctx: Option<u64>,
    /// The `bpf_res_spin_lock`s that are held, the last one at the end.
    pub(crate) res_held: Vec<Held>,
    /// How often interrupts were turned off.
    pub(crate) irqs_off: u32,
}

/// A lock that a program took.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Held {
    /// Where it is.
    pub(crate) addr: u64,
    /// Where it was taken.
    pub(crate) site: Site,
}

/// The registers that a kprobe found, as far as samples show them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Probed {
    pub(crate) ip: u64,
    /// Where the function starts.
    pub(crate) entry: u64,
    pub(crate) user: bool,
}
