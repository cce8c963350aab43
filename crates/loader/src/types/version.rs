//! Of which kernel version types are, as far as their file tells.

/// What a kernel's banner begins with (`linux_banner`, `init/version.c`).
const BANNER: &[u8] = b"Linux version ";
/// The longest banner that is looked at, in bytes.
const MAX_BANNER: usize = 512;

/// `KERNEL_VERSION(major, minor, patch)`.
fn code(text: &str) -> Option<u32> {
    let mut numbers = text.splitn(3, '.').map(|it| {
        let digits = it.find(|c: char| !c.is_ascii_digit()).unwrap_or(it.len());
        it[..digits].parse::<u32>().ok()
    });
    let mut next = || numbers.next().flatten();
    let (major, minor, patch) = (next()?, next()?, next()?);
    (major < 256 && minor < 256).then(|| major << 16 | minor << 8 | patch.min(255))
}

/// The version in a kernel's banner, by libbpf's rule: Debian's kernels tell their true version at its end
/// (`get_debian_kernel_version`).
pub(super) fn of_banner(banner: &str) -> Option<u32> {
    let debian = banner.split_once("Debian ").and_then(|(_, rest)| code(rest));
    debian.or_else(|| code(banner.strip_prefix("Linux version ")?))
}

/// The version of the kernel whose image these bytes are.
pub(super) fn of_image(bytes: &[u8]) -> Option<u32> {
    let begins = |at: &usize| {
        bytes[*at..].strip_prefix(BANNER).and_then(|it| it.first()).is_some_and(u8::is_ascii_digit)
    };
    let places = bytes.iter().enumerate().filter(|it| *it.1 == BANNER[0]).map(|it| it.0).filter(begins);
    places.take(8).find_map(|at| {
        let banner = bytes.get(at..(at + MAX_BANNER).min(bytes.len()))?;
        let end = banner.iter().position(|it| !(b' '..0x7f).contains(it)).unwrap_or(banner.len());
        of_banner(std::str::from_utf8(&banner[..end]).ok()?)
    })
}

/// The version in the name of a file, as BTFHub and Debian have it: `5.4.0-91-generic.btf`, `vmlinux-6.1.0-13-amd64`.
pub(super) fn of_file_name(name: &str) -> Option<u32> {
    let name = name.rsplit('/').next().unwrap_or(name);
    let known = ["vmlinux-", "vmlinuz-", "btf-"];
    let rest = known.iter().find_map(|it| name.strip_prefix(it)).unwrap_or(name);
    code(rest).filter(|_| rest.starts_with(|c: char| c.is_ascii_digit()))
}

/// The version of the host's kernel, where libbpf looks for it: Ubuntu's signature, then the banner.
pub(super) fn of_host() -> Option<u32> {
    let signature = std::fs::read_to_string("/proc/version_signature").ok();
    let ubuntu = signature.and_then(|it| code(it.split_whitespace().nth(2)?));
    ubuntu.or_else(|| of_banner(&std::fs::read_to_string("/proc/version").ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V6_1_55: u32 = 6 << 16 | 1 << 8 | 55;

    #[test]
    fn banners() {
        for (banner, version) in [
            ("Linux version 6.1.55 (me@host) (gcc) #1 SMP", Some(V6_1_55)),
            (
                "Linux version 6.1.0-13-amd64 (d@d.org) (gcc-12) #1 SMP Debian 6.1.55-1 (2023-09-29)",
                Some(V6_1_55),
            ),
            ("Linux version 4.19.300 (x)", Some(4 << 16 | 19 << 8 | 255)),
            ("Linux version 6.1-rc3", None),
            ("Linux version %s", None),
            ("", None),
        ] {
            assert_eq!(of_banner(banner), version, "{banner}");
        }
    }

    #[test]
    fn images_have_a_banner_somewhere() {
        let image = b"\0\0Linux version %s (%s)\0\0Linux version 6.1.55 (x)\n\0\0";
        assert_eq!(of_image(image), Some(V6_1_55));
        assert_eq!(of_image(b"Linux version 6.1.55"), Some(V6_1_55));
        assert_eq!(of_image(b"Linux version 6"), None);
        assert_eq!(of_image(b"nothing"), None);
    }

    #[test]
    fn names_of_files() {
        for (name, version) in [
            ("x86_64/6.1.55-generic.btf.tar.xz", Some(V6_1_55)),
            ("/boot/vmlinux-6.1.55-amd64", Some(V6_1_55)),
            ("vmlinux", None),
            ("libbpf-1.5.0.btf", None),
            ("6.1.btf", None),
            ("300.1.1.btf", None),
        ] {
            assert_eq!(of_file_name(name), version, "{name}");
        }
    }
}
