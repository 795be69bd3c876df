//! Runs of one byte class, found by looking at every n-th byte only: n bytes in a row hold one of those.

use crate::rules::RunTable;

/// Calls `border(at)` for every offset from which at least `run.min` bytes of the class follow.
pub(super) fn find(run: &RunTable, haystack: &[u8], mut border: impl FnMut(usize)) {
    let min = run.min as usize;
    let mut probe = min - 1;
    // Nothing before this offset is to be looked at again: it belongs to no run, or to one that is done.
    let mut floor = 0;
    while probe < haystack.len() {
        if !run.has(haystack[probe]) {
            floor = probe + 1;
            probe += min;
            continue;
        }
        let start = haystack[floor..probe].iter().rposition(|&b| !run.has(b)).map_or(floor, |i| floor + i + 1);
        let end = haystack[probe..].iter().position(|&b| !run.has(b)).map_or(haystack.len(), |i| probe + i);
        if end - start >= min {
            (start..=end - min).for_each(&mut border);
        }
        floor = end + 1;
        probe = end + min;
    }
}
