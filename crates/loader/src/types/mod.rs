//! Where the types of a kernel come from: a file, the host, or skep itself.

mod unpack;
mod version;

pub(crate) use unpack::unpack;

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use skep_btf::Btf;
use skep_kernel::TargetBtf;

use crate::error::Error;

/// The largest file that is read, in bytes: a kernel with all of its debug information.
const MAX_FILE: u64 = 1 << 30;
/// The most bytes of BTF: several times those of any kernel.
const MAX_BTF: usize = 48 << 20;
/// Where the host's kernel shows its types, and those of its modules.
const HOST: &str = "/sys/kernel/btf";

/// The types that come with skep: a kernel like 6.12 on x86-64.
pub fn bundled() -> TargetBtf {
    skep_kernel::vmlinux::bundled()
}

/// The types of the kernel that this process runs on, and of its modules. Nothing else here looks at the host.
///
/// # Errors
/// It does not show them, or may not.
pub fn host() -> Result<TargetBtf, Error> {
    let mut target = of_folder(Path::new(HOST), "host")?;
    target.version = version::of_host();
    Ok(target)
}

/// The release of the host's kernel: `uname -r`.
pub(crate) fn host_release() -> Option<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/osrelease").ok()?;
    Some(text.trim_end().to_owned())
}

/// The types in a file: BTF, an ELF file with a `.BTF` section (`vmlinux`), either of them compressed or in a tar archive
/// (as BTFHub has them), or a kernel to boot (`vmlinuz`). Or in a folder as `/sys/kernel/btf` is one: with such a file called
/// `vmlinux`, and files of modules beside it, whose names are the modules' (with `.ko`, if you like, and what it is packed
/// with).
///
/// # Errors
/// The file cannot be read, is none of these, or its BTF is not well-formed.
pub fn file(path: &Path) -> Result<TargetBtf, Error> {
    if path.is_dir() {
        let mut target = of_folder(path, &path.display().to_string())?;
        target.version = target.version.or_else(|| version::of_file_name(&target.origin));
        return Ok(target);
    }
    let name = path.display().to_string();
    let bytes = read(path)?;
    parse(&bytes, &name)
}

/// `bundled`, `host`, or the name of a file.
///
/// # Errors
/// As [`host`] and [`file()`].
pub fn named(text: &str) -> Result<TargetBtf, Error> {
    match text {
        "bundled" => Ok(bundled()),
        "host" => host(),
        path => file(Path::new(path)),
    }
}

/// The types in the bytes of a file. `origin` is what the output calls it.
///
/// # Errors
/// The bytes are nothing that [`file()`] reads.
pub fn parse(bytes: &[u8], origin: &str) -> Result<TargetBtf, Error> {
    let bad = |text: String| Error::bad_input(origin, text);
    let unpacked = unpack(bytes).map_err(bad)?;
    let section = section(&unpacked).map_err(bad)?;
    let btf = Btf::parse(section).map_err(|error| bad(error.to_string()))?;
    let mut target = TargetBtf::new(origin, Arc::new(btf));
    // The name of Debian's says another version than the kernel.
    let image = unpacked.starts_with(b"\x7fELF").then_some(&*unpacked);
    target.version = image.and_then(version::of_image).or_else(|| version::of_file_name(origin));
    Ok(target)
}

/// The BTF in bytes that are not packed.
fn section(bytes: &[u8]) -> Result<&[u8], String> {
    let section = match skep_object::btf_section(bytes) {
        Ok(Some(section)) => section,
        Ok(None) => return Err("it has no .BTF section".to_owned()),
        Err(error) if bytes.starts_with(b"\x7fELF") => return Err(error.to_string()),
        Err(_) => {
            return Err("it is neither BTF, nor an ELF file, nor an archive or a kernel with one".to_owned());
        }
    };
    if section.len() > MAX_BTF {
        return Err(format!("its BTF has {} bytes, more than {} MiB", section.len(), MAX_BTF >> 20));
    }
    Ok(section)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let named = |text: String| Error::bad_input(path.display().to_string(), text);
    let file = File::open(path).map_err(|error| named(error.to_string()))?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| named(error.to_string()))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(named(format!("it is larger than {} MiB", MAX_FILE >> 20)));
    }
    Ok(bytes)
}

/// `vmlinux` and the modules beside it.
fn of_folder(folder: &Path, origin: &str) -> Result<TargetBtf, Error> {
    let place = folder.join("vmlinux");
    let bytes = read(&place).map_err(|error| match origin {
        "host" => {
            let text = format!(
                "{}; this host's kernel does not show its types (it needs CONFIG_DEBUG_INFO_BTF): give a file, or \
                 `bundled`",
                error.message
            );
            Error::bad_input(place.display().to_string(), text)
        }
        _ => error,
    })?;
    let mut target = parse(&bytes, &place.display().to_string())?;
    target.origin = origin.into();
    let mut modules: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().collect();
    modules.sort_by_key(std::fs::DirEntry::file_name);
    for module in modules {
        let name = module.file_name().to_string_lossy().into_owned();
        // A module may go while this looks at it.
        let Ok(bytes) = read(&module.path()) else { continue };
        if name == "vmlinux" {
            continue;
        }
        let module = module_of(&bytes, &target.vmlinux)
            .map_err(|text| Error::bad_input(folder.join(&name).display().to_string(), text))?;
        target.modules.push((module_name(&name).into(), Arc::new(module)));
    }
    Ok(target)
}

/// The types of a module: BTF on top of the kernel's, or an ELF file with it.
fn module_of(bytes: &[u8], base: &Arc<Btf>) -> Result<Btf, String> {
    let unpacked = unpack(bytes)?;
    Btf::parse_split(section(&unpacked)?, Arc::clone(base)).map_err(|error| error.to_string())
}

/// What a module is called in the kernel: without what its file's name ends with, and with underscores.
fn module_name(file: &str) -> String {
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests;
