//! JSON text, byte for byte as Python's `json.dumps(..., ensure_ascii=False, separators=(",", ":"))` writes it.
//!
//! Scalars only: what holds them (dictionaries, lists) belongs to whoever walks them. No Python here.
//!
//! ```
//! let mut text = Vec::new();
//! turbo_json::push_string(&mut text, "tab\there");
//! text.push(b':');
//! assert!(turbo_json::push_float(&mut text, 1e-7));
//! assert_eq!(text, br#""tab\there":1e-07"#);
//! ```

#![forbid(unsafe_code)]

mod number;
mod string;

pub use number::{push_float, push_integer};
pub use string::push_string;
