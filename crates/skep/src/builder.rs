//! Between opening an object and loading it.

use std::path::Path;

use bytemuck::NoUninit;
use skep_abi::ProgType;
use skep_kernel::{Arch, Config, Fd, Kernel, TargetBtf, Task, Verifier, vmlinux};
use skep_loader::{Kconfig, OpenObject};
use skep_maps::MapSpec;

use crate::error::{Error, Result};
use crate::machine::Skep;

/// Data pages of each perf ring that [`Builder::load`] opens: 64 KiB, as most tools have it.
const PERF_PAGES: u32 = 16;

/// An object that is open: its globals, maps and programs can be set before it is loaded.
#[derive(Clone, Debug)]
pub struct Builder {
    open: OpenObject,
    config: Config,
    perf_pages: Option<u32>,
    arch: Option<Arch>,
    event_types: Vec<(String, String)>,
    verifier: Option<Verifier>,
}

/// What matters of a builder when the machine is there already.
pub(crate) struct Parts {
    pub(crate) open: OpenObject,
    pub(crate) perf_pages: Option<u32>,
    pub(crate) arch: Option<Arch>,
    pub(crate) event_types: Vec<(String, String)>,
}

/// Opens an object file.
///
/// # Errors
/// The file cannot be read, or is no BPF object.
pub fn open(path: impl AsRef<Path>) -> Result<Builder> {
    let path = path.as_ref();
    let named = |error: &dyn std::fmt::Display| Error::bad_input(format!("{}: {error}", path.display()));
    let bytes = std::fs::read(path).map_err(|error| named(&error))?;
    OpenObject::parse(&bytes).map(Builder::new).map_err(|error| named(&error))
}

/// Opens an object that is in memory.
///
/// # Errors
/// The bytes are no BPF object.
pub fn parse(bytes: &[u8]) -> Result<Builder> {
    Ok(Builder::new(OpenObject::parse(bytes)?))
}

impl Builder {
    pub(crate) fn new(open: OpenObject) -> Builder {
        let config = Config { btf: Some(vmlinux::bundled()), ..Config::default() };
        Builder {
            open,
            config,
            perf_pages: Some(PERF_PAGES),
            arch: None,
            event_types: Vec::new(),
            verifier: None,
        }
    }

    /// Sets a global variable; `.rodata` too, which no program can change later. The value has the size of the variable.
    ///
    /// # Errors
    /// There is no such variable, or it has another size.
    pub fn global(self, name: &str, value: impl NoUninit) -> Result<Builder> {
        self.global_bytes(name, bytemuck::bytes_of(&value))
    }

    /// Sets a global variable to these bytes.
    ///
    /// # Errors
    /// There is no such variable, or it has another size.
    pub fn global_bytes(mut self, name: &str, value: &[u8]) -> Result<Builder> {
        self.open.set_global(name, value)?;
        Ok(self)
    }

    /// Changes what a map will be: `.map("flows", |map| map.max_entries = 4)`.
    ///
    /// # Errors
    /// There is no such map.
    pub fn map(mut self, name: &str, change: impl FnOnce(&mut MapSpec)) -> Result<Builder> {
        change(&mut self.open.map_mut(name)?.spec);
        Ok(self)
    }

    /// Says what the inner maps of a map of maps are like, where the object leaves that to its loader.
    ///
    /// # Errors
    /// There is no such map.
    pub fn inner_map(self, name: &str, inner: MapSpec) -> Result<Builder> {
        self.map(name, |map| map.inner = Some(Box::new(inner)))
    }

    /// Sets the type of a program whose section name does not tell it.
    ///
    /// # Errors
    /// There is no such program.
    pub fn program_type(mut self, name: &str, prog_type: ProgType) -> Result<Builder> {
        self.open.program_mut(name)?.set_type(prog_type);
        Ok(self)
    }

    /// Loads a program, or leaves it out.
    ///
    /// # Errors
    /// There is no such program.
    pub fn autoload(mut self, name: &str, autoload: bool) -> Result<Builder> {
        self.open.program_mut(name)?.autoload = autoload;
        Ok(self)
    }

    /// How many cpus the machine has; 4 if not said.
    #[must_use]
    pub fn cpus(mut self, cpus: u32) -> Builder {
        self.config.cpus = cpus;
        self
    }

    /// The seed of all that is random; 0 if not said.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Builder {
        self.config.seed = seed;
        self
    }

    /// The task that is running when programs are.
    #[must_use]
    pub fn task(mut self, task: Task) -> Builder {
        self.config.task = task;
        self
    }

    /// How much of the host's memory simulated objects may take, in bytes; [`Config::DEFAULT_MEMORY`] if not said. A run
    /// that would take more ends with [`Class::HostLimit`](crate::Class::HostLimit).
    #[must_use]
    pub fn memory(mut self, bytes: u64) -> Builder {
        self.config.memory = bytes;
        self
    }

    /// The types of the kernel that is simulated; if not said, those that come with skep
    /// ([`target::bundled`](crate::target::bundled)).
    #[must_use]
    pub fn btf(mut self, types: TargetBtf) -> Builder {
        self.config.btf = Some(types);
        self
    }

    /// Sets a value of the kernel's configuration as a configuration file would: `y`, `n`, `m`, a number, or text in
    /// quotes. What is not set is as in a kernel like Debian's 6.12; `LINUX_KERNEL_VERSION` and the like can be set, too.
    ///
    /// ```no_run
    /// # fn main() -> skep::Result<()> {
    /// let sk = skep::open("tool.bpf.o")?.kconfig("CONFIG_HZ", 1000).kconfig("CONFIG_PREEMPT_RT", "y").load()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn kconfig(mut self, name: &str, value: impl std::fmt::Display) -> Builder {
        self.open.kconfig_mut().set(name, value.to_string());
        self
    }

    /// The kernel's configuration: a file's in place of skep's own, which is like that of Debian's 6.12. What was set with
    /// [`Builder::kconfig`] stays.
    ///
    /// ```no_run
    /// # fn main() -> skep::Result<()> {
    /// let config = skep::Kconfig::file("/boot/config-6.12.9-amd64".as_ref())?;
    /// let sk = skep::open("tool.bpf.o")?.kconfig_file(config).load()?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn kconfig_file(mut self, config: Kconfig) -> Builder {
        self.open.kconfig_mut().replace_file(config);
        self
    }

    /// Changes anything else of the machine.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut Config)) -> Builder {
        change(&mut self.config);
        self
    }

    /// How many data pages each perf ring has (a power of two), or `None` to open no rings: then
    /// `bpf_perf_event_output` finds no reader (`-ENOENT`) until the test opens one.
    #[must_use]
    pub fn perf_pages(mut self, pages: impl Into<Option<u32>>) -> Builder {
        self.perf_pages = pages.into();
        self
    }

    /// What the object was built for, if that is not to be told from its types.
    #[must_use]
    pub fn arch(mut self, arch: Arch) -> Builder {
        self.arch = Some(arch);
        self
    }

    /// Has programs verified as Linux does when they are loaded: one that it refuses is not loaded. Without it, programs
    /// run unverified, with every access checked.
    ///
    /// ```
    /// # fn main() -> skep::Result<()> {
    /// # let object = include_bytes!("../../../fixtures/fault_null.bpf.o");
    /// let refused = skep::parse(object)?.verify(skep::kernel::Verifier::default()).load();
    /// assert!(refused.is_err_and(|error| error.to_string().contains("invalid mem access 'map_value_or_null'")));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn verify(mut self, verifier: Verifier) -> Builder {
        self.verifier = Some(verifier);
        self
    }

    /// Attaches a program to something else than its section says, or that it leaves to its loader: `what` is what a
    /// section would say behind its slash, `"vfs_read"` (`bpf_program__set_attach_target`).
    ///
    /// # Errors
    /// There is no such program.
    pub fn attach_target(mut self, name: &str, what: &str) -> Result<Builder> {
        self.open.program_mut(name)?.attach_target = Some(what.to_owned());
        Ok(self)
    }

    /// Says what struct of the object the events of a map are, where that is not to be told from their length: see
    /// [`EventType`](crate::EventType).
    #[must_use]
    pub fn event_type(mut self, map: &str, name: &str) -> Builder {
        self.event_types.push((map.to_owned(), name.to_owned()));
        self
    }

    /// Says whose function a program replaces or traces: of a program that is loaded in the machine that this object is
    /// going to be loaded into ([`Skep::load_also`]).
    ///
    /// # Errors
    /// There is no such program.
    pub fn attach_prog(mut self, name: &str, target: Fd) -> Result<Builder> {
        self.open.program_mut(name)?.attach_prog = Some(target);
        Ok(self)
    }

    pub(crate) fn into_parts(self) -> Parts {
        let Builder { open, perf_pages, arch, event_types, .. } = self;
        Parts { open, perf_pages, arch, event_types }
    }

    /// The object, for what has no method here.
    pub fn open_object(&mut self) -> &mut OpenObject {
        &mut self.open
    }

    /// Loads all of the object, as libbpf does: one program or map that cannot be loaded is an error.
    ///
    /// # Errors
    /// What could not be loaded first, and why.
    pub fn load(self) -> Result<Skep> {
        let skep = self.load_what_can_be()?;
        skep.loaded().complete()?;
        Ok(skep)
    }

    /// Loads what can be loaded. A program or map that could not says why when it is asked for.
    ///
    /// # Errors
    /// There is no machine: its configuration makes no sense, or the host has no room for it.
    pub fn load_what_can_be(self) -> Result<Skep> {
        let mut kernel = Kernel::new(self.config)?;
        if let Some(verifier) = self.verifier {
            kernel.set_verifier(Box::new(verifier));
        }
        let loaded = self.open.load(&mut kernel);
        Skep::new(kernel, loaded, self.perf_pages, self.arch, self.event_types)
    }
}
