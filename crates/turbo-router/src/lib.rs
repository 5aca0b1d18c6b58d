//! Routes in declaration order.
//!
//! A [`Router`] answers the question Starlette's router answers (`starlette/routing.py`, `Router.app`):
//! which of the routes, *in the order they were declared*, serves this method and path. It never prefers the
//! more specific route: if `/users/{id}` was declared before `/users/me`, then it serves `/users/me`.
//!
//! # Templates
//!
//! A template starts with `/`, or is empty and serves the empty path. Text matches itself; `{name}` and
//! `{name:convertor}` match as Starlette's convertors do, several of them in one segment too (`/{a}-{b}`):
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
//! [`Router::mount`] declares what `starlette.routing.Mount` does: every method, every path below a prefix.
//!
//! Paths are what ASGI calls `path`, percent-decoded, without the root path. Values are returned as text.
//! Starlette converts them while it searches, so that an `int` with more digits than Python's `int` accepts
//! (4,300 unless set otherwise) ends the search with a `ValueError`; a caller to whom that matters has to
//! treat paths of that length apart.
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
//! The templates form a tree of segments, in which every segment with a parameter is one and the same branch:
//! `/users/{id:int}.json` is filed under `users`, then "a parameter". A node lists in declaration order the routes
//! that end there, and those that have a `path` parameter next and so may go on in any way. A lookup descends
//! by the segments of the path, along the branch of the same text *and* along that of the parameter, and then
//! tries the routes of the lists it came by in the order of their declaration.
//!
//! A lookup therefore costs what the path is long, times the number of routes that overlap on it; the
//! others cost nothing. Routes with the same methods behind one whose parameters are all `{name}` are not even listed.
//! Radix trees that answer with the most specific route (`matchit`) cannot serve as the index, because they
//! refuse some of the templates beside each other (`/{name}` and `/{name:path}`) and do not tell which less specific
//! routes they passed over.
//!
//! A route is tried by backtracking, as a regular expression is, with no allocation for up to four parameters. That
//! can take a time polynomial in the length of the path where several parameters meet in a segment, so after some
//! hundred attempts it is given up for a method that takes linear time and some memory.
//!
//! ```
//! use http::Method;
//! use turbo_router::{Methods, Outcome, Router};
//!
//! let mut router = Router::new();
//! router.insert(Methods::only([Method::GET]), "/users/{id:int}", "user")?;
//! router.insert(Methods::only([Method::GET]), "/users/{name}", "by name")?;
//! router.mount("/static", "files")?;
//!
//! let Outcome::Full(found) = router.at(&Method::GET, "/users/12") else { panic!("no route") };
//! assert_eq!((*found.value, found.params.get("id")), ("user", Some("12")));
//! let Outcome::Partial(found) = router.at(&Method::PUT, "/users/ada") else { panic!("no route") };
//! assert_eq!(found.methods.iter().collect::<Vec<_>>(), [Method::GET]);
//! let Outcome::Full(found) = router.at(&Method::PUT, "/static/css/a.css") else { panic!("no route") };
//! assert_eq!((*found.value, found.params.get_index(0)), ("files", Some("css/a.css")));
//! # Ok::<(), turbo_router::InsertError>(())
//! ```
#![forbid(unsafe_code)]

mod exhaustive;
mod index;
mod matcher;
mod methods;
mod router;
mod template;

pub use methods::Methods;
pub use router::{Match, Outcome, Params, Router};
pub use template::{Convertor, InsertError};
