//! An expression that is being read.

/// The expression's bytes and how far they are read.
pub(super) struct Input<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
    /// Numbers behind backslashes that were read as octal: back references, if there are so many groups.
    pub numbers: Vec<(u32, usize)>,
}

impl<'a> Input<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, numbers: Vec::new() }
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    pub fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at += 1;
        Some(byte)
    }

    pub fn back(&mut self) {
        self.at -= 1;
    }

    /// The next byte, or code point. Whether the expression is UTF-8 was checked before.
    pub fn next_code(&mut self, utf8: bool) -> u32 {
        let first = self.rest()[0];
        let length = match first {
            _ if !utf8 => 1,
            0..0x80 => 1,
            0x80..0xE0 => 2,
            0xE0..0xF0 => 3,
            _ => 4,
        };
        let text = std::str::from_utf8(&self.rest()[..length.min(self.rest().len())]);
        let character = text.ok().and_then(|text| text.chars().next());
        self.at += length;
        match character {
            Some(c) if utf8 => c.into(),
            _ => first.into(),
        }
    }

    pub fn note_number(&mut self, number: u32, at: usize) {
        self.numbers.push((number, at));
    }

    /// Skips the text if it stands here.
    pub fn eat(&mut self, text: &[u8]) -> bool {
        let there = self.rest().starts_with(text);
        if there {
            self.at += text.len();
        }
        there
    }
}
