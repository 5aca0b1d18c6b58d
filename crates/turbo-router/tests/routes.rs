//! Tables of the documented rules.

#![allow(clippy::unwrap_used, reason = "a test panics when it fails")]

use http::Method;
use turbo_router::{Convertor, InsertError, Methods, Outcome, Router};

/// A template and the values of its parameters.
type Served<'a> = (&'a str, &'a [&'a str]);

/// GET routes, and for each path the one that must serve it.
struct Table<'a> {
    routes: &'a [&'a str],
    paths: &'a [(&'a str, Option<Served<'a>>)],
}

impl Table<'_> {
    fn run(&self) {
        let mut router = Router::new();
        for route in self.routes {
            router.insert(Methods::only([Method::GET]), route, *route).unwrap();
        }
        for (path, want) in self.paths {
            let got = match router.at(&Method::GET, path) {
                Outcome::Full(found) => {
                    Some((*found.value, found.params.iter().map(|(_, _, value)| value).collect::<Vec<_>>()))
                }
                Outcome::Partial(_) | Outcome::None => None,
            };
            assert_eq!(
                got,
                want.map(|(route, values)| (route, values.to_vec())),
                "{path:?} in {:?}",
                self.routes
            );
        }
    }
}

#[test]
fn the_first_declared_route_wins() {
    Table {
        routes: &["/users/{id}", "/users/me", "/{p:path}", "/users/{id}/x"],
        paths: &[
            ("/users/me", Some(("/users/{id}", &["me"]))),
            ("/users/", Some(("/{p:path}", &["users/"]))),
            ("/users/1/x", Some(("/{p:path}", &["users/1/x"]))),
            ("/", Some(("/{p:path}", &[""]))),
        ],
    }
    .run();
}

#[test]
fn convertors_match_what_starlette_matches() {
    Table {
        routes: &[
            "/i/{v:int}",
            "/f/{v:float}",
            "/u/{v:uuid}",
            "/s/{v}",
            "/d/{v:path}/raw",
            "/m/{a}-{b:int}.json",
        ],
        paths: &[
            ("/i/007", Some(("/i/{v:int}", &["007"]))),
            ("/i/-1", None),
            ("/i/", None),
            ("/f/1.50", Some(("/f/{v:float}", &["1.50"]))),
            ("/f/1", Some(("/f/{v:float}", &["1"]))),
            ("/f/1.", None),
            ("/f/.5", None),
            (
                "/u/123e4567-e89b12d3-A456426614174000",
                Some(("/u/{v:uuid}", &["123e4567-e89b12d3-A456426614174000"])),
            ),
            ("/u/123e4567", None),
            ("/s/caf\u{e9}", Some(("/s/{v}", &["caf\u{e9}"]))),
            ("/s/a/b", None),
            ("/d/a/b/raw", Some(("/d/{v:path}/raw", &["a/b"]))),
            ("/d//raw", Some(("/d/{v:path}/raw", &[""]))),
            ("/d/raw", None),
            ("/m/a-b-12.json", Some(("/m/{a}-{b:int}.json", &["a-b", "12"]))),
        ],
    }
    .run();
}

#[test]
fn a_last_line_feed_is_ignored_as_by_dollar() {
    Table {
        routes: &["/a", "/i/{v:int}", "/s/{v}", "/p/{v:path}"],
        paths: &[
            ("/a\n", Some(("/a", &[]))),
            ("/a\n\n", None),
            ("/i/5\n", Some(("/i/{v:int}", &["5"]))),
            ("/s/x\n", Some(("/s/{v}", &["x\n"]))),
            ("/p/x\n", Some(("/p/{v:path}", &["x"]))),
            ("/p/x\ny", None),
        ],
    }
    .run();
}

#[test]
fn braces_that_are_no_parameter_are_text() {
    Table {
        routes: &["/{}", "/{1}", "/{{x}}", "/a{*b}"],
        paths: &[
            ("/{}", Some(("/{}", &[]))),
            ("/{1}", Some(("/{1}", &[]))),
            ("/{v}", Some(("/{{x}}", &["v"]))),
            ("/a{*b}", Some(("/a{*b}", &[]))),
            ("/x", None),
        ],
    }
    .run();
}

#[test]
fn a_partial_match_names_the_methods_of_the_first_route() {
    let mut router = Router::new();
    router.insert(Methods::only([Method::GET, Method::HEAD, Method::GET]), "/x", 1).unwrap();
    router.insert(Methods::only([Method::PUT]), "/{v}", 2).unwrap();
    router.insert(Methods::any(), "/any", 3).unwrap();

    assert!(matches!(router.at(&Method::PUT, "/x"), Outcome::Full(found) if *found.value == 2));
    let Outcome::Partial(found) = router.at(&Method::DELETE, "/x") else { panic!("not partial") };
    assert_eq!(found.methods.iter().collect::<Vec<_>>(), [Method::GET, Method::HEAD]);
    assert!(matches!(router.at(&Method::DELETE, "/any"), Outcome::Full(found) if *found.value == 3));
    assert!(matches!(router.at(&Method::GET, "/no/such"), Outcome::None));
}

#[test]
fn an_empty_set_of_methods_serves_all() {
    let mut router = Router::new();
    router.insert(Methods::only([]), "/x", 1).unwrap();
    router.insert(Methods::any(), "/x", 2).unwrap();
    let purge = Method::from_bytes(b"PURGE").unwrap();
    for method in [Method::GET, Method::OPTIONS, purge] {
        assert!(matches!(router.at(&method, "/x"), Outcome::Full(found) if *found.value == 1), "{method}");
    }
}

#[test]
fn methods_beyond_the_standard_are_methods_like_others() {
    let [purge, report] = [b"PURGE".as_slice(), b"REPORT"].map(|name| Method::from_bytes(name).unwrap());
    let mut router = Router::new();
    router.insert(Methods::only([purge.clone(), Method::GET]), "/{a}", 1).unwrap();
    router.insert(Methods::only([report.clone()]), "/{b}", 2).unwrap();
    router.insert(Methods::only([purge.clone(), report.clone()]), "/{c}", 3).unwrap();
    assert!(matches!(router.at(&purge, "/x"), Outcome::Full(found) if *found.value == 1));
    assert!(matches!(router.at(&report, "/x"), Outcome::Full(found) if *found.value == 2));
    assert!(matches!(router.at(&Method::PUT, "/x"), Outcome::Partial(found) if *found.value == 1));
}

#[test]
fn a_mount_serves_every_method_below_its_prefix() {
    let mut router = Router::new();
    router.insert(Methods::only([Method::GET]), "/files/list", "list").unwrap();
    router.mount("/files/", "files").unwrap();
    router.mount("/{tenant}/docs", "docs").unwrap();
    router.mount("", "all").unwrap();
    for (method, path, value, params) in [
        (Method::GET, "/files/list", "list", &[][..]),
        (Method::PUT, "/files/list", "files", &["list"]),
        (Method::GET, "/files/", "files", &[""]),
        (Method::GET, "/files//a/b", "files", &["/a/b"]),
        (Method::GET, "/files", "all", &["files"]),
        (Method::GET, "/acme/docs/x", "docs", &["acme", "x"]),
        (Method::GET, "/acme/docs", "all", &["acme/docs"]),
    ] {
        let Outcome::Full(found) = router.at(&method, path) else { panic!("no route for {path}") };
        let values: Vec<_> = found.params.iter().map(|(_, _, value)| value).collect();
        assert_eq!((*found.value, &*values), (value, params), "{path}");
    }
    assert!(router.mount("/{path}", "twice").is_err());
}

#[test]
fn the_empty_path_has_a_template() {
    Table { routes: &["", "/"], paths: &[("", Some(("", &[]))), ("/", Some(("/", &[]))), ("*", None)] }.run();
}

#[test]
fn parameters_keep_name_and_convertor() {
    let mut router = Router::new();
    router.insert(Methods::any(), "/{a:int}/{b}", ()).unwrap();
    let Outcome::Full(found) = router.at(&Method::GET, "/1/two") else { panic!("no route") };
    assert_eq!(
        found.params.iter().collect::<Vec<_>>(),
        [("a", Convertor::Int, "1"), ("b", Convertor::Str, "two")]
    );
    assert_eq!((found.params.get("b"), found.params.get("c")), (Some("two"), None));
    assert_eq!((found.params.get_index(1), found.params.get_index(2)), (Some("two"), None));
    assert_eq!((found.params.len(), found.params.is_empty()), (2, false));
}

#[test]
fn more_parameters_than_are_stored_in_place() {
    let mut router = Router::new();
    router.insert(Methods::any(), "/{a}/{b}/{c}/{d}/{e}/{f}", ()).unwrap();
    let Outcome::Full(found) = router.at(&Method::GET, "/1/2/3/4/5/6") else { panic!("no route") };
    assert_eq!(found.params.iter().map(|(_, _, value)| value).collect::<String>(), "123456");
}

#[test]
fn templates_that_are_none_are_refused() {
    let mut router = Router::new();
    let mut insert = |template: &str| router.insert(Methods::any(), template, ()).unwrap_err();
    assert_eq!(insert("x"), InsertError::NoLeadingSlash("x".to_owned()));
    assert_eq!(
        insert("/{a:date}"),
        InsertError::UnknownConvertor { template: "/{a:date}".to_owned(), convertor: "date".to_owned() }
    );
    assert_eq!(
        insert("/{a}/{a:int}"),
        InsertError::DuplicateParameter { template: "/{a}/{a:int}".to_owned(), name: "a".to_owned() }
    );
    assert!(matches!(router.at(&Method::GET, "/x"), Outcome::None));
}
