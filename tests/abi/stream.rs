//! A stream: a method a call.

use super::*;

/// Destroyed when dropped.
pub struct Stream(pub *mut trm_stream);

// SAFETY: the ABI says that any thread may use a stream.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: a stream of ours, or one that is closed already: both are allowed.
        unsafe { trm_stream_destroy(self.0) };
    }
}

impl Engine {
    pub fn open_stream(&self, set: u32, correlation: u32, carry: u64) -> Result<Stream, (trm_status, String)> {
        let size = size_of::<trm_stream_options>() as u32;
        let options = trm_stream_options { struct_size: size, flags: 0, max_carry_bytes: carry };
        let (mut stream, mut error) = (null_mut(), no_error());
        // SAFETY: living values.
        match unsafe { trm_stream_open(self.raw(), set, correlation, &options, &mut stream, &mut error) } {
            TRM_OK => Ok(Stream(stream)),
            status => Err((status, sentence(&error))),
        }
    }

    pub fn submit_segments(&self, parts: &[&[u8]], correlation: u32) -> Result<u64, trm_status> {
        let segments: Vec<_> =
            parts.iter().map(|part| trm_segment { bytes: part.as_ptr().cast(), len: part.len() }).collect();
        let mut ticket = 0;
        // SAFETY: as many segments as said, each as long as it says.
        match unsafe { trm_submit_segments(self.raw(), segments.as_ptr(), segments.len(), 0, correlation, &mut ticket) }
        {
            TRM_OK => Ok(ticket),
            status => Err(status),
        }
    }
}

impl Stream {
    pub fn feed(&self, bytes: &[u8]) -> Result<u64, (trm_status, String)> {
        let (mut ticket, mut error) = (0, no_error());
        // SAFETY: living values, and as many bytes as said.
        match unsafe { trm_stream_feed(self.0, bytes.as_ptr().cast(), bytes.len(), &mut ticket, &mut error) } {
            TRM_OK => Ok(ticket),
            status => Err((status, sentence(&error))),
        }
    }

    pub fn close(&self) -> Result<u64, trm_status> {
        let mut ticket = 0;
        // SAFETY: a living value.
        match unsafe { trm_stream_close(self.0, &mut ticket) } {
            TRM_OK => Ok(ticket),
            status => Err(status),
        }
    }
}
