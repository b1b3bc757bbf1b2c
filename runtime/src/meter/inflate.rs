//! Unpacks gzip bytes as they pass, for the meter alone.

use std::io::Write;

use flate2::write::MultiGzDecoder;

/// Most bytes that an answer may unpack to before it is no longer read: a bomb costs no more than this much work.
const UNPACKED_MAX_BYTES: usize = 256 * 1024 * 1024;

/// An unpacker in the middle of a stream.
#[derive(Debug)]
pub(super) struct Inflate {
    decoder: MultiGzDecoder<Vec<u8>>,
    unpacked: usize,
}

impl Default for Inflate {
    fn default() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), unpacked: 0 }
    }
}

/// The bytes are not gzip, or unpack to more than anybody sends.
#[derive(Debug)]
pub(super) struct InflateError;

impl Inflate {
    /// Unpacks the next bytes and hands on what they give.
    pub(super) fn feed(&mut self, bytes: &[u8], mut piece: impl FnMut(&[u8])) -> Result<(), InflateError> {
        // Small steps keep a bomb's output from piling up between two looks at the limit.
        for step in bytes.chunks(4096) {
            self.decoder.write_all(step).and_then(|()| self.decoder.flush()).map_err(|_| InflateError)?;
            let unpacked = self.decoder.get_mut();
            self.unpacked = self.unpacked.saturating_add(unpacked.len());
            if self.unpacked > UNPACKED_MAX_BYTES {
                return Err(InflateError);
            }
            piece(unpacked);
            unpacked.clear();
        }
        Ok(())
    }
}
