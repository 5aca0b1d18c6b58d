//! Reading parts of a request head that are more than one token: queries, cookies, media types.
//!
//! Everything here works on the bytes as they came, allocates only what must be decoded, and says so when an
//! input is not plain instead of guessing: the caller then asks whoever defines the meaning of such input.

pub mod cookie;
pub mod media_type;
pub mod query;
