//! The router against the naive matcher of `tests/naive`, on tables and paths that the fuzzer thinks of.
#![no_main]

use arbitrary::Arbitrary;
use http::Method;
use libfuzzer_sys::fuzz_target;

#[path = "../../tests/naive/mod.rs"]
mod naive;

/// A piece of a template; the pieces of [`InPath`] can meet all of them.
#[derive(Arbitrary, Debug)]
enum InTemplate {
    Slash,
    Word(Word),
    Param(Convertor),
    Any(String),
}

#[derive(Arbitrary, Debug)]
enum InPath {
    Slash,
    Word(Word),
    Uuid,
    LineFeed,
    Many(Word, u8),
    Any(String),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Word {
    A,
    B,
    One,
    Twelve,
    Dot,
    Hyphen,
    Accent,
    Brace,
}

#[derive(Arbitrary, Debug)]
enum Convertor {
    None,
    Str,
    Path,
    Int,
    Float,
    Uuid,
    Unknown,
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Verb {
    Get,
    Put,
    Head,
    Purge,
}

#[derive(Arbitrary, Debug)]
struct Input {
    routes: Vec<(Vec<Verb>, Vec<InTemplate>)>,
    paths: Vec<(Verb, Vec<InPath>)>,
}

impl Word {
    fn text(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
            Self::One => "1",
            Self::Twelve => "12",
            Self::Dot => ".",
            Self::Hyphen => "-",
            Self::Accent => "\u{e9}",
            Self::Brace => "{",
        }
    }
}

impl Verb {
    fn method(self) -> Method {
        match self {
            Self::Get => Method::GET,
            Self::Put => Method::PUT,
            Self::Head => Method::HEAD,
            Self::Purge => Method::from_bytes(b"PURGE").unwrap(),
        }
    }
}

fn template(pieces: &[InTemplate]) -> String {
    let mut text = "/".to_owned();
    for (number, piece) in pieces.iter().enumerate() {
        let convertor = match piece {
            InTemplate::Slash => {
                text.push('/');
                continue;
            }
            InTemplate::Word(word) => {
                text.push_str(word.text());
                continue;
            }
            InTemplate::Any(any) => {
                text.push_str(any);
                continue;
            }
            InTemplate::Param(convertor) => convertor,
        };
        let convertor = match convertor {
            Convertor::None => "",
            Convertor::Str => ":str",
            Convertor::Path => ":path",
            Convertor::Int => ":int",
            Convertor::Float => ":float",
            Convertor::Uuid => ":uuid",
            Convertor::Unknown => ":date",
        };
        text += &format!("{{p{number}{convertor}}}");
    }
    text
}

fn path(pieces: &[InPath]) -> String {
    let mut text = "/".to_owned();
    for piece in pieces {
        match piece {
            InPath::Slash => text.push('/'),
            InPath::Word(word) => text.push_str(word.text()),
            InPath::Uuid => text.push_str("0123456789abcdef0123456789ABCDEF"),
            InPath::LineFeed => text.push('\n'),
            InPath::Many(word, times) => text.push_str(&word.text().repeat(usize::from(*times))),
            InPath::Any(any) => text.push_str(any),
        }
    }
    text
}

fuzz_target!(|input: Input| {
    let routes: Vec<_> = input
        .routes
        .iter()
        .map(|(verbs, pieces)| (verbs.iter().map(|verb| verb.method()).collect(), template(pieces)))
        .collect();
    let both = naive::Both::new(&routes);
    for (verb, pieces) in &input.paths {
        let (method, path) = (verb.method(), path(pieces));
        let (got, want) = both.answers(&method, &path);
        assert_eq!(got, want, "{method} {path:?} in {routes:?}");
    }
});
