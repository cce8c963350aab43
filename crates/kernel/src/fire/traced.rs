//! Programs that get the arguments themselves, a word each: raw tracepoints, and what is attached by BTF id.

use super::place::{Side, word};
use super::proto::Proto;
use super::setup::{Setup, Traced};
use super::target::Target;
use super::{Firing, Refusal};
use crate::context::Context;
use skep_abi::AttachType;

/// The most arguments that a traced function, and so a context, has (`MAX_BPF_FUNC_ARGS`).
const MAX_ARGS: usize = 12;

impl Firing<'_, '_> {
    /// The words of a raw tracepoint, function or hook.
    pub(super) fn traced(&mut self) -> Result<Setup, Refusal> {
        let target = self.target;
        match target {
            Target::RawTracepoint { name } => {
                self.syscall_event(name)?;
                let proto = self.event(name);
                self.words_setup(proto, None, 0)
            }
            Target::StructOps { id, index, .. } => {
                let proto = self.member(*id, *index);
                self.words_setup(proto, None, 0)
            }
            Target::Btf { attach, name, .. } => self.by_id(*attach, name),
            _ => self.words_setup(None, None, 0),
        }
    }

    fn by_id(&mut self, attach: AttachType, name: &str) -> Result<Setup, Refusal> {
        match attach {
            AttachType::TraceRawTp => {
                self.syscall_event(name)?;
                let proto = self.event(name);
                self.words_setup(proto, None, 0)
            }
            AttachType::LsmMac | AttachType::LsmCgroup => {
                let ip = self.address(&format!("bpf_lsm_{name}"));
                let proto = self.function(&format!("bpf_lsm_{name}"));
                self.words_setup(proto, Some("ret"), ip)
            }
            AttachType::TraceFentry => {
                let (proto, ip) = (self.function(name), self.address(name));
                self.words_setup(proto, None, ip)
            }
            _ => {
                let (proto, ip) = (self.function(name), self.address(name));
                self.words_setup(proto, Some("ret"), ip)
            }
        }
    }

    /// The arguments in order, then the return value if there is one to be seen.
    fn words_setup(&mut self, proto: Option<Proto>, ret: Option<&str>, ip: u64) -> Result<Setup, Refusal> {
        let of = self.target.to_string();
        let mut words = Vec::new();
        match &proto {
            Some(proto) => {
                if proto.anonymous {
                    self.name_in_order(proto, ret)?;
                }
                for param in &proto.params {
                    words.extend(self.param(proto, &param.name, param.type_id)?);
                }
            }
            None => words = self.in_order(Side::Unsaid, ret)?,
        }
        let args = words.len();
        let returns = match (ret, &proto) {
            // A function that returns nothing has no word for it.
            (Some(_), Some(proto)) if proto.ret.0 == 0 => false,
            (Some(name), Some(proto)) => {
                words.extend(self.param(proto, name, proto.ret)?);
                true
            }
            (Some(name), None) => {
                let value = self.args.take(name);
                words.push(value.map_or(Ok(0), |it| self.untyped(&it, Side::Kernel))?);
                true
            }
            (None, _) => false,
        };
        let mut names: Vec<&str> = proto.as_ref().map(Proto::names).unwrap_or_default();
        names.extend(ret.filter(|_| returns));
        self.args.finish(&of, &names)?;
        if words.len() < MAX_ARGS && proto.is_none() {
            // Nobody knows how many there are.
            words.resize(MAX_ARGS, 0);
        }
        let traced = Some(Traced { args, ret: returns, ip });
        Ok(Setup { traced, ..Setup::from(Context::Raw(words)) })
    }

    /// Gives parameters without names what was given under names of the caller's own, in order.
    fn name_in_order(&mut self, proto: &Proto, ret: Option<&str>) -> Result<(), Refusal> {
        let known = proto.names();
        let given = self.args.take_all(|name| Some(name) != ret && !known.contains(&name));
        for (at, (name, value)) in given.into_iter().enumerate() {
            let param = proto.params.get(at);
            let param = param.ok_or_else(|| {
                format!("{} has {} arguments: {name} is one too many", self.target, proto.params.len())
            })?;
            self.args.put(&param.name, value);
        }
        Ok(())
    }

    /// The words of one parameter: what is given, or zero.
    fn param(&mut self, proto: &Proto, name: &str, id: skep_btf::TypeId) -> Result<Vec<u64>, Refusal> {
        match self.args.take(name) {
            Some(value) => self.words(&proto.btf, id, &value).map_err(|why| format!("{name}: {why}")),
            None => {
                let size = proto.btf.size_of(id).unwrap_or(8).max(1);
                Ok(vec![word(&[]); size.div_ceil(8) as usize])
            }
        }
    }

    /// Arguments of something whose parameters nobody knows: `arg0`... where they say so, others in the order in which
    /// they were given.
    pub(super) fn in_order(&mut self, side: Side, ret: Option<&str>) -> Result<Vec<u64>, Refusal> {
        let mut words = Vec::new();
        let mut place = |at: usize, word: u64| {
            words.resize(words.len().max(at + 1), 0);
            words[at] = word;
        };
        for index in 0..MAX_ARGS {
            if let Some(value) = self.args.take(&format!("arg{index}")) {
                place(index, self.untyped(&value, side)?);
            }
        }
        let rest = self.args.take_all(|name| Some(name) != ret);
        for (index, (name, value)) in rest.iter().enumerate() {
            if index >= MAX_ARGS {
                return Err(format!("more than {MAX_ARGS} arguments: {name}"));
            }
            place(index, self.untyped(value, side).map_err(|why| format!("{name}: {why}"))?);
        }
        Ok(words)
    }
}
