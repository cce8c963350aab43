//! Kernel objects by type, and the world that programs look around in.
//!
//! An object is a `task_struct`, a `file`, a `sock`...: bytes in the simulated kernel's memory that are laid out as the
//! BTF of the simulated kernel says, so that a program reads from them what the test wrote there. Programs may load from
//! objects and not store to them.
//!
//! # Paths
//! `name`, `[index]` and `<type>` in a row: `mm.exe_file.f_path.dentry.d_name.name`, `fd[3].f_pos`.
//! - Members of anonymous structs and unions count as their outer one's. `.` and `->` are the same.
//! - A pointer is followed when the path goes on behind it; an index behind a pointer is that of an array that it points
//!   to. What a pointer points to is made when something is set behind it and it is NULL, of the type in the BTF.
//! - `private_data<pipe_inode_info>.ring_size` says what a `void *` (or an `unsigned long`) points to. Without, it is the
//!   type of the object that it does point to.
//! - `f_path.mnt<mount.mnt>.mnt_devname` is `container_of`: what is pointed to is the member `mnt` of a `mount`.
//!
//! # What is made
//! - What the kernel only has as a part of something larger is made as that: a `vfsmount` inside of a `mount`, a `sock` as
//!   the start of a `tcp6_sock`.
//! - A struct that ends in an array without length has room for 32 elements behind it, 4 KiB at most; programs see as
//!   many as were set.
//! - An array that a pointer points to has 64 elements of up to eight bytes, else 8 of any size, or as many as are asked
//!   for; it moves when that is more than it has.
//! - Text that goes to a `struct file *`, `dentry *`, `path` or `filename *` is a path from the root: the file is made with
//!   its directory entries, inode and mount.
//! - Strings and bytes that a pointer points to are fresh each time. They are in user memory if the pointer is declared
//!   `__user` (only BTF of kernels that clang built says so) or is in user memory itself.

mod cgroup;
mod convert;
mod error;
mod fs;
mod get;
mod list;
mod machine;
mod named;
mod net;
mod object;
mod path;
mod route;
mod scene;
mod set;
mod task;
mod types;
mod value;
mod vars;

pub use error::{ObjectError, Problem};
pub use net::SocketSpec;
pub use object::ObjectMut;
pub use value::{Args, FieldValue};

pub(crate) use scene::{Piece, Scene, World};
