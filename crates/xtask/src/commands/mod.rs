//! The commands, one file each.

mod btf;
mod captures;
mod fixtures;
mod header;

use crate::command::Command;

/// Every command of `cargo xtask`, in the order of the list that `--help` prints.
pub(crate) const TABLE: &[Command] = &[btf::COMMAND, fixtures::COMMAND, captures::COMMAND, header::COMMAND];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_its_own_name_and_help_that_shows_it() {
        for (i, command) in TABLE.iter().enumerate() {
            assert!(TABLE[..i].iter().all(|other| other.name != command.name), "{} twice", command.name);
            let usage = format!("usage: cargo xtask {}", command.name);
            assert!(command.help.starts_with(&usage), "the help of {} begins with its usage", command.name);
        }
    }
}
