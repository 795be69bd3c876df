//! What is moved to the device: bytes side by side, from the host's arena or from a registered buffer.

use super::import::Import;
use super::memory::Buffer;
use std::sync::Arc;

/// Bytes side by side, and where they go in the device's arena.
#[derive(Clone)]
pub(super) struct Piece {
    pub offset: u64,
    pub len: u64,
    pub source: Source,
}

/// Where the bytes of a piece are.
#[derive(Clone)]
pub(super) enum Source {
    /// In the host's arena, at the place where they go in the device's.
    Arena,
    /// At this offset of the input space, where registered buffers are: not looked up yet.
    Unknown(u32),
    /// So far into a registered buffer.
    Import(Arc<Import>, u64),
}

impl Piece {
    /// Bytes of the host's arena.
    pub fn of_arena(offset: u64, len: u64) -> Self {
        Self { offset, len, source: Source::Arena }
    }

    /// The first byte.
    pub fn pointer(&self, host_arena: &Buffer) -> *const u8 {
        match &self.source {
            Source::Arena => host_arena.pointer().wrapping_add(self.offset as usize),
            Source::Import(import, at) => import.pointer(*at),
            Source::Unknown(_) => unreachable!("pieces are looked up before they are moved"),
        }
    }

    /// Which registered buffer it comes from, as a number to compare.
    fn origin(&self) -> usize {
        match &self.source {
            Source::Import(import, _) => Arc::as_ptr(import).addr(),
            _ => 0,
        }
    }

    /// Where it begins there, less where it goes: the same for pieces that may be one.
    fn shift(&self) -> u64 {
        match &self.source {
            Source::Import(_, at) => at.wrapping_sub(self.offset),
            _ => 0,
        }
    }
}

/// The same bytes in as few pieces as can be, those of one source behind one another: each costs a copy engine some
/// microseconds.
pub(super) fn joined(pieces: impl Iterator<Item = Piece>) -> Vec<Piece> {
    let mut all: Vec<Piece> = pieces.collect();
    all.sort_unstable_by_key(|piece| (piece.origin(), piece.offset));
    all.dedup_by(|next, piece| {
        let end = piece.offset + piece.len;
        let joins = next.offset <= end && next.origin() == piece.origin() && next.shift() == piece.shift();
        if joins {
            piece.len = end.max(next.offset + next.len) - piece.offset;
        }
        joins
    });
    all
}

/// Those of one source each.
pub(super) fn by_source(joined: &[Piece]) -> impl Iterator<Item = &[Piece]> {
    joined.chunk_by(|a, b| a.origin() == b.origin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_in_any_order_are_one_piece() {
        let all = [(40, 8), (0, 16), (16, 4), (8, 4), (44, 8), (21, 3)];
        let found = joined(all.iter().map(|&(offset, len)| Piece::of_arena(offset, len)));
        let found: Vec<_> = found.iter().map(|piece| (piece.offset, piece.len)).collect();
        assert_eq!(found, [(0, 20), (21, 3), (40, 12)]);
    }

    #[test]
    fn pieces_of_registered_buffers_join_where_they_lie_side_by_side_there_too() {
        let bytes = [0u8; 4096];
        let imports = [Import::for_tests(&bytes), Import::for_tests(&bytes)].map(Arc::new);
        let piece = |&(import, offset, at, len): &(usize, u64, u64, u64)| Piece {
            source: if import == 2 { Source::Arena } else { Source::Import(imports[import].clone(), at) },
            ..Piece::of_arena(offset, len)
        };
        let all = [
            (0, 64, 164, 64),
            (2, 128, 0, 64),
            (1, 0, 300, 64),
            (0, 0, 100, 64),
            (1, 64, 100, 64),
            (2, 192, 0, 64),
            (0, 256, 1000, 10),
        ];
        let found = joined(all.iter().map(piece));
        let mut found: Vec<Vec<_>> = by_source(&found)
            .map(|some| some.iter().map(|piece| (piece.offset, piece.len, piece.pointer_in_tests(&bytes))).collect())
            .collect();
        found.sort();
        assert_eq!(
            found,
            [vec![(0, 64, 300), (64, 64, 100)], vec![(0, 128, 100), (256, 10, 1000)], vec![(128, 128, usize::MAX)],]
                .map(|mut some: Vec<(u64, u64, usize)>| {
                    some.sort();
                    some
                })
        );
    }

    impl Piece {
        fn pointer_in_tests(&self, bytes: &[u8]) -> usize {
            match &self.source {
                Source::Import(import, at) => import.pointer(*at).addr() - bytes.as_ptr().addr(),
                _ => usize::MAX,
            }
        }
    }
}
