//! String literals.

/// What stands for a byte inside a literal: itself, or an escape of two or six characters.
const PLAIN: u8 = 0;
/// Marks the control characters that have no short escape.
const UNICODE: u8 = b'u';

/// Per byte: [`PLAIN`], [`UNICODE`], or the character behind the backslash.
///
/// RFC 8259 section 7 demands an escape for the quotation mark, the reverse solidus and U+0000 to U+001F; `json.dumps`
/// escapes nothing else and prefers the short forms (`json.encoder.ESCAPE_DCT`).
static ESCAPES: [u8; 256] = {
    let mut table = [PLAIN; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = UNICODE;
        control += 1;
    }
    table[0x08] = b'b';
    table[b'\t' as usize] = b't';
    table[b'\n' as usize] = b'n';
    table[0x0c] = b'f';
    table[b'\r' as usize] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// Bytes of a long text looked at together: a width the compiler turns into vector compares.
const BLOCK: usize = 32;
/// Bytes looked at together where an escape may be.
const WORD: usize = size_of::<u64>();

/// Appends `text` as a string literal, quotation marks included.
pub fn push_string(into: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    into.reserve(bytes.len() + 2);
    into.push(b'"');
    let mut rest = bytes;
    loop {
        let plain = plain_prefix(rest);
        let (clean, tail) = rest.split_at(plain);
        into.extend_from_slice(clean);
        let Some((&special, behind)) = tail.split_first() else { break };
        push_escape(into, special);
        rest = behind;
    }
    into.push(b'"');
}

/// How many bytes at the start need no escape.
fn plain_prefix(bytes: &[u8]) -> usize {
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let mut start = BLOCK * blocks.iter().take_while(|block| is_clean(block)).count();
    let (words, _) = bytes[start..].as_chunks::<WORD>();
    for word in words {
        let marks = specials(u64::from_le_bytes(*word));
        if marks != 0 {
            return start + marks.trailing_zeros() as usize / 8;
        }
        start += WORD;
    }
    bytes[start..]
        .iter()
        .position(|&byte| ESCAPES[usize::from(byte)] != PLAIN)
        .map_or(bytes.len(), |offset| start + offset)
}

fn is_clean(block: &[u8; BLOCK]) -> bool {
    let special = |byte: u8| u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\');
    // No early exit: a fold over a whole block is what becomes one vector compare.
    block.iter().fold(0, |found, &byte| found | special(byte)) == 0
}

/// Sets the highest bit of every byte to be escaped. Bits above the lowest one set may be set wrongly: a borrow moves
/// on to the next byte, but never back.
fn specials(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xff;
    let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
    let below_space = word.wrapping_sub(ONES * 0x20) & !word;
    let marks = below_space | zeros(word ^ (ONES * 0x22)) | zeros(word ^ (ONES * 0x5c));
    marks & (ONES * 0x80)
}

fn push_escape(into: &mut Vec<u8>, byte: u8) {
    match ESCAPES[usize::from(byte)] {
        UNICODE => {
            into.extend_from_slice(if byte < 0x10 { b"\\u000" } else { b"\\u001" });
            into.push(b"0123456789abcdef"[usize::from(byte & 0x0f)]);
        }
        short => into.extend_from_slice(&[b'\\', short]),
    }
}
