//! Captures: pcap and pcapng files as a stream of Ethernet packets.

use std::fmt;
use std::io::{self, Cursor, Read};
use std::time::Duration;

use pcap_file::pcap::{PcapReader, RawPcapPacket};
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};

/// The first block of a pcapng file.
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

/// Nanoseconds of a second.
const NANOS: u64 = 1_000_000_000;

/// A capture that is read packet by packet; its size does not matter.
pub struct Capture<'a> {
    format: Format<Box<dyn Read + 'a>>,
    read: usize,
    failed: bool,
}

enum Format<R: Read> {
    Pcap(PcapReader<R>),
    PcapNg(PcapNgReader<R>),
}

/// One packet of a capture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    /// When it was captured, as the file has it: mostly since 1970.
    pub time: Duration,
    /// The bytes that were captured, from the Ethernet header on.
    pub data: Vec<u8>,
    /// How long it was on the wire.
    pub wire_len: u32,
}

/// Why a capture cannot be read further.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaptureError {
    /// How many packets were read before.
    pub after: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for CaptureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after {
            0 => f.write_str(&self.reason),
            after => write!(f, "after packet {after}: {}", self.reason),
        }
    }
}

impl std::error::Error for CaptureError {}

impl<'a> Capture<'a> {
    /// Starts to read. The format is told by the first bytes.
    ///
    /// # Errors
    /// The file's header is of no known format, or of a capture that is not of Ethernet.
    pub fn new(mut source: impl Read + 'a) -> Result<Capture<'a>, CaptureError> {
        let failed = |reason: String| CaptureError { after: 0, reason };
        let mut magic = Vec::new();
        source.by_ref().take(4).read_to_end(&mut magic).map_err(|error| failed(error.to_string()))?;
        let is_ng = magic == PCAPNG_MAGIC;
        if magic.len() < 4 {
            return Err(failed(format!("this is no capture: it has only {} bytes", magic.len())));
        }
        let source: Box<dyn Read + 'a> = Box::new(Cursor::new(magic).chain(source));
        let format = if is_ng {
            Format::PcapNg(PcapNgReader::new(source).map_err(|error| failed(explain(&error)))?)
        } else {
            let reader = PcapReader::new(source).map_err(|error| match error {
                PcapError::InvalidField(_) => failed("this is neither pcap nor pcapng".to_owned()),
                error => failed(explain(&error)),
            })?;
            check_link(reader.header().datalink).map_err(failed)?;
            Format::Pcap(reader)
        };
        Ok(Capture { format, read: 0, failed: false })
    }

    fn take(&mut self) -> Result<Option<Captured>, String> {
        match &mut self.format {
            // As it is: the library's own checks refuse every packet that was longer than the snapshot length.
            Format::Pcap(reader) => {
                let resolution = reader.header().ts_resolution;
                let packet = reader.next_raw_packet().transpose().map_err(|error| explain(&error))?;
                Ok(packet.map(|packet| captured(packet, resolution)))
            }
            Format::PcapNg(reader) => next_of_ng(reader),
        }
    }
}

impl Iterator for Capture<'_> {
    type Item = Result<Captured, CaptureError>;

    /// The next packet. After an error there is no more.
    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        match self.take() {
            Ok(packet) => {
                self.read += usize::from(packet.is_some());
                packet.map(Ok)
            }
            Err(reason) => {
                self.failed = true;
                Some(Err(CaptureError { after: self.read, reason }))
            }
        }
    }
}

/// A record of a pcap file.
fn captured(packet: RawPcapPacket<'_>, resolution: TsResolution) -> Captured {
    let unit = if resolution == TsResolution::MicroSecond { 1000 } else { 1 };
    let fraction = Duration::from_nanos(u64::from(packet.ts_frac) * unit);
    Captured {
        time: Duration::from_secs(packet.ts_sec.into()) + fraction,
        wire_len: packet.orig_len,
        data: packet.data.into_owned(),
    }
}

/// A packet of a pcapng file, as its block has it.
struct Packet {
    /// The interface's number in its section.
    interface: u32,
    /// The time in the interface's units; none in simple packets.
    ticks: Option<u64>,
    is_obsolete: bool,
    wire_len: u32,
    data: Vec<u8>,
}

/// The next packet of a pcapng file, past the blocks that are none.
fn next_of_ng<R: Read>(reader: &mut PcapNgReader<R>) -> Result<Option<Captured>, String> {
    loop {
        let Some(block) = reader.next_block() else { return Ok(None) };
        let Some(mut packet) = packet_of(block.map_err(|error| explain(&error))?) else { continue };
        // The obsolete block's time is two words, the high one first, in either byte order.
        if packet.is_obsolete && reader.section().endianness == Endianness::Little {
            packet.ticks = packet.ticks.map(|ticks| ticks.rotate_left(32));
        }
        let interface = reader.interfaces().get(packet.interface as usize);
        let interface = interface
            .ok_or_else(|| format!("the packet is of interface {}, which is not there", packet.interface))?;
        check_link(interface.linktype)?;
        if packet.ticks.is_none() {
            // A simple packet does not say how much of it was captured; the rest of its block is padding.
            let limit = if interface.snaplen == 0 { u32::MAX } else { interface.snaplen };
            packet.data.truncate(packet.wire_len.min(limit) as usize);
        }
        let time = packet.ticks.map_or(Duration::ZERO, |ticks| time_of(ticks, interface));
        return Ok(Some(Captured { time, wire_len: packet.wire_len, data: packet.data }));
    }
}

/// The packet that a block is.
fn packet_of(block: Block<'_>) -> Option<Packet> {
    Some(match block {
        Block::EnhancedPacket(packet) => Packet {
            interface: packet.interface_id,
            // The library takes every unit for a nanosecond.
            ticks: Some(packet.timestamp.as_nanos() as u64),
            is_obsolete: false,
            wire_len: packet.original_len,
            data: packet.data.into_owned(),
        },
        Block::SimplePacket(packet) => Packet {
            interface: 0,
            ticks: None,
            is_obsolete: false,
            wire_len: packet.original_len,
            data: packet.data.into_owned(),
        },
        Block::Packet(packet) => Packet {
            interface: packet.interface_id.into(),
            ticks: Some(packet.timestamp),
            is_obsolete: true,
            wire_len: packet.original_len,
            data: packet.data.into_owned(),
        },
        _ => return None,
    })
}

/// The time that a number of an interface's units is (`if_tsresol`, `if_tsoffset` of draft-ietf-opsawg-pcapng).
fn time_of(ticks: u64, interface: &InterfaceDescriptionBlock<'_>) -> Duration {
    let (mut resolution, mut offset) = (6, 0);
    for option in &interface.options {
        match option {
            InterfaceDescriptionOption::IfTsResol(value) => resolution = *value,
            InterfaceDescriptionOption::IfTsOffset(value) => offset = *value as i64,
            _ => {}
        }
    }
    let exponent = u32::from(resolution & 0x7f);
    let base: u128 = if resolution & 0x80 == 0 { 10 } else { 2 };
    // Units so short that their number in a second is no number are nothing.
    let per_second = base.checked_pow(exponent).unwrap_or(u128::MAX);
    let nanos = u128::from(ticks) * u128::from(NANOS) / per_second;
    let seconds = (nanos / u128::from(NANOS)) as i128 + i128::from(offset);
    let seconds = u64::try_from(seconds.max(0)).unwrap_or(u64::MAX);
    Duration::new(seconds, (nanos % u128::from(NANOS)) as u32)
}

fn check_link(link: DataLink) -> Result<(), String> {
    match link {
        DataLink::ETHERNET => Ok(()),
        other => Err(format!("its packets are of link type {other:?}, not Ethernet")),
    }
}

fn explain(error: &PcapError) -> String {
    match error {
        PcapError::IncompleteBuffer => "the file ends in the middle of a packet".to_owned(),
        PcapError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "the file ends in the middle of a packet".to_owned()
        }
        PcapError::IoError(error) => error.to_string(),
        error => error.to_string(),
    }
}
