//! Running walks over an item.

use crate::rules::walk::{MATCH, View, start_kind};

impl View<'_> {
    /// Forwards from `at`. `found(end)` is called for each match until it says stop (false). Returns bytes read.
    #[inline]
    pub fn forward(&self, haystack: &[u8], at: usize, mut found: impl FnMut(usize) -> bool) -> usize {
        let neighbour = at.checked_sub(1).map(|i| haystack[i]);
        let mut state = self.walk.starts[start_kind(neighbour)];
        let mut i = at;
        while state != 0 {
            let Some(&byte) = haystack.get(i) else {
                if self.rows[(state + self.walk.end_class) as usize] & MATCH != 0 {
                    found(i);
                }
                break;
            };
            let entry = self.rows[state as usize + usize::from(self.classes[usize::from(byte)])];
            if entry & MATCH != 0 && !found(i) {
                break;
            }
            state = entry & !MATCH;
            i += 1;
        }
        i - at + 1
    }

    /// Backwards from `at`: the byte before `at` is read first. `found(start)` as above.
    #[inline]
    pub fn backward(&self, haystack: &[u8], at: usize, mut found: impl FnMut(usize) -> bool) -> usize {
        let mut state = self.walk.starts[start_kind(haystack.get(at).copied())];
        let mut i = at;
        while state != 0 {
            let Some(before) = i.checked_sub(1) else {
                if self.rows[(state + self.walk.end_class) as usize] & MATCH != 0 {
                    found(0);
                }
                break;
            };
            let entry = self.rows[state as usize + usize::from(self.classes[usize::from(haystack[before])])];
            if entry & MATCH != 0 && !found(i) {
                break;
            }
            state = entry & !MATCH;
            i = before;
        }
        at - i + 1
    }
}
