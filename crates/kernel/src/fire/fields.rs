//! Programs whose context is a struct of the UAPI: its fields are the arguments, by their names there.
//!
//! What the kernel always says is said: the family of the addresses that a hook is for, the length of the data, a socket.
//! All else that is not given is zero. Fields for the start of data take the data; addresses may be written as text
//! (`"10.0.0.1"`), and are put in network byte order, in which `linux/bpf.h` has them.

use super::place::{Side, fit};
use super::setup::Setup;
use super::{Firing, Refusal};
use crate::context::{Context, PacketCtx, StructCtx};
use crate::world::{Args, FieldValue};
use skep_abi::ctx::{self, Field, FieldKind, Layout, bpf_sock};
use skep_abi::{AttachType, ProgType};
use std::net::{Ipv4Addr, Ipv6Addr};

/// `AF_INET`, `AF_INET6`, `AF_UNIX`; `SOCK_STREAM`, `SOCK_DGRAM`; `IPPROTO_TCP`, `IPPROTO_UDP`.
const INET: u32 = 2;
const INET6: u32 = 10;
const UNIX: u32 = 1;
const STREAM: u32 = 1;
const DGRAM: u32 = 2;
const TCP: u32 = 6;
const UDP: u32 = 17;

/// Bytes of a packet of which nothing is said.
const PACKET: usize = 64;

impl Firing<'_, '_> {
    fn context(&self) -> Result<&'static ctx::Context, Refusal> {
        let attach = AttachType::from_u32(self.info.expected_attach_type);
        let prog_type = self.info.prog_type;
        ctx::context(prog_type, attach)
            .ok_or_else(|| format!("{} programs have no context with fields", prog_type.name()))
    }

    /// A context of fields.
    pub(super) fn fields_of_context(&mut self) -> Result<Setup, Refusal> {
        let context = self.context()?;
        let mut made = StructCtx { bytes: vec![0; context.layout.size], data: Vec::new() };
        self.always(context.layout, &mut made);
        for field in context.layout.fields {
            match field.kind {
                FieldKind::PacketStart => {
                    let value = self.args.take(field.name).or_else(|| self.args.take("data"));
                    if let Some(value) = value {
                        made.data = data_of(&value).map_err(|why| format!("{}: {why}", field.name))?;
                        set_len(context.layout, &mut made);
                    }
                }
                FieldKind::PacketEnd => {}
                _ => {
                    if let Some(bytes) = self.field(field)? {
                        made.put(field, &bytes);
                    }
                }
            }
        }
        self.socket(context.layout, &mut made)?;
        self.finish_fields(context.layout)?;
        Ok(Setup::from(Context::Struct(made)))
    }

    /// A packet, and the fields of the context that shows it.
    pub(super) fn packet(&mut self) -> Result<Setup, Refusal> {
        let context = self.context()?;
        let data = match self.args.take("data") {
            Some(value) => data_of(&value).map_err(|why| format!("data: {why}"))?,
            None => vec![0; PACKET],
        };
        let mut packet = PacketCtx::new(data);
        if let Some(meta) = self.args.take("data_meta") {
            packet.meta = data_of(&meta).map_err(|why| format!("data_meta: {why}"))?;
        }
        for field in context.layout.fields {
            let place =
                [FieldKind::PacketStart, FieldKind::PacketMeta, FieldKind::PacketEnd, FieldKind::FlowKeys];
            if place.contains(&field.kind) {
                continue;
            }
            if let Some(bytes) = self.field(field)? {
                packet = packet.with_bytes(field, &bytes);
            }
        }
        self.finish_fields(context.layout)?;
        Ok(Setup::from(Context::Packet(packet)))
    }

    fn finish_fields(&self, layout: &Layout) -> Result<(), Refusal> {
        let shown = |field: &&Field| field.kind != FieldKind::PacketEnd && field.kind != FieldKind::FlowKeys;
        let names: Vec<&str> = layout.fields.iter().filter(shown).map(|it| it.name).collect();
        self.args.finish(&format!("struct {}", layout.name), &names)
    }

    /// The bytes of a field, if it was given.
    fn field(&mut self, field: &Field) -> Result<Option<Vec<u8>>, Refusal> {
        let Some(value) = self.args.take(field.name) else { return self.made_up(field) };
        let bytes = match field.kind {
            FieldKind::Socket | FieldKind::SocketOrNull | FieldKind::SockCommonOrNull => {
                self.given_socket(&value).map(|it| it.to_le_bytes().to_vec())
            }
            FieldKind::BtfId(name) => match &value {
                FieldValue::Fields(_) => self.named_struct(name, &value, Side::Kernel),
                other => self.untyped(other, Side::Kernel),
            }
            .map(|it| it.to_le_bytes().to_vec()),
            _ => encode(field, &value),
        };
        bytes.map(Some).map_err(|why| format!("{}: {why}", field.name))
    }

    /// A kernel struct that is always there.
    fn made_up(&mut self, field: &Field) -> Result<Option<Vec<u8>>, Refusal> {
        let FieldKind::BtfId(name) = field.kind else { return Ok(None) };
        let known = self.btf.as_ref().is_some_and(|it| it.find(skep_btf::Kind::Struct, name).is_some());
        if !known {
            return Ok(None);
        }
        let addr = self.named_struct(name, &FieldValue::Fields(Args::new()), Side::Kernel)?;
        Ok(Some(addr.to_le_bytes().to_vec()))
    }

    /// What the kernel always says, whatever the socket.
    fn always(&self, layout: &Layout, made: &mut StructCtx) {
        use AttachType::*;
        let attach = AttachType::from_u32(self.info.expected_attach_type);
        let name = attach.map_or("", AttachType::name);
        let family = match attach {
            Some(CgroupInet4PostBind) => INET,
            Some(CgroupInet6PostBind) => INET6,
            _ if name.contains("unix") => UNIX,
            _ if name.contains("inet6") || name.contains("udp6") => INET6,
            _ => INET,
        };
        let datagram = name.contains("udp");
        let (kind, protocol) = if datagram { (DGRAM, UDP) } else { (STREAM, TCP) };
        let mut say = |name: &str, value: u32| {
            if let Some(field) = layout.field(name) {
                made.put(field, &value.to_le_bytes());
            }
        };
        if matches!(
            self.info.prog_type,
            ProgType::CgroupSockAddr
                | ProgType::CgroupSock
                | ProgType::SockOps
                | ProgType::SkMsg
                | ProgType::SkLookup
        ) {
            say("user_family", family);
            say("family", family);
            say("type", kind);
            say("protocol", protocol);
        }
    }

    /// A socket where there is always one, which says what the context says.
    fn socket(&mut self, layout: &Layout, made: &mut StructCtx) -> Result<(), Refusal> {
        let Some(field) = layout.fields.iter().find(|it| it.kind == FieldKind::Socket) else { return Ok(()) };
        if made.bytes.get(field.range()).is_some_and(|it| it.iter().any(|byte| *byte != 0)) {
            return Ok(());
        }
        let mut bytes = vec![0; bpf_sock::LAYOUT.size];
        for (of_sock, names) in [
            (&bpf_sock::family, ["family", "user_family"]),
            (&bpf_sock::r#type, ["type", ""]),
            (&bpf_sock::protocol, ["protocol", "ip_protocol"]),
        ] {
            let from = names.iter().find_map(|name| layout.field(name)).map(|it| it.range());
            if let Some(value) = from.and_then(|range| made.bytes.get(range)) {
                bytes[of_sock.range()][..value.len().min(4)].copy_from_slice(&value[..value.len().min(4)]);
            }
        }
        let addr = self.put(&bytes, Side::Kernel, "bpf_sock")?;
        made.put(field, &addr.to_le_bytes());
        Ok(())
    }

    /// A socket by the fields of `struct bpf_sock`, or an address.
    fn given_socket(&mut self, value: &FieldValue) -> Result<u64, Refusal> {
        let FieldValue::Fields(fields) = value else { return self.untyped(value, Side::Kernel) };
        let mut bytes = vec![0; bpf_sock::LAYOUT.size];
        for (name, value) in fields.iter() {
            let field = bpf_sock::LAYOUT.field(name).ok_or_else(|| {
                let names: Vec<&str> = bpf_sock::LAYOUT.fields.iter().map(|it| it.name).collect();
                format!("struct bpf_sock has no {name:?}; it has {}", names.join(", "))
            })?;
            let new = encode(field, value).map_err(|why| format!("{name}: {why}"))?;
            bytes[field.offset..field.offset + new.len()].copy_from_slice(&new);
        }
        self.put(&bytes, Side::Kernel, "bpf_sock")
    }
}

/// Says how long the data is, where the context does.
fn set_len(layout: &Layout, made: &mut StructCtx) {
    let len = (made.data.len() as u32).to_le_bytes();
    for name in ["len", "size", "optlen", "skb_len"] {
        if let Some(field) = layout.field(name) {
            made.put(field, &len);
        }
    }
}

/// Bytes of data: bytes, a string without its NUL, or numbers of a byte each.
fn data_of(value: &FieldValue) -> Result<Vec<u8>, Refusal> {
    match value {
        FieldValue::Bytes(bytes) => Ok(bytes.clone()),
        FieldValue::Str(text) => Ok(text.as_bytes().to_vec()),
        FieldValue::List(list) => list.iter().map(byte_of).collect(),
        _ => Err("bytes, or a string".to_owned()),
    }
}

fn byte_of(value: &FieldValue) -> Result<u8, Refusal> {
    match value {
        FieldValue::Int(number) => Ok(fit(*number, 1)? as u8),
        _ => Err("a number of a byte".to_owned()),
    }
}

/// The bytes of a number, of several, or of an address in text.
fn encode(field: &Field, value: &FieldValue) -> Result<Vec<u8>, Refusal> {
    let bytes = match value {
        FieldValue::Int(number) => number_bytes(*number, field.width)?,
        FieldValue::Addr(addr) => number_bytes(i128::from(*addr), field.width)?,
        FieldValue::Bytes(bytes) => bytes.clone(),
        FieldValue::Str(text) => address(field, text)?,
        FieldValue::List(list) => {
            let mut bytes = Vec::new();
            for value in list {
                let FieldValue::Int(number) = value else { return Err("a list of numbers".to_owned()) };
                bytes.extend(number_bytes(*number, field.width)?);
            }
            bytes
        }
        _ => return Err("a number, or several".to_owned()),
    };
    match bytes.len() {
        len if len > field.size() => Err(format!("{len} bytes do not fit into {}", field.size())),
        _ => Ok(bytes),
    }
}

fn number_bytes(number: i128, width: usize) -> Result<Vec<u8>, Refusal> {
    let word = fit(number, width.min(8) as u64)?;
    Ok(word.to_le_bytes()[..width.min(8)].to_vec())
}

fn address(field: &Field, text: &str) -> Result<Vec<u8>, Refusal> {
    let bytes = match field.size() {
        4 => text.parse::<Ipv4Addr>().ok().map(|it| it.octets().to_vec()),
        16 => text.parse::<Ipv6Addr>().ok().map(|it| it.octets().to_vec()),
        _ => None,
    };
    bytes.ok_or_else(|| format!("{text:?} is no number and no address of {} bytes", field.size()))
}
