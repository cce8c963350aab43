//! Programs that get registers: kprobes, uprobes and their returns.

use super::place::{Side, word};
use super::proto::Proto;
use super::regs::{Arch, Registers, register_args};
use super::setup::Setup;
use super::target::Target;
use super::{Firing, Refusal};
use crate::world::{Args, FieldValue};

/// What probing a function adds to the instruction pointer: the breakpoint, on x86 (`kprobe_ftrace_handler`).
const BREAKPOINT: u64 = 1;

/// Names that every probe knows beside those of the function's parameters.
pub(super) const OWN: [&str; 3] = ["ip", "sp", "regs"];

impl Firing<'_, '_> {
    /// The registers of a probe.
    pub(super) fn probe(&mut self) -> Result<Setup, Refusal> {
        let target = self.target;
        match target {
            Target::Usdt { .. } => self.usdt(),
            Target::KprobeMulti { pattern, ret } => {
                let func = self.matched(pattern)?;
                let (proto, entry) = (self.function(&func), self.address(&func));
                self.registers(proto, entry, 0, *ret, false)
            }
            Target::KprobeSession { pattern } => {
                let func = self.matched(pattern)?;
                let (proto, entry) = (self.function(&func), self.address(&func));
                // What is given says which side it is.
                let ret = self.args.has("ret");
                let setup = self.registers(proto, entry, 0, ret, false)?;
                Ok(Setup { session_return: ret, ..setup })
            }
            Target::Syscall { name, ret } => self.syscall_probe(name, *ret),
            Target::Kprobe { func, offset: 0, ret: false } if self.handled(func).is_some() => {
                let name = self.handled(func).map_or(func.as_str(), |it| it.name);
                self.syscall_probe(name, false)
            }
            Target::Kprobe { func, offset, ret } => {
                let proto = self.function(func);
                let entry = self.address(func);
                self.registers(proto, entry, *offset, *ret, false)
            }
            Target::Uprobe { offset, ret, .. } => self.registers(None, 0x40_0000, *offset, *ret, true),
            _ => self.registers(None, 0, 0, target.is_return(), false),
        }
    }

    pub(super) fn registers(
        &mut self,
        proto: Option<Proto>,
        entry: u64,
        offset: u64,
        ret: bool,
        user: bool,
    ) -> Result<Setup, Refusal> {
        let mut regs = Registers::new(self.arch, user);
        let at = match self.arch {
            _ if user => entry + offset,
            Arch::X86_64 => entry + offset + BREAKPOINT,
            Arch::Arm64 => entry + offset,
        };
        regs.set_ip(at);
        let side = if user { Side::User } else { Side::Unsaid };
        let names = match ret {
            true => self.returned(&mut regs, proto.as_ref(), side)?,
            false => self.called(&mut regs, proto.as_ref(), side)?,
        };
        self.overrides(&mut regs)?;
        let names: Vec<&str> = names.iter().map(String::as_str).chain(OWN).collect();
        self.args.finish(&self.target.to_string(), &names)?;
        Ok(Setup { entry: Some(entry + offset), ..Setup::from(crate::context::Context::from(regs)) })
    }

    /// What a return shows: the value.
    fn returned(
        &mut self,
        regs: &mut Registers,
        proto: Option<&Proto>,
        side: Side,
    ) -> Result<Vec<String>, Refusal> {
        if let Some(value) = self.args.take("ret") {
            let words = match proto {
                Some(proto) if proto.ret.0 != 0 => self.words(&proto.btf.clone(), proto.ret, &value),
                _ => self.untyped(&value, side).map(|it| vec![it]),
            };
            regs.set_ret(words.map_err(|why| format!("ret: {why}"))?.first().copied().unwrap_or(0));
        }
        Ok(vec!["ret".to_owned()])
    }

    /// What an entry shows: the arguments, in registers and on the stack.
    fn called(
        &mut self,
        regs: &mut Registers,
        proto: Option<&Proto>,
        side: Side,
    ) -> Result<Vec<String>, Refusal> {
        let Some(proto) = proto else {
            let own = |name: &str| OWN.contains(&name);
            let kept = self.args.take_all(own);
            let words = self.in_order(side, None)?;
            self.args.give_back(kept);
            let (first, rest) = words.split_at(words.len().min(register_args(self.arch)));
            first.iter().enumerate().for_each(|(index, word)| regs.set_arg(index, *word));
            self.stack(regs, rest)?;
            return Ok(Vec::new());
        };
        let (mut used, mut rest) = (0, Vec::new());
        for param in &proto.params {
            let words = match self.args.take(&param.name) {
                Some(value) => self
                    .words(&proto.btf, param.type_id, &value)
                    .map_err(|why| format!("{}: {why}", param.name))?,
                None => {
                    let size = proto.btf.size_of(param.type_id).unwrap_or(8).max(1);
                    vec![word(&[]); size.div_ceil(8) as usize]
                }
            };
            // A struct of more than two words, or without room in registers for all of it, is on the stack.
            if words.len() > 2 || used + words.len() > register_args(self.arch) {
                rest.extend(words);
                continue;
            }
            for word in words {
                regs.set_arg(used, word);
                used += 1;
            }
        }
        self.stack(regs, &rest)?;
        Ok(proto.params.iter().map(|it| it.name.clone()).collect())
    }

    /// Puts arguments on a stack, where the convention has them at a function's entry.
    fn stack(&mut self, regs: &mut Registers, words: &[u64]) -> Result<(), Refusal> {
        if words.is_empty() {
            return Ok(());
        }
        // x86 has the return address there first.
        let first = matches!(self.arch, Arch::X86_64).then_some(0u64);
        let bytes: Vec<u8> = first.iter().chain(words).flat_map(|it| it.to_le_bytes()).collect();
        let sp = self.put(&bytes, Side::Kernel, "stack")?;
        regs.set_sp(sp);
        Ok(())
    }

    /// What is said about registers themselves.
    fn overrides(&mut self, regs: &mut Registers) -> Result<(), Refusal> {
        if let Some(value) = self.args.take("ip") {
            regs.set_ip(self.untyped(&value, Side::Kernel)?);
        }
        if let Some(value) = self.args.take("sp") {
            regs.set_sp(self.untyped(&value, Side::Kernel)?);
        }
        if let Some(value) = self.args.take("regs") {
            let FieldValue::Fields(fields) = value else {
                return Err("regs: write registers by name: { rdi: 1, r12: 2 }".to_owned());
            };
            self.set_registers(regs, &fields)?;
        }
        Ok(())
    }

    /// Sets registers by their names.
    pub(super) fn set_registers(&mut self, regs: &mut Registers, fields: &Args) -> Result<(), Refusal> {
        for (name, value) in fields.iter() {
            let word = self.untyped(value, Side::Kernel).map_err(|why| format!("regs.{name}: {why}"))?;
            if !regs.set(name, word) {
                return Err(format!("there is no register {name:?}; there are {}", regs.names().join(", ")));
            }
        }
        Ok(())
    }

    /// The function that a probe of many fires at: `func`, or the first by name that matches the pattern.
    fn matched(&mut self, pattern: &str) -> Result<String, Refusal> {
        if let Some(func) = self.args.take("func") {
            return match func {
                FieldValue::Str(func) if matches(pattern, &func) => Ok(func),
                FieldValue::Str(func) => Err(format!("{func} does not match {pattern:?}")),
                _ => Err("func: the name of a function".to_owned()),
            };
        }
        let Some(btf) = self.btf.clone() else { return Ok(pattern.to_owned()) };
        let functions = btf.types().filter(|(_, ty)| ty.kind() == skep_btf::Kind::Func);
        let first = functions.map(|(_, ty)| btf.str(ty.name)).filter(|name| matches(pattern, name)).min();
        Ok(first.unwrap_or(pattern).to_owned())
    }

    /// Where a function of the kernel is. It is no memory that can be read.
    pub(super) fn address(&mut self, func: &str) -> u64 {
        self.kernel.core.symbols.address(func)
    }
}

/// Whether a name matches a pattern as libbpf has them (`glob_match`): `*` is any text, `?` any character.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go on after the last star, if what follows it does not match.
    let mut retry = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(c) if *c == b'?' || *c == name[n] => (p, n) = (p + 1, n + 1),
            _ => match retry {
                Some((star, at)) => {
                    retry = Some((star, at + 1));
                    (p, n) = (star + 1, at + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns_match_as_in_libbpf() {
        for (pattern, name, expected) in [
            ("tcp_*", "tcp_sendmsg", true),
            ("tcp_*", "udp_sendmsg", false),
            ("*send*", "tcp_sendmsg", true),
            ("*msg?", "tcp_sendmsg", false),
            ("tcp_sendms?", "tcp_sendmsg", true),
            ("a*b*c", "aXbYbZc", true),
            ("a", "ab", false),
            ("*", "", true),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
