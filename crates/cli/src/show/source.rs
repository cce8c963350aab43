//! A message with the line of text that it is about.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

/// Renders `message` under the character at `line` and `column` (both counted from 1) of `text`.
pub(crate) fn point_at(name: &str, text: &str, line: usize, column: usize, message: &str) -> String {
    let source = text.lines().nth(line.saturating_sub(1)).unwrap_or("");
    let start = source.char_indices().nth(column.saturating_sub(1)).map_or(source.len(), |(at, _)| at);
    let end = source[start..].chars().next().map_or(start, |c| start + c.len_utf8());
    let snippet = Snippet::source(source)
        .path(name)
        .line_start(line)
        .annotation(AnnotationKind::Primary.span(start..end));
    let report = &[Level::ERROR.primary_title(message).element(snippet)];
    let rendered = Renderer::plain().render(report);
    // The caller puts its own coloured "error" in front.
    rendered.strip_prefix("error: ").map(str::to_owned).unwrap_or(rendered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn the_character_is_pointed_at() {
        expect![[r#"
            no such register
             --> a.s:2:6
              |
            2 | r0 = r11
              |      ^"#]]
        .assert_eq(&point_at("a.s", "exit\nr0 = r11\n", 2, 6, "no such register"));
        // Places that are not there must not panic.
        point_at("a.s", "", 7, 7, "m");
        point_at("a.s", "é", 1, 2, "m");
    }
}
