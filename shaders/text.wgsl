// The item's bytes as little-endian words at any byte, relative to the item's first byte.

struct Text {
    offset: u32,
    len: u32,
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

// ASCII letters of four bytes in lower case.
fn lower(word: u32) -> u32 {
    let low7 = word & 0x7f7f7f7fu;
    let from_a = low7 + 0x3f3f3f3fu;
    let beyond_z = low7 + 0x25252525u;
    let letters = from_a & ~beyond_z & ~word & 0x80808080u;
    return word | (letters >> 2u);
}
