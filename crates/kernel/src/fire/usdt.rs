//! User statically defined tracepoints, as libbpf has them: where the arguments of a probe are, is said by a map of the
//! program (`usdt.bpf.h`), which libbpf fills when it attaches the program. Here, firing does.

use super::place::Side;
use super::regs::{Arch, Registers, register_args};
use super::setup::Setup;
use super::{Firing, Refusal};
use crate::context::Context;
use skep_maps::{ObjRef, Side as MapSide};

/// The map of specifications, and the one that finds them by address where there are no cookies.
const SPECS: &str = "__bpf_usdt_specs";
const BY_IP: &str = "__bpf_usdt_ip_to_spec_id";

/// The most arguments of a probe (`BPF_USDT_MAX_ARG_CNT`).
const MAX_ARGS: usize = 12;

/// Where the fields of `struct __bpf_usdt_arg_spec` are: libbpf 1.7 made room for an index register.
struct SpecForm {
    size: usize,
    reg_off: usize,
}
const FORMS: [SpecForm; 2] = [SpecForm { size: 16, reg_off: 12 }, SpecForm { size: 24, reg_off: 14 }];

/// `BPF_USDT_ARG_REG` and `BPF_USDT_ARG_REG_DEREF`.
const REG: u8 = 1;
const REG_DEREF: u8 = 2;

/// Where the probe is.
const PROBE_IP: u64 = 0x40_2000;

/// A specification that is in every program's map: the first.
const SPEC_ID: u32 = 0;

impl Firing<'_, '_> {
    /// The registers at a probe, and the specification of its arguments in the program's maps: the first ones are in
    /// registers, the others on the stack. Names are the caller's own, the order counts.
    pub(super) fn usdt(&mut self) -> Result<Setup, Refusal> {
        let words = self.in_order(Side::User, None)?;
        if words.len() > MAX_ARGS {
            return Err(format!("a probe has up to {MAX_ARGS} arguments, not {}", words.len()));
        }
        let mut regs = Registers::new(self.arch, true);
        regs.set_ip(PROBE_IP);
        let in_regs = words.len().min(register_args(self.arch));
        words[..in_regs].iter().enumerate().for_each(|(index, word)| regs.set_arg(index, *word));
        let stack: Vec<u8> = words[in_regs..].iter().flat_map(|it| it.to_le_bytes()).collect();
        regs.set_sp(self.put(&stack, Side::User, "stack")?);
        self.fill_spec(words.len(), in_regs)?;
        Ok(Setup { entry: Some(PROBE_IP), usdt: true, ..Setup::from(Context::from(regs)) })
    }

    fn map_named(&self, name: &str) -> Option<ObjRef> {
        let maps = self.kernel.core.objects.prog(self.id)?.maps.clone();
        maps.into_iter()
            .find(|id| self.kernel.core.objects.map(*id).is_some_and(|it| it.map.spec().name == name))
    }

    /// Writes the specification, if the program has the maps: one that asks for no argument has none.
    fn fill_spec(&mut self, args: usize, in_regs: usize) -> Result<(), Refusal> {
        let Some(specs) = self.map_named(SPECS) else { return Ok(()) };
        let size = self.kernel.core.objects.map(specs).map_or(0, |it| it.map.spec().value_size as usize);
        let form = FORMS.iter().find(|it| it.size * MAX_ARGS + 16 == size);
        let form =
            form.ok_or_else(|| format!("{SPECS} has values of {size} bytes: none of libbpf's forms"))?;
        let mut spec = vec![0; size];
        for index in 0..args {
            let at = &mut spec[index * form.size..(index + 1) * form.size];
            let (kind, reg, offset) = match index.checked_sub(in_regs) {
                None => (REG, arg_offset(self.arch, index), 0),
                Some(behind) => (REG_DEREF, sp_offset(self.arch), behind as u64 * 8),
            };
            at[..8].copy_from_slice(&offset.to_le_bytes());
            at[8] = kind;
            at[form.reg_off..form.reg_off + 2].copy_from_slice(&reg.to_le_bytes());
        }
        let end = form.size * MAX_ARGS;
        spec[end..end + 8].copy_from_slice(&self.cookie.to_le_bytes());
        spec[end + 8..end + 10].copy_from_slice(&(args as u16).to_le_bytes());
        self.update(specs, &SPEC_ID.to_le_bytes(), &spec)?;
        if let Some(by_ip) = self.map_named(BY_IP) {
            self.update(by_ip, &PROBE_IP.to_le_bytes(), &SPEC_ID.to_le_bytes())?;
        }
        Ok(())
    }

    fn update(&mut self, map: ObjRef, key: &[u8], value: &[u8]) -> Result<(), Refusal> {
        let core = &mut self.kernel.core;
        let cx = skep_maps::Cx { memory: &self.kernel.memory, cpu: 0, cpus: core.cpus, seed: core.seed };
        let Some(object) = core.objects.map_mut(map) else { return Ok(()) };
        let name = object.map.spec().name.clone();
        let displaced = object
            .map
            .update(&cx, key, value, 0, MapSide::User)
            .map_err(|errno| format!("{name} cannot be filled: {errno}"))?;
        core.drop_displaced(displaced);
        Ok(())
    }
}

/// Where `struct pt_regs` has an argument register.
fn arg_offset(arch: Arch, index: usize) -> u16 {
    match arch {
        Arch::X86_64 => [112, 104, 96, 88, 72, 64].get(index).copied().unwrap_or(0),
        Arch::Arm64 => index as u16 * 8,
    }
}

/// Where it has the stack pointer.
fn sp_offset(arch: Arch) -> u16 {
    match arch {
        Arch::X86_64 => 152,
        Arch::Arm64 => 248,
    }
}
