//! Items in, answers out, on the CPU drain: every accepted item is answered once and right, whatever happens meanwhile.

#[path = "../abi/mod.rs"]
mod abi;
mod cancel;
mod ending;
mod full;
mod handles;
mod results;
mod sets;
mod streams;
mod submit;

/// What `needle` matches in `text_of(n)`.
fn text_of(n: u64) -> (Vec<u8>, Vec<(u64, u64, u32)>) {
    let mut text = vec![b'.'; n as usize % 50];
    let at = text.len() as u64;
    if n.is_multiple_of(3) {
        text.extend_from_slice(b"needle!");
    }
    let spans = if n.is_multiple_of(3) { vec![(at, at + 6, 0)] } else { vec![] };
    (text, spans)
}
