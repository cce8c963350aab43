//! The object's own types, as the kernel is told them.

use std::sync::Arc;

use skep_btf::{Btf, Def, Linkage};
use skep_object::Object;

/// The types that are handed to the kernel. Those that it refuses are left out, as libbpf does where nothing cannot do
/// without (`bpf_object__sanitize_and_load_btf`): struct_ops maps.
pub(crate) fn for_kernel(object: &Object) -> Option<Arc<Btf>> {
    let btf = object.btf.as_ref()?;
    let needed = object.maps.iter().any(|it| it.struct_ops.is_some());
    (needed || refused(btf).is_none()).then(|| Arc::new(btf.clone()))
}

/// Why the kernel refuses types that are well-formed: a function with a parameter without a name (`btf_func_check`,
/// `kernel/bpf/btf.c`). libbpf gives those of external functions one.
fn refused(btf: &Btf) -> Option<String> {
    btf.own_types().find_map(|(id, ty)| {
        let Def::Func(func) = &ty.def else { return None };
        let proto = btf.func_proto(id).filter(|_| func.linkage != Linkage::Extern)?;
        let unnamed = proto.params.iter().position(|it| it.name.is_empty() && it.type_id.0 != 0)?;
        Some(format!(
            "[{}] FUNC {} type_id={} Invalid arg#{}",
            id.0,
            btf.str(ty.name),
            func.proto.0,
            unnamed + 1
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_btf::{BtfBuilder, IntEncoding, TypeId};

    /// Types with one function.
    fn with(linkage: Linkage, params: &[(&str, bool)]) -> Btf {
        let mut btf = BtfBuilder::new();
        let int = btf.int("int", 4, IntEncoding::Signed);
        let params: Vec<_> = params.iter().map(|it| (it.0, if it.1 { int } else { TypeId::VOID })).collect();
        btf.func("f", linkage, int, &params);
        btf.build().unwrap()
    }

    #[test]
    fn parameters_have_names() {
        let said = |linkage, params: &[_]| refused(&with(linkage, params));
        assert_eq!(said(Linkage::Global, &[("a", true), ("b", true)]), None);
        assert_eq!(
            said(Linkage::Static, &[("a", true), ("", true)]).as_deref(),
            Some("[3] FUNC f type_id=2 Invalid arg#2")
        );
        // `...`, and what others define.
        assert_eq!(said(Linkage::Global, &[("a", true), ("", false)]), None);
        assert_eq!(said(Linkage::Extern, &[("", true)]), None);
    }

    #[test]
    fn types_that_are_refused_are_not_told() {
        let object = |btf| Object { btf: Some(btf), ..Object::default() };
        let good = with(Linkage::Global, &[("a", true)]);
        assert_eq!(for_kernel(&object(good.clone())).as_deref(), Some(&good));
        let bad = with(Linkage::Global, &[("", true)]);
        assert_eq!(for_kernel(&object(bad.clone())), None);
        let struct_ops = skep_object::MapDef {
            struct_ops: Some(skep_object::StructOps {
                type_id: TypeId(1),
                bytes: Vec::new(),
                funcs: Vec::new(),
                link: false,
                autocreate: true,
            }),
            ..skep_object::MapDef::default()
        };
        let needed = Object { maps: vec![struct_ops], ..object(bad.clone()) };
        assert_eq!(for_kernel(&needed).as_deref(), Some(&bad));
        assert_eq!(for_kernel(&Object::default()), None);
    }
}
