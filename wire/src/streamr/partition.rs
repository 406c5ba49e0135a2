//! Which partition of a stream a message goes to.
//!
//! Publishers and readers that compute it themselves must come to the same number, so it is the one of the servers
//! before June 2019: MurmurHash3 of the key, its bytes taken in the wrong order.

use murmur3::murmur3_32;

/// The most partitions a stream has.
pub const PARTITIONS_MAX: u32 = 100;

/// How many partitions a stream has: 1 to [`PARTITIONS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partitions(u32);

impl Partitions {
    /// So many partitions; `None` if that is out of range.
    pub fn new(count: u32) -> Option<Self> {
        (1..=PARTITIONS_MAX).contains(&count).then_some(Self(count))
    }

    /// The number of partitions.
    pub fn count(self) -> u32 {
        self.0
    }

    /// Whether there is a partition of this number; they count from 0.
    pub fn contains(self, partition: u32) -> bool {
        partition < self.0
    }

    /// The partition of a key.
    pub fn of_key(self, key: &str) -> u32 {
        if self.0 == 1 { 0 } else { hash(key).unsigned_abs() % self.0 }
    }

    /// The partition of a message without a key, given any number: a random one, or one that counts up.
    pub fn of_number(self, number: u64) -> u32 {
        (number % u64::from(self.0)) as u32
    }
}

fn hash(key: &str) -> i32 {
    let hash = murmur3_32(&mut key.as_bytes(), 0).expect("reading from memory cannot fail");
    hash.swap_bytes().cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn partitions_of_keys_are_those_of_the_original_server() {
        // `key-0` to `key-99` in 10 partitions, as the original's own test has them.
        let expected = "563930282695585007285681792185643317152833868748235288898277088599972704464855082518688120\
                        7322579647";
        let partitions = Partitions::new(10).unwrap();
        for (at, digit) in expected.bytes().enumerate() {
            assert_eq!(partitions.of_key(&format!("key-{at}")), u32::from(digit - b'0'), "key-{at}");
        }
    }

    #[test]
    fn one_partition_takes_everything() {
        let one = Partitions::new(1).unwrap();
        assert_eq!((one.of_key("foo1"), one.of_number(u64::MAX)), (0, 0));
        assert!(one.contains(0) && !one.contains(1));
    }

    #[test]
    fn counts_have_bounds() {
        assert_eq!(Partitions::new(0), None);
        assert_eq!(Partitions::new(101), None);
        assert_eq!(Partitions::new(100).map(Partitions::count), Some(100));
    }

    proptest! {
        #[test]
        fn every_key_and_number_has_a_partition(count in 1..=PARTITIONS_MAX, key in any::<String>(), number in any::<u64>()) {
            let partitions = Partitions::new(count).unwrap();
            prop_assert!(partitions.contains(partitions.of_key(&key)));
            prop_assert!(partitions.contains(partitions.of_number(number)));
        }
    }
}
