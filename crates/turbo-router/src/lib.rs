//! Routes in declaration order.
//!
//! A [`Router`] answers the question Starlette's router answers (`starlette/routing.py`, `Router.app`):
//! which of the routes, *in the order they were declared*, serves this method and path. It never prefers the
//! more specific route: if `/users/{id}` was declared before `/users/me`, then it serves `/users/me`.
//!
//! # Templates
//!
//! A template starts with `/`. Text matches itself; `{name}` and `{name:convertor}` match as Starlette's
//! convertors do, several of them in one segment too (`/{a}-{b}`):
//!
//! | convertor | matches | regular expression |
//! |---|---|---|
//! | `str` (default) | one segment or a part of it, not empty | `[^/]+` |
//! | `path` | anything without a line feed, even nothing | `.*` |
//! | `int` | ASCII digits | `[0-9]+` |
//! | `float` | digits with an optional fraction | `[0-9]+(\.[0-9]+)?` |
//! | `uuid` | 32 hexadecimal digits in groups 8-4-4-4-12, each hyphen optional | |
//!
//! Braces that do not form a parameter (`{}`, `{1}`) are text. A name may occur once. Each convertor takes
//! as much as it can, and gives back as a regular expression would. One line feed after the end is
//! ignored, because Python's `$` matches before it; `str` takes it as part of its value first.
//!
//! Paths are what ASGI calls `path`: percent-decoded. Values are returned as text; converting is the caller's.
//!
//! # The answer
//!
//! 1. The first route whose template and methods match: [`Outcome::Full`].
//! 2. Otherwise the first whose template matches: [`Outcome::Partial`], to be answered with 405 and an `Allow`
//!    field of that route's methods only, as Starlette does.
//! 3. Otherwise [`Outcome::None`]. Redirecting slashes is the caller's policy.
//!
//! # How it works
//!
//! The radix tree of `matchit` prefers the most specific route, so it is not asked for the answer but for the
//! *shape* that a path has. Templates without `path` are reduced to shapes (`/users/{id:int}.json` to `/users/{}`)
//! and each shape holds the routes whose shape a common path can have, in declaration order. Templates with
//! `path` are filed under the directory before it (`/files/{p:path}/raw` under `/files/`), which also holds
//! those of the directories above. A match looks up one entry of each kind and tries their routes in order,
//! so its cost depends on the routes that overlap, not on all of them.
//!
//! A template with two or more `path` parameters may take time polynomial in the length of a path, as its
//! regular expression does.
//!
//! ```
//! use http::Method;
//! use turbo_router::{Methods, Outcome, Router};
//!
//! let mut router = Router::new();
//! router.insert(Methods::only([Method::GET]), "/users/{id:int}", "user")?;
//! router.insert(Methods::only([Method::GET]), "/users/{name}", "by name")?;
//!
//! let Outcome::Full(found) = router.at(&Method::GET, "/users/12") else { panic!("no route") };
//! assert_eq!((*found.value, found.params.get("id")), ("user", Some("12")));
//! let Outcome::Partial(found) = router.at(&Method::PUT, "/users/ada") else { panic!("no route") };
//! assert_eq!(found.methods.iter().collect::<Vec<_>>(), [Method::GET]);
//! # Ok::<(), turbo_router::InsertError>(())
//! ```
#![forbid(unsafe_code)]

mod index;
mod methods;
mod router;
mod template;

pub use methods::Methods;
pub use router::{Match, Outcome, Params, Router};
pub use template::{Convertor, InsertError};
