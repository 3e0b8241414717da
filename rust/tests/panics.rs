//! A mistake in the engine is a line in the host's log, and nothing on its standard error. Alone in its
//! process, since a panic hook is everybody's.

use std::panic::catch_unwind;

use immuta_impersonation::log::Level;
use immuta_impersonation::panics;

#[test]
fn panics_wait_for_the_host_and_many_are_counted() {
    panics::report();
    panics::report();
    assert_eq!(panics::drain(), []);

    catch_unwind(|| panic!("one\ntwo")).unwrap_err();
    let messages = panics::drain();
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert_eq!(messages[0].level, Level::Error);
    let text = &messages[0].text;
    assert!(text.contains("please report it"), "{text}");
    assert!(text.contains("rust/tests/panics.rs:"), "{text}");
    assert!(text.ends_with("one two"), "{text}");

    for _ in 0..100 {
        catch_unwind(|| panic!("again")).unwrap_err();
    }
    let messages = panics::drain();
    assert_eq!(messages.len(), 6, "{messages:?}");
    assert_eq!(messages[5].text, "and 95 more panics of the engine");
    assert_eq!(panics::drain(), []);
}
