//! A small generator of random numbers, so that a run can be repeated.

/// Xorshift.
pub(crate) struct Random(u64);

impl Random {
    /// The sequence with this number, from 1 on: neighbours have nothing in common.
    pub(crate) fn of(number: u64) -> Self {
        Self(number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}
