//! Pins: maps, programs and links that a file of a `bpf` file system keeps (`bpf_object__pin` and its like).

use skep_abi::Errno;
use skep_kernel::Kernel;

use crate::attach::Link;
use crate::error::Error;
use crate::load::{Loaded, LoadedMap, LoadedProgram};
use crate::open;

/// Makes the directory of a path, if it is not there, and sees that it is one to pin in (`make_parent_dir`,
/// `check_path`).
fn prepare(kernel: &mut Kernel, path: &str) -> Result<(), Errno> {
    let parent = parent(path);
    match kernel.mkdir(parent, 0o700) {
        Ok(()) | Err(Errno::EEXIST) => check(kernel, path),
        Err(errno) => Err(errno),
    }
}

fn check(kernel: &Kernel, path: &str) -> Result<(), Errno> {
    match kernel.stat(parent(path))?.bpffs {
        true => Ok(()),
        false => Err(Errno::EINVAL),
    }
}

/// `dirname(3)`.
fn parent(path: &str) -> &str {
    match path.trim_end_matches('/').rsplit_once('/') {
        Some(("", _)) => "/",
        Some((parent, _)) => parent.trim_end_matches('/'),
        None => ".",
    }
}

/// Names in a `bpf` file system have no dots (`sanitize_pin_path`).
fn sanitized(directory: &str, name: &str) -> String {
    format!("{directory}/{name}").replace('.', "_")
}

impl LoadedMap {
    /// What libbpf calls it: a data section, the kernel's name of it, unless it has one of its own.
    fn libbpf_name(&self) -> &str {
        let own = |of: &str| self.name.strip_prefix(of).is_some_and(|rest| !rest.is_empty());
        if own(".data") || own(".rodata") { &self.name } else { &self.spec.name }
    }

    fn error(&self, errno: Errno, text: impl std::fmt::Display) -> Error {
        Error::bad_input(format!("map {}", self.name), text.to_string()).with_errno(errno)
    }

    /// Pins it where its definition says, or at `path` (`bpf_map__pin`).
    pub(crate) fn pin(&mut self, kernel: &mut Kernel, path: Option<&str>) -> Result<(), Error> {
        let Ok(fd) = self.fd.clone() else {
            return Err(self.error(Errno::EINVAL, "can't pin BPF map without FD (was it created?)"));
        };
        let path = match (&self.pin_path, path) {
            (Some(own), Some(other)) if own != other => {
                let text = format!("it already has the pin path '{own}', which is not '{other}'");
                return Err(self.error(Errno::EINVAL, text));
            }
            (Some(_), _) if self.pinned => return Ok(()),
            (Some(own), _) => own.clone(),
            (None, None) => return Err(self.error(Errno::EINVAL, "there is no path to pin it at")),
            (None, Some(_)) if self.pinned => {
                return Err(self.error(Errno::EEXIST, "it is already pinned"));
            }
            (None, Some(path)) => path.to_owned(),
        };
        self.pin_path = Some(path.clone());
        prepare(kernel, &path)
            .and_then(|()| kernel.obj_pin(fd, path.as_str()))
            .map_err(|errno| self.error(errno, format!("it cannot be pinned at {path} ({errno})")))?;
        self.pinned = true;
        Ok(())
    }

    /// Takes the pin away (`bpf_map__unpin`).
    pub(crate) fn unpin(&mut self, kernel: &mut Kernel, path: Option<&str>) -> Result<(), Error> {
        let path = match (&self.pin_path, path) {
            (Some(own), Some(other)) if own != other => {
                let text = format!("it is pinned at '{own}', not at '{other}'");
                return Err(self.error(Errno::EINVAL, text));
            }
            (Some(own), _) => own.clone(),
            (None, Some(path)) => path.to_owned(),
            (None, None) => return Err(self.error(Errno::EINVAL, "there is no path to unpin it from")),
        };
        check(kernel, &path)
            .and_then(|()| kernel.unlink(path.as_str()))
            .map_err(|errno| self.error(errno, format!("the pin {path} cannot be taken away ({errno})")))?;
        self.pinned = false;
        Ok(())
    }
}

impl LoadedProgram {
    /// Pins it (`bpf_program__pin`).
    ///
    /// # Errors
    /// `EINVAL`: it is not loaded, or `path` is not in a `bpf` file system. What the kernel answers.
    pub fn pin(&self, kernel: &mut Kernel, path: &str) -> Result<(), Error> {
        let fd = self.loaded_fd("pin")?;
        prepare(kernel, path)
            .and_then(|()| kernel.obj_pin(fd, path))
            .map_err(|errno| self.pin_error(errno, format!("it cannot be pinned at {path} ({errno})")))
    }

    /// Takes the pin at a path away (`bpf_program__unpin`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::pin`].
    pub fn unpin(&self, kernel: &mut Kernel, path: &str) -> Result<(), Error> {
        self.loaded_fd("unpin")?;
        check(kernel, path)
            .and_then(|()| kernel.unlink(path))
            .map_err(|errno| self.pin_error(errno, format!("the pin {path} cannot be taken away ({errno})")))
    }

    fn loaded_fd(&self, what: &str) -> Result<skep_kernel::Fd, Error> {
        self.fd.clone().map_err(|_| {
            let text = format!("prog '{}': can't {what} program that wasn't loaded", self.name);
            self.pin_error(Errno::EINVAL, text)
        })
    }

    fn pin_error(&self, errno: Errno, text: String) -> Error {
        Error::bad_input(format!("program {}", self.name), text).with_errno(errno)
    }
}

impl Loaded {
    /// Pins a map where its definition says, or at `path` (`bpf_map__pin`).
    ///
    /// # Errors
    /// There is no such map. `EINVAL`: it is not there, it is pinned or to be pinned elsewhere, no path is said, or it is
    /// not in a `bpf` file system. What the kernel answers.
    pub fn pin_map(&mut self, kernel: &mut Kernel, name: &str, path: Option<&str>) -> Result<(), Error> {
        self.map_entry(name)?.pin(kernel, path)
    }

    /// Takes the pin of a map away (`bpf_map__unpin`).
    ///
    /// # Errors
    /// As for [`Loaded::pin_map`].
    pub fn unpin_map(&mut self, kernel: &mut Kernel, name: &str, path: Option<&str>) -> Result<(), Error> {
        self.map_entry(name)?.unpin(kernel, path)
    }

    fn map_entry(&mut self, name: &str) -> Result<&mut LoadedMap, Error> {
        let names: Vec<&str> = self.maps.iter().map(|it| it.name.as_str()).collect();
        let missing = open::unknown("map", name, &names);
        self.maps.iter_mut().find(|it| it.name == name).ok_or(missing)
    }

    /// Pins all maps in a directory, or those that have a place where that is (`bpf_object__pin_maps`). If one cannot be,
    /// none is.
    ///
    /// # Errors
    /// As for [`Loaded::pin_map`].
    pub fn pin_maps(&mut self, kernel: &mut Kernel, directory: Option<&str>) -> Result<(), Error> {
        for at in 0..self.maps.len() {
            let map = &mut self.maps[at];
            if !map.autocreate || (directory.is_none() && map.pin_path.is_none()) {
                continue;
            }
            let path = directory.map(|directory| sanitized(directory, map.libbpf_name()));
            if let Err(error) = map.pin(kernel, path.as_deref()) {
                for map in self.maps[..at].iter_mut().rev().filter(|it| it.pin_path.is_some()) {
                    // The error that is told is the first.
                    let _ = map.unpin(kernel, None);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes the pins of maps away (`bpf_object__unpin_maps`).
    ///
    /// # Errors
    /// As for [`Loaded::pin_map`], at the first map whose pin is not there.
    pub fn unpin_maps(&mut self, kernel: &mut Kernel, directory: Option<&str>) -> Result<(), Error> {
        for map in &mut self.maps {
            if directory.is_none() && map.pin_path.is_none() {
                continue;
            }
            let path = directory.map(|directory| sanitized(directory, map.libbpf_name()));
            map.unpin(kernel, path.as_deref())?;
        }
        Ok(())
    }

    /// Pins all programs in a directory, each by its name (`bpf_object__pin_programs`). If one cannot be, none is.
    ///
    /// # Errors
    /// As for [`LoadedProgram::pin`]; one that is not loaded is an error.
    pub fn pin_programs(&self, kernel: &mut Kernel, directory: &str) -> Result<(), Error> {
        for (at, program) in self.programs.iter().enumerate() {
            if let Err(error) = program.pin(kernel, &format!("{directory}/{}", program.name)) {
                for program in self.programs[..at].iter().rev() {
                    let _ = program.unpin(kernel, &format!("{directory}/{}", program.name));
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes the pins of all programs away (`bpf_object__unpin_programs`).
    ///
    /// # Errors
    /// As for [`LoadedProgram::unpin`].
    pub fn unpin_programs(&self, kernel: &mut Kernel, directory: &str) -> Result<(), Error> {
        self.programs.iter().try_for_each(|it| it.unpin(kernel, &format!("{directory}/{}", it.name)))
    }

    /// Pins all maps and programs in a directory (`bpf_object__pin`).
    ///
    /// # Errors
    /// As for [`Loaded::pin_maps`] and [`Loaded::pin_programs`]; then nothing is pinned.
    pub fn pin(&mut self, kernel: &mut Kernel, directory: &str) -> Result<(), Error> {
        self.pin_maps(kernel, Some(directory))?;
        self.pin_programs(kernel, directory).inspect_err(|_| {
            let _ = self.unpin_maps(kernel, Some(directory));
        })
    }

    /// Takes them all away (`bpf_object__unpin`).
    ///
    /// # Errors
    /// As for [`Loaded::unpin_programs`] and [`Loaded::unpin_maps`].
    pub fn unpin(&mut self, kernel: &mut Kernel, directory: &str) -> Result<(), Error> {
        self.unpin_programs(kernel, directory)?;
        self.unpin_maps(kernel, Some(directory))
    }
}

impl Link {
    /// Opens a link that is pinned (`bpf_link__open`).
    ///
    /// # Errors
    /// What the kernel answers: whether it is a link, nobody asks.
    pub fn open(kernel: &mut Kernel, path: &str) -> Result<Link, Errno> {
        let fd = kernel.obj_get(path)?;
        Ok(Link { pin_path: Some(path.to_owned()), ..Link::of_fd(fd) })
    }

    /// Pins it: the program stays attached as long as the pin is there (`bpf_link__pin`).
    ///
    /// # Errors
    /// `EBUSY`: it is pinned already. `EINVAL`: not in a `bpf` file system. What the kernel answers.
    pub fn pin(&mut self, kernel: &mut Kernel, path: &str) -> Result<(), Errno> {
        if self.pin_path.is_some() {
            return Err(Errno::EBUSY);
        }
        prepare(kernel, path)?;
        kernel.obj_pin(self.fd(), path)?;
        self.pin_path = Some(path.to_owned());
        Ok(())
    }

    /// Takes the pin away (`bpf_link__unpin`).
    ///
    /// # Errors
    /// `EINVAL`: it is not pinned. What the kernel answers.
    pub fn unpin(&mut self, kernel: &mut Kernel) -> Result<(), Errno> {
        kernel.unlink(self.pin_path.as_deref().ok_or(Errno::EINVAL)?)?;
        self.pin_path = None;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_paths() {
        for (path, expected) in [
            ("/sys/fs/bpf/x", "/sys/fs/bpf"),
            ("/sys/fs/bpf/a//x", "/sys/fs/bpf/a"),
            ("/x", "/"),
            ("x", "."),
            ("/a/x/", "/a"),
        ] {
            assert_eq!(parent(path), expected, "{path}");
        }
        assert_eq!(sanitized("/sys/fs/bpf/a.b", ".rodata"), "/sys/fs/bpf/a_b/_rodata");
    }
}
