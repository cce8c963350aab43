//! Variables that make clang describe types which nothing else uses.

use std::fmt::Write as _;

/// What the names of such variables begin with.
pub(super) const PREFIX: &str = "skep_keep_";

/// Declares a pointer to each type that a header defines at the beginning of a line.
pub(super) fn variables(header: &str, text: &mut String) {
    for ty in header.lines().filter_map(defined) {
        let name = ty.replace(' ', "_");
        // Writing to a String does not fail.
        let _ = writeln!(text, "{ty} *{PREFIX}{name};");
    }
}

/// The type that a line defines, or ends the definition of.
fn defined(line: &str) -> Option<String> {
    if let Some(ty) = line.strip_suffix(" {").or_else(|| line.strip_suffix(" {};")) {
        let (kind, name) = ty.split_once(' ')?;
        let is_tag = matches!(kind, "struct" | "union" | "enum");
        return (is_tag && is_name(name)).then(|| ty.to_owned());
    }
    let line = line.strip_suffix(';')?;
    let name = match line.strip_prefix("typedef ") {
        // `int (*name)(int)`, `int name[4]`, `int name`.
        Some(rest) => match rest.split_once("(*") {
            Some((_, rest)) => rest.split_once(')')?.0,
            None => rest.split('[').next()?.rsplit([' ', '*']).next()?,
        },
        None => line.strip_prefix("} ")?,
    };
    is_name(name).then(|| name.to_owned())
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_found() {
        let types = |text: &str| text.lines().filter_map(defined).collect::<Vec<_>>();
        let text =
            "struct a {\n\tint b;\n\tstruct {\n\t} c;\n};\nenum e {\nunion u {\nstruct none {};\nstruct f;\n";
        assert_eq!(types(text), ["struct a", "enum e", "union u", "struct none"]);
        let text =
            "typedef int i;\ntypedef struct a *p;\ntypedef int (*f)(int, char);\ntypedef int v[4];\n} t;\n";
        assert_eq!(types(text), ["i", "p", "f", "v", "t"]);
        assert_eq!(types("FUNC(int, f, struct a {)\nenum {\nextern int x;\n\ttypedef int y;\n"), [""; 0]);
    }

    #[test]
    fn each_gets_a_variable() {
        let mut text = String::new();
        variables("struct a {\n};\ntypedef int i;\n", &mut text);
        assert_eq!(text, "struct a *skep_keep_struct_a;\ni *skep_keep_i;\n");
    }
}
