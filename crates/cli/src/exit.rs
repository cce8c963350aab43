//! Exit codes, and how a failure is told.

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use skep::Class;

/// What a command that could do its work says: 0, or 1 where a program was rejected or faulted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Done {
    /// All well.
    Well,
    /// The program was rejected or faulted, and the output says so.
    ProgramFailed,
}

/// Why a command could not do its work, or could not tell.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    /// Nothing, where the reader of our output has gone away: there is nobody to tell.
    message: Option<String>,
}

impl Failure {
    /// Bad usage or bad input.
    pub(crate) fn usage(message: impl Display) -> Failure {
        Failure { code: 2, message: Some(message.to_string()) }
    }

    /// A program was rejected or faulted, and that is all there is to print.
    pub(crate) fn program(message: impl Display) -> Failure {
        Failure { code: 1, message: Some(message.to_string()) }
    }

    /// The same, with the name of what it is about in front.
    pub(crate) fn within(self, name: &str) -> Failure {
        Failure { message: self.message.map(|message| format!("{name}: {message}")), ..self }
    }
}

impl From<skep::Error> for Failure {
    fn from(error: skep::Error) -> Failure {
        match error.class() {
            Class::BadInput | Class::HostLimit => Failure::usage(error),
            Class::ProgramFault | Class::Rejected | Class::NotEmulated => Failure::program(error),
        }
    }
}

impl From<io::Error> for Failure {
    /// An error of writing our output.
    fn from(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure { code: 0, message: None }
        } else {
            Failure { code: 2, message: Some(format!("cannot write the output: {error}")) }
        }
    }
}

/// Says what there is to say and makes the exit code.
pub(crate) fn code(result: Result<Done, Failure>) -> ExitCode {
    match result {
        Ok(Done::Well) => ExitCode::SUCCESS,
        Ok(Done::ProgramFailed) => ExitCode::from(1),
        Err(Failure { code, message }) => {
            if let Some(message) = message {
                let style = anstyle::AnsiColor::Red.on_default().bold();
                // Nobody is left to hear of an error on stderr.
                let _ = writeln!(anstream::stderr(), "{style}error{style:#}: {message}");
            }
            ExitCode::from(code)
        }
    }
}
