//! Opening objects with handlers of one's own for section names.

use std::path::Path;

use skep_abi::{AttachType, ProgType};
use skep_loader::sec::HandlerOpts;
use skep_loader::{OpenObject, OpenOptions};

use crate::builder::Builder;
use crate::error::{Error, Result};

/// Opens objects as [`open`](crate::open()) does, with handlers for section names that libbpf does not know or that are
/// to mean something else, and with other options.
///
/// ```
/// use skep::{HandlerOpts, Loader, ProgType};
/// # fn main() -> skep::Result<()> {
/// # let object = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/sections.bpf.o");
/// let mut loader = Loader::new();
/// // SEC("abc") is a packet filter of ours, and so is every SEC("watch/...").
/// let id = loader.register_prog_handler(Some("abc"), ProgType::Xdp, None, HandlerOpts::new())?;
/// loader.register_prog_handler(Some("watch/"), ProgType::SocketFilter, None, HandlerOpts::new())?;
/// let mut sk = loader.open(object)?.load_what_can_be()?;
/// assert_eq!(sk.program("on_custom")?.run(skep::packet(&[0; 64]))?.verdict(), Some("XDP_ABORTED"));
/// loader.unregister_prog_handler(id)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Loader {
    options: OpenOptions,
}

impl Loader {
    /// No handlers but libbpf's own.
    pub fn new() -> Loader {
        Loader::default()
    }

    /// Adds a handler for section names, as `libbpf_register_prog_handler`, and answers its id:
    /// [`Registry::register_prog_handler`](crate::loader::sec::Registry::register_prog_handler) says it all.
    ///
    /// # Errors
    /// There is a fallback already (`EBUSY`): see [`Error::errno`].
    pub fn register_prog_handler(
        &mut self,
        sec: Option<&str>,
        prog_type: impl Into<Option<ProgType>>,
        expected_attach_type: impl Into<Option<AttachType>>,
        opts: HandlerOpts,
    ) -> Result<i32> {
        let handlers = &mut self.options.handlers;
        let what = || format!("a handler for {}", sec.unwrap_or("what no other handler takes"));
        handlers
            .register_prog_handler(sec, prog_type, expected_attach_type, opts)
            .map_err(|errno| Error::call(what(), errno))
    }

    /// Takes a handler away again. Objects that are open keep it.
    ///
    /// # Errors
    /// There is none with this id (`ENOENT`), or there never can be (`EINVAL`).
    pub fn unregister_prog_handler(&mut self, id: i32) -> Result<()> {
        let answer = self.options.handlers.unregister_prog_handler(id);
        answer.map_err(|errno| Error::call(format!("the handler {id}"), errno))
    }

    /// The other options.
    pub fn options(&mut self) -> &mut OpenOptions {
        &mut self.options
    }

    /// Opens an object file.
    ///
    /// # Errors
    /// The file cannot be read, or is no BPF object; what a handler's set-up callback answered.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Builder> {
        let path = path.as_ref();
        let bytes =
            std::fs::read(path).map_err(|error| Error::bad_input(format!("{}: {error}", path.display())))?;
        self.parse(&bytes)
    }

    /// Opens an object that is in memory.
    ///
    /// # Errors
    /// The bytes are no BPF object; what a handler's set-up callback answered.
    pub fn parse(&self, bytes: &[u8]) -> Result<Builder> {
        Ok(Builder::new(OpenObject::parse_with(bytes, &self.options)?))
    }
}
