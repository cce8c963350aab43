//! Paths as a test writes them: `mm.exe_file.f_path.dentry.d_name.name`, `numbers[1].nr`, `private_data<pipe_inode_info>.ring_size`.

use super::error::Problem;

/// One step of a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step<'p> {
    /// A member of a struct, or of the struct that a pointer points to.
    Member(&'p str),
    /// An element of an array, or of the array that a pointer points to.
    Index(u64),
    /// What is there is a pointer to (or a struct inside of) another type than it says.
    Cast {
        /// The type.
        to: &'p str,
        /// What of that type is pointed to; all of it if empty.
        member: &'p str,
    },
}

/// A step, and how many bytes of the path it ends at.
pub(crate) type Placed<'p> = (Step<'p>, usize);

/// The steps of a path; none for the empty one. `->` is a dot.
pub(crate) fn parse(path: &str) -> Result<Vec<Placed<'_>>, Problem> {
    let mut steps = Vec::new();
    let mut at = 0;
    while at < path.len() {
        let (step, end) = step(path, at).ok_or(Problem::Syntax(at))?;
        steps.push((step, end));
        at = end;
    }
    Ok(steps)
}

fn step(path: &str, at: usize) -> Option<Placed<'_>> {
    let rest = path.get(at..)?;
    if let Some(index) = rest.strip_prefix('[') {
        let (digits, _) = index.split_once(']')?;
        let index = digits.parse().ok().filter(|_| digits.bytes().all(|it| it.is_ascii_digit()))?;
        return Some((Step::Index(index), at + digits.len() + 2));
    }
    if let Some(cast) = rest.strip_prefix('<') {
        let (inside, _) = cast.split_once('>')?;
        let (to, member) = inside.split_once('.').unwrap_or((inside, ""));
        let fine = !to.trim().is_empty() && (member.is_empty() != inside.contains('.'));
        return fine.then_some((Step::Cast { to: to.trim(), member }, at + inside.len() + 2));
    }
    let (name, dot) = match (rest.strip_prefix("->"), rest.strip_prefix('.')) {
        (Some(name), _) if at != 0 => (name, 2),
        (_, Some(name)) if at != 0 => (name, 1),
        (None, None) if at == 0 => (rest, 0),
        _ => return None,
    };
    let len = name.bytes().take_while(|it| it.is_ascii_alphanumeric() || *it == b'_' || *it == b'$').count();
    (len > 0).then_some((Step::Member(&name[..len]), at + dot + len))
}

#[cfg(test)]
mod tests {
    use super::Step::*;
    use super::*;

    #[test]
    fn paths_are_taken_apart() {
        let rows: [(&str, &[Placed<'_>]); 6] = [
            ("", &[]),
            ("pid", &[(Member("pid"), 3)]),
            ("mm->exe_file.f_path", &[(Member("mm"), 2), (Member("exe_file"), 12), (Member("f_path"), 19)]),
            ("fd[3]->f_pos", &[(Member("fd"), 2), (Index(3), 5), (Member("f_pos"), 12)]),
            ("[7]", &[(Index(7), 3)]),
            (
                "a<struct b>.c<d.e.f>",
                &[
                    (Member("a"), 1),
                    (Cast { to: "struct b", member: "" }, 11),
                    (Member("c"), 13),
                    (Cast { to: "d", member: "e.f" }, 20),
                ],
            ),
        ];
        for (path, steps) in rows {
            assert_eq!(parse(path).as_deref(), Ok(steps), "{path}");
        }
    }

    #[test]
    fn malformed_paths_say_where() {
        let rows = [
            (".a", 0),
            ("a.", 1),
            ("a..b", 1),
            ("a[", 1),
            ("a[]", 1),
            ("a[-1]", 1),
            ("a[+1]", 1),
            ("a[x]", 1),
            ("a b", 1),
            ("a<>", 1),
            ("a<b", 1),
            ("a<.b>", 1),
            ("a<b.>", 1),
            ("a[1]b", 4),
            ("->a", 0),
            ("a\u{e4}", 1),
            ("a[99999999999999999999]", 1),
            (" ", 0),
            ("[1", 0),
        ];
        for (path, at) in rows {
            assert_eq!(parse(path), Err(Problem::Syntax(at)), "{path}");
        }
    }
}
