//! The function that a program names as its callback of exceptions.

use skep_btf::{Btf, Def, Kind, Linkage, TypeId};

use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

const TAG: &str = "exception_callback:";

impl Verifier<'_> {
    /// Adds it as a function (`bpf_find_exception_callback_insn_off`).
    pub(super) fn add_exception_callback(&mut self) -> Check {
        let Some(start) = self.find_exception_callback()? else { return Ok(()) };
        self.add_subprog(start.into())?;
        let Some(subprog) = self.subprog_at(start as usize) else { return Ok(()) };
        self.exception_callback = Some(subprog as u32);
        let it = &mut self.subprogs[subprog];
        it.is_cb = true;
        it.is_async_cb = true;
        it.is_exception_cb = true;
        Ok(())
    }

    /// Its first instruction.
    fn find_exception_callback(&mut self) -> Check<Option<u32>> {
        let prog = self.prog;
        let (Some(btf), Some(main)) = (prog.btf, prog.funcs.first()) else { return Ok(None) };
        if btf.type_by_id(main.type_id).is_none() {
            return refuse!(self, EINVAL, "invalid btf id for main subprog in func_info\n");
        }
        let mut names = tags(btf, main.type_id);
        let Some(name) = names.next() else { return Ok(None) };
        if names.next().is_some() {
            return refuse!(self, EEXIST, "multiple exception callback tags for main subprog\n");
        }
        let Some(id) = btf.find(Kind::Func, name) else {
            return refuse!(self, ENOENT, "exception callback '{name}' could not be found in BTF\n");
        };
        let func = btf.type_by_id(id).map(|it| &it.def);
        if !matches!(func, Some(Def::Func(func)) if func.linkage == Linkage::Global) {
            return refuse!(self, EINVAL, "exception callback '{name}' must have global linkage\n");
        }
        let mut start = None;
        for func in prog.funcs.iter().filter(|it| it.type_id == id) {
            start = Some(func.slot);
            if func.slot == 0 {
                return refuse!(self, EINVAL, "invalid exception callback insn_off in func_info: 0\n");
            }
        }
        if start.is_none() {
            return refuse!(self, EINVAL, "exception callback type id not found in func_info\n");
        }
        Ok(start)
    }
}

/// The names that tags of a function give.
fn tags(btf: &Btf, func: TypeId) -> impl Iterator<Item = &str> {
    btf.decl_tags(func).filter(|(of, _)| of.is_none()).filter_map(|(_, text)| text.strip_prefix(TAG))
}
