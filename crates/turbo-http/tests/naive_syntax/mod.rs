//! The plainest transcription of what Python does with queries and cookies.

/// `parse_qsl(query, keep_blank_values=True)` with undecoded bytes.
pub(crate) fn parse_qsl(query: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    query
        .split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let mut next = || unquote_plus(parts.next().unwrap_or_default());
            (next(), next())
        })
        .collect()
}

fn unquote_plus(text: &[u8]) -> Vec<u8> {
    let text: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let hex = text.get(at + 1..at + 3).filter(|two| two.iter().all(u8::is_ascii_hexdigit));
        match hex {
            Some(hex) if text[at] == b'%' => {
                out.push(
                    u8::from_str_radix(std::str::from_utf8(hex).unwrap_or_default(), 16).unwrap_or_default(),
                );
                at += 3;
            }
            _ => {
                out.push(text[at]);
                at += 1;
            }
        }
    }
    out
}

/// `cookie_parser(field).get(name)`, for values without quotation marks.
pub(crate) fn cookie_parser<'f>(field: &'f str, name: &str) -> Option<&'f str> {
    let strip =
        |text: &'f str| text.trim_matches(|c: char| c.is_whitespace() || ('\x1c'..='\x1f').contains(&c));
    field
        .rsplit(';')
        .map(|chunk| match chunk.find('=') {
            Some(at) => (strip(&chunk[..at]), strip(&chunk[at + 1..])),
            None => ("", strip(chunk)),
        })
        .find(|(key, value)| *key == name && (!key.is_empty() || !value.is_empty()))
        .map(|(_, value)| value)
}
