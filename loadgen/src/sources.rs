//! Source addresses: which local address each connection is bound to.
//!
//! One (source, destination) pair has about 28,000 ephemeral ports, and servers limit connections per address; a range of
//! loopback addresses lifts both. Owns the arithmetic only, binds nothing. Tests are below.

use std::net::Ipv4Addr;

use crate::error::Error;

/// A range of IPv4 addresses, used round robin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    first: u32,
    count: u32,
}

impl Sources {
    /// Parses `127.0.0.0/8`, or one address without a prefix length.
    ///
    /// The network's first and last address are left out where the range has more than two.
    pub fn parse(range: &str) -> Result<Self, Error> {
        let refuse = |reason| Error::Sources { range: range.to_owned(), reason };
        let (address, bits) = range.split_once('/').unwrap_or((range, "32"));
        let address: Ipv4Addr =
            address.parse().map_err(|_| refuse("expected an IPv4 address, a slash and a prefix length"))?;
        let bits: u32 = bits
            .parse()
            .ok()
            .filter(|bits| (1..=32).contains(bits))
            .ok_or_else(|| refuse("the prefix length must be 1 to 32"))?;
        let size = 1u64 << (32 - bits);
        let network = u32::from(address) & !u32::try_from(size - 1).unwrap_or(u32::MAX);
        let (skipped, count) = if size > 2 { (1, size - 2) } else { (0, size) };
        Ok(Self { first: network + skipped, count: u32::try_from(count).unwrap_or(u32::MAX) })
    }

    /// The address of the connection with this index.
    pub fn address(&self, index: usize) -> Ipv4Addr {
        let offset = index as u64 % u64::from(self.count);
        Ipv4Addr::from(self.first + u32::try_from(offset).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_round() {
        let table = [
            ("127.0.0.0/8", 0, "127.0.0.1"),
            ("127.0.0.0/8", 255, "127.0.1.0"),
            ("127.0.0.0/8", 16_777_213, "127.255.255.254"),
            ("127.0.0.0/8", 16_777_214, "127.0.0.1"),
            ("127.3.2.77/24", 0, "127.3.2.1"),
            ("127.3.2.77/24", 254, "127.3.2.1"),
            ("127.0.0.9", 5, "127.0.0.9"),
            ("10.0.0.4/31", 1, "10.0.0.5"),
        ];
        for (range, index, expected) in table {
            assert_eq!(Sources::parse(range).unwrap().address(index).to_string(), expected, "{range} {index}");
        }
    }

    #[test]
    fn refused_ranges() {
        for range in ["", "127.0.0.0/0", "127.0.0.0/33", "::1/64", "127.0.0/8", "a/b"] {
            assert!(Sources::parse(range).unwrap_err().is_usage(), "{range}");
        }
    }
}
