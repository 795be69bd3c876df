//! Writing the device's slots straight from a caller's work items, a line at a time.
//!
//! A slot is its item's first two words, the set with a seal, and the ticket. So an item is loaded as a whole, the seal is
//! reckoned beside it in the same register, and where the processor can, four items at a time make a whole line.

use super::stores;
use crate::types::trm_work_item;

/// Writes the slots of items of one set at consecutive positions, in a ring that begins at `ring`. Not fenced.
///
/// # Safety
/// `ring` is valid for writes of `mask + 1` slots, a power of two, and begins a line. No more items than that.
#[inline]
pub(crate) unsafe fn write(ring: *mut u32, mask: u64, first: u64, items: &[trm_work_item], set: u16) {
    let slot = (first & mask) as usize;
    let here = items.len().min(mask as usize + 1 - slot);
    let (head, rest) = items.split_at(here);
    // SAFETY: up to the ring's end, and what is left from its beginning.
    unsafe {
        piece(ring.add(slot * 4), first as u32, head, set);
        piece(ring, (first as u32).wrapping_add(here as u32), rest, set);
    }
}

/// Slots that lie side by side.
///
/// # Safety
/// `to` is aligned to 16 bytes and valid for writes of so many slots.
#[inline]
unsafe fn piece(to: *mut u32, ticket: u32, items: &[trm_work_item], set: u16) {
    #[cfg(target_arch = "x86_64")]
    if items.len() >= 2 * x86::LINE && is_x86_feature_detected!("avx512f") {
        let lead = to.align_offset(64) / 4;
        let lines = (items.len() - lead) / x86::LINE * x86::LINE;
        let (head, rest) = items.split_at(lead);
        let (lines, tail) = rest.split_at(lines);
        // SAFETY: one behind the other these are all of the slots; the lines begin where a line does, and the processor has
        // the instructions.
        return unsafe {
            x86::slots(to, ticket, head, set);
            x86::lines(to.add(lead * 4), ticket.wrapping_add(lead as u32), lines, set);
            let done = lead + lines.len();
            x86::slots(to.add(done * 4), ticket.wrapping_add(done as u32), tail, set);
        };
    }
    #[cfg(target_arch = "x86_64")]
    // SAFETY: passed on.
    unsafe {
        x86::slots(to, ticket, items, set)
    };
    #[cfg(not(target_arch = "x86_64"))]
    for (i, item) in items.iter().enumerate() {
        let job = super::Job { offset: item.input_offset, len: item.input_len, set, ..Default::default() };
        let slot = super::layout::slot(u64::from(ticket.wrapping_add(i as u32)), &job);
        // SAFETY: passed on.
        unsafe { stores::slot(to.add(i * 4), slot) };
    }
    #[cfg(target_arch = "x86_64")]
    let _ = stores::slot;
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::super::layout::{SEAL_LEN, SEAL_TICKET};
    use crate::types::trm_work_item;
    use core::arch::x86_64::*;

    /// Slots of a line.
    pub const LINE: usize = 4;

    /// One slot at a time.
    ///
    /// # Safety
    /// As for `piece`.
    #[inline]
    pub unsafe fn slots(to: *mut u32, ticket: u32, items: &[trm_work_item], set: u16) {
        // SAFETY: SSE2 is part of the base instruction set, items are read and slots written one by one.
        unsafe {
            let (set, len) = (_mm_set1_epi32(set.into()), _mm_set1_epi32(SEAL_LEN as i32));
            for (i, item) in items.iter().enumerate() {
                let ticket = ticket.wrapping_add(i as u32);
                let item = _mm_loadu_si128(std::ptr::from_ref(item).cast());
                // As `layout::seal`, in the lowest word.
                let offset = _mm_xor_si128(item, _mm_cvtsi32_si128(ticket.wrapping_mul(SEAL_TICKET) as i32));
                let len = _mm_mul_epu32(_mm_shuffle_epi32::<1>(item), len);
                let mixed = _mm_add_epi32(_mm_add_epi32(offset, len), set);
                let seal = _mm_slli_epi32::<16>(_mm_xor_si128(mixed, _mm_srli_epi32::<15>(mixed)));
                let next = _mm_cvtsi32_si128(ticket.wrapping_add(1) as i32);
                let behind = _mm_unpacklo_epi32(_mm_or_si128(seal, set), next);
                _mm_stream_si128(to.cast::<__m128i>().add(i), _mm_unpacklo_epi64(item, behind));
            }
        }
    }

    /// Four slots at a time.
    ///
    /// # Safety
    /// As for `piece`; `to` begins a line, there are whole lines of items, and the processor has AVX-512.
    #[target_feature(enable = "avx512f")]
    pub unsafe fn lines(to: *mut u32, ticket: u32, items: &[trm_work_item], set: u16) {
        let (set, len) = (_mm512_set1_epi32(set.into()), _mm512_set1_epi32(SEAL_LEN as i32));
        // Of each of the four items, in its lowest word: the ticket's part of the seal, and the next ticket.
        let lowest = |of: [u32; 4]| {
            let [a, b, c, d] = of.map(|word| word as i32);
            _mm512_setr_epi32(a, 0, 0, 0, b, 0, 0, 0, c, 0, 0, 0, d, 0, 0, 0)
        };
        let tickets = [0, 1, 2, 3].map(|i| ticket.wrapping_add(i));
        let mut mixing = lowest(tickets.map(|ticket| ticket.wrapping_mul(SEAL_TICKET)));
        let mut next = lowest(tickets.map(|ticket| ticket.wrapping_add(1)));
        let (mixing_more, next_more) = (lowest([SEAL_TICKET.wrapping_mul(4); 4]), lowest([4; 4]));
        for (i, line) in items.chunks_exact(LINE).enumerate() {
            // SAFETY: four items are 64 bytes, and so are four slots, which begin a line.
            unsafe {
                let items = _mm512_loadu_si512(line.as_ptr().cast());
                let offset = _mm512_xor_si512(items, mixing);
                let len = _mm512_mul_epu32(_mm512_shuffle_epi32::<1>(items), len);
                let mixed = _mm512_add_epi32(_mm512_add_epi32(offset, len), set);
                let seal = _mm512_slli_epi32::<16>(_mm512_xor_si512(mixed, _mm512_srli_epi32::<15>(mixed)));
                let behind = _mm512_unpacklo_epi32(_mm512_or_si512(seal, set), next);
                _mm512_stream_si512(to.add(i * 16).cast(), _mm512_unpacklo_epi64(items, behind));
            }
            mixing = _mm512_add_epi32(mixing, mixing_more);
            next = _mm512_add_epi32(next, next_more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Job, layout};
    use super::*;

    #[test]
    fn every_slot_is_as_the_layout_says_and_no_other_is_touched() {
        const RING: usize = 32;
        #[repr(align(64))]
        struct Ring([[u32; 4]; RING]);
        for first in [0, 1, 2, 3, 30, 31, (1u64 << 32) - 5, u64::MAX - 9] {
            for count in 0..=RING {
                for set in [0, 1, u16::MAX] {
                    let random = |i: usize| (i as u32).wrapping_mul(0x9e37_79b9) ^ first as u32;
                    let items: Vec<_> = (0..count)
                        .map(|i| trm_work_item {
                            input_offset: random(4 * i),
                            input_len: random(4 * i + 1),
                            rule_set_id: random(4 * i + 2),
                            correlation: random(4 * i + 3),
                        })
                        .collect();
                    let mut ring = Ring([[7; 4]; RING]);
                    // SAFETY: the ring has so many slots.
                    unsafe { write(ring.0.as_mut_ptr().cast(), RING as u64 - 1, first, &items, set) };
                    stores::fence();
                    let mut wanted = [[7; 4]; RING];
                    for (i, item) in items.iter().enumerate() {
                        let job = Job { offset: item.input_offset, len: item.input_len, set, ..Job::default() };
                        let position = first.wrapping_add(i as u64);
                        wanted[position as usize % RING] = layout::slot(position, &job);
                    }
                    assert_eq!(ring.0, wanted, "{count} from {first}");
                }
            }
        }
    }
}
