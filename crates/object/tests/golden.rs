//! What the objects in `tests/data` hold. `UPDATE_EXPECT=1 cargo test` accepts what is printed.

mod common;

use common::{parse, summary};
use expect_test::{ExpectFile, expect_file};

fn check(name: &str, expected: ExpectFile) {
    expected.assert_eq(&summary(&parse(name)));
}

#[test]
fn counter() {
    check("counter", expect_file!["data/counter.txt"]);
}

#[test]
fn kitchen() {
    check("kitchen", expect_file!["data/kitchen.txt"]);
}

#[test]
fn maps() {
    check("maps", expect_file!["data/maps.txt"]);
}

#[test]
fn legacy() {
    check("legacy", expect_file!["data/legacy.txt"]);
}

#[test]
fn struct_ops() {
    check("struct_ops", expect_file!["data/struct_ops.txt"]);
}

#[test]
fn arena() {
    check("arena", expect_file!["data/arena.txt"]);
}

#[test]
fn static_program_and_undefined_function() {
    check("static_prog", expect_file!["data/static_prog.txt"]);
}

#[test]
fn functions_without_types() {
    check("bare", expect_file!["data/bare.txt"]);
}
