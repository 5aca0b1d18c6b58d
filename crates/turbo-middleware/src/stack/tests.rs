use crate::Builder;
use crate::body_limit::BodyLimitLayer;
use crate::request_id::RequestIdLayer;

#[test]
fn a_stack_says_what_it_is_made_of() {
    assert!(Builder::new().build().is_empty());
    assert_eq!(Builder::new().build().to_string(), "");
    let stack = Builder::new().body_limit(BodyLimitLayer::new(1)).build();
    assert_eq!(stack.to_string(), "body limit");
    assert!(!stack.is_empty());
    let all = Builder::new().body_limit(BodyLimitLayer::new(1)).request_id(RequestIdLayer::new()).build();
    assert_eq!(all.names().collect::<Vec<_>>(), ["request id", "body limit"]);
}
