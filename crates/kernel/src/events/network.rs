//! A packet on its way through devices: XDP, traffic control, redirection.
//!
//! Coming in, a packet meets the device's XDP program, then tcx, then the filters of clsact; going out, tcx and clsact
//! (`__netif_receive_skb_core`, `sch_handle_egress`, `net/core/dev.c`). A netkit device hands what goes out of it to its
//! programs and then to its peer (`drivers/net/netkit.c`).

use crate::context::{Context, PacketCtx};
use crate::hooks::{Attached, Hook};
use crate::invocation::{Redirect, Through};
use crate::kernel::Kernel;
use crate::net::NetkitEnd;
use crate::object::Noun;
use crate::report::RunError;
use crate::run::Ran;
use skep_abi::ctx::{sk_buff, xdp_md};
use skep_abi::flags::{BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS, BPF_F_INGRESS};
use skep_abi::{MapType, tc, xdp};
use std::collections::VecDeque;
use std::fmt;

/// How often a packet goes from device to device (`XMIT_RECURSION_LIMIT`).
const LIMIT: u32 = 8;
/// The most copies of a packet that are on their way.
const COPIES: usize = 1024;

/// Where a program met a packet.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Stage {
    /// Coming in, before all else.
    Xdp,
    /// Behind a redirection, about to go out of a device of a DEVMAP.
    Devmap,
    /// Behind a redirection, on a CPU of a CPUMAP.
    Cpumap,
    /// Coming in, traffic control's own list.
    TcxIngress,
    /// Coming in, a filter of clsact.
    ClsactIngress,
    /// Going out, traffic control's own list.
    TcxEgress,
    /// Going out, a filter of clsact.
    ClsactEgress,
    /// Going out of a netkit device.
    Netkit,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Xdp => "xdp",
            Stage::Devmap => "xdp/devmap",
            Stage::Cpumap => "xdp/cpumap",
            Stage::TcxIngress => "tcx/ingress",
            Stage::ClsactIngress => "clsact/ingress",
            Stage::TcxEgress => "tcx/egress",
            Stage::ClsactEgress => "clsact/egress",
            Stage::Netkit => "netkit",
        })
    }
}

/// A program that a packet met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hop {
    /// The device.
    pub ifindex: u32,
    /// Where.
    pub stage: Stage,
    /// The program's name.
    pub program: String,
    /// What it came to.
    pub ran: Ran,
}

/// What became of a packet, or of a copy of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The network stack got it.
    Delivered {
        /// From this device.
        ifindex: u32,
        /// As it was then.
        packet: Vec<u8>,
    },
    /// It went out.
    Sent {
        /// Of this device.
        ifindex: u32,
        /// As it was then.
        packet: Vec<u8>,
    },
    /// An AF_XDP socket got it: an element of an XSKMAP.
    ToSocket {
        /// The element.
        through: Through,
        /// As it was then.
        packet: Vec<u8>,
    },
    /// A program took it (`TC_ACT_STOLEN`).
    Consumed {
        /// On this device.
        ifindex: u32,
        /// Where.
        stage: Stage,
    },
    /// It is gone.
    Dropped {
        /// On this device.
        ifindex: u32,
        /// Where.
        stage: Stage,
    },
    /// It went from device to device too often.
    Looped {
        /// The device it came to last.
        ifindex: u32,
    },
    /// There is no such device, or it is down.
    NoDevice {
        /// Its index.
        ifindex: u32,
    },
}

/// The way of a packet.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Journey {
    /// The programs that it and its copies met, in order.
    pub hops: Vec<Hop>,
    /// What became of it, and of copies that programs made.
    pub outcomes: Vec<Outcome>,
}

impl Journey {
    /// The names of the programs that it met, in order.
    pub fn programs(&self) -> Vec<&str> {
        self.hops.iter().map(|it| it.program.as_str()).collect()
    }
}

/// Where a packet is going next.
enum Step {
    /// Into a device from outside.
    Receive,
    /// Into the network stack, behind XDP.
    Stack,
    /// Out of a device.
    Transmit,
    /// Out of a device, past traffic control.
    Leave,
}

/// A packet that is on its way.
struct Flight {
    step: Step,
    ifindex: u32,
    cpu: u32,
    packet: PacketCtx,
    turns: u32,
}

/// What traffic control says of a packet.
enum Said {
    Pass,
    Drop,
    Steal,
    Redirect(Option<Redirect>),
}

impl Kernel {
    /// A packet comes into a device: XDP, and traffic control on its way in; and so on wherever programs send it.
    ///
    /// # Errors
    /// A program faulted, or could not be run; what it met before is not told then.
    pub fn receive(&mut self, ifindex: u32, cpu: u32, packet: PacketCtx) -> Result<Journey, RunError> {
        self.travel(Flight { step: Step::Receive, ifindex, cpu, packet, turns: 0 })
    }

    /// A packet of this machine's goes out of a device: traffic control on its way out, and so on.
    ///
    /// # Errors
    /// As for [`Kernel::receive`].
    pub fn transmit(&mut self, ifindex: u32, cpu: u32, packet: PacketCtx) -> Result<Journey, RunError> {
        self.travel(Flight { step: Step::Transmit, ifindex, cpu, packet, turns: 0 })
    }

    fn travel(&mut self, first: Flight) -> Result<Journey, RunError> {
        let mut journey = Journey::default();
        let mut flights = VecDeque::from([first]);
        while let Some(flight) = flights.pop_front() {
            let ifindex = flight.ifindex;
            if flight.turns > LIMIT {
                journey.outcomes.push(Outcome::Looped { ifindex });
                continue;
            }
            if self.core.net.device(ifindex).is_none_or(|it| !it.up) {
                journey.outcomes.push(Outcome::NoDevice { ifindex });
                continue;
            }
            let mut next = match flight.step {
                Step::Receive => self.meet_xdp(flight, &mut journey)?,
                Step::Stack => self.meet_tc(flight, true, &mut journey)?,
                Step::Transmit => self.meet_tc(flight, false, &mut journey)?,
                Step::Leave => self.leave(flight, &mut journey)?,
            };
            next.truncate(COPIES.saturating_sub(flights.len()));
            flights.extend(next);
        }
        Ok(journey)
    }

    fn meet_xdp(&mut self, flight: Flight, journey: &mut Journey) -> Result<Vec<Flight>, RunError> {
        let ifindex = flight.ifindex;
        let mut packet = flight.packet;
        for it in self.attached(&Hook::Xdp { ifindex }) {
            let shown = packet.clone().with(&xdp_md::ingress_ifindex, ifindex.into());
            let ran = self.meet(&it, shown, flight.cpu, ifindex, Stage::Xdp, journey)?;
            packet = carried(&ran, false);
            match ran.retval() {
                xdp::XDP_PASS => {}
                xdp::XDP_TX => {
                    journey.outcomes.push(Outcome::Sent { ifindex, packet: packet.data });
                    return Ok(Vec::new());
                }
                xdp::XDP_REDIRECT => {
                    let flight = Flight { packet, ..flight };
                    return self.redirect_xdp(&flight, ran.redirect, journey);
                }
                _ => {
                    journey.outcomes.push(Outcome::Dropped { ifindex, stage: Stage::Xdp });
                    return Ok(Vec::new());
                }
            }
        }
        Ok(vec![Flight { step: Step::Stack, packet, ..flight }])
    }

    /// Where XDP's `XDP_REDIRECT` leads: the maps' own programs run there (`xdp_do_redirect`, `net/core/filter.c`).
    fn redirect_xdp(
        &mut self,
        flight: &Flight,
        redirect: Option<Redirect>,
        journey: &mut Journey,
    ) -> Result<Vec<Flight>, RunError> {
        let ifindex = flight.ifindex;
        let dropped = Outcome::Dropped { ifindex, stage: Stage::Xdp };
        let Some(redirect) = redirect else {
            journey.outcomes.push(dropped);
            return Ok(Vec::new());
        };
        let Some(through) = redirect.through else {
            return Ok(vec![flight.onto(Step::Leave, redirect.ifindex)]);
        };
        match through.kind {
            MapType::Devmap | MapType::DevmapHash => {
                let mut flights = Vec::new();
                for (to, prog) in self.device_targets(&through, redirect.flags, ifindex) {
                    flights.extend(self.through_device(flight, to, prog, journey)?);
                }
                Ok(flights)
            }
            MapType::Cpumap => self.through_cpu(flight, &through, journey),
            _ => {
                journey.outcomes.push(Outcome::ToSocket { through, packet: flight.packet.data.clone() });
                Ok(Vec::new())
            }
        }
    }

    /// What an element of a DEVMAP or CPUMAP is: the device or the queue, and the id of its program.
    fn element(&self, map: u32, key: &[u8]) -> Option<(u32, u32)> {
        let map = self.core.objects.map(self.core.objects.by_number(Noun::Map, map)?)?;
        let value = map.map.lookup_user(&self.core.cx(&self.memory), key).ok()?;
        let word =
            |at: usize| value.get(at..at + 4).map(|it| u32::from_le_bytes([it[0], it[1], it[2], it[3]]));
        Some((word(0)?, word(4).unwrap_or(0)))
    }

    /// The devices that a redirection through a map is to, each with the id of its program.
    fn device_targets(&self, through: &Through, flags: u64, ingress: u32) -> Vec<(u32, u32)> {
        if flags & BPF_F_BROADCAST == 0 {
            return self.element(through.map_id, &through.key).into_iter().collect();
        }
        let map = self.core.objects.by_number(Noun::Map, through.map_id);
        let Some(map) = map.and_then(|it| self.core.objects.map(it)) else { return Vec::new() };
        let first = map.map.next_key(None).ok();
        let keys = std::iter::successors(first, |key| map.map.next_key(Some(key)).ok());
        let targets = keys.filter_map(|key| self.element(through.map_id, &key));
        let wanted = |it: &(u32, u32)| it.0 != 0 && (flags & BPF_F_EXCLUDE_INGRESS == 0 || it.0 != ingress);
        targets.filter(wanted).take(COPIES).collect()
    }

    fn through_device(
        &mut self,
        flight: &Flight,
        to: u32,
        prog: u32,
        journey: &mut Journey,
    ) -> Result<Vec<Flight>, RunError> {
        let mut onward = flight.onto(Step::Leave, to);
        if let Some(prog) = self.core.objects.by_number(Noun::Prog, prog) {
            let shown = flight
                .packet
                .clone()
                .with(&xdp_md::ingress_ifindex, flight.ifindex.into())
                .with(&xdp_md::egress_ifindex, to.into());
            let ran = self.meet(&Attached::new(prog), shown, flight.cpu, to, Stage::Devmap, journey)?;
            if ran.retval() != xdp::XDP_PASS {
                journey.outcomes.push(Outcome::Dropped { ifindex: to, stage: Stage::Devmap });
                return Ok(Vec::new());
            }
            onward.packet = carried(&ran, false);
        }
        Ok(vec![onward])
    }

    /// A CPU of a CPUMAP takes the packet: its program runs there, and the stack gets what that passes
    /// (`cpu_map_bpf_prog_run_xdp`, `kernel/bpf/cpumap.c`).
    fn through_cpu(
        &mut self,
        flight: &Flight,
        through: &Through,
        journey: &mut Journey,
    ) -> Result<Vec<Flight>, RunError> {
        let ifindex = flight.ifindex;
        let cpu = through.key.get(..4).map_or(0, |it| u32::from_le_bytes([it[0], it[1], it[2], it[3]]));
        let mut onward = Flight { cpu, ..flight.onto(Step::Stack, ifindex) };
        let prog = self.element(through.map_id, &through.key).map_or(0, |it| it.1);
        if let Some(prog) = self.core.objects.by_number(Noun::Prog, prog) {
            let shown = flight.packet.clone().with(&xdp_md::ingress_ifindex, ifindex.into());
            let ran = self.meet(&Attached::new(prog), shown, cpu, ifindex, Stage::Cpumap, journey)?;
            onward.packet = carried(&ran, false);
            match ran.retval() {
                xdp::XDP_PASS => {}
                xdp::XDP_REDIRECT
                    if ran.redirect.as_ref().is_some_and(|it| {
                        it.through.as_ref().is_none_or(|it| it.kind != MapType::Cpumap)
                    }) =>
                {
                    return self.redirect_xdp(&onward, ran.redirect, journey);
                }
                _ => {
                    journey.outcomes.push(Outcome::Dropped { ifindex, stage: Stage::Cpumap });
                    return Ok(Vec::new());
                }
            }
        }
        Ok(vec![onward])
    }

    fn meet_tc(
        &mut self,
        flight: Flight,
        ingress: bool,
        journey: &mut Journey,
    ) -> Result<Vec<Flight>, RunError> {
        let ifindex = flight.ifindex;
        let stages = match ingress {
            true => [Stage::TcxIngress, Stage::ClsactIngress],
            false => [Stage::TcxEgress, Stage::ClsactEgress],
        };
        let hooks = [Hook::Tcx { ifindex, ingress }, Hook::ClsAct { ifindex, ingress }];
        let mut packet = shown_by(flight.packet, ifindex, ingress);
        let mut flights = Vec::new();
        for (hook, stage) in hooks.iter().zip(stages) {
            for it in self.attached(hook) {
                let ran = self.meet(&it, packet.clone(), flight.cpu, ifindex, stage, journey)?;
                packet = carried(&ran, true);
                flights.extend(clones(&ran, flight.cpu, flight.turns));
                let Some(said) = said(ran.retval() as i32, stage, ran.redirect) else { continue };
                flights.extend(self.obey(Flight { packet, ..flight }, said, ingress, stage, journey));
                return Ok(flights);
            }
        }
        let flight = Flight { packet, ..flight };
        flights.extend(self.obey(flight, Said::Pass, ingress, stages[1], journey));
        Ok(flights)
    }

    /// What traffic control's verdict leads to: where the packet goes on, if it does.
    fn obey(
        &self,
        flight: Flight,
        said: Said,
        ingress: bool,
        stage: Stage,
        journey: &mut Journey,
    ) -> Option<Flight> {
        let ifindex = flight.ifindex;
        let outcome = match said {
            Said::Pass if ingress => Outcome::Delivered { ifindex, packet: flight.packet.data },
            Said::Pass => return Some(Flight { step: Step::Leave, ..flight }),
            Said::Redirect(Some(to)) => return Some(self.redirected(&flight, &to)),
            Said::Drop | Said::Redirect(None) => Outcome::Dropped { ifindex, stage },
            Said::Steal => Outcome::Consumed { ifindex, stage },
        };
        journey.outcomes.push(outcome);
        None
    }

    /// `skb_do_redirect`: to a device's receiving or sending side, or to its peer's.
    fn redirected(&self, flight: &Flight, to: &Redirect) -> Flight {
        if to.peer {
            let peer = match self.core.net.device(to.ifindex).and_then(|it| it.netkit) {
                Some(NetkitEnd::Primary { peer }) => peer,
                Some(NetkitEnd::Peer { primary }) => primary,
                None => to.ifindex,
            };
            return flight.onto(Step::Stack, peer);
        }
        let step = if to.flags & BPF_F_INGRESS != 0 { Step::Stack } else { Step::Transmit };
        flight.onto(step, to.ifindex)
    }

    /// Out of the device: a netkit device's programs, and its other end.
    fn leave(&mut self, flight: Flight, journey: &mut Journey) -> Result<Vec<Flight>, RunError> {
        let ifindex = flight.ifindex;
        let (hook, other) = match self.core.net.device(ifindex).and_then(|it| it.netkit) {
            Some(NetkitEnd::Primary { peer }) => (Hook::Netkit { ifindex, peer: false }, peer),
            Some(NetkitEnd::Peer { primary }) => (Hook::Netkit { ifindex: primary, peer: true }, primary),
            None => {
                journey.outcomes.push(Outcome::Sent { ifindex, packet: flight.packet.data });
                return Ok(Vec::new());
            }
        };
        let mut packet = shown_by(flight.packet, ifindex, false);
        let stage = Stage::Netkit;
        let mut flights = Vec::new();
        for it in self.attached(&hook) {
            let ran = self.meet(&it, packet.clone(), flight.cpu, ifindex, stage, journey)?;
            packet = carried(&ran, true);
            flights.extend(clones(&ran, flight.cpu, flight.turns));
            let Some(said) = said(ran.retval() as i32, stage, ran.redirect) else { continue };
            let flight = Flight { packet, ..flight };
            flights.extend(match said {
                Said::Pass => Some(flight.onto(Step::Stack, other)),
                said => self.obey(flight, said, false, stage, journey),
            });
            return Ok(flights);
        }
        let flight = Flight { packet, ..flight };
        flights.push(flight.onto(Step::Stack, other));
        Ok(flights)
    }

    /// Runs a program on a packet and notes that they met.
    fn meet(
        &mut self,
        it: &Attached,
        packet: PacketCtx,
        cpu: u32,
        ifindex: u32,
        stage: Stage,
        journey: &mut Journey,
    ) -> Result<Ran, RunError> {
        let program = self.name_of(it);
        let ran = self.run_attached(it, Context::Packet(packet), cpu)?;
        journey.hops.push(Hop { ifindex, stage, program, ran: ran.clone() });
        Ok(ran)
    }
}

impl Flight {
    /// The same packet on its way elsewhere.
    fn onto(&self, step: Step, ifindex: u32) -> Flight {
        Flight { step, ifindex, cpu: self.cpu, packet: self.packet.clone(), turns: self.turns + 1 }
    }
}

/// The copies of the packet that a program sent, on their way.
fn clones(ran: &Ran, cpu: u32, turns: u32) -> impl Iterator<Item = Flight> {
    ran.net.clones.iter().map(move |it| {
        let step = if it.flags & BPF_F_INGRESS != 0 { Step::Stack } else { Step::Transmit };
        let packet = PacketCtx::new(it.packet.clone());
        Flight { step, ifindex: it.ifindex, cpu, packet, turns: turns + 1 }
    })
}

/// The packet as a program left it; traffic control's fields go along from program to program.
fn carried(ran: &Ran, fields: bool) -> PacketCtx {
    let packet = PacketCtx::new(ran.packet_out.clone().unwrap_or_default()).with_meta(ran.meta_out.clone());
    if fields { PacketCtx { ctx: ran.ctx_out.clone(), ..packet } } else { packet }
}

/// The packet with the device that programs see it on.
fn shown_by(packet: PacketCtx, ifindex: u32, ingress: bool) -> PacketCtx {
    let packet = packet.with(&sk_buff::ifindex, ifindex.into());
    if ingress { packet.with(&sk_buff::ingress_ifindex, ifindex.into()) } else { packet }
}

/// What a program's answer means; `None`: the next one is asked (`tcx_action_code`, `cls_bpf_exec_opcode`,
/// `netkit_run`).
fn said(answer: i32, stage: Stage, redirect: Option<Redirect>) -> Option<Said> {
    let filter = matches!(stage, Stage::ClsactIngress | Stage::ClsactEgress);
    match answer {
        tc::TC_ACT_OK => Some(Said::Pass),
        tc::TC_ACT_SHOT => Some(Said::Drop),
        tc::TC_ACT_REDIRECT => Some(Said::Redirect(redirect)),
        tc::TC_ACT_STOLEN | tc::TC_ACT_TRAP if filter => Some(Said::Steal),
        _ => None,
    }
}
