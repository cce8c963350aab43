//! Handlers of section names beside libbpf's own (`libbpf_register_prog_handler`).

use std::sync::Arc;

use skep_abi::{AttachType, Errno, ProgType};

use super::handler::{Custom, Handler, HandlerOpts};
use super::matching::{self, matches};
use super::table::flags;

/// Handlers of section names, in the order in which they are asked: those that were registered, the first first; the
/// built-in table; the fallback, if one was registered.
///
/// It is a plain value: programs that were opened with it keep their handlers, whatever becomes of it.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    handlers: Vec<Arc<Custom>>,
    fallback: Option<Arc<Custom>>,
    last_id: i32,
}

impl Registry {
    /// Adds a handler and answers its id, from 1 on; an id is never given twice.
    ///
    /// `sec` is `"abc"` for `SEC("abc")`, `"abc/"` for every `SEC("abc/...")`, `"abc+"` for both, and `None` for the
    /// programs that nothing else takes. Programs get the types that are given here; without a type, the set-up callback
    /// or the caller has to set one.
    ///
    /// # Errors
    /// `EBUSY`: there is a fallback already. `E2BIG`: no ids are left.
    pub fn register_prog_handler(
        &mut self,
        sec: Option<&str>,
        prog_type: impl Into<Option<ProgType>>,
        expected_attach_type: impl Into<Option<AttachType>>,
        opts: HandlerOpts,
    ) -> Result<i32, Errno> {
        let id = self.last_id.checked_add(1).ok_or(Errno::E2BIG)?;
        if sec.is_none() && self.fallback.is_some() {
            return Err(Errno::EBUSY);
        }
        let handler = Arc::new(Custom {
            id,
            sec: sec.map(str::to_owned),
            prog_type: prog_type.into(),
            attach_type: expected_attach_type.into(),
            opts,
        });
        match sec {
            Some(_) => self.handlers.push(handler),
            None => self.fallback = Some(handler),
        }
        self.last_id = id;
        Ok(id)
    }

    /// Takes a handler away again.
    ///
    /// # Errors
    /// `EINVAL`: no handler has such an id. `ENOENT`: none has this one.
    pub fn unregister_prog_handler(&mut self, id: i32) -> Result<(), Errno> {
        if id <= 0 {
            return Err(Errno::EINVAL);
        }
        if self.fallback.take_if(|it| it.id == id).is_some() {
            return Ok(());
        }
        let at = self.handlers.iter().position(|it| it.id == id).ok_or(Errno::ENOENT)?;
        self.handlers.remove(at);
        Ok(())
    }

    /// The handler of a section, whose name has no `?` in front.
    pub fn find(&self, section: &str) -> Option<Handler> {
        let custom = self.handlers.iter().find(|it| it.sec.as_ref().is_some_and(|sec| matches(sec, section)));
        let custom = || custom.map(|it| Handler::Custom(Arc::clone(it)));
        let built_in = || matching::find(section).map(Handler::BuiltIn);
        let fallback = || self.fallback.as_ref().map(|it| Handler::Custom(Arc::clone(it)));
        custom().or_else(built_in).or_else(fallback)
    }

    /// The types that a section name stands for (`libbpf_prog_type_by_name`).
    ///
    /// # Errors
    /// `ESRCH`: no handler takes it.
    pub fn prog_type_by_name(&self, section: &str) -> Result<(Option<ProgType>, Option<AttachType>), Errno> {
        self.find(section).map(|it| (it.prog_type(), it.attach_type())).ok_or(Errno::ESRCH)
    }

    /// The attach type that a section name stands for, where the built-in table says that there is one to attach with
    /// (`libbpf_attach_type_by_name`).
    ///
    /// # Errors
    /// `EINVAL`: it is of a registered handler, or there is none, or none that says so.
    pub fn attach_type_by_name(&self, section: &str) -> Result<AttachType, Errno> {
        let handler = self.find(section);
        let def = handler.as_ref().and_then(Handler::built_in);
        def.filter(|def| def.flags & flags::ATTACHABLE != 0)
            .and_then(|it| it.attach_type)
            .ok_or(Errno::EINVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A registry with these patterns, in this order; ids count from 1.
    fn with(patterns: &[Option<&str>]) -> Registry {
        let mut registry = Registry::default();
        for pattern in patterns {
            registry.register_prog_handler(*pattern, ProgType::Xdp, None, HandlerOpts::new()).unwrap();
        }
        registry
    }

    /// Who takes a section: the id of a registered handler, the pattern of a built-in one.
    fn taker(registry: &Registry, section: &str) -> String {
        match registry.find(section) {
            Some(Handler::Custom(custom)) => custom.id().to_string(),
            Some(Handler::BuiltIn(def)) => def.sec.to_owned(),
            None => "-".to_owned(),
        }
    }

    #[test]
    fn ids_are_never_given_twice() {
        let mut registry = with(&[Some("a"), None]);
        assert_eq!(registry.unregister_prog_handler(2), Ok(()));
        assert_eq!(registry.unregister_prog_handler(1), Ok(()));
        assert_eq!(registry.register_prog_handler(None, None, None, HandlerOpts::new()), Ok(3));
        registry.last_id = i32::MAX;
        let full = registry.register_prog_handler(Some("a"), None, None, HandlerOpts::new());
        assert_eq!(full, Err(Errno::E2BIG));
        assert_eq!(taker(&registry, "a"), "3");
    }

    #[test]
    fn the_order_of_search() {
        let registry = with(&[Some("xdp"), Some("xdp+"), None, Some("kprobe/"), Some("x/y+")]);
        for (section, expected) in [
            ("xdp", "1"),
            ("xdp/devmap", "2"),
            ("xdp.frags", "xdp.frags"),
            ("kprobe", "kprobe+"),
            ("kprobe/f", "4"),
            ("x/y/z", "5"),
            ("x/z", "3"),
            ("", "3"),
        ] {
            assert_eq!(taker(&registry, section), expected, "{section}");
        }
    }

    #[test]
    fn types_by_name() {
        let registry = with(&[Some("abc"), Some("cgroup/dev")]);
        assert_eq!(registry.prog_type_by_name("abc"), Ok((Some(ProgType::Xdp), None)));
        assert_eq!(registry.prog_type_by_name("abd"), Err(Errno::ESRCH));
        let lsm = (Some(ProgType::Lsm), Some(AttachType::LsmCgroup));
        assert_eq!(registry.prog_type_by_name("lsm_cgroup/bind"), Ok(lsm));
        assert_eq!(registry.attach_type_by_name("xdp"), Ok(AttachType::Xdp));
        for section in ["abc", "abd", "cgroup/dev", "fentry/f", "kprobe"] {
            assert_eq!(registry.attach_type_by_name(section), Err(Errno::EINVAL), "{section}");
        }
    }
}
