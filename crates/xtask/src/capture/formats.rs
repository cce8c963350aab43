//! The capture file formats: pcap in each byte order and resolution, and pcapng.

use std::borrow::Cow;
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapWriter};
use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketBlock;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::{DataLink, Endianness, PcapError, TsResolution};

use crate::command::Failure;

/// One line of a capture file: when, the bytes, the length on the wire.
pub(crate) type Record<'a> = (Duration, &'a [u8], usize);

impl From<PcapError> for Failure {
    fn from(error: PcapError) -> Failure {
        Failure::Missing(format!("writing a capture: {error}"))
    }
}

/// A pcap file.
pub(crate) fn pcap(
    endianness: Endianness,
    resolution: TsResolution,
    records: &[Record<'_>],
) -> Result<Vec<u8>, Failure> {
    let header = PcapHeader {
        endianness,
        ts_resolution: resolution,
        datalink: DataLink::ETHERNET,
        snaplen: 65535,
        ..PcapHeader::default()
    };
    let mut writer = PcapWriter::with_header(Vec::new(), header)?;
    for &(when, data, wire_len) in records {
        writer.write_packet(&PcapPacket::new(when, wire_len as u32, data))?;
    }
    Ok(writer.into_writer())
}

/// A pcapng file of two interfaces that take turns.
pub(crate) fn pcapng(records: &[Record<'_>]) -> Result<Vec<u8>, Failure> {
    let mut writer = PcapNgWriter::with_endianness(Vec::new(), Endianness::Little)?;
    for name in ["eth0", "eth1"] {
        let options = vec![
            InterfaceDescriptionOption::IfName(Cow::Borrowed(name)),
            // Nanoseconds: the only unit in which pcap-file writes the packets' times.
            InterfaceDescriptionOption::IfTsResol(9),
        ];
        let block = InterfaceDescriptionBlock { linktype: DataLink::ETHERNET, snaplen: 65535, options };
        writer.write_pcapng_block(block)?;
    }
    for (index, &(timestamp, data, wire_len)) in records.iter().enumerate() {
        writer.write_pcapng_block(EnhancedPacketBlock {
            interface_id: index as u32 % 2,
            timestamp,
            original_len: wire_len as u32,
            data: Cow::Borrowed(data),
            options: vec![],
        })?;
    }
    Ok(writer.into_inner())
}

#[cfg(test)]
mod tests {
    use super::*;
    use pcap_file::pcap::PcapReader;
    use pcap_file::pcapng::{Block, PcapNgReader};

    const RECORDS: [Record<'static>; 2] =
        [(Duration::new(5, 123_456_789), b"first", 5), (Duration::new(6, 0), b"sec", 600)];

    #[test]
    fn every_pcap_begins_with_its_magic_number_and_reads_back() {
        use Endianness::{Big, Little};
        use TsResolution::{MicroSecond, NanoSecond};
        let table = [
            (Little, MicroSecond, [0xd4, 0xc3, 0xb2, 0xa1], 123_456_000),
            (Big, MicroSecond, [0xa1, 0xb2, 0xc3, 0xd4], 123_456_000),
            (Little, NanoSecond, [0x4d, 0x3c, 0xb2, 0xa1], 123_456_789),
            (Big, NanoSecond, [0xa1, 0xb2, 0x3c, 0x4d], 123_456_789),
        ];
        for (endianness, resolution, magic, nanos) in table {
            let bytes = pcap(endianness, resolution, &RECORDS).unwrap();
            assert_eq!(bytes[..4], magic);
            let mut reader = PcapReader::new(&bytes[..]).unwrap();
            let first = reader.next_packet().unwrap().unwrap();
            assert_eq!((first.timestamp, &first.data[..]), (Duration::new(5, nanos), &b"first"[..]));
            assert_eq!(reader.next_packet().unwrap().unwrap().orig_len, 600);
            assert!(reader.next_packet().is_none());
        }
    }

    #[test]
    fn the_pcapng_has_two_interfaces() {
        let bytes = pcapng(&RECORDS).unwrap();
        let mut reader = PcapNgReader::new(&bytes[..]).unwrap();
        let mut packets = Vec::new();
        while let Some(block) = reader.next_block() {
            if let Block::EnhancedPacket(packet) = block.unwrap() {
                packets.push((packet.interface_id, packet.data.to_vec(), packet.original_len));
            }
        }
        assert_eq!(packets, [(0, b"first".to_vec(), 5), (1, b"sec".to_vec(), 600)]);
    }
}
