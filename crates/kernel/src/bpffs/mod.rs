//! The files of a machine: directories, and `bpf` file systems in them where objects are pinned (`kernel/bpf/inode.c`).
//!
//! - `tree`: directories, links and pinned objects
//! - `walk`: paths (`fs/namei.c`)
//! - `change`: `mkdir`, `rmdir`, `unlink`, `rename`, `link`, `symlink`
//! - `pin`: `BPF_OBJ_PIN`, `BPF_OBJ_GET`
//! - `mount`: file systems and their options
//! - `token`: what owners of a file system may give out
//! - `open`: opening files
//! - `show`: what is where

mod change;
mod mount;
mod open;
mod pin;
mod show;
mod token;
mod tree;
mod walk;

pub use show::{FileKind, FileStat};
pub use token::Token;
pub(crate) use tree::{NodeId, Tree};

use crate::files::Fd;

/// Where a file is: a path, from a directory's descriptor if it does not begin with `/`. Without such a descriptor
/// paths begin at the root.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place<'a> {
    /// The directory (`path_fd`, with `BPF_F_PATH_FD`).
    pub dir: Option<Fd>,
    /// The path.
    pub path: &'a [u8],
}

impl<'a> From<&'a str> for Place<'a> {
    fn from(path: &'a str) -> Place<'a> {
        Place { dir: None, path: path.as_bytes() }
    }
}

impl<'a> From<&'a String> for Place<'a> {
    fn from(path: &'a String) -> Place<'a> {
        Place::from(path.as_str())
    }
}

impl<'a> From<(Fd, &'a str)> for Place<'a> {
    fn from((dir, path): (Fd, &'a str)) -> Place<'a> {
        Place { dir: Some(dir), path: path.as_bytes() }
    }
}
