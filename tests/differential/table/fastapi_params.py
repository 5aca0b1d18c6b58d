"""Parameters of FastAPI endpoints: accepted, rejected with 422, and the security helpers."""

from __future__ import annotations

from ._build import exchange, get, request

F = "fastapi"


def values(group: str, *texts: str) -> list[object]:
    """One path parameter with many texts."""
    return [
        get(f"fastapi-path-{group}-{number}-{text[:24]}", F, f"/params/{group}/{text}")
        for number, text in enumerate(texts)
    ]


CASES = [
    *values(
        "int",
        "1",
        "-1",
        "+1",
        "007",
        "1.0",
        "1.5",
        "1_000",
        "abc",
        "%201%20",
        "",
        "9" * 40,
        "1e3",
        "%D9%A3",
        "true",
    ),
    *values("float", "1", "1.5", "-0", "1e400", "nan", "inf", "1_0.5", ".5", "1.", "x"),
    *values(
        "str",
        "a",
        "%20",
        "gr%C3%BCn",
        "a%2Fb",
        "%00",
        "a%0A",
        "%ff",
        "a+b",
        "%F0%9F%98%80",
        "%22quoted%22",
        "a/b",
    ),
    *values("uuid", "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B8109DAD11D180B400C04FD430C8", "nope"),
    *values("enum", "red", "RED", "green"),
    *values("date", "2024-02-29", "2023-02-29", "1700000000", "2024-1-1"),
    *values("rest", "a/b/c", "", "/", "a//b/", "%2e%2e/x", "a%0Ab"),
    *values("convertor", "12", "-1", "1.0", "9" * 30),
    *values("ranged", "1", "10", "0", "x"),
    *(
        get(f"fastapi-query-{name}", F, f"/params/query?{query}")
        for name, query in (
            (
                "all",
                "number=1&text=t&flag=yes&ratio=1.5&many=1&many=2&when=2024-01-01T00:00:00Z&span=PT1M30S&price=1.10&a-lias=x&sized=abc",
            ),
            ("required-missing", ""),
            ("no-query-mark-content", "&&"),
            ("required-empty", "number="),
            ("twice-last-wins", "number=1&number=2"),
            ("plus-is-space", "number=1&text=a+b"),
            ("percent", "number=1&text=a%2Bb%26c"),
            ("invalid-percent", "number=1&text=%zz%"),
            ("invalid-utf8", "number=1&text=%ff"),
            ("semicolon", "number=1;text=x"),
            ("no-equals", "number=1&text"),
            ("empty-name", "number=1&=x"),
            ("equals-in-value", "number=1&text=a=b"),
            ("bool-words", "number=1&flag=ON"),
            ("bool-invalid", "number=1&flag=maybe"),
            ("list-invalid-member", "number=1&many=1&many=x"),
            ("many-errors", "number=x&flag=y&ratio=z&sized=TOOLONG&many=q"),
            ("sized-pattern", "number=1&sized=A1"),
            ("name-percent-encoded", "n%75mber=5"),
            ("unknown-ignored", "number=1&unknown=2"),
            ("brackets", "number=1&many[]=1"),
            ("emoji", "number=1&text=%F0%9F%98%80"),
            ("datetime-variants", "number=1&when=2024-01-01%2010:00:00"),
            ("timedelta-negative", "number=1&span=-P1DT2H"),
            ("decimal-nan", "number=1&price=NaN"),
            ("huge-number", "number=" + "9" * 60),
        )
    ),
    *(
        get(f"fastapi-query-model-{name}", F, f"/params/query-model?{query}")
        for name, query in (
            ("defaults", ""),
            ("all", "limit=5&order=down&tags=a&tags=b"),
            ("extra", "x=1"),
            ("bad", "limit=0&order=left"),
        )
    ),
    get("fastapi-headers-none", F, "/params/headers"),
    get(
        "fastapi-headers-all",
        F,
        "/params/headers",
        [("User-Agent", "ua"), ("X-Token", "a"), ("X-Token", "b"), ("X-Count", "3")],
    ),
    get(
        "fastapi-headers-apart", F, "/params/headers", [("X-Token", "a"), ("X-Count", "3"), ("X-Token", "b")]
    ),
    get("fastapi-headers-comma", F, "/params/headers", [("X-Token", "a, b"), ("X-Count", " 7")]),
    get("fastapi-headers-invalid", F, "/params/headers", [("X-Count", "many")]),
    get("fastapi-headers-latin-1", F, "/params/headers", [b"User-Agent: gr\xfcn"]),
    get("fastapi-headers-utf8", F, "/params/headers", [("User-Agent", "grün")]),
    get("trap50-fastapi-header-underscore", F, "/params/headers", [("x_token", "a"), ("X_Under", "b")]),
    get("fastapi-cookies", F, "/params/cookies", [("Cookie", "a=1; b=2")]),
    get("fastapi-cookies-two-fields", F, "/params/cookies", [("Cookie", "a=1"), ("Cookie", "b=2")]),
    get("fastapi-cookies-quoted", F, "/params/cookies", [("Cookie", 'a="x y"; b=2')]),
    get("fastapi-cookies-odd", F, "/params/cookies", [("Cookie", 'a; =b;; c = d ;a=\\"')]),
    get("fastapi-cookies-invalid", F, "/params/cookies", [("Cookie", "b=x")]),
    get("fastapi-depends", F, "/params/depends?q=x&n=2"),
    get("fastapi-depends-invalid", F, "/params/depends?n=x"),
    get("fastapi-guarded-refused", F, "/params/guarded"),
    get("fastapi-guarded-403-before-422", F, "/params/guarded?number=x"),
    get("fastapi-guarded-422", F, "/params/guarded?number=x", [("X-Allow", "yes")]),
    get("fastapi-guarded-200", F, "/params/guarded?number=1", [("X-Allow", "yes")]),
    get("fastapi-basic-none", F, "/params/basic"),
    get("fastapi-basic", F, "/params/basic", [("Authorization", "Basic dXNlcjpwdw==")]),
    get("fastapi-basic-lower-scheme", F, "/params/basic", [("Authorization", "basic dXNlcjpwdw==")]),
    get("fastapi-basic-not-base64", F, "/params/basic", [("Authorization", "Basic !!!")]),
    get("fastapi-basic-no-colon", F, "/params/basic", [("Authorization", "Basic dXNlcg==")]),
    get("trap50-fastapi-basic-spaces", F, "/params/basic", [("Authorization", "Basic   dXNlcjpwdw== ")]),
    get("fastapi-bearer-none", F, "/params/bearer"),
    get("fastapi-bearer", F, "/params/bearer", [("Authorization", "Bearer token")]),
    get("fastapi-bearer-other-scheme", F, "/params/bearer", [("Authorization", "Basic x")]),
    get("fastapi-bearer-empty", F, "/params/bearer", [("Authorization", "Bearer")]),
    get("fastapi-http-bearer-none", F, "/params/http-bearer"),
    get("fastapi-http-bearer", F, "/params/http-bearer", [("Authorization", "Bearer abc")]),
    get("fastapi-api-key", F, "/params/api-key", [("X-Key", "k")]),
    get("fastapi-api-key-none", F, "/params/api-key"),
    exchange(
        "fastapi-header-twice-authorization",
        F,
        request(
            target="/params/bearer", fields=[("Authorization", "Bearer a"), ("Authorization", "Bearer b")]
        ),
    ),
]
