use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::GzEncoder;

use super::coding::Coding;

/// A codec that writes into memory.
pub(super) enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    #[cfg(feature = "brotli")]
    Brotli(Box<brotli::CompressorWriter<Vec<u8>>>),
    #[cfg(feature = "zstd")]
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// `None` when the codec cannot be set up, for want of memory.
    #[cfg_attr(not(feature = "zstd"), expect(clippy::unnecessary_wraps, reason = "with zstd it can fail"))]
    pub(super) fn new(coding: Coding, gzip_level: u32) -> Option<Self> {
        Some(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), flate2::Compression::new(gzip_level))),
            // Level 4 and a window of 4 MiB are made for answers on the fly; the library's default of 11 is not.
            #[cfg(feature = "brotli")]
            Coding::Brotli => Self::Brotli(Box::new(brotli::CompressorWriter::new(Vec::new(), 4096, 4, 22))),
            // Level 3 keeps to a window of 2 MiB; browsers take 8 MiB (RFC 9659).
            #[cfg(feature = "zstd")]
            Coding::Zstd => Self::Zstd(zstd::stream::write::Encoder::new(Vec::new(), 3).ok()?),
        })
    }

    /// Takes in a piece of the body.
    pub(super) fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.writer().write_all(data)
    }

    /// Brings out everything that was taken in.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer().flush()
    }

    /// What has come out since the last call.
    pub(super) fn take(&mut self) -> Bytes {
        let output = match self {
            Self::Gzip(encoder) => encoder.get_mut(),
            #[cfg(feature = "brotli")]
            Self::Brotli(encoder) => encoder.get_mut(),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.get_mut(),
        };
        std::mem::take(output).into()
    }

    /// What is left, with the end of the format.
    pub(super) fn finish(self) -> io::Result<Bytes> {
        let output = match self {
            Self::Gzip(encoder) => encoder.finish()?,
            #[cfg(feature = "brotli")]
            Self::Brotli(encoder) => encoder.into_inner(),
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder.finish()?,
        };
        Ok(output.into())
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Gzip(encoder) => encoder,
            #[cfg(feature = "brotli")]
            Self::Brotli(encoder) => encoder,
            #[cfg(feature = "zstd")]
            Self::Zstd(encoder) => encoder,
        }
    }
}
