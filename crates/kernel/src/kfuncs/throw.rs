//! Exceptions (`kernel/bpf/helpers.c`).

use crate::helpers::env::{Answer, Env};
use skep_maps::ObjRef;
use skep_vm::Outcome;

/// The tag of a program's entry that names the function which gets what is thrown.
const TAG: &str = "exception_callback:";

/// `bpf_throw(cookie)`: ends the program; what it returns is the cookie, or what its exception callback makes of it.
pub(super) fn throw(env: &mut Env<'_, '_>) -> Answer {
    let catch = exception_callback(env);
    Ok(Outcome::Throw { cookie: env.arg(0), catch })
}

/// The function that the running program's entry says is its exception callback.
fn exception_callback(env: &Env<'_, '_>) -> Option<u64> {
    let program = env.call.program();
    let info = &env.core.objects.prog(ObjRef(program.tag() as u32))?.info;
    let (btf, entry) = (info.btf.as_ref()?, info.funcs.first()?);
    let mut tags = btf.decl_tags(entry.type_id).filter(|it| it.0.is_none());
    let name = tags.find_map(|(_, tag)| tag.strip_prefix(TAG))?;
    let func = info.funcs.iter().find(|it| &*it.name == name)?;
    Some(program.function_address(func.slot))
}
