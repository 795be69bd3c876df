//! Checks every number in a blob, so that executors may follow them all.

use super::Damaged;
use super::layout::*;

/// A section of `len` words at `at`, if it lies in the blob behind the header.
fn section(words: &[u32], at: u32, len: u64) -> Result<&[u32], Damaged> {
    let (at, end) = (u64::from(at), u64::from(at) + len);
    if at < HEADER_WORDS as u64 || !at.is_multiple_of(SECTION_ALIGN as u64) || end > words.len() as u64 {
        return Err(Damaged("a section lies outside the table"));
    }
    Ok(&words[at as usize..end as usize])
}

fn want(ok: bool, what: &'static str) -> Result<(), Damaged> {
    if ok { Ok(()) } else { Err(Damaged(what)) }
}

/// The header, once everything it leads to is known to be in bounds.
pub(super) fn check(words: &[u32]) -> Result<Header, Damaged> {
    want(words.len() >= HEADER_WORDS, "shorter than a header")?;
    let header: Header = bytemuck::pod_read_unaligned(bytemuck::cast_slice(&words[..HEADER_WORDS]));
    let h = &header;
    want(h.magic == MAGIC, "not a literal table")?;
    want(h.version == VERSION, "made by another version")?;
    want(h.total_words as usize == words.len(), "cut short or too long")?;
    want(h.fold == 0 || h.fold == FOLD, "unknown folding")?;
    want(h.groups as usize <= MAX_GROUPS, "too many groups")?;
    let records = section(words, h.bytes_at, h.bytes_words.into())?;
    let tags = section(words, h.tags_at, h.tags_words.into())?;
    let mut pairs_before = 0;
    for group in &h.group[..h.groups as usize] {
        check_group(words, group, records, tags)?;
        want(group.follows == 0 || (group.pairs_at != 0 && group.pairs_at == pairs_before), "pairs of no group")?;
        pairs_before = group.pairs_at;
    }
    if h.short.states > 0 {
        check_short(words, &h.short)?;
    }
    Ok(header)
}

fn check_group(words: &[u32], g: &GroupHeader, records: &[u32], tags: &[u32]) -> Result<(), Damaged> {
    want((1..=8).contains(&g.window) && (1..=4).contains(&g.stride), "impossible windows")?;
    // The executors read a lane group's windows from 16 bytes.
    want(3 * g.stride + g.window <= 16, "impossible windows")?;
    want((1..=26).contains(&g.filter_log2) && (1..=26).contains(&g.slots_log2), "impossible table size")?;
    want((1..1 << g.slots_log2.min(31)).contains(&g.max_chain), "impossible chain")?;
    section(words, g.filter_at, 1 << g.filter_log2)?;
    if g.pairs_at != 0 {
        want((2..=4).contains(&g.window) && g.stride == 1, "pairs of other windows")?;
        section(words, g.pairs_at, 48)?;
    }
    let slots: &[Slot] = bytemuck::cast_slice(section(words, g.slots_at, 4 << g.slots_log2)?);
    let entries: &[Entry] = bytemuck::cast_slice(section(words, g.entries_at, 4 * u64::from(g.entries))?);
    for slot in slots {
        let end = u64::from(slot.first) + u64::from(slot.count & Slot::COUNT);
        want(end <= entries.len() as u64, "a list lies outside its entries")?;
    }
    for entry in entries {
        check_entry(entry, g.window as usize, records, tags)?;
    }
    if g.nested_at != 0 {
        let nested = section(words, g.nested_at, g.entries.into())?;
        let before = |(at, &other): (u32, &u32)| other < at || other >= Entry::ALONE;
        want((0..).zip(nested).all(before), "an entry nested in a later one")?;
    }
    Ok(())
}

fn check_entry(e: &Entry, window: usize, records: &[u32], tags: &[u32]) -> Result<(), Damaged> {
    let Some(&len) = records.get(e.record as usize) else {
        return Err(Damaged("a literal lies outside the bytes"));
    };
    let len = len as usize;
    let end = e.record as usize + 1 + len.div_ceil(4);
    want(len > 0 && end <= records.len(), "a literal lies outside the bytes")?;
    want(e.short_len() == len.min(Entry::LEN_MAX as usize), "two lengths of a literal differ")?;
    want(e.offset() + window <= len, "a window lies outside its literal")?;
    if e.meta & Entry::NO_CHECK == 0 {
        let at = e.offset() as isize + e.delta();
        want(at >= 0 && at as usize + 4 <= len, "a check word lies outside its literal")?;
    }
    if e.meta & Entry::TAG_LIST != 0 {
        let count = tags.get(e.tag as usize).copied().unwrap_or(u32::MAX) as usize;
        want(e.tag as usize + count < tags.len(), "a list of tags lies outside")?;
    }
    Ok(())
}

fn check_short(words: &[u32], s: &ShortHeader) -> Result<(), Damaged> {
    want((1..=256).contains(&s.classes), "impossible classes")?;
    let numbers = u64::from(s.states) * u64::from(s.classes);
    want(numbers <= 65536, "too many states")?;
    want(s.first_match.is_multiple_of(s.classes) && u64::from(s.first_match) <= numbers, "impossible states")?;
    let classes: &[u8] = bytemuck::cast_slice(section(words, s.classes_at, 64)?);
    want(classes.iter().all(|&c| u32::from(c) < s.classes), "impossible class")?;
    let next: &[u16] = bytemuck::cast_slice(section(words, s.next_at, numbers.div_ceil(2))?);
    for &to in &next[..numbers as usize] {
        want(u32::from(to).is_multiple_of(s.classes) && u64::from(to) < numbers, "impossible move")?;
    }
    let matching = s.states - s.first_match / s.classes;
    let outs = section(words, s.outs_at, u64::from(matching) + 1)?;
    want(outs.is_sorted() && outs.last().is_some_and(|&n| n <= s.out_len), "outputs lie outside")?;
    section(words, s.out_at, 2 * u64::from(s.out_len))?;
    want(s.nibble_groups <= 1024, "too many nibble tables")?;
    section(words, s.nibbles_at, 32 * u64::from(s.nibble_groups))?;
    section(words, s.lits_at, 16 * u64::from(s.nibble_groups))?;
    Ok(())
}
