//! Files of any size, read and scanned piece by piece on the calling thread.

use super::Engine;
use crate::scan::Match;
use crate::status::{Error, Result, TRM_ERR_IO, TRM_ERR_PANIC};
use crate::stream::Text;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Bytes that a file scan keeps at most from one piece to the next, unless its options say otherwise.
pub const DEFAULT_FILE_CARRY: u64 = 64 << 20;
/// Bytes that are read at a time: they are gone over several times, and stay in the cache for that.
const PIECE: u64 = 256 << 10;

impl Engine {
    /// Scans a file with the set that is loaded under `id` now. `sink` gets the matches in their order, some at a time, and
    /// says whether to go on. Answers how many bytes were scanned, and whether that is all of the file.
    ///
    /// Of a file with a size so many bytes are scanned as it had at first; of others (pipes), all that come.
    pub fn scan_file(
        &self,
        id: u32,
        path: &Path,
        limit: u64,
        scanned: &mut u64,
        mut sink: impl FnMut(&[Match]) -> bool,
    ) -> Result<bool> {
        let set = self.sets.get(id)?;
        let failed = |what: &str, why: std::io::Error| {
            Error::new(TRM_ERR_IO, format!("{} could not be {what}: {why}", path.display()))
        };
        let mut file = File::open(path).map_err(|why| failed("opened", why))?;
        let known = file.metadata().map_err(|why| failed("looked at", why))?;
        // Files that the system makes while they are read have no size.
        let size = (known.is_file() && known.len() > 0).then_some(known.len());
        let mut text = Text::new(set.rules.clone(), limit);
        // Matches that others, still to come, may go before.
        let mut held: Vec<Match> = Vec::new();
        loop {
            let left = size.map_or(u64::MAX, |size| size - text.len());
            // As much as was kept, at least: so every byte is scanned twice at most, however much is kept.
            let piece = PIECE.max(text.kept()).min(left);
            let before = text.len();
            let new = crate::panics::guarded(|| {
                self.with_scratch(|scratch| {
                    text.feed_by(scratch, |to| read_up_to(&mut file, piece, to).map_err(|why| failed("read", why)))
                })
            });
            held.extend(new.unwrap_or_else(|| Err(TRM_ERR_PANIC.into()))?);
            *scanned = text.len();
            if text.len() == before {
                break;
            }
            if !give(&mut held, text.open(), &mut sink) {
                return Ok(false);
            }
        }
        if let Some(size) = size
            && *scanned < size
        {
            let message = format!(
                "{} shrank while it was scanned: of {size} bytes {scanned} were there, and the matches of those were given",
                path.display()
            );
            return Err(Error::new(TRM_ERR_IO, message));
        }
        let last = crate::panics::guarded(|| self.with_scratch(|scratch| text.end(scratch)));
        held.extend(last.ok_or(TRM_ERR_PANIC)?);
        Ok(give(&mut held, u64::MAX, &mut sink))
    }
}

/// Gives those of the held matches that nothing can come before.
fn give(held: &mut Vec<Match>, open: u64, sink: &mut impl FnMut(&[Match]) -> bool) -> bool {
    held.sort_unstable_by_key(Match::key);
    // What is still to come starts at `open` or behind, so it ends there at the earliest.
    let ready = held.partition_point(|m| m.end < open);
    if ready > 0 && !sink(&held[..ready]) {
        return false;
    }
    held.drain(..ready);
    true
}

/// Appends up to so many bytes; fewer only at the end of the file.
fn read_up_to(file: &mut File, bytes: u64, to: &mut Vec<u8>) -> std::io::Result<()> {
    file.take(bytes).read_to_end(to).map(drop)
}
