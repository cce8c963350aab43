//! Where the types are looked up that the object's ones stand for.

use super::compat::kinds_are_compat;
use super::error::Failure;
use super::name::essential_name;
use super::work::Work;
use crate::{Btf, Kind, Type, TypeId};

/// The types that relocations are resolved against: a kernel's own and those of its modules.
///
/// ```
/// use skep_btf::core::Target;
/// # let vmlinux = skep_btf::BtfBuilder::new().build()?;
/// let target = Target::new(&vmlinux);
/// assert_eq!(target.modules().count(), 0);
/// # Ok::<(), skep_btf::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Target<'t> {
    vmlinux: &'t Btf,
    modules: Vec<(&'t str, &'t Btf)>,
}

/// A type of the target that may be what the object means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Candidate {
    /// The module's index, or none for the kernel itself.
    pub(super) module: Option<usize>,
    pub(super) id: TypeId,
}

impl<'t> Target<'t> {
    /// A kernel without modules.
    pub fn new(vmlinux: &'t Btf) -> Target<'t> {
        Target { vmlinux, modules: Vec::new() }
    }

    /// With a module's types: split BTF on top of the kernel's. A type is looked for in modules only if the kernel
    /// itself has none of its name.
    #[must_use]
    pub fn with_module(mut self, name: &'t str, btf: &'t Btf) -> Target<'t> {
        self.modules.push((name, btf));
        self
    }

    /// The kernel's own types.
    pub fn vmlinux(&self) -> &'t Btf {
        self.vmlinux
    }

    /// The modules and their types.
    pub fn modules(&self) -> impl Iterator<Item = (&'t str, &'t Btf)> + '_ {
        self.modules.iter().copied()
    }

    pub(super) fn btf(&self, candidate: Candidate) -> &'t Btf {
        let module = candidate.module.and_then(|index| self.modules.get(index));
        module.map_or(self.vmlinux, |(_, btf)| btf)
    }

    /// The name of the module that a candidate is of.
    pub(super) fn module_name(&self, candidate: Candidate) -> Option<&'t str> {
        Some(self.modules.get(candidate.module?)?.0)
    }

    /// All types of the same kind and essential name, in the order of their ids.
    pub(super) fn candidates(
        &self,
        local: &Btf,
        id: TypeId,
        work: &mut Work,
    ) -> Result<Vec<Candidate>, Failure> {
        let mut found = Vec::new();
        let Some(kind) = local.type_by_id(id).map(Type::kind) else { return Ok(found) };
        let wanted = Wanted { kind, name: essential_name(local.name(id)) };
        // A BTF on top of another counts as one.
        for btf in self.vmlinux.with_bases() {
            wanted.collect(btf, None, &mut found, work)?;
        }
        if found.is_empty() {
            for (index, (_, btf)) in self.modules.iter().enumerate() {
                wanted.collect(btf, Some(index), &mut found, work)?;
            }
        }
        found.sort_unstable_by_key(|candidate| (candidate.module, candidate.id));
        found.dedup();
        Ok(found)
    }
}

/// What is looked for.
struct Wanted<'b> {
    kind: Kind,
    name: &'b str,
}

impl Wanted<'_> {
    fn collect(
        &self,
        btf: &Btf,
        module: Option<usize>,
        found: &mut Vec<Candidate>,
        work: &mut Work,
    ) -> Result<(), Failure> {
        for id in btf.maybe_alike(self.name) {
            let Some(ty) = btf.type_by_id(id) else { continue };
            let name = btf.str(ty.name);
            work.step(name)?;
            if kinds_are_compat(ty.kind(), self.kind) && essential_name(name) == self.name {
                found.push(Candidate { module, id });
            }
        }
        Ok(())
    }
}
