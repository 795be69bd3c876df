// The item's bytes as little-endian words at any byte, relative to the item's first byte.

struct Text {
    offset: u32,
    len: u32,
}

// The part of the item that is searched now: windows, probes and short literals' last bytes in it. What is read may lie
// anywhere in the item. In workgroup memory, as all that is asked for seldom: the search needs the registers.
var<workgroup> part_begin: u32;
var<workgroup> part_end: u32;

// Where the part begins and ends. A kernel that shares no items out has whole ones.
fn first_of_part() -> u32 {
    if shares == 0u { return 0u; }
    return part_begin;
}

fn end_of_part(text: Text) -> u32 {
    if shares == 0u { return text.len; }
    return part_end;
}

fn arena_word(index: u32) -> u32 {
    return arena[index >> 2u][index & 3u];
}

// Four bytes from `at` on; bytes outside the item read as zero.
fn text_word(text: Text, at: u32) -> u32 {
    if at >= text.len { return 0u; }
    let address = text.offset + at;
    let shift = (address & 3u) * 8u;
    var word = arena_word(address >> 2u) >> shift;
    if shift != 0u { word |= arena_word((address >> 2u) + 1u) << (32u - shift); }
    let left = text.len - at;
    if left < 4u { word &= 0xffffffffu >> ((4u - left) * 8u); }
    return word;
}

// What stands at a byte of two words, of which the first one begins `shift` bits before it.
fn joined(a: u32, b: u32, shift: u32) -> u32 {
    return (a >> shift) | ((b << 1u) << (31u - shift));
}

// Four bytes from `at` on, all of them the item's: no branch, both loads at once.
fn inside_word(text: Text, at: u32) -> u32 {
    let address = text.offset + at;
    return joined(arena_word(address >> 2u), arena_word((address >> 2u) + 1u), (address & 3u) * 8u);
}

// Sixteen bytes from `at` on; those behind the item are whatever lies there.
fn sixteen_bytes(text: Text, at: u32) -> vec4<u32> {
    let address = text.offset + at;
    let first = address >> 2u;
    let shift = (address & 3u) * 8u;
    let a = arena_word(first);
    let b = arena_word(first + 1u);
    let c = arena_word(first + 2u);
    let d = arena_word(first + 3u);
    let e = arena_word(first + 4u);
    return vec4(joined(a, b, shift), joined(b, c, shift), joined(c, d, shift), joined(d, e, shift));
}

// The word that the last byte came from: whoever goes byte by byte loads every fourth time. Forgotten between items.
var<private> kept_at: u32;
var<private> kept: u32;

fn next_byte(text: Text, at: u32) -> u32 {
    let address = text.offset + at;
    if (address >> 2u) != kept_at {
        kept_at = address >> 2u;
        kept = arena_word(kept_at);
    }
    return (kept >> ((address & 3u) * 8u)) & 0xffu;
}

// ASCII letters in lower case.
fn lower(word: vec4<u32>) -> vec4<u32> {
    let low7 = word & vec4(0x7f7f7f7fu);
    let from_a = low7 + vec4(0x3f3f3f3fu);
    let beyond_z = low7 + vec4(0x25252525u);
    let letters = from_a & ~beyond_z & ~word & vec4(0x80808080u);
    return word | (letters >> vec4(2u));
}
