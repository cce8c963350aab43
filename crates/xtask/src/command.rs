//! What a command is: a name, a line, a help page and a function.

use std::fmt;

/// One row of the command table.
pub(crate) struct Command {
    /// The word after `cargo xtask`.
    pub(crate) name: &'static str,
    /// One line for the list of commands.
    pub(crate) summary: &'static str,
    /// What `--help` prints.
    pub(crate) help: &'static str,
    /// Does it. Progress goes to stderr.
    pub(crate) run: fn(Args) -> Result<(), Failure>,
}

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line cannot be understood.
    Usage(String),
    /// A program, header or file that the command needs is not there, or failed. The text says how to get it.
    Missing(String),
    /// Something committed is not what it should be. The text says what differs and how to put it right.
    Differs(String),
}

impl Failure {
    /// 1 when the repository is at fault, 2 when the call or the machine is.
    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Failure::Differs(_) => 1,
            Failure::Usage(_) | Failure::Missing(_) => 2,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Failure::Usage(text) | Failure::Missing(text) | Failure::Differs(text)) = self;
        f.write_str(text)
    }
}

impl From<xshell::Error> for Failure {
    fn from(error: xshell::Error) -> Failure {
        Failure::Missing(error.to_string())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Failure {
        Failure::Missing(error.to_string())
    }
}

/// The words after the command's name, taken one question at a time; what nobody asked for is an error.
pub(crate) struct Args {
    command: &'static str,
    words: Vec<String>,
}

impl Args {
    /// The words that follow `cargo xtask COMMAND`.
    pub(crate) fn new(command: &'static str, words: Vec<String>) -> Args {
        Args { command, words }
    }

    /// Whether the flag (`--check`) is given; takes it.
    pub(crate) fn flag(&mut self, name: &str) -> bool {
        let before = self.words.len();
        self.words.retain(|word| word != name);
        self.words.len() < before
    }

    /// Everything that is left, none of which may look like a flag.
    pub(crate) fn rest(self) -> Result<Vec<String>, Failure> {
        match self.words.iter().find(|word| word.starts_with('-')) {
            None => Ok(self.words),
            Some(word) => Err(self.unexpected(word)),
        }
    }

    /// Succeeds when nothing is left.
    pub(crate) fn done(self) -> Result<(), Failure> {
        match self.words.first() {
            None => Ok(()),
            Some(word) => Err(self.unexpected(word)),
        }
    }

    fn unexpected(&self, word: &str) -> Failure {
        Failure::Usage(format!("unexpected `{word}`; see `cargo xtask {} --help`", self.command))
    }
}

/// The list of commands.
pub(crate) fn overview(table: &[Command]) -> String {
    let mut text = String::from("usage: cargo xtask COMMAND [OPTIONS]\n\n");
    for command in table {
        text.push_str(&format!("    {:<12} {}\n", command.name, command.summary));
    }
    text.push_str("\n`cargo xtask COMMAND --help` explains a command.\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> Args {
        Args::new("test", words.iter().map(|word| word.to_string()).collect())
    }

    #[test]
    fn flags_are_taken_once_asked_for() {
        let mut given = args(&["one", "--check", "two"]);
        assert!(given.flag("--check"));
        assert!(!given.flag("--check"));
        assert_eq!(given.rest().unwrap(), ["one", "two"]);
    }

    #[test]
    fn what_nobody_asked_for_is_an_error() {
        let text = args(&["--chekc"]).rest().unwrap_err().to_string();
        assert_eq!(text, "unexpected `--chekc`; see `cargo xtask test --help`");
        assert!(args(&["one"]).done().is_err());
        assert!(args(&[]).done().is_ok());
    }

    #[test]
    fn exit_codes_tell_the_repository_from_the_machine() {
        assert_eq!(Failure::Differs(String::new()).exit_code(), 1);
        assert_eq!(Failure::Missing(String::new()).exit_code(), 2);
        assert_eq!(Failure::Usage(String::new()).exit_code(), 2);
    }
}
