//! Lists and trees of objects of the program: their roots and nodes as arguments.

use super::args::{ALLOC, Arg};
use super::desc::PtrKind;
use super::meta::Meta;
use super::special::Special;
use crate::record::FieldKind;
use crate::state::reg::{BtfNr, Reg};
use crate::state::types::Base;
use crate::stop::{Check, refuse};
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// A list head or the root of a tree (`__process_kf_arg_ptr_to_graph_root`).
    pub(super) fn check_root_arg(&mut self, arg: &Arg<'_>, kind: PtrKind, meta: &mut Meta) -> Check {
        let reg = &arg.reg;
        if !reg.ty.is(Base::PtrToMapValue) && reg.ty != ALLOC {
            return refuse!(
                self,
                EINVAL,
                "arg#{} expected pointer to map value or allocated object\n",
                arg.index
            );
        }
        if reg.ty == ALLOC && reg.ref_obj_id == 0 {
            return refuse!(self, EINVAL, "allocated object must be referenced\n");
        }
        if arg.kfunc.btf != BtfNr::KERNEL {
            return refuse!(self, EFAULT, "verifier bug: unexpected btf mismatch in kfunc call\n");
        }
        let root = if kind == PtrKind::ListHead { FieldKind::ListHead } else { FieldKind::RbRoot };
        let known = arg.kfunc.special.is_some_and(|it| match root {
            FieldKind::ListHead => it.is_list(),
            _ => it.is_rbtree(),
        });
        let name = root.name();
        if !known {
            return refuse!(self, EFAULT, "verifier internal error: {name} head arg for unknown kfunc\n");
        }
        let off = self.constant_off(arg, name)?;
        let record = self.reg_record(reg);
        let Some(field) = self.record_find(record, off, &[root]) else {
            return refuse!(self, EINVAL, "{name} not found at offset={off}\n");
        };
        if self.check_reg_allocation_locked(reg).is_err() {
            let lock = self.record_first(record, FieldKind::SpinLock).map_or(-22, |it| it.offset as i32);
            return refuse!(self, EINVAL, "bpf_spin_lock at off={lock} must be held for {name}\n");
        }
        let field = self.records.field(field);
        let place = if root == FieldKind::ListHead { &mut meta.list_head } else { &mut meta.rb_root };
        if place.is_some() {
            return refuse!(self, EFAULT, "verifier bug: repeating {name} arg\n");
        }
        *place = Some(field);
        Ok(())
    }

    fn constant_off(&mut self, arg: &Arg<'_>, name: &str) -> Check<u32> {
        match arg.reg.scalar.const_value() {
            Some(var) => Ok((arg.reg.off as u32).wrapping_add(var as u32)),
            None => refuse!(
                self,
                EINVAL,
                "R{} doesn't have constant offset. {name} has to be at the constant offset\n",
                arg.regno()
            ),
        }
    }

    /// A node of a list or tree.
    pub(super) fn check_node_arg(&mut self, arg: &Arg<'_>, kind: PtrKind, meta: &mut Meta) -> Check {
        let reg = &arg.reg;
        if kind == PtrKind::ListNode || arg.kfunc.is(Special::RbtreeAdd) {
            if reg.ty != ALLOC {
                return refuse!(self, EINVAL, "arg#{} expected pointer to allocated object\n", arg.index);
            }
            if reg.ref_obj_id == 0 {
                return refuse!(self, EINVAL, "allocated object must be referenced\n");
            }
        } else {
            let name = &arg.kfunc.name;
            if !reg.ty.is_non_owning() && reg.ref_obj_id == 0 {
                return refuse!(
                    self,
                    EINVAL,
                    "{name} can only take non-owning or refcounted bpf_rb_node pointer\n"
                );
            }
            if self.in_rbtree_lock_required_cb() {
                return refuse!(self, EINVAL, "{name} not allowed in rbtree cb\n");
            }
        }
        let list = kind == PtrKind::ListNode;
        self.check_graph_node(arg, list, meta)
    }

    /// `__process_kf_arg_ptr_to_graph_node`.
    fn check_graph_node(&mut self, arg: &Arg<'_>, list: bool, meta: &mut Meta) -> Check {
        let (root, node) = if list {
            (FieldKind::ListHead, FieldKind::ListNode)
        } else {
            (FieldKind::RbRoot, FieldKind::RbNode)
        };
        let name = node.name();
        if arg.kfunc.btf != BtfNr::KERNEL {
            return refuse!(self, EFAULT, "verifier bug: unexpected btf mismatch in kfunc call\n");
        }
        let field = if list { meta.list_head } else { meta.rb_root };
        let Some((field, wanted)) = field.and_then(|it| Some((it, it.target?))) else {
            return refuse!(self, EFAULT, "verifier internal error: {name} node arg for unknown kfunc\n");
        };
        let off = self.constant_off(arg, name)?;
        let record = self.reg_record(&arg.reg);
        let Some(has) = arg.reg.btf().filter(|_| self.record_find(record, off, &[node]).is_some()) else {
            return refuse!(self, EINVAL, "{name} not found at offset={off}\n");
        };
        let at = field.node_offset;
        let (wanted_name, has_name) = (self.btf_name_of(wanted.0, wanted.1), self.btf_name_of(has.0, has.1));
        let (wanted_name, has_name) = (wanted_name.to_owned(), has_name.to_owned());
        if !self.btf_struct_ids_match(has, 0, wanted, true) {
            let root = root.name();
            return refuse!(
                self,
                EINVAL,
                "operation on {root} expects arg#1 {name} at offset={at} in struct {wanted_name}, but arg is at offset={off} in struct {has_name}\n"
            );
        }
        meta.arg_obj = Some(has);
        if off != at {
            return refuse!(
                self,
                EINVAL,
                "arg#1 offset={off}, but expected {name} at offset={at} in struct {wanted_name}\n"
            );
        }
        Ok(())
    }

    /// A pointer to a node, as a list or tree gives it out (`mark_reg_graph_node`).
    pub(super) fn graph_node(field: &crate::record::SpecialField) -> Option<Reg> {
        let (btf, id) = field.target?;
        let node = Reg::pointer(ALLOC, crate::state::reg::Extra::Btf { btf, id });
        Some(Reg { off: field.node_offset as i32, ..node })
    }
}
