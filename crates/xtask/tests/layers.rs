//! What cargo-deny cannot see of the layers: which kind of dependency a crate is.

use std::fs;
use std::path::{Path, PathBuf};

/// The crates that the product must not need: dev-dependencies of it at most.
const BEHIND_THE_SCENES: [&str; 3] = ["skep-testkit", "skep-oracle", "xtask"];

/// The crates that are behind the scenes themselves, so may need each other.
const FREE: [&str; 6] = ["crates/testkit", "crates/oracle", "crates/xtask", "benches", "compat", "fuzz"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The directories of all members of the workspace, relative to its root.
fn members() -> Vec<String> {
    let crates = fs::read_dir(root().join("crates")).unwrap();
    let names = crates.map(|entry| format!("crates/{}", entry.unwrap().file_name().to_str().unwrap()));
    names.chain(["benches", "compat", "fuzz"].map(str::to_string)).collect()
}

/// The names under `[dependencies]`, `[build-dependencies]` and their `target` forms.
fn normal_dependencies(manifest: &str) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = table.ends_with("dependencies") && !table.ends_with("dev-dependencies");
            if let Some((_, name)) =
                table.split_once("dependencies.").filter(|(kind, _)| !kind.ends_with("dev-"))
            {
                names.push(name.to_string());
            }
        } else if inside && !line.starts_with('#') {
            names.extend(
                line.split(['.', '=', ' ']).next().filter(|name| !name.is_empty()).map(str::to_string),
            );
        }
    }
    names
}

#[test]
fn the_product_does_not_need_what_is_behind_the_scenes() {
    for member in members().iter().filter(|member| !FREE.contains(&member.as_str())) {
        let manifest = fs::read_to_string(root().join(member).join("Cargo.toml")).unwrap();
        for name in normal_dependencies(&manifest) {
            assert!(
                !BEHIND_THE_SCENES.contains(&name.as_str()),
                "{member} depends on {name}: make it a dev-dependency"
            );
        }
    }
}

#[test]
fn every_crate_of_the_workspace_is_in_a_rule() {
    let rules = fs::read_to_string(root().join("deny.toml")).unwrap();
    for member in members() {
        let manifest = fs::read_to_string(root().join(&member).join("Cargo.toml")).unwrap();
        let name = manifest.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
        assert!(rules.contains(name), "deny.toml says nothing of {name}");
    }
}

#[test]
fn kinds_are_told_apart() {
    let manifest = "\
[package]
name = \"x\"
[dependencies]
one.workspace = true
# not = \"this\"
two = { path = \"two\" }
[dev-dependencies]
three = \"1\"
[target.'cfg(unix)'.dependencies]
four = \"1\"
[build-dependencies]
five = \"1\"
[dependencies.six]
[dev-dependencies.seven]
[lints]
workspace = true
";
    assert_eq!(normal_dependencies(manifest), ["one", "two", "four", "five", "six"]);
}
