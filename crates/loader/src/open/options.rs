//! What is said when an object is opened.

use skep_kernel::TargetBtf;

use crate::sec::Registry;

/// How an object is opened (`struct bpf_object_open_opts`).
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Handlers of section names beside libbpf's own.
    pub handlers: Registry,
    /// The object's name. If it is given, the kernel knows data sections by it: `firewall.bss` (`object_name`; libbpf
    /// takes a file's name if there is none).
    pub object_name: Option<String>,
    /// Pass over what map definitions say that nobody knows.
    pub relaxed_maps: bool,
    /// The directory that maps are pinned in by name (`LIBBPF_PIN_BY_NAME`); `/sys/fs/bpf` if not said.
    pub pin_root_path: Option<String>,
    /// Options of the kernel's configuration that come before those of the machine's file: lines such as `CONFIG_HZ=1000`.
    pub kconfig: Option<String>,
    /// The types that CO-RE relocations are resolved against, in place of the kernel's (`btf_custom_path`).
    pub btf_custom: Option<TargetBtf>,
    /// What the verifier is to log of every program: the `BPF_LOG_LEVEL*` bits of `log_level`.
    pub kernel_log_level: u32,
}
