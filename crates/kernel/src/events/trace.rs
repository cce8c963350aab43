//! What tracing programs wait for: tracepoints and functions.

use crate::fire::Target;
use crate::hooks::trampoline::Way;
use crate::hooks::{Attached, Func, Hook};
use crate::kernel::Kernel;
use crate::report::RunError;
use crate::run::Ran;
use crate::world::{Args, FieldValue};
use skep_abi::{AttachType, ProgType};

/// What came of a call of a function that programs are attached to.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Called {
    /// What a program made the function return: `bpf_override_return`, or an fmod_ret program. It did not run then.
    pub overridden: Option<u64>,
    /// Each program's name and what it came to, in order.
    pub ran: Vec<(String, Ran)>,
}

impl Kernel {
    /// A tracepoint is hit: programs that see its arguments run (raw tracepoints and `tp_btf`, the oldest first), then
    /// those that see its record.
    ///
    /// Arguments are by name, as for [`Kernel::fire`]; the record's and the arguments' names differ in places, so those
    /// of the record are `args`, and those of its raw form `raw`.
    ///
    /// # Errors
    /// A program faulted, or arguments do not fit.
    pub fn tracepoint(
        &mut self,
        category: &str,
        name: &str,
        args: Args,
        raw: Args,
        cpu: u32,
    ) -> Result<Vec<(String, Ran)>, RunError> {
        let mut ran = Vec::new();
        for it in self.attached(&Hook::RawTracepoint { name: name.to_owned() }) {
            let tracing =
                self.core.objects.prog(it.prog).is_some_and(|it| it.info.prog_type == ProgType::Tracing);
            let target = match tracing {
                true => by_name(AttachType::TraceRawTp, name),
                false => Target::RawTracepoint { name: name.to_owned() },
            };
            ran.push((self.name_of(&it), self.fire_attached(&it, &target, raw.clone(), cpu)?));
        }
        let target = Target::Tracepoint { category: category.to_owned(), name: name.to_owned() };
        for it in self.attached(&Hook::Tracepoint { name: format!("{category}/{name}") }) {
            ran.push((self.name_of(&it), self.fire_attached(&it, &target, args.clone(), cpu)?));
        }
        Ok(ran)
    }

    /// A kernel function is called, and returns `ret` unless a program has it return something else: kprobes at its
    /// entry, fentry, fmod_ret and LSM programs, then fexit and the probes of its return.
    ///
    /// # Errors
    /// A program faulted, or arguments do not fit.
    pub fn call_function(&mut self, func: &str, args: Args, ret: u64, cpu: u32) -> Result<Called, RunError> {
        let mut called = Called::default();
        let probe = |ret| Target::Kprobe { func: func.to_owned(), offset: 0, ret };
        let probes = |ret| {
            let func = func.to_owned();
            [Hook::Kprobe { func: func.clone(), offset: 0, ret }, Hook::KprobeMulti { func, ret }]
        };
        let mut sessions = Vec::new();
        for it in probes(false).map(|hook| self.attached(&hook)).concat() {
            let ran = self.fire_attached(&it, &probe(false), args.clone(), cpu)?;
            if it.flags & Attached::SESSION != 0 && ran.r0 != 0 {
                sessions.push(it.link);
            }
            called.note(self.name_of(&it), ran);
        }
        let place = |way| Hook::Func { func: Func::Kernel(func.to_owned()), way };
        let hook_name = func.strip_prefix("bpf_lsm_");
        for it in self.attached(&place(Way::Entry)) {
            let ran = self.fire_attached(&it, &by_name(AttachType::TraceFentry, func), args.clone(), cpu)?;
            called.note(self.name_of(&it), ran);
        }
        for it in self.attached(&place(Way::ModifyReturn)) {
            let target = match hook_name {
                Some(hook) => by_name(AttachType::LsmMac, hook),
                None => by_name(AttachType::ModifyReturn, func),
            };
            let seen =
                args.clone().with("ret", FieldValue::Int((called.overridden.unwrap_or(0) as i64).into()));
            let ran = self.fire_attached(&it, &target, seen, cpu)?;
            let answer = ran.r0;
            called.note(self.name_of(&it), ran);
            // The first one that answers something is the last one that is asked.
            if answer as i32 != 0 {
                called.overridden = Some(answer);
                break;
            }
        }
        let ret = called.overridden.unwrap_or(ret);
        let leaving = args.with("ret", FieldValue::Int((ret as i64).into()));
        for it in self.attached(&place(Way::Exit)) {
            let ran =
                self.fire_attached(&it, &by_name(AttachType::TraceFexit, func), leaving.clone(), cpu)?;
            called.note(self.name_of(&it), ran);
        }
        let only_ret = Args::default().with("ret", FieldValue::Int((ret as i64).into()));
        for it in probes(true).map(|hook| self.attached(&hook)).concat() {
            if it.link.is_some() && sessions.contains(&it.link) {
                continue;
            }
            let ran = self.fire_attached(&it, &probe(true), only_ret.clone(), cpu)?;
            called.note(self.name_of(&it), ran);
        }
        Ok(called)
    }
}

impl Called {
    fn note(&mut self, name: String, ran: Ran) {
        self.overridden = ran.effects.overridden.or(self.overridden);
        self.ran.push((name, ran));
    }
}

/// A place that the kernel's types name.
fn by_name(attach: AttachType, name: &str) -> Target {
    Target::Btf { attach, name: name.to_owned(), id: 0, module: None }
}
