//! The kernel's configuration, as programs see it in their `.kconfig` section.

mod write;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use skep_btf::Kind;
use skep_kernel::TargetBtf;
use skep_object::{DataSection, Extern, ExternKind};

use crate::error::Error;

/// What a kernel like Debian's 6.12 is built with, of the options that programs ask for.
const PROFILE: &str = include_str!("kconfig.profile");
/// `KERNEL_VERSION(6, 12, 0)`: the kernel that is simulated.
const VERSION: u32 = 6 << 16 | 12 << 8;
/// The largest configuration file that is read, in bytes.
const MAX_FILE: u64 = 16 << 20;
/// Where the host's kernel tells its configuration, if it has no file.
const HOST: &str = "/proc/config.gz";

/// The values of `CONFIG_*` and of what libbpf makes up (`LINUX_KERNEL_VERSION`, `LINUX_HAS_*`).
///
/// They are written as in a configuration file: `y`, `n`, `m`, a number, or text in quotes.
///
/// ```
/// let mut config = skep_loader::Kconfig::default();
/// config.set("CONFIG_HZ", "1000");
/// assert_eq!(config.get("CONFIG_HZ"), Some("1000"));
/// assert_eq!(config.get("CONFIG_X86_64"), Some("y"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kconfig {
    /// What was set by hand.
    set: BTreeMap<String, String>,
    /// What the file has, each value with the number of its line.
    file: BTreeMap<String, (String, u32)>,
    /// Where the file is.
    origin: Arc<str>,
}

impl Default for Kconfig {
    /// Of a kernel like Debian's 6.12 on x86-64.
    fn default() -> Kconfig {
        // A test reads it line by line.
        Kconfig::parse(PROFILE, "profile").unwrap_or_else(|_| Kconfig::empty("profile"))
    }
}

/// A value of the configuration that a program asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The value, as it would stand in a configuration file.
    pub text: String,
    /// Where it comes from: `FILE:LINE`, `the profile`, `set`, or what libbpf would ask.
    pub source: String,
}

impl Kconfig {
    fn empty(origin: &str) -> Kconfig {
        Kconfig { set: BTreeMap::new(), file: BTreeMap::new(), origin: origin.into() }
    }

    /// The options of a configuration file, and no others. `origin` is what messages call it. Of an option that is there
    /// twice the first value counts, and lines that are no options are passed over, as libbpf does.
    ///
    /// # Errors
    /// A line that libbpf stops at, with its number.
    pub fn parse(text: &str, origin: &str) -> Result<Kconfig, Error> {
        let mut config = Kconfig::empty(origin);
        for (line, number) in text.lines().zip(1..) {
            if !line.starts_with("CONFIG_") {
                continue;
            }
            let wrong = |what: &str| {
                let line: String = line.chars().take(80).collect();
                Err(Error::bad_input(
                    format!("{origin}:{number}"),
                    format!("failed to parse '{line}': {what}"),
                ))
            };
            match line.split_once('=') {
                None => return wrong("no separator"),
                Some((_, "")) => return wrong("no value"),
                Some((name, value)) => {
                    config.file.entry(name.to_owned()).or_insert_with(|| (value.to_owned(), number));
                }
            }
        }
        Ok(config)
    }

    /// The options of a file, which gzip may have packed (`/boot/config-*`, `/proc/config.gz`).
    ///
    /// # Errors
    /// The bytes are no text, or damaged, or have a line that libbpf stops at.
    pub fn read(bytes: &[u8], origin: &str) -> Result<Kconfig, Error> {
        let bytes = crate::types::unpack(bytes).map_err(|text| Error::bad_input(origin, text))?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Kconfig::parse(text, origin),
            Err(error) => {
                let line = bytes[..error.valid_up_to()].iter().filter(|it| **it == b'\n').count() + 1;
                Err(Error::bad_input(format!("{origin}:{line}"), "it is no configuration: it is not text"))
            }
        }
    }

    /// The options of a file.
    ///
    /// # Errors
    /// It cannot be read; or as for [`Kconfig::read`].
    pub fn file(path: &Path) -> Result<Kconfig, Error> {
        let origin = path.display().to_string();
        let named = |text: String| Error::bad_input(&origin, text);
        let file = File::open(path).map_err(|error| named(error.to_string()))?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| named(error.to_string()))?;
        if bytes.len() as u64 > MAX_FILE {
            return Err(named(format!("it is larger than {} MiB", MAX_FILE >> 20)));
        }
        Kconfig::read(&bytes, &origin)
    }

    /// The configuration of the kernel that this process runs on, where libbpf looks for it: `/boot/config-RELEASE`, then
    /// `/proc/config.gz`.
    ///
    /// # Errors
    /// The host has neither; or as for [`Kconfig::read`].
    pub fn host() -> Result<Kconfig, Error> {
        let boot = format!("/boot/config-{}", crate::types::host_release().unwrap_or_default());
        let found = [boot.as_str(), HOST].into_iter().find(|path| File::open(path).is_ok());
        let found = found.ok_or_else(|| {
            let text =
                format!("failed to open system Kconfig: neither {boot} nor {HOST} can be read; give a file");
            Error::bad_input("host", text)
        })?;
        Kconfig::file(Path::new(found))
    }

    /// `host`, or the name of a file.
    ///
    /// # Errors
    /// As for [`Kconfig::host`] and [`Kconfig::file`].
    pub fn named(text: &str) -> Result<Kconfig, Error> {
        match text {
            "host" => Kconfig::host(),
            path => Kconfig::file(Path::new(path)),
        }
    }

    /// Takes the options of a file for those that were there, but for what was set by hand.
    pub fn replace_file(&mut self, other: Kconfig) {
        self.file = other.file;
        self.origin = other.origin;
        for (name, value) in other.set {
            self.set.entry(name).or_insert(value);
        }
    }

    /// Puts options before those of the file, but behind what was set by hand (`bpf_object_open_opts.kconfig`).
    pub(crate) fn put_before(&mut self, first: Kconfig) {
        for (name, (value, _)) in first.file {
            self.set.entry(name).or_insert(value);
        }
    }

    /// Where the options come from: `profile`, or the file's name.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Sets a value, as it would stand in a configuration file.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.set.insert(name.into(), value.into());
    }

    /// A value, if it is set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.set.get(name).or_else(|| self.file.get(name).map(|it| &it.0)).map(String::as_str)
    }

    /// What a program finds in a variable of its configuration, on a kernel with these types; `None`: zero, since it is
    /// weak and nothing sets it.
    ///
    /// # Errors
    /// Nothing sets it, or the value does not go into the variable: `FILE:LINE` and libbpf's words.
    pub fn answer(&self, external: &Extern, target: Option<&TargetBtf>) -> Result<Option<Answer>, Error> {
        let ExternKind::Kconfig { size, .. } = external.kind else { return Ok(None) };
        // A text may be as long as its variable, which lies in bytes that the loader has; none is longer than a line.
        self.store(external, target, &mut vec![0; size.min(1 << 16) as usize])
    }

    /// The bytes of the `.kconfig` section (`bpf_object__resolve_externs`).
    pub(crate) fn fill(
        &self,
        section: &DataSection,
        externs: &[Extern],
        target: Option<&TargetBtf>,
    ) -> Result<Vec<u8>, Error> {
        let mut bytes = section.bytes.clone();
        for external in externs {
            let ExternKind::Kconfig { size, offset, .. } = external.kind else { continue };
            let (start, size) = (offset as usize, size as usize);
            if let Some(place) = bytes.get_mut(start..start.saturating_add(size)) {
                self.store(external, target, place)?;
            }
        }
        Ok(bytes)
    }

    fn store(
        &self,
        external: &Extern,
        target: Option<&TargetBtf>,
        place: &mut [u8],
    ) -> Result<Option<Answer>, Error> {
        let ExternKind::Kconfig { value: kind, .. } = external.kind else { return Ok(None) };
        let name = &external.name;
        let from_file = || {
            // libbpf asks the file for nothing but options.
            let (text, line) = self.file.get(name).filter(|_| name.starts_with("CONFIG_"))?;
            Some((text.clone(), format!("{}:{line}", self.origin)))
        };
        let by_hand = || Some((self.set.get(name)?.clone(), "set".to_owned()));
        let Some((text, source)) = by_hand().or_else(from_file).or_else(|| made_up(name, target)) else {
            return self.missing(external);
        };
        let at = if source.ends_with(|it: char| it.is_ascii_digit()) { source.as_str() } else { "" };
        write::write(name, kind, &text, place).map_err(|what| Error::bad_input(at, what))?;
        Ok(Some(Answer { text, source }))
    }

    fn missing(&self, external: &Extern) -> Result<Option<Answer>, Error> {
        let name = &external.name;
        let is_option = name.starts_with("CONFIG_");
        if external.weak && (is_option || name.starts_with("LINUX_")) {
            return Ok(None);
        }
        let text = match is_option {
            true => format!("extern '{name}' (strong): not resolved; the configuration does not set it"),
            false => format!("extern (kcfg) '{name}': unrecognized virtual extern"),
        };
        Err(Error::bad_input(if is_option { &self.origin } else { "" }, text))
    }
}

/// What libbpf finds out itself, and of what.
fn made_up(name: &str, target: Option<&TargetBtf>) -> Option<(String, String)> {
    let types =
        || target.map_or_else(|| "the simulated kernel".to_owned(), |it| format!("{} types", it.origin));
    match name {
        "LINUX_KERNEL_VERSION" => Some(match target.and_then(|it| it.version) {
            Some(version) => (version.to_string(), types()),
            None => (VERSION.to_string(), "the profile".to_owned()),
        }),
        "LINUX_HAS_BPF_COOKIE" => Some(("1".to_owned(), "the simulated kernel".to_owned())),
        "LINUX_HAS_SYSCALL_WRAPPER" => {
            // libbpf's probe_kern_syscall_wrapper looks for this symbol.
            let has = |it: &TargetBtf| it.vmlinux.find(Kind::Func, "__x64_sys_bpf").is_some();
            Some((u8::from(target.is_none_or(has)).to_string(), types()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
