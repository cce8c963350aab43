//! Captures: pcap and pcapng files as a stream of Ethernet packets.

use std::fmt;
use std::io::{self, Cursor, Read};
use std::time::Duration;

use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};
use pcap_file::{DataLink, PcapError};

/// The first block of a pcapng file.
const PCAPNG_MAGIC: [u8; 4] = [0x0a, 0x0d, 0x0d, 0x0a];

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
            Format::Pcap(reader) => match reader.next_packet() {
                None => Ok(None),
                Some(Err(error)) => Err(explain(&error)),
                Some(Ok(packet)) => Ok(Some(Captured {
                    time: packet.timestamp,
                    wire_len: packet.orig_len,
                    data: packet.data.into_owned(),
                })),
            },
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

/// The next packet of a pcapng file, past the blocks that are none.
fn next_of_ng<R: Read>(reader: &mut PcapNgReader<R>) -> Result<Option<Captured>, String> {
    loop {
        let (interface, packet) = match reader.next_block() {
            None => return Ok(None),
            Some(Err(error)) => return Err(explain(&error)),
            Some(Ok(Block::EnhancedPacket(packet))) => {
                let data = packet.data.into_owned();
                (
                    packet.interface_id,
                    Captured { time: packet.timestamp, wire_len: packet.original_len, data },
                )
            }
            Some(Ok(Block::SimplePacket(packet))) => {
                let data = packet.data.into_owned();
                (0, Captured { time: Duration::ZERO, wire_len: packet.original_len, data })
            }
            Some(Ok(_)) => continue,
        };
        match reader.interfaces().get(interface as usize) {
            Some(interface) => check_link(interface.linktype)?,
            None => return Err(format!("the packet is of interface {interface}, which is not there")),
        }
        return Ok(Some(packet));
    }
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
