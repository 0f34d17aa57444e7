//! Frames: where the packet in a frame has its parts, how it is damaged, and what resets its connection.

const ETHERNET: usize = 14;
const TCP: u8 = 6;
const UDP: u8 = 17;
/// TCP's flags, as in the 14th byte of its header.
const SYN: u8 = 0x02;
const RST: u8 = 0x04;
const ACK: u8 = 0x10;

/// Where the parts of an IP packet are in its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet {
    six: bool,
    transport: usize,
    end: usize,
    protocol: u8,
}

impl Packet {
    /// None for what is no IP packet, or is cut short. Later fragments have no protocol.
    pub(super) fn parse(frame: &[u8]) -> Option<Self> {
        let ip = frame.get(ETHERNET..)?;
        let packet = match (frame[12], frame[13], ip.first()? >> 4) {
            (0x08, 0x00, 4) => {
                let header = usize::from(ip[0] & 15) * 4;
                let total = usize::from(u16::from_be_bytes([*ip.get(2)?, *ip.get(3)?]));
                let later = u16::from_be_bytes([*ip.get(6)?, *ip.get(7)?]) & 0x1fff != 0;
                let protocol = if later { u8::MAX } else { *ip.get(9)? };
                let transport = ETHERNET + header;
                Self { six: false, transport, end: ETHERNET + total, protocol }
            }
            (0x86, 0xdd, 6) => {
                let payload = usize::from(u16::from_be_bytes([*ip.get(4)?, *ip.get(5)?]));
                let transport = ETHERNET + 40;
                Self { six: true, transport, end: transport + payload, protocol: *ip.get(6)? }
            }
            _ => return None,
        };
        let minimum = match packet.protocol {
            TCP => 20,
            UDP => 8,
            _ => 0,
        };
        let fits = packet.transport + minimum <= packet.end && packet.end <= frame.len();
        fits.then_some(packet)
    }

    /// The TCP or UDP port that it goes to.
    pub(super) fn port(&self, frame: &[u8]) -> Option<u16> {
        let at = self.transport + 2;
        let known = self.protocol == TCP || self.protocol == UDP;
        known.then(|| u16::from_be_bytes([frame[at], frame[at + 1]]))
    }

    /// Whether it belongs to a TCP connection that exists, and could be reset.
    pub(super) fn is_established(&self, frame: &[u8]) -> bool {
        self.protocol == TCP && frame[self.transport + 13] & (SYN | RST | ACK) == ACK
    }

    /// Flips one bit, which `random` chooses: of what programs sent, or else of the transport's
    /// header behind the ports. `silently` makes the checksum match again, and then only
    /// programs' data is touched. Whether there was a bit to flip.
    pub(super) fn corrupt(&self, frame: &mut [u8], random: u64, silently: bool) -> bool {
        let header = match self.protocol {
            TCP => usize::from(frame[self.transport + 12] >> 4) * 4,
            UDP => 8,
            _ => 4,
        };
        let mut start = self.transport + header;
        if silently && !(self.protocol == TCP || self.protocol == UDP) {
            return false;
        }
        if start >= self.end && !silently {
            start = self.transport + 4;
        }
        if start >= self.end {
            return false;
        }
        let bits = ((self.end - start) * 8) as u64;
        let bit = ((u128::from(random) * u128::from(bits)) >> 64) as usize;
        frame[start + bit / 8] ^= 1 << (bit % 8);
        if silently {
            self.write_checksum(frame);
        }
        true
    }

    /// What to send instead of an established connection's segment: a reset to its receiver, and
    /// one to its sender. Both carry exactly the sequence number that is expected there (RFC
    /// 5961), if nothing overtook the segment.
    pub(super) fn resets(&self, frame: &[u8]) -> [Vec<u8>; 2] {
        let at = self.transport;
        let forth = self.reset(frame, &frame[at + 4..at + 8], Some(&frame[at + 8..at + 12]));
        let mut back = self.reset(frame, &frame[at + 8..at + 12], None);
        let swap = |bytes: &mut [u8], first: usize, length: usize| {
            let (one, other) = bytes.split_at_mut(first + length);
            one[first..].swap_with_slice(&mut other[..length]);
        };
        swap(&mut back, 0, 6);
        let (addresses, length) = if self.six { (22, 16) } else { (26, 4) };
        swap(&mut back, addresses, length);
        let ports = back.len() - 20;
        swap(&mut back, ports, 2);
        [forth, back]
    }

    /// A segment without data, from the same end to the same.
    fn reset(&self, frame: &[u8], sequence: &[u8], acknowledged: Option<&[u8]>) -> Vec<u8> {
        let network = if self.six { 40 } else { 20 };
        let mut bytes = frame[..ETHERNET + network].to_vec();
        let at = bytes.len();
        bytes.extend_from_slice(&frame[self.transport..self.transport + 4]);
        bytes.extend_from_slice(sequence);
        bytes.extend_from_slice(acknowledged.unwrap_or(&[0; 4]));
        bytes.extend_from_slice(&[5 << 4, if acknowledged.is_some() { RST | ACK } else { RST }]);
        bytes.extend_from_slice(&[0; 6]);
        if self.six {
            bytes[ETHERNET + 4..ETHERNET + 6].copy_from_slice(&20_u16.to_be_bytes());
        } else {
            bytes[ETHERNET] = 0x45;
            bytes[ETHERNET + 2..ETHERNET + 4].copy_from_slice(&40_u16.to_be_bytes());
            bytes[ETHERNET + 10..ETHERNET + 12].fill(0);
            let sum = fold(sum(0, &bytes[ETHERNET..ETHERNET + 20]));
            bytes[ETHERNET + 10..ETHERNET + 12].copy_from_slice(&sum.to_be_bytes());
        }
        let end = bytes.len();
        Self { transport: at, end, ..*self }.write_checksum(&mut bytes);
        bytes
    }

    /// RFC 1071, over the pseudo-header and the segment. A datagram without a checksum keeps none.
    fn write_checksum(&self, frame: &mut [u8]) {
        let at = self.transport + if self.protocol == TCP { 16 } else { 6 };
        let none = frame[at..at + 2] == [0, 0];
        if none && self.protocol == UDP {
            return;
        }
        frame[at..at + 2].fill(0);
        let length = self.end - self.transport;
        let addresses = if self.six { 22..54 } else { 26..34 };
        let pseudo = sum(u32::from(self.protocol) + length as u32, &frame[addresses]);
        let mut checksum = fold(sum(pseudo, &frame[self.transport..self.end]));
        if checksum == 0 && self.protocol == UDP {
            checksum = u16::MAX;
        }
        frame[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
    }
}

fn sum(start: u32, bytes: &[u8]) -> u32 {
    bytes.chunks(2).fold(start, |sum, pair| {
        sum + u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))
    })
}

fn fold(mut sum: u32) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TCP segment with `data`, or a datagram, from 10.0.0.1:1000 to 10.0.0.2:2000.
    fn frame(protocol: u8, data: &[u8]) -> Vec<u8> {
        let mut frame = [&[1; 6][..], &[2; 6], &[8, 0]].concat();
        let header = if protocol == TCP { 20 } else { 8 };
        let total = (20 + header + data.len()) as u16;
        frame.extend_from_slice(&[
            0x45,
            0,
            (total >> 8) as u8,
            total as u8,
            0,
            0,
            0,
            0,
            64,
            protocol,
        ]);
        frame.extend_from_slice(&[0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend_from_slice(&[1000_u16.to_be_bytes(), 2000_u16.to_be_bytes()].concat());
        if protocol == TCP {
            frame.extend_from_slice(&[0, 0, 0, 7, 0, 0, 0, 9, 5 << 4, ACK, 1, 1, 0xff, 0, 0, 0]);
        } else {
            frame.extend_from_slice(&[0, (8 + data.len()) as u8, 1, 1]);
        }
        frame.extend_from_slice(data);
        Packet::parse(&frame).unwrap().write_checksum(&mut frame);
        frame
    }

    /// Whether a kernel would accept it.
    fn sums_up(frame: &[u8]) -> bool {
        let packet = Packet::parse(frame).unwrap();
        let length = (packet.end - packet.transport) as u32;
        let pseudo = sum(u32::from(packet.protocol) + length, &frame[26..34]);
        fold(sum(pseudo, &frame[packet.transport..packet.end])) == 0
    }

    #[test]
    fn one_bit_is_flipped_and_only_silently_goes_unnoticed() {
        for protocol in [TCP, UDP] {
            for random in [0, 1 << 62, u64::MAX] {
                let whole = frame(protocol, b"precious");
                assert!(sums_up(&whole));
                for silently in [false, true] {
                    let mut damaged = whole.clone();
                    let packet = Packet::parse(&damaged).unwrap();
                    assert!(packet.corrupt(&mut damaged, random, silently));
                    assert_eq!(sums_up(&damaged), silently);
                    let data = whole.len() - 8;
                    let differing: u32 = whole[data..]
                        .iter()
                        .zip(&damaged[data..])
                        .map(|(one, other)| (one ^ other).count_ones())
                        .sum();
                    assert_eq!(differing, 1);
                }
            }
        }
    }

    #[test]
    fn a_segment_without_data_is_damaged_where_it_shows() {
        let mut bare = frame(TCP, b"");
        let packet = Packet::parse(&bare).unwrap();
        assert!(!packet.corrupt(&mut bare.clone(), 5, true));
        assert!(packet.corrupt(&mut bare, 1 << 60, false) && !sums_up(&bare));
    }

    #[test]
    fn resets_go_both_ways_with_the_numbers_that_are_expected() {
        let segment = frame(TCP, b"hello");
        let packet = Packet::parse(&segment).unwrap();
        assert!(packet.is_established(&segment) && packet.port(&segment) == Some(2000));
        let [forth, back] = packet.resets(&segment);
        assert!(sums_up(&forth) && sums_up(&back) && forth.len() == 54);
        assert_eq!((&forth[..12], &forth[26..38]), (&segment[..12], &segment[26..38]));
        assert_eq!(&forth[38..42], &[0, 0, 0, 7]);
        assert_eq!((&back[..6], &back[26..34]), (&[2; 6][..], &[10, 0, 0, 2, 10, 0, 0, 1][..]));
        assert_eq!((&back[34..38], &back[38..42]), (&[7, 208, 3, 232][..], &[0, 0, 0, 9][..]));
        assert!(!Packet::parse(&forth).unwrap().is_established(&forth));
    }

    #[test]
    fn what_is_cut_short_or_foreign_has_no_parts() {
        let whole = frame(TCP, b"x");
        assert!((0..whole.len()).all(|length| Packet::parse(&whole[..length]).is_none()));
        let arp = [&[0xff; 6][..], &[2; 6], &[8, 6], &[0; 46]].concat();
        assert_eq!(Packet::parse(&arp), None);
    }
}
