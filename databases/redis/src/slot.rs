//! Which of a cluster's 16384 slots a key is in: CRC16 of the key, or of what stands in its first
//! braces (the Redis Cluster specification, "Key distribution model").

/// Slots of a cluster.
const SLOTS: u16 = 16_384;

/// The slot of `key`.
pub(crate) fn key_slot(key: &str) -> u16 {
    crc16(tag(key).as_bytes()) % SLOTS
}

/// What counts of a key: what is between its first `{` and the next `}`, if that is not empty.
fn tag(key: &str) -> &str {
    let Some((_, rest)) = key.split_once('{') else { return key };
    match rest.split_once('}') {
        Some((tag, _)) if !tag.is_empty() => tag,
        _ => key,
    }
}

/// CRC-16/XMODEM: polynomial 0x1021, from zero, not reflected.
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0_u16;
    for byte in bytes {
        crc ^= u16::from(*byte) << 8;
        for _ in 0..8 {
            crc = if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
        }
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis() {
        assert_eq!(crc16(b"123456789"), 0x31C3, "the check value of CRC-16/XMODEM");
        // As `CLUSTER KEYSLOT` answers.
        assert_eq!(key_slot("somekey"), 11_058);
        assert_eq!(key_slot("foo{hash_tag}"), 2_515);
        assert_eq!(key_slot("bar{hash_tag}"), 2_515);
    }

    #[test]
    fn only_the_first_braces_count_and_only_when_there_is_something_in_them() {
        assert_eq!(key_slot("{user1000}.following"), key_slot("user1000"));
        assert_eq!(tag("foo{}{bar}"), "foo{}{bar}");
        assert_eq!(tag("foo{{bar}}zap"), "{bar");
        assert_eq!(tag("foo{bar}{zap}"), "bar");
        assert_eq!(tag("foo{bar"), "foo{bar");
    }
}
