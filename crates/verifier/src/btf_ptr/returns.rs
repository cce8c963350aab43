//! What programs return, where BTF of what they attach to says it.

use skep_btf::TypeId;

use super::pointee;
use crate::state::reg::BtfNr;
use crate::state::types::Base;
use crate::stop::Check;
use crate::verifier::Verifier;

impl Verifier<'_> {
    /// What the function that the program attaches to returns; `None`: not known.
    fn attach_ret(&self) -> Option<(BtfNr, TypeId)> {
        let nr = self.attached.btf?;
        let proto = self.attached.proto;
        let proto = self.btf(nr).func_proto(proto).filter(|_| proto != TypeId::VOID)?;
        Some((nr, proto.ret))
    }

    /// Whether the function that the program attaches to returns nothing.
    pub(crate) fn attach_returns_void(&self) -> bool {
        self.attach_ret().is_some_and(|(_, id)| id == TypeId::VOID)
    }

    /// What an operation of a struct may return; `None`: what is not decided by its type alone.
    pub(crate) fn check_struct_ops_return(&mut self, regno: usize) -> Check<Option<()>> {
        let Some((nr, ret)) = self.attach_ret() else { return Ok(None) };
        if ret == TypeId::VOID {
            return Ok(Some(()));
        }
        let btf = self.btf(nr);
        let wanted = pointee(btf, ret).map(|target| btf.resolve(target));
        let reg = *self.reg(regno);
        let owned = reg.ty.base == Base::PtrToBtfId && reg.ref_obj_id != 0;
        match (wanted, reg.btf()) {
            (Some(id), Some(has)) if owned && has == (nr, id) => {
                self.check_ptr_off_reg(regno, false).map(Some)
            }
            _ => Ok(None),
        }
    }
}
